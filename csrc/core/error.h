// Preconditions throw std::invalid_argument (ValueError in Python) with file and line.
#pragma once

#include <stdexcept>
#include <string>

namespace suffice {

[[noreturn]] inline void fail_precondition(const char* file, int line, const std::string& what) {
  throw std::invalid_argument(what + " [" + file + ":" + std::to_string(line) + "]");
}

}  // namespace suffice

#define SUFFICE_EXPECT(condition, message)                       \
  do {                                                           \
    if (!(condition)) {                                          \
      ::suffice::fail_precondition(__FILE__, __LINE__, message); \
    }                                                            \
  } while (false)
