/* SPDX-License-Identifier: MIT
 *
 * Many processes talk in every way while a random one is killed every 20 ms,
 * as by kill -9, and started again; now and then that is the server of all.
 *
 * Clients call a server, and subscribe to one of some topics, each of which has
 * a publisher of its own. Whoever lives on is promised
 *
 *   - right answers, unless the server was killed: then the next one's;
 *   - of a topic, reliable ones, all messages until the publisher was killed,
 *     and then those of the next one; lossy ones, a right count of the rest;
 *   - as a publisher, that nobody's death keeps it from publishing.
 *
 * In the end all leave in order, nobody may hold anything of the dead, and
 * nothing of theirs may lie about. Said but not judged is how long after the
 * start of the next server the clients had their next answer.
 *
 * $WEFT_CHAOS_S says for how many seconds, $WEFT_CLIENTS with how many clients,
 * $WEFT_SEED which random numbers.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "guard.h"
#include "peer.h"
#include "sides.h"

#define SERVICE "chaos"
#define CLIENTS 200u /* at most: fewer where a process costs more */
#define TOPICS 8u
#define SERVER (CLIENTS + TOPICS) /* its place among all */
#define PLACES (SERVER + 1)

#define SECONDS 5
#define LONELY_NS (30 * PEER_S)
#define KILL_NS (20 * PEER_MS * peer_cost)
/* Twice in a short run, and every 10 s in a long one. */
#define SERVER_KILLS_S(seconds) ((seconds) < 30 ? 2 : 10)

#define PAUSE_US 20000 /* of a client between calls, at most */
#define PACE_US 500    /* of a publisher */
#define TAKEN_MOST 64  /* messages, between two calls */

#define LIVES 4096 /* of one publisher, in the longest run */
#define SAMPLES 65536

/*
 * One of the processes. How many came before it is the number of its life; the
 * first count goes up before one is killed, and the other one after that.
 */
struct place {
    _Atomic uint64_t doomed;
    _Atomic uint64_t dead;
    _Atomic uint64_t done; /* calls answered, messages published */
};

struct board {
    atomic_bool over;         /* the clients are to leave */
    atomic_bool clients_gone; /* so are the others */
    _Atomic uint64_t beats;   /* of who kills, as long as it lives */
    atomic_uint failures;     /* of those who may have been killed since */
    struct place places[PLACES];
    _Atomic uint64_t ready_ns; /* when the server of now was there */
    _Atomic uint64_t received; /* messages */
    _Atomic uint64_t lost;     /* by lossy ones */
    _Atomic uint64_t sent[TOPICS][LIVES];
    atomic_uint samples;
    _Atomic uint64_t recovery_ns[SAMPLES];
};

static struct board *board;

/* As CHECK; a process that is killed later can't say it by its status. */
#define NOTE(expression) note((expression), #expression, __LINE__)

static bool note(bool truth, const char *expression, int line)
{
    if (!check_that(truth, expression, __FILE__, line)) {
        board->failures++;
    }
    return truth;
}

#define NOTE_STATUS(call, expected) note_status((call), (expected), __LINE__)

static bool note_status(weft_status status, weft_status expected, int line)
{
    if (status != expected) {
        printf("# %s\n", weft_status_name(status));
    }
    return note(status == expected, "the status", line);
}

/* Is a child to end, or left alone by a parent that has died? */
static bool is_over(const atomic_bool *told)
{
    static uint64_t beats;
    static uint64_t late_ns;

    if (late_ns == 0 || board->beats != beats) {
        beats = board->beats;
        late_ns = weft_after_ns(LONELY_NS);
    }
    return *told || weft_now_ns() >= late_ns;
}

/*
 * Where handles are put into a process from outside, one may stay whose sender
 * was killed before it could tell: a few in a thousand kills.
 */
static void check_holdings(const struct sides_holdings *before)
{
    struct sides_holdings without = *before;
    int strays = sides_hold().handles - before->handles;

    if (!peer_forks && (strays == 1 || strays == 2)) {
        printf("# %d handles were on their way when their sender died\n",
               strays);
        without.handles += strays;
    }
    sides_check_holdings(&without);
}

struct errand {
    struct board *board;
    unsigned number;
};

/* --------------------------------------------------------------- server --- */

/* Answers with the same. The client may have been killed meanwhile. */
static void answer(weft_service *service, const weft_request *request)
{
    weft_message message = {.data = (void *)(uintptr_t)request->data,
                            .bytes = request->bytes};
    weft_status status = weft_service_reply(
        service, request->client, request->call, WEFT_OK, 0, &message);

    NOTE(status == WEFT_OK || status == WEFT_ENOENT);
}

static void serve(void *context)
{
    const struct errand *errand = context;
    weft_service *service = NULL;
    struct sides_holdings before;
    unsigned inside = 0;

    board = errand->board;
    NOTE_STATUS(weft_service_open(SERVICE, NULL, &service, NULL), WEFT_OK);
    before = sides_hold();
    board->ready_ns = weft_now_ns();
    while (inside > 0 || !is_over(&board->clients_gone)) {
        weft_request request;
        weft_status status = weft_service_next(
            service, &request, weft_after_ns(100 * PEER_MS), NULL);

        if (status == WEFT_ETIMEDOUT) {
            continue;
        }
        if (!NOTE_STATUS(status, WEFT_OK)) {
            break;
        }
        inside += request.kind == WEFT_REQUEST_CONNECT;
        if (request.kind == WEFT_REQUEST_DISCONNECT) {
            inside--;
            NOTE(request.reason == WEFT_EPEERDIED ||
                 request.reason == WEFT_ECLOSED);
        } else if (request.kind == WEFT_REQUEST_CALL) {
            answer(service, &request);
        }
    }
    check_holdings(&before);
    weft_service_close(&service);
}

/* ----------------------------------------------------------- publishers --- */

struct article {
    uint64_t life;
    uint64_t number; /* in that life */
    unsigned char filling[100];
};

static const char *topic_name(unsigned topic)
{
    static char name[32];

    (void)snprintf(name, sizeof(name), "topic-%u", topic);
    return name;
}

static void await_no_subscribers(weft_publisher *publisher)
{
    weft_publisher_stats stats = {.size = sizeof(stats)};
    uint64_t late = peer_soon();

    do {
        CHECK_STATUS(weft_publisher_get_stats(publisher, &stats), WEFT_OK);
        guard_nap_us(1000);
    } while (stats.subscribers > 0 && CHECK(weft_now_ns() < late));
}

/* Before anybody can have come, which the real one can't be asked for. */
static struct sides_holdings hold_without_subscribers(unsigned topic)
{
    struct sides_holdings without;
    weft_publisher *publisher = NULL;
    char name[32];

    (void)snprintf(name, sizeof(name), "nobody-%u", topic);
    NOTE_STATUS(weft_publisher_open(name, NULL, &publisher, NULL), WEFT_OK);
    without = sides_hold();
    weft_publisher_close(&publisher);
    return without;
}

static void publish(void *context)
{
    const struct errand *errand = context;
    unsigned topic = errand->number - CLIENTS;
    struct place *mine = &errand->board->places[errand->number];
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher *publisher = NULL;
    struct article article = {.life = mine->dead, .number = 0};
    struct sides_holdings before;

    board = errand->board;
    before = hold_without_subscribers(topic);
    options.ring_bytes = (size_t)64 << 10;
    NOTE_STATUS(
        weft_publisher_open(topic_name(topic), &options, &publisher, NULL),
        WEFT_OK);
    while (!is_over(&board->clients_gone)) {
        sides_fill(article.filling, sizeof(article.filling), article.number);
        if (!NOTE_STATUS(weft_publisher_send(publisher, &article,
                                             sizeof(article),
                                             weft_after_ns(LONELY_NS)),
                         WEFT_OK)) {
            break;
        }
        board->sent[topic][article.life] = ++article.number;
        mine->done++;
        guard_nap_us(PACE_US);
    }
    await_no_subscribers(publisher);
    check_holdings(&before);
    weft_publisher_close(&publisher);
}

/* -------------------------------------------------------------- clients --- */

struct user {
    unsigned number;
    unsigned topic;
    struct place *mine;
    uint64_t random;

    weft_client *client;
    uint64_t server;    /* the life of the server that we are connected to */
    uint64_t missed_ns; /* when we learnt of its end; 0: it lives */

    weft_subscriber *subscriber;
    bool is_reliable;
    uint64_t publisher; /* the life of who publishes */
    uint64_t first;     /* the number of the first article that we may have */
    uint64_t next;      /* and of the next one */
    bool has_any;
};

/*
 * May a status be that of a peer which was killed while we came to it? Or which
 * gave us up, since we had no CPU for so long.
 */
static bool is_loss(weft_status status, const struct place *theirs,
                    uint64_t life, uint64_t began_ns)
{
    return (status == WEFT_EPEERDIED || status == WEFT_ECLOSED) &&
           NOTE(theirs->doomed != life || weft_now_ns() - began_ns > PEER_S);
}

static void connect_client(struct user *user)
{
    const struct place *theirs = &board->places[SERVER];
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    uint64_t late = weft_after_ns(LONELY_NS);
    weft_status status;
    uint64_t began;

    options.flags = WEFT_CHANNEL_AWAIT_NAME;
    do {
        began = weft_now_ns();
        user->server = theirs->dead;
        status =
            user->client == NULL
                ? weft_client_open(SERVICE, &options, late, &user->client, NULL)
                : weft_client_reopen(user->client, late, NULL);
    } while (is_loss(status, theirs, user->server, began));
    NOTE_STATUS(status, WEFT_OK);
}

static void note_recovery(struct user *user)
{
    uint64_t ready_ns = board->ready_ns;
    uint64_t since = ready_ns > user->missed_ns ? ready_ns : user->missed_ns;

    if (user->missed_ns != 0 && board->samples < SAMPLES) {
        board->recovery_ns[board->samples++ % SAMPLES] = weft_now_ns() - since;
    }
    user->missed_ns = 0;
}

static void lose_server(struct user *user, weft_status status)
{
    if (user->missed_ns == 0) {
        user->missed_ns = weft_now_ns();
    }
    NOTE_STATUS(status, WEFT_EPEERDIED);
    NOTE(board->places[SERVER].doomed != user->server);
    connect_client(user);
}

static void call(struct user *user)
{
    unsigned char request[200];
    weft_reply reply;
    weft_status status;

    sides_fill(request, sizeof(request),
               user->number * UINT64_C(1000003) + user->mine->done);
    status = weft_client_call(user->client, request, sizeof(request), &reply,
                              weft_after_ns(LONELY_NS));
    if (status != WEFT_OK) {
        lose_server(user, status);
        return;
    }
    NOTE_STATUS(reply.status, WEFT_OK);
    NOTE(reply.bytes == sizeof(request) &&
         memcmp(reply.data, request, sizeof(request)) == 0);
    user->mine->done++;
    note_recovery(user);
}

/* Waits for a while for an event, which never comes; or for the server's end */
static void rest(struct user *user)
{
    uint64_t us = peer_random(&user->random) % PAUSE_US;
    weft_reply reply;
    weft_status status =
        weft_client_next(user->client, &reply, weft_after_ns(us * 1000));

    if (status != WEFT_ETIMEDOUT) {
        lose_server(user, status);
    }
}

static void subscribe(struct user *user)
{
    const struct place *theirs = &board->places[CLIENTS + user->topic];
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    uint64_t late = weft_after_ns(LONELY_NS);
    weft_status status;
    uint64_t began;
    uint64_t life;

    options.flags = WEFT_SUBSCRIBER_AWAIT_NAME |
                    (user->is_reliable ? WEFT_SUBSCRIBER_RELIABLE : 0);
    do {
        began = weft_now_ns();
        life = theirs->dead;
        status = weft_subscriber_open(topic_name(user->topic), &options, late,
                                      &user->subscriber, NULL);
    } while (is_loss(status, theirs, life, began));
    NOTE_STATUS(status, WEFT_OK);
    user->has_any = false;
}

static void take_article(struct user *user, const weft_publication *taken)
{
    const struct article *article = taken->data;

    if (!user->has_any) {
        user->has_any = true;
        user->publisher = article->life;
        user->next = article->number;
        user->first = article->number - taken->lost;
    } else {
        NOTE(article->number == user->next + taken->lost);
    }
    NOTE(taken->bytes == sizeof(*article) &&
         taken->sequence == article->number &&
         article->life == user->publisher &&
         sides_matches(article->filling, sizeof(article->filling),
                       article->number));
    NOTE(taken->lost == 0 || !user->is_reliable);
    user->next = article->number + 1;
    board->received++;
    board->lost += taken->lost;
}

/* All that it had published was taken, or counted. */
static void lose_publisher(struct user *user, weft_status status)
{
    weft_subscriber_stats stats = {.size = sizeof(stats)};

    NOTE_STATUS(status, WEFT_EPEERDIED);
    NOTE_STATUS(weft_subscriber_get_stats(user->subscriber, &stats), WEFT_OK);
    if (user->has_any) {
        NOTE(board->places[CLIENTS + user->topic].doomed != user->publisher);
        NOTE(user->first + stats.messages + stats.lost >=
             board->sent[user->topic][user->publisher]);
        NOTE(stats.lost == 0 || !user->is_reliable);
    }
    weft_subscriber_close(&user->subscriber);
    subscribe(user);
}

static void take_articles(struct user *user)
{
    for (unsigned i = 0; i < TAKEN_MOST && user->subscriber != NULL; i++) {
        struct article article;
        weft_publication taken = {.data = &article, .bytes = sizeof(article)};
        weft_status status =
            weft_subscriber_recv(user->subscriber, &taken, WEFT_NOW);

        if (status == WEFT_EAGAIN) {
            break;
        }
        if (status == WEFT_OK) {
            take_article(user, &taken);
        } else {
            lose_publisher(user, status);
        }
    }
}

static void use(void *context)
{
    const struct errand *errand = context;
    struct user user = {.number = errand->number,
                        .topic = errand->number % TOPICS,
                        .mine = &errand->board->places[errand->number],
                        .is_reliable = errand->number / TOPICS % 2 == 0};
    struct sides_holdings before = sides_hold();

    board = errand->board;
    user.random = errand->number + user.mine->dead * CLIENTS;
    connect_client(&user);
    subscribe(&user);
    while (!is_over(&board->over) && user.client != NULL) {
        call(&user);
        take_articles(&user);
        rest(&user);
    }
    weft_client_close(&user.client);
    weft_subscriber_close(&user.subscriber);
    check_holdings(&before);
}

/* ---------------------------------------------------------------- chaos --- */

struct chaos {
    peer_process children[PLACES];
    unsigned clients;
    uint64_t seconds;
    uint64_t random;
    unsigned kills;
    unsigned server_kills;
};

static void start(struct chaos *chaos, unsigned number)
{
    struct errand errand = {board, number};
    peer_task *task = number < CLIENTS  ? use
                      : number < SERVER ? publish
                                        : serve;

    chaos->children[number] = peer_run(task, &errand, sizeof(errand));
}

/* Who finds that it is gone finds that this was meant. */
static void kill_and_restart(struct chaos *chaos, unsigned number)
{
    board->places[number].doomed++;
    peer_kill(&chaos->children[number]);
    board->places[number].dead++;
    start(chaos, number);
}

static bool is_there(const struct chaos *chaos, unsigned number)
{
    return number < chaos->clients || number >= CLIENTS;
}

/* A client or a publisher. */
static unsigned choose(struct chaos *chaos)
{
    unsigned number =
        (unsigned)(peer_random(&chaos->random) % (chaos->clients + TOPICS));

    return number < chaos->clients ? number : number - chaos->clients + CLIENTS;
}

static void nap_until(uint64_t ns)
{
    uint64_t now = weft_now_ns();

    if (now < ns) {
        guard_nap_us((unsigned)((ns - now) / 1000));
    }
}

static void rage(struct chaos *chaos)
{
    uint64_t until = weft_after_ns(chaos->seconds * PEER_S);
    uint64_t server_ns = SERVER_KILLS_S(chaos->seconds) * PEER_S;
    uint64_t server_next_ns = weft_after_ns(server_ns);
    uint64_t next_ns = weft_now_ns();

    while (weft_now_ns() < until) {
        next_ns += KILL_NS;
        nap_until(next_ns);
        kill_and_restart(chaos, choose(chaos));
        chaos->kills++;
        board->beats++;
        if (weft_now_ns() >= server_next_ns) {
            kill_and_restart(chaos, SERVER);
            chaos->server_kills++;
            server_next_ns += server_ns;
        }
    }
}

static void end_all(struct chaos *chaos)
{
    board->over = true;
    for (unsigned i = 0; i < chaos->clients; i++) {
        CHECK(peer_ended_well(&chaos->children[i]));
    }
    board->clients_gone = true;
    for (unsigned i = CLIENTS; i < PLACES; i++) {
        CHECK(peer_ended_well(&chaos->children[i]));
    }
}

/*
 * On macOS memory has a name for some microseconds, and who is killed in them
 * leaves it.
 */
static void check_litter(const struct chaos *chaos,
                         const struct sides_litter *before)
{
    struct sides_litter now = sides_look_around();
    unsigned memories = now.memories - before->memories;

    if (memories > 0) {
        printf("# %u pieces of memory were left with a name\n", memories);
    }
    if (!CHECK(now.things <= before->things &&
               memories <= (chaos->kills + chaos->server_kills) / 50)) {
        printf("# things about: %u, then %u\n", before->things, now.things);
    }
}

/* --------------------------------------------------------------- report --- */

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

static void report_recovery(void)
{
    static uint64_t sorted[SAMPLES];
    unsigned count = board->samples;
    unsigned middle = count / 2;

    for (unsigned i = 0; i < count; i++) {
        sorted[i] = board->recovery_ns[i];
    }
    qsort(sorted, count, sizeof(*sorted), compare);
    printf("# %u clients answered again after %.2f ms at the median, %.2f ms "
           "at most\n",
           count, (double)sorted[middle] / 1e6,
           (double)sorted[count > 0 ? count - 1 : 0] / 1e6);
}

static void report(const struct chaos *chaos)
{
    uint64_t calls = 0;
    uint64_t messages = 0;

    for (unsigned i = 0; i < CLIENTS; i++) {
        calls += board->places[i].done;
    }
    for (unsigned i = CLIENTS; i < SERVER; i++) {
        messages += board->places[i].done;
    }
    printf("# %u kills, %u of the server; %" PRIu64 " calls, %" PRIu64
           " messages, %" PRIu64 " received, %" PRIu64 " lost by lossy ones\n",
           chaos->kills + chaos->server_kills, chaos->server_kills, calls,
           messages, board->received, board->lost);
    report_recovery();
}

static uint64_t setting(const char *name, uint64_t instead)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : instead;
}

void test_main(void)
{
    static struct chaos chaos;
    struct sides_litter litter;
    struct sides_holdings before;
    bool is_alone = sides_own_places();

    check_case("those who live on lose nothing, and keep nothing of the dead");
    litter = sides_look_around();
    peer_names_begin();
    before = sides_hold();
    chaos.clients = (unsigned)setting("WEFT_CLIENTS", CLIENTS / peer_cost);
    REQUIRE(chaos.clients > 0 && chaos.clients <= CLIENTS);
    chaos.seconds = setting("WEFT_CHAOS_S", SECONDS);
    chaos.random = setting("WEFT_SEED", weft_now_ns());
    printf("# WEFT_SEED=%" PRIu64 " WEFT_CHAOS_S=%" PRIu64 "\n", chaos.random,
           chaos.seconds);
    board = peer_shared(sizeof(*board));
    for (unsigned i = PLACES; i-- > 0;) {
        if (is_there(&chaos, i)) {
            start(&chaos, i);
        }
    }
    rage(&chaos);
    end_all(&chaos);
    report(&chaos);
    CHECK(board->failures == 0);
    peer_unshare(board, sizeof(*board));
    sides_check_holdings(&before);
    peer_names_end();
    if (is_alone) {
        check_litter(&chaos, &litter);
    } else {
        printf("# not judged is what lies about: others may have left it\n");
    }
}
