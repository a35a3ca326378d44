#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "ops/ranking/ranking.h"

namespace py = pybind11;

namespace suffice {

namespace {

Array<std::int32_t> rank_pixels(const Array<float>& values, bool ties_last) {
  auto order = make_array<std::int32_t>({values.size()});
  const auto from = in(values);
  const auto to = out(order);
  const Ties ties = ties_last ? Ties::kLast : Ties::kFirst;
  // Safe here and below: the spans' owners are held by this frame, and no Python object is touched
  // until `release` ends.
  py::gil_scoped_release release;
  rank(from, ties, to);
  return order;
}

Array<std::uint64_t> prefixes(const Array<std::int32_t>& order, const Array<std::int64_t>& lengths,
                              py::ssize_t n_pixels) {
  const std::size_t pixels = to_size(n_pixels);
  auto masks = make_array<std::uint64_t>({lengths.size(), to_ssize(words_for(pixels))});
  const auto order_in = in(order);
  const auto lengths_in = in(lengths);
  const auto to = out(masks);
  py::gil_scoped_release release;
  prefix_masks(order_in, lengths_in, pixels, to);
  return masks;
}

}  // namespace

void bind_ranking(py::module_& m) {
  m.def("rank", &rank_pixels, py::arg("values").noconvert(), py::arg("ties_last"),
        "values float32 -> pixel indices int32 [P] by falling value");
  m.def("prefix_masks", &prefixes, py::arg("order").noconvert(), py::arg("lengths").noconvert(),
        py::arg("n_pixels"), "order int32 [L], lengths int64 [M] -> packed uint64 [M, words]");
}

}  // namespace suffice
