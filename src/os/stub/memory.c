/* SPDX-License-Identifier: MIT
 *
 * Shared memory and fences: none.
 */
#include "stub.h"

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

weft_status weftos_shm_open(const char *name, unsigned mode, size_t *bytes,
                            weftos_shm_maker *make, void *context,
                            weft_handle *handle, void **base,
                            weft_detail *detail)
{
    (void)name;
    (void)mode;
    (void)bytes;
    (void)make;
    (void)context;
    (void)handle;
    (void)base;
    return stub_refuse(detail, "open the memory of a name");
}

void weftos_shm_unmap(const void *base, size_t bytes)
{
    (void)base;
    (void)bytes;
}

weft_status weftos_fence_remote(weft_detail *detail)
{
    return stub_refuse(detail, "fence other processes");
}
