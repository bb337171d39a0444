# SPDX-License-Identifier: MIT
#
# macOS programs, built anywhere by "zig cc", which brings the headers and the
# library stubs of macOS with it. WEFT_ZIG_TARGET names the processor and the
# oldest macOS, with its minor version: aarch64-macos.12.0, x86_64-macos.11.0.
set(WEFT_ZIG_TARGET "aarch64-macos.12.0" CACHE STRING "zig's target name")
if(DEFINED ENV{WEFT_TOOLS})
    set(weft_tools "$ENV{WEFT_TOOLS}")
else()
    set(weft_tools "${CMAKE_CURRENT_LIST_DIR}/../build/tools")
endif()
# The compiler itself, in a package with the name of the system: npm's command
# starts node, which starts that.
file(GLOB weft_zig_packages "${weft_tools}/node_modules/@zigc/*-*/bin")
find_program(WEFT_ZIG zig PATHS ${weft_zig_packages}
             "${weft_tools}/node_modules/.bin"
             NO_CMAKE_FIND_ROOT_PATH
             DOC "The zig command; scripts/setup zig installs it")
if(NOT WEFT_ZIG)
    message(FATAL_ERROR "weft: cannot find zig: run 'scripts/setup zig'")
endif()

# A test build of CMake's own reads this file again, without our cache.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES WEFT_ZIG WEFT_ZIG_TARGET)

string(REGEX REPLACE "-.*" "" weft_zig_cpu "${WEFT_ZIG_TARGET}")
string(REGEX REPLACE ".*macos\\." "" weft_zig_macos "${WEFT_ZIG_TARGET}")

set(CMAKE_SYSTEM_NAME Darwin)
set(CMAKE_SYSTEM_PROCESSOR ${weft_zig_cpu})
set(CMAKE_OSX_DEPLOYMENT_TARGET ${weft_zig_macos} CACHE STRING "Oldest macOS")
set(CMAKE_OSX_SYSROOT "" CACHE STRING "zig brings its own")
set(CMAKE_C_COMPILER ${WEFT_ZIG} cc -target ${WEFT_ZIG_TARGET})

# The library is found by the rpath of the program, from the first link on:
# there is no tool here that changes names in a finished file.
set(CMAKE_INSTALL_NAME_DIR "@rpath")
set(CMAKE_BUILD_WITH_INSTALL_NAME_DIR ON)

# CMake wants programs here, not commands with arguments. These are found
# only so that it goes on; the two rules below are what archives are made by.
set(CMAKE_AR ${WEFT_ZIG} CACHE FILEPATH "unused")
set(CMAKE_RANLIB ${WEFT_ZIG} CACHE FILEPATH "unused")
set(CMAKE_INSTALL_NAME_TOOL ${WEFT_ZIG} CACHE FILEPATH "unused")
set(CMAKE_C_ARCHIVE_CREATE "\"${WEFT_ZIG}\" ar qc <TARGET> <OBJECTS>")
set(CMAKE_C_ARCHIVE_APPEND "\"${WEFT_ZIG}\" ar q <TARGET> <OBJECTS>")
set(CMAKE_C_ARCHIVE_FINISH "\"${WEFT_ZIG}\" ranlib <TARGET>")
