/* SPDX-License-Identifier: MIT
 *
 * Programs give memory back when they are asked: words for it.
 */
#include <weft/trim.h>

const char *weft_trim_level_name(weft_trim_level level)
{
    switch (level) {
    case WEFT_TRIM_MILD:
        return "mild";
    case WEFT_TRIM_MODERATE:
        return "moderate";
    case WEFT_TRIM_CRITICAL:
        return "critical";
    }
    return "unknown";
}

const char *weft_memory_answer_name(weft_memory_answer_kind kind)
{
    switch (kind) {
    case WEFT_ANSWER_GIVEN:
        return "given";
    case WEFT_ANSWER_LATE:
        return "late";
    case WEFT_ANSWER_GONE:
        return "gone";
    case WEFT_ANSWER_REFUSED:
        return "refused";
    }
    return "unknown";
}
