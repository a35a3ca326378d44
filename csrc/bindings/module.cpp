#include <pybind11/pybind11.h>

#include "bindings/bindings.h"

PYBIND11_MODULE(_core, m) {
  m.doc() = "Compiled core of suffice. Use it through suffice._native, which checks arguments.";
  suffice::bind_masks(m);
  suffice::bind_rex(m);
}
