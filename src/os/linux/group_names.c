/* SPDX-License-Identifier: MIT
 *
 * What the name of a control group says of a container.
 *
 * What a group is called is its maker's choice: names count only in the form
 * that the makers of containers give them, most with 64 hexadecimal digits.
 */
#include <stdio.h>
#include <string.h>

#include "container.h"

#define ID_LENGTH 64

static bool is_id(const char *text)
{
    return strspn(text, "0123456789abcdef") == ID_LENGTH &&
           (text[ID_LENGTH] == '\0' || text[ID_LENGTH] == '/' ||
            text[ID_LENGTH] == '.');
}

/* The beginning of a part of the path, and what follows it. */
enum tail {
    TAIL_ID,  /* the digits */
    TAIL_NAME /* any name, up to the end of the part */
};

static const struct {
    const char *begin;
    weft_container maker;
    enum tail tail;
} makers[] = {
    {"docker/", WEFT_CONTAINER_DOCKER, TAIL_ID},
    {"docker-", WEFT_CONTAINER_DOCKER, TAIL_ID},
    {"libpod-", WEFT_CONTAINER_PODMAN, TAIL_ID},
    {"nerdctl-", WEFT_CONTAINER_CONTAINERD, TAIL_ID},
    {"cri-containerd-", WEFT_CONTAINER_CONTAINERD, TAIL_ID},
    {"lxc.payload.", WEFT_CONTAINER_LXC, TAIL_NAME},
    {"lxc.payload/", WEFT_CONTAINER_LXC, TAIL_NAME},
};

/* The last id of a pod's group: that of the container in it. NULL: none. */
static const char *find_last_id(const char *path)
{
    const char *found = NULL;

    for (const char *at = path; *at != '\0'; at++) {
        if ((*at == '/' || *at == '-') && is_id(at + 1)) {
            found = at + 1;
        }
    }
    return found;
}

static bool is_pods(const char *part)
{
    return strncmp(part, "kubepods", 8) == 0 &&
           (part[8] == '/' || part[8] == '-' || part[8] == '.' ||
            part[8] == '\0');
}

/* Of one part of the path, which `part` begins. */
static weft_container judge_part(const char *part, const char **id,
                                 size_t *length)
{
    *id = part;
    *length = 0;
    if (is_pods(part)) {
        const char *found = find_last_id(part);

        *id = found != NULL ? found : part;
        *length = found != NULL ? ID_LENGTH : 0;
        return WEFT_CONTAINER_KUBERNETES;
    }
    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
        size_t begin = strlen(makers[i].begin);

        if (strncmp(part, makers[i].begin, begin) != 0) {
            continue;
        }
        *id = part + begin;
        *length = makers[i].tail == TAIL_ID ? ID_LENGTH : strcspn(*id, "/");
        if (makers[i].tail == TAIL_NAME || is_id(*id)) {
            return makers[i].maker;
        }
    }
    return WEFT_CONTAINER_NONE;
}

weft_container weftos_group_maker(const char *path, const char **id,
                                  size_t *length)
{
    for (const char *at = path; *at != '\0'; at++) {
        weft_container maker = WEFT_CONTAINER_NONE;

        if (at == path || at[-1] == '/') {
            maker = judge_part(at, id, length);
        }
        if (maker != WEFT_CONTAINER_NONE) {
            return maker;
        }
    }
    *id = path;
    *length = 0;
    return WEFT_CONTAINER_NONE;
}
