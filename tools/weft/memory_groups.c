/* SPDX-License-Identifier: MIT
 *
 * Which processes belong together.
 */
#include "memory_groups.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const tool_choice groups_words[] = {
    {"application", GROUPS_BY_APPLICATION},
    {"group", GROUPS_BY_GROUP},
    {"container", GROUPS_BY_CONTAINER},
    {"user", GROUPS_BY_USER},
    {"tree", GROUPS_BY_TREE},
    {NULL, 0},
};

const char *groups_word(groups_by by)
{
    for (const tool_choice *at = groups_words; at->word != NULL; at++) {
        if (at->value == (int)by) {
            return at->word;
        }
    }
    return "none";
}

/* ---------------------------------------------------------------- paths --- */

/* A part of a text. */
typedef struct span {
    const char *text; /* NULL: not known */
    size_t length;
} span;

static const span unknown = {NULL, 0};

static bool is_equal(span a, span b)
{
    return a.text != NULL && b.text != NULL && a.length == b.length &&
           memcmp(a.text, b.text, a.length) == 0;
}

/* "C:\..." has both separators; elsewhere '\' is a character as any other. */
static bool is_separator(span path, size_t at)
{
    return path.text[at] == '/' ||
           (path.text[at] == '\\' && path.length > 1 && path.text[1] == ':');
}

/* The path of a program's file; one that was replaced is the same program. */
static span path_of(const groups_member *member)
{
    static const char mark[] = " (deleted)";
    const size_t bytes = sizeof(mark) - 1;
    span path = {member->exe, 0};

    if (path.text == NULL || path.text[0] == '\0') {
        return unknown;
    }
    path.length = strlen(path.text);
    if (path.length > bytes &&
        memcmp(path.text + path.length - bytes, mark, bytes) == 0) {
        path.length -= bytes;
    }
    return path;
}

/* The folder of a path, without the separator; "" of what is in the root. */
static span folder_of(span path)
{
    size_t at = path.length;

    while (at > 0 && !is_separator(path, at - 1)) {
        at--;
    }
    return (span){path.text, at > 0 ? at - 1 : 0};
}

/* The last part of a path. */
static span name_of(span path)
{
    size_t begins = path.length;

    while (begins > 0 && !is_separator(path, begins - 1)) {
        begins--;
    }
    return (span){path.text + begins, path.length - begins};
}

static bool is_word(span part, const char *word)
{
    return part.length == strlen(word) &&
           memcmp(part.text, word, part.length) == 0;
}

/* How many parts a path has. */
static size_t depth_of(span path)
{
    size_t depth = 0;

    for (size_t i = 0; i < path.length; i++) {
        depth +=
            !is_separator(path, i) && (i == 0 || is_separator(path, i - 1));
    }
    return depth;
}

/* "x86_64-linux-gnu", as Debian has it below /usr/lib. */
static bool is_for_machine(span name)
{
    static const char mark[] = "-linux-";
    const size_t bytes = sizeof(mark) - 1;

    for (size_t i = 0; i + bytes <= name.length; i++) {
        if (memcmp(name.text + i, mark, bytes) == 0) {
            return true;
        }
    }
    return false;
}

/* Many programs lie there that have nothing to do with each other. */
static bool is_shared(span folder)
{
    static const char *const names[] = {
        "bin",     "sbin",  "lib",      "lib32",    "lib64",
        "libexec", "games", "System32", "system32", "SysWOW64"};
    span name = name_of(folder);
    size_t depth = depth_of(folder);

    if (depth < 2 || is_for_machine(name)) {
        return true;
    }
    /* Homes: what lies there at the top has no folder of its own. */
    if (depth == 2 && (is_word(folder_of(folder), "/home") ||
                       is_word(folder_of(folder), "/Users"))) {
        return true;
    }
    for (size_t i = 0; i < TOOL_COUNT_OF(names); i++) {
        if (is_word(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* The outermost bundle that a path is in, or nothing. */
static span bundle_of(span path)
{
    static const char mark[] = ".app/";

    for (size_t i = 1; i + 5 < path.length; i++) {
        if (path.text[0] == '/' && memcmp(path.text + i, mark, 5) == 0) {
            return (span){path.text, i + 4};
        }
    }
    return unknown;
}

/* ----------------------------------------------------------------- work --- */

/* What a process is put in order by. */
typedef struct place {
    size_t member;
    size_t root;      /* of its instance, or of its tree */
    size_t parent;    /* GROUPS_NONE: not among those that there are */
    size_t relatives; /* of a root: how many have it */
    size_t next;      /* the next root that has some; GROUPS_NONE: the last */
    span folder;      /* of its own; not known: none is */
    span key;
    uint64_t number;
} place;

/* A process by its number. */
static size_t find(const groups_member *members, size_t count, int64_t pid)
{
    size_t low = 0;
    size_t high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (members[middle].process->pid < pid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && members[low].process->pid == pid ? low : GROUPS_NONE;
}

/* One that began later than its child has got the number of the real one. */
static size_t find_parent(const groups_member *members, size_t count,
                          size_t child)
{
    const weft_memory_process *process = members[child].process;
    size_t parent = find(members, count, process->parent);

    return parent != GROUPS_NONE && parent != child &&
                   members[parent].process->started <= process->started
               ? parent
               : GROUPS_NONE;
}

static void prepare(const groups_member *members, size_t count, place *places)
{
    for (size_t i = 0; i < count; i++) {
        span path = path_of(&members[i]);
        span folder = path.text != NULL ? folder_of(path) : unknown;

        places[i] = (place){.member = i, .root = i};
        places[i].parent = find_parent(members, count, i);
        places[i].folder =
            folder.text != NULL && !is_shared(folder) ? folder : unknown;
    }
}

/*
 * The topmost of those above it that run a file of the same folder. Numbers of
 * processes that ended come again, so what is above may go round in a circle:
 * no more steps are taken than there are processes.
 */
static void find_instances(place *places, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t above = places[i].parent;

        for (size_t steps = 0; above != GROUPS_NONE && steps < count; steps++) {
            if (is_equal(places[above].folder, places[i].folder)) {
                places[i].root = above;
            }
            above = places[above].parent;
        }
    }
    for (size_t i = 0; i < count; i++) {
        places[places[i].root].relatives++;
    }
}

/* The only instance with helpers in a folder; GROUPS_NONE: there is not one. */
static size_t find_only(const place *places, size_t first, span folder)
{
    size_t only = GROUPS_NONE;

    for (size_t i = first; i != GROUPS_NONE; i = places[i].next) {
        if (is_equal(places[i].folder, folder)) {
            if (only != GROUPS_NONE) {
                return GROUPS_NONE;
            }
            only = i;
        }
    }
    return only;
}

/* A helper that was started as a process of nobody's has no ancestor left. */
static void join_helpers(const groups_member *members, place *places,
                         size_t count)
{
    size_t first = GROUPS_NONE;

    for (size_t i = count; i-- > 0;) {
        if (places[i].relatives > 1) {
            places[i].next = first;
            first = i;
        }
    }
    for (size_t i = 0; i < count; i++) {
        size_t only;

        if (places[i].relatives != 1 || places[i].folder.text == NULL) {
            continue;
        }
        only = find_only(places, first, places[i].folder);
        if (only != GROUPS_NONE &&
            !is_equal(path_of(&members[only]), path_of(&members[i]))) {
            places[i].root = only;
        }
    }
}

static void key_applications(const groups_member *members, place *places,
                             size_t count)
{
    find_instances(places, count);
    join_helpers(members, places, count);
    for (size_t i = 0; i < count; i++) {
        span bundle = unknown;
        span path = path_of(&members[places[i].root]);

        if (path.text != NULL) {
            bundle = bundle_of(path);
        }
        places[i].key = bundle.text != NULL ? bundle : path;
        if (bundle.text == NULL && places[places[i].root].relatives > 1) {
            places[i].number = (uint64_t)members[places[i].root].process->pid;
        }
    }
}

/* Whether it runs what the first process runs: then it starts trees too. */
static bool is_first(const groups_member *members, size_t at, size_t first)
{
    return at == first ||
           (first != GROUPS_NONE &&
            is_equal(path_of(&members[at]), path_of(&members[first])));
}

static void key_trees(const groups_member *members, place *places, size_t count)
{
    size_t first = find(members, count, 1);

    for (size_t i = 0; i < count; i++) {
        size_t above = places[i].parent;

        for (size_t steps = 0; above != GROUPS_NONE && steps < count &&
                               !is_first(members, above, first) &&
                               !is_first(members, places[i].root, first);
             steps++) {
            places[i].root = above;
            above = places[above].parent;
        }
        places[i].number = (uint64_t)members[places[i].root].process->pid;
        places[i].key = (span){"", 0};
    }
}

static span whole(const char *text)
{
    return (span){text, text != NULL ? strlen(text) : 0};
}

static void key_all(groups_by by, const groups_member *members, place *places,
                    size_t count)
{
    switch (by) {
    case GROUPS_BY_APPLICATION:
        key_applications(members, places, count);
        return;
    case GROUPS_BY_TREE:
        key_trees(members, places, count);
        return;
    default:
        break;
    }
    for (size_t i = 0; i < count; i++) {
        const weft_memory_process *process = members[i].process;

        if (by == GROUPS_BY_GROUP) {
            places[i].key = whole(members[i].group);
        } else if (by == GROUPS_BY_CONTAINER) {
            places[i].key = whole(members[i].container);
        } else if (by == GROUPS_BY_NOTHING) {
            places[i].key = (span){"", 0};
            places[i].number = (uint64_t)process->pid;
        } else if ((process->valid & WEFT_MEMORY_PROCESS_OWNER) != 0) {
            places[i].key = (span){"", 0};
            places[i].number = process->owner;
        }
    }
}

/* --------------------------------------------------------------- groups --- */

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_keys(const place *a, const place *b)
{
    size_t common =
        a->key.length < b->key.length ? a->key.length : b->key.length;
    int order;

    if (a->key.text == NULL || b->key.text == NULL) {
        return (a->key.text != NULL) - (b->key.text != NULL);
    }
    order = memcmp(a->key.text, b->key.text, common);
    if (order == 0) {
        order = compare_numbers(a->key.length, b->key.length);
    }
    return order != 0 ? order : compare_numbers(a->number, b->number);
}

static int compare_places(const void *a, const void *b)
{
    int order = compare_keys(a, b);

    return order != 0 ? order
                      : compare_numbers(((const place *)a)->member,
                                        ((const place *)b)->member);
}

static void add(groups_group *group, const groups_member *member)
{
    const weft_memory_process *process = member->process;

    group->members++;
    if ((process->valid & WEFT_MEMORY_PROCESS_FOOTPRINT) == 0) {
        group->denied += member->is_denied;
        group->unmeasured_bytes += process->resident_bytes;
        return;
    }
    group->measured++;
    group->footprint_bytes += process->footprint_bytes;
    if ((process->valid & WEFT_MEMORY_PROCESS_PRIVATE) != 0) {
        group->private_bytes += process->private_bytes;
    }
    if ((process->valid & WEFT_MEMORY_PROCESS_SWAPPED) != 0) {
        group->swapped_bytes += process->swapped_bytes;
    }
}

static void gather(const groups_member *members, const place *places,
                   size_t count, groups *found)
{
    const place *last = NULL;

    for (size_t i = 0; i < count; i++) {
        const place *at = &places[i];
        const groups_member *member = &members[at->member];

        if (member->process->is_kernel) {
            found->of[at->member] = GROUPS_NONE;
            continue;
        }
        if (last == NULL || compare_keys(at, last) != 0) {
            found->items[found->count++] =
                (groups_group){.is_known = at->key.text != NULL,
                               .key = at->key.length > 0 ? at->key.text : NULL,
                               .key_bytes = at->key.length,
                               .number = at->number,
                               .leader = at->root};
        }
        last = at;
        found->of[at->member] = found->count - 1;
        add(&found->items[found->count - 1], member);
    }
}

bool groups_find(groups_by by, const groups_member *members, size_t count,
                 groups *found)
{
    place *places = calloc(count + 1, sizeof(*places));

    *found = (groups){calloc(count + 1, sizeof(*found->items)), 0,
                      calloc(count + 1, sizeof(*found->of))};
    if (places == NULL || found->items == NULL || found->of == NULL) {
        free(places);
        return false;
    }
    prepare(members, count, places);
    key_all(by, members, places, count);
    qsort(places, count, sizeof(*places), compare_places);
    gather(members, places, count, found);
    free(places);
    return true;
}

void groups_free(groups *found)
{
    free(found->items);
    free(found->of);
    *found = (groups){NULL, 0, NULL};
}

/* --------------------------------------------------------------- labels --- */

void groups_label(groups_by by, const groups_group *group,
                  const groups_member *members, char *text, size_t room)
{
    span key = {group->key, group->key_bytes};

    if (!group->is_known) {
        (void)snprintf(text, room, "not known");
        return;
    }
    switch (by) {
    case GROUPS_BY_APPLICATION:
        if (name_of(key).length > 0) {
            key = name_of(key);
        }
        break;
    case GROUPS_BY_CONTAINER:
        if (group->key == NULL) {
            (void)snprintf(text, room, "no container");
            return;
        }
        break;
    case GROUPS_BY_USER:
        (void)snprintf(text, room, "%" PRIu64, group->number);
        return;
    case GROUPS_BY_GROUP:
        if (group->key == NULL) {
            (void)snprintf(text, room, "/");
            return;
        }
        break;
    default:
        (void)snprintf(text, room, "%s", members[group->leader].process->name);
        return;
    }
    (void)snprintf(text, room, "%.*s", (int)key.length, key.text);
}
