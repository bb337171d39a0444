# SPDX-License-Identifier: MIT
#
# Windows programs for other processors, built anywhere by "zig cc", which
# brings MinGW-w64 with it. WEFT_ZIG_TARGET is zig's name for the system.
set(WEFT_ZIG_TARGET "aarch64-windows-gnu" CACHE STRING "zig's target name")
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
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR ${weft_zig_cpu})
set(CMAKE_C_COMPILER ${WEFT_ZIG} cc -target ${WEFT_ZIG_TARGET})

# CMake wants programs here, not commands with arguments. These are found only
# so that it goes on; the rules in the file are what archives are made by.
set(CMAKE_AR ${WEFT_ZIG} CACHE FILEPATH "unused")
set(CMAKE_RANLIB ${WEFT_ZIG} CACHE FILEPATH "unused")
set(CMAKE_USER_MAKE_RULES_OVERRIDE "${CMAKE_CURRENT_LIST_DIR}/zig-ar.cmake")
