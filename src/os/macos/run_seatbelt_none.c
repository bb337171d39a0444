/* SPDX-License-Identifier: MIT
 *
 * No seatbelt: the way to give it a profile's text is private to Apple, and
 * what comes from its store is in a sandbox already.
 */
#include <stdio.h>

#include "run_profile.h"

const char *weftos_run_seatbelt_why_not(void)
{
    return "built for Apple's store, without seatbelt";
}

bool weftos_run_seatbelt(const char *text, char *why, size_t room)
{
    (void)text;
    (void)snprintf(why, room, "%s", weftos_run_seatbelt_why_not());
    return false;
}
