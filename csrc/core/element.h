// Types of the elements of device arrays that hold real numbers.
#pragma once

namespace suffice {

enum class Element { kFloat32, kFloat16, kBfloat16 };

}  // namespace suffice
