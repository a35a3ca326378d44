// One bind_ function per family of native operations.
#pragma once

#include <pybind11/pybind11.h>

namespace suffice {

void bind_build_info(pybind11::module_& m);
void bind_masks(pybind11::module_& m);
void bind_regions(pybind11::module_& m);
void bind_compose(pybind11::module_& m);
void bind_responsibility(pybind11::module_& m);
void bind_ranking(pybind11::module_& m);
void bind_scores(pybind11::module_& m);
void bind_rex(pybind11::module_& m);
void bind_backward(pybind11::module_& m);

}  // namespace suffice
