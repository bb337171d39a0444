/* SPDX-License-Identifier: MIT
 *
 * weft memory - which of its commands it is.
 */
#include <string.h>

#include "tool.h"

static const tool_command verbs[] = {
    {"status", "how much there is, and how scarce it is", cmd_memory_status},
    {"list", "the processes that take most of it", cmd_memory_list},
    {"optimize", "take memory back, and tell what that did",
     cmd_memory_optimize},
    {"rank", "whose memory would be taken first, and who is protected",
     cmd_memory_rank},
    {"groups", "what belongs together, and takes how much", cmd_memory_groups},
    {"top", "the same again and again, on a screen", cmd_memory_top},
    {"watch", "a line each time that programs wait for it", cmd_memory_watch},
    {"ask", "have programs give memory back", cmd_memory_ask},
    {"listen", "run a program that gives memory back", cmd_memory_listen},
    {"config", "what the daemon is told, and by what", cmd_memory_config},
    {"daemon", "watch it, and do what helps", cmd_memory_daemon},
    {"suggest", "what could be better, and what says so", cmd_memory_suggest},
    {"watch", "a line each time that programs wait for it", cmd_memory_watch},
    {"why", "what the daemon would do with a process", cmd_memory_why},
    {"gpu", "the memory of graphics devices", cmd_memory_gpu},
    {"leaks", "processes that grow and do not stop", cmd_memory_leaks},
    {"patterns", "where it goes, and until when", cmd_memory_patterns},
    {"bench", "what it costs to look at it", cmd_memory_bench},
};

static const tool_syntax syntax = {
    .command = "memory",
    .usage = "COMMAND [options]",
    .about = "Tells what the memory of this machine does.\n"
             "\n"
             "Commands:\n"
             "  status    how much there is, and how scarce it is\n"
             "  list      the processes that take most of it\n"
             "  optimize  take memory back, and tell what that did\n"
             "  rank      whose memory would be taken first, and who is "
             "protected\n"
             "  groups    what belongs together, and takes how much\n"
             "  top       the same again and again, on a screen\n"
             "  watch     a line each time that programs wait for it\n"
             "  ask       have programs give memory back\n"
             "  listen    run a program that gives memory back when asked\n"
             "  config    what the daemon is told, and by what\n"
             "  daemon    watch it, and do what helps\n"
             "  suggest   what could be better, and what says so\n"
             "  watch     a line each time that programs wait for it\n"
             "  why       what the daemon would do with a process\n"
             "  gpu       the memory of graphics devices\n"
             "  leaks     processes that grow and do not stop\n"
             "  patterns  where it goes, and until when\n"
             "  bench     what it costs to look at it\n",
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
