#pragma once
#include <string>

/// `number` (1 to 3999) in Roman numerals; empty for anything else.
std::string to_roman(int number);
