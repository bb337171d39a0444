/* SPDX-License-Identifier: MIT
 *
 * The status line of weft run. It is drawn four times a second at most, by the
 * clock of the display alone: nothing that the program does waits for it.
 */
#include <inttypes.h>
#include <string.h>

#include "progress.h"
#include "run_status.h"
#include "running.h"

#define REDRAW_NS UINT64_C(250000000)

/* What is read of the program's output at a time. */
#define PIECE_BYTES ((size_t)16 * 1024)

/* Pieces until the other things have their turn, if it writes and writes. */
#define PIECES_MOST 16

bool run_status_wanted(const run_values *values)
{
    return values->status && values->json == NULL && sys_stderr_is_terminal();
}

bool run_status_begin(run_status *line, const run_values *values,
                      weft_process_spec *spec)
{
    /* The output of a program with a channel goes to standard error. */
    bool is_terminal[3] = {false, values->channel || sys_stdout_is_terminal(),
                           true};
    weft_status status = WEFT_OK;
    char text[128];
    int code;

    *line = (run_status){.values = values,
                         .to_read = WEFT_HANDLE_NONE,
                         .to_write = WEFT_HANDLE_NONE,
                         .began_ns = weft_now_ns(),
                         .next_ns = weft_after_ns(REDRAW_NS)};
    is_terminal[1] = is_terminal[1] && values->streams[1] == NULL;
    is_terminal[2] = values->streams[2] == NULL;
    if (!is_terminal[1] && !is_terminal[2]) {
        return true;
    }
    code = sys_relay_open(&line->to_read, &line->to_write);
    if (code != 0) {
        tool_error("cannot show a status: %s",
                   sys_error_text(code, text, sizeof(text)));
        return false;
    }
    for (unsigned i = 1; i <= 2 && status == WEFT_OK; i++) {
        if (is_terminal[i]) {
            status = weft_process_spec_stream(spec, i, WEFT_STREAM_HANDLE,
                                              line->to_write);
        }
    }
    if (status != WEFT_OK) {
        tool_error("cannot show a status: %s", weft_status_text(status));
        run_status_end(line);
    }
    return status == WEFT_OK;
}

void run_status_started(run_status *line)
{
    if (line->to_write != WEFT_HANDLE_NONE) {
        (void)sys_file_close(line->to_write);
        line->to_write = WEFT_HANDLE_NONE;
    }
}

/* --------------------------------------------------------------- drawing ---
 */

void run_status_hide(run_status *line)
{
    if (line->is_drawn) {
        progress_show("");
        line->is_drawn = false;
    }
}

static void show(run_status *line)
{
    if (!line->is_amid_line && line->text[0] != '\0') {
        progress_show(line->text);
        line->is_drawn = true;
    }
}

/* "cpu 1.2 s/2 s", with the limit if there is one. */
static void add_figure(run_status *line, const char *label, weft_fence fence,
                       uint64_t value)
{
    const run_limit *limit = &line->values->limits[fence];
    size_t used = strlen(line->text);
    char text[32];
    char most[32] = "";

    if (strcmp(weft_fence_unit(fence), "ns") == 0) {
        (void)snprintf(text, sizeof(text), "%.1f s", (double)value / 1e9);
    } else {
        running_value_text(fence, value, text, sizeof(text));
    }
    if (limit->is_given) {
        running_value_text(fence, limit->hard, most, sizeof(most));
    }
    (void)snprintf(line->text + used, sizeof(line->text) - used, "%s%s %s%s%s",
                   used > 0 ? "  " : "", label, text,
                   limit->is_given ? "/" : "", most);
}

static void draw(run_status *line, weft_process *process)
{
    weft_usage usage = {.size = sizeof(usage)};

    if (weft_process_usage(process, &usage) != WEFT_OK) {
        return; /* it ends: the next look tells */
    }
    line->text[0] = '\0';
    add_figure(line, "wall", WEFT_FENCE_WALL, weft_now_ns() - line->began_ns);
    if ((usage.valid & WEFT_USAGE_CPU) != 0) {
        add_figure(line, "cpu", WEFT_FENCE_CPU, usage.cpu_ns);
    }
    if ((usage.valid & WEFT_USAGE_MEMORY) != 0) {
        add_figure(line, "memory", WEFT_FENCE_MEMORY, usage.memory_bytes);
    }
    if ((usage.valid & WEFT_USAGE_PROCESSES) != 0) {
        add_figure(line, "processes", WEFT_FENCE_PROCESSES, usage.processes);
    }
    if ((usage.valid & WEFT_USAGE_OUTPUT) != 0) {
        add_figure(line, "output", WEFT_FENCE_OUTPUT, usage.output_bytes);
    }
    show(line);
}

/* ---------------------------------------------------------------- output ---
 */

static void close_pipe(run_status *line)
{
    (void)sys_file_close(line->to_read);
    line->to_read = WEFT_HANDLE_NONE;
}

/* Writes what there is; false: there is no more now, or ever. */
static bool pass_on_piece(run_status *line)
{
    char piece[PIECE_BYTES];
    size_t bytes = 0;
    bool at_end = false;
    int code = 0;

    if (line->to_read != WEFT_HANDLE_NONE) {
        code = sys_relay_read(line->to_read, piece, sizeof(piece), &bytes,
                              &at_end);
        if (code != 0 || at_end) {
            close_pipe(line);
        }
    }
    if (code != 0 || bytes == 0) {
        return false;
    }
    run_status_hide(line);
    (void)fwrite(piece, 1, bytes, stderr);
    (void)fflush(stderr);
    line->is_amid_line = piece[bytes - 1] != '\n';
    return true;
}

uint64_t run_status_prepare(run_status *line, weft_process *process,
                            sys_waits *waits)
{
    bool has_written = false;

    for (int i = 0; i < PIECES_MOST && pass_on_piece(line); i++) {
        has_written = true;
    }
    if (line->to_read != WEFT_HANDLE_NONE) {
        waits->handles[waits->count++] = line->to_read;
    }
    if (weft_now_ns() >= line->next_ns) {
        line->next_ns = weft_after_ns(REDRAW_NS);
        draw(line, process);
    } else if (has_written) {
        show(line);
    }
    return line->next_ns;
}

void run_status_end(run_status *line)
{
    run_status_started(line);
    while (pass_on_piece(line)) {
        /* All of the tree has ended, so this comes to an end. */
    }
    if (line->to_read != WEFT_HANDLE_NONE) {
        close_pipe(line);
    }
    run_status_hide(line);
}
