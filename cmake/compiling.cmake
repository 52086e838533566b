# How everything here is compiled: C++20 with modules; strict in developer mode; under sanitizers if asked.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES ON)

# Compile options that belong to the project, not to whoever uses it.
add_library(holdfast_strict INTERFACE)
if(HOLDFAST_DEVELOPER_MODE)
  target_compile_options(holdfast_strict INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Of coroutines it is wrong in two ways: it takes their frames for types that several sources define, and does not see
    # that Asio's operators new and delete of a frame belong together. Of strings and of std::optional it is wrong in GCC 12
    # (its bugs 105651 and 80635).
    # And it counts a variable that is named like a type as a shadow.
    target_compile_options(holdfast_strict INTERFACE -Wno-subobject-linkage -Wno-mismatched-new-delete -Wno-restrict
      -Wno-array-bounds -Wno-stringop-overflow -Wno-maybe-uninitialized -Wno-shadow -Wshadow=compatible-local)
  endif()
endif()

if(HOLDFAST_SANITIZE)
  add_compile_options(-fsanitize=${HOLDFAST_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${HOLDFAST_SANITIZE})
endif()

if(HOLDFAST_COVERAGE)
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()

if(HOLDFAST_BUILD_FUZZERS)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
