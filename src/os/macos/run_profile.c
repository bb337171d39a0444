/* SPDX-License-Identifier: MIT
 *
 * A profile of seatbelt as text. Of the rules that fit, the last one counts; so
 * what is general comes first, and parents come before their children.
 *
 * Paths are strings in quotes, in which a backslash stands before a quote or a
 * backslash; nothing else ends such a string.
 */
#include <stdlib.h>
#include <string.h>

#include "../os.h"
#include "run_profile.h"

#include <weft/process.h>

struct text {
    char *base;
    size_t bytes;
    size_t room;
    bool is_short; /* of memory */
};

static void put(struct text *text, const char *more, size_t bytes)
{
    size_t room = text->room == 0 ? 1024 : text->room;
    char *grown;

    while (room - text->bytes <= bytes) {
        room *= 2;
    }
    if (room > text->room) {
        grown = realloc(text->base, room);
        if (grown == NULL) {
            text->is_short = true;
            return;
        }
        text->base = grown;
        text->room = room;
    }
    memcpy(text->base + text->bytes, more, bytes);
    text->bytes += bytes;
    text->base[text->bytes] = '\0';
}

static void say(struct text *text, const char *words)
{
    put(text, words, strlen(words));
}

bool weftos_run_profile_can_name(const char *path)
{
    for (const char *at = path; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            return false;
        }
    }
    return true;
}

static void say_quoted(struct text *text, const char *path, size_t bytes)
{
    say(text, "\"");
    for (size_t i = 0; i < bytes; i++) {
        if (path[i] == '"' || path[i] == '\\') {
            say(text, "\\");
        }
        put(text, &path[i], 1);
    }
    say(text, "\"");
}

/* "(WHAT (WHERE "PATH"))" */
static void say_rule(struct text *text, const char *what, const char *where,
                     const char *path, size_t bytes)
{
    say(text, "(");
    say(text, what);
    say(text, " (");
    say(text, where);
    say(text, " ");
    say_quoted(text, path, bytes);
    say(text, "))\n");
}

/* A path can be gone along, and asked for; "/" itself has a rule. */
static void say_way_to(struct text *text, const char *path)
{
    for (size_t i = 1; path[i] != '\0'; i++) {
        if (path[i] == '/') {
            say_rule(text, "allow file-read-metadata", "literal", path, i);
        }
    }
}

static void say_path(struct text *text, const struct run_profile *profile,
                     const struct run_profile_rule *rule)
{
    size_t bytes = strlen(rule->path);

    switch (rule->access) {
    case WEFT_ACCESS_READ:
        say_rule(text, "deny file-write*", "subpath", rule->path, bytes);
        say_rule(text, "allow file-read* process-exec*", "subpath", rule->path,
                 bytes);
        break;
    case WEFT_ACCESS_WRITE:
        say_rule(text, "allow file-read* file-write* process-exec*", "subpath",
                 rule->path, bytes);
        break;
    default:
        say_rule(text, "deny file-read* file-write* process-exec*", "subpath",
                 rule->path, bytes);
        return;
    }
    if (profile->denies_files) {
        say_way_to(text, rule->path);
    }
}

/* Without these no program is loaded at all; they tell nothing of a user. */
static const char *const loading[] = {
    "/usr/lib",
    "/System",
    "/private/var/db/dyld",
    "/private/preboot/Cryptexes",
};

static const char *const devices[] = {
    "/dev/null",    "/dev/zero",         "/dev/random",
    "/dev/urandom", "/dev/dtracehelper",
};

/* The system's programs, and what they need. */
static const char *const programs[] = {
    "/usr",
    "/bin",
    "/sbin",
    "/Library/Apple",
    "/private/etc/localtime",
    "/private/var/db/timezone",
    "/private/var/select",
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void say_each(struct text *text, const char *const *paths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        say_rule(text, "allow file-read* process-exec*", "subpath", paths[i],
                 strlen(paths[i]));
        say_way_to(text, paths[i]);
    }
}

static void say_paths(struct text *text, const struct run_profile *profile)
{
    if (profile->denies_files) {
        say(text, "(deny file-read* file-write* process-exec*)\n");
        say_rule(text, "allow file-read*", "literal", "/", 1);
        say_each(text, loading, COUNT_OF(loading));
        for (size_t i = 0; i < COUNT_OF(devices); i++) {
            say_rule(text, "allow file-read* file-write-data file-ioctl",
                     "literal", devices[i], strlen(devices[i]));
        }
        say(text, "(allow file-read-metadata (literal \"/dev\"))\n");
    }
    if (profile->allows_system) {
        say_each(text, programs, COUNT_OF(programs));
    }
    for (size_t i = 0; i < profile->rule_count; i++) {
        say_path(text, profile, &profile->rules[i]);
    }
}

char *weftos_run_profile_text(const struct run_profile *profile)
{
    struct text text = {NULL, 0, 0, false};

    say(&text, "(version 1)\n(allow default)\n");
    if (profile->denies_network) {
        say(&text, "(deny network*)\n");
    }
    if (profile->denies_ipc) {
        /* A channel makes memory with such names, which nobody guesses. */
        say(&text, "(deny ipc-posix*)\n(deny ipc-sysv*)\n"
                   "(allow ipc-posix-shm* "
                   "(ipc-posix-name-regex #\"^/weft[.]\"))\n");
    }
    if (profile->denies_pids) {
        say(&text, "(deny signal)\n"
                   "(allow signal (target same-sandbox))\n"
                   "(deny process-info*)\n"
                   "(allow process-info* (target same-sandbox))\n"
                   "(deny sysctl-read (sysctl-name-prefix \"kern.proc\"))\n");
    }
    say_paths(&text, profile);
    if (text.is_short) {
        free(text.base);
        return NULL;
    }
    return text.base;
}
