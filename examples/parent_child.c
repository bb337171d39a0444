/* SPDX-License-Identifier: MIT
 *
 * A program starts another one, itself here, that inherits its end of a
 * channel, and asks it for squares. If either dies, the other is told.
 */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/weft.h>

/* The child finds its end by the environment variable WEFT_CHANNEL. */
static int run_child(void)
{
    weft_channel *parent;
    uint64_t number;
    size_t bytes;

    if (weft_channel_adopt(WEFT_HANDLE_NONE, NULL, WEFT_FOREVER, &parent,
                           NULL) != WEFT_OK) {
        return 1;
    }
    while (weft_channel_recv(parent, &number, sizeof(number), &bytes) ==
               WEFT_OK &&
           bytes == sizeof(number)) {
        number *= number;
        if (weft_channel_send(parent, &number, sizeof(number)) != WEFT_OK) {
            break;
        }
    }
    weft_channel_close(&parent);
    return 0;
}

/* Runs after fork: lets the handle through exec, and says where it is. */
static void become_child(char **argv, weft_handle handle)
{
    char *const arguments[] = {argv[0], "child", NULL};
    char number[32];

    snprintf(number, sizeof(number), "%" PRIdPTR, handle);
    if (fcntl((int)handle, F_SETFD, 0) == 0 &&
        setenv(WEFT_CHANNEL_ENV, number, 1) == 0) {
        execvp(argv[0], arguments);
    }
    _exit(127);
}

static weft_status ask(weft_channel *child)
{
    weft_status status = WEFT_OK;

    for (uint64_t i = 1; i <= 5 && status == WEFT_OK; i++) {
        uint64_t square = 0;
        size_t bytes;

        status = weft_channel_send(child, &i, sizeof(i));
        if (status == WEFT_OK) {
            status = weft_channel_recv(child, &square, sizeof(square), &bytes);
        }
        if (status == WEFT_OK) {
            printf("%" PRIu64 " squared is %" PRIu64 "\n", i, square);
        }
    }
    return status;
}

int main(int argc, char **argv)
{
    weft_channel *channel;
    weft_handle theirs;
    weft_status status;
    pid_t child;

    if (argc > 1) {
        return run_child();
    }
    if (weft_channel_pair(NULL, &channel, &theirs, NULL) != WEFT_OK) {
        return 1;
    }
    child = fork();
    if (child == 0) {
        become_child(argv, theirs);
    }
    close((int)theirs);
    status = child > 0 ? ask(channel) : WEFT_EOS;
    weft_channel_close(&channel);
    if (child > 0) {
        waitpid(child, NULL, 0);
    }
    if (status != WEFT_OK) {
        fprintf(stderr, "the child: %s\n", weft_status_text(status));
    }
    return status != WEFT_OK;
}
