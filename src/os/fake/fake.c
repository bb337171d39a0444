/* SPDX-License-Identifier: MIT
 *
 * The fake: every call of os.h that acts on the system, counted, scripted and
 * handed on to the real back end. fake.h says what for, rename.h how the two
 * are told apart. Calls that only tell something, such as weftos_cpu(), are
 * the back end's own.
 */
#include "fake.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../os.h"
#include "ipc/received.h"

/* The back end's own calls, under their other names. */
#define REAL(name) extern __typeof__(weftos_##name) weftreal_##name
REAL(bell_adopt);
REAL(bell_open);
REAL(bell_ring);
REAL(close);
REAL(endpoint_accept);
REAL(endpoint_close);
REAL(endpoint_connect);
REAL(endpoint_forget);
REAL(endpoint_numbers);
REAL(endpoint_open);
REAL(endpoint_wait);
REAL(endpoint_watch);
REAL(fence_remote);
REAL(names_each);
REAL(now_ns);
REAL(process_mark);
REAL(set_add);
REAL(set_close);
REAL(set_open);
REAL(set_remove);
REAL(set_wait);
REAL(set_wake);
REAL(shm_attach);
REAL(shm_create);
REAL(shm_open);
REAL(shm_unmap);
REAL(socket_adopt);
REAL(socket_pair);
REAL(socket_recv);
REAL(socket_send);
REAL(socket_wait);
REAL(thread_start);
REAL(waiter_close);
REAL(waiter_expose);
REAL(waiter_open);
REAL(waiter_wait);
REAL(word_wait);
REAL(word_wake);

/* --------------------------------------------------------------- script --- */

#define FAULTS_MOST 5

/* The ways in which each call may fail: what os.h says, and a cause. */
static const struct call {
    const char *name;
    fake_fault faults[FAULTS_MOST];
    unsigned count;
} calls[FAKE_CALLS] = {
    [FAKE_ALLOC] = {"alloc", {{WEFT_ENOMEM, FAKE_NO_CODE}}, 1},
    [FAKE_BELL_ADOPT] = {"bell_adopt", {{WEFT_EPROTO, FAKE_NO_CODE}}, 1},
    [FAKE_BELL_OPEN] = {"bell_open",
                        {{WEFT_ELIMIT, FAKE_NO_HANDLES},
                         {WEFT_ENOMEM, FAKE_NO_MEMORY}},
                        2},
    [FAKE_BELL_RING] = {"bell_ring", {{WEFT_EOS, FAKE_BAD_HANDLE}}, 1},
    [FAKE_ENDPOINT_ACCEPT] = {"endpoint_accept",
                              {{WEFT_EAGAIN, FAKE_NOTHING_YET},
                               {WEFT_ELIMIT, FAKE_NO_HANDLES},
                               {WEFT_ENOMEM, FAKE_NO_MEMORY}},
                              3},
    [FAKE_ENDPOINT_CONNECT] = {"endpoint_connect",
                               {{WEFT_ENOENT, FAKE_NOT_FOUND},
                                {WEFT_EACCES, FAKE_DENIED},
                                {WEFT_ELIMIT, FAKE_NO_HANDLES}},
                               3},
    [FAKE_ENDPOINT_NUMBERS] = {"endpoint_numbers",
                               {{WEFT_EACCES, FAKE_DENIED},
                                {WEFT_ELIMIT, FAKE_NO_HANDLES}},
                               2},
    [FAKE_ENDPOINT_OPEN] = {"endpoint_open",
                            {{WEFT_EINUSE, FAKE_IN_USE},
                             {WEFT_EACCES, FAKE_DENIED},
                             {WEFT_ELIMIT, FAKE_NO_HANDLES},
                             {WEFT_ENOMEM, FAKE_NO_CODE}},
                            4},
    [FAKE_ENDPOINT_WAIT] = {"endpoint_wait",
                            {{WEFT_ENOMEM, FAKE_NO_MEMORY}},
                            1},
    [FAKE_ENDPOINT_WATCH] = {"endpoint_watch",
                             {{WEFT_ENOMEM, FAKE_NO_MEMORY},
                              {WEFT_ELIMIT, FAKE_NO_HANDLES}},
                             2},
    [FAKE_FENCE_REMOTE] = {"fence_remote",
                           {{WEFT_ENOTSUP, FAKE_UNSUPPORTED}},
                           1},
    [FAKE_NAMES_EACH] = {"names_each",
                         {{WEFT_EACCES, FAKE_DENIED},
                          {WEFT_ELIMIT, FAKE_NO_HANDLES}},
                         2},
    [FAKE_PROCESS_MARK] = {"process_mark",
                           {{WEFT_ENOMEM, FAKE_NO_MEMORY},
                            {WEFT_ENOTSUP, FAKE_UNSUPPORTED}},
                           2},
    [FAKE_SET_ADD] = {"set_add",
                      {{WEFT_ENOMEM, FAKE_NO_MEMORY},
                       {WEFT_ELIMIT, FAKE_NO_HANDLES}},
                      2},
    [FAKE_SET_OPEN] = {"set_open",
                       {{WEFT_ENOMEM, FAKE_NO_MEMORY},
                        {WEFT_ELIMIT, FAKE_NO_HANDLES}},
                       2},
    [FAKE_SET_WAIT] = {"set_wait",
                       {{WEFT_OK, FAKE_NO_CODE},
                        {WEFT_ENOMEM, FAKE_NO_MEMORY},
                        {WEFT_EOS, FAKE_BAD_IO}},
                       3},
    [FAKE_SHM_ATTACH] = {"shm_attach",
                         {{WEFT_EPROTO, FAKE_NO_CODE},
                          {WEFT_ENOMEM, FAKE_NO_MEMORY}},
                         2},
    [FAKE_SHM_CREATE] = {"shm_create",
                         {{WEFT_ENOMEM, FAKE_NO_MEMORY},
                          {WEFT_ELIMIT, FAKE_NO_HANDLES}},
                         2},
    [FAKE_SHM_OPEN] = {"shm_open",
                       {{WEFT_ENOENT, FAKE_NOT_FOUND},
                        {WEFT_EINUSE, FAKE_NO_CODE},
                        {WEFT_EACCES, FAKE_DENIED},
                        {WEFT_ENOMEM, FAKE_NO_MEMORY},
                        {WEFT_ELIMIT, FAKE_NO_HANDLES}},
                       5},
    [FAKE_SOCKET_ADOPT] = {"socket_adopt",
                           {{WEFT_EINVAL, FAKE_BAD_HANDLE},
                            {WEFT_EOS, FAKE_UNSUPPORTED}},
                           2},
    [FAKE_SOCKET_PAIR] = {"socket_pair",
                          {{WEFT_ELIMIT, FAKE_NO_HANDLES},
                           {WEFT_ENOMEM, FAKE_NO_MEMORY}},
                          2},
    [FAKE_SOCKET_RECV] = {"socket_recv",
                          {{WEFT_EAGAIN, FAKE_NOTHING_YET},
                           {WEFT_ECLOSED, FAKE_BROKEN},
                           {WEFT_EPROTO, FAKE_NO_CODE},
                           {WEFT_ELIMIT, FAKE_NO_HANDLES},
                           {WEFT_ENOMEM, FAKE_NO_MEMORY}},
                          5},
    [FAKE_SOCKET_SEND] = {"socket_send",
                          {{WEFT_EAGAIN, FAKE_NOTHING_YET},
                           {WEFT_ECLOSED, FAKE_BROKEN},
                           {WEFT_ELIMIT, FAKE_NO_HANDLES},
                           {WEFT_ENOMEM, FAKE_NO_MEMORY},
                           {WEFT_EOS, FAKE_BAD_IO}},
                          5},
    [FAKE_SOCKET_WAIT] = {"socket_wait",
                          {{WEFT_OK, FAKE_NO_CODE},
                           {WEFT_ENOMEM, FAKE_NO_MEMORY}},
                          2},
    [FAKE_THREAD_START] = {"thread_start",
                           {{WEFT_ELIMIT, FAKE_NOTHING_YET},
                            {WEFT_ENOMEM, FAKE_NO_MEMORY}},
                           2},
    [FAKE_WAITER_EXPOSE] = {"waiter_expose",
                            {{WEFT_ELIMIT, FAKE_NO_HANDLES},
                             {WEFT_ENOMEM, FAKE_NO_MEMORY}},
                            2},
    [FAKE_WAITER_OPEN] = {"waiter_open",
                          {{WEFT_ENOMEM, FAKE_NO_CODE},
                           {WEFT_ELIMIT, FAKE_NO_HANDLES}},
                          2},
    [FAKE_WAITER_WAIT] = {"waiter_wait",
                          {{WEFT_OK, FAKE_NO_CODE}, {WEFT_EOS, FAKE_BAD_IO}},
                          2},
    [FAKE_WORD_WAIT] = {"word_wait",
                        {{WEFT_OK, FAKE_NO_CODE},
                         {WEFT_ENOMEM, FAKE_NO_MEMORY}},
                        2},
};

/* Who is failed next; `next_call` is one kind, or FAKE_CALLS for none. */
static _Atomic uint64_t made;
static _Atomic uint64_t fail_at;
static _Atomic int next_call = FAKE_CALLS;
static _Atomic unsigned how;
static _Atomic(const struct call *) failed;
static _Atomic(fake_hook *) before_each;
static _Atomic uint64_t stopped_at_ns;
static _Atomic int64_t live;

void fake_reset(void)
{
    fake_fail_at(0, 0);
    fake_before_each(NULL);
    stopped_at_ns = 0;
}

void fake_fail_at(uint64_t n, unsigned variant)
{
    made = 0;
    fail_at = n;
    next_call = FAKE_CALLS;
    how = variant;
    failed = NULL;
}

void fake_fail_next(fake_call call, unsigned variant)
{
    fake_fail_at(0, variant);
    next_call = (int)call;
}

uint64_t fake_calls(void)
{
    return made;
}

const char *fake_failed_operation(void)
{
    const struct call *call = failed;

    return call != NULL ? call->name : NULL;
}

fake_fault fake_failed_how(void)
{
    static const fake_fault none = {WEFT_OK, FAKE_NO_CODE};
    const struct call *call = failed;

    return call != NULL ? call->faults[how % call->count] : none;
}

unsigned fake_failed_variants(void)
{
    const struct call *call = failed;

    return call != NULL ? call->count : 0;
}

void fake_before_each(fake_hook *hook)
{
    before_each = hook;
}

int64_t fake_live_allocations(void)
{
    return live;
}

static void announce(const char *name)
{
    fake_hook *hook = before_each;

    if (hook != NULL) {
        hook(name);
    }
}

/* Counts a call. True: it fails, as `*status` and `detail` say. */
static bool strikes(fake_call which, weft_status *status, weft_detail *detail)
{
    const struct call *call = &calls[which];
    uint64_t number = ++made;
    int expected = (int)which;

    announce(call->name);
    if (number != fail_at &&
        !atomic_compare_exchange_strong(&next_call, &expected, FAKE_CALLS)) {
        return false;
    }
    failed = call;
    *status = call->faults[how % call->count].status;
    if (detail != NULL && *status != WEFT_OK) {
        detail->status = *status;
        detail->os_code = fake_codes[call->faults[how % call->count].cause];
        detail->operation = call->name;
    }
    return true;
}

/* ---------------------------------------------------------------- clock --- */

void fake_clock_stop(uint64_t now_ns)
{
    stopped_at_ns = now_ns;
}

uint64_t weftos_now_ns(void)
{
    uint64_t stopped = stopped_at_ns;

    return stopped != 0 ? stopped : weftreal_now_ns();
}

/* Would a wait until then be one for the stopped clock to skip? */
static bool skips(uint64_t deadline_ns)
{
    return stopped_at_ns != 0 && deadline_ns != WEFT_FOREVER;
}

/* The wait found nothing to wake it: on to its deadline. */
static void skip_to(uint64_t deadline_ns)
{
    if (deadline_ns > stopped_at_ns) {
        stopped_at_ns = deadline_ns;
    }
}

/* A wait that only looked: it is over now if it was to last longer. */
static weft_status skip_wait(weft_status looked, uint64_t deadline_ns,
                             weft_detail *detail)
{
    if (looked != WEFT_EAGAIN || deadline_ns == WEFT_NOW) {
        return looked;
    }
    skip_to(deadline_ns);
    if (detail != NULL) {
        detail->status = WEFT_ETIMEDOUT;
    }
    return WEFT_ETIMEDOUT;
}

/* --------------------------------------------------------------- memory --- */

/* What allocator.h names. */
void *fake_calloc(size_t count, size_t bytes);
void fake_free(void *memory);

void *fake_calloc(size_t count, size_t bytes)
{
    weft_status status;
    void *memory = NULL;

    if (!strikes(FAKE_ALLOC, &status, NULL)) {
        memory = calloc(count, bytes);
    }
    live += memory != NULL;
    return memory;
}

void fake_free(void *memory)
{
    live -= memory != NULL;
    free(memory);
}

weft_status weftos_shm_create(size_t bytes, weft_handle *object, void **base,
                              weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_SHM_CREATE, &status, detail)
               ? status
               : weftreal_shm_create(bytes, object, base, detail);
}

weft_status weftos_shm_attach(weft_handle object, size_t bytes,
                              const void **base, weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_SHM_ATTACH, &status, detail)
               ? status
               : weftreal_shm_attach(object, bytes, base, detail);
}

weft_status weftos_shm_open(const char *name, unsigned mode, size_t *bytes,
                            weftos_shm_maker *make, void *context,
                            weft_handle *handle, void **base,
                            weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_SHM_OPEN, &status, detail)
               ? status
               : weftreal_shm_open(name, mode, bytes, make, context, handle,
                                   base, detail);
}

void weftos_shm_unmap(const void *base, size_t bytes)
{
    announce("shm_unmap");
    weftreal_shm_unmap(base, bytes);
}

void weftos_close(weft_handle handle)
{
    announce("close");
    weftreal_close(handle);
}

/* ---------------------------------------------------------------- words --- */

weft_status weftos_word_wait(_Atomic uint32_t *word, uint32_t value,
                             const weftos_site *site, uint64_t deadline_ns,
                             bool interruptible, weft_detail *detail)
{
    weft_status status;

    if (strikes(FAKE_WORD_WAIT, &status, detail)) {
        return status;
    }
    if (skips(deadline_ns)) {
        status = weftreal_word_wait(word, value, site, WEFT_NOW, interruptible,
                                    detail);
        return skip_wait(status, deadline_ns, detail);
    }
    status = weftreal_word_wait(word, value, site, deadline_ns, interruptible,
                                detail);
    if (status == WEFT_OK) {
        announce("word_waited");
    }
    return status;
}

void weftos_word_wake(_Atomic uint32_t *word, uint32_t count,
                      const weftos_site *site)
{
    announce("word_wake");
    weftreal_word_wake(word, count, site);
}

weft_status weftos_thread_start(weftos_thread_work *work, void *context,
                                weftos_thread **out, weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_THREAD_START, &status, detail)
               ? status
               : weftreal_thread_start(work, context, out, detail);
}

/* ---------------------------------------------------- processes, fences --- */

weft_status weftos_process_mark(weftos_process_id *self, uint64_t *domain,
                                weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_PROCESS_MARK, &status, detail)
               ? status
               : weftreal_process_mark(self, domain, detail);
}

weft_status weftos_fence_remote(weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_FENCE_REMOTE, &status, detail)
               ? status
               : weftreal_fence_remote(detail);
}

/* -------------------------------------------------------------- sockets --- */

/* A peer that is said to be gone must be gone for every later call too. */
static void hang_up_if(weft_status status, weft_handle socket)
{
    if (status == WEFT_ECLOSED) {
        weftos_socket_hang_up(socket);
    }
}

weft_status weftos_socket_send(weft_handle socket, const void *data,
                               size_t bytes, const weft_handle *handles,
                               size_t handle_count, weft_detail *detail)
{
    weft_status status;

    if (!strikes(FAKE_SOCKET_SEND, &status, detail)) {
        return weftreal_socket_send(socket, data, bytes, handles, handle_count,
                                    detail);
    }
    hang_up_if(status, socket);
    return status;
}

/*
 * A message that is bad, or whose handles were lost, has been taken out of the
 * socket; one that is not there yet, or for which memory lacked, has not.
 */
weft_status weftos_socket_recv(weft_handle socket, weftos_received *received,
                               weft_detail *detail)
{
    weft_status status;
    weftos_received lost;

    if (!strikes(FAKE_SOCKET_RECV, &status, detail)) {
        return weftreal_socket_recv(socket, received, detail);
    }
    if ((status == WEFT_EPROTO || status == WEFT_ELIMIT) &&
        weftreal_socket_recv(socket, &lost, NULL) == WEFT_OK) {
        wefti_received_drop(&lost);
    }
    hang_up_if(status, socket);
    return status;
}

weft_status weftos_socket_pair(weft_handle ends[2], weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_SOCKET_PAIR, &status, detail)
               ? status
               : weftreal_socket_pair(ends, detail);
}

weft_status weftos_socket_adopt(weft_handle socket, weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_SOCKET_ADOPT, &status, detail)
               ? status
               : weftreal_socket_adopt(socket, detail);
}

weft_status weftos_socket_wait(weft_handle socket, bool room,
                               weft_handle process, uint64_t deadline_ns,
                               bool interruptible, weft_detail *detail)
{
    weft_status status;

    if (strikes(FAKE_SOCKET_WAIT, &status, detail)) {
        return status;
    }
    if (skips(deadline_ns)) {
        status = weftreal_socket_wait(socket, room, process, WEFT_NOW,
                                      interruptible, detail);
        return skip_wait(status, deadline_ns, detail);
    }
    return weftreal_socket_wait(socket, room, process, deadline_ns,
                                interruptible, detail);
}

/* ------------------------------------------------------------ endpoints --- */

weft_status weftos_endpoint_numbers(const char *name, weftos_endpoint *endpoint,
                                    uint64_t id, uint64_t *numbers,
                                    weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_ENDPOINT_NUMBERS, &status, detail)
               ? status
               : weftreal_endpoint_numbers(name, endpoint, id, numbers, detail);
}

weft_status weftos_names_each(weftos_name_visit *visit, void *context,
                              weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_NAMES_EACH, &status, detail)
               ? status
               : weftreal_names_each(visit, context, detail);
}

weft_status weftos_endpoint_open(const char *name, unsigned mode,
                                 weftos_endpoint **out, weft_handle *handle,
                                 weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_ENDPOINT_OPEN, &status, detail)
               ? status
               : weftreal_endpoint_open(name, mode, out, handle, detail);
}

void weftos_endpoint_close(weftos_endpoint *endpoint, bool forked)
{
    announce("endpoint_close");
    weftreal_endpoint_close(endpoint, forked);
}

weft_status weftos_endpoint_wait(weftos_endpoint *endpoint,
                                 uint64_t deadline_ns, bool interruptible,
                                 uint64_t *id, weft_detail *detail)
{
    weft_status status;

    if (strikes(FAKE_ENDPOINT_WAIT, &status, detail)) {
        return status;
    }
    if (skips(deadline_ns)) {
        status = weftreal_endpoint_wait(endpoint, WEFT_NOW, interruptible, id,
                                        detail);
        return skip_wait(status, deadline_ns, detail);
    }
    return weftreal_endpoint_wait(endpoint, deadline_ns, interruptible, id,
                                  detail);
}

weft_status weftos_endpoint_watch(weftos_endpoint *endpoint, uint64_t id,
                                  weft_handle socket, weft_handle process,
                                  weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_ENDPOINT_WATCH, &status, detail)
               ? status
               : weftreal_endpoint_watch(endpoint, id, socket, process, detail);
}

void weftos_endpoint_forget(weftos_endpoint *endpoint, uint64_t id,
                            weft_handle socket, weft_handle process)
{
    announce("endpoint_forget");
    weftreal_endpoint_forget(endpoint, id, socket, process);
}

weft_status weftos_endpoint_accept(weftos_endpoint *endpoint,
                                   weft_handle *socket, weftos_peer *peer,
                                   weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_ENDPOINT_ACCEPT, &status, detail)
               ? status
               : weftreal_endpoint_accept(endpoint, socket, peer, detail);
}

weft_status weftos_endpoint_connect(const char *name, bool await,
                                    uint64_t deadline_ns, bool interruptible,
                                    weft_handle *socket, weftos_peer *peer,
                                    weft_detail *detail)
{
    weft_status status;

    if (strikes(FAKE_ENDPOINT_CONNECT, &status, detail)) {
        return status;
    }
    if (skips(deadline_ns)) {
        status = weftreal_endpoint_connect(name, await, WEFT_NOW, interruptible,
                                           socket, peer, detail);
        return skip_wait(status, deadline_ns, detail);
    }
    return weftreal_endpoint_connect(name, await, deadline_ns, interruptible,
                                     socket, peer, detail);
}

/* ------------------------------------------------ doorbells and waiters --- */

weft_status weftos_bell_open(weft_handle *mine, weft_handle *theirs,
                             weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_BELL_OPEN, &status, detail)
               ? status
               : weftreal_bell_open(mine, theirs, detail);
}

weft_status weftos_bell_adopt(weft_handle theirs, weftos_bell *bell,
                              weft_detail *detail)
{
    weft_status status;

    if (strikes(FAKE_BELL_ADOPT, &status, detail)) {
        weftreal_close(theirs); /* used up after failure too */
        return status;
    }
    return weftreal_bell_adopt(theirs, bell, detail);
}

weft_status weftos_bell_ring(const weftos_bell *bell, weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_BELL_RING, &status, detail)
               ? status
               : weftreal_bell_ring(bell, detail);
}

weft_status weftos_waiter_open(weft_handle bell, weft_handle socket,
                               weft_handle process, weftos_waiter **out,
                               weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_WAITER_OPEN, &status, detail)
               ? status
               : weftreal_waiter_open(bell, socket, process, out, detail);
}

void weftos_waiter_close(weftos_waiter *waiter)
{
    announce("waiter_close");
    weftreal_waiter_close(waiter);
}

weft_status weftos_waiter_wait(weftos_waiter *waiter, uint64_t deadline_ns,
                               bool interruptible, unsigned *events,
                               weft_detail *detail)
{
    weft_status status;

    if (strikes(FAKE_WAITER_WAIT, &status, detail)) {
        if (status == WEFT_OK) {
            *events = 0; /* an early return is no failure: it says so */
        }
        return status;
    }
    if (skips(deadline_ns)) {
        status = weftreal_waiter_wait(waiter, WEFT_NOW, interruptible, events,
                                      detail);
        if (status == WEFT_OK && *events == 0) {
            skip_to(deadline_ns);
        }
        return status;
    }
    return weftreal_waiter_wait(waiter, deadline_ns, interruptible, events,
                                detail);
}

/* Only the first call for a waiter may fail; the others bring no detail. */
weft_status weftos_waiter_expose(weftos_waiter *waiter, bool ready,
                                 weft_handle *handle, weft_detail *detail)
{
    weft_status status;

    if (detail == NULL) {
        announce("waiter_expose");
    } else if (strikes(FAKE_WAITER_EXPOSE, &status, detail)) {
        return status;
    }
    return weftreal_waiter_expose(waiter, ready, handle, detail);
}

/* ----------------------------------------------------------------- sets --- */

weft_status weftos_set_open(weftos_set **out, weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_SET_OPEN, &status, detail)
               ? status
               : weftreal_set_open(out, detail);
}

void weftos_set_close(weftos_set *set)
{
    announce("set_close");
    weftreal_set_close(set);
}

weft_status weftos_set_add(weftos_set *set, weft_handle handle, unsigned events,
                           uint64_t id, weft_detail *detail)
{
    weft_status status;

    return strikes(FAKE_SET_ADD, &status, detail)
               ? status
               : weftreal_set_add(set, handle, events, id, detail);
}

void weftos_set_remove(weftos_set *set, weft_handle handle, unsigned events,
                       uint64_t id)
{
    announce("set_remove");
    weftreal_set_remove(set, handle, events, id);
}

weft_status weftos_set_wait(weftos_set *set, uint64_t deadline_ns,
                            bool interruptible, weftos_news *news, size_t room,
                            size_t *count, weft_detail *detail)
{
    weft_status status;

    if (strikes(FAKE_SET_WAIT, &status, detail)) {
        *count = 0;
        return status;
    }
    if (skips(deadline_ns)) {
        status = weftreal_set_wait(set, WEFT_NOW, interruptible, news, room,
                                   count, detail);
        return skip_wait(status, deadline_ns, detail);
    }
    return weftreal_set_wait(set, deadline_ns, interruptible, news, room, count,
                             detail);
}

void weftos_set_wake(weftos_set *set)
{
    announce("set_wake");
    weftreal_set_wake(set);
}
