/* SPDX-License-Identifier: MIT
 *
 * imports.h - a program's own calls to the system, led elsewhere.
 *
 * The linker keeps the address of each call that is imported in a variable
 * with this name, which is the program's to change.
 */
#ifndef WEFT_TESTS_IMPORTS_H
#define WEFT_TESTS_IMPORTS_H

#include "check.h"

#include <windows.h>

/* Sets one, and leaves the page as writable as it has made it. */
#define IMPORT_SET(import, call)                                               \
    do {                                                                       \
        DWORD before;                                                          \
                                                                               \
        REQUIRE(VirtualProtect(&(import), sizeof(import), PAGE_READWRITE,      \
                               &before));                                      \
        (import) = (call);                                                     \
    } while (0)

#endif
