# What holdfast needs, each checked with a message that says what is too old and what would do.

set(found_compiler "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12) OR
   (CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14))
  message(FATAL_ERROR "holdfast needs C++20 with coroutines: GCC 12, clang 14, or newer (found ${found_compiler}). "
                      "Set CMAKE_CXX_COMPILER, for example to g++-12.")
endif()

# Why there can be no modules; empty: there can.
set(no_modules "")
if(NOT CMAKE_GENERATOR MATCHES "Ninja")
  set(no_modules "CMake builds modules with -G Ninja alone (found ${CMAKE_GENERATOR})")
elseif(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  set(no_modules "Boost.Asio goes into a module of clang 19 or newer alone (found ${found_compiler})")
endif()
if(NOT DEFINED HOLDFAST_MODULE AND no_modules)
  message(STATUS "holdfast: headers, and no modules, because ${no_modules}")
  set(HOLDFAST_MODULE OFF)
endif()
option(HOLDFAST_MODULE "Build the modules, for import" ON)
if(HOLDFAST_MODULE AND no_modules)
  message(FATAL_ERROR "HOLDFAST_MODULE cannot be: ${no_modules}. Leave it out to build the headers.")
endif()

if(POLICY CMP0167)
  cmake_policy(SET CMP0167 NEW)  # Boost's own CMake files
endif()
find_package(Boost 1.83 CONFIG QUIET COMPONENTS headers json url)
if(NOT Boost_FOUND)
  message(FATAL_ERROR "holdfast needs Boost 1.83 or newer with its headers, Boost.JSON and Boost.URL "
                      "(found: ${Boost_VERSION}${Boost_NOT_FOUND_MESSAGE})")
endif()
# A module and its importers must agree on the language.
if(HOLDFAST_MODULE AND NOT PROJECT_IS_TOP_LEVEL AND (NOT DEFINED CMAKE_CXX_EXTENSIONS OR CMAKE_CXX_EXTENSIONS))
  message(FATAL_ERROR "holdfast is compiled as C++20 without GNU extensions, and so must be what imports it: "
                      "set(CMAKE_CXX_STANDARD 20) and set(CMAKE_CXX_EXTENSIONS OFF) before adding it.")
endif()
find_package(OpenSSL 3.0 REQUIRED COMPONENTS SSL Crypto)
find_package(ZLIB 1.2.9 QUIET)
if(NOT ZLIB_FOUND)
  message(FATAL_ERROR "holdfast needs zlib 1.2.9 or newer with its header (found: ${ZLIB_VERSION_STRING}). "
                      "On Debian: apt-get install zlib1g-dev")
endif()
find_package(Threads REQUIRED)

option(HOLDFAST_IDN "International host names, if libidn2 is there" ON)
set(HOLDFAST_HAS_IDN OFF)
if(HOLDFAST_IDN)
  list(APPEND CMAKE_MODULE_PATH ${PROJECT_SOURCE_DIR}/cmake)
  find_package(IDN2 2.0 QUIET)
  if(IDN2_FOUND)
    set(HOLDFAST_HAS_IDN ON)
  else()
    message(STATUS "holdfast: without libidn2 (Debian: libidn2-dev) international host names are refused")
  endif()
endif()

# For fleets over several machines: a library of its own, so that nobody links libnats who does not ask for it.
list(APPEND CMAKE_MODULE_PATH ${PROJECT_SOURCE_DIR}/cmake)
find_package(NATS 3.3 QUIET)
cmake_dependent_option(HOLDFAST_NATS "Build holdfast::nats, the coordinator of fleets on NATS" ON NATS_FOUND OFF)
if(NOT NATS_FOUND AND PROJECT_IS_TOP_LEVEL)
  message(STATUS "holdfast: without libnats 3.3 (Debian: libnats-dev) there is no holdfast::nats")
endif()
