/* SPDX-License-Identifier: MIT
 *
 * The log callback: the only voice the library has.
 *
 * weft_log_set is called before other threads use weft, so the two variables
 * need no lock.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static weft_log_function *log_function;
static void *log_context;

void weft_log_set(weft_log_function *function, void *context)
{
    log_function = function;
    log_context = context;
}

static void replace_control_characters(char *line)
{
    for (; *line != '\0'; line++) {
        unsigned char byte = (unsigned char)*line;

        if (byte < ' ' || byte == 0x7f) {
            *line = '?';
        }
    }
}

void wefti_log(weft_log_level level, const char *format, ...)
{
    char line[WEFTI_LOG_BYTES];
    va_list arguments;

    if (log_function == NULL) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    replace_control_characters(line);
    log_function(log_context, level, line);
}
