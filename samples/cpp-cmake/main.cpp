#include <cstdlib>
#include <iostream>

#include "roman.h"

int main(int argc, char** argv) {
  const std::string roman = argc == 2 ? to_roman(std::atoi(argv[1])) : "";
  if (roman.empty()) {
    std::cerr << "usage: roman NUMBER (1 to 3999)\n";
    return 2;
  }
  std::cout << roman << '\n';
}
