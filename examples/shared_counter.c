/* SPDX-License-Identifier: MIT
 *
 * Programs count together, in memory with a name, under a mutex in that
 * memory. Start "shared_counter 2" twice: each waits for the other one, adds
 * 1000, and says what both have come to. Kill one while it counts, and the
 * other is told, and puts right what was left half done.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <weft/weft.h>

/* What lies in the shared memory: no pointers, each maps it elsewhere. */
struct board {
    weft_mutex mutex;
    weft_condition changed;
    unsigned arrived;
    unsigned done;
    uint64_t count; /* twice, to see whether somebody died in between */
    uint64_t again;
};

/* Runs once, in the first process, before anybody else sees the memory. */
static void make_board(void *context, void *base, size_t bytes)
{
    struct board *board = base;

    (void)bytes;
    *(weft_status *)context = weft_mutex_init(&board->mutex);
    if (*(weft_status *)context == WEFT_OK) {
        *(weft_status *)context = weft_condition_init(&board->changed);
    }
}

/* The mutex is ours, perhaps from somebody who died with it. */
static weft_status recover(struct board *board, weft_status status)
{
    if (status == WEFT_EOWNERDEAD) {
        fprintf(stderr, "another one died while it counted\n");
        board->again = board->count;
        status = weft_mutex_recover(&board->mutex);
    }
    return status;
}

static weft_status lock(struct board *board)
{
    return recover(board, weft_mutex_lock(&board->mutex));
}

/* Notes that this one has come so far, and waits for the others. */
static weft_status meet(struct board *board, unsigned *here, unsigned all)
{
    weft_status status = lock(board);

    if (status != WEFT_OK) {
        return status;
    }
    (*here)++;
    weft_condition_broadcast(&board->changed);
    while (status == WEFT_OK && *here < all) {
        status =
            recover(board, weft_condition_wait(&board->changed, &board->mutex));
    }
    return status == WEFT_OK ? weft_mutex_unlock(&board->mutex) : status;
}

static weft_status count(struct board *board, unsigned all)
{
    weft_status status = meet(board, &board->arrived, all);

    for (unsigned i = 0; i < 1000 && status == WEFT_OK; i++) {
        status = lock(board);
        if (status == WEFT_OK) {
            board->count++;
            board->again++;
            status = weft_mutex_unlock(&board->mutex);
        }
    }
    return status == WEFT_OK ? meet(board, &board->done, all) : status;
}

int main(int argc, char **argv)
{
    weft_shared_options options = WEFT_SHARED_OPTIONS_INIT;
    unsigned all = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
    weft_status made = WEFT_OK;
    weft_shared *shared = NULL;
    weft_status status;

    options.make = make_board;
    options.make_context = &made;
    status = weft_shared_open("shared_counter", sizeof(struct board), &options,
                              &shared, NULL);
    if (status == WEFT_OK) {
        status = made;
    }
    if (status == WEFT_OK) {
        struct board *board = weft_shared_base(shared);

        status = count(board, all);
        printf("%" PRIu64 "\n", board->count);
    }
    weft_shared_close(&shared);
    if (status != WEFT_OK) {
        fprintf(stderr, "shared_counter: %s\n", weft_status_text(status));
    }
    return status != WEFT_OK;
}
