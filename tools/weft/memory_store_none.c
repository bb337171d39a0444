/* SPDX-License-Identifier: MIT
 *
 * The daemon's history in a build without SQLite: there is none.
 */
#include "memory_store.h"

static bool refuse(history_problem *problem)
{
    (void)snprintf(problem->text, sizeof(problem->text),
                   "this build of weft was built without SQLite");
    return false;
}

history_state memory_store_open(const char *path, history_use use,
                                memory_store **out, history_problem *problem)
{
    (void)path;
    (void)use;
    *out = NULL;
    (void)refuse(problem);
    return HISTORY_FAILED;
}

void memory_store_close(memory_store **me)
{
    *me = NULL;
}

bool memory_store_add(memory_store *me, const memory_event *event,
                      history_problem *problem)
{
    (void)me;
    (void)event;
    return refuse(problem);
}

bool memory_store_save(memory_store *me, const memory_app *app,
                       history_problem *problem)
{
    (void)me;
    (void)app;
    return refuse(problem);
}

bool memory_store_load(memory_store *me, const char *exe, memory_app *app,
                       history_problem *problem)
{
    (void)me;
    (void)exe;
    (void)app;
    return refuse(problem);
}

bool memory_store_prune(memory_store *me, uint64_t before_unix_ns,
                        uint64_t most_bytes, history_problem *problem)
{
    (void)me;
    (void)before_unix_ns;
    (void)most_bytes;
    return refuse(problem);
}

bool memory_store_each(memory_store *me, uint64_t most,
                       memory_store_visit *visit, void *context,
                       history_problem *problem)
{
    (void)me;
    (void)most;
    (void)visit;
    (void)context;
    return refuse(problem);
}

bool memory_store_gains(memory_store *me, memory_store_visit_gain *visit,
                        void *context, history_problem *problem)
{
    (void)me;
    (void)visit;
    (void)context;
    return refuse(problem);
}
