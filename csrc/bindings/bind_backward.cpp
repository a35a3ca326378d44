#include <algorithm>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "search/backward/backward_search.h"

namespace py = pybind11;

namespace suffice {

namespace {

BackwardSearch start(const Array<std::uint64_t>& mask, py::ssize_t n_pixels, py::ssize_t width) {
  return BackwardSearch(in(mask), to_size(n_pixels), to_size(width));
}

Array<std::uint64_t> ask(const BackwardSearch& search) {
  auto masks =
      make_array<std::uint64_t>({to_ssize(search.prepare_round()), to_ssize(search.n_words())});
  const auto to = out(masks);
  // Safe here and below: the spans' owners are held by this frame, and no Python object is touched
  // until `release` ends.
  py::gil_scoped_release release;
  search.write_round(to);
  return masks;
}

void tell(BackwardSearch& search, const Array<double>& values, const Array<std::uint8_t>& passing) {
  const auto v = in(values);
  const auto p = in(passing);
  py::gil_scoped_release release;
  search.tell(v, p);
}

template <class T>
Array<T> copied(Span<const T> from) {
  auto array = make_array<T>({to_ssize(from.size())});
  std::copy(from.begin(), from.end(), out(array).begin());
  return array;
}

}  // namespace

void bind_backward(py::module_& m) {
  py::class_<BackwardSearch>(m, "BackwardSearch")
      .def(py::init(&start), py::arg("start").noconvert(), py::arg("n_pixels"), py::arg("width"))
      .def("ask", &ask, "the round's masks, packed uint64 [M, words]; M = 0 when it is over")
      .def("tell", &tell, py::arg("values").noconvert(), py::arg("passing").noconvert(),
           "float64 and uint8 [M], outcomes of the whole round, in ask order")
      .def_property_readonly("remaining", &BackwardSearch::remaining, "pixels still kept")
      .def(
          "order", [](const BackwardSearch& s) { return copied(s.order()); },
          "int32 [n], pixels in the order they were dropped")
      .def(
          "values", [](const BackwardSearch& s) { return copied(s.values()); },
          "float64 [n], value of what was left after each")
      .def(
          "passing", [](const BackwardSearch& s) { return copied(s.passing()); },
          "uint8 [n], whether what was left after each passed");
}

}  // namespace suffice
