/* SPDX-License-Identifier: MIT
 *
 * What is read of a process in trees of files that look like the kernel's:
 * groups of both versions and what they grant, containers, scores, and hostile
 * text.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "os/identity.h"
#include "system/files.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define PID 4711
#define V2_MOUNT "30 23 0:26 / /cg rw - cgroup2 cgroup2 rw\n"

/* The line of a process, and the fields that matter here. */
static void make_stat(const char *flags, const char *policy)
{
    char text[512];

    (void)snprintf(text, sizeof(text),
                   "4711 (a) b) S 1 4711 4711 0 -1 %s 0 0 0 0 1 2 3 4 20 0 1 0 "
                   "9900 0 77 0 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 %s 0 0 0\n",
                   flags, policy);
    files_make("/proc/4711/stat", text);
}

/* A process that can be told all of. */
static const char *begin(void)
{
    const char *root = files_begin();
    char path[PATH_MAX];
    char line[64];

    make_stat("4194304", "0");
    files_make("/proc/4711/status",
               "Name:\ta\nTracerPid:\t0\nUid:\t1000\t1001\t1000\t1000\n"
               "VmLck:\t       0 kB\n");
    files_make("/proc/4711/oom_score_adj", "0\n");
    files_make("/proc/4711/cgroup", "0::/a/b\n");
    files_make("/proc/4711/environ", "");
    files_make("/proc/4711/fd/none", "");
    files_make("/proc/self/mountinfo", V2_MOUNT);
    files_make("/opt/x", "");
    (void)snprintf(path, sizeof(path), "%s/proc/4711/exe", root);
    REQUIRE(symlink("../../opt/x", path) == 0);
    /* This process's own line of ancestors. */
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)getpid());
    (void)snprintf(line, sizeof(line), "%d (t) S 1", (int)getpid());
    files_make(path, line);
    return root;
}

static weft_memory_identity look(const char *root)
{
    weft_memory_identity identity = {.size = sizeof(identity)};

    CHECK_STATUS(weftos_identify(root, PID, &identity, NULL), WEFT_OK);
    return identity;
}

static bool has(const weft_memory_identity *identity, weft_mark mark)
{
    return (identity->marks & WEFT_MARK_BIT(mark)) != 0;
}

static bool is_absent(const weft_memory_identity *identity, weft_mark mark)
{
    return (identity->marks_known & WEFT_MARK_BIT(mark)) != 0 &&
           !has(identity, mark);
}

static bool is_unknown(const weft_memory_identity *identity, weft_mark mark)
{
    return (identity->marks_known & WEFT_MARK_BIT(mark)) == 0 &&
           !has(identity, mark);
}

/* --------------------------------------------------------------- fields --- */

static void test_fields(void)
{
    const char *root = begin();
    weft_memory_identity identity = look(root);

    check_case("the fields of a process");
    CHECK(identity.pid == PID && identity.parent == 1);
    CHECK(identity.started == 9900 && identity.session == PID);
    CHECK(strcmp(identity.name, "a) b") == 0 && identity.owner == 1001);
    CHECK(is_absent(&identity, WEFT_MARK_KERNEL));
    CHECK(is_absent(&identity, WEFT_MARK_REALTIME));
    CHECK(is_absent(&identity, WEFT_MARK_LOCKED));
    CHECK(is_absent(&identity, WEFT_MARK_SPARED));
    CHECK(is_absent(&identity, WEFT_MARK_TRACED));

    check_case("a thread of the kernel's own, and policies in real time");
    make_stat("2129984", "0");
    identity = look(root);
    CHECK(has(&identity, WEFT_MARK_KERNEL));
    make_stat("4194304", "1");
    identity = look(root);
    CHECK(has(&identity, WEFT_MARK_REALTIME));
    make_stat("4194304", "6");
    identity = look(root);
    CHECK(has(&identity, WEFT_MARK_REALTIME));
    make_stat("4194304", "3");
    identity = look(root);
    CHECK(is_absent(&identity, WEFT_MARK_REALTIME));
    files_end();
}

static const struct {
    const char *text;
    bool is_known;
    bool is_spared;
} scores[] = {
    {"-500\n", true, true},    {"-1000\n", true, true},
    {"-499\n", true, false},   {"500\n", true, false},
    {"1000\n", true, false},   {"0\n", true, false},
    {"\n", false, false},      {"-\n", false, false},
    {"", false, false},        {"-9999\n", false, false},
    {"--500\n", false, false},
};

static void test_scores(void)
{
    const char *root = begin();

    for (size_t i = 0; i < sizeof(scores) / sizeof(scores[0]); i++) {
        weft_memory_identity identity;

        check_case("who is spared when memory runs out");
        files_make("/proc/4711/oom_score_adj", scores[i].text);
        identity = look(root);
        CHECK(is_unknown(&identity, WEFT_MARK_SPARED) != scores[i].is_known);
        CHECK(has(&identity, WEFT_MARK_SPARED) == scores[i].is_spared);
    }
    files_end();
}

/* --------------------------------------------------------------- groups --- */

static void test_grants(void)
{
    const char *root = begin();
    weft_memory_identity identity = look(root);

    check_case("a group that grants nothing");
    CHECK(strcmp(identity.group, "/a/b") == 0);
    CHECK(is_absent(&identity, WEFT_MARK_GUARDED));
    CHECK(is_absent(&identity, WEFT_MARK_SHELTERED));
    files_make("/cg/a/b/memory.min", "0\n");
    files_make("/cg/a/b/memory.low", "0\n");
    files_make("/cg/a/memory.min", "0\n");
    identity = look(root);
    CHECK(is_absent(&identity, WEFT_MARK_GUARDED));
    CHECK(is_absent(&identity, WEFT_MARK_SHELTERED));

    check_case("a group above that grants something");
    files_make("/cg/a/memory.min", "262144000\n");
    identity = look(root);
    CHECK(is_absent(&identity, WEFT_MARK_GUARDED));
    CHECK(has(&identity, WEFT_MARK_SHELTERED));

    check_case("a group that grants something itself");
    files_make("/cg/a/memory.min", "0\n");
    files_make("/cg/a/b/memory.low", "max\n");
    identity = look(root);
    CHECK(has(&identity, WEFT_MARK_GUARDED));
    CHECK(is_absent(&identity, WEFT_MARK_SHELTERED));
    files_make("/cg/a/b/memory.low", "0\n");
    files_make("/cg/a/b/memory.min", "1\n");
    identity = look(root);
    CHECK(has(&identity, WEFT_MARK_GUARDED));
    files_end();
}

static void test_sight(void)
{
    const char *root = begin();
    weft_memory_identity identity;

    check_case("what a group out of sight grants is not known");
    files_make("/proc/self/mountinfo", "");
    identity = look(root);
    CHECK(is_unknown(&identity, WEFT_MARK_GUARDED));
    CHECK(is_unknown(&identity, WEFT_MARK_SHELTERED));
    files_make("/proc/self/mountinfo", V2_MOUNT);
    files_make("/proc/4711/cgroup", "0::/../outside\n");
    identity = look(root);
    CHECK(is_unknown(&identity, WEFT_MARK_GUARDED));

    check_case("version 1 has nothing to grant");
    files_make("/proc/4711/cgroup", "4:cpu,memory:/v1/x\n0::/a/b\n");
    identity = look(root);
    CHECK(strcmp(identity.group, "/v1/x") == 0);
    CHECK(is_absent(&identity, WEFT_MARK_GUARDED));
    CHECK(is_absent(&identity, WEFT_MARK_SHELTERED));
    files_end();
}

static const struct {
    const char *text;
    weft_container maker;
    const char *id; /* NULL: not known */
} containers[] = {
    {"0::/user.slice/x\n", WEFT_CONTAINER_NONE, ""},
    {"0::/system.slice/docker-" ID ".scope\n", WEFT_CONTAINER_DOCKER, ID},
    {"5:memory:/docker/" ID "\n", WEFT_CONTAINER_DOCKER, ID},
    {"5:memory:/docker/" ID "/inner\n", WEFT_CONTAINER_DOCKER, ID},
    {"0::/machine.slice/libpod-" ID ".scope/container\n", WEFT_CONTAINER_PODMAN,
     ID},
    {"0::/machine.slice/libpod-conmon-" ID ".scope\n", WEFT_CONTAINER_NONE, ""},
    {"0::/system.slice/nerdctl-" ID ".scope\n", WEFT_CONTAINER_CONTAINERD, ID},
    {"0::/system.slice/cri-containerd-" ID ".scope\n",
     WEFT_CONTAINER_CONTAINERD, ID},
    {"0::/kubepods.slice/kubepods-burstable.slice/"
     "kubepods-burstable-pod12.slice"
     "/cri-containerd-" ID ".scope\n",
     WEFT_CONTAINER_KUBERNETES, ID},
    {"0::/kubepods/besteffort/pod12/" ID "\n", WEFT_CONTAINER_KUBERNETES, ID},
    {"0::/kubepods/pod12/" ID "/" OTHER "\n", WEFT_CONTAINER_KUBERNETES, OTHER},
    {"0::/kubepods.slice/kubepods-pod12.slice/crio-" ID ".scope\n",
     WEFT_CONTAINER_KUBERNETES, ID},
    {"0::/kubepods/pod12\n", WEFT_CONTAINER_KUBERNETES, NULL},
    {"0::/lxc.payload.web/init.scope\n", WEFT_CONTAINER_LXC, "web"},
    {"1:name=systemd:/lxc.payload/web\n0::/\n", WEFT_CONTAINER_LXC, "web"},
    {"0::/docker/mine\n", WEFT_CONTAINER_NONE, ""},
    {"0::/mydocker-" ID ".scope\n", WEFT_CONTAINER_NONE, ""},
    {"0::/docker-" ID "0.scope\n", WEFT_CONTAINER_NONE, ""},
    {"0::/lxc.payload.\n", WEFT_CONTAINER_LXC, NULL},
    {"0::/lxc.payload." ID OTHER "\n", WEFT_CONTAINER_LXC, NULL},
};

static void test_containers(void)
{
    const char *root = begin();

    for (size_t i = 0; i < sizeof(containers) / sizeof(containers[0]); i++) {
        weft_memory_identity identity;
        bool is_known;

        check_case("containers by their groups");
        files_make("/proc/4711/cgroup", containers[i].text);
        identity = look(root);
        is_known = (identity.valid & WEFT_IDENTITY_CONTAINER) != 0;
        CHECK(identity.maker == containers[i].maker);
        CHECK(is_known == (containers[i].id != NULL));
        CHECK(strcmp(identity.container, is_known ? containers[i].id : "") ==
              0);
    }
    files_end();
}

/* -------------------------------------------------------------- hostile --- */

static void test_long_group(void)
{
    const char *root = begin();
    weft_memory_identity identity;
    char *text = calloc(1, 40000);

    check_case("a group that has no room is not known");
    REQUIRE(text != NULL);
    memset(text, 'x', 600);
    text[0] = '0';
    text[1] = text[2] = ':';
    text[3] = '/';
    text[600] = '\n';
    files_make("/proc/4711/cgroup", text);
    identity = look(root);
    CHECK((identity.valid & WEFT_IDENTITY_GROUP) == 0);
    CHECK(identity.group[0] == '\0');

    check_case("a file that is too long is not understood");
    memset(text, 'x', 39999);
    files_make("/proc/4711/cgroup", text);
    identity = look(root);
    CHECK((identity.valid & WEFT_IDENTITY_GROUP) == 0);
    CHECK((identity.valid & WEFT_IDENTITY_CONTAINER) == 0);
    CHECK(is_unknown(&identity, WEFT_MARK_GUARDED));
    free(text);

    check_case("lines that are none are passed over");
    files_make("/proc/4711/cgroup", "\n:\n::\n0::\n0:/a\nx\n0::/end");
    identity = look(root);
    CHECK(identity.group[0] == '\0');
    files_end();
}

static void test_missing(void)
{
    const char *root = files_begin();
    weft_memory_identity identity = {.size = sizeof(identity)};

    check_case("what can't be read is not known");
    make_stat("4194304", "0");
    files_make("/proc/4711/none", "");
    CHECK_STATUS(weftos_identify(root, PID, &identity, NULL), WEFT_OK);
    CHECK((identity.valid & WEFT_IDENTITY_EXE) == 0);
    CHECK((identity.valid & WEFT_IDENTITY_OWNER) == 0);
    CHECK(is_unknown(&identity, WEFT_MARK_LOCKED));
    CHECK(is_unknown(&identity, WEFT_MARK_TRACED));
    CHECK(is_unknown(&identity, WEFT_MARK_SPARED));
    CHECK(is_unknown(&identity, WEFT_MARK_AUDIO));
    CHECK(is_unknown(&identity, WEFT_MARK_MACHINE));
    CHECK(is_unknown(&identity, WEFT_MARK_SESSION));
    CHECK(is_unknown(&identity, WEFT_MARK_WINDOWED));
    CHECK(is_unknown(&identity, WEFT_MARK_ANCESTOR));
    CHECK(weft_memory_protection(&identity, NULL, true, NULL));

    check_case("lines that are none of a process find none");
    files_make("/proc/4711/stat", "4711 (x");
    CHECK_STATUS(weftos_identify(root, PID, &identity, NULL), WEFT_ENOENT);
    files_make("/proc/4711/stat", "");
    CHECK_STATUS(weftos_identify(root, PID, &identity, NULL), WEFT_ENOENT);
    files_make("/proc/4711/stat", "4711 (x) S 1 2 3 4");
    CHECK_STATUS(weftos_identify(root, PID, &identity, NULL), WEFT_ENOENT);
    CHECK_STATUS(weftos_identify(root, PID + 1, &identity, NULL), WEFT_ENOENT);

    check_case("a parent that is its own parent is not followed for ever");
    files_make("/proc/4711/stat",
               "4711 (x) S 4711 1 1 0 -1 0 0 0 0 0 1 2 3 4 20 0 1 0 9900 0 77 "
               "0 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n");
    identity = look(root);
    CHECK(is_unknown(&identity, WEFT_MARK_FOREGROUND));
    files_end();
}

void test_main(void)
{
    test_fields();
    test_scores();
    test_grants();
    test_sight();
    test_containers();
    test_long_group();
    test_missing();
}
