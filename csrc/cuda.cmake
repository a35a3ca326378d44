# Decides whether the CUDA extension is built: sets SUFFICE_WITH_CUDA and, for the message at the
# end of the configuration, SUFFICE_CUDA_OUTCOME.

set(SUFFICE_WITH_CUDA OFF)
if(SUFFICE_CUDA STREQUAL "OFF")
  set(SUFFICE_CUDA_OUTCOME "off (SUFFICE_CUDA=OFF)")
  return()
elseif(NOT SUFFICE_CUDA MATCHES "^(AUTO|ON)$")
  message(FATAL_ERROR "SUFFICE_CUDA is ${SUFFICE_CUDA}; expected AUTO, ON or OFF")
endif()

include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  if(SUFFICE_CUDA STREQUAL "ON")
    message(
      FATAL_ERROR
        "SUFFICE_CUDA=ON, but no working CUDA compiler was found. Install the CUDA toolkit, put "
        "nvcc on the PATH or set CUDACXX to it, or build with SUFFICE_CUDA=OFF.")
  endif()
  set(SUFFICE_CUDA_OUTCOME "off (no working CUDA compiler was found)")
  return()
endif()

# What nobody asked otherwise: every architecture in use that this nvcc knows, and PTX of the last
# for those to come. Has to be known before the language is enabled.
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
  execute_process(
    COMMAND ${CMAKE_CUDA_COMPILER} --list-gpu-arch
    OUTPUT_VARIABLE known
    ERROR_QUIET)
  set(chosen "")
  foreach(architecture IN ITEMS 75 80 86 89 90 100 120)
    if(known MATCHES "compute_${architecture}(\n|$)")
      list(APPEND chosen ${architecture})
    endif()
  endforeach()
  if(chosen)
    list(TRANSFORM chosen APPEND "-real")
    list(POP_BACK chosen last)
    string(REPLACE "-real" "" last ${last})
    set(CMAKE_CUDA_ARCHITECTURES ${chosen} ${last}) # the last with neither suffix: code and PTX
  endif()
endif()

enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)
set(SUFFICE_WITH_CUDA ON)
string(REPLACE ";" " " architectures "${CMAKE_CUDA_ARCHITECTURES}")
set(SUFFICE_CUDA_OUTCOME
    "on (nvcc ${CMAKE_CUDA_COMPILER_VERSION}, architectures ${architectures})")
