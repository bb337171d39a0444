/* SPDX-License-Identifier: MIT
 *
 * NVIDIA's library, as the one that nvml_posix.c makes: what it tells, what it
 * does not tell, and answers that nobody should believe.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/gpu.h>

#include "check.h"
#include "os/gpu.h"

#define GIB ((uint64_t)1 << 30)
#define ROOM ((size_t)300)

static weft_gpu_device devices[ROOM];
static size_t device_count;
static weft_gpu_process processes[2 * ROOM];
static size_t process_count;
static weft_gpu_source source;

/* Looks with a library that behaves as the word says. */
static void look(const char *library, const char *word)
{
    weft_gpu *gpu = NULL;
    weft_gpu_source sources[4];
    size_t count = 0;

    REQUIRE(setenv("WEFT_TEST_NVML", library, 1) == 0);
    REQUIRE(setenv("WEFT_FAKE_NVML", word, 1) == 0);
    REQUIRE(weft_gpu_open(&gpu, NULL) == WEFT_OK);
    CHECK_STATUS(weft_gpu_sources(gpu, sources, 4, &count, NULL), WEFT_OK);
    REQUIRE(count >= 1 && strcmp(sources[0].name, "nvml") == 0);
    source = sources[0];
    CHECK_STATUS(weft_gpu_list(gpu, devices, ROOM, &device_count, NULL),
                 WEFT_OK);
    CHECK_STATUS(
        weft_gpu_processes(gpu, processes, 2 * ROOM, &process_count, NULL),
        WEFT_OK);
    weft_gpu_close(&gpu);
    CHECK(gpu == NULL);
}

static const weft_gpu_process *find(int64_t pid, const char *device)
{
    for (size_t i = 0; i < process_count; i++) {
        if (processes[i].pid == pid &&
            strcmp(processes[i].device, device) == 0) {
            return &processes[i];
        }
    }
    return NULL;
}

static void test_all(void)
{
    const weft_gpu_process *process;

    check_case("each device is told, with what is neither free nor reserved");
    look(WEFT_TEST_NVML_NEW, "");
    CHECK(source.is_there && source.reason[0] == '\0');
    REQUIRE(device_count == 2);
    CHECK(strcmp(devices[1].id, "GPU-1") == 0);
    CHECK(strcmp(devices[1].name, "Test GPU 1") == 0);
    CHECK(strcmp(devices[1].place, "0000:0b:00.0") == 0);
    CHECK(strcmp(devices[1].source, "nvml") == 0);
    CHECK(devices[1].problem[0] == '\0');
    CHECK(devices[1].valid == (WEFT_GPU_TOTAL | WEFT_GPU_USED |
                               WEFT_GPU_RESERVED | WEFT_GPU_UNIFIED));
    CHECK(devices[1].total_bytes == 80 * GIB);
    CHECK(devices[1].used_bytes == 20 * GIB);
    CHECK(devices[1].reserved_bytes == 1 * GIB && !devices[1].is_unified);

    check_case("who computes and draws counts once, by his device");
    CHECK(process_count == 4);
    process = find(100, "GPU-0");
    CHECK(process != NULL && process->valid == WEFT_GPU_PROCESS_USED &&
          process->used_bytes == 5 * GIB);
    process = find(300, "GPU-0");
    CHECK(process != NULL && process->used_bytes == GIB);
    CHECK(find(100, "GPU-1") != NULL && find(300, "GPU-1") == NULL);

    check_case("what is not available is absent");
    process = find(200, "GPU-0");
    CHECK(process != NULL && process->valid == 0);
}

static void test_old(void)
{
    const weft_gpu_process *process;

    check_case("an old library is asked by its calls");
    look(WEFT_TEST_NVML_OLD, "");
    REQUIRE(device_count == 2);
    CHECK(strcmp(devices[0].id, "nvml-0") == 0 && devices[0].place[0] == '\0');
    CHECK((devices[0].valid & WEFT_GPU_RESERVED) == 0);
    CHECK(devices[0].used_bytes == 21 * GIB);
    process = find(200, "nvml-1");
    CHECK(process != NULL && process->used_bytes == 6 * GIB);

    check_case("where the newer call is refused the older one is taken");
    look(WEFT_TEST_NVML_NEW, "refused");
    CHECK((devices[0].valid & WEFT_GPU_RESERVED) == 0);
    CHECK(devices[0].used_bytes == 21 * GIB);
}

static void test_unknown(void)
{
    check_case("memory that is the system's is unified, and has no figures");
    look(WEFT_TEST_NVML_NEW, "unified");
    REQUIRE(device_count == 2);
    CHECK(devices[0].valid == WEFT_GPU_UNIFIED && devices[0].is_unified);

    check_case("a device that does not answer says why");
    look(WEFT_TEST_NVML_NEW, "lost");
    REQUIRE(device_count == 2);
    CHECK((devices[0].valid & WEFT_GPU_TOTAL) != 0);
    CHECK(devices[1].valid == 0 && strcmp(devices[1].id, "nvml-1") == 0);
    CHECK(strstr(devices[1].problem, "lost") != NULL);
    look(WEFT_TEST_NVML_NEW, "secret");
    CHECK(devices[0].valid == 0);
    CHECK(strstr(devices[0].problem, "may not") != NULL);
    look(WEFT_TEST_NVML_NEW, "nameless");
    CHECK(strcmp(devices[1].id, "nvml-1") == 0 && find(300, "nvml-0") != NULL);

    check_case("a library that is not there, or of no use, has a reason");
    look("/nowhere/libnvidia-ml.so.1", "");
    CHECK(!source.is_there && device_count == 0 && process_count == 0);
    CHECK(strstr(source.reason, "/nowhere/") != NULL);
    look(WEFT_TEST_NVML_BARE, "");
    CHECK(!source.is_there && device_count == 0);
    CHECK(strstr(source.reason, "nvmlShutdown") != NULL);
    look(WEFT_TEST_NVML_NEW, "unloaded");
    CHECK(!source.is_there && device_count == 0);
    CHECK(strstr(source.reason, "driver is not loaded") != NULL);
    look(WEFT_TEST_NVML_NEW, "strange");
    CHECK(strstr(source.reason, "4711") != NULL);
    look(WEFT_TEST_NVML_NEW, "uncounted");
    CHECK(source.is_there && device_count == 0);
}

static void test_hostile(void)
{
    check_case("a count that no machine has is not believed");
    look(WEFT_TEST_NVML_NEW, "many");
    CHECK(device_count == 256);

    check_case("texts have an end");
    look(WEFT_TEST_NVML_NEW, "endless");
    REQUIRE(device_count == 2);
    CHECK(strlen(devices[0].name) == sizeof(devices[0].name) - 1);
    CHECK(strlen(devices[0].id) == sizeof(devices[0].id) - 1);
    CHECK(strlen(devices[0].place) < sizeof(devices[0].place));

    check_case("figures that are no sum are absent");
    look(WEFT_TEST_NVML_NEW, "false");
    CHECK((devices[0].valid & (WEFT_GPU_TOTAL | WEFT_GPU_USED)) == 0);
    CHECK(devices[0].problem[0] != '\0');

    check_case("a long list of processes is asked for until it fits");
    look(WEFT_TEST_NVML_NEW, "crowd");
    CHECK(process_count == 600 && find(300, "GPU-1") != NULL);

    check_case("one that is too long, or never fits, is left");
    look(WEFT_TEST_NVML_NEW, "liar");
    CHECK(process_count == 0);
    look(WEFT_TEST_NVML_NEW, "greedy");
    CHECK(process_count == 0);
    look(WEFT_TEST_NVML_NEW, "never");
    CHECK(process_count == 0);
}

static void test_calls(void)
{
    weft_gpu *gpu = NULL;
    size_t count = 0;
    pid_t child;
    int how;

    check_case(
        "with less room the first ones are told, and how many there are");
    REQUIRE(setenv("WEFT_TEST_NVML", WEFT_TEST_NVML_NEW, 1) == 0);
    REQUIRE(setenv("WEFT_FAKE_NVML", "", 1) == 0);
    REQUIRE(weft_gpu_open(&gpu, NULL) == WEFT_OK);
    memset(devices, 'x', sizeof(devices));
    CHECK_STATUS(weft_gpu_list(gpu, devices, 1, &count, NULL), WEFT_OK);
    CHECK(count == 2 && strcmp(devices[0].id, "GPU-0") == 0);
    CHECK(devices[1].id[0] == 'x');
    CHECK_STATUS(weft_gpu_processes(gpu, NULL, 0, &count, NULL), WEFT_OK);
    CHECK(count == 4);

    check_case("wrong arguments are refused");
    CHECK_STATUS(weft_gpu_open(NULL, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_gpu_list(NULL, devices, 1, &count, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_gpu_list(gpu, NULL, 1, &count, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_gpu_list(gpu, devices, 1, NULL, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_gpu_processes(gpu, NULL, 1, &count, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_gpu_sources(gpu, NULL, 1, &count, NULL), WEFT_EINVAL);

    check_case("a forked child can only close it");
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        CHECK_STATUS(weft_gpu_list(gpu, devices, 1, &count, NULL),
                     WEFT_EFORKED);
        weft_gpu_close(&gpu);
        check_exit_child();
    }
    CHECK(waitpid(child, &how, 0) == child && how == 0);
    weft_gpu_close(&gpu);
    weft_gpu_close(&gpu);
    weft_gpu_close(NULL);
}

void test_main(void)
{
    REQUIRE(setenv("WEFT_TEST_GPU_ROOT", "/nowhere", 1) == 0);
    test_all();
    test_old();
    test_unknown();
    test_hostile();
    test_calls();
}
