/* SPDX-License-Identifier: MIT
 *
 * Limits of this process, by setrlimit. What of it the system enforces, the
 * back end knows.
 */
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#include <sys/resource.h>
#include <sys/time.h>

#include "limit.h"

#define NS_PER_S UINT64_C(1000000000)

static uint64_t from_system(weft_resource resource, rlim_t value)
{
    if (value == RLIM_INFINITY) {
        return WEFT_UNLIMITED;
    }
    if (resource != WEFT_RESOURCE_CPU) {
        return value;
    }
    return value < WEFT_UNLIMITED / NS_PER_S ? value * NS_PER_S
                                             : WEFT_UNLIMITED;
}

/* False: it has no room for the value. */
static bool to_system(weft_resource resource, uint64_t value, rlim_t *out)
{
    if (value == WEFT_UNLIMITED) {
        *out = RLIM_INFINITY;
        return true;
    }
    if (resource == WEFT_RESOURCE_CPU) {
        value = value / NS_PER_S + (value % NS_PER_S != 0);
    }
    *out = (rlim_t)value;
    return *out == value && *out != RLIM_INFINITY;
}

weft_status weftos_limit_get(weft_resource resource, uint64_t *soft,
                             uint64_t *hard, weft_detail *detail)
{
    struct rlimit found;
    int number = 0;
    weft_status status = weftos_limit_number(resource, &number, detail);

    if (status != WEFT_OK) {
        return status;
    }
    if (getrlimit(number, &found) != 0) {
        return weftos_fail_errno(detail, "getrlimit");
    }
    *soft = from_system(resource, found.rlim_cur);
    *hard = from_system(resource, found.rlim_max);
    return WEFT_OK;
}

weft_status weftos_limit_set(weft_resource resource, uint64_t soft,
                             uint64_t hard, weft_detail *detail)
{
    struct rlimit before;
    struct rlimit wanted;
    struct rlimit found;
    int number = 0;
    weft_status status = weftos_limit_number(resource, &number, detail);

    if (status != WEFT_OK) {
        return status;
    }
    if (!to_system(resource, soft, &wanted.rlim_cur) ||
        !to_system(resource, hard, &wanted.rlim_max)) {
        return weftos_fail(detail, WEFT_EINVAL, 0, "state the limit");
    }
    if (getrlimit(number, &before) != 0) {
        return weftos_fail_errno(detail, "getrlimit");
    }
    if (setrlimit(number, &wanted) != 0) {
        return errno == EINVAL
                   ? weftos_fail(detail, WEFT_EINVAL, errno, "setrlimit")
                   : weftos_fail_errno(detail, "setrlimit");
    }
    /* macOS lowers some values to what it can do, without a word. */
    if (getrlimit(number, &found) != 0 || found.rlim_cur != wanted.rlim_cur ||
        found.rlim_max != wanted.rlim_max) {
        (void)setrlimit(number, &before);
        return weftos_fail(detail, WEFT_EINVAL, 0,
                           "set the limit, which the system has changed");
    }
    return WEFT_OK;
}

void weftos_self_times(weft_self *self)
{
    struct rusage found;

    if (getrusage(RUSAGE_SELF, &found) != 0) {
        return;
    }
    self->user_ns = (uint64_t)found.ru_utime.tv_sec * NS_PER_S +
                    (uint64_t)found.ru_utime.tv_usec * 1000;
    self->system_ns = (uint64_t)found.ru_stime.tv_sec * NS_PER_S +
                      (uint64_t)found.ru_stime.tv_usec * 1000;
    self->valid |= WEFT_SELF_CPU;
}
