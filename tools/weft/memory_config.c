/* SPDX-License-Identifier: MIT
 *
 * The text of the daemon's config: keys, values, and what is wrong with them.
 *
 * The file may be anybody's mistake, so nothing in it is taken for granted: it
 * is short, it is text, each key is known and is given once, and each value is
 * in its bounds.
 */
#include "memory_config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define S UINT64_C(1000000000)
#define HOUR (3600 * S)
#define DAY (24 * HOUR)
#define MIB (UINT64_C(1) << 20)

#define AT(member) offsetof(memory_config, member)
#define TEXT_AT(member)                                                        \
    CONFIG_TEXT, AT(member), sizeof(((memory_config *)NULL)->member), 0, 0

static const config_key keys[] = {
    {"dry-run", "daemon", CONFIG_YES_NO, AT(dry_run), 0, 0, 0},
    {"settle", "daemon", CONFIG_DURATION, AT(settle_ns), 0, 0, DAY},
    {"enabled", "history", CONFIG_YES_NO, AT(keeps_history), 0, 0, 0},
    {"file", "history", TEXT_AT(history_file)},
    {"keep", "history", CONFIG_DURATION, AT(history_keep_ns), 0, HOUR,
     3650 * DAY},
    {"most", "history", CONFIG_SIZE, AT(history_most_bytes), 0, MIB,
     1024 * MIB},
    {"listen", "http", TEXT_AT(http_listen)},
    {"token-file", "http", TEXT_AT(http_token_file)},
    {"watch", "alert", TEXT_AT(alerts[0])},
    {"tight", "alert", TEXT_AT(alerts[1])},
    {"emergency", "alert", TEXT_AT(alerts[2])},
    {"pause", "alert", CONFIG_DURATION, AT(alert_pause_ns), 0, S, DAY},
    {"proactive", "policy", CONFIG_YES_NO, AT(proactive), 0, 0, 0},
};

/* The constants of the policy follow these. */
#define OWN_KEYS TOOL_COUNT_OF(keys)

static const char *const sections[] = {"daemon", "policy", "history",
                                       "http",   "alert",  "rules"};

#define RULES (TOOL_COUNT_OF(sections) - 1)

/* ----------------------------------------------------------------- keys --- */

size_t config_key_count(void)
{
    return OWN_KEYS + policy_constant_count;
}

void config_get_key(size_t index, config_key *key, char *name, size_t room)
{
    if (index < OWN_KEYS) {
        *key = keys[index];
        (void)snprintf(name, room, "%s", key->name);
    } else {
        const policy_constant *constant =
            &policy_constant_table[index - OWN_KEYS];

        *key = (config_key){.section = "policy",
                            .kind = CONFIG_NUMBER,
                            .offset = AT(constants) + constant->offset};
        (void)snprintf(name, room, "%s", constant->name);
        for (char *at = name; *at != '\0'; at++) {
            *at = *at == '_' ? '-' : *at;
        }
    }
    key->name = name;
}

static void *place_of(memory_config *config, const config_key *key)
{
    return (char *)config + key->offset;
}

void config_format(const memory_config *config, const config_key *key,
                   char *text, size_t room)
{
    const void *place = (const char *)config + key->offset;
    uint64_t number = 0;

    switch (key->kind) {
    case CONFIG_YES_NO:
        (void)snprintf(text, room, "%s", *(const bool *)place ? "yes" : "no");
        break;
    case CONFIG_DURATION:
        number = *(const uint64_t *)place;
        (void)snprintf(text, room, "%" PRIu64 "%s",
                       number % S == 0 ? number / S : number,
                       number % S == 0 ? "s" : "ns");
        break;
    case CONFIG_SIZE:
        number = *(const uint64_t *)place;
        (void)snprintf(text, room, "%" PRIu64 "%s",
                       number % MIB == 0 ? number / MIB : number,
                       number % MIB == 0 ? "M" : "");
        break;
    case CONFIG_NUMBER:
        (void)snprintf(text, room, "%.15g", *(const double *)place);
        break;
    case CONFIG_TEXT:
        (void)snprintf(text, room, "%s", (const char *)place);
        break;
    }
}

/* --------------------------------------------------------------- values --- */

static const char *take_yes_no(void *place, const char *value)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
        return "is neither yes nor no";
    }
    *(bool *)place = strcmp(value, "yes") == 0;
    return NULL;
}

static const char *take_bounded(const config_key *key, void *place,
                                bool is_parsed, uint64_t value,
                                const char *not_one)
{
    if (!is_parsed) {
        return not_one;
    }
    if (value < key->least || value > key->most) {
        return value < key->least ? "is too small" : "is too large";
    }
    *(uint64_t *)place = value;
    return NULL;
}

/* Digits and a point alone: no sign, exponent, infinity or locale's comma. */
static const char *take_number(void *place, const char *value)
{
    char *end = NULL;
    double number;

    if (value[0] == '\0' || strspn(value, "0123456789.") != strlen(value) ||
        strlen(value) > 15) {
        return "is no number such as 0.5";
    }
    number = strtod(value, &end);
    if (*end != '\0') {
        return "is no number such as 0.5";
    }
    if (number <= 0 || number > 1e6) {
        return number <= 0 ? "is too small" : "is too large";
    }
    *(double *)place = number;
    return NULL;
}

static const char *take_text(const config_key *key, void *place,
                             const char *value)
{
    if (strlen(value) >= key->room) {
        return "is too long";
    }
    (void)snprintf(place, key->room, "%s", value);
    return NULL;
}

static const char *take_value(memory_config *config, const config_key *key,
                              const char *value)
{
    void *place = place_of(config, key);
    uint64_t number = 0;
    bool is_parsed;

    switch (key->kind) {
    case CONFIG_YES_NO:
        return take_yes_no(place, value);
    case CONFIG_DURATION:
        is_parsed = tool_parse_duration(value, &number);
        return take_bounded(key, place, is_parsed, number,
                            "is no duration such as 90s");
    case CONFIG_SIZE:
        is_parsed = tool_parse_size(value, &number);
        return take_bounded(key, place, is_parsed, number,
                            "is no size such as 16M");
    case CONFIG_NUMBER:
        return take_number(place, value);
    default:
        return take_text(key, place, value);
    }
}

const char *memory_config_contradiction(const memory_config *config)
{
    const policy_constants *constants = &config->constants;

    if (constants->watch_available > 100 ||
        constants->watch_available < constants->tight_available ||
        constants->tight_available < constants->emergency_available) {
        return "watch-available, tight-available and emergency-available must "
               "fall in this order, from 100 at most";
    }
    if (constants->gap < 1) {
        return "gap must be 1 or more, or a state is left where it is entered";
    }
    if (constants->look_edge < 0.05 || constants->look_calm < 0.05) {
        return "look-calm and look-edge must be 0.05 or more";
    }
    if (config->http_token_file[0] != '\0' && config->http_listen[0] == '\0') {
        return "token-file in [http] needs listen";
    }
    return NULL;
}

/* ---------------------------------------------------------------- lines --- */

/* Where a text is being read. */
typedef struct reading {
    memory_config *config;
    config_complain *complain;
    void *context;
    const char *section; /* NULL: none yet, or an unknown one */
    bool is_skipping;    /* after an unknown section */
    int line;
    bool is_wrong;
} reading;

TOOL_PRINTF(2, 3)
static void complain(reading *me, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    me->is_wrong = true;
    me->complain(me->context, me->line, text);
}

static char *trim(char *text)
{
    size_t length;

    text += strspn(text, " \t");
    length = strlen(text);
    while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL) {
        text[--length] = '\0';
    }
    return text;
}

/* The key of a name in a section; its index, or -1. */
static int find_key(const char *section, const char *name, config_key *key,
                    char *room_for_name, size_t room)
{
    for (size_t i = 0; i < config_key_count(); i++) {
        config_get_key(i, key, room_for_name, room);
        if (strcmp(key->section, section) == 0 &&
            strcmp(key->name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* " did you mean 'X'?" of the keys of a section, or "". */
static void suggest_key(const char *section, const char *name, char *text,
                        size_t room)
{
    struct {
        const char *word;
        char text[40];
    } words[CONFIG_KEYS_MOST];
    size_t count = 0;
    const char *nearest;
    config_key key;

    for (size_t i = 0; i < config_key_count() && i < CONFIG_KEYS_MOST; i++) {
        config_get_key(i, &key, words[count].text, sizeof(words[count].text));
        if (strcmp(key.section, section) == 0) {
            words[count].word = words[count].text;
            count++;
        }
    }
    nearest = tool_nearest(name, words, count, sizeof(words[0]));
    text[0] = '\0';
    if (nearest != NULL) {
        (void)snprintf(text, room, "; did you mean '%s'?", nearest);
    }
}

static void read_section(reading *me, char *text)
{
    char *end = strchr(text, ']');
    const char *nearest;

    me->section = NULL;
    me->is_skipping = true;
    if (end == NULL || end[1] != '\0') {
        complain(me, "a section is written as [name] on a line of its own");
        return;
    }
    *end = '\0';
    for (size_t i = 0; i < TOOL_COUNT_OF(sections); i++) {
        if (strcmp(text + 1, sections[i]) == 0) {
            me->section = sections[i];
            me->is_skipping = false;
            return;
        }
    }
    nearest = tool_nearest(text + 1, sections, TOOL_COUNT_OF(sections),
                           sizeof(sections[0]));
    complain(me, "unknown section '%.60s'%s%s%s", text + 1,
             nearest != NULL ? "; did you mean '" : "",
             nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
}

static void read_key(reading *me, char *text)
{
    char *equals = strchr(text, '=');
    char room[40];
    char hint[64];
    config_key key;
    const char *name;
    const char *why;
    const char *value;
    int index;

    if (equals == NULL) {
        complain(me, "'%.60s' is no line of the form KEY = VALUE", text);
        return;
    }
    *equals = '\0';
    name = trim(text);
    value = trim(equals + 1);
    index = find_key(me->section, name, &key, room, sizeof(room));
    if (index < 0) {
        suggest_key(me->section, name, hint, sizeof(hint));
        complain(me, "unknown key '%.60s' in [%s]%s", name, me->section, hint);
        return;
    }
    if (me->config->lines[index] > 0) {
        complain(me, "'%s' has been given in line %d", name,
                 me->config->lines[index]);
        return;
    }
    why = take_value(me->config, &key, value);
    if (why != NULL) {
        complain(me, "%s: '%.60s' %s", name, value, why);
        return;
    }
    me->config->lines[index] = me->line;
}

/* NULs and other control bytes are no text of anybody's. */
static bool is_text(const char *line, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)line[i];

        if ((byte < 0x20 && byte != '\t' &&
             !(byte == '\r' && i + 1 == bytes)) ||
            byte == 0x7f) {
            return false;
        }
    }
    return true;
}

static void read_line(reading *me, const char *start, size_t bytes)
{
    char copy[CONFIG_PATH_ROOM + 64];
    char *text;

    if (!is_text(start, bytes)) {
        complain(me, "a control character is in it");
        return;
    }
    if (bytes >= sizeof(copy)) {
        complain(me, "it is too long");
        return;
    }
    memcpy(copy, start, bytes);
    copy[bytes] = '\0';
    text = trim(copy);
    if (text[0] == '\0' || text[0] == '#') {
        return;
    }
    if (text[0] == '[') {
        read_section(me, text);
    } else if (me->section == sections[RULES]) {
        /* It stays in the text of the rules, where its line's number is. */
        memcpy(me->config->rules + (me->config->rules_bytes - bytes), start,
               bytes);
    } else if (me->section != NULL) {
        read_key(me, text);
    } else if (!me->is_skipping) {
        complain(me, "'%.60s' is in no section", text);
    }
}

/*
 * The text of the rules grows with each line by as many blanks as that has, so
 * that those of the rules can be copied into their place.
 */
static void add_blank(memory_config *config, size_t bytes, bool has_newline)
{
    memset(config->rules + config->rules_bytes, ' ', bytes);
    config->rules_bytes += bytes;
    if (has_newline) {
        config->rules[config->rules_bytes] = '\n';
    }
}

bool memory_config_parse(memory_config *config, const char *text, size_t bytes,
                         config_complain *told, void *context)
{
    reading me = {.config = config, .complain = told, .context = context};

    if (bytes > CONFIG_FILE_MOST) {
        complain(&me, "it is longer than 64 KiB");
        return false;
    }
    free(config->rules);
    config->rules_bytes = 0;
    config->rules = calloc(1, bytes + 1);
    if (config->rules == NULL) {
        complain(&me, "%s", weft_status_text(WEFT_ENOMEM));
        return false;
    }
    while (bytes > 0) {
        const char *newline = memchr(text, '\n', bytes);
        size_t length = newline != NULL ? (size_t)(newline - text) : bytes;

        me.line++;
        add_blank(config, length, newline != NULL);
        read_line(&me, text, length);
        length += newline != NULL;
        config->rules_bytes += newline != NULL;
        text += length;
        bytes -= length;
    }
    return !me.is_wrong;
}

const char *memory_config_set(memory_config *config, const char *text,
                              char *why, size_t room)
{
    char section[16];
    char name[40];
    char stored[40];
    char hint[64];
    const char *equals = strchr(text, '=');
    size_t dot = strcspn(text, ".=");
    const char *wrong;
    config_key key;
    int index;

    if (equals == NULL || text[dot] != '.' || dot >= sizeof(section) ||
        (size_t)(equals - text) - dot > sizeof(name)) {
        return "is not of the form SECTION.KEY=VALUE";
    }
    (void)snprintf(section, sizeof(section), "%.*s", (int)dot, text);
    (void)snprintf(name, sizeof(name), "%.*s",
                   (int)(equals - text - (ptrdiff_t)dot - 1), text + dot + 1);
    index = find_key(section, name, &key, stored, sizeof(stored));
    if (index < 0) {
        suggest_key(section, name, hint, sizeof(hint));
        (void)snprintf(why, room, "has no key of the config%s", hint);
        return why;
    }
    if (!is_text(equals, strlen(equals))) {
        return "has a control character in it";
    }
    wrong = take_value(config, &key, equals + 1);
    if (wrong != NULL) {
        (void)snprintf(why, room, "has a value that %s", wrong);
        return why;
    }
    config->lines[index] = CONFIG_COMMAND_LINE;
    return NULL;
}

/* ----------------------------------------------------------- begin, end --- */

void memory_config_begin(memory_config *config)
{
    *config = (memory_config){.settle_ns = 120 * S,
                              .constants = policy_defaults,
                              .keeps_history = true,
                              .history_keep_ns = 30 * DAY,
                              .history_most_bytes = 16 * MIB,
                              .alert_pause_ns = 600 * S};
}

void memory_config_end(memory_config *config)
{
    free(config->rules);
    config->rules = NULL;
}
