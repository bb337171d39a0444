/* SPDX-License-Identifier: MIT
 *
 * memory_web.h - what the daemon's web server answers, without the server.
 *
 * Everybody on this machine can reach it, and so can pages in a browser. So it
 * answers only to who calls it by its own name (a page of another site would
 * send that one's), gives nothing away but figures, and changes nothing without
 * the token, which it compares in constant time.
 */
#ifndef WEFT_MEMORY_WEB_H
#define WEFT_MEMORY_WEB_H

#include "memory_daemon.h"

#define WEB_TOKEN_LEAST 16
#define WEB_TOKEN_ROOM 129

/* Bytes of a request's body that are read; none of it is used. */
#define WEB_BODY_MOST 1024

/* Where it listens: loopback, always. */
typedef struct web_place {
    bool is_v6;
    uint16_t port;              /* 0: any */
    char token[WEB_TOKEN_ROOM]; /* "": no changes */
} web_place;

/* "127.0.0.1:PORT" or "[::1]:PORT". NULL, or what is wrong with it. */
const char *web_parse_place(const char *text, web_place *place);

/* Reads the token. NULL, or why not. */
const char *web_read_token(const char *path, web_place *place, char *why,
                           size_t room);

/* A request. Headers that did not come are NULL. */
typedef struct web_request {
    const char *method;
    const char *path;
    const char *host;
    const char *origin;
    const char *authorization;
    const char *most; /* the query's "most" */
    bool is_too_long;
} web_request;

typedef struct web_reply {
    unsigned code;
    const char *type;
    const char *allow; /* of 405; else NULL */
} web_reply;

/* Writes the answer's body to the file. */
void web_answer(memory_daemon *me, const web_place *place,
                const web_request *request, FILE *file, web_reply *reply);

/* The text of OpenMetrics. */
void web_put_metrics(const memory_daemon *me, FILE *file);

#endif
