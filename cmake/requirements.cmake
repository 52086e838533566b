# What holdfast needs, each checked with a message that says what is too old and what would do.

if(NOT CMAKE_GENERATOR MATCHES "Ninja")
  message(FATAL_ERROR "holdfast is a C++20 module: configure with -G Ninja (found ${CMAKE_GENERATOR})")
endif()
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "holdfast needs clang 19 or newer, because Boost.Asio does not yet go into a module of other "
                      "compilers (found ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}). "
                      "Set CMAKE_CXX_COMPILER, for example to clang++-19.")
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
if(NOT PROJECT_IS_TOP_LEVEL AND (NOT DEFINED CMAKE_CXX_EXTENSIONS OR CMAKE_CXX_EXTENSIONS))
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
