# tools/headers.py makes headers of the modules, and sources that include them of those that import: the library has
# this form for compilers that cannot do modules (holdfast::headers). Without HOLDFAST_MODULE the programs here have it,
# too: for such compilers, and for sanitizers, because it takes a fraction of the time.

set(HOLDFAST_TWIN ${PROJECT_BINARY_DIR}/headers)

# Sets `result` to the files that are made of the given ones.
function(holdfast_twins result)
  set(mapped)
  foreach(file IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH file NORMALIZE)
    cmake_path(IS_PREFIX room_src "${file}" in_src)
    cmake_path(IS_PREFIX PROJECT_BINARY_DIR "${file}" generated)
    if(in_src)
      cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${room_src})
      cmake_path(APPEND HOLDFAST_TWIN src ${file} OUTPUT_VARIABLE file)
    elseif(NOT generated)
      cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
      cmake_path(APPEND HOLDFAST_TWIN ${file} OUTPUT_VARIABLE file)
    endif()
    list(APPEND mapped ${file})
  endforeach()
  set(${result} ${mapped} PARENT_SCOPE)
endfunction()

# The sources of a program: those given, or what is made of them.
function(holdfast_sources result)
  set(sources ${ARGN})
  if(NOT HOLDFAST_MODULE)
    holdfast_twins(sources ${ARGN})
  endif()
  set(${result} ${sources} PARENT_SCOPE)
endfunction()

# add_executable() for a program that imports our modules.
function(holdfast_program name)
  holdfast_sources(sources ${ARGN})
  add_executable(${name} ${sources})
endfunction()

# holdfast_precompile(target header …): the headers that all sources of a target begin with.
function(holdfast_precompile target)
  if(NOT HOLDFAST_MODULE)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()

# holdfast_precompiled(target as): those of another target, which is compiled with the same options.
function(holdfast_precompiled target as)
  if(NOT HOLDFAST_MODULE AND NOT target STREQUAL as)
    target_precompile_headers(${target} REUSE_FROM ${as})
  endif()
endfunction()

if(NOT HOLDFAST_HEADERS)
  return()
endif()

find_package(Python3 REQUIRED COMPONENTS Interpreter)
if(NOT HOLDFAST_MODULE)
  set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
endif()
set(twin_maker ${PROJECT_SOURCE_DIR}/tools/headers.py)
set(twin_originals ${room_src}/*pp ${room_src}/*.cppm ${PROJECT_SOURCE_DIR}/modules/*)
foreach(folder tests examples tool bench fuzz)
  list(APPEND twin_originals ${PROJECT_SOURCE_DIR}/${folder}/*pp)
endforeach()
file(GLOB_RECURSE twin_originals CONFIGURE_DEPENDS ${twin_originals})
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${twin_maker} ${twin_originals})
foreach(call "${HOLDFAST_TWIN}" "${HOLDFAST_TWIN}/installed;--installed")
  execute_process(COMMAND ${Python3_EXECUTABLE} ${twin_maker} --src ${room_src} ${PROJECT_SOURCE_DIR} ${call}
    RESULT_VARIABLE twin_failed ERROR_VARIABLE twin_problems)
  if(twin_failed)
    message(FATAL_ERROR "No headers can be made of the modules:\n${twin_problems}")
  endif()
endforeach()
