/* SPDX-License-Identifier: MIT
 *
 * The one place that says whether a process may be touched.
 *
 * It is a pure function of what is known of the process and the rules, so that
 * all of it can be tested, and nothing that happens meanwhile changes the
 * answer. Each step can only protect; what is left at the end may be touched.
 * First come the reasons that hold whatever the user wants, so that
 * `gives_way` is true only if nothing else stands in the way.
 */
#include <stdio.h>
#include <string.h>

#include "../ipc/handshake.h"
#include "../os/identity.h"
#include "memory.h"
#include "protect_rules.h"

static const struct {
    const char *name;
    bool is_guess;
    const char *text;
} marks[] = {
#define MARK_ROW(symbol, value, name, is_guess, text)                          \
    [value] = {#name, is_guess, text},
    WEFT_MARK_LIST(MARK_ROW)
#undef MARK_ROW
};

_Static_assert(sizeof(marks) / sizeof(marks[0]) == WEFT_MARK_COUNT,
               "the count is not that of the list");

const char *weft_mark_name(weft_mark mark)
{
    return (unsigned)mark < WEFT_MARK_COUNT ? marks[mark].name : "";
}

const char *weft_mark_text(weft_mark mark)
{
    return (unsigned)mark < WEFT_MARK_COUNT ? marks[mark].text : "";
}

const char *weft_protection_cause_name(weft_protection_cause cause)
{
    switch (cause) {
    case WEFT_PROTECTION_NONE:
        return "none";
    case WEFT_PROTECTION_UNKNOWN:
        return "unknown";
    case WEFT_PROTECTION_MARK:
        return "mark";
    case WEFT_PROTECTION_RULE:
        return "rule";
    }
    return "unknown";
}

weft_status weft_memory_identify(weft_memory *memory, int64_t pid,
                                 weft_memory_identity *identity,
                                 weft_detail *detail)
{
    weft_status status;

    if (identity == NULL || identity->size != sizeof(*identity)) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    status = wefti_memory_check(memory, "look at a process", detail);
    if (status != WEFT_OK) {
        return status;
    }
    memset(identity, 0, sizeof(*identity));
    identity->size = sizeof(*identity);
    return weftos_identify("", pid, identity, detail);
}

/* ------------------------------------------------------------ judgement --- */

static bool protect(weft_protection *out, weft_protection_cause cause,
                    bool gives_way)
{
    out->is_protected = true;
    out->cause = cause;
    out->gives_way = gives_way;
    return true;
}

static bool protect_unknown(weft_protection *out, const char *what)
{
    (void)snprintf(out->reason, sizeof(out->reason), "%s", what);
    return protect(out, WEFT_PROTECTION_UNKNOWN, false);
}

/* The marks that are guesses, or those that are none. */
static bool judge_marks(const weft_memory_identity *identity, bool guesses,
                        weft_protection *out)
{
    for (unsigned mark = 0; mark < WEFT_MARK_COUNT; mark++) {
        uint32_t bit = WEFT_MARK_BIT(mark);
        bool is_set = (identity->marks & bit) != 0;

        if (marks[mark].is_guess != guesses ||
            (!is_set && (identity->marks_known & bit) != 0)) {
            continue;
        }
        out->mark = (weft_mark)mark;
        (void)snprintf(out->reason, sizeof(out->reason), "%s%s",
                       is_set ? "" : "not known whether: ", marks[mark].text);
        return protect(out,
                       is_set ? WEFT_PROTECTION_MARK : WEFT_PROTECTION_UNKNOWN,
                       guesses);
    }
    return false;
}

static bool protect_by_rule(const struct wefti_rule *rule, enum wefti_fit fit,
                            const char *unknown, weft_protection *out)
{
    out->line = rule->line;
    if (fit == WEFTI_FIT_YES) {
        (void)snprintf(out->reason, sizeof(out->reason),
                       "line %u of the rules: %.100s", (unsigned)rule->line,
                       rule->text);
        return protect(out, WEFT_PROTECTION_RULE, !rule->is_never);
    }
    (void)snprintf(out->reason, sizeof(out->reason),
                   "%s is not known, which line %u of the rules asks for",
                   unknown, (unsigned)rule->line);
    return protect(out, WEFT_PROTECTION_UNKNOWN, !rule->is_never);
}

/* The rules of one kind. */
static bool judge_rules(const weft_memory_identity *identity,
                        const weft_memory_rules *rules, bool is_never,
                        weft_protection *out)
{
    for (size_t i = 0; i < wefti_rules_count(rules); i++) {
        const struct wefti_rule *rule = wefti_rules_at(rules, i);
        const char *unknown;
        enum wefti_fit fit;

        if (rule->is_never != is_never) {
            continue;
        }
        fit = wefti_rule_fit(rules, rule, identity, &unknown);
        if (fit != WEFTI_FIT_NO) {
            return protect_by_rule(rule, fit, unknown, out);
        }
    }
    return false;
}

static bool judge(const weft_memory_identity *identity,
                  const weft_memory_rules *rules, bool is_named,
                  weft_protection *out)
{
    if (identity == NULL || identity->size != sizeof(*identity) ||
        identity->pid <= 0 ||
        ((identity->marks | identity->marks_known) & ~WEFT_MARK_ALL) != 0) {
        return protect_unknown(out, "it is not known which process it is");
    }
    if (identity->pid == 1) {
        out->mark = WEFT_MARK_FIRST;
        (void)snprintf(out->reason, sizeof(out->reason), "%s",
                       weft_mark_text(WEFT_MARK_FIRST));
        return protect(out, WEFT_PROTECTION_MARK, false);
    }
    if (judge_marks(identity, false, out)) {
        return true;
    }
    if ((identity->valid & WEFT_IDENTITY_EXE) == 0 ||
        identity->exe[0] == '\0') {
        return protect_unknown(out, "it is not known which program it runs");
    }
    if (judge_rules(identity, rules, true, out)) {
        return true;
    }
    if (is_named) {
        return false;
    }
    return judge_marks(identity, true, out) ||
           judge_rules(identity, rules, false, out);
}

bool weft_memory_protection(const weft_memory_identity *identity,
                            const weft_memory_rules *rules, bool is_named,
                            weft_protection *out)
{
    weft_protection own = {.size = sizeof(own)};
    bool is_protected = judge(identity, rules, is_named, &own);

    if (out == NULL) {
        return is_protected;
    }
    if (out->size != sizeof(*out)) {
        return true;
    }
    *out = own;
    return is_protected;
}
