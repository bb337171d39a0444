/* SPDX-License-Identifier: MIT
 *
 * Graphics devices in trees of files that look like the kernel's, and who uses
 * them: drivers of all kinds, clients with several files, hostile text.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "os/gpu.h"
#include "system/files.h"

#define MIB ((uint64_t)1 << 20)
#define AMD "0000:03:00.0"

static const char *root;
static struct weftos_gpu_devices devices;
static struct weftos_gpu_users users;
static weft_gpu_source source;

/* Looks at the tree; NVML has told of a device at that place before. */
static weft_status look(const char *place)
{
    weftos_gpus *gpus = NULL;
    weft_status status;

    free(devices.items);
    free(users.items);
    memset(&devices, 0, sizeof(devices));
    memset(&users, 0, sizeof(users));
    REQUIRE(weftos_gpus_open(root, &gpus, NULL) == WEFT_OK);
    weftos_gpus_source(gpus, &source);
    if (place != NULL) {
        devices.items = calloc(1, sizeof(*devices.items));
        REQUIRE(devices.items != NULL);
        devices.count = devices.room = 1;
        (void)snprintf(devices.items[0].place, sizeof(devices.items[0].place),
                       "%s", place);
    }
    status = weftos_gpus_list(gpus, &devices, NULL);
    if (status == WEFT_OK) {
        status = weftos_gpus_users(gpus, &devices, &users, NULL);
    }
    weftos_gpus_close(gpus);
    return status;
}

static void make_card(unsigned card, const char *name, const char *text)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "/sys/class/drm/card%u/device/%s", card,
                   name);
    files_make(path, text);
}

static void make_amd(unsigned card, const char *place)
{
    char text[128];

    (void)snprintf(text, sizeof(text),
                   "DRIVER=amdgpu\nPCI_CLASS=30000\nPCI_ID=1002:73BF\n"
                   "PCI_SLOT_NAME=%s\n",
                   place);
    make_card(card, "uevent", text);
    make_card(card, "mem_info_vram_total", "17163091968\n");
    make_card(card, "mem_info_vram_used", "1000000\n");
    make_card(card, "mem_info_gtt_total", "33554432000\n");
    make_card(card, "mem_info_gtt_used", "2000000\n");
}

/* An open file of a process, which leads to `target`. */
static void make_file(unsigned pid, unsigned fd, const char *target,
                      const char *text)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "/proc/%u/fdinfo/%u", pid, fd);
    files_make(path, text);
    (void)snprintf(path, sizeof(path), "/proc/%u/fd/none", pid);
    files_make(path, "");
    (void)snprintf(path, sizeof(path), "%s/proc/%u/fd/%u", root, pid, fd);
    REQUIRE(symlink(target, path) == 0);
}

static const weft_gpu_process *find(int64_t pid)
{
    for (size_t i = 0; i < users.count; i++) {
        if (users.items[i].pid == pid) {
            return &users.items[i];
        }
    }
    return NULL;
}

static void test_devices(void)
{
    root = files_begin();
    check_case("a device has the memory that its driver tells");
    make_amd(1, AMD);
    make_card(1, "product_name", "Radeon Test\n");
    make_amd(10, "0000:04:00.0");
    make_card(2, "uevent",
              "DRIVER=i915\nPCI_ID=8086:9A49\n"
              "PCI_SLOT_NAME=0000:00:02.0\n");
    make_card(3, "uevent", "DRIVER=panfrost\nOF_NAME=gpu\n");
    files_make("/sys/class/drm/card1-DP-1/status", "connected\n");
    files_make("/sys/class/drm/renderD128/dev", "226:128\n");
    CHECK_STATUS(look(NULL), WEFT_OK);
    CHECK(source.is_there && strcmp(source.name, "drm") == 0);
    REQUIRE(devices.count == 4);
    CHECK(strcmp(devices.items[0].id, AMD) == 0);
    CHECK(strcmp(devices.items[0].name, "Radeon Test") == 0);
    CHECK(devices.items[0].valid ==
          (WEFT_GPU_TOTAL | WEFT_GPU_USED | WEFT_GPU_SYSTEM_TOTAL |
           WEFT_GPU_SYSTEM_USED));
    CHECK(devices.items[0].total_bytes == UINT64_C(17163091968));
    CHECK(devices.items[0].used_bytes == 1000000);
    CHECK(devices.items[0].system_total_bytes == UINT64_C(33554432000));
    CHECK(devices.items[0].system_used_bytes == 2000000);
    CHECK(strcmp(devices.items[1].name, "i915 8086:9A49") == 0);
    CHECK(devices.items[1].valid == 0 && devices.items[1].problem[0] != '\0');
    CHECK(strcmp(devices.items[2].id, "card3") == 0);
    CHECK(strcmp(devices.items[2].name, "panfrost") == 0);
    CHECK(strcmp(devices.items[3].name, "amdgpu 1002:73BF") == 0);

    check_case("what NVML has told is not told again");
    CHECK_STATUS(look(AMD), WEFT_OK);
    CHECK(devices.count == 4);
    files_end();

    check_case("no device is no failure");
    root = files_begin();
    files_make("/proc/none", "");
    CHECK_STATUS(look(NULL), WEFT_OK);
    CHECK(devices.count == 0 && users.count == 0 && !source.is_there);
    CHECK(source.reason[0] != '\0');
    files_end();
}

static void test_users(void)
{
    const weft_gpu_process *user;

    root = files_begin();
    make_amd(0, AMD);
    check_case("a client with several files counts once, and all of its own");
    make_file(70, 5, "/dev/dri/renderD128",
              "pos:\t0\nflags:\t02100002\ndrm-driver:\tamdgpu\n"
              "drm-client-id:\t7\ndrm-pdev:\t" AMD "\npasid:\t32770\n"
              "drm-memory-vram:\t1024 KiB\ndrm-memory-gtt: \t2 MiB\n"
              "drm-memory-cpu: \t4096\ndrm-engine-gfx:\t12 ns\n");
    make_file(70, 6, "/dev/dri/renderD128",
              "drm-driver: amdgpu\ndrm-client-id: 7\ndrm-pdev: " AMD "\n"
              "drm-memory-vram: 1024 KiB\ndrm-memory-gtt: 2 MiB\n");
    make_file(70, 7, "/dev/dri/card0",
              "drm-driver: amdgpu\ndrm-client-id: 8\ndrm-pdev: " AMD "\n"
              "drm-memory-vram: 3 MiB\n");
    make_file(70, 8, "/tmp/file",
              "drm-driver: amdgpu\ndrm-client-id: 9\ndrm-pdev: " AMD "\n"
              "drm-memory-vram: 30 MiB\n");
    CHECK_STATUS(look(NULL), WEFT_OK);
    REQUIRE(users.count == 1);
    user = &users.items[0];
    CHECK(user->pid == 70);
    CHECK(strcmp(user->device, AMD) == 0);
    CHECK(user->valid == (WEFT_GPU_PROCESS_USED | WEFT_GPU_PROCESS_SYSTEM));
    CHECK(user->used_bytes == 4 * MIB);
    CHECK(user->system_bytes == 2 * MIB + 4096);

    check_case("a client of two processes counts in the first");
    make_file(9, 3, "/dev/dri/renderD128",
              "drm-driver: amdgpu\ndrm-client-id: 8\ndrm-pdev: " AMD "\n"
              "drm-memory-vram: 3 MiB\n");
    CHECK_STATUS(look(NULL), WEFT_OK);
    CHECK(find(9) != NULL && find(9)->used_bytes == 3 * MIB);
    CHECK(find(70) != NULL && find(70)->used_bytes == 1 * MIB);

    check_case("what is resident counts, not what was asked for");
    make_file(80, 3, "/dev/dri/renderD128",
              "drm-driver: amdgpu\ndrm-client-id: 80\ndrm-pdev: " AMD "\n"
              "drm-total-vram: 90 MiB\ndrm-resident-vram: 5 MiB\n"
              "drm-memory-vram: 6 MiB\ndrm-shared-vram: 1 MiB\n"
              "drm-total-system0: 7 MiB\ndrm-total-gds: 5 MiB\n");
    CHECK_STATUS(look(NULL), WEFT_OK);
    CHECK(find(80) != NULL && find(80)->used_bytes == 5 * MIB);
    CHECK(find(80) != NULL && find(80)->system_bytes == 7 * MIB);

    check_case("the same number at another device is another client");
    make_amd(1, "0000:04:00.0");
    make_file(90, 3, "/dev/dri/renderD129",
              "drm-driver: amdgpu\ndrm-client-id: 7\n"
              "drm-pdev: 0000:04:00.0\ndrm-memory-vram: 9 MiB\n");
    CHECK_STATUS(look(NULL), WEFT_OK);
    CHECK(find(90) != NULL && find(90)->used_bytes == 9 * MIB);
    files_end();
}

/* A device that is not on a bus is found by its driver. */
static void test_platform(void)
{
    root = files_begin();
    check_case("a device without a place is found by its driver");
    make_card(0, "uevent", "DRIVER=panfrost\n");
    make_file(5, 3, "/dev/dri/renderD128",
              "drm-driver: panfrost\ndrm-client-id: 1\n"
              "drm-resident-memory: 2 MiB\n");
    make_file(6, 3, "/dev/dri/renderD128",
              "drm-driver: other\ndrm-client-id: 2\n"
              "drm-resident-memory: 2 MiB\n");
    CHECK_STATUS(look(NULL), WEFT_OK);
    REQUIRE(users.count == 1 && users.items[0].pid == 5);
    CHECK(users.items[0].valid == WEFT_GPU_PROCESS_SYSTEM);
    CHECK(users.items[0].system_bytes == 2 * MIB);
    files_end();
}

static const char *const hostile[] = {
    "",
    "\n\n:\n",
    "drm-driver\ndrm-client-id\ndrm-pdev\n",
    "drm-client-id: x\ndrm-pdev: " AMD "\ndrm-memory-vram: 1\n",
    "drm-client-id: 99999999999999999999999\ndrm-pdev: " AMD "\n",
    "drm-memory-vram: 1 MiB\n",
    "drm-client-id: 1\ndrm-pdev: ../../../../../../../../../../../../etc\n",
};

static void test_hostile(void)
{
    static const char *const amounts[] = {
        "18446744073709551615 MiB", "1 PiB", "-1", "KiB", "", "1 MiB x"};
    char text[256];

    check_case("text that is not the kernel's is passed over");
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        root = files_begin();
        make_amd(0, AMD);
        make_file(5, 3, "/dev/dri/renderD128", hostile[i]);
        CHECK_STATUS(look(NULL), WEFT_OK);
        CHECK(devices.count == 1 && users.count == 0);
        files_end();
    }
    check_case("an amount that is none is absent");
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        root = files_begin();
        make_amd(0, AMD);
        (void)snprintf(text, sizeof(text),
                       "drm-client-id: 1\ndrm-pdev: " AMD
                       "\ndrm-memory-vram: %s\n",
                       amounts[i]);
        make_file(5, 3, "/dev/dri/renderD128", text);
        CHECK_STATUS(look(NULL), WEFT_OK);
        CHECK(users.count == 1 && users.items[0].valid == 0);
        files_end();
    }
    check_case("so are a device's");
    root = files_begin();
    make_amd(0, AMD);
    make_card(0, "mem_info_vram_total", "12 MiB\n");
    make_card(0, "mem_info_gtt_used", "99999999999999\n");
    CHECK_STATUS(look(NULL), WEFT_OK);
    REQUIRE(devices.count == 1);
    CHECK(devices.items[0].valid == WEFT_GPU_SYSTEM_TOTAL);
    files_end();
}

static void test_many(void)
{
    char *many = calloc(1000, 32);

    check_case("more kinds of memory than any driver has do no harm");
    REQUIRE(many != NULL);
    root = files_begin();
    make_amd(0, AMD);
    (void)snprintf(many, 64, "drm-client-id: 1\ndrm-pdev: " AMD "\n");
    for (unsigned i = 0; i < 500; i++) {
        size_t length = strlen(many);

        (void)snprintf(many + length, 32000 - length, "drm-memory-vram%u: 1\n",
                       i);
    }
    make_file(5, 3, "/dev/dri/renderD128", many);
    free(many);
    CHECK_STATUS(look(NULL), WEFT_OK);
    CHECK(users.count == 1 && users.items[0].used_bytes <= 500);
    files_end();
}

/* Without descriptors it fails instead of telling less. */
static void test_descriptors(void)
{
    struct rlimit limit;
    struct rlimit low;
    int lowest;

    check_case("without descriptors it says so");
    root = files_begin();
    make_amd(0, AMD);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    lowest = dup(0);
    REQUIRE(lowest >= 0 && close(lowest) == 0);
    low = limit;
    low.rlim_cur = (rlim_t)lowest;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
    CHECK_STATUS(look(NULL), WEFT_ELIMIT);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    files_end();
}

void test_main(void)
{
    test_devices();
    test_users();
    test_platform();
    test_hostile();
    test_many();
    test_descriptors();
    free(devices.items);
    free(users.items);
}
