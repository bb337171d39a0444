/* SPDX-License-Identifier: MIT
 *
 * The table of `weft memory top` on a screen.
 *
 * From the top: the figures of the machine, two graphs, the table, and a line
 * of keys. What has no room is left out, the graphs first.
 */
#include <string.h>

#include "top.h"

/* Smaller screens are told that they are. */
#define ROWS_LEAST 8
#define COLUMNS_LEAST 36

/* Screens of fewer rows have no graphs, those of fewer no details. */
#define ROWS_FOR_GRAPHS 18
#define ROWS_FOR_DETAILS 12

/* How much of the screen the graphs take: a sixth, with their titles. */
#define GRAPHS_PART 6
#define GRAPHS_LEAST 3

static bool is_too_small(const top *me)
{
    return screen_rows(me->screen) < ROWS_LEAST ||
           screen_columns(me->screen) < COLUMNS_LEAST;
}

static bool knows(const weft_memory_figures *figures, weft_memory_figure figure)
{
    return (figures->valid >> figure & 1) != 0;
}

static int header_rows(const top *me)
{
    const weft_memory_figures *figures = &me->history.figures;

    if (screen_rows(me->screen) < ROWS_FOR_DETAILS) {
        return 2;
    }
    return 4 + (knows(figures, WEFT_MEMORY_LIMIT) ? 1 : 0) +
           (figures->has_stalls ? 1 : 0);
}

static int graph_rows(const top *me)
{
    int rows = screen_rows(me->screen) / GRAPHS_PART;

    if (screen_rows(me->screen) < ROWS_FOR_GRAPHS) {
        return 0;
    }
    return rows < GRAPHS_LEAST ? GRAPHS_LEAST : rows;
}

/* Without the title of the table, and the line at the bottom. */
size_t top_rows_on_screen(const top *me)
{
    int rows = screen_rows(me->screen) - header_rows(me) - graph_rows(me) - 2;

    return rows > 0 && !is_too_small(me) ? (size_t)rows : 0;
}

/* --------------------------------------------------------------- header --- */

static void put(const top *me, int row, int column, screen_style style,
                const char *text)
{
    screen_put(me->screen, row, column, (int)strlen(text), style, text);
}

static void size_text(const weft_memory_figures *figures,
                      weft_memory_figure figure, uint64_t bytes, char *text,
                      size_t room)
{
    if (knows(figures, figure)) {
        tool_format_bytes((double)bytes, text, room);
    } else {
        (void)snprintf(text, room, "-");
    }
}

static void draw_title(const top *me, int row)
{
    char text[160];
    int columns = screen_columns(me->screen);
    int length;

    put(me, row, 0, SCREEN_STRONG, "weft memory top");
    if (me->message[0] != '\0') {
        screen_put(me->screen, row, 17, columns - 17, SCREEN_BAD, me->message);
        return;
    }
    (void)snprintf(text, sizeof(text), "%s%s%s%zu %s, every %.3g s",
                   me->is_paused ? "paused, " : "",
                   me->view.by != GROUPS_BY_NOTHING ? "by " : "",
                   me->view.by != GROUPS_BY_NOTHING
                       ? (me->view.by == GROUPS_BY_APPLICATION ? "application, "
                          : me->view.by == GROUPS_BY_GROUP     ? "group, "
                          : me->view.by == GROUPS_BY_CONTAINER ? "container, "
                          : me->view.by == GROUPS_BY_USER      ? "user, "
                                                               : "tree, ")
                       : "",
                   me->view.count,
                   me->view.by != GROUPS_BY_NOTHING ? "groups" : "processes",
                   (double)me->interval_ns / 1e9);
    length = (int)strlen(text);
    if (columns > 17 + length) {
        put(me, row, columns - length, SCREEN_PLAIN, text);
    }
}

static screen_style style_of(weft_pressure pressure)
{
    switch (pressure) {
    case WEFT_PRESSURE_CALM:
        return SCREEN_GOOD;
    case WEFT_PRESSURE_WATCH:
        return SCREEN_WARNING;
    default:
        return SCREEN_BAD;
    }
}

/* What is used, '|', what is cached, ':', and what is free. */
static void draw_meter(const top *me, int row, int column, int width)
{
    const weft_memory_figures *figures = &me->history.figures;
    double total = (double)figures->total_bytes;
    int used = (int)((double)figures->used_bytes / total * width + 0.5);
    int cached =
        knows(figures, WEFT_MEMORY_CACHED)
            ? (int)((double)figures->cached_bytes / total * width + 0.5)
            : 0;
    char bar[256];

    width = width < (int)sizeof(bar) - 1 ? width : (int)sizeof(bar) - 1;
    used = used < width ? used : width;
    cached = cached < width - used ? cached : width - used;
    memset(bar, '|', (size_t)used);
    bar[used] = '\0';
    put(me, row, column, style_of(figures->pressure), bar);
    memset(bar, ':', (size_t)cached);
    bar[cached] = '\0';
    put(me, row, column + used, SCREEN_FAINT, bar);
}

static void draw_memory(const top *me, int row)
{
    const weft_memory_figures *figures = &me->history.figures;
    int columns = screen_columns(me->screen);
    char total[24];
    char available[24];
    char text[96];
    int length;
    int left;

    size_text(figures, WEFT_MEMORY_TOTAL, figures->total_bytes, total,
              sizeof(total));
    size_text(figures, WEFT_MEMORY_AVAILABLE, figures->available_bytes,
              available, sizeof(available));
    if (!knows(figures, WEFT_MEMORY_AVAILABLE) || figures->total_bytes == 0) {
        (void)snprintf(text, sizeof(text), "Memory    %s", total);
        put(me, row, 0, SCREEN_PLAIN, text);
        return;
    }
    (void)snprintf(text, sizeof(text), "Memory    %s ", total);
    put(me, row, 0, SCREEN_PLAIN, text);
    left = (int)strlen(text);
    (void)snprintf(text, sizeof(text), " %s available, %.0f %%", available,
                   100.0 * (double)figures->available_bytes /
                       (double)figures->total_bytes);
    length = (int)strlen(text);
    if (columns - left - length < 8) {
        put(me, row, left, SCREEN_PLAIN, text);
        return;
    }
    put(me, row, left, SCREEN_PLAIN, "[");
    draw_meter(me, row, left + 1, columns - left - length - 2);
    put(me, row, columns - length - 1, SCREEN_PLAIN, "]");
    put(me, row, columns - length, SCREEN_PLAIN, text);
}

static void draw_parts(const top *me, int row)
{
    const weft_memory_figures *figures = &me->history.figures;
    char used[24];
    char cached[24];
    char swap[64] = "none";
    char packed[64] = "-";
    char text[256];

    size_text(figures, WEFT_MEMORY_USED, figures->used_bytes, used,
              sizeof(used));
    size_text(figures, WEFT_MEMORY_CACHED, figures->cached_bytes, cached,
              sizeof(cached));
    if (!knows(figures, WEFT_MEMORY_SWAP_TOTAL)) {
        (void)snprintf(swap, sizeof(swap), "-");
    } else if (figures->swap_total_bytes > 0) {
        char all[24];
        char taken[24];

        tool_format_bytes((double)figures->swap_total_bytes, all, sizeof(all));
        size_text(figures, WEFT_MEMORY_SWAP_FREE,
                  figures->swap_total_bytes - figures->swap_free_bytes, taken,
                  sizeof(taken));
        (void)snprintf(swap, sizeof(swap), "%s of %s", taken, all);
    }
    if (knows(figures, WEFT_MEMORY_PACKED) && figures->packed_bytes > 0) {
        char before[24];
        char after[24];

        tool_format_bytes((double)figures->packed_bytes, before,
                          sizeof(before));
        size_text(figures, WEFT_MEMORY_PACK, figures->pack_bytes, after,
                  sizeof(after));
        (void)snprintf(packed, sizeof(packed), "%s in %s", before, after);
    } else if (knows(figures, WEFT_MEMORY_PACKED)) {
        (void)snprintf(packed, sizeof(packed), "none");
    }
    (void)snprintf(text, sizeof(text),
                   "Used      %s  cached %s  swap %s  compressed %s", used,
                   cached, swap, packed);
    screen_put(me->screen, row, 0, screen_columns(me->screen), SCREEN_PLAIN,
               text);
}

static void draw_limit(const top *me, int row)
{
    const weft_memory_figures *figures = &me->history.figures;
    char limit[24];
    char used[24];
    char text[256];

    size_text(figures, WEFT_MEMORY_LIMIT, figures->limit_bytes, limit,
              sizeof(limit));
    size_text(figures, WEFT_MEMORY_LIMIT_USED, figures->limit_used_bytes, used,
              sizeof(used));
    (void)snprintf(text, sizeof(text), "Limit     %s of %s  (%s)", used, limit,
                   figures->limit_source);
    screen_put(me->screen, row, 0, screen_columns(me->screen), SCREEN_PLAIN,
               text);
}

static void draw_pressure(const top *me, int row)
{
    const weft_memory_figures *figures = &me->history.figures;
    const char *word = figures->pressure_reason[0] != '\0'
                           ? weft_pressure_name(figures->pressure)
                           : "unknown";
    char text[160];
    int at = 10 + (int)strlen(word);

    put(me, row, 0, SCREEN_PLAIN, "Pressure");
    put(me, row, 10, style_of(figures->pressure), word);
    (void)snprintf(text, sizeof(text), "  %s", figures->pressure_reason);
    screen_put(me->screen, row, at, screen_columns(me->screen) - at,
               SCREEN_PLAIN, text);
}

static void draw_stalls(const top *me, int row)
{
    const weft_memory_figures *figures = &me->history.figures;
    char text[160];

    (void)snprintf(text, sizeof(text),
                   "Waiting   some %.2f %%  all %.2f %%  of the last 10 s",
                   (double)figures->stall_some_ppm / 1e4,
                   (double)figures->stall_all_ppm / 1e4);
    screen_put(me->screen, row, 0, screen_columns(me->screen), SCREEN_PLAIN,
               text);
}

void top_draw_header(const top *me, int *row)
{
    const weft_memory_figures *figures = &me->history.figures;

    draw_title(me, (*row)++);
    if (screen_rows(me->screen) < ROWS_FOR_DETAILS) {
        draw_pressure(me, (*row)++);
        return;
    }
    draw_memory(me, (*row)++);
    draw_parts(me, (*row)++);
    if (knows(figures, WEFT_MEMORY_LIMIT)) {
        draw_limit(me, (*row)++);
    }
    draw_pressure(me, (*row)++);
    if (figures->has_stalls) {
        draw_stalls(me, (*row)++);
    }
}

/* ---------------------------------------------------------------- table --- */

static void draw_titles(const top *me, int row, const top_place *places,
                        int count)
{
    char text[64];

    screen_put(me->screen, row, 0, screen_columns(me->screen), SCREEN_MARKED,
               "");
    for (int i = 0; i < count; i++) {
        const top_place *place = &places[i];

        (void)snprintf(text, sizeof(text), "%*s",
                       top_is_number(place->column) ? place->width : 0,
                       top_title(place->column));
        screen_put(me->screen, row, place->at, place->width,
                   place->column == me->view.sort ? SCREEN_STRONG
                                                  : SCREEN_MARKED,
                   text);
    }
}

static void draw_row(const top *me, int row, const top_place *places, int count,
                     const top_row *what, bool is_selected)
{
    screen_style style = is_selected ? SCREEN_MARKED : SCREEN_PLAIN;
    char field[1536];
    char text[1600];

    if (is_selected) {
        screen_put(me->screen, row, 0, screen_columns(me->screen), style, "");
    }
    for (int i = 0; i < count; i++) {
        const top_place *place = &places[i];

        top_field(&me->view, what, place->column, screen_is_unicode(me->screen),
                  field, sizeof(field));
        (void)snprintf(text, sizeof(text), "%*s",
                       top_is_number(place->column) ? place->width : 0, field);
        screen_put(me->screen, row, place->at, place->width, style, text);
    }
}

static void draw_table(const top *me, int row)
{
    top_place places[TOP_COLUMNS];
    int columns = screen_columns(me->screen);
    int count = top_columns(&me->view, columns, places);
    size_t rows = top_rows_on_screen(me);

    draw_titles(me, row, places, count);
    for (size_t i = 0; i < rows; i++) {
        size_t at = me->view.first + i;

        if (at < me->view.count) {
            draw_row(me, row + 1 + (int)i, places, count, &me->view.rows[at],
                     at == me->view.selected);
        }
    }
    if (me->view.count == 0 && rows > 0) {
        screen_put(me->screen, row + 1, 0, columns, SCREEN_FAINT,
                   me->view.filter[0] != '\0' ? "nothing matches the filter"
                                              : "no processes");
    }
}

static void draw_bottom(const top *me)
{
    int row = screen_rows(me->screen) - 1;
    int columns = screen_columns(me->screen);
    char text[TOP_FILTER_BYTES + 64];

    if (me->is_editing) {
        (void)snprintf(text, sizeof(text), "/%s", me->view.filter);
        screen_put(me->screen, row, 0, columns, SCREEN_STRONG, text);
        screen_cursor(me->screen, row,
                      screen_width(me->screen, text, columns - 1));
        return;
    }
    if (me->view.filter[0] != '\0') {
        (void)snprintf(text, sizeof(text), "filter: %s  (Esc: all)",
                       me->view.filter);
        screen_put(me->screen, row, 0, columns, SCREEN_STRONG, text);
        return;
    }
    screen_put(me->screen, row, 0, columns, SCREEN_FAINT,
               "q quit  h help  s sort  / filter  g group  t tree  "
               "Enter details  p pause");
}

void top_draw(top *me)
{
    int row = 0;

    screen_begin(me->screen);
    if (is_too_small(me)) {
        screen_put(me->screen, 0, 0, screen_columns(me->screen), SCREEN_PLAIN,
                   "too small");
    } else if (me->mode != TOP_MODE_TABLE) {
        top_draw_text(me);
    } else {
        top_draw_header(me, &row);
        if (graph_rows(me) > 0) {
            top_draw_graphs(me, row, graph_rows(me));
            row += graph_rows(me);
        }
        draw_table(me, row);
        draw_bottom(me);
    }
    screen_show(me->screen);
}
