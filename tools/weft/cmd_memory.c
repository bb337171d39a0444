/* SPDX-License-Identifier: MIT
 *
 * weft memory - which of its commands it is.
 */
#include <string.h>

#include "tool.h"

/* Name, what fills its column in the help, and summary. */
#define VERB_LIST(X)                                                           \
    X(status, "    ", "how much there is, and how scarce it is")               \
    X(top, "       ", "who takes it, on a screen")                             \
    X(list, "      ", "the processes that take most of it")                    \
    X(groups, "    ", "what belongs together, and takes how much")             \
    X(gpu, "       ", "the memory of graphics devices")                        \
    X(watch, "     ", "a line each time that programs wait for it")            \
    X(optimize, "  ", "take memory back, and tell what that did")              \
    X(rank, "      ", "whose would be taken first, and who is protected")      \
    X(ask, "       ", "have programs give memory back")                        \
    X(listen, "    ", "run a program that gives memory back when asked")       \
    X(leaks, "     ", "processes that grow and do not stop")                   \
    X(patterns, "  ", "where it goes, and until when")                         \
    X(suggest, "   ", "what could be better, and what says so")                \
    X(daemon, "    ", "watch it, and do what helps")                           \
    X(config, "    ", "what the daemon is told, and by what")                  \
    X(why, "       ", "what the daemon would do with a process")               \
    X(record, "    ", "what memory does, as a file")                           \
    X(simulate, "  ", "what policies would have done")                         \
    X(bench, "     ", "what it costs to look at it")

#define VERB_ROW(name, column, summary) {#name, summary, cmd_memory_##name},
#define VERB_LINE(name, column, summary) "  " #name column summary "\n"

static const tool_command verbs[] = {VERB_LIST(VERB_ROW)};

static const tool_syntax syntax = {
    .command = "memory",
    .usage = "COMMAND [options]",
    .about = "Tells what the memory of this machine does, and takes back what "
             "is not used.\n"
             "\n"
             "Commands:\n" VERB_LIST(VERB_LINE),
    .operands_most = 1,
};

int cmd_memory(int argc, char **argv)
{
    tool_operands operands;
    int exit_code;

    for (size_t i = 0; argc > 1 && i < TOOL_COUNT_OF(verbs); i++) {
        if (strcmp(argv[1], verbs[i].name) == 0) {
            return verbs[i].run(argc - 1, argv + 1);
        }
    }
    if (!tool_parse(&syntax, argc, argv, NULL, &operands, &exit_code)) {
        return exit_code;
    }
    if (operands.count == 0) {
        return tool_usage_error("memory", "a command is missing");
    }
    return tool_usage_error("memory", "unknown command '%s'",
                            operands.items[0]);
}
