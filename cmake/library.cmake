# The two libraries that are shipped: holdfast, with the modules holdfast, holdfast.wire and holdfast.v1 over
# holdfast.core, and holdfast.testing for programs that test their use of it. Each has two forms, with an archive of its
# own, because the names in a module are mangled with the module: holdfast::holdfast is imported, holdfast::headers is
# included. modules/ has the primary interface unit of each module; src/ has a folder for each floor (docs/architecture.md).

# What both modules and headers are compiled from: a source for each folder, see forms.cmake.
function(holdfast_bodies result assembled)
  file(GLOB bodies CONFIGURE_DEPENDS ${room_src}/*/*.cpp)
  set(found)
  foreach(body IN LISTS bodies)
    cmake_path(GET body PARENT_PATH folder)
    cmake_path(GET folder FILENAME folder)
    list(APPEND found ${assembled}/src/${folder}.cpp)
  endforeach()
  list(REMOVE_DUPLICATES found)
  list(REMOVE_ITEM found ${assembled}/src/nats.cpp)  # a library of its own
  set(${result} ${found} PARENT_SCOPE)
endfunction()

# What both forms share: holdfast_form(target exported archive source …).
function(holdfast_form target exported archive)
  add_library(${target} ${ARGN})
  add_library(holdfast::${exported} ALIAS ${target})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:holdfast_strict>)
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${exported} OUTPUT_NAME ${archive}
    POSITION_INDEPENDENT_CODE ON  # for shared libraries
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endfunction()

function(holdfast_links target)
  target_compile_definitions(${target} PRIVATE HOLDFAST_HAS_IDN=$<BOOL:${HOLDFAST_HAS_IDN}>)
  if(HOLDFAST_HAS_IDN)
    target_link_libraries(${target} PRIVATE IDN2::IDN2)
  endif()
  target_link_libraries(${target} PUBLIC Boost::headers Boost::json Boost::url OpenSSL::SSL OpenSSL::Crypto Threads::Threads
                        PRIVATE ZLIB::ZLIB)
endfunction()

set(HOLDFAST_FORMS)  # the libraries, without those of holdfast.testing

file(GLOB primary_units CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/modules/*.cppm)
if(HOLDFAST_PARTITIONS)
  set(module_dirs ${PROJECT_SOURCE_DIR}/modules ${room_src})
  file(GLOB units CONFIGURE_DEPENDS ${room_src}/*/*.cppm)
  list(APPEND units ${primary_units})
  file(GLOB bodies CONFIGURE_DEPENDS ${room_src}/*/*.cpp)
  file(GLOB nats_bodies CONFIGURE_DEPENDS ${room_src}/nats/*.cpp)
  list(REMOVE_ITEM bodies ${nats_bodies})
  file(GLOB testing_units CONFIGURE_DEPENDS ${room_src}/testing/*.cppm)
  list(APPEND testing_units ${PROJECT_SOURCE_DIR}/modules/holdfast.testing.cppm)
  file(GLOB testing_bodies CONFIGURE_DEPENDS ${room_src}/testing/*.cpp)
elseif(HOLDFAST_MODULE)
  set(module_dirs ${HOLDFAST_AS_MODULES}/modules)
  list(TRANSFORM primary_units REPLACE "^.*/" "${module_dirs}/" OUTPUT_VARIABLE units)
  holdfast_bodies(bodies ${HOLDFAST_AS_MODULES})
  set(testing_units ${module_dirs}/holdfast.testing.cppm)
  set(testing_bodies ${HOLDFAST_AS_MODULES}/src/testing.cpp)
  set(nats_bodies ${HOLDFAST_AS_MODULES}/src/nats.cpp)
endif()

if(HOLDFAST_MODULE)
  list(REMOVE_ITEM units ${testing_units})
  list(REMOVE_ITEM bodies ${testing_bodies})
  holdfast_form(holdfast holdfast holdfast_module ${bodies})
  target_sources(holdfast PUBLIC FILE_SET CXX_MODULES BASE_DIRS ${module_dirs} FILES ${units})
  holdfast_links(holdfast)

  holdfast_form(holdfast_testing testing holdfast_testing_module ${testing_bodies})
  target_sources(holdfast_testing PUBLIC FILE_SET CXX_MODULES BASE_DIRS ${module_dirs} FILES ${testing_units})
  target_link_libraries(holdfast_testing PUBLIC holdfast)
  list(APPEND HOLDFAST_FORMS holdfast)

  if(HOLDFAST_NATS)
    # Bodies of the module holdfast.fleet_core, whose interface is in holdfast: nobody links libnats who does not ask for it.
    holdfast_form(holdfast_nats nats holdfast_nats_module ${nats_bodies})
    target_link_libraries(holdfast_nats PUBLIC holdfast PRIVATE NATS::NATS)
    list(APPEND HOLDFAST_FORMS holdfast_nats)
  endif()
endif()

if(HOLDFAST_HEADERS)
  holdfast_bodies(bodies ${HOLDFAST_AS_HEADERS})
  set(testing_bodies ${HOLDFAST_AS_HEADERS}/src/testing.cpp)
  list(REMOVE_ITEM bodies ${testing_bodies})
  holdfast_form(holdfast_headers headers holdfast ${bodies})
  target_include_directories(holdfast_headers PUBLIC $<BUILD_INTERFACE:${HOLDFAST_AS_HEADERS}/include>)
  target_precompile_headers(holdfast_headers PRIVATE <holdfast/core.hpp>)
  holdfast_links(holdfast_headers)

  holdfast_form(holdfast_testing_headers testing_headers holdfast_testing ${testing_bodies})
  target_link_libraries(holdfast_testing_headers PUBLIC holdfast_headers)
  # The headers say what may be seen of a shared library.
  set_target_properties(holdfast_headers holdfast_testing_headers PROPERTIES CXX_SCAN_FOR_MODULES OFF
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  list(APPEND HOLDFAST_FORMS holdfast_headers)

  if(HOLDFAST_NATS)
    holdfast_form(holdfast_nats_headers nats_headers holdfast_nats ${HOLDFAST_AS_HEADERS}/src/nats.cpp)
    target_link_libraries(holdfast_nats_headers PUBLIC holdfast_headers PRIVATE NATS::NATS)
    set_target_properties(holdfast_nats_headers PROPERTIES CXX_SCAN_FOR_MODULES OFF
      CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    list(APPEND HOLDFAST_FORMS holdfast_nats_headers)
  endif()
endif()

# The form that the programs here use.
if(HOLDFAST_MODULE)
  set(HOLDFAST_LIBRARY holdfast::holdfast)
  set(HOLDFAST_TESTING holdfast::testing)
  set(HOLDFAST_NATS_LIBRARY holdfast::nats)
else()
  set(HOLDFAST_LIBRARY holdfast::headers)
  set(HOLDFAST_TESTING holdfast::testing_headers)
  set(HOLDFAST_NATS_LIBRARY holdfast::nats_headers)
endif()
