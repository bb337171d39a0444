/* SPDX-License-Identifier: MIT
 *
 * The user's rules: read from text, and compared with a process.
 *
 * The text may come from anywhere: nothing in it is taken for granted, and
 * what is not understood is refused with its line, as a rule that is passed
 * over would not protect.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../ipc/handshake.h"
#include "protect_rules.h"

/* What a condition looks at. */
enum field { FIELD_EXE, FIELD_NAME, FIELD_GROUP, FIELD_CONTAINER, FIELD_UID };

static const struct {
    const char *key;
    enum field field;
    uint32_t valid;
    size_t offset;    /* of a text in the identity */
    bool names_files; /* so upper and lower case may be one */
} fields[] = {
#define TEXT(member) offsetof(weft_memory_identity, member)
    {"exe", FIELD_EXE, WEFT_IDENTITY_EXE, TEXT(exe), true},
    {"name", FIELD_NAME, WEFT_IDENTITY_NAME, TEXT(name), true},
    {"group", FIELD_GROUP, WEFT_IDENTITY_GROUP, TEXT(group), false},
    {"container", FIELD_CONTAINER, WEFT_IDENTITY_CONTAINER, TEXT(container),
     false},
    {"uid", FIELD_UID, WEFT_IDENTITY_OWNER, 0, false},
#undef TEXT
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

struct condition {
    size_t row;          /* of `fields` */
    const char *pattern; /* of a text */
    uint32_t owner;      /* of FIELD_UID */
};

struct weft_memory_rules {
    struct wefti_rule *items;
    size_t count;
    size_t room;
    struct condition *conditions;
    size_t condition_count;
    size_t condition_room;
    char *text; /* what the rules point into */
    size_t used;
};

/* ---------------------------------------------------------------- match --- */

static bool is_same(char a, char b, bool ignores_case)
{
    if (ignores_case) {
        a = (char)(a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a);
        b = (char)(b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b);
    }
    return a == b;
}

/*
 * Only the last `*` is ever taken back: what an earlier one could match beyond
 * it, the later one can too.
 */
bool wefti_matches(const char *pattern, const char *text, bool ignores_case)
{
    const char *star = NULL; /* what is behind the last one */
    const char *from = NULL; /* what it does not cover yet */

    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            from = text;
        } else if (*pattern == '?' || is_same(*pattern, *text, ignores_case)) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star;
            text = ++from;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

static enum wefti_fit fit(const struct condition *condition,
                          const weft_memory_identity *identity)
{
    const char *text = (const char *)identity + fields[condition->row].offset;
    bool is_so;

    if ((identity->valid & fields[condition->row].valid) == 0) {
        return WEFTI_FIT_UNSURE;
    }
    if (fields[condition->row].field == FIELD_UID) {
        is_so = identity->owner == condition->owner;
    } else {
        is_so = wefti_matches(condition->pattern, text,
                              identity->ignores_case &&
                                  fields[condition->row].names_files);
    }
    return is_so ? WEFTI_FIT_YES : WEFTI_FIT_NO;
}

enum wefti_fit wefti_rule_fit(const weft_memory_rules *rules,
                              const struct wefti_rule *rule,
                              const weft_memory_identity *identity,
                              const char **unknown)
{
    enum wefti_fit all = WEFTI_FIT_YES;

    *unknown = NULL;
    for (size_t i = 0; i < rule->count; i++) {
        const struct condition *condition = &rules->conditions[rule->first + i];
        enum wefti_fit one = fit(condition, identity);

        if (one == WEFTI_FIT_NO) {
            return WEFTI_FIT_NO; /* whatever the others are */
        }
        if (one == WEFTI_FIT_UNSURE) {
            all = WEFTI_FIT_UNSURE;
            *unknown = fields[condition->row].key;
        }
    }
    return all;
}

size_t wefti_rules_count(const weft_memory_rules *rules)
{
    return rules != NULL ? rules->count : 0;
}

const struct wefti_rule *wefti_rules_at(const weft_memory_rules *rules,
                                        size_t index)
{
    return &rules->items[index];
}

/* ----------------------------------------------------------------- read --- */

/* What is left of a line. */
struct rest {
    const char *at;
    const char *end;
};

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static void skip_blanks(struct rest *rest)
{
    while (rest->at < rest->end && is_blank(*rest->at)) {
        rest->at++;
    }
}

/* Nothing, or a comment. */
static bool is_over(const struct rest *rest)
{
    return rest->at == rest->end || *rest->at == '#';
}

static bool take_word(struct rest *rest, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(rest->end - rest->at) < length ||
        memcmp(rest->at, word, length) != 0) {
        return false;
    }
    rest->at += length;
    return true;
}

/* Copies a part of the text; there is room for all that is ever copied. */
static const char *keep(weft_memory_rules *rules, const char *from, size_t size)
{
    char *kept = rules->text + rules->used;

    memcpy(kept, from, size);
    kept[size] = '\0';
    rules->used += size + 1;
    return kept;
}

/* The value of a condition; NULL, or what is wrong with it. */
static const char *take_value(struct rest *rest, const char **value,
                              size_t *length)
{
    bool is_quoted = rest->at < rest->end && *rest->at == '"';

    rest->at += is_quoted;
    *value = rest->at;
    while (rest->at < rest->end &&
           (is_quoted ? *rest->at != '"' : !is_blank(*rest->at))) {
        if (*rest->at == '"') {
            return "a quote inside a value";
        }
        rest->at++;
    }
    *length = (size_t)(rest->at - *value);
    if (is_quoted) {
        if (rest->at == rest->end) {
            return "a quote has no end";
        }
        rest->at++;
        if (rest->at < rest->end && !is_blank(*rest->at)) {
            return "a blank is missing behind a quote";
        }
    }
    return NULL;
}

static bool parse_owner(const char *text, size_t length, uint32_t *owner)
{
    uint64_t number = 0;

    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(text[i] - '0');
        if (number > UINT32_MAX) {
            return false;
        }
    }
    *owner = (uint32_t)number;
    return length > 0;
}

/* Makes room for one more; false: there is no memory. */
static bool grow(void **items, size_t *room, size_t count, size_t bytes)
{
    size_t wanted = *room == 0 ? 16 : *room * 2;
    void *grown;

    if (count < *room) {
        return true;
    }
    grown = realloc(*items, wanted * bytes);
    if (grown == NULL) {
        return false;
    }
    *items = grown;
    *room = wanted;
    return true;
}

#define NO_MEMORY "allocate memory"

/* One condition; NULL, or what is wrong with it. */
static const char *take_condition(weft_memory_rules *rules, struct rest *rest)
{
    struct condition condition = {.row = 0};
    const char *value;
    const char *fault;
    size_t length;

    while (condition.row < FIELDS &&
           !take_word(rest, fields[condition.row].key)) {
        condition.row++;
    }
    if (condition.row == FIELDS || !take_word(rest, "=")) {
        return "not a condition: exe=, name=, group=, container= or uid=";
    }
    fault = take_value(rest, &value, &length);
    if (fault != NULL) {
        return fault;
    }
    if (fields[condition.row].field == FIELD_UID) {
        if (!parse_owner(value, length, &condition.owner)) {
            return "uid= takes the number of a user";
        }
    } else {
        condition.pattern = keep(rules, value, length);
    }
    if (!grow((void **)&rules->conditions, &rules->condition_room,
              rules->condition_count, sizeof(condition))) {
        return NO_MEMORY;
    }
    rules->conditions[rules->condition_count++] = condition;
    return NULL;
}

/* The line without blanks at its ends and its comment, up to `end`. */
static const char *keep_line(weft_memory_rules *rules, const char *from,
                             const char *end)
{
    while (end > from && is_blank(end[-1])) {
        end--;
    }
    return keep(rules, from, (size_t)(end - from));
}

/* One line; NULL, or what is wrong with it. */
static const char *take_line(weft_memory_rules *rules, struct rest *rest,
                             uint32_t line)
{
    struct wefti_rule rule = {.line = line, .first = rules->condition_count};
    const char *begin;
    const char *fault;

    skip_blanks(rest);
    if (is_over(rest)) {
        return NULL;
    }
    begin = rest->at;
    rule.is_never = take_word(rest, "never");
    if ((!rule.is_never && !take_word(rest, "avoid")) ||
        (rest->at < rest->end && !is_blank(*rest->at))) {
        return "neither 'never' nor 'avoid'";
    }
    skip_blanks(rest);
    if (is_over(rest)) {
        return "a condition is missing";
    }
    for (; !is_over(rest); skip_blanks(rest)) {
        fault = take_condition(rules, rest);
        if (fault != NULL) {
            return fault;
        }
    }
    rule.count = rules->condition_count - rule.first;
    rule.text = keep_line(rules, begin, rest->at);
    if (!grow((void **)&rules->items, &rules->room, rules->count,
              sizeof(rule))) {
        return NO_MEMORY;
    }
    rules->items[rules->count++] = rule;
    return NULL;
}

/* No rule has such a byte, and no terminal should be sent one. */
static bool has_control(const struct rest *rest)
{
    for (const char *at = rest->at; at < rest->end; at++) {
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 127) {
            return true;
        }
    }
    return false;
}

/* All lines; `*line` is the one at fault. */
static weft_status take_text(weft_memory_rules *rules, const char *text,
                             size_t bytes, uint32_t *line, weft_detail *detail)
{
    const char *end = text + bytes;
    const char *fault = NULL;

    *line = 0;
    for (const char *at = text; fault == NULL && at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct rest rest = {at, stop != NULL ? stop : end};

        (*line)++;
        at = stop != NULL ? stop + 1 : end;
        if (rest.end > rest.at && rest.end[-1] == '\r') {
            rest.end--;
        }
        if (rest.end - rest.at > WEFT_RULES_LINE_MOST) {
            return wefti_fail(detail, WEFT_ELIMIT, "a line is too long");
        }
        if (rules->count == WEFT_RULES_MOST) {
            return wefti_fail(detail, WEFT_ELIMIT, "there are too many rules");
        }
        fault = has_control(&rest) ? "a control character"
                                   : take_line(rules, &rest, *line);
    }
    if (fault == NULL) {
        return WEFT_OK;
    }
    return wefti_fail(detail,
                      strcmp(fault, NO_MEMORY) == 0 ? WEFT_ENOMEM : WEFT_EINVAL,
                      fault);
}

weft_status weft_memory_rules_open(const char *text, size_t bytes,
                                   weft_memory_rules **out, uint32_t *line,
                                   weft_detail *detail)
{
    weft_memory_rules *rules;
    weft_status status;
    uint32_t at = 0;

    if (line != NULL) {
        *line = 0;
    }
    if (out != NULL) {
        *out = NULL;
    }
    if (out == NULL || (text == NULL && bytes > 0)) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    if (bytes > WEFT_RULES_TEXT_MOST) {
        return wefti_fail(detail, WEFT_ELIMIT, "the text is too long");
    }
    rules = calloc(1, sizeof(*rules));
    /* Each value, and each line: both are shorter than what they are from. */
    if (rules == NULL || (rules->text = malloc(2 * bytes + 1)) == NULL) {
        free(rules);
        return wefti_fail(detail, WEFT_ENOMEM, NO_MEMORY);
    }
    status = take_text(rules, text != NULL ? text : "", bytes, &at, detail);
    if (status != WEFT_OK) {
        if (line != NULL && status != WEFT_ENOMEM) {
            *line = at;
        }
        weft_memory_rules_close(&rules);
        return status;
    }
    *out = rules;
    return WEFT_OK;
}

void weft_memory_rules_close(weft_memory_rules **rules)
{
    if (rules == NULL || *rules == NULL) {
        return;
    }
    free((*rules)->items);
    free((*rules)->conditions);
    free((*rules)->text);
    free(*rules);
    *rules = NULL;
}
