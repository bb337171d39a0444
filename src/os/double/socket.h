/* SPDX-License-Identifier: MIT
 *
 * socket.h - what the files that know sockets share.
 */
#ifndef DOUBLE_SOCKET_H
#define DOUBLE_SOCKET_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* As in darwin.h, which these files do not include. */
#define SO_NOSIGPIPE 0x1022
#define SOL_LOCAL 0
#define LOCAL_PEERPID 0x002

/* F_SETSIG's number that means: no SIGPIPE here. */
#define SILENT_MARK SIGURG

bool double_is_silent(int fd);
int double_set_silent(int fd, bool on);

/* Who sent the message that was received at a socket. */
void double_remember_sender(int fd, pid_t pid);

#endif
