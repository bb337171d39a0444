/* SPDX-License-Identifier: MIT
 *
 * Programs beside this one on Windows: none so far. Anonymous pipes can't be
 * waited for there together with other objects, so this takes a thread for
 * each pipe.
 */
#include <windows.h>

#include "sys.h"

const bool sys_programs_supported = false;

int sys_program_start(char **arguments, sys_program *program)
{
    (void)arguments;
    program->process = 0;
    return ERROR_NOT_SUPPORTED;
}

int sys_program_write(const sys_program *program, const void *data,
                      size_t bytes, size_t *written)
{
    (void)program;
    (void)data;
    (void)bytes;
    *written = 0;
    return ERROR_NOT_SUPPORTED;
}

int sys_program_read(const sys_program *program, void *buffer, size_t room,
                     size_t *bytes, bool *at_end)
{
    (void)program;
    (void)buffer;
    (void)room;
    *bytes = 0;
    *at_end = true;
    return ERROR_NOT_SUPPORTED;
}

void sys_program_close_input(sys_program *program)
{
    (void)program;
}

void sys_program_end(sys_program *program, uint64_t deadline_ns, char *text,
                     size_t room)
{
    (void)program;
    (void)deadline_ns;
    (void)sys_error_text(ERROR_NOT_SUPPORTED, text, room);
}

sys_event sys_wait_many(sys_watch *watches, size_t count, uint64_t deadline_ns,
                        int *code)
{
    (void)watches;
    (void)count;
    (void)deadline_ns;
    *code = ERROR_NOT_SUPPORTED;
    return SYS_ERROR;
}
