/* SPDX-License-Identifier: MIT
 *
 * What processes are found to be on Windows: this one, its parent, a child,
 * and the way to it.
 */
#include <stdio.h>
#include <string.h>
#include <windows.h>

#include <weft/protect.h>

#include "check.h"
#include "memory/protect_gate.h"
#include "peer.h"

static weft_memory *memory;

static weft_memory_identity look(int64_t pid)
{
    weft_memory_identity identity = {.size = sizeof(identity)};

    CHECK_STATUS(weft_memory_identify(memory, pid, &identity, NULL), WEFT_OK);
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
    weft_memory_identity identity = look((int64_t)GetCurrentProcessId());
    const char *end = strrchr(identity.exe, '\\');

    check_case("this process, and the one that has started it");
    CHECK(has(&identity, WEFT_MARK_SELF));
    CHECK(knows(&identity, WEFT_MARK_ANCESTOR));
    CHECK(!has(&identity, WEFT_MARK_ANCESTOR));
    CHECK((identity.valid & WEFT_IDENTITY_EXE) != 0);
    CHECK(end != NULL && strstr(end, "test_windows_identity") != NULL);
    CHECK((identity.valid & WEFT_IDENTITY_NAME) != 0);
    CHECK(strstr(identity.name, "test_windows_identity") != NULL);
    CHECK(identity.ignores_case && identity.started > 0);
    CHECK((identity.valid & WEFT_IDENTITY_OWNER) == 0);
    CHECK((identity.valid & WEFT_IDENTITY_GROUP) != 0 &&
          identity.group[0] == '\0');
    CHECK(knows(&identity, WEFT_MARK_REALTIME));
    CHECK(!has(&identity, WEFT_MARK_REALTIME));
    CHECK(knows(&identity, WEFT_MARK_TRACED));
    CHECK(weft_memory_protection(&identity, NULL, true, NULL));
    printf("# session %lld, marks %#x, known %#x\n",
           (long long)identity.session, (unsigned)identity.marks,
           (unsigned)identity.marks_known);
}

static void test_missing(void)
{
    weft_memory_identity identity = {.size = sizeof(identity)};

    check_case("who is not there is not found");
    CHECK_STATUS(weft_memory_identify(memory, 0, &identity, NULL), WEFT_ENOENT);
    CHECK_STATUS(weft_memory_identify(memory, -4, &identity, NULL),
                 WEFT_ENOENT);
    CHECK_STATUS(weft_memory_identify(memory, INT64_MAX, &identity, NULL),
                 WEFT_ENOENT);
    CHECK_STATUS(weft_memory_identify(memory, 0x7ffffffc, &identity, NULL),
                 WEFT_ENOENT);
}

/* A child of this process: what this one is to it. */
static void be_child(void *context)
{
    weft_memory_identity own;
    weft_memory_identity parent;

    (void)context;
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    own = look((int64_t)GetCurrentProcessId());
    parent = look(own.parent);
    CHECK(has(&own, WEFT_MARK_SELF));
    CHECK(has(&parent, WEFT_MARK_ANCESTOR));
    CHECK(strstr(parent.exe, "test_windows_identity") != NULL);
    weft_memory_close(&memory);
    check_keep_handles();
}

static void test_child(void)
{
    static const char never[] = "never exe=*\\TEST_windows_identity*";
    peer_process child = peer_run(be_child, NULL, 0);
    weft_memory_rules *rules = NULL;

    check_case("a child's parent is its ancestor");
    CHECK(peer_status(&child) == 0);

    check_case("who has ended is not found");
    CHECK_STATUS(weft_memory_identify(memory, child.id,
                                      &(weft_memory_identity){
                                          .size = sizeof(weft_memory_identity)},
                                      NULL),
                 WEFT_ENOENT);

    check_case("rules compare files in either case");
    REQUIRE(weft_memory_rules_open(never, sizeof(never) - 1, &rules, NULL,
                                   NULL) == WEFT_OK);
    for (int i = 0; i < 2; i++) {
        weft_memory_identity identity = look((int64_t)GetCurrentProcessId());

        identity.marks = 0;
        identity.marks_known = WEFT_MARK_ALL;
        CHECK(weft_memory_protection(&identity, i == 0 ? rules : NULL, true,
                                     NULL) == (i == 0));
    }
    weft_memory_rules_close(&rules);
}

static void test_gate(void)
{
    weft_memory_identity own = look((int64_t)GetCurrentProcessId());
    struct wefti_gate gate;

    check_case("the way to this process is shut, and to who has its number");
    CHECK_STATUS(
        wefti_gate_open(memory, own.pid, own.started, NULL, true, &gate, NULL),
        WEFT_EACCES);
    CHECK(gate.target == WEFT_HANDLE_NONE && gate.protection.is_protected);
    CHECK_STATUS(wefti_gate_open(memory, own.pid, own.started + 1, NULL, true,
                                 &gate, NULL),
                 WEFT_ENOENT);
    CHECK_STATUS(
        wefti_gate_open(memory, 0x7ffffffc, 0, NULL, true, &gate, NULL),
        WEFT_ENOENT);
}

/* user32 opens some of its own when it is used first. */
static void test_handles(void)
{
    int before = check_open_handles();

    check_case("a look leaves nothing open");
    for (int i = 0; i < 50; i++) {
        (void)look((int64_t)GetCurrentProcessId());
    }
    CHECK(check_open_handles() < before + 25);
}

void test_main(void)
{
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    test_self();
    test_handles();
    test_missing();
    test_child();
    test_gate();
    weft_memory_close(&memory);
    check_keep_handles();
}
