# The forms that the sources are compiled in. tools/assemble.py puts the units of each module into one, and the bodies of
# each folder into one, for import or as headers: one by one they take many times as long. For the header form, which
# compilers need that cannot do modules (holdfast::headers), it also copies the programs and replaces each import by an
# include; without HOLDFAST_MODULE the programs here are compiled so, which sanitizers and benchmarks use.
# HOLDFAST_PARTITIONS compiles the units as they are, for editors and for what names the sources by itself.

cmake_dependent_option(HOLDFAST_PARTITIONS "Compile each unit of the modules by itself" OFF HOLDFAST_MODULE OFF)

set(HOLDFAST_AS_MODULES ${PROJECT_BINARY_DIR}/modules)
set(HOLDFAST_AS_HEADERS ${PROJECT_BINARY_DIR}/headers)

# The sources of a program: those given, or what is made of them.
function(holdfast_sources result)
  set(sources ${ARGN})
  if(NOT HOLDFAST_MODULE)
    set(sources)
    foreach(file IN LISTS ARGN)
      cmake_path(ABSOLUTE_PATH file NORMALIZE)
      cmake_path(IS_PREFIX PROJECT_BINARY_DIR "${file}" generated)
      if(NOT generated)
        cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
        cmake_path(APPEND HOLDFAST_AS_HEADERS ${file} OUTPUT_VARIABLE file)
      endif()
      list(APPEND sources ${file})
    endforeach()
  endif()
  set(${result} ${sources} PARENT_SCOPE)
endfunction()

# add_executable() for a program that imports our modules. Programs are compiled more often than they run: for Debug the
# library alone is optimised, which takes off nearly half of the time that clang needs for them. Not under the thread
# sanitizer, which watches the programs' own accesses to memory, too: there they run for a quarter of an hour.
function(holdfast_program name)
  holdfast_sources(sources ${ARGN})
  add_executable(${name} ${sources})
  if(NOT HOLDFAST_SANITIZE STREQUAL "thread")
    target_compile_options(${name} PRIVATE $<$<CONFIG:Debug>:-O0>)
  endif()
endfunction()

set(HOLDFAST_SOURCES_PER_UNIT 10 CACHE STRING "How many sources of a program are compiled together")

# Sets `result` to files that include the sources given, a few each: most of the time to compile one goes into what it
# includes and imports. Names outside of namespaces, or of suites of tests, must not clash for it. Asio has to be whole
# before the first import, whichever source of a unit has that.
function(holdfast_gather result name)
  set(units)
  set(begin "#include <boost/asio.hpp>\n")
  set(text "${begin}")
  set(count 0)
  holdfast_sources(sources ${ARGN})
  list(LENGTH sources left)
  foreach(file IN LISTS sources)
    cmake_path(ABSOLUTE_PATH file)
    string(APPEND text "#include \"${file}\"\n")
    math(EXPR count "${count} + 1")
    math(EXPR left "${left} - 1")
    if(count EQUAL HOLDFAST_SOURCES_PER_UNIT OR left EQUAL 0)
      list(LENGTH units number)
      set(unit ${CMAKE_CURRENT_BINARY_DIR}/units/${name}_${number}.cpp)
      file(CONFIGURE OUTPUT ${unit} CONTENT "${text}" @ONLY)
      list(APPEND units ${unit})
      set(text "${begin}")
      set(count 0)
    endif()
  endforeach()
  set(${result} ${units} PARENT_SCOPE)
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

if(NOT HOLDFAST_MODULE)
  set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
endif()

find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(assembler ${PROJECT_SOURCE_DIR}/tools/assemble.py)
set(originals ${room_src}/*pp ${room_src}/*.cppm ${PROJECT_SOURCE_DIR}/modules/*)
if(HOLDFAST_HEADERS)
  foreach(folder tests examples tool bench fuzz)
    list(APPEND originals ${PROJECT_SOURCE_DIR}/${folder}/*pp)
  endforeach()
endif()
file(GLOB_RECURSE originals CONFIGURE_DEPENDS ${originals})
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${assembler} ${originals})

function(holdfast_assemble form out)
  foreach(call "${out}" "--installed;${out}/installed")
    list(POP_BACK call folder)
    execute_process(COMMAND ${Python3_EXECUTABLE} ${assembler} ${form} --src ${room_src} ${call} ${PROJECT_SOURCE_DIR} ${folder}
      RESULT_VARIABLE failed ERROR_VARIABLE problems)
    if(failed)
      message(FATAL_ERROR "The sources cannot be put together:\n${problems}")
    endif()
  endforeach()
endfunction()

if(HOLDFAST_MODULE AND NOT HOLDFAST_PARTITIONS)
  holdfast_assemble(modules ${HOLDFAST_AS_MODULES})
endif()
if(HOLDFAST_HEADERS)
  holdfast_assemble(headers ${HOLDFAST_AS_HEADERS})
endif()
