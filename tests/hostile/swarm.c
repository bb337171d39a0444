/* SPDX-License-Identifier: MIT
 *
 * See swarm.h.
 */
#include <stdlib.h>

#include "attacker.h"
#include "peer.h"
#include "swarm.h"

#define MUTATIONS UINT64_C(20000)
#define SEED UINT64_C(20260101)

static uint64_t setting(const char *name, uint64_t instead)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : instead;
}

uint64_t swarm_mutations(void)
{
    return setting("WEFT_MUTATIONS", MUTATIONS);
}

uint64_t swarm_seed(void)
{
    return setting("WEFT_SEED", SEED);
}

bool swarm_is_over(const _Atomic uint64_t *beats, const atomic_bool *told)
{
    static uint64_t seen;
    static uint64_t late_ns;

    if (late_ns == 0 || *beats != seen) {
        seen = *beats;
        late_ns = peer_soon();
    }
    return *told || weft_now_ns() >= late_ns;
}

uint64_t swarm_below(uint64_t *random, uint64_t limit)
{
    return peer_random(random) % limit;
}

uint64_t swarm_value(uint64_t *random, uint64_t at)
{
    switch (swarm_below(random, 6)) {
    case 0:
        return UINT64_MAX - swarm_below(random, 3);
    case 1:
        return UINT64_C(1) << swarm_below(random, 64);
    case 2:
        return at + 16 * swarm_below(random, 8) - 64;
    case 3:
        return forged_word(swarm_below(random, 3000), swarm_below(random, 5),
                           swarm_below(random, 9),
                           swarm_below(random, 40) / 20);
    case 4:
        return peer_random(random);
    default:
        return 16 * swarm_below(random, 4096);
    }
}

void swarm_write(uint64_t *random, void *base, uint64_t bytes, uint64_t at)
{
    weftos_word *words = base;

    weftos_store_release(&words[swarm_below(random, bytes / 8)],
                         swarm_value(random, at));
}
