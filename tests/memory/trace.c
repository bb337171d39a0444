/* SPDX-License-Identifier: MIT
 *
 * Recordings of memory: what is written is read, and nothing else is.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memory_trace.h"

#define HEAD "weft-memory-trace 1\nH 1000 0 4096 1000\n"
#define M0 "M 0 500 - - - - - - - - - - - - -\n"
#define M1 "M 1000 500 - - - - - - - - - - - - -\n"

/* Reads a text that may have any bytes in it. */
static bool take(const char *text, size_t bytes, trace *read,
                 trace_error *error)
{
    FILE *file = tmpfile();
    bool done;

    REQUIRE(file != NULL);
    REQUIRE(fwrite(text, 1, bytes, file) == bytes);
    rewind(file);
    done = trace_read(file, read, error);
    (void)fclose(file);
    return done;
}

static void test_round(void)
{
    trace_machine machine = {0, 500, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
    trace_group group = {1, 2, 3};
    trace_row row = {0, 10, 5, TRACE_UNKNOWN, 7, 1000, 2, 1};
    FILE *file = tmpfile();
    trace read;
    trace_error error;

    check_case("what is written is read");
    REQUIRE(file != NULL);
    trace_write_head(file, &(trace_head){1000, 10, 4096, 1000});
    trace_write_machine(file, &machine);
    trace_write_group(file, &group);
    trace_write_process(file, 0, "a b\n\xff");
    trace_write_row(file, &row);
    machine.time_ms = 1000;
    trace_write_machine(file, &machine);
    rewind(file);
    REQUIRE(trace_read(file, &read, &error));
    (void)fclose(file);
    CHECK(read.head.total_kib == 1000 && read.head.interval_ms == 1000);
    REQUIRE(read.tick_count == 2);
    machine.time_ms = 0;
    CHECK(memcmp(&read.ticks[0].machine, &machine, sizeof(machine)) == 0);
    CHECK(read.ticks[0].has_group && read.ticks[0].group.refault_kib == 3);
    CHECK(!read.ticks[1].has_group && read.ticks[1].row_count == 0);
    REQUIRE(read.ticks[0].row_count == 1 && read.process_count == 1);
    CHECK(memcmp(&read.rows[0], &row, sizeof(row)) == 0);
    CHECK(strcmp(read.processes[0].name, "a_b??") == 0);
    trace_free(&read);
    CHECK(read.ticks == NULL);
}

static void test_refusals(void)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *why;
    } cases[] = {
        {"", 1, "not a recording"},
        {"weft-memory-trace 2\n", 1, "not a recording"},
        {"weft-memory-trace 1\n" M0, 2, "head is missing"},
        {"weft-memory-trace 1\nH 1000 0 4096\n", 2, "interval_ms is missing"},
        {"weft-memory-trace 1\nH 0 0 4096 1000\n", 2, "no machine"},
        {"weft-memory-trace 1\nH - 0 4096 1000\n", 2, "must be known"},
        {"weft-memory-trace 1\nH 1000 0 4096 1000 1\n", 2, "too much"},
        {HEAD "H 1000 0 4096 1000\n", 3, "second head"},
        {HEAD M0, 0, "fewer than two"},
        {HEAD M0 M0, 4, "does not grow"},
        {HEAD "M 0 - - - - - - - - - - - - - -\n", 3, "must be known"},
        {HEAD "M 0 500\n", 3, "cached_kib is missing"},
        {HEAD "M -1 500\n", 3, "not a number"},
        {HEAD "M 0x10 500\n", 3, "not a number"},
        {HEAD "M 9007199254740993 500\n", 3, "too large"},
        {HEAD "M 99999999999999999999999 500\n", 3, "not a number"},
        {HEAD "G 1 2 3\n", 3, "belongs to a tick"},
        {HEAD M0 "G 1 2 3\nG 1 2 3\n", 5, "belongs to a tick"},
        {HEAD "P 0 1 - - - - - -\n", 3, "belongs to a tick"},
        {HEAD M0 "P 0 1 - - - - - -\n", 4, "no process has this id"},
        {HEAD "N 1 a\n", 3, "counted from 0"},
        {HEAD "N 0\n", 3, "name is missing"},
        {HEAD "N 0 a b\n", 3, "too much"},
        {HEAD "N 0 a\n" M0 "P 0 - - - - - - -\n", 5, "must be known"},
        {HEAD "N 0 a\n" M0 "P 0 1 - - - - - -\nP 0 1 - - - - - -\n", 6,
         "not in order"},
        {HEAD "Q 1\n", 3, "no line of a recording"},
        {HEAD "MM 1\n", 3, "no line of a recording"},
        {HEAD M0 "M 1000 500", 4, "cut"},
    };

    check_case("what is wrong is refused, with its line");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        trace read;
        trace_error error;

        CHECK(!take(cases[i].text, strlen(cases[i].text), &read, &error));
        CHECK(error.line == cases[i].line);
        if (!CHECK(strstr(error.text, cases[i].why) != NULL)) {
            printf("# %zu: line %llu: %s\n", i, (unsigned long long)error.line,
                   error.text);
        }
        CHECK(read.ticks == NULL && read.rows == NULL);
    }
}

static void test_bytes(void)
{
    static const char good[] =
        HEAD "# a comment\n\nN 0 a\n" M0 "G 1 2 3\nP 0 1 - - - - - -\n" M1;
    char text[1024];
    trace read;
    trace_error error;

    check_case("a line that is too long, or has a 0 in it");
    memset(text, 'x', sizeof(text));
    (void)snprintf(text, sizeof(text), "%s#", HEAD);
    text[strlen(text)] = 'x';
    CHECK(!take(text, sizeof(text), &read, &error));
    CHECK(error.line == 3 && strstr(error.text, "longer") != NULL);
    CHECK(!take(HEAD "\0\n", strlen(HEAD) + 2, &read, &error));
    CHECK(error.line == 3 && strstr(error.text, "byte that is 0") != NULL);

    check_case("a recording that is cut anywhere is refused or shorter");
    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        CHECK(!take(good, i, &read, &error));
    }
    REQUIRE(take(good, sizeof(good) - 1, &read, &error));
    trace_free(&read);

    check_case("with any byte changed it is read or refused");
    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        for (unsigned byte = 0; byte < 256; byte += 5) {
            memcpy(text, good, sizeof(good));
            text[i] = (char)byte;
            if (take(text, sizeof(good) - 1, &read, &error)) {
                CHECK(read.tick_count >= 1);
                trace_free(&read);
            } else {
                CHECK(error.text[0] != '\0');
            }
        }
    }
}

void test_main(void)
{
    test_round();
    test_refusals();
    test_bytes();
}
