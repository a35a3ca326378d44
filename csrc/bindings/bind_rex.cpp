#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "core/philox.h"
#include "search/rex/rex_search.h"

namespace py = pybind11;

namespace suffice {

namespace {

using rex::RexSearch;
using rex::Settings;

Array<std::uint64_t> philox(std::uint64_t seed, std::uint64_t image_key,
                            const Array<std::uint64_t>& counters) {
  SUFFICE_EXPECT(counters.ndim() == 2 && counters.shape(1) == 4, "counters must be [N, 4]");
  auto words = make_array<std::uint64_t>({counters.shape(0), 4});
  const auto from = in(counters);
  const auto to = out(words);
  // Safe: the spans' owners are held by this frame and no Python object is touched below.
  py::gil_scoped_release release;
  for (std::size_t i = 0; i + 4 <= from.size(); i += 4) {
    const auto block =
        philox4x64({seed, image_key}, {from[i], from[i + 1], from[i + 2], from[i + 3]});
    std::copy(block.begin(), block.end(), to.begin() + i);
  }
  return words;
}

Array<std::uint64_t> ask(RexSearch& search) {
  std::size_t n = 0;
  {
    py::gil_scoped_release release;
    n = search.prepare_round();
  }
  auto masks = make_array<std::uint64_t>(
      {static_cast<py::ssize_t>(n), static_cast<py::ssize_t>(search.n_words())});
  const auto to = out(masks);
  py::gil_scoped_release release;
  std::fill(to.begin(), to.end(), Word{0});
  search.write_round(to);
  return masks;
}

void tell(RexSearch& search, const Array<std::int32_t>& top1, const Array<double>& top1_confidence,
          const Array<std::uint8_t>& passing) {
  const auto labels = in(top1);
  const auto confidences = in(top1_confidence);
  const auto flags = in(passing);
  py::gil_scoped_release release;
  search.tell(labels, confidences, flags);
}

Array<float> responsibility(const RexSearch& search, std::int32_t target, py::ssize_t height,
                            py::ssize_t width) {
  auto map = make_array<float>({height, width});
  const auto to = out(map);
  py::gil_scoped_release release;
  search.responsibility(target, to);
  return map;
}

void inject_splits(RexSearch& search, std::size_t iteration, const Array<std::uint64_t>& paths,
                   const Array<std::int64_t>& positions) {
  SUFFICE_EXPECT(paths.size() == positions.size(), "paths and positions differ in length");
  rex::InjectedSplits splits;
  for (py::ssize_t i = 0; i < paths.size(); ++i) splits[paths.data()[i]] = positions.data()[i];
  search.inject_splits(iteration, std::move(splits));
}

// One row per iteration: depth, evaluations, passing, splits, levels.
Array<std::int64_t> statistics(const RexSearch& search) {
  const auto all = search.statistics();
  auto table = make_array<std::int64_t>({static_cast<py::ssize_t>(all.size()), 5});
  std::int64_t* row = table.mutable_data();
  for (const auto& s : all) {
    for (const std::int64_t value : {s.depth, s.evaluations, s.passing, s.splits, s.levels}) {
      *row++ = value;
    }
  }
  return table;
}

void bind_enums(py::module_& m) {
  py::enum_<Distribution>(m, "RexDistribution")
      .value("uniform", Distribution::kUniform)
      .value("binom", Distribution::kBinom)
      .value("betabinom", Distribution::kBetaBinom)
      .value("adaptive", Distribution::kAdaptive);
  py::enum_<rex::Queue>(m, "RexQueue")
      .value("area", rex::Queue::kArea)
      .value("intersection", rex::Queue::kIntersection)
      .value("all", rex::Queue::kAll)
      .value("dc", rex::Queue::kDc);
  py::enum_<rex::Statics>(m, "RexStatics")
      .value("carry", rex::Statics::kCarry)
      .value("drop", rex::Statics::kDrop);
  py::enum_<rex::Survivors>(m, "RexSurvivors")
      .value("merge", rex::Survivors::kMerge)
      .value("last", rex::Survivors::kLast);
  py::enum_<rex::Responsibility>(m, "RexResponsibility")
      .value("rex", rex::Responsibility::kRex)
      .value("contingency", rex::Responsibility::kContingency)
      .value("deepcover", rex::Responsibility::kDeepCover);
  py::enum_<rex::Merge>(m, "RexMerge")
      .value("multiplicative", rex::Merge::kMultiplicative)
      .value("additive", rex::Merge::kAdditive);
}

void bind_settings(py::module_& m) {
  py::class_<Settings>(m, "RexSettings")
      .def(py::init<>())
      .def_readwrite("iterations", &Settings::iterations)
      .def_readwrite("tree_depth", &Settings::tree_depth)
      .def_readwrite("min_box_size", &Settings::min_box_size)
      .def_readwrite("distribution", &Settings::distribution)
      .def_readwrite("alpha", &Settings::alpha)
      .def_readwrite("beta", &Settings::beta)
      .def_readwrite("adaptive_block", &Settings::adaptive_block)
      .def_readwrite("queue", &Settings::queue)
      .def_readwrite("queue_len", &Settings::queue_len)
      .def_readwrite("search_limit", &Settings::search_limit)
      .def_readwrite("statics", &Settings::statics)
      .def_readwrite("survivors", &Settings::survivors)
      .def_readwrite("responsibility", &Settings::responsibility)
      .def_readwrite("weighted", &Settings::weighted)
      .def_readwrite("concentrate", &Settings::concentrate)
      .def_readwrite("merge", &Settings::merge)
      .def_readwrite("negative", &Settings::negative)
      .def_readwrite("compat", &Settings::compat);
}

}  // namespace

void bind_rex(py::module_& m) {
  m.def("philox4x64", &philox, py::arg("seed"), py::arg("image_key"),
        py::arg("counters").noconvert(), "counters uint64 [N, 4] -> words uint64 [N, 4]");
  bind_enums(m);
  bind_settings(m);
  py::class_<RexSearch>(m, "RexSearch")
      .def(py::init<std::int32_t, std::int32_t, std::int32_t, const Settings&, std::uint64_t,
                    std::uint64_t>(),
           py::arg("height"), py::arg("width"), py::arg("target"), py::arg("settings"),
           py::arg("seed"), py::arg("image_key"))
      .def("ask", &ask, "the round's masks, packed uint64 [M, words]; M = 0 when it is over")
      .def("tell", &tell, py::arg("top1").noconvert(), py::arg("top1_confidence").noconvert(),
           py::arg("passing").noconvert(), "outcomes of the whole round, in ask order")
      .def("responsibility", &responsibility, py::arg("target"), py::arg("height"),
           py::arg("width"), "float32 [height, width]")
      .def("has_credit", &RexSearch::has_credit, py::arg("target"))
      .def("inject_splits", &inject_splits, py::arg("iteration"), py::arg("paths").noconvert(),
           py::arg("positions").noconvert())
      .def("queue_names", &RexSearch::queue_names, py::arg("iteration"))
      .def("set_queue_order", &RexSearch::set_queue_order, py::arg("iteration"), py::arg("names"))
      .def("statistics", &statistics,
           "int64 [iterations, 5]: depth, evaluations, passing, splits, levels");
}

}  // namespace suffice
