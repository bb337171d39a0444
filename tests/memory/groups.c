/* SPDX-License-Identifier: MIT
 *
 * Which processes belong together, on processes as browsers, Electron
 * programs, containers and systemd have them, and on hostile ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memory_groups.h"

/* A process as the tables below have it; each takes 10 and its number. */
typedef struct fixture {
    int64_t pid;
    int64_t parent;
    const char *name;
    const char *exe;
    const char *group;
    const char *container;
    uint32_t owner;
} fixture;

#define MOST 32

static weft_memory_process processes[MOST];
static groups_member members[MOST];
static size_t count;
static groups found;

static void find(groups_by by, const fixture *rows, size_t rows_count)
{
    REQUIRE(rows_count <= MOST);
    count = rows_count;
    for (size_t i = 0; i < count; i++) {
        processes[i] = (weft_memory_process){
            .valid = WEFT_MEMORY_PROCESS_RESIDENT |
                     WEFT_MEMORY_PROCESS_FOOTPRINT |
                     WEFT_MEMORY_PROCESS_PRIVATE | WEFT_MEMORY_PROCESS_SWAPPED |
                     WEFT_MEMORY_PROCESS_OWNER,
            .pid = rows[i].pid,
            .parent = rows[i].parent,
            .started = (uint64_t)rows[i].pid,
            .owner = rows[i].owner,
            .resident_bytes = 1000,
            .footprint_bytes = 10 + (uint64_t)rows[i].pid,
            .private_bytes = 5,
            .swapped_bytes = 1,
        };
        (void)snprintf(processes[i].name, sizeof(processes[i].name), "%s",
                       rows[i].name);
        members[i] = (groups_member){&processes[i], rows[i].exe, rows[i].group,
                                     rows[i].container, false};
    }
    REQUIRE(groups_find(by, members, count, &found));
}

/* The group of a process, by its number. */
static const groups_group *of(int64_t pid)
{
    for (size_t i = 0; i < count; i++) {
        if (processes[i].pid == pid && found.of[i] != GROUPS_NONE) {
            return &found.items[found.of[i]];
        }
    }
    return NULL;
}

static bool together(int64_t a, int64_t b)
{
    return of(a) != NULL && of(a) == of(b);
}

static bool is_called(groups_by by, int64_t pid, const char *expected)
{
    char text[256];

    groups_label(by, of(pid), members, text, sizeof(text));
    return strcmp(text, expected) == 0;
}

#define FIND(by, rows) find((by), (rows), sizeof(rows) / sizeof((rows)[0]))
#define CHROME "/opt/google/chrome/chrome"

/* ------------------------------------------------------------ programs --- */

static void test_browser(void)
{
    static const fixture rows[] = {
        {1, 0, "systemd", "/usr/lib/systemd/systemd", "", "", 0},
        {100, 1, "chrome", CHROME, "", "", 1000},
        {101, 1, "chrome_crashpad", "/opt/google/chrome/crashpad", "", "",
         1000},
        {102, 100, "cat", "/usr/bin/cat", "", "", 1000},
        {103, 100, "chrome", CHROME, "", "", 1000},
        {104, 103, "sandbox", "/usr/bin/bwrap", "", "", 1000},
        {105, 104, "renderer", CHROME " (deleted)", "", "", 1000},
        {200, 1, "chrome", "/home/eve/evil/chrome", "", "", 1001},
        {201, 200, "chrome", "/home/eve/evil/chrome", "", "", 1001},
        {300, 100, "chrome", "/home/eve/chrome", "", "", 1000},
    };

    check_case("a browser has its renderers and helpers, and no namesakes");
    FIND(GROUPS_BY_APPLICATION, rows);
    CHECK(together(100, 103) && together(100, 105));
    CHECK(together(100, 101));
    CHECK(!together(100, 102) && !together(100, 104));
    CHECK(!together(100, 200) && together(200, 201));
    CHECK(!together(100, 300) && !together(200, 300));
    CHECK(of(100)->members == 4 && of(100)->measured == 4);
    CHECK(of(100)->footprint_bytes == 40 + 100 + 101 + 103 + 105);
    CHECK(of(100)->private_bytes == 20 && of(100)->swapped_bytes == 4);
    CHECK(of(100)->number == 100);
    CHECK(is_called(GROUPS_BY_APPLICATION, 100, "chrome"));
    CHECK(is_called(GROUPS_BY_APPLICATION, 102, "cat"));
    groups_free(&found);
}

#define ELECTRON "/usr/lib/electron25/electron"

static void test_electron(void)
{
    static const fixture rows[] = {
        {1, 0, "systemd", "/usr/lib/systemd/systemd", "", "", 0},
        {10, 1, "code", ELECTRON, "", "", 1000},
        {11, 10, "code", ELECTRON, "", "", 1000},
        {12, 11, "code", ELECTRON, "", "", 1000},
        {13, 12, "bash", "/usr/bin/bash", "", "", 1000},
        {20, 1, "signal", ELECTRON, "", "", 1000},
        {21, 20, "signal", ELECTRON, "", "", 1000},
        {30, 1, "slack", "/snap/slack/1/usr/lib/slack/slack", "", "", 1000},
        {31, 30, "slack", "/snap/slack/1/usr/lib/slack/slack", "", "", 1000},
        {40, 1, "electron", ELECTRON, "", "", 1000},
        {50, 1, "bash", "/usr/bin/bash", "", "", 1000},
        {51, 50, "bash", "/usr/bin/bash", "", "", 1000},
    };

    check_case("programs that share a runtime are told apart by their trees");
    FIND(GROUPS_BY_APPLICATION, rows);
    CHECK(together(10, 12) && together(20, 21) && together(30, 31));
    CHECK(!together(10, 20) && !together(10, 30));
    /* A runtime of its own, and whose helper it is nobody knows. */
    CHECK(!together(40, 10) && !together(40, 20));
    check_case("programs of a shared folder are told by their file");
    CHECK(together(13, 50) && together(50, 51));
    groups_free(&found);
}

static void test_bundle(void)
{
    static const fixture rows[] = {
        {1, 0, "launchd", "/sbin/launchd", "", "", 0},
        {10, 1, "Slack", "/Applications/Slack.app/Contents/MacOS/Slack", "", "",
         501},
        {11, 1, "Slack Helper",
         "/Applications/Slack.app/Contents/Frameworks/Slack Helper.app/"
         "Contents/MacOS/Slack Helper",
         "", "", 501},
        {12, 1, "Notes", "/System/Applications/Notes.app/Contents/MacOS/Notes",
         "", "", 501},
        {13, 1, "happ", "/usr/local/x.apple/happ", "", "", 501},
    };

    check_case("a bundle of macOS is one, with the bundles in it");
    FIND(GROUPS_BY_APPLICATION, rows);
    CHECK(together(10, 11) && !together(10, 12) && !together(10, 13));
    CHECK(is_called(GROUPS_BY_APPLICATION, 11, "Slack.app"));
    CHECK(is_called(GROUPS_BY_APPLICATION, 13, "happ"));
    groups_free(&found);
}

static void test_windows(void)
{
    static const fixture rows[] = {
        {4, 0, "System", "", "", "", 0},
        {10, 4, "svchost.exe", "C:\\Windows\\System32\\svchost.exe", "", "", 0},
        {11, 4, "lsass.exe", "C:\\Windows\\System32\\lsass.exe", "", "", 0},
        {20, 4, "msedge.exe", "C:\\Program Files\\Edge\\msedge.exe", "", "", 0},
        {21, 20, "helper.exe", "C:\\Program Files\\Edge\\helper.exe", "", "",
         0},
    };

    check_case("paths of Windows have parts too");
    FIND(GROUPS_BY_APPLICATION, rows);
    CHECK(!together(10, 11) && together(20, 21));
    CHECK(is_called(GROUPS_BY_APPLICATION, 21, "msedge.exe"));
    CHECK(is_called(GROUPS_BY_APPLICATION, 4, "not known"));
    groups_free(&found);
}

/* --------------------------------------------------------------- others --- */

#define POD "/kubepods.slice/kubepods-burstable.slice/cri-containerd-5f.scope"

static void test_groups(void)
{
    static const fixture rows[] = {
        {1, 0, "systemd", NULL, "/init.scope", "", 0},
        {10, 1, "nginx", NULL, "/system.slice/nginx.service", "", 33},
        {11, 10, "nginx", NULL, "/system.slice/nginx.service", "", 33},
        {20, 1, "sh", NULL, "/docker/3fa", "3fa", 0},
        {21, 20, "app", NULL, "/docker/3fa", "3fa", 0},
        {30, 1, "conmon", NULL, "/machine.slice/libpod-77.scope", "77", 1000},
        {40, 1, "pause", NULL, POD, "5f", 65535},
        {50, 1, "hidden", NULL, NULL, NULL, 0},
        {60, 1, "root", NULL, "", "", 0},
    };

    check_case("control groups are told by their path");
    FIND(GROUPS_BY_GROUP, rows);
    CHECK(together(10, 11) && together(20, 21) && !together(10, 1));
    CHECK(is_called(GROUPS_BY_GROUP, 10, "/system.slice/nginx.service"));
    CHECK(is_called(GROUPS_BY_GROUP, 60, "/"));
    CHECK(!of(50)->is_known && is_called(GROUPS_BY_GROUP, 50, "not known"));
    CHECK(!together(50, 60));
    groups_free(&found);

    check_case("containers by their id; what is in none is together");
    FIND(GROUPS_BY_CONTAINER, rows);
    CHECK(together(20, 21) && !together(20, 30) && !together(20, 40));
    CHECK(together(1, 10) && together(1, 60) && !together(1, 50));
    CHECK(is_called(GROUPS_BY_CONTAINER, 40, "5f"));
    CHECK(is_called(GROUPS_BY_CONTAINER, 1, "no container"));
    groups_free(&found);

    check_case("users by their number");
    FIND(GROUPS_BY_USER, rows);
    CHECK(together(1, 20) && together(10, 11) && !together(10, 40));
    CHECK(of(40)->number == 65535);
    groups_free(&found);
}

static void test_trees(void)
{
    static const fixture rows[] = {
        {1, 0, "systemd", "/usr/lib/systemd/systemd", "", "", 0},
        {2, 0, "kthreadd", NULL, "", "", 0},
        {10, 1, "systemd", "/usr/lib/systemd/systemd", "", "", 1000},
        {11, 10, "shell", "/usr/bin/gnome-shell", "", "", 1000},
        {12, 11, "app", "/usr/bin/app", "", "", 1000},
        {13, 10, "pipewire", "/usr/bin/pipewire", "", "", 1000},
        {20, 1, "sshd", "/usr/sbin/sshd", "", "", 0},
        {21, 20, "bash", "/usr/bin/bash", "", "", 0},
    };

    check_case("a tree is what the first process or a user's has started");
    FIND(GROUPS_BY_TREE, rows);
    CHECK(together(11, 12) && together(20, 21));
    CHECK(!together(11, 13) && !together(10, 11) && !together(1, 20));
    CHECK(is_called(GROUPS_BY_TREE, 12, "shell") && of(12)->number == 11);
    groups_free(&found);
}

/* -------------------------------------------------------------- hostile --- */

static void test_hostile(void)
{
    static const fixture rows[] = {
        {10, 12, "a", "/a/b/c", "/\n\x1b[2J", "\x1b]0;x\x07", 0},
        {11, 10, "b", "/a/b/c", "/\n\x1b[2J", "", 0},
        {12, 11, "c", "/a/b/d", "///", "", 0},
        {13, 13, "self", "", "", "", 0},
        {14, -5, "none", "/", "", "", 0},
        {15, 99, "gone", " (deleted)", "", "", 0},
        {16, 15, "x", ".app/", "", "", 0},
        {17, 15, "y", "/.app/", "", "", 0},
        {18, 15, "z", "/x.app/", "", "", 0},
        {19, 15, "w", "\\", "", "", 0},
        {20, 15, "v", "C:\\", "", "", 0},
    };
    static const groups_by all[] = {GROUPS_BY_NOTHING, GROUPS_BY_APPLICATION,
                                    GROUPS_BY_GROUP,   GROUPS_BY_CONTAINER,
                                    GROUPS_BY_USER,    GROUPS_BY_TREE};

    check_case("circles and nonsense end, and nobody is lost");
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        size_t sum = 0;

        FIND(all[i], rows);
        /* All began at once, so a circle of parents is not ruled out. */
        for (size_t k = 0; k < count; k++) {
            processes[k].started = 1;
        }
        groups_free(&found);
        REQUIRE(groups_find(all[i], members, count, &found));
        for (size_t k = 0; k < found.count; k++) {
            sum += found.items[k].members;
        }
        CHECK(sum == count);
        for (size_t k = 0; k < count; k++) {
            CHECK(found.of[k] < found.count);
            CHECK(!is_called(all[i], processes[k].pid, ""));
        }
        groups_free(&found);
    }
}

static void test_partial(void)
{
    static const fixture rows[] = {
        {1, 0, "init", "/sbin/init", "", "", 0},
        {2, 0, "kthreadd", NULL, NULL, NULL, 0},
        {3, 2, "kworker", NULL, NULL, NULL, 0},
        {10, 1, "bash", "/usr/bin/bash", "", "", 0},
        {11, 1, "bash", "/usr/bin/bash", "", "", 0},
        {12, 1, "other", NULL, NULL, NULL, 7},
    };

    check_case("who is not measured is counted, and no figure is made up");
    FIND(GROUPS_BY_APPLICATION, rows);
    groups_free(&found);
    processes[1].is_kernel = true;
    processes[2].is_kernel = true;
    processes[4].valid &= ~WEFT_MEMORY_PROCESS_FOOTPRINT;
    processes[5].valid &= ~WEFT_MEMORY_PROCESS_FOOTPRINT;
    members[5].is_denied = true;
    REQUIRE(groups_find(GROUPS_BY_APPLICATION, members, count, &found));
    CHECK(of(2) == NULL && of(3) == NULL);
    CHECK(of(10)->members == 2 && of(10)->measured == 1);
    CHECK(of(10)->footprint_bytes == 20 && of(10)->unmeasured_bytes == 1000);
    CHECK(of(10)->denied == 0);
    CHECK(of(12)->members == 1 && of(12)->denied == 1);
    CHECK(of(12)->measured == 0 && !of(12)->is_known);
    groups_free(&found);

    check_case("no processes are no groups");
    REQUIRE(groups_find(GROUPS_BY_TREE, members, 0, &found));
    CHECK(found.count == 0);
    groups_free(&found);
}

void test_main(void)
{
    test_browser();
    test_electron();
    test_bundle();
    test_windows();
    test_groups();
    test_trees();
    test_hostile();
    test_partial();
}
