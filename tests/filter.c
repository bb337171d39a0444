/* SPDX-License-Identifier: MIT
 *
 * What the tests of weft serve let it run:
 *
 *   filter          answers a line with how many it has read and the line, or
 *                   does what the line asks for; says "over" at the end
 *   filter echo     answers a line, or what ends with a NUL byte, with itself
 *   filter banner   writes a line that nobody has asked for
 *   filter words    answers any line with its further arguments, one a line,
 *                   which takes --null
 *   filter gate     says "at LINE" on standard error, waits at a gate, which is
 *                   a semaphore, and answers the line
 *   filter open N   opens that gate N times
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/sync.h>

#include "filter.h"

#define LINE_MOST 256

/* The next line, without its newline; false at the end. */
static bool read_line(char line[LINE_MOST])
{
    if (fgets(line, LINE_MOST, stdin) == NULL) {
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    return true;
}

static void count_lines(void)
{
    char line[LINE_MOST];

    for (unsigned count = 1; read_line(line); count++) {
        if (strcmp(line, "die") == 0) {
            exit(3);
        } else if (strcmp(line, "kill") == 0) {
            filter_die();
        } else if (strcmp(line, "hang") == 0) {
            filter_hang();
        } else if (strcmp(line, "deaf") == 0) {
            (void)fclose(stdin);
            puts(line);
            (void)fflush(stdout);
            filter_hang();
        } else if (strcmp(line, "twice") == 0) {
            (void)fwrite("one\ntwo\n", 1, 8, stdout);
        } else {
            printf("%u: %s\n", count, line);
        }
        (void)fflush(stdout);
    }
    fputs("over\n", stderr);
}

static void echo(void)
{
    int byte;

    while ((byte = getchar()) != EOF) {
        (void)putchar(byte);
        if (byte == '\n' || byte == '\0') {
            (void)fflush(stdout);
        }
    }
}

static void say_words(char **words)
{
    int byte;

    while ((byte = getchar()) != EOF) {
        for (char **word = words; byte == '\0' && *word != NULL; word++) {
            printf("%s\n", *word);
        }
        if (byte == '\0') {
            (void)putchar('\0');
            (void)fflush(stdout);
        }
    }
}

/* It is there as long as somebody has it open. */
static weft_sync *open_gate(void)
{
    weft_sync *gate = NULL;

    if (weft_sync_open("gate", WEFT_SYNC_SEMAPHORE, NULL, &gate, NULL) !=
        WEFT_OK) {
        exit(4);
    }
    return gate;
}

static void wait_at_gate(void)
{
    weft_sync *gate = open_gate();
    char line[LINE_MOST];

    while (read_line(line)) {
        fprintf(stderr, "at %s\n", line);
        if (weft_semaphore_wait(weft_sync_semaphore(gate)) != WEFT_OK) {
            exit(5);
        }
        puts(line);
        (void)fflush(stdout);
    }
    weft_sync_close(&gate);
}

static void let_through(const char *times)
{
    weft_sync *gate = open_gate();

    if (weft_semaphore_post(weft_sync_semaphore(gate),
                            (uint32_t)strtoul(times, NULL, 10)) != WEFT_OK) {
        exit(6);
    }
    weft_sync_close(&gate);
}

int main(int argc, char **argv)
{
    static char buffer[64 * 1024];
    const char *what = argc > 1 ? argv[1] : "";

    filter_begin();
    /* What is written between two flushes goes out at once. */
    (void)setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
    if (strcmp(what, "echo") == 0) {
        echo();
    } else if (strcmp(what, "banner") == 0) {
        puts(what);
        (void)fflush(stdout);
        echo();
    } else if (strcmp(what, "words") == 0) {
        say_words(argv + 2);
    } else if (strcmp(what, "gate") == 0) {
        wait_at_gate();
    } else if (strcmp(what, "open") == 0 && argc > 2) {
        let_through(argv[2]);
    } else {
        count_lines();
    }
    return 0;
}
