/* SPDX-License-Identifier: MIT
 *
 * What processes are found to be by macOS's calls: this one, what it descends
 * from, its children, and other users'.
 */
#include <libproc.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "os/identity.h"

#define NOBODY 65533

static weft_memory_identity look(pid_t pid)
{
    weft_memory_identity identity = {.size = sizeof(identity)};

    CHECK_STATUS(weftos_identify("", pid, &identity, NULL), WEFT_OK);
    return identity;
}

static bool has(const weft_memory_identity *identity, weft_mark mark)
{
    return (identity->marks & WEFT_MARK_BIT(mark)) != 0;
}

static bool knows(const weft_memory_identity *identity, weft_mark mark)
{
    return (identity->marks_known & WEFT_MARK_BIT(mark)) != 0;
}

static void test_self(void)
{
    weft_memory_identity identity = look(getpid());
    char path[PROC_PIDPATHINFO_MAXSIZE] = "";

    check_case("this process, and those that it descends from");
    CHECK(proc_pidpath(getpid(), path, sizeof(path)) > 0);
    CHECK(strcmp(identity.exe, path) == 0 && !identity.is_exe_gone);
    CHECK(identity.parent == getppid() && identity.owner == geteuid());
    CHECK(identity.session == getsid(0) && identity.started > 0);
    CHECK(has(&identity, WEFT_MARK_SELF));
    CHECK(knows(&identity, WEFT_MARK_ANCESTOR));
    CHECK(!has(&identity, WEFT_MARK_ANCESTOR));
    CHECK(identity.marks_known == WEFT_MARK_ALL);
    CHECK(!has(&identity, WEFT_MARK_PLATFORM));
    CHECK(!has(&identity, WEFT_MARK_WINDOWED));
    CHECK(!has(&identity, WEFT_MARK_REALTIME));
    CHECK(!has(&identity, WEFT_MARK_LOCKED));
    CHECK(weft_memory_protection(&identity, NULL, true, NULL));
    identity = look(getppid());
    CHECK(has(&identity, WEFT_MARK_ANCESTOR));
    identity = look(1);
    CHECK(has(&identity, WEFT_MARK_FIRST));
    CHECK(weft_memory_protection(&identity, NULL, true, NULL));
}

static void test_ends(void)
{
    weft_memory_identity identity = {.size = sizeof(identity)};
    weft_handle target;
    pid_t child = fork();

    REQUIRE(child >= 0);
    if (child == 0) {
        _exit(0);
    }
    check_case("who has ended is not found");
    REQUIRE(waitpid(child, NULL, 0) == child);
    CHECK_STATUS(weftos_identify("", child, &identity, NULL), WEFT_ENOENT);
    CHECK_STATUS(weftos_identify("", 0, &identity, NULL), WEFT_ENOENT);
    CHECK_STATUS(weftos_identify("", -1, &identity, NULL), WEFT_ENOENT);

    check_case("there is no way to act on a process");
    CHECK_STATUS(weftos_target_open(getppid(), &target, NULL), WEFT_ENOTSUP);
    CHECK(target == WEFT_HANDLE_NONE && !weftos_target_lives(target));
}

static void test_users(void)
{
    pid_t child;
    int how;

    if (geteuid() != 0) {
        return;
    }
    check_case("of another user's process little is known, and it is left "
               "alone");
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        weft_memory_identity identity = {.size = sizeof(identity)};

        REQUIRE(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        CHECK_STATUS(weftos_identify("", 1, &identity, NULL), WEFT_OK);
        CHECK(identity.owner == 0);
        CHECK(!knows(&identity, WEFT_MARK_TRACED));
        CHECK(!knows(&identity, WEFT_MARK_REALTIME));
        CHECK(weft_memory_protection(&identity, NULL, true, NULL));
        identity = (weft_memory_identity){.size = sizeof(identity)};
        CHECK_STATUS(weftos_identify("", getppid(), &identity, NULL), WEFT_OK);
        CHECK(!knows(&identity, WEFT_MARK_FOREGROUND));
        CHECK(weft_memory_protection(&identity, NULL, true, NULL));
        check_exit_child();
    }
    CHECK(waitpid(child, &how, 0) == child && how == 0);
}

void test_main(void)
{
    test_self();
    test_ends();
    test_users();
}
