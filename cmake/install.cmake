# find_package(holdfast): the module's interface units are installed as sources and compiled by the consumer's CMake.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS holdfast holdfast_testing EXPORT holdfast-targets
  FILE_SET CXX_MODULES DESTINATION ${CMAKE_INSTALL_DATADIR}/holdfast/modules
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT holdfast-targets NAMESPACE holdfast:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/holdfast
  CXX_MODULES_DIRECTORY cxx-modules)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/holdfast-config.cmake.in
  ${PROJECT_BINARY_DIR}/holdfast-config.cmake INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/holdfast)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/holdfast-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/holdfast-config.cmake ${PROJECT_BINARY_DIR}/holdfast-config-version.cmake
  ${PROJECT_SOURCE_DIR}/cmake/FindIDN2.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/holdfast)
