#include <iostream>

#include "roman.h"

int main() {
  const struct {
    int number;
    const char* want;
  } cases[] = {{1, "I"}, {4, "IV"}, {9, "IX"}, {40, "XL"}, {1984, "MCMLXXXIV"}, {3999, "MMMCMXCIX"}, {0, ""}, {4000, ""}};
  int failed = 0;
  for (const auto& c : cases) {
    if (to_roman(c.number) == c.want) continue;
    std::cerr << c.number << ": " << to_roman(c.number) << ", not " << c.want << '\n';
    failed = 1;
  }
  return failed;
}
