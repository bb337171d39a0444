/* SPDX-License-Identifier: MIT
 *
 * What a program that is started inherits.
 */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "posix.h"
#include "run_parts.h"

/* Who may enter a directory need not be able to read it; on Linux that does. */
#ifdef __APPLE__
#include <crt_externs.h>
#define the_environment (*_NSGetEnviron())
#define OPEN_TO_ENTER O_RDONLY
#elif defined(DOUBLE_DARWIN_H)
extern char **environ;
#define the_environment environ
#define OPEN_TO_ENTER O_RDONLY
#else
#define the_environment environ
#define OPEN_TO_ENTER O_PATH
#endif

weft_status weftos_directory_open(const char *path, weft_handle *directory,
                                  weft_detail *detail)
{
    int fd = open(path, OPEN_TO_ENTER | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? weftos_fail(detail, WEFT_ENOENT, errno,
                                 "open the working directory")
                   : weftos_fail_errno(detail, "open the working directory");
    }
    *directory = fd;
    return WEFT_OK;
}

weft_status weftos_handle_copy(weft_handle handle, weft_handle *copy,
                               weft_detail *detail)
{
    int fd = fcntl((int)handle, F_DUPFD_CLOEXEC, 3);

    if (fd < 0) {
        return errno == EBADF
                   ? weftos_fail(detail, WEFT_ENOENT, errno, "copy a handle")
                   : weftos_fail_errno(detail, "copy a handle");
    }
    *copy = fd;
    return WEFT_OK;
}

weft_status weftos_stream_copy(unsigned number, weft_handle *copy,
                               weft_detail *detail)
{
    return weftos_handle_copy((weft_handle)number, copy, detail);
}

weft_status weftos_environment_open(char ***variables, weft_detail *detail)
{
    static char *none[] = {NULL};

    (void)detail;
    /* Some programs empty it by making it NULL. */
    *variables = the_environment != NULL ? the_environment : none;
    return WEFT_OK;
}

void weftos_environment_close(char **variables)
{
    (void)variables; /* it is the process's own */
}

bool weftos_variable_is(const char *name, const char *other, size_t bytes)
{
    return strncmp(name, other, bytes) == 0;
}

bool weftos_signal_is_known(int number)
{
    (void)number;
    return true;
}

void weftos_environment_set(char **variables)
{
    the_environment = variables;
}
