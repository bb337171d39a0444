/* SPDX-License-Identifier: MIT
 *
 * A log line reaches the callback whole, clean and cut to its limit.
 */
#include "base/log.h"

#include <string.h>

#include "check.h"

typedef struct heard {
    int lines;
    weft_log_level level;
    char line[2 * WEFTI_LOG_BYTES];
} heard;

static void hear(void *context, weft_log_level level, const char *line)
{
    heard *out = context;

    out->lines++;
    out->level = level;
    strncpy(out->line, line, sizeof(out->line) - 1);
}

void test_main(void)
{
    heard got = {0};
    char longer[WEFTI_LOG_BYTES + 100];

    check_case("without a callback nothing happens");
    wefti_log(WEFT_LOG_ERROR, "nobody hears %d", 1);
    CHECK(got.lines == 0);

    check_case("the callback gets level and line");
    weft_log_set(hear, &got);
    wefti_log(WEFT_LOG_WARNING, "%s %zu", "peer", (size_t)7);
    CHECK(got.lines == 1 && got.level == WEFT_LOG_WARNING);
    CHECK(strcmp(got.line, "peer 7") == 0);

    check_case("control characters are not passed on");
    wefti_log(WEFT_LOG_INFO, "a\x1b[31mb\nc\x7f");
    CHECK(strcmp(got.line, "a?[31mb?c?") == 0);

    check_case("text beyond ASCII is passed on");
    wefti_log(WEFT_LOG_INFO, "\xc3\xa9");
    CHECK(strcmp(got.line, "\xc3\xa9") == 0);

    check_case("a line that is too long is cut");
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    wefti_log(WEFT_LOG_INFO, "%s", longer);
    CHECK(strlen(got.line) == WEFTI_LOG_BYTES - 1);

    check_case("the callback can be taken back");
    weft_log_set(NULL, NULL);
    wefti_log(WEFT_LOG_INFO, "unheard");
    CHECK(got.lines == 4);
}
