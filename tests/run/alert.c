/* SPDX-License-Identifier: MIT
 *
 * The text of an alert: what is taken, what is refused and why, and that no
 * text whatever does harm. The pace of the looks: early enough, and few.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert.h"
#include "check.h"

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)
#define MUTATIONS 200000

/* --------------------------------------------------------------- texts --- */

static void check_good(const char *text, alert_what what, uint64_t percent,
                       uint64_t least, const char *command)
{
    alert parsed;
    const char *why = alert_parse(text, &parsed);

    if (!CHECK(why == NULL)) {
        printf("# '%s' %s\n", text, why != NULL ? why : "");
        return;
    }
    CHECK(parsed.what == what);
    CHECK(parsed.percent == percent);
    CHECK(parsed.least == least);
    CHECK(strcmp(parsed.command, command) == 0);
    CHECK(strncmp(parsed.condition, text, strlen(parsed.condition)) == 0);
    CHECK(text[strlen(parsed.condition)] == ':');
}

static void check_bad(const char *text, const char *reason)
{
    alert parsed;
    const char *why = alert_parse(text, &parsed);

    if (!CHECK(why != NULL && strstr(why, reason) != NULL)) {
        printf("# '%s' %s\n", text, why != NULL ? why : "is taken");
    }
}

static void check_texts(void)
{
    static const struct {
        const char *text;
        const char *reason;
    } bad[] = {
        {"", "has no ':'"},
        {"mem", "has no ':'"},
        {"mem>80%", "has no ':'"},
        {":", "has no '>'"},
        {"mem:", "has no '>'"},
        {"mem:a>b", "has no '>'"},
        {">80%:x", "is about none of"},
        {" mem>80%:x", "is about none of"},
        {"memo>80%:x", "is about none of"},
        {"me>80%:x", "is about none of"},
        {"MEM>80%:x", "is about none of"},
        {"mem>:x", "has no value"},
        {"mem>%:x", "no whole number"},
        {"mem>-1%:x", "no whole number"},
        {"mem>+1%:x", "no whole number"},
        {"mem>1.5%:x", "no whole number"},
        {"mem>1%%:x", "no whole number"},
        {"mem>0%:x", "percentage of 0"},
        {"mem>000%:x", "percentage of 0"},
        {"mem>101%:x", "above 100"},
        {"mem>18446744073709551716%:x", "above 100"}, /* 100 and 2^64 */
        {"mem>99999999999999999999999%:x", "above 100"},
        {"mem>80% :x", "neither a size nor"},
        {"mem>=80:x", "neither a size nor"},
        {"mem>>80:x", "neither a size nor"},
        {"mem>K:x", "neither a size nor"},
        {"mem>5s:x", "neither a size nor"},
        {"mem>18446744073709551616:x", "too large"},
        {"mem>18446744073709551615:x", "too large"}, /* none is above it */
        {"mem>17179869184G:x", "too large"},
        {"mem>0:x", "too small"},
        {"cpu>1:x", "neither a duration nor"},
        {"cpu>1d:x", "neither a duration nor"},
        {"cpu>0ms:x", "too small"},
        {"wall>99999999999999999999h:x", "too large"},
        {"wall>5124096h:x", "too large"},
        {"idle>1.s:x", "neither a duration nor"},
        {"procs>1K:x", "neither a number nor"},
        {"output>1.5K:x", "neither a size nor"},
        {"mem>1:", "no command"},
        {"mem>1: \t\n", "no command"},
        {"mem>111111111111111111111111111111111111111111111111111111111111:x",
         "too long"},
    };

    check_case("what is meant is understood");
    check_good("mem>80%:x", ALERT_MEM, 80, 0, "x");
    check_good("mem>100%:x", ALERT_MEM, 100, 0, "x");
    check_good("mem>500M:a:b>c", ALERT_MEM, 0, (500u << 20) + 1, "a:b>c");
    check_good("cpu>1.5s: x", ALERT_CPU, 0, 1500 * MS + 1, " x");
    check_good("wall>5s:x", ALERT_WALL, 0, 5 * SECOND + 1, "x");
    check_good("procs>10:x", ALERT_PROCS, 0, 11, "x");
    check_good("output>1K:x", ALERT_OUTPUT, 0, 1025, "x");
    check_good("idle>1ns:x", ALERT_IDLE, 0, 2, "x");
    check_case("what is wrong is named");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        check_bad(bad[i].text, bad[i].reason);
    }
}

/* Texts that are near to good ones, in memory of their very size. */
static void check_mutations(void)
{
    static const char *const seeds[] = {"mem>80%:x",   "cpu>1.5s:echo",
                                        "wall>5m:x y", "procs>12:x",
                                        "output>3G:x", "idle>250ms:x"};
    static const char letters[] = ">>::%%0199.KMGsmhnu-+ \xff\x01memcpuwal";
    uint64_t state = 88172645463325252u;
    size_t taken = 0;

    check_case("no text does harm");
    for (int i = 0; i < MUTATIONS; i++) {
        const char *seed = seeds[i % 6];
        size_t length = strlen(seed);
        char *text = malloc(length + 1);
        alert parsed;

        if (text == NULL) {
            CHECK_NOT_HERE("memory is used up");
            return;
        }
        (void)snprintf(text, length + 1, "%s", seed);
        for (int change = 0; change < 2; change++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text[state % length] = letters[state >> 32 & 31];
        }
        if (alert_parse(text, &parsed) == NULL) {
            taken++;
            REQUIRE(parsed.what < ALERT_WHATS);
            REQUIRE(parsed.percent <= 100);
            REQUIRE((parsed.percent == 0) == (parsed.least > 1));
            REQUIRE(parsed.command > text && *parsed.command != '\0');
            REQUIRE(parsed.command[-1] == ':');
        }
        free(text);
    }
    CHECK(taken > 0 && taken < MUTATIONS);
}

/* -------------------------------------------------------------- limits --- */

static uint64_t resolved(const char *text, uint64_t limit)
{
    alert parsed;

    REQUIRE(alert_parse(text, &parsed) == NULL);
    return alert_resolve(&parsed, limit) == NULL ? parsed.least : 0;
}

static void check_limits(void)
{
    check_case("a share is of the limit, rounded up");
    CHECK(resolved("mem>80%:x", 1000) == 800);
    CHECK(resolved("procs>1%:x", 3) == 1);
    CHECK(resolved("procs>50%:x", 3) == 2);
    CHECK(resolved("mem>100%:x", UINT64_MAX) == UINT64_MAX);
    CHECK(resolved("mem>99%:x", UINT64_MAX) > UINT64_MAX / 100 * 98);
    CHECK(resolved("mem>80%:x", 0) == 0);
    check_case("a value must be below the limit, if there is one");
    CHECK(resolved("mem>999:x", 1000) == 1000);
    CHECK(resolved("mem>1000:x", 1000) == 0);
    CHECK(resolved("mem>1000:x", 0) == 1001);
}

/* ---------------------------------------------------------------- pace --- */

/*
 * Looks at a value that grows by so much a second, until the alert fires.
 * Returns the number of looks; `*late_ns` is how late the last one was.
 */
static unsigned watch(const char *text, double second, uint64_t *late_ns)
{
    alert parsed;
    alert_pace pace = {.cpus = 2};
    unsigned looks = 0;

    REQUIRE(alert_parse(text, &parsed) == NULL);
    while (pace.value < parsed.least && looks < 1000000) {
        uint64_t pause = alert_pause_ns(&parsed, &pace);

        REQUIRE(pause > 0);
        pace.wall_ns += pause;
        pace.step_ns = pause;
        pace.before = pace.value;
        pace.value = (uint64_t)((double)pace.wall_ns / 1e9 * second);
        looks++;
    }
    *late_ns = pace.wall_ns - (uint64_t)((double)parsed.least / second * 1e9);
    return looks;
}

static void check_pace(void)
{
    uint64_t late_ns;
    unsigned looks;

    check_case("the wall clock is met with one look");
    CHECK(watch("wall>1h:x", 1e9, &late_ns) == 1 && late_ns < 1000);

    check_case("CPU time is met closely by few looks, however long it takes");
    looks = watch("cpu>1h:x", 2e9, &late_ns);
    CHECK(looks < 60 && late_ns <= 5 * MS);
    looks = watch("cpu>1h:x", 1e9, &late_ns);
    CHECK(looks < 60 && late_ns <= 5 * MS);
    looks = watch("cpu>100ms:x", 0.7e9, &late_ns);
    CHECK(looks < 60 && late_ns <= 5 * MS);

    check_case("memory is met within its blind time");
    CHECK(watch("mem>8G:x", 4.0 * (1 << 30), &late_ns) < 60);
    CHECK(late_ns <= ALERT_MOST_NS);
    CHECK(watch("mem>1G:x", 1 << 20, &late_ns) < 1300);
    CHECK(late_ns <= ALERT_LEAST_NS + MS);
}

static void check_rest(void)
{
    static const char *const texts[] = {"mem>1M:x", "procs>9:x", "output>9:x",
                                        "cpu>1ms:x"};

    check_case("what does not move is looked at ever more rarely");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        alert parsed;
        alert_pace pace = {.cpus = 2, .step_ns = SECOND};
        unsigned looks = 0;

        REQUIRE(alert_parse(texts[i], &parsed) == NULL);
        pace.value = pace.before = parsed.least - 1;
        while (pace.wall_ns < 60 * SECOND) {
            uint64_t pause = alert_pause_ns(&parsed, &pace);

            REQUIRE(pause >= ALERT_LEAST_NS && pause <= ALERT_MOST_NS);
            pace.wall_ns += pause;
            looks++;
        }
        CHECK(looks < 400);
    }
    check_case("silence is looked for four times in its length");
    {
        alert parsed;
        alert_pace pace = {.value = 0};

        REQUIRE(alert_parse("idle>4s:x", &parsed) == NULL);
        CHECK(alert_pause_ns(&parsed, &pace) == SECOND);
        pace.value = 4 * SECOND - 300 * MS;
        CHECK(alert_pause_ns(&parsed, &pace) == 300 * MS + 1);
    }
}

void test_main(void)
{
    check_texts();
    check_mutations();
    check_limits();
    check_pace();
    check_rest();
}
