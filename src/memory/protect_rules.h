/* SPDX-License-Identifier: MIT
 *
 * protect_rules.h - the user's rules, as <weft/protect.h> says them.
 */
#ifndef WEFTI_PROTECT_RULES_H
#define WEFTI_PROTECT_RULES_H

#include <weft/protect.h>

/* One of them. */
struct wefti_rule {
    bool is_never; /* else it is an `avoid` */
    uint32_t line;
    const char *text; /* as the user wrote it, without blanks at the ends */
    size_t first;     /* of its conditions */
    size_t count;
};

/* Whether a rule applies to a process. */
enum wefti_fit {
    WEFTI_FIT_NO,
    WEFTI_FIT_YES,
    WEFTI_FIT_UNSURE /* what it asks about is not known */
};

size_t wefti_rules_count(const weft_memory_rules *rules);
const struct wefti_rule *wefti_rules_at(const weft_memory_rules *rules,
                                        size_t index);

/* `*unknown` is what is not known, such as "group", if it is not sure. */
enum wefti_fit wefti_rule_fit(const weft_memory_rules *rules,
                              const struct wefti_rule *rule,
                              const weft_memory_identity *identity,
                              const char **unknown);

/*
 * Whether a text matches a pattern of `*`, any text, and `?`, any one byte.
 * Takes no more steps than the product of their lengths, whatever is in them.
 */
bool wefti_matches(const char *pattern, const char *text, bool ignores_case);

#endif
