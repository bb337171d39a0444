/* SPDX-License-Identifier: MIT
 *
 * Samples at equal steps for a while, and the words for what comes of it.
 */
#include "memory_pace.h"

#include <math.h>
#include <stdlib.h>

#include "progress.h"
#include "sys.h"

#define NS_PER_S 1e9

static void show(const memory_pace *pace, uint64_t gone_ns)
{
    char gone[32];
    char all[32];
    char text[80];

    if (sys_stderr_is_terminal()) {
        memory_format_time((double)gone_ns / NS_PER_S, gone, sizeof(gone));
        memory_format_time((double)pace->duration_ns / NS_PER_S, all,
                           sizeof(all));
        (void)snprintf(text, sizeof(text), "%s: %s of %s", pace->what, gone,
                       all);
        progress_show(text);
    }
}

/* The next step that is still to come; the end, if that is nearer. */
static uint64_t next_step(const memory_pace *pace, uint64_t began, uint64_t now)
{
    uint64_t steps = (now - began) / pace->interval_ns + 1;
    uint64_t left = pace->duration_ns / pace->interval_ns;

    return began +
           (steps <= left ? steps * pace->interval_ns : pace->duration_ns);
}

weft_status memory_keep_pace(const memory_pace *pace, weft_detail *detail)
{
    uint64_t began = weft_now_ns();
    uint64_t now = began;
    weft_status status;
    int code = 0;

    sys_hold_signals();
    do {
        status = pace->sample(pace->context, (double)(now - began) / NS_PER_S,
                              detail);
        if (status != WEFT_OK || now - began >= pace->duration_ns) {
            break;
        }
        show(pace, now - began);
        if (sys_wait_handle(WEFT_HANDLE_NONE,
                            next_step(pace, began, weft_now_ns()),
                            &code) == SYS_INTERRUPTED) {
            break;
        }
        now = weft_now_ns();
    } while (true);
    if (sys_stderr_is_terminal()) {
        progress_show("");
    }
    /* The answer is what the user wants: the signal has done its work. */
    (void)sys_take_signal(&(bool){false});
    sys_release_signals();
    return status;
}

const char *memory_take_level(void *place, const char *argument)
{
    char *end = NULL;
    double level = strtod(argument, &end);

    if (end == argument || *end != '\0' || !(level > 0 && level < 1)) {
        return "is not between 0 and 1";
    }
    *(double *)place = level;
    return NULL;
}

void memory_format_speed(double bytes_per_s, char *text, size_t room)
{
    char bytes[32];

    tool_format_bytes(fabs(bytes_per_s) * 3600, bytes, sizeof(bytes));
    (void)snprintf(text, room, "%s%s/h", bytes_per_s < 0 ? "-" : "", bytes);
}

void memory_format_time(double seconds, char *text, size_t room)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
    size_t i = 0;

    /* From two of a unit on. */
    while (i + 1 < TOOL_COUNT_OF(units) && seconds < 2 * units[i].seconds) {
        i++;
    }
    (void)snprintf(text, room, "%.3g %s", seconds / units[i].seconds,
                   units[i].unit);
}
