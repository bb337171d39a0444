/* SPDX-License-Identifier: MIT
 *
 * Private memory works; shared memory and fences are not there.
 */
#include <stdlib.h>

#include "stub.h"

void *weftos_alloc(size_t bytes)
{
    return calloc(1, bytes);
}

void weftos_free(void *memory)
{
    free(memory);
}

weft_status weftos_shm_create(size_t bytes, weft_handle *object, void **base,
                              weft_detail *detail)
{
    (void)bytes;
    (void)object;
    (void)base;
    return stub_refuse(detail, "create shared memory");
}

weft_status weftos_shm_attach(weft_handle object, size_t bytes,
                              const void **base, weft_detail *detail)
{
    (void)object;
    (void)bytes;
    (void)base;
    return stub_refuse(detail, "map shared memory");
}

void weftos_shm_unmap(const void *base, size_t bytes)
{
    (void)base;
    (void)bytes;
}

weft_status weftos_fence_enroll(weft_detail *detail)
{
    return stub_refuse(detail, "enroll for remote fences");
}

weft_status weftos_fence_remote(weft_detail *detail)
{
    return stub_refuse(detail, "fence other processes");
}
