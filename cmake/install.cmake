# find_package(holdfast) and pkg-config. The module's interface units are installed as sources and compiled by the
# consumer's CMake; the headers are installed as they are.

include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/holdfast)

if(HOLDFAST_MODULE)
  install(TARGETS holdfast holdfast_testing EXPORT holdfast-targets COMPONENT dev
    FILE_SET CXX_MODULES DESTINATION ${CMAKE_INSTALL_DATADIR}/holdfast/modules COMPONENT dev)
  if(NOT HOLDFAST_PARTITIONS)
    # In the place of those that were compiled, which name the sources of this machine. What is there already with about the
    # same time would stay.
    set(module_dir ${CMAKE_INSTALL_DATADIR}/holdfast/modules)
    install(CODE "file(REMOVE_RECURSE \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${module_dir}\")" COMPONENT dev)
    install(DIRECTORY ${HOLDFAST_AS_MODULES}/installed/modules/ DESTINATION ${module_dir} COMPONENT dev)
  endif()
  if(HOLDFAST_NATS)
    install(TARGETS holdfast_nats EXPORT holdfast-nats-targets COMPONENT nats)
    install(EXPORT holdfast-nats-targets NAMESPACE holdfast:: DESTINATION ${package_dir} CXX_MODULES_DIRECTORY cxx-modules
      COMPONENT nats)
  endif()
  install(EXPORT holdfast-targets NAMESPACE holdfast:: DESTINATION ${package_dir} CXX_MODULES_DIRECTORY cxx-modules
    COMPONENT dev)
endif()

if(HOLDFAST_HEADERS)
  install(TARGETS holdfast_headers holdfast_testing_headers EXPORT holdfast-headers-targets COMPONENT dev)
  if(HOLDFAST_NATS)
    install(TARGETS holdfast_nats_headers EXPORT holdfast-nats-headers-targets COMPONENT nats)
    install(EXPORT holdfast-nats-headers-targets NAMESPACE holdfast:: DESTINATION ${package_dir} COMPONENT nats)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/holdfast-nats.pc.in ${PROJECT_BINARY_DIR}/holdfast-nats.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/holdfast-nats.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT nats)
  endif()
  install(EXPORT holdfast-headers-targets NAMESPACE holdfast:: DESTINATION ${package_dir} COMPONENT dev)
  install(DIRECTORY ${HOLDFAST_AS_HEADERS}/installed/include/holdfast DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)

  set(pc_libraries "-lssl -lcrypto -lz")
  if(HOLDFAST_HAS_IDN)
    string(APPEND pc_libraries " -lidn2")
  endif()
  file(RELATIVE_PATH pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/holdfast.pc.in ${PROJECT_BINARY_DIR}/holdfast.pc @ONLY)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/holdfast-testing.pc.in ${PROJECT_BINARY_DIR}/holdfast-testing.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/holdfast.pc ${PROJECT_BINARY_DIR}/holdfast-testing.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/holdfast-config.cmake.in
  ${PROJECT_BINARY_DIR}/holdfast-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/holdfast-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/holdfast-config.cmake ${PROJECT_BINARY_DIR}/holdfast-config-version.cmake
  ${PROJECT_SOURCE_DIR}/cmake/FindIDN2.cmake ${PROJECT_SOURCE_DIR}/cmake/FindNATS.cmake DESTINATION ${package_dir} COMPONENT dev)
