/* SPDX-License-Identifier: MIT
 *
 * Paths as texts: joined, normalised, and named as programs.
 *
 * A path is a root, which may be empty, and parts with separators between
 * them. A normalised path is made from its end: a `..` takes the next part
 * before it that is none, so it is known of each part, when it is come to,
 * whether it stays. That is done twice, once for the length, and once to write
 * the parts from the end of their place to its beginning; so no memory is
 * needed, however long the path is.
 */
#include "path.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <weft/system.h>

#include "os/system.h"

/* A piece of a text. */
struct piece {
    const char *at;
    size_t length;
};

enum root_kind {
    ROOT_NONE,     /* relative */
    ROOT_DRIVE,    /* "C:", relative to the directory of that drive */
    ROOT_SLASH,    /* "/"; on Windows of the drive of the directory */
    ROOT_ABSOLUTE, /* "C:\" */
    ROOT_SHARE,    /* "\\server\share\" */
    ROOT_DEVICE,   /* "\\.\" */
    ROOT_VERBATIM  /* "\\?\": the system takes what follows as it is */
};

struct root {
    enum root_kind kind;
    size_t length;      /* what of the path it is */
    struct piece first; /* "C:", the server, or "." */
    struct piece share;
};

static bool is_separator(bool is_windows, char c)
{
    return c == '/' || (is_windows && c == '\\');
}

static bool has_drive(const char *path)
{
    char letter = path[0];

    return ((letter >= 'a' && letter <= 'z') ||
            (letter >= 'A' && letter <= 'Z')) &&
           path[1] == ':';
}

static size_t count_separators(bool is_windows, const char *path)
{
    size_t count = 0;

    while (is_separator(is_windows, path[count])) {
        count++;
    }
    return count;
}

/* Up to a separator or the end. */
static struct piece next_piece(bool is_windows, const char *path)
{
    struct piece piece = {path, 0};

    while (path[piece.length] != '\0' &&
           !is_separator(is_windows, path[piece.length])) {
        piece.length++;
    }
    return piece;
}

/* Of a path that begins with two separators of Windows, and no third one. */
static struct root find_network_root(const char *path)
{
    struct root root = {.kind = ROOT_SHARE};
    const char *at = path + 2;

    root.first = next_piece(true, at);
    at += root.first.length;
    if (root.first.length == 1 &&
        (*root.first.at == '.' || *root.first.at == '?')) {
        root.kind =
            strncmp(path, "\\\\?\\", 4) == 0 ? ROOT_VERBATIM : ROOT_DEVICE;
    } else {
        at += count_separators(true, at);
        root.share = next_piece(true, at);
        at += root.share.length;
    }
    at += count_separators(true, at);
    root.length = (size_t)(at - path);
    return root;
}

static struct root find_root(bool is_windows, const char *path)
{
    struct root root = {.kind = ROOT_NONE};
    size_t separators = count_separators(is_windows, path);

    if (is_windows && separators == 2 && path[2] != '\0') {
        return find_network_root(path);
    }
    if (separators > 0) {
        root.kind = ROOT_SLASH;
        root.length = separators;
    } else if (is_windows && has_drive(path)) {
        root.first.at = path;
        root.first.length = 2;
        separators = count_separators(true, path + 2);
        root.kind = separators > 0 ? ROOT_ABSOLUTE : ROOT_DRIVE;
        root.length = 2 + separators;
    }
    return root;
}

/* -------------------------------------------------------------- writing --- */

/* A text that is written as far as there is room, and counted to its end. */
struct writer {
    char *text;
    size_t bytes;
    size_t length;
};

static void put(struct writer *writer, const char *data, size_t length)
{
    if (writer->length < writer->bytes &&
        length < writer->bytes - writer->length) {
        memcpy(writer->text + writer->length, data, length);
    }
    writer->length += length;
}

/* What does not fit leaves nothing behind. */
static int finish(const struct writer *writer)
{
    bool fits = writer->length < writer->bytes;

    if (writer->bytes > 0) {
        writer->text[fits ? writer->length : 0] = '\0';
    }
    if (writer->length > INT_MAX) {
        if (writer->bytes > 0) {
            writer->text[0] = '\0';
        }
        return WEFT_ELIMIT;
    }
    return (int)writer->length;
}

static int refuse(char *text, size_t bytes)
{
    if (text != NULL && bytes > 0) {
        text[0] = '\0';
    }
    return WEFT_EINVAL;
}

/* ------------------------------------------------------------ normalise --- */

static void put_root(struct writer *writer, bool is_windows,
                     const struct root *root)
{
    const char *separator = is_windows ? "\\" : "/";

    if (root->kind >= ROOT_SHARE) {
        put(writer, "\\\\", 2);
    }
    if (root->first.length > 0) {
        put(writer, root->first.at, root->first.length);
    }
    if (root->kind >= ROOT_SLASH) {
        put(writer, separator, 1);
    }
    if (root->share.length > 0) {
        put(writer, root->share.at, root->share.length);
        put(writer, separator, 1);
    }
}

/*
 * The part that ends before `end`, with the separators after it passed over;
 * its length is 0 when there is none left.
 */
static struct piece last_piece(bool is_windows, const char *begin,
                               const char *end)
{
    struct piece piece = {end, 0};

    while (piece.at > begin && is_separator(is_windows, piece.at[-1])) {
        piece.at--;
    }
    while (piece.at > begin && !is_separator(is_windows, piece.at[-1])) {
        piece.at--;
        piece.length++;
    }
    return piece;
}

/* The parts that stay of a path behind its root. */
struct parts {
    size_t ups;         /* `..` that lead out of it, and stay before the rest */
    size_t length;      /* with a separator between any two */
    struct piece first; /* of those that are no `..` */
};

/* Writes one from its end; `*end` is where that is, or NULL to count alone. */
static void put_back(struct parts *parts, char **end, char separator,
                     struct piece piece)
{
    size_t length = piece.length + (parts->length > 0 ? 1 : 0);

    if (*end != NULL) {
        *end -= length;
        memcpy(*end, piece.at, piece.length);
        if (parts->length > 0) {
            (*end)[piece.length] = separator;
        }
    }
    parts->length += length;
}

static struct parts put_parts(bool is_windows, const struct root *root,
                              const char *path, char *end)
{
    const char *begin = path + root->length;
    struct parts parts = {0, 0, {NULL, 0}};
    char separator = is_windows ? '\\' : '/';
    struct piece piece = last_piece(is_windows, begin, begin + strlen(begin));

    for (; piece.length > 0; piece = last_piece(is_windows, begin, piece.at)) {
        if (piece.length == 1 && piece.at[0] == '.') {
            continue;
        }
        if (piece.length == 2 && memcmp(piece.at, "..", 2) == 0) {
            parts.ups++;
        } else if (parts.ups > 0) {
            parts.ups--;
        } else {
            put_back(&parts, &end, separator, piece);
            parts.first = piece;
        }
    }
    if (root->kind >= ROOT_SLASH) {
        parts.ups = 0;
    }
    for (size_t i = 0; i < parts.ups; i++) {
        put_back(&parts, &end, separator, (struct piece){"..", 2});
    }
    return parts;
}

int wefti_path_normalise(bool is_windows, const char *path, char *text,
                         size_t bytes)
{
    struct writer writer = {text, bytes, 0};
    struct root root;
    struct parts parts;

    if (path == NULL || (text == NULL && bytes > 0)) {
        return refuse(text, bytes);
    }
    root = find_root(is_windows, path);
    if (root.kind == ROOT_VERBATIM) {
        put(&writer, path, strlen(path));
        return finish(&writer);
    }
    put_root(&writer, is_windows, &root);
    parts = put_parts(is_windows, &root, path, NULL);
    if (root.kind <= ROOT_DRIVE && parts.length == 0) {
        put(&writer, ".", 1);
    } else if (is_windows && root.kind == ROOT_NONE && parts.ups == 0 &&
               has_drive(parts.first.at)) {
        put(&writer, ".\\", 2); /* a file of that name, and no drive */
    }
    writer.length += parts.length;
    if (writer.length < writer.bytes) {
        (void)put_parts(is_windows, &root, path, text + writer.length);
    }
    return finish(&writer);
}

/* ----------------------------------------------------------------- join --- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_same_drive(const struct root *a, const struct root *b)
{
    return (a->kind == ROOT_DRIVE || a->kind == ROOT_ABSOLUTE) &&
           lower(a->first.at[0]) == lower(b->first.at[0]);
}

/* How much of `first` stays, and of `second` goes, when they are joined. */
struct seam {
    size_t keep;
    size_t skip;
};

static struct seam find_seam(bool is_windows, const char *first,
                             const char *second)
{
    struct root a = find_root(is_windows, first);
    struct root b = find_root(is_windows, second);
    struct seam seam = {0, 0};

    if (b.kind == ROOT_NONE) {
        seam.keep = strlen(first);
    } else if (b.kind == ROOT_DRIVE && is_same_drive(&a, &b)) {
        seam.keep = strlen(first);
        seam.skip = b.length;
    } else if (b.kind == ROOT_SLASH && is_windows &&
               (a.kind == ROOT_DRIVE || a.kind == ROOT_ABSOLUTE)) {
        seam.keep = a.first.length;
    } else if (b.kind == ROOT_SLASH && a.kind == ROOT_SHARE) {
        seam.keep = a.length;
        seam.skip = b.length;
    }
    return seam;
}

int wefti_path_join(bool is_windows, const char *first, const char *second,
                    char *text, size_t bytes)
{
    struct writer writer = {text, bytes, 0};
    struct seam seam;

    if (first == NULL || second == NULL || (text == NULL && bytes > 0)) {
        return refuse(text, bytes);
    }
    seam = find_seam(is_windows, first, second);
    put(&writer, first, seam.keep);
    second += seam.skip;
    if (seam.keep > 0 && *second != '\0' &&
        !is_separator(is_windows, first[seam.keep - 1]) &&
        !is_separator(is_windows, *second) &&
        !(is_windows && seam.keep == 2 && has_drive(first))) {
        put(&writer, is_windows ? "\\" : "/", 1);
    }
    put(&writer, second, strlen(second));
    return finish(&writer);
}

/* ----------------------------------------------------------- executable --- */

static bool is_program_suffix(const char *end)
{
    static const char *const suffixes[] = {".exe", ".com", ".bat", ".cmd"};

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        size_t k = 0;

        while (k < 4 && lower(end[k]) == suffixes[i][k]) {
            k++;
        }
        if (k == 4) {
            return true;
        }
    }
    return false;
}

int wefti_path_executable(bool is_windows, const char *name, char *text,
                          size_t bytes)
{
    struct writer writer = {text, bytes, 0};
    size_t length = name != NULL ? strlen(name) : 0;

    if (length == 0 || (text == NULL && bytes > 0) ||
        is_separator(is_windows, name[length - 1]) ||
        (is_windows && name[length - 1] == ':')) {
        return refuse(text, bytes);
    }
    put(&writer, name, length);
    if (is_windows && (length < 4 || !is_program_suffix(name + length - 4))) {
        put(&writer, ".exe", 4);
    }
    return finish(&writer);
}

/* ------------------------------------------------- those of this system --- */

int weft_path_join(const char *first, const char *second, char *text,
                   size_t bytes)
{
    return wefti_path_join(weftos_paths_are_windows, first, second, text,
                           bytes);
}

int weft_path_normalise(const char *path, char *text, size_t bytes)
{
    return wefti_path_normalise(weftos_paths_are_windows, path, text, bytes);
}

int weft_path_executable(const char *name, char *text, size_t bytes)
{
    return wefti_path_executable(weftos_paths_are_windows, name, text, bytes);
}

/* ---------------------------------------------------------- directories --- */

static int find_folder(enum weftos_folder folder, char *text, size_t bytes,
                       const char **rule)
{
    char path[WEFTOS_FOLDER_BYTES];
    struct writer writer = {text, bytes, 0};
    const char *found = "";
    weft_status status;

    if (text == NULL && bytes > 0) {
        return WEFT_EINVAL;
    }
    status = weftos_folder_find(folder, path, &found);
    if (status != WEFT_OK) {
        (void)refuse(text, bytes);
        return status;
    }
    if (rule != NULL) {
        *rule = found;
    }
    put(&writer, path, strlen(path));
    return finish(&writer);
}

int weft_path_home(char *text, size_t bytes, const char **rule)
{
    return find_folder(WEFTOS_FOLDER_HOME, text, bytes, rule);
}

int weft_path_config(char *text, size_t bytes, const char **rule)
{
    return find_folder(WEFTOS_FOLDER_CONFIG, text, bytes, rule);
}

int weft_path_temp(char *text, size_t bytes, const char **rule)
{
    return find_folder(WEFTOS_FOLDER_TEMP, text, bytes, rule);
}

int weft_path_runtime(char *text, size_t bytes, const char **rule)
{
    return find_folder(WEFTOS_FOLDER_RUNTIME, text, bytes, rule);
}
