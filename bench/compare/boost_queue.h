/* SPDX-License-Identifier: MIT
 *
 * boost_queue.h - Boost.Interprocess message_queue for C.
 */
#ifndef BENCH_BOOST_QUEUE_H
#define BENCH_BOOST_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct boost_queue boost_queue;

/*
 * A queue without a name, that forked processes inherit. NULL: it can't be
 * made, and `error` says why.
 */
boost_queue *boost_queue_new(const char *name, size_t length,
                             size_t message_bytes, char *error, size_t room);
void boost_queue_free(boost_queue *queue);

/* False: the queue is full, or empty, and `block` was false. */
bool boost_queue_send(boost_queue *queue, const void *data, size_t bytes,
                      bool block);
bool boost_queue_receive(boost_queue *queue, void *data, size_t room,
                         size_t *bytes, bool block);

#ifdef __cplusplus
}
#endif

#endif
