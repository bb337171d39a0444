/* SPDX-License-Identifier: MIT
 *
 * weft memory listen - runs a program that gives memory back when asked.
 */
#include "sys.h"
#include "tool.h"

/* As in weft run, and in the shell. */
#define OWN_FAILURE 125
#define NOT_EXECUTABLE 126
#define NOT_FOUND 127

static const tool_syntax syntax = {
    .command = "memory listen",
    .usage = "PROGRAM [ARGUMENT...]",
    .about =
        "Runs a program that knows nothing of weft so that 'weft memory ask' "
        "can have\nthe free memory of its heap given back to the system. The "
        "programs that it\nstarts listen, too. It takes this command's place: "
        "its exit code is its own;\n126 and 127 say that it can't be "
        "executed, or is not there, and 125 that it\ncan't listen.\n",
    .operands_least = 1,
    .operands_most = INT32_MAX,
    .is_for_program = true,
};

int cmd_memory_listen(int argc, char **argv)
{
    tool_operands operands;
    char library[4096];
    char text[256];
    int exit_code;
    int code;

    if (!tool_parse(&syntax, argc, argv, NULL, &operands, &exit_code)) {
        return exit_code == TOOL_USAGE ? OWN_FAILURE : exit_code;
    }
    if (!sys_preload_find(library, sizeof(library))) {
        tool_error("cannot listen for a program: libweft-trim.so is not here");
        return OWN_FAILURE;
    }
    code = sys_preload_execute(library, operands.items);
    tool_error("cannot run '%s': %s", operands.items[0],
               sys_error_text(code, text, sizeof(text)));
    return sys_preload_is_missing(code) ? NOT_FOUND : NOT_EXECUTABLE;
}
