#include <string>
#include <tuple>
#include <utility>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/output_kind.h"
#include "ops/scores/scores.h"

namespace py = pybind11;

namespace suffice {

namespace {

using Columns = std::tuple<std::int64_t, Array<std::int32_t>, Array<double>, Array<double>,
                           Array<double>, Array<double>, Array<std::uint8_t>>;

Columns decide_rows(const Array<float>& scores, const Array<std::int32_t>& targets,
                    const std::string& output_kind) {
  const OutputKind kind = parse_kind(output_kind);
  const auto n = targets.size();
  auto top1 = make_array<std::int32_t>({n});
  auto top1_confidence = make_array<double>({n});
  auto confidence = make_array<double>({n});
  auto lead = make_array<double>({n});
  auto log_odds = make_array<double>({n});
  auto wins_tie = make_array<std::uint8_t>({n});
  const DecisionSpans to{out(top1), out(top1_confidence), out(confidence),
                         out(lead), out(log_odds),        out(wins_tie)};
  const auto scores_in = in(scores);
  const auto targets_in = in(targets);
  const auto n_classes = static_cast<std::size_t>(scores.shape(1));
  std::int64_t bad_row = -1;
  {
    // Safe: the spans' owners are held by this frame, and no Python object is touched in here.
    py::gil_scoped_release release;
    bad_row = decide(scores_in, n_classes, targets_in, kind, to);
  }
  return {bad_row,         std::move(top1),     std::move(top1_confidence), std::move(confidence),
          std::move(lead), std::move(log_odds), std::move(wins_tie)};
}

}  // namespace

void bind_scores(py::module_& m) {
  m.def("decide", &decide_rows, py::arg("scores").noconvert(), py::arg("targets").noconvert(),
        py::arg("output_kind"),
        "scores float32 [N, K], targets int32 [N] -> (first unusable row or -1, top1, "
        "top1_confidence, confidence, lead, log_odds, wins_tie)");
}

}  // namespace suffice
