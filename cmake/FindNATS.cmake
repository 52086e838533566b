# libnats, the client of NATS (Debian: libnats-dev): the target NATS::NATS.

find_path(NATS_INCLUDE_DIR nats/nats.h)
find_library(NATS_LIBRARY nats)
mark_as_advanced(NATS_INCLUDE_DIR NATS_LIBRARY)
if(NATS_INCLUDE_DIR)
  file(STRINGS ${NATS_INCLUDE_DIR}/nats/version.h version REGEX "define +NATS_VERSION_STRING +\"")
  string(REGEX REPLACE ".*\"([0-9.]+).*" "\\1" NATS_VERSION "${version}")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(NATS REQUIRED_VARS NATS_LIBRARY NATS_INCLUDE_DIR VERSION_VAR NATS_VERSION)
if(NATS_FOUND AND NOT TARGET NATS::NATS)
  add_library(NATS::NATS UNKNOWN IMPORTED)
  set_target_properties(NATS::NATS PROPERTIES IMPORTED_LOCATION ${NATS_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${NATS_INCLUDE_DIR})
endif()
