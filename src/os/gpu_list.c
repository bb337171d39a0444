/* SPDX-License-Identifier: MIT
 *
 * The growing lists of devices and of those who use them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu.h"

#define ROOM_AT_FIRST 8

void *weftos_gpu_grow(void **items, size_t *count, size_t *room, size_t bytes)
{
    if (*count == *room) {
        size_t more = *room > 0 ? *room * 2 : ROOM_AT_FIRST;
        void *grown = calloc(more, bytes);

        if (grown == NULL) {
            return NULL;
        }
        if (*count > 0) {
            memcpy(grown, *items, *count * bytes);
        }
        free(*items);
        *items = grown;
        *room = more;
    }
    return (char *)*items + (*count)++ * bytes;
}

weft_gpu_process *weftos_gpu_user(struct weftos_gpu_users *users, int64_t pid,
                                  const char *device)
{
    weft_gpu_process *user;
    void *items = users->items;

    for (size_t i = 0; i < users->count; i++) {
        user = &users->items[i];
        if (user->pid == pid && strcmp(user->device, device) == 0) {
            return user;
        }
    }
    user = weftos_gpu_grow(&items, &users->count, &users->room, sizeof(*user));
    users->items = items;
    if (user != NULL) {
        user->pid = pid;
        WEFTOS_SET_TEXT(user->device, device);
    }
    return user;
}
