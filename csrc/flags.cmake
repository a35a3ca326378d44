# Flags shared by every native target.

add_library(suffice_flags INTERFACE)
target_include_directories(suffice_flags INTERFACE ${CMAKE_CURRENT_SOURCE_DIR}/csrc)

if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  # Bits must not depend on the compiler's mood: no fused multiply-add, never -ffast-math.
  target_compile_options(
    suffice_flags
    INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off
              -Wall
              -Wextra
              -Wpedantic
              -Wconversion
              -Wsign-conversion
              -Wshadow>)
  if(SUFFICE_WERROR)
    target_compile_options(suffice_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
  endif()
  if(SUFFICE_SANITIZE)
    target_compile_options(
      suffice_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${SUFFICE_SANITIZE}
                              -fno-omit-frame-pointer -fno-sanitize-recover=all -g>)
    target_link_options(suffice_flags INTERFACE -fsanitize=${SUFFICE_SANITIZE})
  endif()
elseif(MSVC)
  target_compile_options(suffice_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:/W4 /fp:precise>)
endif()
