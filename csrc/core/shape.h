// Height and width of the pixel grid that masks, labels and maps are about.
#pragma once

#include <cstddef>

namespace suffice {

struct Shape {
  std::size_t height = 0;
  std::size_t width = 0;

  std::size_t pixels() const { return height * width; }
};

}  // namespace suffice
