/* SPDX-License-Identifier: MIT
 *
 * run_profile.h - what seatbelt, the sandbox of macOS, is told.
 */
#ifndef WEFTOS_MACOS_RUN_PROFILE_H
#define WEFTOS_MACOS_RUN_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run_profile_rule {
    char *path;      /* as realpath() gives it */
    uint32_t access; /* enum weft_access */
};

struct run_profile {
    bool denies_network;
    bool denies_ipc;
    bool denies_pids;
    bool denies_files; /* but for what the rules allow */
    bool allows_system;
    struct run_profile_rule *rules; /* sorted: parents before children */
    size_t rule_count;
};

/*
 * Can a path be named in a profile? What has control characters can't: the
 * language's way to write them is nowhere said.
 */
bool weftos_run_profile_can_name(const char *path);

/* The profile's text, for the caller to free; NULL: there is no memory. */
char *weftos_run_profile_text(const struct run_profile *profile);

/*
 * Confines this process, for good, and all that it will start. False: `why`
 * says why not.
 */
bool weftos_run_seatbelt(const char *text, char *why, size_t room);

/* Whether this macOS has it, and weft may use it; else why not. */
const char *weftos_run_seatbelt_why_not(void);

#endif
