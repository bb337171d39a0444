/* SPDX-License-Identifier: MIT
 *
 * weft memory config - what the daemon is told, and where each value is from.
 */
#include <string.h>

#include "memory_config.h"

typedef struct config_values {
    config_source source; /* first: see CONFIG_SOURCE_ROWS */
    bool check;
    bool json;
} config_values;

static const tool_option options[] = {
    CONFIG_SOURCE_ROWS,
    {.name = "check",
     .kind = TOOL_FLAG,
     .offset = offsetof(config_values, check),
     .help = "only say whether the file is right"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(config_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "memory config",
    .usage = "[options]",
    .about = "Prints what 'weft memory daemon' is told, in the form of its "
             "file, and where\neach value comes from. The file is this user's, "
             "on Linux\n~/.config/weft/memory.conf, or else the system's, "
             "/etc/weft/memory.conf. It\nneed not be there.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

static void format_origin(const memory_config *config, int line, char *text,
                          size_t room)
{
    if (line == CONFIG_DEFAULT) {
        (void)snprintf(text, room, "default");
    } else if (line == CONFIG_COMMAND_LINE) {
        (void)snprintf(text, room, "command line");
    } else {
        (void)snprintf(text, room, "%s:%d", config->path, line);
        tool_clean(text);
    }
}

static void print_key(const memory_config *config, size_t index, bool json,
                      const char **section)
{
    char name[40];
    char value[CONFIG_PATH_ROOM];
    char origin[CONFIG_PATH_ROOM + 16];
    config_key key;
    tool_json line;

    config_get_key(index, &key, name, sizeof(name));
    config_format(config, &key, value, sizeof(value));
    format_origin(config, config->lines[index], origin, sizeof(origin));
    if (json) {
        tool_json_begin(&line, stdout);
        tool_json_text(&line, "section", key.section);
        tool_json_text(&line, "key", key.name);
        tool_json_text(&line, "value", value);
        tool_json_text(&line, "origin", origin);
        tool_json_end(&line);
        return;
    }
    if (*section == NULL || strcmp(*section, key.section) != 0) {
        printf("%s[%s]\n", *section != NULL ? "\n" : "", key.section);
        *section = key.section;
    }
    tool_clean(value);
    printf("# %s\n%s = %s\n", origin, key.name, value);
}

/* The rules are lines of the file already. */
static void print_rules(const memory_config *config, bool json)
{
    const char *at = config->rules;
    const char *end = at != NULL ? at + config->rules_bytes : NULL;
    bool has_begun = false;

    for (int number = 1; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t bytes = (size_t)((newline != NULL ? newline : end) - at);
        char rule[CONFIG_PATH_ROOM + 64];
        char origin[CONFIG_PATH_ROOM + 16];
        size_t blanks;
        tool_json line;

        (void)snprintf(rule, sizeof(rule), "%.*s", (int)bytes, at);
        blanks = strspn(rule, " \t\r");
        at += bytes + 1;
        if (rule[blanks] == '\0') {
            continue;
        }
        format_origin(config, number, origin, sizeof(origin));
        if (json) {
            tool_json_begin(&line, stdout);
            tool_json_text(&line, "section", "rules");
            tool_json_text(&line, "value", rule + blanks);
            tool_json_text(&line, "origin", origin);
            tool_json_end(&line);
        } else {
            tool_clean(rule);
            printf("%s# %s\n%s\n", has_begun ? "" : "\n[rules]\n", origin,
                   rule + blanks);
        }
        has_begun = true;
    }
}

int cmd_memory_config(int argc, char **argv)
{
    static memory_config config;
    config_values values = {.check = false};
    tool_operands operands;
    const char *section = NULL;
    int exit_code;
    bool is_right;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    is_right = memory_config_load(&config, &values.source, config_print_mistake,
                                  &config);
    if (is_right && values.check) {
        printf("%s: nothing is wrong\n",
               config.path[0] != '\0' ? config.path : "there is no file");
    }
    for (size_t i = 0; is_right && !values.check && i < config_key_count();
         i++) {
        print_key(&config, i, values.json, &section);
    }
    if (is_right && !values.check) {
        print_rules(&config, values.json);
    }
    memory_config_end(&config);
    return is_right ? TOOL_OK : TOOL_USAGE;
}
