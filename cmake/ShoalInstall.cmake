# SPDX-License-Identifier: BSD-3-Clause
# What `cmake --install` gives: both libraries, the headers, a pkg-config file, a CMake package with
# shoal::shoal (shared), shoal::shoal_static and shoal_generate_grpc(), the program, protoc's plugin,
# and the manual.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/shoal)

install(TARGETS shoal_shared EXPORT shoalSharedTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} NAMELINK_COMPONENT development)
install(TARGETS shoal_static EXPORT shoalStaticTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/shoal
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
if(TARGET shoal)
  install(TARGETS shoal DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET manual)
  install(DIRECTORY ${SHOAL_MANUAL}/ DESTINATION ${CMAKE_INSTALL_MANDIR} PATTERN made EXCLUDE)
endif()
install(TARGETS protoc-gen-shoal EXPORT shoalPluginTargets DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${PROJECT_SOURCE_DIR}/cmake/ShoalGrpc.cmake DESTINATION ${package_dir})
foreach(kind IN ITEMS Shared Static Plugin)
  install(EXPORT shoal${kind}Targets NAMESPACE shoal:: DESTINATION ${package_dir})
endforeach()

# The prefix is only known when installing (cmake --install --prefix), so shoal.pc is made then.
list(JOIN SHOAL_PC_REQUIRES ", " SHOAL_PC_REQUIRES)
install(CODE "
  set(PROJECT_DESCRIPTION \"${PROJECT_DESCRIPTION}\")
  set(PROJECT_VERSION \"${PROJECT_VERSION}\")
  set(SHOAL_PC_REQUIRES \"${SHOAL_PC_REQUIRES}\")
  set(SHOAL_PC_LIBDIR \"\\\${prefix}/${CMAKE_INSTALL_LIBDIR}\")
  set(SHOAL_PC_BINDIR \"\\\${prefix}/${CMAKE_INSTALL_BINDIR}\")
  set(SHOAL_PC_INCLUDEDIR \"\\\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}\")
  get_filename_component(CMAKE_INSTALL_PREFIX \"\${CMAKE_INSTALL_PREFIX}\" ABSOLUTE)
  configure_file(\"${PROJECT_SOURCE_DIR}/cmake/shoal.pc.in\"
    \"${PROJECT_BINARY_DIR}/shoal.pc\" @ONLY)")
install(FILES ${PROJECT_BINARY_DIR}/shoal.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/shoalConfig.cmake.in
  ${PROJECT_BINARY_DIR}/shoalConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/shoalConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/shoalConfig.cmake ${PROJECT_BINARY_DIR}/shoalConfigVersion.cmake
  DESTINATION ${package_dir})
