/* SPDX-License-Identifier: MIT
 *
 * name.h - the rule of plain names, for all back ends.
 */
#ifndef WEFTOS_NAME_H
#define WEFTOS_NAME_H

#include <stdbool.h>
#include <string.h>

#include "os.h"

/* How long the plain name is that this begins with; 0: it is none. */
static inline size_t weftos_name_length(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-";
    size_t length = strspn(name, allowed);

    return length <= WEFT_NAME_MAX && name[0] != '.' ? length : 0;
}

/* The number in a text that is "+1" to "+63"; 0: it is none. */
static inline unsigned weftos_name_number(const char *text)
{
    unsigned number = 0;

    if (text[0] != '+' || text[1] == '0') {
        return 0;
    }
    for (text++; *text >= '0' && *text <= '9' && number < WEFTOS_NUMBERS;
         text++) {
        number = number * 10 + (unsigned)(*text - '0');
    }
    return *text == '\0' && number < WEFTOS_NUMBERS ? number : 0;
}

/* Is it a plain name, or if `numbered` the place of one who shares it? */
static inline bool weftos_name_is_plain(const char *name, bool numbered)
{
    size_t length = weftos_name_length(name);

    return length > 0 && (name[length] == '\0' ||
                          (numbered && weftos_name_number(name + length) != 0));
}

#endif
