/* SPDX-License-Identifier: MIT
 *
 * Files that the kernel or a system's owner writes, read as text.
 */
#define _GNU_SOURCE
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool weftos_read_text_at(int folder, const char *path, char *text, size_t bytes)
{
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    size_t length = 0;
    ssize_t got = 1;

    if (fd < 0) {
        return false;
    }
    while (got != 0 && length < bytes - 1) {
        got = read(fd, text + length, bytes - 1 - length);
        if (got < 0) {
            if (errno != EINTR) {
                break;
            }
        } else {
            length += (size_t)got;
        }
    }
    (void)close(fd);
    text[length] = '\0';
    return got >= 0;
}

bool weftos_read_text(const char *path, char *text, size_t bytes)
{
    return weftos_read_text_at(AT_FDCWD, path, text, bytes);
}

bool weftos_read_line(FILE *file, char *line)
{
    bool is_whole = true;

    while (fgets(line, WEFTOS_LINE_BYTES, file) != NULL) {
        size_t length = strcspn(line, "\n");
        bool begins_anew = is_whole;

        is_whole = line[length] == '\n' || feof(file) != 0;
        line[length] = '\0';
        if (begins_anew && is_whole) {
            return true;
        }
    }
    return false;
}

bool weftos_parse_number(const char *text, const char **end, uint64_t *value)
{
    const char *at = text;
    uint64_t number = 0;

    while (*at >= '0' && *at <= '9') {
        unsigned digit = (unsigned)(*at - '0');

        if (number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
        at++;
    }
    *end = at;
    *value = number;
    return at != text;
}

bool weftos_find_number(const char *text, const char *label, uint64_t *value)
{
    size_t length = strlen(label);
    const char *end;

    while (text != NULL && *text != '\0') {
        if (strncmp(text, label, length) == 0) {
            text += length;
            text += strspn(text, " \t");
            return weftos_parse_number(text, &end, value);
        }
        text = strchr(text, '\n');
        text = text != NULL ? text + 1 : NULL;
    }
    return false;
}

bool weftos_find_bytes(const char *text, const char *label, uint64_t *bytes)
{
    uint64_t value;

    if (!weftos_find_number(text, label, &value) || value > UINT64_MAX / 1024) {
        return false;
    }
    *bytes = value * 1024;
    return true;
}
