/* SPDX-License-Identifier: MIT
 *
 * The list of processes of Windows, in a buffer as the system fills it: each
 * member at its place, names in UTF-16, and buffers that no system fills so.
 *
 * The offsets are written here once more, by number: from the layout that
 * System Informer publishes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "os/windows/process_list.h"

#define ADDRESS UINT64_C(0x0000020f5a3c0000)
#define ENTRY ((size_t)0x100)
#define THREAD ((size_t)0x50)
#define MIB (UINT64_C(1) << 20)

static unsigned char buffer[8192];
static size_t filled;

static void put(size_t at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        buffer[at + i] = (unsigned char)(value >> 8 * i);
    }
}

struct process {
    uint64_t pid;
    uint64_t parent;
    uint64_t created;
    uint64_t private_set;
    uint64_t working_set;
    uint64_t commit;
    unsigned threads;
    const uint16_t *name;
    size_t units;
};

/* One more, as the system has it: entry, threads, name; on 8 bytes. */
static void add(const struct process *process, bool is_last)
{
    size_t at = filled;
    size_t name = at + ENTRY + process->threads * THREAD;
    size_t bytes = process->units * 2;

    filled = (name + bytes + 2 + 7) / 8 * 8;
    REQUIRE(filled <= sizeof(buffer));
    put(at + 0x00, is_last ? 0 : filled - at, 4);
    put(at + 0x04, process->threads, 4);
    put(at + 0x08, process->private_set, 8);
    put(at + 0x20, process->created, 8);
    put(at + 0x28, 1111, 8); /* user */
    put(at + 0x30, 2222, 8); /* kernel */
    if (bytes > 0) {
        put(at + 0x38, bytes, 2);
        put(at + 0x3a, bytes + 2, 2);
        put(at + 0x40, ADDRESS + name, 8);
    }
    put(at + 0x48, 8, 4);
    put(at + 0x50, process->pid, 8);
    put(at + 0x58, process->parent, 8);
    put(at + 0x60, 77, 4);
    put(at + 0x64, 1, 4);
    put(at + 0x70, UINT64_C(2203318222848), 8);
    put(at + 0x78, UINT64_C(2203318222848), 8);
    put(at + 0x80, 4711, 4);
    put(at + 0x88, process->working_set + MIB, 8);
    put(at + 0x90, process->working_set, 8);
    put(at + 0xb8, process->commit, 8);
    put(at + 0xc0, process->commit + MIB, 8);
    for (size_t i = 0; i < process->units; i++) {
        put(name + 2 * i, process->name[i], 2);
    }
}

static const uint16_t system_name[] = {'S', 'y', 's', 't', 'e', 'm'};
static const uint16_t notes_name[] = {'N',    0xf6, 't', 0x20ac, 0xd83d,
                                      0xde00, '.',  'e', 'x',    'e'};
static const struct process processes[] = {
    {0, 0, 0, 8192, 8192, 61440, 2, NULL, 0}, /* idle */
    {4, 0, UINT64_C(133500000000000000), 24576, 151552, 196608, 3, system_name,
     6},
    {4711, 4, UINT64_C(133500000123456789), 52 * MIB, 90 * MIB, 120 * MIB, 1,
     notes_name, 10},
};

static struct weftos_process_list fill(void)
{
    memset(buffer, 0, sizeof(buffer));
    filled = 0;
    for (size_t i = 0; i < 3; i++) {
        add(&processes[i], i == 2);
    }
    return (struct weftos_process_list){
        .data = buffer, .bytes = filled, .address = ADDRESS};
}

static void test_members(void)
{
    struct weftos_process_list list = fill();
    struct weftos_process_entry entry;
    char name[64];

    check_case("each member is at its place");
    for (size_t i = 0; i < 3; i++) {
        const struct process *process = &processes[i];

        REQUIRE(weftos_process_next(&list, &entry));
        CHECK(entry.pid == process->pid && entry.parent == process->parent);
        CHECK(entry.threads == process->threads);
        CHECK(entry.private_working_set == process->private_set);
        CHECK(entry.created == process->created);
        CHECK(entry.user == 1111 && entry.kernel == 2222);
        CHECK(entry.handles == 77 && entry.session == 1);
        CHECK(entry.faults == 4711);
        CHECK(entry.working_set[0] == process->working_set + MIB);
        CHECK(entry.working_set[1] == process->working_set);
        CHECK(entry.commit == process->commit);
        CHECK(entry.commit_most == process->commit + MIB);
        weftos_process_name(&list, &entry, name, sizeof(name));
        CHECK(i != 0 || name[0] == '\0');
        CHECK(i != 1 || strcmp(name, "System") == 0);
        CHECK(i != 2 || strcmp(name, "N\xc3\xb6t\xe2\x82\xac"
                                     "\xf0\x9f\x98\x80.exe") == 0);
    }
    CHECK(!weftos_process_next(&list, &entry));
    CHECK(!weftos_process_next(&list, &entry));
    CHECK(!list.is_broken);
}

/* The name of the third process, in so much room. */
static const char *name_of_third(size_t room)
{
    static char text[64];
    struct weftos_process_list list = {
        .data = buffer, .bytes = filled, .address = ADDRESS};
    struct weftos_process_entry entry;

    for (size_t i = 0; i < 3; i++) {
        REQUIRE(weftos_process_next(&list, &entry));
    }
    memset(text, '#', sizeof(text));
    weftos_process_name(&list, &entry, text, room);
    return text;
}

static void test_names(void)
{
    size_t third = 0;
    size_t name;

    (void)fill();
    for (size_t i = 0; i < 2; i++) {
        third += ENTRY + processes[i].threads * THREAD;
        third = (third + processes[i].units * 2 + 2 + 7) / 8 * 8;
    }
    name = third + ENTRY + THREAD;

    check_case("a name is cut between characters");
    CHECK(strcmp(name_of_third(1), "") == 0);
    CHECK(strcmp(name_of_third(3), "N") == 0);
    CHECK(strcmp(name_of_third(4), "N\xc3\xb6") == 0);
    CHECK(strcmp(name_of_third(11), "N\xc3\xb6t\xe2\x82\xac") == 0);

    check_case("half of a pair stands for nothing");
    put(name + 8, 0xde00, 2);
    CHECK(strcmp(name_of_third(64), "N\xc3\xb6t\xe2\x82\xac\xef\xbf\xbd"
                                    "\xef\xbf\xbd.exe") == 0);
    put(third + 0x38, 10, 2);
    put(name + 8, 0xd83d, 2);
    CHECK(strcmp(name_of_third(64), "N\xc3\xb6t\xe2\x82\xac\xef\xbf\xbd") == 0);

    check_case("an address outside of the buffer is not followed");
    put(third + 0x40, ADDRESS - 2, 8);
    CHECK(strcmp(name_of_third(64), "") == 0);
    put(third + 0x40, ADDRESS + filled - 8, 8);
    CHECK(strcmp(name_of_third(64), "") == 0);
    put(third + 0x40, UINT64_MAX - 4, 8);
    CHECK(strcmp(name_of_third(64), "") == 0);
    put(third + 0x40, 0, 8);
    CHECK(strcmp(name_of_third(64), "") == 0);

    check_case("nor is a length of half characters believed");
    (void)fill();
    put(third + 0x38, 9, 2);
    CHECK(strcmp(name_of_third(64), "") == 0);
    put(third + 0x38, 0xfffe, 2);
    CHECK(strcmp(name_of_third(64), "") == 0);
}

/* Reads all of it; how many there are, and whether it is broken. */
static size_t read_list(const void *data, size_t bytes, bool *is_broken)
{
    struct weftos_process_list list = {
        .data = (void *)(uintptr_t)data, .bytes = bytes, .address = ADDRESS};
    struct weftos_process_entry entry;
    size_t count = 0;

    while (weftos_process_next(&list, &entry)) {
        char name[64];

        weftos_process_name(&list, &entry, name, sizeof(name));
        count += memchr(name, '\0', sizeof(name)) != NULL;
    }
    *is_broken = list.is_broken;
    return count;
}

static void test_offsets(void)
{
    static const uint32_t offsets[] = {1, 8, 0xc7, 0x7fffffff, UINT32_MAX};
    bool is_broken;

    check_case("an offset that leads back or out ends the list");
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        (void)fill();
        put(0, offsets[i], 4);
        CHECK(read_list(buffer, filled, &is_broken) <= 1);
        CHECK(is_broken);
    }

    check_case("an empty buffer has no process, and is not a list");
    CHECK(read_list(buffer, 0, &is_broken) == 0 && is_broken);
}

/* In memory of its own, so that a sanitizer sees each byte beyond. */
static void test_hostile(void)
{
    uint64_t random = 1;
    bool is_broken;

    check_case("a list that is cut anywhere is read no further");
    (void)fill();
    for (size_t bytes = 0; bytes < filled; bytes++) {
        unsigned char *cut = malloc(bytes > 0 ? bytes : 1);

        REQUIRE(cut != NULL);
        memcpy(cut, buffer, bytes);
        CHECK(read_list(cut, bytes, &is_broken) <= 3);
        free(cut);
    }

    check_case("whatever the bytes are it ends");
    for (int i = 0; i < 20000; i++) {
        (void)fill();
        for (int k = 0; k < 4; k++) {
            /* splitmix64 */
            random += UINT64_C(0x9e3779b97f4a7c15);
            uint64_t mixed =
                (random ^ (random >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);

            buffer[(mixed >> 20) % filled] = (unsigned char)mixed;
        }
        CHECK(read_list(buffer, filled, &is_broken) < filled);
    }
}

void test_main(void)
{
    test_members();
    test_names();
    test_offsets();
    test_hostile();
}
