/* SPDX-License-Identifier: MIT
 *
 * Files as a program's standard streams. Output and error in one file share
 * one place in it, so that neither overwrites the other.
 */
#include "run_streams.h"
#include "sys.h"

static bool open_file(run_streams *streams, unsigned number, const char *path)
{
    char text[128];
    int code = sys_stream_open(path, number != 0, &streams->files[number]);

    if (code != 0) {
        streams->files[number] = WEFT_HANDLE_NONE;
        tool_error("cannot open '%s': %s", path,
                   sys_error_text(code, text, sizeof(text)));
    }
    return code == 0;
}

/* Neither output is emptied if one of them is the input. */
static bool is_input(const run_streams *streams, unsigned number,
                     const char *path)
{
    weft_handle file = streams->files[number];

    if (file == WEFT_HANDLE_NONE || streams->files[0] == WEFT_HANDLE_NONE ||
        !sys_stream_is_same(file, streams->files[0])) {
        return false;
    }
    tool_error("cannot write to '%s': the input is read from there", path);
    return true;
}

static bool empty_file(const run_streams *streams, unsigned number,
                       const char *path)
{
    weft_handle file = streams->files[number];
    int code = file != WEFT_HANDLE_NONE ? sys_stream_empty(file) : 0;
    char text[128];

    if (code != 0) {
        tool_error("cannot empty '%s': %s", path,
                   sys_error_text(code, text, sizeof(text)));
    }
    return code == 0;
}

static bool open_all(run_streams *streams, const char *const *paths)
{
    for (unsigned i = 0; i < 3; i++) {
        if (paths[i] != NULL && !open_file(streams, i, paths[i])) {
            return false;
        }
    }
    return !is_input(streams, 1, paths[1]) && !is_input(streams, 2, paths[2]) &&
           empty_file(streams, 1, paths[1]) && empty_file(streams, 2, paths[2]);
}

bool run_streams_open(run_streams *streams, const run_values *values,
                      weft_process_spec *spec)
{
    weft_status status = WEFT_OK;

    for (unsigned i = 0; i < 3; i++) {
        streams->files[i] = WEFT_HANDLE_NONE;
    }
    if (!open_all(streams, values->streams)) {
        return false;
    }
    for (unsigned i = 0; i < 3 && status == WEFT_OK; i++) {
        weft_handle file = streams->files[i];

        if (i == 2 && file != WEFT_HANDLE_NONE &&
            streams->files[1] != WEFT_HANDLE_NONE &&
            sys_stream_is_same(file, streams->files[1])) {
            file = streams->files[1];
        }
        if (file != WEFT_HANDLE_NONE) {
            status =
                weft_process_spec_stream(spec, i, WEFT_STREAM_HANDLE, file);
        }
    }
    if (status != WEFT_OK) {
        tool_error("cannot set up the run: %s", weft_status_text(status));
    }
    return status == WEFT_OK;
}

void run_streams_close(run_streams *streams)
{
    for (unsigned i = 0; i < 3; i++) {
        if (streams->files[i] != WEFT_HANDLE_NONE) {
            (void)sys_file_close(streams->files[i]);
            streams->files[i] = WEFT_HANDLE_NONE;
        }
    }
}
