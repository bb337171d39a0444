/* SPDX-License-Identifier: MIT
 *
 * The memory of graphics devices, which weft can't tell here yet.
 */
#include "../gpu.h"
#include "stub.h"

const char *const weftos_nvml_library = NULL;

weft_status weftos_gpus_open(const char *root, weftos_gpus **gpus,
                             weft_detail *detail)
{
    (void)root;
    *gpus = NULL;
    return stub_refuse(detail, "look at graphics devices");
}

void weftos_gpus_close(weftos_gpus *gpus)
{
    (void)gpus;
}

void weftos_gpus_source(const weftos_gpus *gpus, weft_gpu_source *source)
{
    (void)gpus;
    *source = (weft_gpu_source){{0}, false, {0}};
}

weft_status weftos_gpus_list(weftos_gpus *gpus,
                             struct weftos_gpu_devices *devices,
                             weft_detail *detail)
{
    (void)gpus;
    (void)devices;
    return stub_refuse(detail, "look at graphics devices");
}

weft_status weftos_gpus_users(weftos_gpus *gpus,
                              const struct weftos_gpu_devices *devices,
                              struct weftos_gpu_users *users,
                              weft_detail *detail)
{
    (void)gpus;
    (void)devices;
    (void)users;
    return stub_refuse(detail, "look at graphics devices");
}
