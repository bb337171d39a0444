/* SPDX-License-Identifier: MIT
 *
 * The latest temperature, for whoever wants it. "thermometer set" sets what it
 * reads, a number a line; "thermometer" prints each one that it is in time for,
 * until the first one ends. Both may be started again at any time.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <weft/weft.h>

/* The value: no pointers, each process has a copy. */
struct reading {
    double degrees;
    uint64_t taken_ns;
};

static weft_status set_readings(weft_state *state)
{
    struct reading reading;
    weft_status status = WEFT_OK;

    while (status == WEFT_OK && scanf("%lf", &reading.degrees) == 1) {
        reading.taken_ns = weft_now_ns();
        status = weft_state_set(state, &reading, sizeof(reading));
    }
    return status;
}

static weft_status print_readings(weft_state *state)
{
    uint64_t version = 0;
    weft_status status = WEFT_OK;

    while (status == WEFT_OK) {
        struct reading reading;
        size_t bytes = sizeof(reading);

        status = weft_state_wait(state, version, WEFT_FOREVER);
        if (status == WEFT_OK) {
            status = weft_state_get(state, &reading, &bytes, &version);
        }
        if (status == WEFT_OK) {
            printf("%" PRIu64 ": %g\n", version, reading.degrees);
            fflush(stdout);
        } else if (status == WEFT_EAGAIN) {
            status = WEFT_OK; /* overtaken: the next one is there already */
        }
    }
    return status == WEFT_ECLOSED ? WEFT_OK : status;
}

int main(int argc, char **argv)
{
    weft_state_options options = WEFT_STATE_OPTIONS_INIT;
    bool sets = argc > 1 && strcmp(argv[1], "set") == 0;
    weft_state *state;
    weft_detail detail;
    weft_status status;
    char text[200];

    options.flags = sets ? WEFT_STATE_WRITE : 0;
    if (weft_state_open("thermometer", sizeof(struct reading), &options, &state,
                        &detail) != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        fprintf(stderr, "thermometer: %s\n", text);
        return 1;
    }
    status = sets ? set_readings(state) : print_readings(state);
    weft_state_close(&state);
    if (status != WEFT_OK) {
        fprintf(stderr, "thermometer: %s\n", weft_status_text(status));
    }
    return status != WEFT_OK;
}
