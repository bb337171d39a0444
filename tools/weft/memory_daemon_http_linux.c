/* SPDX-License-Identifier: MIT
 *
 * The daemon's web server, by libmicrohttpd, without a thread: its epoll
 * descriptor is one more that the loop waits for.
 *
 * What it says to whom is in memory_web.c. Here are the limits: a few
 * connections, each with little memory and little time.
 */
#include "microhttpd_linux.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "memory_web.h"

#define CONNECTIONS_MOST 8u
#define CONNECTION_BYTES ((size_t)8 * 1024) /* with all headers */
#define CONNECTION_S 10u

/* Steps of the server, one after the other; then others have their turn. */
#define STEPS_MOST 64u

struct daemon_http {
    const microhttpd_calls *call;
    struct MHD_Daemon *server;
    web_place place;
    memory_daemon *daemon;
};

/* -------------------------------------------------------------- answers --- */

static void add_headers(const daemon_http *me, struct MHD_Response *response,
                        const web_reply *reply)
{
    (void)me->call->add_response_header(response, "Content-Type", reply->type);
    (void)me->call->add_response_header(response, "Cache-Control", "no-store");
    (void)me->call->add_response_header(response, "X-Content-Type-Options",
                                        "nosniff");
    if (reply->allow != NULL) {
        (void)me->call->add_response_header(response, "Allow", reply->allow);
    }
    if (reply->code == 401) {
        (void)me->call->add_response_header(response, "WWW-Authenticate",
                                            "Bearer");
    }
}

static enum MHD_Result send_text(const daemon_http *me,
                                 struct MHD_Connection *connection,
                                 sys_text *text, const web_reply *reply)
{
    /* It frees the text, also if it can't be sent. */
    struct MHD_Response *response = me->call->create_response_from_buffer(
        text->bytes, text->data, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result result;

    if (response == NULL) {
        free(text->data);
        return MHD_NO;
    }
    add_headers(me, response, reply);
    result = me->call->queue_response(connection, reply->code, response);
    me->call->destroy_response(response);
    return result;
}

static enum MHD_Result answer(const daemon_http *me,
                              struct MHD_Connection *connection,
                              web_request *request)
{
    const microhttpd_calls *call = me->call;
    web_reply reply;
    sys_text text;

    request->host =
        call->lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    request->origin =
        call->lookup_connection_value(connection, MHD_HEADER_KIND, "Origin");
    request->authorization = call->lookup_connection_value(
        connection, MHD_HEADER_KIND, "Authorization");
    request->most = call->lookup_connection_value(
        connection, MHD_GET_ARGUMENT_KIND, "most");
    if (sys_text_open(&text) == NULL) {
        return MHD_NO;
    }
    web_answer(me->daemon, &me->place, request, text.file, &reply);
    return sys_text_close(&text) ? send_text(me, connection, &text, &reply)
                                 : MHD_NO;
}

/*
 * Called once when the headers are there, then for each part of the body, and
 * last with none. What `*state` counts is the body's bytes, and 1.
 */
static enum MHD_Result hear(void *context, struct MHD_Connection *connection,
                            const char *path, const char *method,
                            const char *version, const char *data,
                            size_t *bytes, void **state)
{
    uintptr_t count = (uintptr_t)*state;
    web_request request = {.method = method, .path = path};

    (void)version;
    (void)data;
    if (count == 0) {
        *state = (void *)(uintptr_t)1;
        return MHD_YES;
    }
    if (*bytes > 0) {
        count = *bytes < WEB_BODY_MOST ? count + *bytes : WEB_BODY_MOST + 2;
        if (count > WEB_BODY_MOST + 2) {
            count = WEB_BODY_MOST + 2;
        }
        *state = (void *)count;
        *bytes = 0;
        return MHD_YES;
    }
    request.is_too_long = count > WEB_BODY_MOST + 1;
    return answer(context, connection, &request);
}

/* No path of ours has anything escaped in it: "%00" stays what it is. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection,
                           char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

/* ----------------------------------------------------------------- open --- */

static bool failed(const char *key, const char *value, const char *why)
{
    tool_error("[http] %s: '%s' %s", key, value, why);
    return false;
}

/* The two kinds of an address, as the calls of sockets take them. */
typedef union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} address;

static void fill_address(const web_place *place, address *filled)
{
    memset(filled, 0, sizeof(*filled));
    if (place->is_v6) {
        filled->v6.sin6_family = AF_INET6;
        filled->v6.sin6_port = htons(place->port);
        filled->v6.sin6_addr = in6addr_loopback;
    } else {
        filled->v4.sin_family = AF_INET;
        filled->v4.sin_port = htons(place->port);
        filled->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
}

static bool start(daemon_http *me)
{
    unsigned flags = MHD_USE_EPOLL;
    const union MHD_DaemonInfo *info;
    address listened;

    if (me->place.is_v6) {
        flags |= MHD_USE_IPv6;
    }
    fill_address(&me->place, &listened);
    me->server = me->call->start_daemon(
        flags, me->place.port, NULL, NULL, hear, me, MHD_OPTION_SOCK_ADDR,
        &listened.any, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MOST,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_S,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK,
        keep_escapes, NULL, MHD_OPTION_END);
    if (me->server == NULL) {
        return false;
    }
    info = me->call->get_daemon_info(me->server, MHD_DAEMON_INFO_BIND_PORT);
    if (info != NULL) {
        me->place.port = info->port;
    }
    return true;
}

bool daemon_http_open(memory_daemon *me)
{
    const memory_config *config = &me->config;
    daemon_http *made;
    const char *wrong;
    char why[256];

    if (config->http_listen[0] == '\0') {
        return true;
    }
    made = calloc(1, sizeof(*made));
    me->http = made;
    if (made == NULL) {
        return failed("listen", config->http_listen,
                      weft_status_text(WEFT_ENOMEM));
    }
    made->daemon = me;
    wrong = web_parse_place(config->http_listen, &made->place);
    if (wrong != NULL) {
        return failed("listen", config->http_listen, wrong);
    }
    if (config->http_token_file[0] != '\0') {
        wrong = web_read_token(config->http_token_file, &made->place, why,
                               sizeof(why));
        if (wrong != NULL) {
            return failed("token-file", config->http_token_file, wrong);
        }
    }
    made->call = microhttpd_load(why, sizeof(why));
    if (made->call == NULL) {
        return failed("listen", config->http_listen, why);
    }
    if (!start(made)) {
        return failed("listen", config->http_listen,
                      "can't be listened at: somebody may have the port");
    }
    daemon_note(me, "answers at http://%s:%u/",
                made->place.is_v6 ? "[::1]" : "127.0.0.1", made->place.port);
    return true;
}

void daemon_http_close(memory_daemon *me)
{
    if (me->http == NULL) {
        return;
    }
    if (me->http->server != NULL) {
        me->http->call->stop_daemon(me->http->server);
    }
    free(me->http);
    me->http = NULL;
}

/* ----------------------------------------------------------------- loop --- */

weft_handle daemon_http_handle(const memory_daemon *me, uint64_t *due_ns)
{
    const union MHD_DaemonInfo *info;
    unsigned long long ms = 0;

    if (me->http == NULL) {
        return WEFT_HANDLE_NONE;
    }
    if (me->http->call->get_timeout(me->http->server, &ms) == MHD_YES) {
        *due_ns = weft_after_ns(ms * 1000000);
    }
    info = me->http->call->get_daemon_info(me->http->server,
                                           MHD_DAEMON_INFO_EPOLL_FD);
    return info != NULL ? info->epoll_fd : WEFT_HANDLE_NONE;
}

static unsigned connections(const daemon_http *me)
{
    const union MHD_DaemonInfo *info = me->call->get_daemon_info(
        me->server, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

    return info != NULL ? info->num_connections : 0;
}

/*
 * With as many connections as there may be it does not listen, and when one
 * ends it begins to only with the next step, which nothing would wake us for.
 */
void daemon_http_step(memory_daemon *me)
{
    unsigned before;
    unsigned steps = 0;

    if (me->http == NULL) {
        return;
    }
    do {
        before = connections(me->http);
        (void)me->http->call->run(me->http->server);
    } while (connections(me->http) != before && ++steps < STEPS_MOST);
}
