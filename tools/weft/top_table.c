/* SPDX-License-Identifier: MIT
 *
 * The processes, from one look to the next.
 *
 * All are listed each time, which is cheap. What they take exactly is asked for
 * those that somebody looks at, and kept until they are asked again.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sys.h"
#include "top.h"

/* Of all time, what may go into measuring, 0.5 %, and into identities. */
#define MEASURE_SHARE 200
#define IDENTIFY_SHARE 400

/* What is saved up at most, and is there at the start: a screen full. */
#define MEASURE_NS INT64_C(60000000)
#define IDENTIFY_NS INT64_C(30000000)

/* Who has not changed is measured again after so long. */
#define FRESH_NS UINT64_C(10000000000)

bool top_table_open(top_table *table, bool is_frugal, weft_detail *detail)
{
    *table = (top_table){.is_frugal = is_frugal,
                         .measure_ns = MEASURE_NS,
                         .identify_ns = IDENTIFY_NS,
                         .saved_at_ns = weft_now_ns()};
    return weft_memory_open(&table->memory, detail) == WEFT_OK;
}

void top_table_forget(top_process *process)
{
    free(process->exe);
    free(process->group);
    free(process->container);
    process->exe = NULL;
    process->group = NULL;
    process->container = NULL;
    process->is_identified = false;
}

void top_table_close(top_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        top_table_forget(&table->items[i]);
    }
    free(table->items);
    free(table->members);
    free(table->list);
    weft_memory_close(&table->memory);
    *table = (top_table){.memory = NULL};
}

/* ----------------------------------------------------------------- read --- */

/* Some more room than was needed, for those that begin meanwhile. */
static weft_status list_all(top_table *table, size_t *count,
                            weft_detail *detail)
{
    for (;;) {
        weft_status status = weft_memory_processes(table->memory, table->list,
                                                   table->room, count, detail);
        size_t room;

        if (status != WEFT_OK || *count <= table->room) {
            return status;
        }
        room = *count + *count / 8 + 16;
        free(table->list);
        table->list = calloc(room, sizeof(*table->list));
        table->room = table->list != NULL ? room : 0;
        if (table->list == NULL) {
            *detail = (weft_detail){WEFT_ENOMEM, 0, "allocate memory"};
            return WEFT_ENOMEM;
        }
    }
}

/* What was measured stays; but of another program, which it may run now. */
static void take_over(top_process *process, top_process *before)
{
    const uint32_t measured = WEFT_MEMORY_PROCESS_FOOTPRINT |
                              WEFT_MEMORY_PROCESS_PRIVATE |
                              WEFT_MEMORY_PROCESS_SWAPPED;
    weft_memory_process now = process->now;

    if (strcmp(now.name, before->now.name) != 0) {
        return;
    }
    *process = *before;
    before->exe = NULL;
    before->group = NULL;
    before->container = NULL;
    process->now = now;
    process->now.valid |= before->now.valid & measured;
    process->now.footprint_bytes = before->now.footprint_bytes;
    process->now.private_bytes = before->now.private_bytes;
    process->now.swapped_bytes = before->now.swapped_bytes;
}

/* Both are sorted by the numbers. */
static void merge(top_table *table, top_process *items, size_t count)
{
    size_t old = 0;

    for (size_t i = 0; i < count; i++) {
        items[i].now = table->list[i];
        while (old < table->count &&
               table->items[old].now.pid < items[i].now.pid) {
            old++;
        }
        if (old < table->count &&
            table->items[old].now.pid == items[i].now.pid &&
            table->items[old].now.started == items[i].now.started) {
            take_over(&items[i], &table->items[old]);
        }
    }
    for (size_t i = 0; i < table->count; i++) {
        top_table_forget(&table->items[i]);
    }
    free(table->items);
    table->items = items;
    table->count = count;
}

weft_status top_table_read(top_table *table, weft_detail *detail)
{
    size_t count = 0;
    weft_status status = list_all(table, &count, detail);
    groups_member *members;
    top_process *items;

    if (status != WEFT_OK) {
        return status;
    }
    items = calloc(count + 1, sizeof(*items));
    members = calloc(count + 1, sizeof(*members));
    if (items == NULL || members == NULL) {
        free(items);
        free(members);
        *detail = (weft_detail){WEFT_ENOMEM, 0, "allocate memory"};
        return WEFT_ENOMEM;
    }
    merge(table, items, count);
    free(table->members);
    table->members = members;
    return WEFT_OK;
}

/* -------------------------------------------------------------- measure --- */

static void save(int64_t *spare_ns, uint64_t part_ns, int64_t most_ns)
{
    *spare_ns += (int64_t)part_ns;
    *spare_ns = *spare_ns < most_ns ? *spare_ns : most_ns;
}

void top_table_save(top_table *table)
{
    uint64_t now = weft_now_ns();
    uint64_t ns = now - table->saved_at_ns;

    save(&table->measure_ns, ns / MEASURE_SHARE, MEASURE_NS);
    save(&table->identify_ns, ns / IDENTIFY_SHARE, IDENTIFY_NS);
    table->saved_at_ns = now;
}

bool top_table_may_measure(const top_table *table)
{
    return !table->is_frugal || table->measure_ns > 0;
}

bool top_table_may_identify(const top_table *table)
{
    return !table->is_frugal || table->identify_ns > 0;
}

int64_t top_cpu_ns(void)
{
    return (int64_t)((double)clock() * 1e9 / CLOCKS_PER_SEC);
}

/*
 * By how many bytes what is shown may be wrong: all that it has of one that was
 * never measured, what has changed since then of others. Last come those that
 * have not changed for long.
 */
uint64_t top_table_urgency(const top_table *table, const top_process *process)
{
    uint64_t resident = process->now.resident_bytes;
    uint64_t before = process->measured_resident;
    uint64_t age = table->saved_at_ns - process->measured_ns;

    if (process->is_denied || process->is_gone || process->now.is_kernel) {
        return 0;
    }
    if (process->measured_ns == 0) {
        return resident + 2;
    }
    if (process->measured_ns >= table->saved_at_ns) {
        return 0;
    }
    if (resident != before) {
        return (resident > before ? resident - before : before - resident) + 1;
    }
    return age >= FRESH_NS ? 1 : 0;
}

void top_table_measure(top_table *table, top_process *process)
{
    int64_t before = top_cpu_ns();
    uint64_t now = weft_now_ns();
    weft_status status =
        weft_memory_measure(table->memory, &process->now, NULL);

    process->measured_ns = now > table->saved_at_ns ? now : table->saved_at_ns;
    process->measured_resident = process->now.resident_bytes;
    process->is_denied = status == WEFT_EACCES;
    process->is_gone = status == WEFT_ENOENT;
    table->measure_ns -= top_cpu_ns() - before;
}

/* ---------------------------------------------------------------- users --- */

/* They stay for the rest of the process: rows point to their names. */

const char *top_user(uint32_t owner)
{
    static struct user {
        uint32_t owner;
        char name[33];
    } * *users;
    static size_t count;
    struct user **more;
    struct user *user;

    for (size_t i = 0; i < count; i++) {
        if (users[i]->owner == owner) {
            return users[i]->name;
        }
    }
    user = malloc(sizeof(*user));
    more = user != NULL ? realloc(users, (count + 1) * sizeof(struct user *))
                        : NULL;
    if (more == NULL) {
        free(user);
        return "?";
    }
    users = more;
    users[count++] = user;
    user->owner = owner;
    if (!sys_user_name(owner, user->name, sizeof(user->name))) {
        (void)snprintf(user->name, sizeof(user->name), "%u", (unsigned)owner);
    }
    return user->name;
}
