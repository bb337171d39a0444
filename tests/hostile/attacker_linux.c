/* SPDX-License-Identifier: MIT
 *
 * Sending what the back end would not: by sendmsg(), with up to as many
 * descriptors as the kernel takes.
 */
#define _GNU_SOURCE
#include "attacker.h"

#include <string.h>
#include <sys/socket.h>

/* The kernel's SCM_MAX_FD. */
#define DESCRIPTORS_MOST 253

static void put_descriptors(struct msghdr *header, void *room,
                            const weft_handle *handles, size_t count)
{
    struct cmsghdr *control;
    int fds[DESCRIPTORS_MOST];

    for (size_t i = 0; i < count; i++) {
        fds[i] = (int)handles[i];
    }
    header->msg_control = room;
    header->msg_controllen = CMSG_SPACE(count * sizeof(int));
    control = CMSG_FIRSTHDR(header);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(control), fds, count * sizeof(int));
}

bool attacker_send(weft_handle socket, const void *data, size_t bytes,
                   const weft_handle *handles, size_t count)
{
    union {
        struct cmsghdr alignment;
        char bytes[CMSG_SPACE(DESCRIPTORS_MOST * sizeof(int))];
    } room;
    struct iovec part = {(void *)(uintptr_t)data, bytes};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};

    if (count > 0) {
        memset(&room, 0, sizeof(room));
        put_descriptors(&header, room.bytes, handles, count);
    }
    return sendmsg((int)socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}
