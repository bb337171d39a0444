/* SPDX-License-Identifier: MIT
 *
 * The history of a build without SQLite: there is none.
 */
#include "history.h"

static bool refuse(history_problem *problem)
{
    (void)snprintf(problem->text, sizeof(problem->text),
                   "this build of weft has no history of runs: it was built "
                   "without SQLite");
    return false;
}

bool history_is_built(history_problem *problem)
{
    return refuse(problem);
}

history_state history_open(const char *path, history_use use, history **out,
                           history_problem *problem)
{
    (void)path;
    (void)use;
    *out = NULL;
    (void)refuse(problem);
    return HISTORY_FAILED;
}

void history_close(history **me)
{
    *me = NULL;
}

bool history_add(history *me, const history_entry *entry,
                 history_problem *problem)
{
    (void)me;
    (void)entry;
    return refuse(problem);
}

bool history_each(history *me, const history_filter *filter,
                  history_visit *visit, void *context, history_problem *problem)
{
    (void)me;
    (void)filter;
    (void)visit;
    (void)context;
    return refuse(problem);
}

bool history_rows(history *me, int64_t id, weft_enforcement *rows,
                  size_t *count, history_problem *problem)
{
    (void)me;
    (void)id;
    (void)rows;
    *count = 0;
    return refuse(problem);
}

bool history_labels(history *me, int64_t id, history_visit_label *visit,
                    void *context, history_problem *problem)
{
    (void)me;
    (void)id;
    (void)visit;
    (void)context;
    return refuse(problem);
}

bool history_prune(history *me, uint64_t before_unix_ns, uint64_t keep,
                   uint64_t *removed, history_problem *problem)
{
    (void)me;
    (void)before_unix_ns;
    (void)keep;
    *removed = 0;
    return refuse(problem);
}
