/* SPDX-License-Identifier: MIT
 *
 * serve.h - a server, in a process of its own, that does as its clients say.
 *
 * The first byte of a request says what to do with it:
 *
 *   'e'  answer with the same
 *   'f'  answer WEFT_EACCES, with the same
 *   's'  answer three times, with "1", "2" and "3"
 *   'd'  do not answer
 *   'a'  answer now those that were not answered, the last one first
 *   'n'  send an event, "news", and then answer with the same
 *   't'  answer with the call's deadline, 8 bytes
 *   'c'  answer with how many calls were cancelled, 1 byte
 *   'h'  answer with the same, and the handles that came
 *   'l'  answer with the 4 MiB that serve_fill() makes
 *   'o'  answer with how many handles are open here, an int
 *   'D'  drop the client
 *   'k'  die
 *   'q'  answer, and end
 */
#ifndef WEFT_TESTS_SERVICE_SERVE_H
#define WEFT_TESTS_SERVICE_SERVE_H

#include <weft/weft.h>

#include "peer.h"

#define SERVE_NAME "served"
#define SERVE_LARGE ((size_t)4 << 20)

/* What a server is told, and tells. */
struct serve {
    weft_wait wait;
    unsigned calls_max;
    unsigned handles_max;
    unsigned clients_max;
    uint64_t queue_max_bytes;
    bool takes_handles;
    bool gathers_wakes;
    bool is_attacked; /* clients may go for any reason */
    peer_gate ready;
};

void serve_init(struct serve *serve);
peer_process serve_run(const struct serve *plan);

/* Connects, and waits for the name. */
weft_client *serve_connect(void);

/* A call whose answer is WEFT_OK; its bytes are compared if `text`. */
void serve_call(weft_client *client, const char *request, const char *text);

/* The handles that the server has open. */
int serve_open_handles(weft_client *client);

/* Has the server end, and waits for that. */
void serve_end(peer_process *server, weft_client **client);

#endif
