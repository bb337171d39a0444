# SPDX-License-Identifier: MIT
#
# Lets the macOS back end see the double (WEFT_DOUBLE). Included by each folder
# that compiles the back end, after what that folder puts in front of it, for
# properties of files hold in one folder only. The tests of the double itself
# take the same options.
set(weft_double ${PROJECT_SOURCE_DIR}/src/os/double)
set(weft_double_options
    -I${weft_double}/include -include ${weft_double}/darwin.h)

set(weft_double_seen ${WEFT_OS_MACOS_SOURCES})
list(FILTER weft_double_seen EXCLUDE REGEX "^os/double/")
list(TRANSFORM weft_double_seen PREPEND ${PROJECT_SOURCE_DIR}/src/)
set_property(SOURCE ${weft_double_seen} APPEND PROPERTY COMPILE_OPTIONS
    ${weft_double_options})

set(weft_double_own ${WEFT_DOUBLE_SOURCES})
list(TRANSFORM weft_double_own PREPEND ${PROJECT_SOURCE_DIR}/src/)
set_property(SOURCE ${weft_double_own} APPEND PROPERTY COMPILE_OPTIONS
    -I${weft_double}/include)
