# Debian packages, made by `cpack -G DEB` (./dev package). libholdfast-dev has the headers, the archives and what CMake and
# pkg-config read; it depends on what a program that uses it is compiled with and linked to. holdfast has the tool, and
# holdfast-fleet what that needs for fleets.

# Packages of another Boost than the one that the archives were compiled with would not fit them.
string(REGEX MATCH "^[0-9]+\\.[0-9]+" boost_series ${Boost_VERSION})
set(needed libboost${boost_series}-dev libboost-json${boost_series}-dev libboost-url${boost_series}-dev
  "libssl-dev (>= 3.0)" "zlib1g-dev (>= 1:1.2.9)")
if(HOLDFAST_HAS_IDN)
  list(APPEND needed libidn2-dev)
endif()
list(JOIN needed ", " CPACK_DEBIAN_DEV_PACKAGE_DEPENDS)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME holdfast)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The developers of holdfast <holdfast@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES OFF)
set(CPACK_COMPONENTS_ALL dev)
if(HOLDFAST_BUILD_TOOL)
  list(APPEND CPACK_COMPONENTS_ALL tool)
endif()
if(HOLDFAST_NATS)
  list(APPEND CPACK_COMPONENTS_ALL nats)
  if(HOLDFAST_BUILD_TOOL)
    list(APPEND CPACK_COMPONENTS_ALL fleet)
  endif()
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libholdfast-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_SHLIBDEPS OFF)  # nothing in it runs
set(CPACK_COMPONENT_DEV_DESCRIPTION "holdfast keeps a WebSocket open for days, reconnects by itself, and tells the state of the connection.
This package has what programs that use it are compiled with.")
set(CPACK_DEBIAN_NATS_PACKAGE_NAME libholdfast-nats-dev)
set(CPACK_DEBIAN_NATS_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_NATS_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_NATS_PACKAGE_DEPENDS "libholdfast-dev (= ${PROJECT_VERSION}), libnats-dev (>= 3.3)")
set(CPACK_COMPONENT_NATS_DESCRIPTION "coordinator on NATS for fleets of holdfast
This package has what programs are linked to whose WebSocket connections are spread over several machines.")
# This package alone fits only the release that it was built on: libnats has another name in each.
set(CPACK_DEBIAN_FLEET_PACKAGE_NAME holdfast-fleet)
set(CPACK_DEBIAN_FLEET_PACKAGE_SECTION net)
set(CPACK_DEBIAN_FLEET_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FLEET_PACKAGE_DEPENDS "holdfast (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_FLEET_DESCRIPTION "shows and changes what a fleet of WebSocket connections holds
holdfast fleet: the keys of a fleet, which workers hold them, and messages through their holders, at its NATS server.")
set(CPACK_DEBIAN_TOOL_PACKAGE_NAME holdfast)
set(CPACK_DEBIAN_TOOL_PACKAGE_SECTION net)
set(CPACK_DEBIAN_TOOL_PACKAGE_SUGGESTS holdfast-fleet)
set(CPACK_DEBIAN_TOOL_PACKAGE_SHLIBDEPS ON)
set(CPACK_COMPONENT_TOOL_DESCRIPTION "watch, examine and try WebSocket connections
holdfast watch keeps a WebSocket open and prints what happens; doctor explains a dial; explain shows a retry policy; serve is a
server that behaves well or badly.")
include(CPack)
