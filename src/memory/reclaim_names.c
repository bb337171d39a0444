/* SPDX-License-Identifier: MIT
 *
 * The words for the values of <weft/reclaim.h>.
 */
#include <weft/reclaim.h>

#define VERB_CASE(symbol, value, name, target)                                 \
    case symbol:                                                               \
        return #name;

const char *weft_reclaim_verb_name(weft_reclaim_verb verb)
{
    switch (verb) {
        WEFT_RECLAIM_VERB_LIST(VERB_CASE)
    }
    return "";
}

#undef VERB_CASE

const char *weft_reclaim_obstacle_name(weft_reclaim_obstacle obstacle)
{
    switch (obstacle) {
    case WEFT_RECLAIM_CLEAR:
        return "clear";
    case WEFT_RECLAIM_NOTHING:
        return "nothing to gain";
    case WEFT_RECLAIM_PROTECTED:
        return "protected";
    case WEFT_RECLAIM_PRIVILEGE:
        return "privilege missing";
    case WEFT_RECLAIM_GONE:
        return "no such target";
    case WEFT_RECLAIM_UNSUPPORTED:
        return "not supported";
    case WEFT_RECLAIM_UNREADABLE:
        return "not readable";
    }
    return "unknown";
}

const char *weft_reclaim_phase_name(weft_reclaim_phase phase)
{
    switch (phase) {
    case WEFT_RECLAIM_WATCHING:
        return "watching";
    case WEFT_RECLAIM_IDLING:
        return "idling";
    case WEFT_RECLAIM_ACTING:
        return "acting";
    case WEFT_RECLAIM_SETTLING:
        return "settling";
    case WEFT_RECLAIM_FOLLOWING:
        return "following";
    case WEFT_RECLAIM_DONE:
        return "done";
    }
    return "unknown";
}

const char *weft_outcome_name(weft_outcome outcome)
{
    switch (outcome) {
    case WEFT_OUTCOME_HELPED:
        return "helped";
    case WEFT_OUTCOME_NO_EFFECT:
        return "no effect";
    case WEFT_OUTCOME_HURT:
        return "hurt";
    case WEFT_OUTCOME_UNKNOWN:
        break;
    }
    return "unknown";
}
