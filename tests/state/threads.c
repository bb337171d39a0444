/* SPDX-License-Identifier: MIT
 *
 * Threads of one process get and wait by the handle that another one sets by:
 * at one address, so that ThreadSanitizer sees all of it.
 */
#include <pthread.h>

#include "check.h"
#include "peer.h"

#define READERS 2
#define WORDS 40
#define VALUES 20000u

static weft_state *state;

static void *read_on(void *unused)
{
    uint64_t words[WORDS];
    uint64_t version = 0;

    (void)unused;
    while (version < VALUES) {
        size_t bytes = sizeof(words);
        weft_status status;

        if (!CHECK_STATUS(weft_state_wait(state, version, peer_soon()),
                          WEFT_OK)) {
            break;
        }
        do {
            bytes = sizeof(words);
            status = weft_state_get(state, words, &bytes, &version);
        } while (status == WEFT_EAGAIN);
        if (!CHECK_STATUS(status, WEFT_OK)) {
            break;
        }
        for (size_t i = 0; i < WORDS; i++) {
            if (words[i] != version + i) {
                CHECK_NOT_HERE("a torn value");
                return NULL;
            }
        }
        CHECK(bytes == sizeof(words));
    }
    return NULL;
}

void test_main(void)
{
    weft_state_options options = WEFT_STATE_OPTIONS_INIT;
    pthread_t readers[READERS];
    uint64_t words[WORDS];

    check_case("threads get whole values while another one sets them");
    peer_names_begin();
    options.flags = WEFT_STATE_WRITE;
    CHECK_STATUS(
        weft_state_open("threads", sizeof(words), &options, &state, NULL),
        WEFT_OK);
    for (unsigned i = 0; i < READERS; i++) {
        REQUIRE(pthread_create(&readers[i], NULL, read_on, NULL) == 0);
    }
    for (uint64_t version = 1; version <= VALUES; version++) {
        for (size_t i = 0; i < WORDS; i++) {
            words[i] = version + i;
        }
        CHECK_STATUS(weft_state_set(state, words, sizeof(words)), WEFT_OK);
    }
    for (unsigned i = 0; i < READERS; i++) {
        REQUIRE(pthread_join(readers[i], NULL) == 0);
    }
    weft_state_close(&state);
    peer_names_end();
}
