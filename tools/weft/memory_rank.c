/* SPDX-License-Identifier: MIT
 *
 * Whose memory would be taken first.
 */
#include "memory_rank.h"

/* Less that is compressed tells nothing of how well pages compress. */
#define PACKED_LEAST (UINT64_C(1) << 20)

static bool knows(const weft_memory_figures *figures, weft_memory_figure figure)
{
    return (figures->valid >> figure & 1) != 0;
}

/* ------------------------------------------------------------- backing --- */

#define SAY(backing, ...)                                                      \
    ((void)snprintf((backing)->reason, sizeof((backing)->reason), __VA_ARGS__))

/* How much of a byte is saved when it lies compressed in memory. */
static void judge_pack(const weft_memory_figures *figures,
                       rank_backing *backing)
{
    double rest = (double)figures->pack_bytes / (double)figures->packed_bytes;

    backing->value = rest < 1 ? 1 - rest : 0;
    SAY(backing, "swap is compressed memory, so far to %.0f %%", rest * 100);
}

void rank_find_backing(const weft_memory_figures *figures,
                       rank_backing *backing)
{
    *backing = (rank_backing){.value = 0};
    if (!knows(figures, WEFT_MEMORY_SWAP_TOTAL) ||
        !knows(figures, WEFT_MEMORY_SWAP_FREE)) {
        SAY(backing, "not known if there is swap, so nothing is promised");
    } else if (figures->swap_total_bytes == 0) {
        SAY(backing, "no swap: what is cold has nowhere to go");
    } else if (figures->swap_free_bytes == 0) {
        SAY(backing, "swap is full: what is cold has nowhere to go");
    } else if (knows(figures, WEFT_MEMORY_PACKED) &&
               knows(figures, WEFT_MEMORY_PACK) &&
               figures->packed_bytes >= PACKED_LEAST) {
        backing->room_bytes = figures->swap_free_bytes;
        judge_pack(figures, backing);
    } else {
        backing->room_bytes = figures->swap_free_bytes;
        backing->value = 1;
        SAY(backing, "all that goes to swap comes free, at most");
    }
}

/* ---------------------------------------------------------------- judge --- */

/* What only swap can take: its own in RAM, and no copies of files. */
static uint64_t find_own(const weft_memory_process *process)
{
    uint64_t own = process->own_bytes;

    if ((process->valid & WEFT_MEMORY_PROCESS_OWN) == 0) {
        return process->private_bytes;
    }
    if ((process->valid & WEFT_MEMORY_PROCESS_SWAPPED) != 0) {
        own -= own < process->swapped_bytes ? own : process->swapped_bytes;
    }
    return own < process->private_bytes ? own : process->private_bytes;
}

void rank_judge(rank_entry *entry, const rank_backing *backing)
{
    const weft_memory_process *process = &entry->process;
    uint64_t going;

    entry->has_gain =
        entry->has_busy && (process->valid & WEFT_MEMORY_PROCESS_PRIVATE) != 0;
    entry->cold_bytes = 0;
    entry->gain_bytes = 0;
    if (!entry->has_gain || entry->busy_ppm >= RANK_BUSY_PPM) {
        return;
    }
    entry->cold_bytes =
        (uint64_t)((double)find_own(process) *
                   (1 - (double)entry->busy_ppm / RANK_BUSY_PPM));
    going = entry->cold_bytes < backing->room_bytes ? entry->cold_bytes
                                                    : backing->room_bytes;
    entry->gain_bytes = (uint64_t)((double)going * backing->value);
}

/* The larger one first. */
static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a < b) - (a > b);
}

/* 0: may be taken from; 1: if the user names it; 2: protected. */
static int tier(const rank_entry *entry)
{
    return !entry->protection.is_protected ? 0
           : entry->protection.gives_way   ? 1
                                           : 2;
}

int rank_compare(const void *a, const void *b)
{
    const rank_entry *first = a;
    const rank_entry *second = b;
    int order = tier(first) - tier(second);

    order = order != 0 ? order : second->has_gain - first->has_gain;
    order = order != 0 ? order
                       : compare_numbers(first->gain_bytes, second->gain_bytes);
    order = order != 0 ? order
                       : compare_numbers(first->cold_bytes, second->cold_bytes);
    order = order != 0 ? order
                       : compare_numbers(first->process.private_bytes,
                                         second->process.private_bytes);
    return order != 0 ? order
                      : compare_numbers((uint64_t)second->process.pid,
                                        (uint64_t)first->process.pid);
}
