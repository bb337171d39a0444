/* SPDX-License-Identifier: MIT
 *
 * Wrong handles in a greeting: for the home anything but a memory object of
 * weft's that has the right size, for the doorbell anything but one.
 */
#include "attacker.h"

#include <string.h>

static void try_greeting(uint64_t bytes, weft_handle home, weft_handle bell)
{
    const weft_handle handles[WEFTI_GREETING_HANDLES] = {home, bell};
    struct attacker attacker;
    struct wefti_greeting greeting;
    weft_channel *victim;
    weft_status status;

    memset(&attacker, 0, sizeof(attacker));
    REQUIRE(weft_channel_pair(NULL, &victim, &attacker.socket, NULL) ==
            WEFT_OK);
    REQUIRE(weftos_socket_adopt(attacker.socket, NULL) == WEFT_OK);
    attacker_greeting(&attacker, WEFTI_HELLO, &greeting);
    greeting.home_bytes = bytes;
    CHECK(attacker_send(attacker.socket, &greeting, sizeof(greeting), handles,
                        WEFTI_GREETING_HANDLES));
    status = victim_receive(victim);
    CHECK(status == WEFT_EPROTO || status == WEFT_EACCES);
    weftos_close(attacker.socket);
    weft_channel_close(&victim);
}

static uint64_t home_bytes(void)
{
    return weftos_get_facts()->page_bytes;
}

static void try_home(weft_handle home)
{
    weft_handle hear;
    weft_handle ring;

    REQUIRE(weftos_bell_open(&hear, &ring, NULL) == WEFT_OK);
    try_greeting(home_bytes(), home, ring);
    weftos_close(hear);
    weftos_close(ring);
    weftos_close(home);
}

static void refuses_home(const void *argument)
{
    weft_handle home = hostile_open(argument, home_bytes());

    if (home != WEFT_HANDLE_NONE) {
        try_home(home);
    }
}

static void refuses_bell(const void *argument)
{
    weft_handle home = hostile_memory(home_bytes());
    weft_handle bell = hostile_open(argument, home_bytes());

    if (bell != WEFT_HANDLE_NONE) {
        try_greeting(home_bytes(), home, bell);
    }
    weftos_close(bell);
    weftos_close(home);
}

static void refuses_large_home(const void *argument)
{
    (void)argument;
    try_home(hostile_memory(3 * home_bytes()));
}

static void refuses_blank_home(const void *argument)
{
    weft_handle home;
    void *base;

    (void)argument;
    REQUIRE(weftos_shm_create((size_t)home_bytes(), &home, &base, NULL) ==
            WEFT_OK);
    weftos_shm_unmap(base, (size_t)home_bytes());
    try_home(home);
}

static void check_things(const struct hostile_things *things, const char *how,
                         hostile_body *body)
{
    for (size_t i = 0; i < things->count; i++) {
        hostile_case(hostile_name(things->list[i].name, how), body,
                     &things->list[i]);
    }
}

void test_main(void)
{
    check_things(&hostile_no_memory, "as home", refuses_home);
    hostile_case("memory without the magic as home", refuses_blank_home, NULL);
    hostile_case("memory too large as home", refuses_large_home, NULL);
    check_things(&hostile_no_bells, "as bell", refuses_bell);
}
