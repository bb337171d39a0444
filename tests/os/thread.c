/* SPDX-License-Identifier: MIT
 *
 * os.h: threads of the library's own.
 */
#include "contract.h"

struct errand {
    _Atomic uint32_t word;
    _Atomic unsigned done;
};

static void wait_for_word(void *context)
{
    struct errand *errand = context;

    while (errand->word == 0) {
        (void)weftos_word_wait(&errand->word, 0, NULL, WEFT_FOREVER, false,
                               NULL);
    }
    errand->done++;
}

void test_main(void)
{
    struct errand errand = {0, 0};
    weftos_thread *threads[8];
    weftos_thread *none = NULL;

    check_case("threads run at the same time as who started them");
    for (unsigned i = 0; i < 8; i++) {
        CHECK_STATUS(
            weftos_thread_start(wait_for_word, &errand, &threads[i], NULL),
            WEFT_OK);
        CHECK(threads[i] != NULL);
    }
    CHECK(errand.done == 0);
    errand.word = 1;
    weftos_word_wake(&errand.word, UINT32_MAX, NULL);
    check_case("who joins them finds that they have ended");
    for (unsigned i = 0; i < 8; i++) {
        weftos_thread_join(threads[i], false);
    }
    CHECK(errand.done == 8);
    weftos_thread_join(none, false);
    weftos_thread_join(none, true);
}
