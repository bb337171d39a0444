/* SPDX-License-Identifier: MIT
 *
 * POSIX threads as far as the tests use them; pthread.h says why.
 */
#include <errno.h>
#include <process.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <windows.h>

_Static_assert(sizeof(SRWLOCK) == sizeof(pthread_mutex_t),
               "a mutex has room for the lock");
_Static_assert(sizeof(CONDITION_VARIABLE) == sizeof(pthread_cond_t),
               "a condition has room for the system's");

struct start {
    void *(*run)(void *context);
    void *context;
};

static unsigned __stdcall run_thread(void *memory)
{
    struct start start = *(struct start *)memory;

    free(memory);
    (void)start.run(start.context);
    return 0;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                   void *(*run)(void *context), void *context)
{
    struct start *start = malloc(sizeof(*start));

    (void)attributes;
    if (start == NULL) {
        return ENOMEM;
    }
    start->run = run;
    start->context = context;
    *thread = (pthread_t)_beginthreadex(NULL, 0, run_thread, start, 0, NULL);
    if (*thread == 0) {
        free(start);
        return EAGAIN;
    }
    return 0;
}

int pthread_join(pthread_t thread, void **result)
{
    (void)result;
    if (WaitForSingleObject((HANDLE)thread, INFINITE) != WAIT_OBJECT_0 ||
        !CloseHandle((HANDLE)thread)) {
        return EINVAL;
    }
    return 0;
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    AcquireSRWLockExclusive((SRWLOCK *)mutex);
    return 0;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    ReleaseSRWLockExclusive((SRWLOCK *)mutex);
    return 0;
}

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    return SleepConditionVariableSRW((CONDITION_VARIABLE *)condition,
                                     (SRWLOCK *)mutex, INFINITE, 0)
               ? 0
               : EINVAL;
}

int pthread_cond_broadcast(pthread_cond_t *condition)
{
    WakeAllConditionVariable((CONDITION_VARIABLE *)condition);
    return 0;
}

int sched_yield(void)
{
    (void)SwitchToThread();
    return 0;
}
