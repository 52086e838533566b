# The two libraries that are shipped: holdfast, with the modules holdfast, holdfast.wire and holdfast.v1 over
# holdfast.core, and holdfast.testing for programs that test their use of it. Each has two forms, with an archive of its
# own, because the names in a module are mangled with the module: holdfast::holdfast is imported, holdfast::headers is
# included. modules/ has the primary interface unit of each module; src/ has a folder for each floor (docs/architecture.md).

file(GLOB primary_units CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/modules/*.cppm)
list(REMOVE_ITEM primary_units ${PROJECT_SOURCE_DIR}/modules/holdfast.testing.cppm)
file(GLOB units CONFIGURE_DEPENDS ${room_src}/*/*.cppm)
file(GLOB bodies CONFIGURE_DEPENDS ${room_src}/*/*.cpp)
file(GLOB testing_units CONFIGURE_DEPENDS ${room_src}/testing/*.cppm)
file(GLOB testing_bodies CONFIGURE_DEPENDS ${room_src}/testing/*.cpp)
list(REMOVE_ITEM units ${testing_units})
list(REMOVE_ITEM bodies ${testing_bodies})

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

if(HOLDFAST_MODULE)
  set(module_dirs BASE_DIRS ${PROJECT_SOURCE_DIR}/modules ${room_src})
  holdfast_form(holdfast holdfast holdfast_module ${bodies})
  target_sources(holdfast PUBLIC FILE_SET CXX_MODULES ${module_dirs} FILES ${primary_units} ${units})
  holdfast_links(holdfast)

  holdfast_form(holdfast_testing testing holdfast_testing_module ${testing_bodies})
  target_sources(holdfast_testing PUBLIC FILE_SET CXX_MODULES ${module_dirs} FILES
    ${PROJECT_SOURCE_DIR}/modules/holdfast.testing.cppm ${testing_units})
  target_link_libraries(holdfast_testing PUBLIC holdfast)
  list(APPEND HOLDFAST_FORMS holdfast)
endif()

if(HOLDFAST_HEADERS)
  holdfast_twins(bodies ${bodies})
  holdfast_form(holdfast_headers headers holdfast ${bodies})
  target_include_directories(holdfast_headers PUBLIC $<BUILD_INTERFACE:${HOLDFAST_TWIN}/include>)
  target_precompile_headers(holdfast_headers PRIVATE <holdfast/core.hpp>)
  holdfast_links(holdfast_headers)

  holdfast_twins(testing_bodies ${testing_bodies})
  holdfast_form(holdfast_testing_headers testing_headers holdfast_testing ${testing_bodies})
  target_precompile_headers(holdfast_testing_headers PRIVATE <holdfast/testing.hpp>)
  target_link_libraries(holdfast_testing_headers PUBLIC holdfast_headers)
  # The headers say what may be seen of a shared library.
  set_target_properties(holdfast_headers holdfast_testing_headers PROPERTIES CXX_SCAN_FOR_MODULES OFF
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  # Several bodies at a time: most of what each of them costs is the same templates of Asio.
  set_target_properties(holdfast_headers holdfast_testing_headers PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
  list(APPEND HOLDFAST_FORMS holdfast_headers)
endif()

# The form that the programs here use.
if(HOLDFAST_MODULE)
  set(HOLDFAST_LIBRARY holdfast::holdfast)
  set(HOLDFAST_TESTING holdfast::testing)
else()
  set(HOLDFAST_LIBRARY holdfast::headers)
  set(HOLDFAST_TESTING holdfast::testing_headers)
endif()
