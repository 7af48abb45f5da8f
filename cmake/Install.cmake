# What a prefix gets.  Nothing in it names a path outside the prefix, so that it can be moved.
include(CMakePackageConfigHelpers)

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/duet)

install(TARGETS duet EXPORT duetTargets)
foreach(tree loop ipc pool)
  if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/${tree}/include/duet)
    install(DIRECTORY ${tree}/include/duet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
      FILES_MATCHING PATTERN "*.h")
  endif()
endforeach()

# CMake: find_package(duet 0.1), duet::duet.
install(EXPORT duetTargets NAMESPACE duet:: DESTINATION ${config_dir})
configure_package_config_file(cmake/duetConfig.cmake.in duetConfig.cmake
  INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(duetConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/duetConfig.cmake ${PROJECT_BINARY_DIR}/duetConfigVersion.cmake
  DESTINATION ${config_dir})

# pkg-config: the prefix is found from where duet.pc lies.
set(DUET_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
set(DUET_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
file(RELATIVE_PATH DUET_PC_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" DUET_PC_PREFIX "${DUET_PC_PREFIX}")
configure_file(cmake/duet.pc.in duet.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/duet.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Man pages: docs/man/NAME.SECTION
file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.[1-8])
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${pages})
set(aliases ${PROJECT_BINARY_DIR}/man)
file(REMOVE_RECURSE ${aliases})
foreach(page ${pages})
  string(REGEX REPLACE ".*\\.([1-8])$" "\\1" section ${page})
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})

  # `man duet_spawn` finds duet_task(3): every other name that a page's NAME line has refers to it.
  get_filename_component(name ${page} NAME)
  file(READ ${page} text)
  string(REGEX REPLACE ".*\n\\.SH NAME\n([^\\]*)\\\\.*" "\\1" names "${text}")
  string(REGEX MATCHALL "duet_[a-z0-9_]+" names "${names}")
  foreach(alias ${names})
    if(NOT EXISTS ${PROJECT_SOURCE_DIR}/docs/man/${alias}.${section})
      file(WRITE ${aliases}/man${section}/${alias}.${section} ".so man${section}/${name}\n")
    endif()
  endforeach()
endforeach()
install(DIRECTORY ${aliases}/ DESTINATION ${CMAKE_INSTALL_MANDIR})

install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs FILES_MATCHING PATTERN "*.md"
  PATTERN man EXCLUDE)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.[ch]"
  PATTERN expected EXCLUDE)
