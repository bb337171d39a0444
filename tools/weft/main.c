/* SPDX-License-Identifier: MIT
 *
 * The command `weft`: a table of commands, one file for each.
 */
#include <errno.h>
#include <string.h>

#include "bench_sys.h"
#include "sys.h"
#include "tool.h"

const tool_command tool_commands[] = {
    {"recv", "receive from one sender, to standard output", cmd_recv},
    {"send", "send standard input to a receiver", cmd_send},
    {"pub", "publish standard input on a topic", cmd_pub},
    {"sub", "subscribe to a topic, to standard output", cmd_sub},
    {"tap", "look at a topic, unnoticed by its publishers", cmd_tap},
    {"record", "keep the messages of a topic in a file", cmd_record},
    {"replay", "publish what a file keeps, or check the file", cmd_replay},
    {"call", "call a service and print its answer", cmd_call},
    {"echo", "be a service that answers with what it is sent", cmd_echo},
    {"serve", "be a service whose answers a program gives", cmd_serve},
    {"run", "run a program under limits, and tell the truth about it", cmd_run},
    {"usage", "tell what a process and its descendants use", cmd_usage},
    {"kill-tree", "end a process and its descendants", cmd_kill_tree},
    {"runs", "tell what was run, and what came of it", cmd_runs_any},
    {"memory", "tell what the memory of this machine does", cmd_memory},
    {"status", "tell all that weft knows at a glance", cmd_status},
    {"ls", "list the names in use, and who has them", cmd_ls},
    {"stat", "print the counters of an endpoint", cmd_stat},
    {"bench", "measure weft beside other transports", cmd_bench_any},
    {"doctor", "tell what this system offers and what weft uses", cmd_doctor},
    {"version", "print the version", cmd_version},
    {"help", "explain a command", cmd_help},
};

const size_t tool_command_count = TOOL_COUNT_OF(tool_commands);

const tool_command *tool_find_command(const char *name)
{
    for (size_t i = 0; i < tool_command_count; i++) {
        if (strcmp(tool_commands[i].name, name) == 0) {
            return &tool_commands[i];
        }
    }
    return NULL;
}

int tool_unknown_command(const char *name)
{
    const char *nearest = tool_nearest(name, tool_commands, tool_command_count,
                                       sizeof(tool_command));

    tool_error("unknown command '%s'%s%s%s", name,
               nearest ? "; did you mean '" : "", nearest ? nearest : "",
               nearest ? "'?" : "");
    fputs("Try 'weft help'.\n", stderr);
    return TOOL_USAGE;
}

void tool_print_overview(FILE *file)
{
    fputs("Usage: weft COMMAND [options]\n\n"
          "Processes of one machine run under limits, and exchange messages "
          "through\n"
          "shared memory.\n\n"
          "Commands:\n",
          file);
    for (size_t i = 0; i < tool_command_count; i++) {
        fprintf(file, "  %-10s%s\n", tool_commands[i].name,
                tool_commands[i].summary);
    }
    fputs("\n'weft help COMMAND' explains a command.\n", file);
}

/* A result that was not written in full must not look like a success. */
static int finish(int exit_code)
{
    bool written = !ferror(stdout);
    int cause = 0;

    if (fflush(stdout) != 0) {
        cause = errno;
        written = false;
    }
    if (!written) {
        tool_error("cannot write to stdout: %s",
                   cause != 0 ? strerror(cause) : "a write has failed");
        return TOOL_FAILED;
    }
    return exit_code;
}

/* The library's voice: peers turned away, and the like. */
static void print_log(void *context, weft_log_level level, const char *line)
{
    (void)context;
    if (level != WEFT_LOG_INFO) {
        tool_error("%s", line);
    }
}

/* What people type where a command should be. */
static const char *alias(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        return "help";
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        return "version";
    }
    return word;
}

int main(int argc, char **argv)
{
    const tool_command *command;

    bench_sys_begin(argv);
    sys_start(argc, argv);
    weft_log_set(print_log, NULL);
    if (argc < 2) {
        tool_print_overview(stderr);
        return TOOL_USAGE;
    }
    command = tool_find_command(alias(argv[1]));
    if (command == NULL) {
        return tool_unknown_command(argv[1]);
    }
    return finish(command->run(argc - 1, argv + 1));
}
