# SPDX-License-Identifier: MIT
#
# The flags that all of weft's own code is compiled with, as one interface
# target, so that nothing leaks into a project that includes weft.
add_library(weft_flags INTERFACE)

if(MSVC)
    target_compile_options(weft_flags INTERFACE
        /W4 /experimental:c11atomics $<$<BOOL:${WEFT_WERROR}>:/WX>)
else()
    target_compile_options(weft_flags INTERFACE
        -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla
        $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
        $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
        $<$<BOOL:${WEFT_WERROR}>:-Werror>)
endif()

# A test that runs without its assertions proves less than it says.
if(WEFT_TESTS)
    foreach(flags CMAKE_C_FLAGS_RELEASE CMAKE_C_FLAGS_RELWITHDEBINFO
                  CMAKE_C_FLAGS_MINSIZEREL)
        string(REGEX REPLACE "[-/]DNDEBUG" "" ${flags} "${${flags}}")
    endforeach()
endif()

if(WEFT_SANITIZE)
    target_compile_options(weft_flags INTERFACE
        -fsanitize=${WEFT_SANITIZE} -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
    target_link_options(weft_flags INTERFACE -fsanitize=${WEFT_SANITIZE})
endif()

# What the library's sources are told besides. Others are not, so that they are
# the same in builds that differ in this: a compiler cache knows them then.
add_library(weft_library_flags INTERFACE)
target_link_libraries(weft_library_flags INTERFACE weft_flags)
foreach(feature IN LISTS WEFT_WITHOUT)
    string(TOUPPER "${feature}" feature)
    target_compile_definitions(weft_library_flags INTERFACE
        WEFT_WITHOUT_${feature}=1)
endforeach()
# Where the helper of weft_process_start is looked for last.
target_compile_definitions(weft_library_flags INTERFACE
    WEFT_HELPER_PATH="${CMAKE_INSTALL_FULL_LIBEXECDIR}/weft/weft-helper")
if(WEFT_TEST_HOOKS)
    target_compile_definitions(weft_flags INTERFACE WEFT_TEST_HOOKS=1)
endif()
if(WEFT_GUARD)
    target_compile_definitions(weft_flags INTERFACE WEFT_GUARD_PAGES=1)
endif()
