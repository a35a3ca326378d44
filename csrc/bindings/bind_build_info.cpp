#include <pybind11/typing.h>

#include <string>

#include "bindings/bindings.h"

namespace py = pybind11;

namespace suffice {

namespace {

std::string compiler() {
#if defined(__clang__)
  return "Clang " __clang_version__;
#elif defined(__GNUC__)
  return "GCC " __VERSION__;
#elif defined(_MSC_VER)
  return "MSVC " + std::to_string(_MSC_VER);
#else
  return "unknown";
#endif
}

using Info = py::typing::Dict<py::str, py::object>;

Info build_info() {
  Info info;
  info["compiler"] = py::str(compiler());
  info["standard"] = py::str("C++" + std::to_string(__cplusplus / 100 % 100));
  info["cuda"] = py::bool_(SUFFICE_BUILT_WITH_CUDA != 0);
  info["sanitize"] = py::str(SUFFICE_BUILT_WITH_SANITIZERS);
  return info;
}

}  // namespace

void bind_build_info(py::module_& m) {
  m.def("build_info", &build_info,
        "What was compiled in: compiler, standard, cuda (bool), sanitize (text, may be empty)");
}

}  // namespace suffice
