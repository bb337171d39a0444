/* SPDX-License-Identifier: MIT
 *
 * tool_error() without the command.
 */
#include "said.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "tool.h"

static char said[1024];

void tool_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(said, sizeof(said), format, arguments);
    va_end(arguments);
}

void said_begin(void)
{
    said[0] = '\0';
}

bool said_nothing(void)
{
    return said[0] == '\0';
}

void said_expect(const char *text)
{
    if (!CHECK(strstr(said, text) != NULL)) {
        said_show();
    }
}

void said_show(void)
{
    printf("# it said: %s\n", said);
}
