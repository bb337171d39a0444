/* SPDX-License-Identifier: MIT
 *
 * allocator.h - puts the fake in front of the C library's allocator.
 *
 * The build includes this header ahead of each file of the library, the back
 * end's too: an allocation deep inside a call can fail like any other. The C
 * library's own header then declares the fake's names.
 */
#ifndef WEFTOS_FAKE_ALLOCATOR_H
#define WEFTOS_FAKE_ALLOCATOR_H

#define calloc fake_calloc
#define free fake_free

#endif
