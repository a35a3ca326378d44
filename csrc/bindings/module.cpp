#include <pybind11/pybind11.h>

#include "bindings/bindings.h"

PYBIND11_MODULE(_core, m) {
  m.doc() = "Compiled core of suffice. Use it through suffice._native, which checks arguments.";
  suffice::bind_build_info(m);
  suffice::bind_masks(m);
  suffice::bind_regions(m);
  suffice::bind_compose(m);
  suffice::bind_responsibility(m);
  suffice::bind_ranking(m);
  suffice::bind_scores(m);
  suffice::bind_rex(m);
  suffice::bind_backward(m);
}
