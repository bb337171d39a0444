/* SPDX-License-Identifier: MIT
 *
 * Names of the system's counters of graphics memory, right and wrong ones, and
 * that a system without a device or counters is no failure.
 */
#include "os/windows/gpu.h"

#include <stdlib.h>

#include "check.h"

static void count_one(void *context, int64_t pid, uint64_t luid, uint64_t bytes)
{
    (void)pid;
    (void)luid;
    (void)bytes;
    (*(unsigned *)context)++;
}

static void test_names(void)
{
    static const wchar_t *const wrong[] = {L"",
                                           L"luid_",
                                           L"luid_0x1",
                                           L"luid_0x1_2",
                                           L"luid_0x123456789_0x1",
                                           L"pid_luid_0x1_0x2",
                                           L"pid_99999999999_luid_0x1_0x2",
                                           L"pid_12",
                                           L"luid_0x1_0x2x",
                                           L"_Total"};
    unsigned told = 0;
    int64_t pid;
    uint64_t luid;

    check_case("an instance names a device, and perhaps a process");
    CHECK(weftos_gpu_parse_instance(L"luid_0x00000000_0x0000D1C8_phys_0", &pid,
                                    &luid));
    CHECK(pid == 0 && luid == 0xd1c8);
    CHECK(weftos_gpu_parse_instance(L"pid_4242_luid_0x00000001_0x0000d1c8",
                                    &pid, &luid));
    CHECK(pid == 4242 && luid == UINT64_C(0x10000d1c8));
    check_case("other names are none");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK(!weftos_gpu_parse_instance(wrong[i], &pid, &luid));
    }
    check_case("a counter that is not there tells nothing");
    weftos_gpu_count(L"\\No Such Object(*)\\No Such Counter", count_one, &told);
    CHECK(told == 0);
}

static void test_devices(void)
{
    weft_gpu *gpu = NULL;
    weft_gpu_source sources[4];
    weft_gpu_device devices[16];
    size_t count = 0;

    check_case("devices are listed, if there are any");
    REQUIRE(weft_gpu_open(&gpu, NULL) == WEFT_OK);
    CHECK_STATUS(weft_gpu_sources(gpu, sources, 4, &count, NULL), WEFT_OK);
    CHECK(count == 2);
    for (size_t i = 0; i < count && i < 4; i++) {
        CHECK(sources[i].is_there == (sources[i].reason[0] == '\0'));
    }
    CHECK_STATUS(weft_gpu_list(gpu, devices, 16, &count, NULL), WEFT_OK);
    for (size_t i = 0; i < count && i < 16; i++) {
        CHECK(devices[i].id[0] != '\0' && devices[i].source[0] != '\0');
    }
    CHECK_STATUS(weft_gpu_processes(gpu, NULL, 0, &count, NULL), WEFT_OK);
    weft_gpu_close(&gpu);
}

void test_main(void)
{
    /* What DXGI loads keeps handles open for the rest of the process. */
    test_devices();
    check_keep_handles();
    test_names();
}
