/* SPDX-License-Identifier: MIT
 *
 * The file of the daemon's config: which one it is, whether it may be believed,
 * and the rules in it.
 */
#include <stdlib.h>
#include <string.h>

#include <weft/protect.h>
#include <weft/system.h>

#include "memory_config.h"
#include "memory_web.h"
#include "sys.h"

const char *config_take_set(void *place, const char *argument)
{
    config_source *source = place;

    if (source->set_count == CONFIG_SETS_MOST) {
        return "is one too many";
    }
    source->sets[source->set_count++] = argument;
    return NULL;
}

void config_print_mistake(void *context, int line, const char *text)
{
    const memory_config *config = context;

    if (line > 0) {
        tool_error("'%s', line %d: %s", config->path, line, text);
    } else if (config->path[0] != '\0' && line == 0) {
        tool_error("'%s': %s", config->path, text);
    } else {
        tool_error("%s", text);
    }
}

/* ----------------------------------------------------------------- file --- */

/* This user's file, else the system's; "" if there is neither. */
static void find_file(char *path, size_t room)
{
    char folder[CONFIG_PATH_ROOM];
    int length = weft_path_config(folder, sizeof(folder), NULL);

    if (length > 0 && (size_t)length < sizeof(folder)) {
        length = weft_path_join(folder, "weft/memory.conf", path, room);
        if (length > 0 && (size_t)length < room && sys_file_exists(path)) {
            return;
        }
    }
    if (!sys_system_file("memory.conf", path, room) || !sys_file_exists(path)) {
        path[0] = '\0';
    }
}

static const char *why_unread(int code, char *text, size_t room)
{
    switch (code) {
    case SYS_NOT_OURS:
        return "it belongs to another user, and could run commands as this one";
    case SYS_EXPOSED:
        return "others may write to it, and could run commands as this user";
    case SYS_NO_FILE:
        return "it is no file";
    default:
        return sys_error_text(code, text, room);
    }
}

/* One byte more than is allowed is read, to see that there is more. */
static bool read_file(memory_config *config, config_complain *complain,
                      void *context)
{
    char *text = malloc(CONFIG_FILE_MOST + 1);
    weft_handle file = WEFT_HANDLE_NONE;
    size_t bytes = 0;
    bool is_right = false;
    char why[128];
    int code;

    if (text == NULL) {
        complain(context, 0, weft_status_text(WEFT_ENOMEM));
        return false;
    }
    code = sys_file_open(config->path, SYS_FILE_READ, &file);
    if (code == 0) {
        code = sys_file_trust(file, false);
        if (code == 0) {
            code = sys_file_read(file, 0, text, CONFIG_FILE_MOST + 1, &bytes);
        }
        (void)sys_file_close(file);
    }
    if (code != 0) {
        complain(context, 0, why_unread(code, why, sizeof(why)));
    } else {
        is_right = memory_config_parse(config, text, bytes, complain, context);
    }
    free(text);
    return is_right;
}

/* ---------------------------------------------------------------- checks ---
 */

static bool check_rules(const memory_config *config, config_complain *complain,
                        void *context)
{
    weft_memory_rules *rules = NULL;
    weft_detail detail = {WEFT_OK, 0, NULL};
    uint32_t line = 0;
    weft_status status;

    if (config->rules == NULL) {
        return true;
    }
    status = weft_memory_rules_open(config->rules, config->rules_bytes, &rules,
                                    &line, &detail);
    weft_memory_rules_close(&rules);
    if (status != WEFT_OK) {
        complain(context, (int)line,
                 detail.operation != NULL ? detail.operation
                                          : weft_status_text(status));
    }
    return status == WEFT_OK;
}

static bool take_sets(memory_config *config, const config_source *source,
                      config_complain *complain, void *context)
{
    bool is_right = true;

    for (size_t i = 0; i < source->set_count; i++) {
        char hint[128];
        char text[256];
        const char *why =
            memory_config_set(config, source->sets[i], hint, sizeof(hint));

        if (why != NULL) {
            (void)snprintf(text, sizeof(text), "option '--set': '%.80s' %s",
                           source->sets[i], why);
            complain(context, CONFIG_COMMAND_LINE, text);
            is_right = false;
        }
    }
    return is_right;
}

/* What the web server would refuse. */
static bool check_place(const memory_config *config, config_complain *complain,
                        void *context)
{
    web_place place;
    char text[192];
    const char *why = NULL;

    if (config->http_listen[0] != '\0') {
        why = web_parse_place(config->http_listen, &place);
    }
    if (why != NULL) {
        (void)snprintf(text, sizeof(text), "[http] listen: '%.80s' %s",
                       config->http_listen, why);
        complain(context, 0, text);
    }
    return why == NULL;
}

bool memory_config_load(memory_config *config, const config_source *source,
                        config_complain *complain, void *context)
{
    bool is_right = true;
    const char *why;

    memory_config_begin(config);
    if (source->path == NULL) {
        find_file(config->path, sizeof(config->path));
    } else if (strlen(source->path) >= sizeof(config->path)) {
        complain(context, CONFIG_COMMAND_LINE,
                 "option '--file': the path is too long");
        return false;
    } else {
        (void)snprintf(config->path, sizeof(config->path), "%s", source->path);
    }
    if (config->path[0] != '\0') {
        is_right = read_file(config, complain, context);
    }
    is_right = take_sets(config, source, complain, context) && is_right;
    is_right = check_rules(config, complain, context) && is_right;
    is_right = check_place(config, complain, context) && is_right;
    why = memory_config_contradiction(config);
    if (why != NULL) {
        complain(context, 0, why);
    }
    return is_right && why == NULL;
}
