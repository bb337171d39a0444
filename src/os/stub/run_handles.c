/* SPDX-License-Identifier: MIT
 *
 * What a program that is started inherits: not supported.
 */
#include <string.h>

#include "../run.h"
#include "stub.h"

weft_status weftos_directory_open(const char *path, weft_handle *directory,
                                  weft_detail *detail)
{
    (void)path;
    (void)directory;
    return stub_refuse(detail, "open the working directory");
}

weft_status weftos_handle_copy(weft_handle handle, weft_handle *copy,
                               weft_detail *detail)
{
    (void)handle;
    (void)copy;
    return stub_refuse(detail, "copy a handle");
}

weft_status weftos_stream_copy(unsigned number, weft_handle *copy,
                               weft_detail *detail)
{
    (void)number;
    (void)copy;
    return stub_refuse(detail, "copy a standard stream");
}

weft_status weftos_environment_open(char ***variables, weft_detail *detail)
{
    (void)variables;
    return stub_refuse(detail, "copy the environment");
}

void weftos_environment_close(char **variables)
{
    (void)variables;
}

bool weftos_variable_is(const char *name, const char *other, size_t bytes)
{
    return strncmp(name, other, bytes) == 0;
}

bool weftos_signal_is_known(int number)
{
    (void)number;
    return false;
}
