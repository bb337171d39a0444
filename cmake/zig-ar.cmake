# SPDX-License-Identifier: MIT
#
# How "zig ar" makes archives. CMake reads this after its own rules for Windows,
# which a toolchain file can't replace.
set(CMAKE_C_ARCHIVE_CREATE "\"${WEFT_ZIG}\" ar qc <TARGET> <OBJECTS>")
set(CMAKE_C_ARCHIVE_APPEND "\"${WEFT_ZIG}\" ar q <TARGET> <OBJECTS>")
set(CMAKE_C_ARCHIVE_FINISH "\"${WEFT_ZIG}\" ranlib <TARGET>")
