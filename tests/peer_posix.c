/* SPDX-License-Identifier: MIT
 *
 * Children by fork, gates and tokens by pipes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"

#define SOON_MS 10000

const bool peer_forks = true;
const unsigned peer_cost = 1;

void peer_begin(char **arguments)
{
    (void)arguments; /* no child begins at main() */
}

bool peer_await_begun(const peer_process *child)
{
    (void)child; /* the child's first step is in its function */
    return true;
}

/* ----------------------------------------------------------- processes --- */

peer_process peer_run(peer_task *task, const void *context, size_t bytes)
{
    pid_t pid;

    peer_await_quiet();
    pid = fork();
    (void)bytes; /* the child has a copy of everything */
    REQUIRE(pid >= 0);
    if (pid == 0) {
        task((void *)(uintptr_t)context);
        check_exit_child();
    }
    return (peer_process){.id = (int)pid, .main_thread = (int)pid};
}

peer_process peer_execute(const char *argument)
{
    char *const arguments[] = {check_arguments[0], (char *)(uintptr_t)argument,
                               NULL};
    pid_t pid;

    peer_await_quiet();
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        (void)execv(check_arguments[0], arguments);
        _Exit(99);
    }
    return (peer_process){.id = (int)pid, .main_thread = (int)pid};
}

int peer_status(peer_process *child)
{
    bool ended = peer_await_end(child);
    int status = 0;

    if (!ended) {
        (void)kill(child->id, SIGKILL);
    }
    REQUIRE(waitpid(child->id, &status, 0) == child->id);
    if (!ended) {
        return PEER_LATE;
    }
    if (WIFEXITED(status)) {
        return WEXITSTATUS(status);
    }
    return WTERMSIG(status) == SIGKILL ? PEER_KILLED : PEER_CRASHED;
}

void peer_kill(peer_process *child)
{
    CHECK(kill(child->id, SIGKILL) == 0);
    CHECK(waitpid(child->id, NULL, 0) == child->id);
}

bool peer_strike(int id)
{
    return kill(id, SIGKILL) == 0;
}

void peer_die(void)
{
    (void)raise(SIGKILL);
    abort();
}

int peer_self(void)
{
    return (int)getpid();
}

void peer_stop(const peer_process *child)
{
    int status = 0;

    CHECK(kill(child->id, SIGSTOP) == 0);
    CHECK(waitpid(child->id, &status, WUNTRACED) == child->id &&
          WIFSTOPPED(status));
}

void peer_go_on(const peer_process *child)
{
    CHECK(kill(child->id, SIGCONT) == 0);
}

/* ------------------------------------------------- what children share --- */

void *peer_shared(size_t bytes)
{
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    REQUIRE(map != MAP_FAILED);
    return map;
}

void peer_unshare(void *memory, size_t bytes)
{
    CHECK(munmap(memory, bytes) == 0);
}

void peer_pass(weft_handle handle)
{
    CHECK(fcntl((int)handle, F_SETFD, 0) == 0);
}

bool peer_is_passed(weft_handle handle)
{
    return (fcntl((int)handle, F_GETFD) & FD_CLOEXEC) == 0;
}

bool peer_close(weft_handle handle)
{
    return close((int)handle) == 0;
}

bool peer_is_open(weft_handle handle)
{
    return fcntl((int)handle, F_GETFD) != -1;
}

void peer_set_variable(const char *name, const char *value)
{
    if (value != NULL) {
        CHECK(setenv(name, value, 1) == 0);
    } else {
        CHECK(unsetenv(name) == 0);
    }
}

void peer_gate_init(peer_gate *gate)
{
    int ends[2];

    REQUIRE(pipe(ends) == 0);
    gate->ends[0] = ends[0];
    gate->ends[1] = ends[1];
}

void peer_gate_deinit(peer_gate *gate)
{
    (void)close((int)gate->ends[0]);
    (void)close((int)gate->ends[1]);
}

void peer_gate_open(const peer_gate *gate)
{
    CHECK(write((int)gate->ends[1], "", 1) == 1);
}

bool peer_gate_pass(const peer_gate *gate)
{
    struct pollfd entry = {.fd = (int)gate->ends[0], .events = POLLIN};
    char byte;

    return poll(&entry, 1, SOON_MS) == 1 && read(entry.fd, &byte, 1) == 1;
}

/* --------------------------------------------------------------- names --- */

static char folder[] = "/tmp/weft-test-XXXXXX";
static char place[sizeof(folder) + 4];

void peer_names_begin(void)
{
    REQUIRE(mkdtemp(folder) != NULL);
    (void)snprintf(place, sizeof(place), "%s/run", folder);
    peer_set_variable("WEFT_RUNTIME_DIR", place);
}

void peer_names_forget(void)
{
    CHECK(rmdir(place) == 0);
}

void peer_names_end(void)
{
    CHECK(rmdir(place) == 0 || errno == ENOENT);
    CHECK(rmdir(folder) == 0);
    peer_set_variable("WEFT_RUNTIME_DIR", NULL);
}

/* -------------------------------------------------------------- tokens --- */

weft_handle peer_token(unsigned number)
{
    int ends[2];

    REQUIRE(pipe(ends) == 0);
    REQUIRE(write(ends[1], &number, sizeof(number)) == sizeof(number));
    (void)close(ends[1]);
    return ends[0];
}

bool peer_token_is(weft_handle token, unsigned number)
{
    unsigned found = 0;
    bool read_all = read((int)token, &found, sizeof(found)) == sizeof(found);

    return close((int)token) == 0 && read_all && found == number;
}

/* ------------------------------------------------------------- machine --- */

unsigned peer_rounds(unsigned many)
{
    return many;
}

uint64_t peer_free_memory(void)
{
    return (uint64_t)sysconf(_SC_AVPHYS_PAGES) *
           (uint64_t)sysconf(_SC_PAGESIZE);
}
