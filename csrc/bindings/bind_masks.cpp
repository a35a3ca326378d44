#include <tuple>
#include <utility>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "core/packed_mask.h"
#include "ops/mask_metrics/mask_metrics.h"

namespace py = pybind11;

namespace suffice {

namespace {

Array<std::uint64_t> pack(const Array<std::uint8_t>& keep) {
  const auto n_pixels = static_cast<std::size_t>(keep.shape(1));
  auto packed =
      make_array<std::uint64_t>({keep.shape(0), static_cast<py::ssize_t>(words_for(n_pixels))});
  const auto from = in(keep);
  const auto to = out(packed);
  // Safe here and below: the spans' owners are held by this frame, and no Python object is touched
  // until `release` ends.
  py::gil_scoped_release release;
  pack_masks(from, n_pixels, to);
  return packed;
}

Array<std::uint8_t> unpack(const Array<std::uint64_t>& packed, py::ssize_t n_pixels) {
  auto keep = make_array<std::uint8_t>({packed.shape(0), n_pixels});
  const auto from = in(packed);
  const auto to = out(keep);
  py::gil_scoped_release release;
  unpack_masks(from, static_cast<std::size_t>(n_pixels), to);
  return keep;
}

Array<std::int64_t> count(const Array<std::uint64_t>& packed) {
  auto counts = make_array<std::int64_t>({packed.shape(0)});
  const auto from = in(packed);
  const auto to = out(counts);
  const auto n_words = static_cast<std::size_t>(packed.shape(1));
  py::gil_scoped_release release;
  count_masks(from, n_words, to);
  return counts;
}

Array<std::uint64_t> digest(const Array<std::uint64_t>& packed) {
  auto digests = make_array<std::uint64_t>({packed.shape(0), 2});
  const auto from = in(packed);
  const auto to = out(digests);
  const auto n_words = static_cast<std::size_t>(packed.shape(1));
  py::gil_scoped_release release;
  hash_masks(from, n_words, to);
  return digests;
}

Array<double> dice_matrix(const Array<std::uint64_t>& packed) {
  auto matrix = make_array<double>({packed.shape(0), packed.shape(0)});
  const auto from = in(packed);
  const auto to = out(matrix);
  const auto n_words = static_cast<std::size_t>(packed.shape(1));
  py::gil_scoped_release release;
  dice(from, n_words, to);
  return matrix;
}

Array<std::int32_t> distances(const Array<std::uint64_t>& packed, py::ssize_t height,
                              py::ssize_t width, py::ssize_t threads) {
  auto squares = make_array<std::int32_t>({packed.shape(0), height, width});
  const auto from = in(packed);
  const auto to = out(squares);
  const Shape shape = to_shape(height, width);
  py::gil_scoped_release release;
  squared_distances(from, shape, to_size(threads), to);
  return squares;
}

Array<std::int32_t> hausdorff_matrix(const Array<std::uint64_t>& packed, py::ssize_t height,
                                     py::ssize_t width, double percent, py::ssize_t threads) {
  auto matrix = make_array<std::int32_t>({packed.shape(0), packed.shape(0)});
  const auto from = in(packed);
  const auto to = out(matrix);
  const Shape shape = to_shape(height, width);
  py::gil_scoped_release release;
  directed_hausdorff(from, shape, percent, to_size(threads), to);
  return matrix;
}

std::tuple<Array<std::int32_t>, Array<std::int32_t>> label_components(
    const Array<std::uint64_t>& packed, py::ssize_t height, py::ssize_t width, bool corners,
    py::ssize_t threads) {
  auto labels = make_array<std::int32_t>({packed.shape(0), height, width});
  auto counts = make_array<std::int32_t>({packed.shape(0)});
  const auto from = in(packed);
  const auto to_labels = out(labels);
  const auto to_counts = out(counts);
  const Shape shape = to_shape(height, width);
  const Neighbours neighbours = corners ? Neighbours::kEight : Neighbours::kFour;
  {
    py::gil_scoped_release release;
    components(from, shape, neighbours, to_size(threads), to_labels, to_counts);
  }
  return {std::move(labels), std::move(counts)};
}

}  // namespace

void bind_masks(py::module_& m) {
  m.def("pack_masks", &pack, py::arg("keep").noconvert(),
        "keep uint8 [M, P] -> packed uint64 [M, ceil(P/64)]");
  m.def("unpack_masks", &unpack, py::arg("packed").noconvert(), py::arg("n_pixels"),
        "packed uint64 [M, ceil(P/64)] -> uint8 [M, P]");
  m.def("count_masks", &count, py::arg("packed").noconvert(),
        "kept pixels of each mask, int64 [M]");
  m.def("hash_masks", &digest, py::arg("packed").noconvert(), "128-bit hashes, uint64 [M, 2]");
  m.def("dice", &dice_matrix, py::arg("packed").noconvert(),
        "Dice coefficient of every pair, float64 [M, M]");
  m.def("squared_distances", &distances, py::arg("packed").noconvert(), py::arg("height"),
        py::arg("width"), py::arg("threads"),
        "squared distance of each pixel to the nearest kept one, int32 [M, H, W]; -1: none is");
  m.def("directed_hausdorff", &hausdorff_matrix, py::arg("packed").noconvert(), py::arg("height"),
        py::arg("width"), py::arg("percent"), py::arg("threads"),
        "squared directed Hausdorff distances, int32 [M, M]; -1: to an empty mask");
  m.def("components", &label_components, py::arg("packed").noconvert(), py::arg("height"),
        py::arg("width"), py::arg("corners"), py::arg("threads"),
        "(labels int32 [M, H, W], counts int32 [M])");
}

}  // namespace suffice
