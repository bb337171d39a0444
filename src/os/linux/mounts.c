/* SPDX-License-Identifier: MIT
 *
 * The mounts that this process sees.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "text.h"

bool weftos_list_has(const char *list, char separator, const char *word)
{
    size_t length = strlen(word);

    while (list != NULL) {
        if (strncmp(list, word, length) == 0 &&
            (list[length] == separator || list[length] == '\0')) {
            return true;
        }
        list = strchr(list, separator);
        list = list != NULL ? list + 1 : NULL;
    }
    return false;
}

/* Blanks and backslashes are written as a backslash and three octal digits. */
static void decode(char *text)
{
    char *to = text;

    while (*text != '\0') {
        if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' &&
            text[2] >= '0' && text[2] <= '7' && text[3] >= '0' &&
            text[3] <= '7') {
            *to++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 +
                           (text[3] - '0'));
            text += 4;
        } else {
            *to++ = *text++;
        }
    }
    *to = '\0';
}

/* "36 35 98:0 /root /point rw,noatime shared:1 - ext4 /dev/x rw,errors" */
static bool take_apart(char *line, struct weftos_mount *mount)
{
    char *rest = strstr(line, " - ");
    char *fields[5];
    char *own[3];
    char *kept;

    if (rest == NULL) {
        return false;
    }
    *rest = '\0';
    rest += 3;
    for (int i = 0; i < 5; i++) {
        fields[i] = strtok_r(i == 0 ? line : NULL, " ", &kept);
        if (fields[i] == NULL) {
            return false;
        }
    }
    for (int i = 0; i < 3; i++) {
        own[i] = strtok_r(i == 0 ? rest : NULL, " \n", &kept);
        if (own[i] == NULL) {
            return false;
        }
    }
    mount->root = fields[3];
    mount->point = fields[4];
    mount->type = own[0];
    mount->options = own[2];
    decode(mount->root);
    decode(mount->point);
    return true;
}

void weftos_mounts_each(const char *root, weftos_mount_visit *visit,
                        void *context)
{
    char path[PATH_MAX];
    char *line = calloc(1, WEFTOS_LINE_BYTES);
    struct weftos_mount mount;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/proc/self/mountinfo", root);
    file = fopen(path, "re");
    while (file != NULL && line != NULL && weftos_read_line(file, line) &&
           (!take_apart(line, &mount) || visit(context, &mount))) {
    }
    free(line);
    if (file != NULL) {
        (void)fclose(file);
    }
}
