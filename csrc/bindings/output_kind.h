// Names of OutputKind at the boundary.
#pragma once

#include <string>

#include "core/error.h"
#include "ops/scores/scores.h"

namespace suffice {

inline OutputKind parse_kind(const std::string& kind) {
  if (kind == "logits") return OutputKind::kLogits;
  if (kind == "probabilities") return OutputKind::kProbabilities;
  SUFFICE_EXPECT(kind == "multilabel",
                 "expected output kind logits, probabilities or multilabel, got " + kind);
  return OutputKind::kMultilabel;
}

}  // namespace suffice
