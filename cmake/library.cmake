# The two libraries that are shipped: holdfast, with the modules holdfast, holdfast.wire and holdfast.v1 over
# holdfast.core, and holdfast.testing for programs that test their use of it. modules/ has the primary interface unit of
# each module; src/ has a folder for each floor (docs/architecture.md).

set(room ${PROJECT_SOURCE_DIR})
file(GLOB primary_units CONFIGURE_DEPENDS ${room}/modules/*.cppm)
list(REMOVE_ITEM primary_units ${room}/modules/holdfast.testing.cppm)
file(GLOB units CONFIGURE_DEPENDS ${room_src}/*/*.cppm)
file(GLOB bodies CONFIGURE_DEPENDS ${room_src}/*/*.cpp)
file(GLOB testing_units CONFIGURE_DEPENDS ${room_src}/testing/*.cppm)
file(GLOB testing_bodies CONFIGURE_DEPENDS ${room_src}/testing/*.cpp)
list(REMOVE_ITEM units ${testing_units})
list(REMOVE_ITEM bodies ${testing_bodies})

add_library(holdfast)
add_library(holdfast::holdfast ALIAS holdfast)
holdfast_sources(bodies ${bodies})
target_sources(holdfast PRIVATE ${bodies})
if(HOLDFAST_MODULE)
  target_sources(holdfast PUBLIC FILE_SET CXX_MODULES BASE_DIRS ${room}/modules ${room_src} FILES ${primary_units} ${units})
else()
  target_include_directories(holdfast PUBLIC $<BUILD_INTERFACE:${HOLDFAST_TWIN}/include>)
endif()
holdfast_precompile(holdfast <holdfast/core.hpp>)
target_compile_definitions(holdfast PRIVATE HOLDFAST_HAS_IDN=$<BOOL:${HOLDFAST_HAS_IDN}>)
if(HOLDFAST_HAS_IDN)
  target_link_libraries(holdfast PRIVATE IDN2::IDN2)
endif()
target_compile_features(holdfast PUBLIC cxx_std_20)
target_link_libraries(holdfast PUBLIC Boost::headers Boost::json Boost::url OpenSSL::SSL OpenSSL::Crypto Threads::Threads
                      PRIVATE ZLIB::ZLIB $<BUILD_INTERFACE:holdfast_strict>)
set_target_properties(holdfast PROPERTIES EXPORT_NAME holdfast POSITION_INDEPENDENT_CODE ON)  # for shared libraries

add_library(holdfast_testing)
add_library(holdfast::testing ALIAS holdfast_testing)
holdfast_sources(testing_bodies ${testing_bodies})
target_sources(holdfast_testing PRIVATE ${testing_bodies})
if(HOLDFAST_MODULE)
  target_sources(holdfast_testing PUBLIC FILE_SET CXX_MODULES BASE_DIRS ${room}/modules ${room_src} FILES
    ${room}/modules/holdfast.testing.cppm ${testing_units})
endif()
holdfast_precompile(holdfast_testing <holdfast/testing.hpp>)
target_link_libraries(holdfast_testing PUBLIC holdfast PRIVATE $<BUILD_INTERFACE:holdfast_strict>)
set_target_properties(holdfast_testing PROPERTIES EXPORT_NAME testing POSITION_INDEPENDENT_CODE ON)
