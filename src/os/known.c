/* SPDX-License-Identifier: MIT
 *
 * Programs that are known by their files.
 */
#include "known.h"

#include <string.h>

static char lower(char byte)
{
    return (char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
}

/* The length of `begin` if the text begins with it, else 0. */
static size_t begins(const char *text, const char *begin, bool ignores_case)
{
    size_t length = 0;

    while (begin[length] != '\0') {
        char a = text[length];
        char b = begin[length];

        if (a != b && (!ignores_case || lower(a) != lower(b))) {
            return 0;
        }
        length++;
    }
    return length;
}

static bool is_same(const char *a, const char *b, bool ignores_case)
{
    size_t length = begins(a, b, ignores_case);

    return length > 0 && a[length] == '\0';
}

static bool is_in_folder(const struct weftos_known *known, const char *exe,
                         bool ignores_case)
{
    for (size_t i = 0; known->folders[i] != NULL; i++) {
        if (begins(exe, known->folders[i], ignores_case) > 0) {
            return true;
        }
    }
    return false;
}

static bool is_listed(const struct weftos_known *known,
                      const char *const *files, const char *exe,
                      bool ignores_case)
{
    const char *last = strrchr(exe, known->separator);
    bool is_systems = is_in_folder(known, exe, ignores_case);

    for (; *files != NULL; files++) {
        bool is_path = strchr(*files, known->separator) != NULL;

        if (is_path ? is_same(exe, *files, ignores_case)
                    : is_systems && last != NULL &&
                          is_same(last + 1, *files, ignores_case)) {
            return true;
        }
    }
    return false;
}

uint32_t weftos_known_marks(const struct weftos_known *known, const char *exe,
                            bool ignores_case)
{
    uint32_t marks = 0;

    for (size_t i = 0; i < WEFTOS_KNOWN_LISTS; i++) {
        if (is_listed(known, known->lists[i].files, exe, ignores_case)) {
            marks |= WEFT_MARK_BIT(known->lists[i].mark);
        }
    }
    return marks;
}
