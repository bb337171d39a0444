/* SPDX-License-Identifier: MIT
 *
 * The progress line. It uses no escape sequences, only carriage returns and
 * blanks, so every terminal can show it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "progress.h"
#include "sys.h"
#include "tool.h"

#define FIRST_NS UINT64_C(1000000000)
#define REDRAW_NS UINT64_C(100000000)
#define LINE_BYTES 256

/* How much the newest interval counts in the smoothed rate. */
#define SMOOTHING 0.2

/* The cells of the bar. */
#define BAR_CELLS 20

void progress_begin(progress *bar, bool quiet, uint64_t total_bytes)
{
    uint64_t now = weft_now_ns();

    *bar = (progress){.on = !quiet && sys_stderr_is_terminal(),
                      .total_bytes = total_bytes,
                      .drawn_ns = now,
                      .next_ns = now + FIRST_NS};
}

/* The bar, the percentage and the time left. */
static void format_share(const progress *bar, uint64_t bytes, char *text,
                         size_t room)
{
    /* A file may grow while it is read. */
    uint64_t done = bytes < bar->total_bytes ? bytes : bar->total_bytes;
    double share = (double)done / (double)bar->total_bytes;
    int cells = (int)(share * BAR_CELLS);
    uint64_t left_s = 0;

    if (bar->rate >= 1) {
        left_s = (uint64_t)((double)(bar->total_bytes - done) / bar->rate);
    }
    snprintf(text, room, "  [%.*s%*s] %3d %%  %" PRIu64 ":%02u left", cells,
             "####################", BAR_CELLS - cells, "", (int)(share * 100),
             left_s / 60, (unsigned)(left_s % 60));
}

void progress_show(const char *text)
{
    int width = (int)sys_terminal_columns() - 1;

    fprintf(stderr, "\r%-*.*s\r%.*s", width, width, text, width, text);
    fflush(stderr);
}

static void draw(progress *bar, uint64_t bytes)
{
    char amount[32];
    char rate[32];
    char share[96] = "";
    char line[LINE_BYTES];

    tool_format_bytes((double)bytes, amount, sizeof(amount));
    tool_format_bytes(bar->rate, rate, sizeof(rate));
    if (bar->total_bytes > 0) {
        format_share(bar, bytes, share, sizeof(share));
    }
    snprintf(line, sizeof(line), "%10s  %10s/s%s", amount, rate, share);
    progress_show(line);
    bar->drawn = true;
}

void progress_look(progress *bar, uint64_t bytes)
{
    uint64_t now;
    double recent;

    bar->looked_at_bytes = bytes;
    now = bar->on ? weft_now_ns() : 0;
    if (now < bar->next_ns) {
        return;
    }
    recent = (double)(bytes - bar->drawn_bytes) * 1e9 /
             (double)(now - bar->drawn_ns);
    bar->rate =
        bar->drawn ? bar->rate + SMOOTHING * (recent - bar->rate) : recent;
    bar->drawn_bytes = bytes;
    bar->drawn_ns = now;
    bar->next_ns = now + REDRAW_NS;
    draw(bar, bytes);
}

void progress_end(progress *bar)
{
    if (bar->drawn) {
        progress_show("");
        bar->drawn = false;
    }
    bar->on = false;
}
