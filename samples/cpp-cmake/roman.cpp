#include "roman.h"

std::string to_roman(int number) {
  static const struct {
    int value;
    const char* numeral;
  } kSteps[] = {{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"},
                {40, "XL"},  {10, "X"},   {9, "IX"},  {5, "V"},    {4, "IV"},  {1, "I"}};
  std::string roman;
  if (number < 1 || number > 3999) return roman;
  for (const auto& step : kSteps)
    for (; number >= step.value; number -= step.value) roman += step.numeral;
  return roman;
}
