/* SPDX-License-Identifier: MIT
 *
 * Text for people: messages, clean text, spelling, sizes.
 */
#include <stdarg.h>
#include <string.h>

#include "tool.h"

/* Messages are cut here; the longest names and texts are far shorter. */
#define MESSAGE_BYTES 1024

/* The longest word for which a misspelling is looked for. */
#define WORD_BYTES 32

/* ------------------------------------------------------------- cleaning --- */

/* What the first byte of a sequence says: its length, and its own bits. */
static size_t sequence_length(unsigned char first, uint32_t *bits)
{
    if (first < 0x80) {
        *bits = first;
        return 1;
    }
    if (first >= 0xc2 && first < 0xe0) {
        *bits = first & 0x1fu;
        return 2;
    }
    if (first >= 0xe0 && first < 0xf0) {
        *bits = first & 0x0fu;
        return 3;
    }
    if (first >= 0xf0 && first < 0xf5) {
        *bits = first & 0x07u;
        return 4;
    }
    return 0;
}

/* Surrogates, over-long forms, and what is no Unicode. */
static bool is_bad_code(uint32_t code, size_t length)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

    return code < least[length] || (code >= 0xd800 && code < 0xe000) ||
           code > 0x10ffff;
}

size_t tool_utf8(const char *text, size_t room, uint32_t *code)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = room > 0 ? sequence_length(bytes[0], code) : 0;

    if (length > room) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
        *code = *code << 6 | (bytes[i] & 0x3fu);
    }
    return length == 0 || is_bad_code(*code, length) ? 0 : length;
}

bool tool_is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/* A sequence has 4 bytes at most; the NUL ends one that is cut. */
size_t tool_printable(const char *text)
{
    uint32_t code = 0;
    size_t length = tool_utf8(text, 4, &code);

    return length == 0 || tool_is_control(code) ? 0 : length;
}

void tool_clean(char *text)
{
    while (*text != '\0') {
        size_t length = tool_printable(text);

        if (length == 0) {
            *text = '?';
            length = 1;
        }
        text += length;
    }
}

/* ------------------------------------------------------------- messages --- */

static void print_message(const char *format, va_list arguments)
{
    char text[MESSAGE_BYTES];

    vsnprintf(text, sizeof(text), format, arguments);
    tool_clean(text);
    fprintf(stderr, "%s\n", text);
}

void tool_error(const char *format, ...)
{
    va_list arguments;

    fputs("weft: ", stderr);
    va_start(arguments, format);
    print_message(format, arguments);
    va_end(arguments);
}

int tool_usage_error(const char *command, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "weft %s: ", command);
    va_start(arguments, format);
    print_message(format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try 'weft %s --help'.\n", command);
    return TOOL_USAGE;
}

/* ------------------------------------------------------------- spelling --- */

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/*
 * How many letters must be put in, taken out or changed to make one word of
 * the other; `row` holds the distances of the prefixes seen so far.
 */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[WORD_BYTES + 1];
    size_t width = strlen(b);

    for (size_t j = 0; j <= width; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < width; j++) {
            size_t change = diagonal + (a[i] == b[j] ? 0 : 1);

            diagonal = row[j + 1];
            row[j + 1] = least_of(change, least_of(row[j], diagonal) + 1);
        }
    }
    return row[width];
}

const char *tool_nearest(const char *word, const void *words, size_t count,
                         size_t stride)
{
    const char *best = NULL;
    size_t best_distance = 3; /* further off is a guess, not a help */

    for (size_t i = 0; i < count; i++) {
        const char *const *candidate =
            (const void *)((const char *)words + i * stride);
        size_t distance;

        if (strlen(word) > WORD_BYTES || strlen(*candidate) > WORD_BYTES) {
            continue;
        }
        distance = edit_distance(word, *candidate);
        if (distance < best_distance && 2 * distance <= strlen(*candidate)) {
            best = *candidate;
            best_distance = distance;
        }
    }
    return best;
}

/* ---------------------------------------------------------------- sizes --- */

void tool_format_bytes(double bytes, char *text, size_t room)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;

    while (bytes >= 1024 && unit + 1 < TOOL_COUNT_OF(units)) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, room, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}
