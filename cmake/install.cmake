# SPDX-License-Identifier: MIT
#
# What "make install" puts where. The pkg-config file and the CMake package
# find the rest from where they lie themselves, so the tree can be moved.
include(CMakePackageConfigHelpers)

install(TARGETS weft weft_static EXPORT weft-targets
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/weft DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")

# -------------------------------------------------------- CMake package ---

set(weft_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weft)
write_basic_package_version_file(
    ${PROJECT_BINARY_DIR}/weft-config-version.cmake
    COMPATIBILITY SameMinorVersion)
configure_package_config_file(
    cmake/weft-config.cmake.in ${PROJECT_BINARY_DIR}/weft-config.cmake
    INSTALL_DESTINATION ${weft_package_dir})
install(FILES
    ${PROJECT_BINARY_DIR}/weft-config.cmake
    ${PROJECT_BINARY_DIR}/weft-config-version.cmake
    DESTINATION ${weft_package_dir})
install(EXPORT weft-targets NAMESPACE weft:: DESTINATION ${weft_package_dir})

# ----------------------------------------------------------- pkg-config ---

if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(weft_pc_prefix "${CMAKE_INSTALL_PREFIX}")
    set(weft_pc_libdir "${CMAKE_INSTALL_LIBDIR}")
else()
    file(RELATIVE_PATH weft_pc_up
         "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
    string(REGEX REPLACE "/$" "" weft_pc_up "${weft_pc_up}")
    set(weft_pc_prefix "\${pcfiledir}/${weft_pc_up}")
    set(weft_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(APPLE)
    # The library's own name is @rpath/..., and macOS looks nowhere else.
    set(weft_pc_rpath "-Wl,-rpath,\${libdir} ")
elseif(UNIX)
    set(weft_pc_private "-pthread -ldl")
endif()
configure_file(cmake/weft.pc.in ${PROJECT_BINARY_DIR}/weft.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/weft.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# ---------------------------------------------- manual and completions ---

foreach(section 1 3)
    install(DIRECTORY man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section}
        FILES_MATCHING PATTERN "*.${section}")
endforeach()

set(weft_bash_completion tools/weft/completions/weft.bash)
if(EXISTS ${PROJECT_SOURCE_DIR}/${weft_bash_completion})
    install(FILES ${weft_bash_completion} RENAME weft
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()
set(weft_zsh_completion tools/weft/completions/_weft)
if(EXISTS ${PROJECT_SOURCE_DIR}/${weft_zsh_completion})
    install(FILES ${weft_zsh_completion}
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endif()

# ------------------------------------------------- units of the daemon ---

# They name the command by its place, which is known when it is installed.
if(WEFT_COMMAND AND UNIX)
    set(weft_units_dir ${PROJECT_BINARY_DIR}/units)
    install(CODE "
        set(WEFT_COMMAND_PATH
            \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/weft\")
        foreach(unit weft-memory.service weft-memory.user.service
                org.weft.memory.plist)
            configure_file(
                \"${PROJECT_SOURCE_DIR}/tools/weft/units/\${unit}.in\"
                \"${weft_units_dir}/\${unit}\" @ONLY)
        endforeach()")
    if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
        install(FILES ${weft_units_dir}/weft-memory.service
            DESTINATION lib/systemd/system)
        install(FILES ${weft_units_dir}/weft-memory.user.service
            DESTINATION lib/systemd/user RENAME weft-memory.service)
    elseif(APPLE)
        install(FILES ${weft_units_dir}/org.weft.memory.plist
            DESTINATION ${CMAKE_INSTALL_DATADIR}/weft)
    endif()
endif()
