/* SPDX-License-Identifier: MIT
 *
 * weft memory daemon - watches the memory, and does what the policy says.
 */
#include "memory_daemon.h"

typedef struct daemon_values {
    config_source source; /* first: see CONFIG_SOURCE_ROWS */
    bool check;
    bool dry_run;
    bool json;
    bool service;
} daemon_values;

static const tool_option options[] = {
    CONFIG_SOURCE_ROWS,
    {.name = "check",
     .kind = TOOL_FLAG,
     .offset = offsetof(daemon_values, check),
     .help = "only say whether the config is right"},
    {.name = "dry-run",
     .kind = TOOL_FLAG,
     .offset = offsetof(daemon_values, dry_run),
     .help = "decide and log, but touch nothing"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(daemon_values, json),
     .help = "log one JSON object a line"},
    {.name = "service",
     .kind = TOOL_FLAG,
     .offset = offsetof(daemon_values, service),
     .help = "be a service of Windows: for its service manager"},
};

static const tool_syntax syntax = {
    .command = "memory daemon",
    .usage = "[options]",
    .about =
        "Watches the memory of this machine, in the foreground, until it is "
        "ended. It\nsleeps until programs wait for memory, and then does what "
        "helps, a little at a\ntime: it asks programs that listen, and pages "
        "out what was not used, where that\ncan help. It kills nothing. What "
        "it does, why, and what came of it is logged.\nSIGHUP has it read its "
        "config again. It is told by 'weft memory config'.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

static int check_config(const config_source *source)
{
    static memory_config config;
    bool is_right =
        memory_config_load(&config, source, config_print_mistake, &config);

    if (is_right) {
        printf("%s: nothing is wrong\n",
               config.path[0] != '\0' ? config.path : "there is no file");
    }
    memory_config_end(&config);
    return is_right ? TOOL_OK : TOOL_USAGE;
}

static int live(void *context)
{
    memory_daemon *me = context;
    int exit_code;

    if (memory_daemon_open(me, &exit_code)) {
        exit_code = memory_daemon_run(me);
    }
    memory_daemon_close(me);
    return exit_code;
}

static int live_as_service(memory_daemon *me)
{
    char text[128];
    int exit_code = TOOL_FAILED;
    int code = sys_service_run(live, me, &exit_code);

    if (code != 0) {
        tool_error("this is no service: %s",
                   sys_error_text(code, text, sizeof(text)));
    }
    return exit_code;
}

int cmd_memory_daemon(int argc, char **argv)
{
    static memory_daemon me;
    daemon_values values = {.check = false};
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    if (values.dry_run &&
        config_take_set(&values.source, "daemon.dry-run=yes") != NULL) {
        return tool_usage_error("memory daemon", "too many options '--set'");
    }
    if (values.check) {
        return check_config(&values.source);
    }
    me.source = values.source;
    me.log.json = values.json;
    if (values.service) {
        return live_as_service(&me);
    }
    sys_hold_signals();
    return live(&me);
}
