#include <algorithm>
#include <string>

#include "ops/leave_one_out/leave_one_out.h"

namespace suffice {

void leave_one_out(Span<const Word> mask, Span<const std::int32_t> pixels, Span<Word> masks) {
  SUFFICE_EXPECT(masks.size() == pixels.size() * mask.size(),
                 "leave_one_out: pixels and masks sizes disagree");
  Word* to = masks.begin();
  for (const std::int32_t pixel : pixels) {
    const auto i = static_cast<std::size_t>(pixel);
    SUFFICE_EXPECT(pixel >= 0 && i / kWordBits < mask.size(),
                   "leave_one_out: pixel " + std::to_string(pixel) + " is outside the mask");
    to = std::copy(mask.begin(), mask.end(), to);
    (to - mask.size())[i / kWordBits] &= ~(Word{1} << (i % kWordBits));
  }
}

}  // namespace suffice
