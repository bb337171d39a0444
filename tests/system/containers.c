/* SPDX-License-Identifier: MIT
 *
 * Containers and their limits, in trees of files that look like those of the
 * kernel: what is concluded, what of it is believed, and hostile text.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "os/linux/container.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OWN_PID "pid:[4026532222]"
#define FIRST_PID "pid:[4026531836]"
#define FILES_MOST 8

#define V2_MOUNT "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
#define V1_MOUNTS                                                              \
    "31 23 0:27 / /cg/memory rw - cgroup cgroup rw,memory\n"                   \
    "32 23 0:28 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"

/* A tree: the namespace of process numbers, and files. */
struct tree {
    const char *pid;
    struct {
        const char *path;
        const char *text;
    } files[FILES_MOST];
};

static weft_system look(const struct tree *tree)
{
    weft_system system = {.size = sizeof(system)};
    const char *root;
    char path[PATH_MAX];

    root = files_begin();
    files_make("/proc/self/ns/none", "");
    if (tree->pid != NULL) {
        (void)snprintf(path, sizeof(path), "%s/proc/self/ns/pid", root);
        REQUIRE(symlink(tree->pid, path) == 0);
    }
    for (int i = 0; i < FILES_MOST && tree->files[i].path != NULL; i++) {
        files_make(tree->files[i].path, tree->files[i].text);
    }
    weftos_container_find(root, &system);
    files_end();
    CHECK(memchr(system.container_fact, '\0', sizeof(system.container_fact)));
    return system;
}

/* ----------------------------------------------------------- containers --- */

static const struct {
    const char *what;
    weft_container container; /* UNKNOWN + is_absent: nothing is concluded */
    bool is_absent;
    struct tree tree;
} kinds[] = {
    {"nothing is known", WEFT_CONTAINER_NONE, true, {NULL, {{NULL, NULL}}}},
    {"the machine", WEFT_CONTAINER_NONE, false, {FIRST_PID, {{NULL, NULL}}}},
    {"a mark on the machine's root",
     WEFT_CONTAINER_NONE,
     false,
     {FIRST_PID, {{"/.dockerenv", ""}}}},
    {"a namespace alone",
     WEFT_CONTAINER_UNKNOWN,
     false,
     {OWN_PID, {{NULL, NULL}}}},
    {"Docker's mark",
     WEFT_CONTAINER_DOCKER,
     false,
     {OWN_PID, {{"/.dockerenv", ""}}}},
    {"Podman's mark",
     WEFT_CONTAINER_PODMAN,
     false,
     {OWN_PID, {{"/run/.containerenv", ""}}}},
    {"Docker's group",
     WEFT_CONTAINER_DOCKER,
     false,
     {FIRST_PID, {{"/proc/self/cgroup", "4:memory:/docker/" ID "\n"}}}},
    {"Docker's scope",
     WEFT_CONTAINER_DOCKER,
     false,
     {OWN_PID,
      {{"/proc/self/cgroup", "0::/system.slice/docker-" ID ".scope\n"}}}},
    {"a group that somebody called docker",
     WEFT_CONTAINER_NONE,
     false,
     {FIRST_PID, {{"/proc/self/cgroup", "0::/docker/mine\n"}}}},
    {"a group whose name ends so",
     WEFT_CONTAINER_NONE,
     false,
     {FIRST_PID, {{"/proc/self/cgroup", "0::/mykubepods/x\n"}}}},
    {"Kubernetes' group",
     WEFT_CONTAINER_KUBERNETES,
     false,
     {OWN_PID,
      {{"/proc/self/cgroup",
        "0::/kubepods.slice/kubepods-burstable.slice/x\n"}}}},
    {"Podman's group",
     WEFT_CONTAINER_PODMAN,
     false,
     {OWN_PID,
      {{"/proc/self/cgroup", "0::/machine.slice/libpod-" ID ".scope\n"}}}},
    {"LXC's group",
     WEFT_CONTAINER_LXC,
     false,
     {OWN_PID, {{"/proc/self/cgroup", "0::/lxc.payload.web/init.scope\n"}}}},
    {"Docker's mount",
     WEFT_CONTAINER_DOCKER,
     false,
     {OWN_PID,
      {{"/proc/self/mountinfo",
        "1 2 8:1 /var/lib/docker/containers/x/hosts /etc/hosts rw - ext4 a "
        "rw\n"}}}},
    {"lxcfs",
     WEFT_CONTAINER_LXC,
     false,
     {OWN_PID,
      {{"/proc/self/mountinfo",
        "1 2 0:1 /a /proc/stat rw shared:1 - fuse.lxcfs lxcfs rw\n"}}}},
    {"what systemd wrote down",
     WEFT_CONTAINER_NSPAWN,
     false,
     {OWN_PID, {{"/run/systemd/container", "systemd-nspawn\n"}}}},
    {"a name that nobody knows",
     WEFT_CONTAINER_UNKNOWN,
     false,
     {OWN_PID, {{"/run/systemd/container", "new-thing\n"}}}},
    {"WSL",
     WEFT_CONTAINER_WSL,
     false,
     {FIRST_PID,
      {{"/proc/sys/kernel/osrelease", "5.15-microsoft-standard-WSL2\n"}}}},
    {"lines that are none",
     WEFT_CONTAINER_NONE,
     false,
     {FIRST_PID,
      {{"/proc/self/cgroup", "\n:\n::\n0:\nx\n0::\n0::x\n:::::/\n"},
       {"/proc/self/mountinfo", " - \n1 2 3 - a\n1 2 3 4 5 6 -\n- - -\n"}}}},
};

static void test_kinds(void)
{
    check_case("a container is concluded from facts alone");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        weft_system system = look(&kinds[i].tree);
        bool is_known = (system.valid & WEFT_SYSTEM_CONTAINER) != 0;

        if (!CHECK(is_known == !kinds[i].is_absent) ||
            !CHECK(system.container == kinds[i].container)) {
            printf("# %s: %s, %s\n", kinds[i].what,
                   weft_container_name(system.container),
                   system.container_fact);
        }
    }
}

/* --------------------------------------------------------------- limits --- */

#define NONE WEFT_UNLIMITED
#define ABSENT (WEFT_UNLIMITED - 1)

static const struct {
    const char *what;
    uint64_t memory;
    uint64_t quota;
    struct tree tree;
} limits[] = {
    {"no groups", ABSENT, ABSENT, {NULL, {{NULL, NULL}}}},
    {"groups that are not in sight",
     ABSENT,
     ABSENT,
     {NULL, {{"/proc/self/cgroup", "0::/a\n"}}}},
    {"version 2, no limit",
     NONE,
     NONE,
     {NULL,
      {{"/proc/self/cgroup", "0::/a\n"},
       {"/proc/self/mountinfo", V2_MOUNT},
       {"/sys/fs/cgroup/a/memory.max", "max\n"},
       {"/sys/fs/cgroup/a/cpu.max", "max 100000\n"}}}},
    {"version 2, a limit of its own",
     1048576,
     1500,
     {NULL,
      {{"/proc/self/cgroup", "0::/a/b\n"},
       {"/proc/self/mountinfo", V2_MOUNT},
       {"/sys/fs/cgroup/a/b/memory.max", "1048576\n"},
       {"/sys/fs/cgroup/a/b/cpu.max", "150000 100000\n"}}}},
    {"version 2, a tighter limit above",
     4096,
     1,
     {NULL,
      {{"/proc/self/cgroup", "0::/a/b\n"},
       {"/proc/self/mountinfo", V2_MOUNT},
       {"/sys/fs/cgroup/a/b/memory.max", "1048576\n"},
       {"/sys/fs/cgroup/a/memory.max", "4096\n"},
       {"/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"},
       {"/sys/fs/cgroup/a/cpu.max", "1 100000\n"}}}},
    {"version 2, a part of the tree mounted, with a blank",
     8192,
     2000,
     {NULL,
      {{"/proc/self/cgroup", "0::/out/side/in\n"},
       {"/proc/self/mountinfo",
        "30 23 0:26 /out/side /c\\040g rw - cgroup2 cgroup2 rw\n"},
       {"/c g/in/memory.max", "8192\n"},
       {"/c g/cpu.max", "200000 100000\n"}}}},
    {"a group outside the mount",
     ABSENT,
     ABSENT,
     {NULL,
      {{"/proc/self/cgroup", "0::/../../a\n"},
       {"/proc/self/mountinfo", V2_MOUNT},
       {"/sys/fs/cgroup/memory.max", "8192\n"}}}},
    {"version 1",
     65536,
     500,
     {NULL,
      {{"/proc/self/cgroup", "4:memory:/a\n3:cpu,cpuacct:/b\n0::/\n"},
       {"/proc/self/mountinfo", V1_MOUNTS V2_MOUNT},
       {"/cg/memory/a/memory.limit_in_bytes", "65536\n"},
       {"/cg/cpu/b/cpu.cfs_quota_us", "50000\n"},
       {"/cg/cpu/b/cpu.cfs_period_us", "100000\n"}}}},
    {"version 1, no limit, but one out of sight",
     12288,
     NONE,
     {NULL,
      {{"/proc/self/cgroup", "4:memory:/a\n3:cpu,cpuacct:/b\n"},
       {"/proc/self/mountinfo", V1_MOUNTS},
       {"/cg/memory/a/memory.limit_in_bytes", "9223372036854771712\n"},
       {"/cg/memory/a/memory.stat",
        "cache 1\nhierarchical_memory_limit 12288\n"},
       {"/cg/cpu/b/cpu.cfs_quota_us", "-1\n"},
       {"/cg/cpu/b/cpu.cfs_period_us", "100000\n"}}}},
    {"numbers that are none",
     NONE,
     NONE,
     {NULL,
      {{"/proc/self/cgroup", "0::/a\n"},
       {"/proc/self/mountinfo", V2_MOUNT},
       {"/sys/fs/cgroup/a/memory.max", "99999999999999999999999\n"},
       {"/sys/fs/cgroup/a/cpu.max", "100000 0\n"}}}},
    {"numbers that are cut",
     NONE,
     NONE,
     {NULL,
      {{"/proc/self/cgroup", "0::/a\n"},
       {"/proc/self/mountinfo", V2_MOUNT},
       {"/sys/fs/cgroup/a/memory.max", ""},
       {"/sys/fs/cgroup/a/cpu.max", "100000\n"}}}},
};

static void test_limits(void)
{
    check_case("the tightest limit of all groups in sight counts");
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        weft_system system = look(&limits[i].tree);
        bool has_memory = (system.valid & WEFT_SYSTEM_MEMORY_LIMIT) != 0;
        bool has_quota = (system.valid & WEFT_SYSTEM_CPU_QUOTA) != 0;

        if (!CHECK(has_memory == (limits[i].memory != ABSENT)) ||
            !CHECK(has_quota == (limits[i].quota != ABSENT)) ||
            !CHECK(!has_memory ||
                   system.memory_limit_bytes == limits[i].memory) ||
            !CHECK(!has_quota || system.cpu_quota_milli == limits[i].quota)) {
            printf("# %s: memory %llu %s, quota %llu %s\n", limits[i].what,
                   (unsigned long long)system.memory_limit_bytes,
                   system.memory_limit_source,
                   (unsigned long long)system.cpu_quota_milli,
                   system.cpu_quota_source);
        }
        CHECK((has_memory && limits[i].memory != NONE) ==
              (system.memory_limit_source[0] != '\0'));
    }
}

/* A line that is longer than there is room for takes no other one with it. */
static void test_long_line(void)
{
    static const char group[] = "\n0::/docker/" ID "\n";
    static char groups[70000 + sizeof(group)];
    struct tree tree = {OWN_PID, {{"/proc/self/cgroup", groups}}};

    check_case("a line of any length is passed over");
    for (size_t length = 32700; length < 70000; length += 3729) {
        memset(groups, '/', length);
        (void)snprintf(groups + length, sizeof(groups) - length, "%s", group);
        CHECK(look(&tree).container == WEFT_CONTAINER_DOCKER);
    }
    groups[69000] = '\0';
    CHECK(look(&tree).container == WEFT_CONTAINER_UNKNOWN);
}

void test_main(void)
{
    test_kinds();
    test_long_line();
    test_limits();
}
