/* SPDX-License-Identifier: MIT
 *
 * A forked child has neither the memory of a state nor its parent's right to
 * set it, and to close it harms nobody.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"

static weft_state *state;

static void use_in_child(void)
{
    uint64_t value = 0;
    size_t bytes = sizeof(value);
    weft_state_options options = WEFT_STATE_OPTIONS_INIT;
    weft_state *own = NULL;

    CHECK_STATUS(weft_state_set(state, &value, sizeof(value)), WEFT_EFORKED);
    CHECK_STATUS(weft_state_get(state, &value, &bytes, NULL), WEFT_EFORKED);
    CHECK_STATUS(weft_state_wait(state, 1, WEFT_NOW), WEFT_EFORKED);
    CHECK(weft_state_version(state) == 0);
    CHECK(weft_state_bytes_max(state) == 8);

    options.flags = WEFT_STATE_WRITE;
    CHECK_STATUS(weft_state_open("fork", 8, &options, &own, NULL), WEFT_EINUSE);
    CHECK_STATUS(weft_state_open("fork", 8, NULL, &own, NULL), WEFT_OK);
    CHECK_STATUS(weft_state_set(state, &value, sizeof(value)), WEFT_EFORKED);
    CHECK_STATUS(weft_state_get(own, &value, &bytes, NULL), WEFT_OK);
    CHECK(value == 1);
    weft_state_close(&own);
    weft_state_close(&state);
    CHECK(state == NULL);
}

void test_main(void)
{
    weft_state_options options = WEFT_STATE_OPTIONS_INIT;
    uint64_t value = 1;
    size_t bytes = sizeof(value);
    int status = 1;
    pid_t pid;

    check_case("a child may only close the state of its parent");
    peer_names_begin();
    options.flags = WEFT_STATE_WRITE;
    CHECK_STATUS(weft_state_open("fork", 8, &options, &state, NULL), WEFT_OK);
    CHECK_STATUS(weft_state_set(state, &value, sizeof(value)), WEFT_OK);
    peer_await_quiet();
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        use_in_child();
        check_exit_child();
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    check_case("the parent goes on");
    value = 2;
    CHECK_STATUS(weft_state_set(state, &value, sizeof(value)), WEFT_OK);
    value = 0;
    CHECK_STATUS(weft_state_get(state, &value, &bytes, NULL), WEFT_OK);
    CHECK(value == 2);
    weft_state_close(&state);
    peer_names_end();
}
