/* SPDX-License-Identifier: MIT
 *
 * The order in which memory would be taken: what is cold, what of it would
 * come free, and that nobody protected comes before anybody else.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memory_rank.h"

#define MIB ((uint64_t)1 << 20)
#define KNOWN(figure) (UINT32_C(1) << (figure))
#define SWAP (KNOWN(WEFT_MEMORY_SWAP_TOTAL) | KNOWN(WEFT_MEMORY_SWAP_FREE))
#define PACK (KNOWN(WEFT_MEMORY_PACKED) | KNOWN(WEFT_MEMORY_PACK))

static bool is_near(double value, double expected)
{
    return value > expected - 1e-9 && value < expected + 1e-9;
}

/* -------------------------------------------------------------- backing --- */

static const struct {
    const char *what;
    weft_memory_figures figures;
    double value;
    uint64_t room;
    const char *reason;
} backings[] = {
    {"nothing is known",
     {.valid = 0},
     0,
     0,
     "not known if there is swap, so nothing is promised"},
    {"there is no swap",
     {.valid = SWAP},
     0,
     0,
     "no swap: what is cold has nowhere to go"},
    {"swap is full",
     {.valid = SWAP, .swap_total_bytes = MIB},
     0,
     0,
     "swap is full: what is cold has nowhere to go"},
    {"swap on a disk",
     {.valid = SWAP, .swap_total_bytes = 9 * MIB, .swap_free_bytes = 5 * MIB},
     1,
     5 * MIB,
     "all that goes to swap comes free, at most"},
    {"compressed memory that nothing is in yet",
     {.valid = SWAP | PACK,
      .swap_total_bytes = 9 * MIB,
      .swap_free_bytes = 9 * MIB},
     1,
     9 * MIB,
     "all that goes to swap comes free, at most"},
    {"compressed memory in which there is too little to judge by",
     {.valid = SWAP | PACK,
      .swap_total_bytes = 9 * MIB,
      .swap_free_bytes = 9 * MIB,
      .packed_bytes = 4096,
      .pack_bytes = 4096},
     1,
     9 * MIB,
     "all that goes to swap comes free, at most"},
    {"compressed memory that saves three quarters",
     {.valid = SWAP | PACK,
      .swap_total_bytes = 9 * MIB,
      .swap_free_bytes = 5 * MIB,
      .packed_bytes = 4 * MIB,
      .pack_bytes = MIB},
     0.75,
     5 * MIB,
     "swap is compressed memory, so far to 25 %"},
    {"compressed memory that takes more than it holds",
     {.valid = SWAP | PACK,
      .swap_total_bytes = 9 * MIB,
      .swap_free_bytes = 5 * MIB,
      .packed_bytes = 4 * MIB,
      .pack_bytes = 5 * MIB},
     0,
     5 * MIB,
     "swap is compressed memory, so far to 125 %"},
};

static void test_backings(void)
{
    for (size_t i = 0; i < sizeof(backings) / sizeof(backings[0]); i++) {
        rank_backing backing;

        check_case(backings[i].what);
        rank_find_backing(&backings[i].figures, &backing);
        CHECK(is_near(backing.value, backings[i].value));
        CHECK(backing.room_bytes == backings[i].room);
        CHECK(strcmp(backing.reason, backings[i].reason) == 0);
    }
}

/* ----------------------------------------------------------------- gain --- */

static rank_entry entry_of(uint64_t private_bytes, uint32_t busy_ppm)
{
    return (rank_entry){.process = {.valid = WEFT_MEMORY_PROCESS_PRIVATE,
                                    .pid = 9,
                                    .private_bytes = private_bytes},
                        .has_busy = true,
                        .busy_ppm = busy_ppm};
}

static void test_gains(void)
{
    const rank_backing half = {.value = 0.5, .room_bytes = 10 * MIB};
    const rank_backing none = {.value = 0};
    rank_entry entry = entry_of(8 * MIB, 0);

    check_case("who does nothing works with nothing");
    rank_judge(&entry, &half);
    CHECK(entry.has_gain);
    CHECK(entry.cold_bytes == 8 * MIB && entry.gain_bytes == 4 * MIB);

    check_case("who uses a twentieth of a CPU works with half");
    entry = entry_of(8 * MIB, RANK_BUSY_PPM / 2);
    rank_judge(&entry, &half);
    CHECK(entry.cold_bytes == 4 * MIB && entry.gain_bytes == 2 * MIB);

    check_case("who uses a tenth, or more than one, works with all");
    entry = entry_of(8 * MIB, RANK_BUSY_PPM);
    rank_judge(&entry, &half);
    CHECK(entry.has_gain && entry.cold_bytes == 0 && entry.gain_bytes == 0);
    entry = entry_of(8 * MIB, UINT32_MAX);
    rank_judge(&entry, &half);
    CHECK(entry.has_gain && entry.cold_bytes == 0);

    check_case("no more can go than there is room for, and nothing to nowhere");
    entry = entry_of(80 * MIB, 0);
    rank_judge(&entry, &half);
    CHECK(entry.cold_bytes == 80 * MIB && entry.gain_bytes == 5 * MIB);
    rank_judge(&entry, &none);
    CHECK(entry.cold_bytes == 80 * MIB && entry.gain_bytes == 0);

    check_case("files and what is in swap already are not counted");
    entry.process.valid |=
        WEFT_MEMORY_PROCESS_OWN | WEFT_MEMORY_PROCESS_SWAPPED;
    entry.process.own_bytes = 7 * MIB;
    entry.process.swapped_bytes = 3 * MIB;
    rank_judge(&entry, &none);
    CHECK(entry.cold_bytes == 4 * MIB);
    entry.process.swapped_bytes = 9 * MIB;
    rank_judge(&entry, &none);
    CHECK(entry.cold_bytes == 0);

    check_case("what is not known gains nothing that is told");
    entry = entry_of(8 * MIB, 0);
    entry.has_busy = false;
    rank_judge(&entry, &half);
    CHECK(!entry.has_gain);
    entry = entry_of(8 * MIB, 0);
    entry.process.valid = 0;
    rank_judge(&entry, &half);
    CHECK(!entry.has_gain && entry.gain_bytes == 0);
}

/* ---------------------------------------------------------------- order --- */

/* As they should come. */
static const struct {
    bool is_protected;
    bool gives_way;
    bool has_gain;
    uint64_t gain;
    uint64_t cold;
    uint64_t own;
} order[] = {
    {false, false, true, 9, 9, 9},   {false, false, true, 5, 9, 1},
    {false, false, true, 5, 7, 9},   {false, false, true, 0, 3, 9},
    {false, false, true, 0, 3, 1},   {false, false, true, 0, 3, 1},
    {false, false, false, 0, 0, 99}, {true, true, true, 99, 99, 99},
    {true, true, false, 0, 0, 99},   {true, false, true, 999, 999, 999},
    {true, false, false, 0, 0, 0},
};

#define ORDER (sizeof(order) / sizeof(order[0]))

static void test_order(void)
{
    static rank_entry entries[ORDER];

    check_case("the order is that of the gain, and the protected come last");
    for (size_t i = 0; i < ORDER; i++) {
        size_t place = ORDER - 1 - i;

        entries[place].process.pid = (int64_t)i + 1;
        entries[place].protection.is_protected = order[i].is_protected;
        entries[place].protection.gives_way = order[i].gives_way;
        entries[place].has_gain = order[i].has_gain;
        entries[place].gain_bytes = order[i].gain;
        entries[place].cold_bytes = order[i].cold;
        entries[place].process.private_bytes = order[i].own;
    }
    qsort(entries, ORDER, sizeof(entries[0]), rank_compare);
    for (size_t i = 0; i < ORDER; i++) {
        CHECK(entries[i].process.pid == (int64_t)i + 1);
    }
}

void test_main(void)
{
    test_backings();
    test_gains();
    test_order();
}
