/* SPDX-License-Identifier: MIT
 *
 * reader.h - subscribers, in processes of their own, that check what they get:
 * the length and the content of a message follow from its number.
 *
 * Readers are started before the publisher is opened, which has a thread, and
 * wait for its name.
 */
#ifndef WEFT_TESTS_TOPIC_READER_H
#define WEFT_TESTS_TOPIC_READER_H

#include <stdatomic.h>

#include <weft/weft.h>

#include "peer.h"

#define READER_TOPIC "topic"
#define READER_MOST ((size_t)8192)

/* What a reader found; in shared memory. */
struct reader_found {
    _Atomic uint64_t messages;
    _Atomic uint64_t lost;        /* as the messages told it */
    _Atomic uint64_t lost_in_all; /* as its stats did in the end */
    _Atomic uint64_t first;
    _Atomic uint64_t next; /* the number after the last one */
    _Atomic int end;       /* the status that ended it */
};

/* What a reader is told. */
struct reader {
    struct reader_found *found;
    peer_gate in;    /* opened when it has subscribed */
    peer_gate begin; /* passed before that, if it is late */
    bool is_late;
    bool taps;      /* instead of subscribing: only HISTORY of the flags */
    unsigned flags; /* of a subscriber */
    weft_wait wait;
    size_t bytes_most;   /* of a message; 0: 200 */
    uint64_t slow_ns;    /* so long it works on each message */
    uint64_t stop_after; /* messages, and then it sleeps until it is killed */
};

/* The length of a message by its number. */
size_t reader_bytes(uint64_t sequence, size_t most);

/* Publishes message number `sequence`. */
weft_status reader_send(weft_publisher *publisher, uint64_t sequence,
                        size_t most, uint64_t deadline_ns);

/* Publishes `count` messages from number `from` on. */
weft_status reader_publish(weft_publisher *publisher, uint64_t from,
                           uint64_t count, size_t most);

/* Works for a while, on a CPU. */
void reader_work(uint64_t ns);

/* What many readers have in common; `found` is for all of them. */
void reader_init(struct reader *reader, unsigned count);
void reader_deinit(struct reader *reader, unsigned count);

/* Starts the nth reader. */
peer_process reader_run(const struct reader *reader, unsigned nth);

/* Waits until so many more have subscribed. */
void reader_await(const struct reader *reader, unsigned count);

/* Looks again and again until there is something; WEFT_EAGAIN: too late. */
weft_status reader_await_tap(weft_tap *tap, weft_publication *publication);

/* Opens the topic. */
weft_publisher *reader_open(const weft_publisher_options *options);

/* Checks a message against its number. */
bool reader_is_sound(const weft_publication *publication, size_t most);

#endif
