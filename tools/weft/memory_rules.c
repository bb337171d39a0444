/* SPDX-License-Identifier: MIT
 *
 * The file with the user's rules of who is left alone.
 */
#include "memory_rules.h"

#include <stdlib.h>

#include "sys.h"

static int fail_reading(const char *path, int code)
{
    char text[128];

    tool_error("cannot read '%s': %s", path,
               sys_error_text(code, text, sizeof(text)));
    return TOOL_FAILED;
}

/* One byte more than may be: a file that is too long is seen as such. */
static int read_text(const char *path, char *text, size_t room, size_t *bytes)
{
    weft_handle file = WEFT_HANDLE_NONE;
    int code = sys_file_open(path, SYS_FILE_READ, &file);

    if (code == 0) {
        code = sys_file_read(file, 0, text, room, bytes);
        (void)sys_file_close(file);
    }
    return code == 0 ? TOOL_OK : fail_reading(path, code);
}

int memory_read_rules(const char *path, weft_memory_rules **rules)
{
    const size_t room = WEFT_RULES_TEXT_MOST + 1;
    weft_detail detail = {WEFT_OK, 0, NULL};
    uint32_t line = 0;
    size_t bytes = 0;
    char *text;
    int exit_code;

    *rules = NULL;
    if (path == NULL) {
        return TOOL_OK;
    }
    text = malloc(room);
    if (text == NULL) {
        tool_error("cannot read '%s': no memory", path);
        return TOOL_FAILED;
    }
    exit_code = read_text(path, text, room, &bytes);
    if (exit_code == TOOL_OK &&
        weft_memory_rules_open(text, bytes, rules, &line, &detail) != WEFT_OK) {
        if (line > 0) {
            tool_error("%s:%u: %s", path, (unsigned)line, detail.operation);
        } else {
            tool_error("%s: %s", path, detail.operation);
        }
        exit_code = detail.status == WEFT_ENOMEM ? TOOL_FAILED : TOOL_USAGE;
    }
    free(text);
    return exit_code;
}
