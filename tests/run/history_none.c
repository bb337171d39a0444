/* SPDX-License-Identifier: MIT
 *
 * The history of a build without SQLite: each call says that there is none, and
 * leaves nothing that was not set.
 */
#include <string.h>

#include "check.h"
#include "history.h"

static bool says_why(const history_problem *problem)
{
    return strstr(problem->text, "built without SQLite") != NULL;
}

static bool visit(void *context, const history_run *run)
{
    (void)context;
    (void)run;
    return true;
}

static void visit_label(void *context, const char *label)
{
    (void)context;
    (void)label;
}

void test_main(void)
{
    static const history_entry entry;
    static const history_filter filter;
    weft_enforcement rows[WEFT_FENCE_COUNT];
    history_problem problem = {""};
    history *file = (history *)(void *)&problem;
    uint64_t removed = 1;
    size_t count = 1;

    check_case("a build without SQLite has no history, and says so");
    CHECK(!history_is_built(&problem) && says_why(&problem));
    problem.text[0] = '\0';
    CHECK(history_open("x", HISTORY_ADD, &file, &problem) == HISTORY_FAILED);
    CHECK(file == NULL && says_why(&problem));
    history_close(&file);
    problem.text[0] = '\0';
    CHECK(!history_add(file, &entry, &problem) && says_why(&problem));
    problem.text[0] = '\0';
    CHECK(!history_each(file, &filter, visit, NULL, &problem));
    CHECK(says_why(&problem));
    CHECK(!history_rows(file, 1, rows, &count, &problem) && count == 0);
    CHECK(!history_labels(file, 1, visit_label, NULL, &problem));
    CHECK(!history_prune(file, 0, 0, &removed, &problem) && removed == 0);
}
