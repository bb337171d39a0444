/* SPDX-License-Identifier: MIT
 *
 * text.h - files that the kernel or a system's owner writes, read as text.
 */
#ifndef WEFTOS_LINUX_TEXT_H
#define WEFTOS_LINUX_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * The beginning of a file, terminated; what has no room is left out. False:
 * it can't be read. It is a cancellation point unless the caller forbids it.
 */
bool weftos_read_text(const char *path, char *text, size_t bytes);

/* The same, from an open directory on; errno says why not. */
bool weftos_read_text_at(int folder, const char *path, char *text,
                         size_t bytes);

/*
 * The number behind `label`, where a line begins with it; blanks between them
 * are passed over. False: there is no such line, or no number in it.
 */
bool weftos_find_number(const char *text, const char *label, uint64_t *value);

/* The same in the kernel's kilobytes, of 1024; as bytes. */
bool weftos_find_bytes(const char *text, const char *label, uint64_t *bytes);

/*
 * The next line, without its end. What has no room, of WEFTOS_LINE_BYTES, is
 * passed over. False: there is no other.
 */
#define WEFTOS_LINE_BYTES 32768
bool weftos_read_line(FILE *file, char *line);

/* A number at the beginning of a text; `*end` is behind it. */
bool weftos_parse_number(const char *text, const char **end, uint64_t *value);

#endif
