/* SPDX-License-Identifier: MIT
 *
 * A failure with what a report of it needs.
 */
#include <stdarg.h>
#include <stdio.h>

#include <weft/system.h>

#include "log.h"

/* A text that is cut to its room, and counted to its end. */
struct line {
    char *text;
    size_t bytes;
    size_t length;
};

/* gcc's "printf" means an older set of formats where it builds for Windows. */
static void add(struct line *line, const char *format, ...) WEFTI_LIKE_PRINTF;

static void add(struct line *line, const char *format, ...)
{
    bool has_room = line->length < line->bytes;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length =
        vsnprintf(has_room ? line->text + line->length : NULL,
                  has_room ? line->bytes - line->length : 0, format, arguments);
    va_end(arguments);
    line->length += length > 0 ? (size_t)length : 0;
}

static void add_system(struct line *line)
{
    weft_system system = {.size = sizeof(system)};

    (void)weft_system_info(&system);
    add(line, "; %s, %s", system.kernel[0] != '\0' ? system.kernel : "system",
        system.process);
    if ((system.valid & WEFT_SYSTEM_EMULATED) != 0 && system.emulated) {
        add(line, " on %s", system.machine);
    }
    if ((system.valid & WEFT_SYSTEM_CONTAINER) != 0 &&
        system.container != WEFT_CONTAINER_NONE) {
        add(line, ", in %s", weft_container_name(system.container));
    }
    if ((system.valid & WEFT_SYSTEM_MEMORY_LIMIT) != 0 &&
        system.memory_limit_bytes != WEFT_UNLIMITED) {
        add(line, ", memory limit %llu bytes",
            (unsigned long long)system.memory_limit_bytes);
    }
}

static void add_limits(struct line *line)
{
    weft_self self = {.size = sizeof(self)};
    const char *before = "; limits exceeded: ";

    if (weft_self_usage(&self) != WEFT_OK || self.limits_known == 0) {
        add(line, "; limits unknown");
        return;
    }
    for (int i = 0; i < WEFT_RESOURCE_COUNT; i++) {
        if ((self.limits_exceeded >> i & 1) != 0) {
            add(line, "%s%s", before, weft_resource_name((weft_resource)i));
            before = ", ";
        }
    }
    if (self.limits_exceeded == 0) {
        add(line, "; no limit exceeded");
    }
}

int weft_error_context(const weft_detail *detail, char *text, size_t bytes)
{
    struct line line = {text, bytes, 0};
    int length = weft_detail_text(detail, text, bytes);

    line.length = length > 0 ? (size_t)length : 0;
    add(&line, " [%s", weft_status_name(detail->status));
    if (detail->os_code != 0) {
        add(&line, ", system %d", detail->os_code);
    }
    add(&line, "]");
    add_system(&line);
    add_limits(&line);
    return (int)line.length;
}
