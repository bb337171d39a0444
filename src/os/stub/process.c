/* SPDX-License-Identifier: MIT
 *
 * Processes and doorbells: none. The process token is a constant, because a
 * back end without handles has none that a child could misuse.
 */
#include "stub.h"

static const weftos_word token = 1;

_Atomic(const weftos_word *) weftos_token = &token;

weft_status weftos_process_mark(weftos_process_id *self, uint64_t *domain,
                                weft_detail *detail)
{
    return self == NULL && domain == NULL
               ? WEFT_OK
               : stub_refuse(detail, "tell one process from another");
}

/*
 * C has no call for it. The variable names a channel, which this back end
 * refuses to open, so nobody is misled by what stays.
 */
void weftos_environment_remove(const char *name)
{
    (void)name;
}

weft_status weftos_bell_open(weft_handle *mine, weft_handle *theirs,
                             weft_detail *detail)
{
    (void)mine;
    (void)theirs;
    return stub_refuse(detail, "make a doorbell");
}

weft_status weftos_bell_adopt(weft_handle theirs, weftos_bell *bell,
                              weft_detail *detail)
{
    (void)theirs;
    (void)bell;
    return stub_refuse(detail, "adopt a doorbell");
}

weft_status weftos_bell_ring(const weftos_bell *bell, weft_detail *detail)
{
    (void)bell;
    return stub_refuse(detail, "ring a doorbell");
}

weft_status weftos_word_wait(_Atomic uint32_t *word, uint32_t value,
                             const weftos_site *site, uint64_t deadline_ns,
                             bool interruptible, weft_detail *detail)
{
    (void)word;
    (void)value;
    (void)site;
    (void)deadline_ns;
    (void)interruptible;
    return stub_refuse(detail, "wait at a word");
}

void weftos_word_wake(_Atomic uint32_t *word, uint32_t count,
                      const weftos_site *site)
{
    (void)word;
    (void)count;
    (void)site;
}
