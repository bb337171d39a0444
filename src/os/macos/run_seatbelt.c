/* SPDX-License-Identifier: MIT
 *
 * Seatbelt: sandbox_init() of a profile's text, which Apple has deprecated for
 * years, names no successor of, and its own programs and browsers use.
 */
#define _DARWIN_C_SOURCE
#include <dlfcn.h>
#include <stdio.h>

#include "run.h"
#include "run_profile.h"

typedef int init_call(const char *text, uint64_t flags,
                      const char *const *parameters, char **why);

static init_call *find(void)
{
    union {
        void *object;
        init_call *call;
    } found = {dlsym(RTLD_DEFAULT, "sandbox_init_with_parameters")};

    return found.call;
}

const char *weftos_run_seatbelt_why_not(void)
{
    return find() != NULL ? NULL : "this macOS has no seatbelt";
}

bool weftos_run_seatbelt(const char *text, char *why, size_t room)
{
    static const char *const none[] = {NULL};
    init_call *init = find();
    char *said = NULL;

    if (init != NULL && init(text, 0, none, &said) == 0) {
        return true;
    }
    (void)snprintf(why, room, "%s", said != NULL ? said : "not found");
    return false;
}
