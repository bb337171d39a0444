/* SPDX-License-Identifier: MIT
 *
 * Sections of page-file memory.
 */
#ifndef WEFTOS_SHM_H
#define WEFTOS_SHM_H

#include "win.h"

/* Makes one; `name` is NULL for a nameless one. NULL: GetLastError() says. */
HANDLE weftos_section_make(size_t bytes, SECURITY_ATTRIBUTES *access,
                           const wchar_t *name);

/*
 * Is it a committed section of the page file, whose pages are all there for
 * good? `*bytes` is its size.
 */
bool weftos_section_is_plain(HANDLE section, size_t *bytes);

/* Maps all of it, for weftos_shm_unmap. NULL: GetLastError() says. */
void *weftos_section_map(HANDLE section, bool writable, size_t bytes);

/* The size and the first bytes of memory with a name; named.c. False: none. */
bool weftos_memory_look(weftos_named *named);

#endif
