/* SPDX-License-Identifier: MIT
 *
 * What this process uses and may use: the back end knows the figures, this
 * file compares them.
 */
#include <string.h>

#include <weft/system.h>

#include "os/system.h"

static const struct {
    const char *name;
    const char *unit;
} resources[] = {
#define RESOURCE_ROW(symbol, value, name, unit) [value] = {name, unit},
    WEFT_RESOURCE_LIST(RESOURCE_ROW)
#undef RESOURCE_ROW
};

_Static_assert(sizeof(resources) / sizeof(resources[0]) == WEFT_RESOURCE_COUNT,
               "the count is not that of the list");

static bool is_resource(weft_resource resource)
{
    return (unsigned)resource < WEFT_RESOURCE_COUNT;
}

const char *weft_resource_name(weft_resource resource)
{
    return is_resource(resource) ? resources[resource].name : "";
}

const char *weft_resource_unit(weft_resource resource)
{
    return is_resource(resource) ? resources[resource].unit : "";
}

/* Where what a limit is about is found; the rest can't be told. */
static bool find_used(const weft_self *self, weft_resource resource,
                      uint64_t *used)
{
    uint32_t needed;

    switch (resource) {
    case WEFT_RESOURCE_ADDRESS_SPACE:
        needed = WEFT_SELF_ADDRESS_SPACE;
        *used = self->address_space_bytes;
        break;
    case WEFT_RESOURCE_DATA:
        needed = WEFT_SELF_DATA;
        *used = self->data_bytes;
        break;
    case WEFT_RESOURCE_CPU:
        needed = WEFT_SELF_CPU;
        *used = self->user_ns + self->system_ns;
        break;
    case WEFT_RESOURCE_FILES:
        needed = WEFT_SELF_HIGHEST;
        *used = self->handle_highest;
        break;
    case WEFT_RESOURCE_STACK:
        needed = WEFT_SELF_STACK;
        *used = self->stack_bytes;
        break;
    default:
        return false;
    }
    return (self->valid & needed) != 0;
}

static weft_status read_limit(const weft_self *self, weft_resource resource,
                              weft_limit *limit, weft_detail *detail)
{
    weft_status status;

    memset(limit, 0, sizeof(*limit));
    status = weftos_limit_get(resource, &limit->soft, &limit->hard, detail);
    if (status != WEFT_OK) {
        return status;
    }
    limit->has_used = find_used(self, resource, &limit->used);
    if (limit->has_used) {
        limit->exceeded =
            limit->used > limit->soft ||
            (resource == WEFT_RESOURCE_CPU && limit->used == limit->soft);
    }
    return WEFT_OK;
}

weft_status weft_self_usage(weft_self *self)
{
    weft_status status;

    if (self == NULL || self->size != sizeof(*self)) {
        return WEFT_EINVAL;
    }
    memset(self, 0, sizeof(*self));
    self->size = sizeof(*self);
    status = weftos_self_find(self);
    for (int i = 0; status == WEFT_OK && i < WEFT_RESOURCE_COUNT; i++) {
        weft_limit limit;

        if (read_limit(self, (weft_resource)i, &limit, NULL) == WEFT_OK &&
            limit.has_used) {
            self->limits_known |= UINT32_C(1) << i;
            self->limits_exceeded |= (uint32_t)limit.exceeded << i;
        }
    }
    return status;
}

weft_status weft_self_limit_get(weft_resource resource, weft_limit *limit,
                                weft_detail *detail)
{
    weft_self self = {.size = sizeof(self)};

    if (limit == NULL || !is_resource(resource)) {
        if (detail != NULL) {
            *detail = (weft_detail){WEFT_EINVAL, 0, "check the limit"};
        }
        return WEFT_EINVAL;
    }
    /* Without the figures the limit is told alone. */
    if (weftos_self_find(&self) != WEFT_OK) {
        self.valid = 0;
    }
    return read_limit(&self, resource, limit, detail);
}

weft_status weft_self_limit_set(weft_resource resource, uint64_t soft,
                                uint64_t hard, weft_detail *detail)
{
    if (!is_resource(resource) || soft > hard ||
        (resource == WEFT_RESOURCE_CPU && soft == 0)) {
        if (detail != NULL) {
            *detail = (weft_detail){WEFT_EINVAL, 0, "check the limit"};
        }
        return WEFT_EINVAL;
    }
    return weftos_limit_set(resource, soft, hard, detail);
}
