/* SPDX-License-Identifier: MIT
 *
 * The graphs of `weft memory top`: how long programs waited for memory, and
 * what had to be read again. The newest sample is on the right.
 */
#include <string.h>

#include "top.h"

/* Two graphs stand beside each other from so many columns on. */
#define COLUMNS_FOR_TWO 60

/* A graph that shows almost nothing as much would frighten. */
#define PERCENT_LEAST 1.0
#define RATE_LEAST 65536.0

typedef struct graph {
    const top *me;
    const double *samples;
    const char *title;
    bool is_percent;
    int row;
    int rows; /* with the title */
    int column;
    int width;
} graph;

static double greatest(const graph *what)
{
    double most = what->is_percent ? PERCENT_LEAST : RATE_LEAST;

    for (int i = 0; i < what->width; i++) {
        double value =
            top_history_at(what->samples, what->me->history.count, (size_t)i);

        most = value > most ? value : most;
    }
    return most;
}

/* The next 1, 2 or 5 times a power of ten, or power of two of bytes. */
static double scale_of(const graph *what)
{
    double most = greatest(what);
    double scale = what->is_percent ? PERCENT_LEAST : RATE_LEAST;
    static const double steps[] = {2, 2.5, 2};

    for (int i = 0; scale < most; i++) {
        scale *= what->is_percent ? steps[i % 3] : 2;
    }
    return scale;
}

static void format_value(const graph *what, double value, char *text,
                         size_t room)
{
    char size[24];

    if (value < 0) {
        (void)snprintf(text, room, "-");
    } else if (what->is_percent) {
        (void)snprintf(text, room, value < 10 ? "%.2f %%" : "%.0f %%", value);
    } else {
        tool_format_bytes(value, size, sizeof(size));
        (void)snprintf(text, room, "%s/s", size);
    }
}

/* How much of one row's cell is filled, in eighths: below 0 is not known. */
static int eighths(double value, double scale, int row, int rows)
{
    double height = value / scale * rows * 8 - row * 8.0;

    if (value > 0 && row == 0 && height < 1) {
        height = 1; /* a little is not nothing */
    }
    if (height <= 0) {
        return 0;
    }
    return height >= 8 ? 8 : (int)height;
}

static const char *cell(int filled, bool is_unicode)
{
    static const char *const blocks[] = {" ",      "\u2581", "\u2582",
                                         "\u2583", "\u2584", "\u2585",
                                         "\u2586", "\u2587", "\u2588"};
    static const char *const letters[] = {" ", ".", ".", ":", ":",
                                          ":", "|", "|", "|"};

    return is_unicode ? blocks[filled] : letters[filled];
}

static void draw_bars(const graph *what, double scale)
{
    const top *me = what->me;
    bool is_unicode = screen_is_unicode(me->screen);
    int rows = what->rows - 1;

    for (int row = 0; row < rows; row++) {
        char line[TOP_SAMPLES * 3 + 1];
        size_t length = 0;
        int width = what->width < TOP_SAMPLES ? what->width : TOP_SAMPLES;

        for (int i = width; i-- > 0;) {
            double value =
                top_history_at(what->samples, me->history.count, (size_t)i);
            const char *part = cell(
                value < 0 ? 0 : eighths(value, scale, row, rows), is_unicode);

            memcpy(line + length, part, strlen(part));
            length += strlen(part);
        }
        line[length] = '\0';
        screen_put(me->screen, what->row + what->rows - 1 - row, what->column,
                   width, SCREEN_PLAIN, line);
    }
}

static void draw(const graph *what)
{
    const top *me = what->me;
    double scale = scale_of(what);
    char now[40];
    char most[40];
    char text[160];

    format_value(what, top_history_at(what->samples, me->history.count, 0), now,
                 sizeof(now));
    format_value(what, scale, most, sizeof(most));
    (void)snprintf(text, sizeof(text), "%s %s, up to %s", what->title, now,
                   most);
    screen_put(me->screen, what->row, what->column, what->width, SCREEN_FAINT,
               text);
    draw_bars(what, scale);
}

void top_draw_graphs(const top *me, int row, int rows)
{
    int columns = screen_columns(me->screen);
    int width = columns >= COLUMNS_FOR_TWO ? (columns - 2) / 2 : columns;
    graph waiting = {me,   me->history.waiting, "Waiting", true, row, rows, 0,
                     width};
    graph refaults = {
        me,        me->history.refaults, "Read again", false, row, rows,
        width + 2, columns - width - 2};

    draw(&waiting);
    if (columns >= COLUMNS_FOR_TWO) {
        draw(&refaults);
    }
}
