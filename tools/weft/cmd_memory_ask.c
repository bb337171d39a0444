/* SPDX-License-Identifier: MIT
 *
 * weft memory ask - has programs give memory back, and tells who gave what.
 */
#include <stdlib.h>
#include <string.h>

#include "sys.h"
#include "tool.h"

/* As long as a program may take that writes its caches to a disk first. */
#define DEFAULT_TIMEOUT_NS UINT64_C(5000000000)

/* Those beyond are asked, and only counted. */
#define ANSWERS_MOST 4096

typedef struct ask_values {
    uint64_t timeout_ns;
    uint64_t pid;
    bool everybody;
    bool json;
} ask_values;

static const tool_option options[] = {
    {.name = "timeout",
     .kind = TOOL_DURATION,
     .offset = offsetof(ask_values, timeout_ns),
     .label = "TIME",
     .help = "wait so long for the answers (default 5s)",
     .least = 1},
    {.name = "pid",
     .letter = 'p',
     .kind = TOOL_COUNT,
     .offset = offsetof(ask_values, pid),
     .label = "PID",
     .help = "ask this process alone",
     .least = 1,
     .most = INT32_MAX},
    {.name = "everybody",
     .letter = 'e',
     .kind = TOOL_FLAG,
     .offset = offsetof(ask_values, everybody),
     .help = "ask the programs of all users, as root"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(ask_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "memory ask",
    .usage = "[LEVEL] [options]",
    .about =
        "Asks the programs that listen for it to give memory back, and tells "
        "what\neach of them gave: by how much its footprint fell, what it says "
        "itself,\nwhat it still has, and how long it took. LEVEL says how much "
        "they are to\ngive: mild, moderate (the default) or critical.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_most = 1,
};

typedef struct answers {
    weft_memory_answer *items;
    size_t count; /* perhaps more than there is room for */
} answers;

static bool knows(const weft_memory_answer *answer, uint32_t what)
{
    return (answer->valid & what) != 0;
}

/* ---------------------------------------------------------------- print --- */

static void print_size(bool is_known, double bytes)
{
    char text[32] = "-";

    if (is_known) {
        bool is_less = bytes < 0;

        text[0] = '-';
        tool_format_bytes(is_less ? -bytes : bytes, text + is_less,
                          sizeof(text) - 1);
    }
    printf(" %11s", text);
}

static void print_name(int64_t pid)
{
    char name[64];

    if (pid <= 0 || !sys_process_name(pid, name, sizeof(name))) {
        printf("  -\n");
        return;
    }
    tool_clean(name);
    printf("  %s\n", name);
}

static void print_answer(const weft_memory_answer *answer)
{
    bool is_given = answer->kind == WEFT_ANSWER_GIVEN;

    if (answer->who.pid > 0) {
        printf("%8lld", (long long)answer->who.pid);
    } else {
        printf("%8s", "-");
    }
    print_size(knows(answer, WEFT_ANSWER_MEASURED),
               (double)answer->measured_bytes);
    print_size(knows(answer, WEFT_ANSWER_CLAIMED),
               (double)answer->claimed_bytes);
    print_size(knows(answer, WEFT_ANSWER_FOOTPRINT),
               (double)answer->footprint_bytes);
    if (is_given && knows(answer, WEFT_ANSWER_TOOK)) {
        printf(" %8.1f ms", (double)answer->took_ns / 1e6);
    } else {
        printf(" %11s", weft_memory_answer_name(answer->kind));
    }
    print_name(answer->who.pid);
}

/* A sum of numbers that other processes say. */
static void print_text(const answers *found)
{
    size_t given = 0;
    double sum = 0;
    char text[32];

    if (found->count == 0) {
        printf("nobody listens\n");
        return;
    }
    printf("%8s %11s %11s %11s %11s  %s\n", "PID", "GAVE", "SAYS", "HAS",
           "TOOK", "NAME");
    for (size_t i = 0; i < found->count && i < ANSWERS_MOST; i++) {
        const weft_memory_answer *answer = &found->items[i];

        print_answer(answer);
        given += answer->kind == WEFT_ANSWER_GIVEN;
        if (knows(answer, WEFT_ANSWER_MEASURED)) {
            sum += (double)answer->measured_bytes;
        }
    }
    if (found->count > ANSWERS_MOST) {
        printf("and %zu more\n", found->count - ANSWERS_MOST);
    }
    tool_format_bytes(sum < 0 ? -sum : sum, text, sizeof(text));
    printf("%zu of %zu answered, and gave %s%s\n", given, found->count,
           sum < 0 ? "-" : "", text);
}

static void print_json(const answers *found)
{
    for (size_t i = 0; i < found->count && i < ANSWERS_MOST; i++) {
        const weft_memory_answer *answer = &found->items[i];
        char name[64];
        tool_json json;

        tool_json_begin(&json, stdout);
        if (answer->who.pid > 0) {
            tool_json_u64(&json, "pid", (uint64_t)answer->who.pid);
            if (sys_process_name(answer->who.pid, name, sizeof(name))) {
                tool_json_text(&json, "name", name);
            }
        }
        if (answer->who.uid >= 0) {
            tool_json_u64(&json, "owner", (uint64_t)answer->who.uid);
        }
        tool_json_text(&json, "answer", weft_memory_answer_name(answer->kind));
        if (knows(answer, WEFT_ANSWER_MEASURED)) {
            tool_json_i64(&json, "measured_bytes", answer->measured_bytes);
        }
        if (knows(answer, WEFT_ANSWER_CLAIMED)) {
            tool_json_u64(&json, "claimed_bytes", answer->claimed_bytes);
        }
        if (knows(answer, WEFT_ANSWER_FOOTPRINT)) {
            tool_json_u64(&json, "footprint_bytes", answer->footprint_bytes);
        }
        if (knows(answer, WEFT_ANSWER_TOOK)) {
            tool_json_u64(&json, "took_ns", answer->took_ns);
        }
        tool_json_end(&json);
    }
}

/* ------------------------------------------------------------------ ask --- */

static bool take_level(const tool_operands *operands, weft_trim_level *level)
{
    if (operands->count == 0) {
        return true;
    }
    for (int i = WEFT_TRIM_MILD; i <= WEFT_TRIM_CRITICAL; i++) {
        *level = (weft_trim_level)i;
        if (strcmp(operands->items[0], weft_trim_level_name(*level)) == 0) {
            return true;
        }
    }
    return false;
}

int cmd_memory_ask(int argc, char **argv)
{
    ask_values values = {.timeout_ns = DEFAULT_TIMEOUT_NS};
    weft_memory_ask_options asked = WEFT_MEMORY_ASK_OPTIONS_INIT;
    weft_trim_level level = WEFT_TRIM_MODERATE;
    weft_detail detail = {WEFT_ENOMEM, 0, "allocate memory"};
    weft_status status = WEFT_ENOMEM;
    answers found = {NULL, 0};
    tool_operands operands;
    char text[256];
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    if (!take_level(&operands, &level)) {
        return tool_usage_error("memory ask", "'%s' is not a level",
                                operands.items[0]);
    }
    asked.pid = (int64_t)values.pid;
    asked.flags = values.everybody ? WEFT_MEMORY_ASK_EVERYBODY : 0;
    found.items = calloc(ANSWERS_MOST, sizeof(*found.items));
    if (found.items != NULL) {
        status =
            weft_memory_ask(level, &asked, weft_after_ns(values.timeout_ns),
                            found.items, ANSWERS_MOST, &found.count, &detail);
    }
    if (status != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        tool_error("cannot ask for memory: %s", text);
    } else if (values.pid != 0 && found.count == 0) {
        tool_error("no process %llu listens", (unsigned long long)values.pid);
        status = WEFT_ENOENT;
    } else if (values.json) {
        print_json(&found);
    } else {
        print_text(&found);
    }
    free(found.items);
    return status == WEFT_OK ? TOOL_OK : TOOL_FAILED;
}
