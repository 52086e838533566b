# With HOLDFAST_PLANTED_BUGS the library is built from a copy of src/ that contains the bugs of tests/sim/mutants/, for
# the explorer to switch on one at a time. An edit that no longer matches its source fails the configuration.

set(room_src ${PROJECT_SOURCE_DIR}/src)  # what library.cmake builds
if(NOT HOLDFAST_PLANTED_BUGS)
  return()
endif()

find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(room_src ${PROJECT_BINARY_DIR}/mutated_src)
set(planter ${PROJECT_SOURCE_DIR}/tests/sim/apply_mutants.py)
file(GLOB_RECURSE originals CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*)
file(GLOB edits CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/sim/mutants/*.edit)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${planter} ${originals} ${edits})

execute_process(
  COMMAND ${Python3_EXECUTABLE} ${planter} ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests/sim/mutants ${room_src}
  RESULT_VARIABLE failed ERROR_VARIABLE problems)
if(failed)
  message(FATAL_ERROR "The bugs of tests/sim/mutants cannot be planted:\n${problems}")
endif()

add_compile_definitions(HOLDFAST_PLANTED_BUGS)
target_include_directories(holdfast_strict INTERFACE ${room_src})  # for the generated planted_bugs.hpp
