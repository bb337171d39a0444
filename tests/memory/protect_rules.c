/* SPDX-License-Identifier: MIT
 *
 * The text of rules: each mistake with its line, limits, and text that somebody
 * made to do harm.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/protect.h>

#include "check.h"
#include "memory/protect_rules.h"

/* As many random texts, each of some hundred bytes. */
#define TEXTS 20000

static weft_status open_text(const char *text, size_t bytes, uint32_t *line,
                             size_t *count)
{
    weft_memory_rules *rules = (weft_memory_rules *)1;
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status =
        weft_memory_rules_open(text, bytes, &rules, line, &detail);

    CHECK((status == WEFT_OK) == (rules != NULL));
    CHECK(status == WEFT_OK || detail.status == status);
    CHECK(status == WEFT_OK || detail.operation != NULL);
    *count = wefti_rules_count(rules);
    weft_memory_rules_close(&rules);
    CHECK(rules == NULL);
    return status;
}

/* -------------------------------------------------------------- mistakes ---
 */

static const struct {
    const char *text;
    uint32_t line;
    const char *fault;
} mistakes[] = {
    {"sometimes uid=1", 1, "neither 'never' nor 'avoid'"},
    {"never uid=1\navoid uid=2\nneveruid=1", 3, "neither 'never' nor 'avoid'"},
    {"Never uid=1", 1, "neither 'never' nor 'avoid'"},
    {"never", 1, "a condition is missing"},
    {"\n\nnever   # all", 3, "a condition is missing"},
    {"never *", 1, "not a condition: exe=, name=, group=, container= or uid="},
    {"never pid=1", 1,
     "not a condition: exe=, name=, group=, container= or uid="},
    {"never exe", 1,
     "not a condition: exe=, name=, group=, container= or uid="},
    {"never exe = /x", 1,
     "not a condition: exe=, name=, group=, container= or uid="},
    {"never exe:/x", 1,
     "not a condition: exe=, name=, group=, container= or uid="},
    {"never exe=a b", 1,
     "not a condition: exe=, name=, group=, container= or uid="},
    {"never exe=\"a b", 1, "a quote has no end"},
    {"never exe=\"", 1, "a quote has no end"},
    {"never exe=\"a\"b", 1, "a blank is missing behind a quote"},
    {"never exe=\"a\"#", 1, "a blank is missing behind a quote"},
    {"never exe=a\"b\"", 1, "a quote inside a value"},
    {"never uid=", 1, "uid= takes the number of a user"},
    {"never uid=root", 1, "uid= takes the number of a user"},
    {"never uid=-1", 1, "uid= takes the number of a user"},
    {"never uid=1#", 1, "uid= takes the number of a user"},
    {"never uid=4294967296", 1, "uid= takes the number of a user"},
    {"never uid=99999999999999999999999", 1, "uid= takes the number of a user"},
    {"never exe=/x\nnever exe=/\x01y", 2, "a control character"},
    {"never exe=/x\x7f", 1, "a control character"},
    {"never exe=/x\rnever uid=1", 1, "a control character"},
    {"# a comment \x1b[2J", 1, "a control character"},
};

static void test_mistakes(void)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        weft_memory_rules *rules = NULL;
        weft_detail detail = {WEFT_OK, 0, NULL};
        uint32_t line = 77;

        check_case(mistakes[i].fault);
        CHECK_STATUS(weft_memory_rules_open(mistakes[i].text,
                                            strlen(mistakes[i].text), &rules,
                                            &line, &detail),
                     WEFT_EINVAL);
        CHECK(rules == NULL && line == mistakes[i].line);
        CHECK(detail.operation != NULL &&
              strcmp(detail.operation, mistakes[i].fault) == 0);
    }
}

static void test_arguments(void)
{
    static const char zero[] = "never uid=1\0\nnever uid=2";
    weft_memory_rules *rules = NULL;
    uint32_t line = 5;
    size_t count;

    check_case("wrong use is refused, and closing nothing is allowed");
    CHECK_STATUS(weft_memory_rules_open("", 0, NULL, &line, NULL), WEFT_EINVAL);
    CHECK(line == 0);
    CHECK_STATUS(weft_memory_rules_open(NULL, 1, &rules, NULL, NULL),
                 WEFT_EINVAL);
    weft_memory_rules_close(NULL);
    weft_memory_rules_close(&rules);

    check_case("no text has no rules, and a text needs no end");
    CHECK_STATUS(open_text(NULL, 0, &line, &count), WEFT_OK);
    CHECK(count == 0);
    CHECK_STATUS(open_text("never uid=1never", 11, &line, &count), WEFT_OK);
    CHECK(count == 1);
    CHECK_STATUS(
        open_text(" never\texe=/a*\r\navoid uid=0\r\n", 29, &line, &count),
        WEFT_OK);
    CHECK(count == 2);

    check_case("a NUL is no end of a text");
    CHECK_STATUS(open_text(zero, sizeof(zero) - 1, &line, &count), WEFT_EINVAL);
    CHECK(line == 1);
}

/* --------------------------------------------------------------- limits --- */

static void test_limits(void)
{
    static const char rule[] = "never uid=1\n";
    static const char begin[] = "avoid exe=";
    const size_t length = sizeof(rule) - 1;
    char *text = malloc(WEFT_RULES_TEXT_MOST + 1);
    uint32_t line = 0;
    size_t count;

    REQUIRE(text != NULL);
    check_case("as many rules as are taken, and one more");
    for (size_t i = 0; i <= WEFT_RULES_MOST; i++) {
        memcpy(text + i * length, rule, length);
    }
    CHECK_STATUS(open_text(text, WEFT_RULES_MOST * length, &line, &count),
                 WEFT_OK);
    CHECK(count == WEFT_RULES_MOST);
    CHECK_STATUS(open_text(text, (WEFT_RULES_MOST + 1) * length, &line, &count),
                 WEFT_ELIMIT);
    CHECK(line == WEFT_RULES_MOST + 1);

    check_case("as long a line as is taken, and one byte more");
    memset(text, '*', WEFT_RULES_LINE_MOST + 1);
    memcpy(text, begin, sizeof(begin) - 1);
    CHECK_STATUS(open_text(text, WEFT_RULES_LINE_MOST, &line, &count), WEFT_OK);
    CHECK_STATUS(open_text(text, WEFT_RULES_LINE_MOST + 1, &line, &count),
                 WEFT_ELIMIT);
    CHECK(line == 1);

    check_case("as long a text as is taken, and one byte more");
    memset(text, '\n', WEFT_RULES_TEXT_MOST + 1);
    CHECK_STATUS(open_text(text, WEFT_RULES_TEXT_MOST, &line, &count), WEFT_OK);
    CHECK_STATUS(open_text(text, WEFT_RULES_TEXT_MOST + 1, &line, &count),
                 WEFT_ELIMIT);
    CHECK(line == 0);
    free(text);
}

/* -------------------------------------------------------------- patterns ---
 */

/* What a pattern means, said in the plainest way: takes for ever on long ones.
 */
static bool means(const char *pattern, const char *text)
{
    if (*pattern == '\0') {
        return *text == '\0';
    }
    if (*pattern == '*') {
        return means(pattern + 1, text) ||
               (*text != '\0' && means(pattern, text + 1));
    }
    return *text != '\0' && (*pattern == '?' || *pattern == *text) &&
           means(pattern + 1, text + 1);
}

static uint32_t random_state = 20221;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * UINT32_C(1664525) + UINT32_C(1013904223);
    return (uint32_t)((uint64_t)(random_state >> 8) * bound >> 24);
}

static void fill(char *text, size_t most, const char *letters)
{
    size_t length = random_below((uint32_t)most);

    for (size_t i = 0; i < length; i++) {
        text[i] = letters[random_below((uint32_t)strlen(letters))];
    }
    text[length] = '\0';
}

static void test_patterns(void)
{
    static char longest[WEFT_RULES_LINE_MOST];
    static char text[1024];
    char pattern[10];
    int matches = 0;

    check_case("a pattern matches what it means");
    for (int i = 0; i < 200000; i++) {
        fill(pattern, sizeof(pattern), "ab*?");
        fill(text, 12, "ab");
        CHECK(wefti_matches(pattern, text, false) == means(pattern, text));
        matches += wefti_matches(pattern, text, false);
    }
    CHECK(matches > 1000 && matches < 199000);

    check_case("a pattern made to take for ever does not");
    for (size_t i = 0; i + 2 < sizeof(longest); i += 2) {
        longest[i] = '*';
        longest[i + 1] = 'a';
    }
    longest[sizeof(longest) - 2] = 'b';
    memset(text, 'a', sizeof(text) - 1);
    CHECK(!wefti_matches(longest, text, false));
    memset(longest, '*', sizeof(longest) - 1);
    CHECK(wefti_matches(longest, text, false));
}

/* ------------------------------------------------------------- harmful --- */

/* Pieces that get further than bytes do. */
static const char *const pieces[] = {"never uid=0\n",
                                     "avoid exe=/a* ",
                                     "never name=\"a b\" ",
                                     "avoid group=x\r\n",
                                     "never container=? uid=1 # \n",
                                     "never ",
                                     "avoid ",
                                     "exe=",
                                     "name=",
                                     "group=",
                                     "container=",
                                     "uid=",
                                     "\"",
                                     "#",
                                     "\n",
                                     "\r\n",
                                     " ",
                                     "\t",
                                     "*",
                                     "?",
                                     "/opt",
                                     "0",
                                     "429496",
                                     "=",
                                     "\\",
                                     "\xff",
                                     "\x01",
                                     "\xc3\xa9"};

static size_t make_text(char *text, size_t room)
{
    size_t length = 0;
    size_t wanted = random_below((uint32_t)room - 40);

    while (length < wanted) {
        const char *piece =
            pieces[random_below(sizeof(pieces) / sizeof(pieces[0]))];

        length += (size_t)snprintf(text + length, room - length, "%s", piece);
        if (random_below(40) == 0) {
            text[length++] = (char)random_below(256);
        }
    }
    return length;
}

static uint32_t count_lines(const char *text, size_t bytes)
{
    uint32_t lines = 1;

    for (size_t i = 0; i < bytes; i++) {
        lines += text[i] == '\n';
    }
    return lines;
}

static void test_random(void)
{
    weft_memory_identity identity = {.size = sizeof(identity)};
    int taken = 0;

    check_case("whatever the text is, it is taken or refused with a line");
    for (int i = 0; i < TEXTS; i++) {
        char text[400];
        size_t bytes = make_text(text, i % 4 != 0 ? 80 : sizeof(text));
        /* Of its own length, so that a sanitizer sees who reads beyond. */
        char *copy = malloc(bytes + 1);
        weft_memory_rules *rules = NULL;
        uint32_t line = 0;
        weft_status status;

        REQUIRE(copy != NULL);
        memcpy(copy, text, bytes);
        status = weft_memory_rules_open(copy, bytes, &rules, &line, NULL);
        free(copy);
        CHECK(status == WEFT_OK || status == WEFT_EINVAL);
        CHECK((status == WEFT_OK) == (line == 0));
        CHECK(line <= count_lines(text, bytes));
        if (wefti_rules_count(rules) > 0) {
            const char *unknown;

            taken++;
            CHECK(wefti_rule_fit(rules, wefti_rules_at(rules, 0), &identity,
                                 &unknown) == WEFTI_FIT_UNSURE);
            CHECK(unknown != NULL);
        }
        weft_memory_rules_close(&rules);
    }
    CHECK(taken > 100);
}

void test_main(void)
{
    test_arguments();
    test_mistakes();
    test_limits();
    test_patterns();
    test_random();
}
