/* SPDX-License-Identifier: MIT
 *
 * pthread.h - the little of POSIX threads that the tests use, for Windows.
 *
 * The library that compilers there bring for it opens events at moments of its
 * own, and keeps them: a test could not tell them from a leak.
 */
#ifndef WEFT_TESTS_WINDOWS_PTHREAD_H
#define WEFT_TESTS_WINDOWS_PTHREAD_H

#include <stdint.h>

typedef intptr_t pthread_t;
typedef void pthread_attr_t;

/* `attributes` and `result` are NULL. 0 or an errno value. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                   void *(*run)(void *context), void *context);
int pthread_join(pthread_t thread, void **result);

/* All zero is an open one. */
typedef struct pthread_mutex_t {
    void *lock;
} pthread_mutex_t;
#define PTHREAD_MUTEX_INITIALIZER                                              \
    {                                                                          \
        0                                                                      \
    }
int pthread_mutex_lock(pthread_mutex_t *mutex);
int pthread_mutex_unlock(pthread_mutex_t *mutex);

/* All zero is one that nobody waits for. */
typedef struct pthread_cond_t {
    void *condition;
} pthread_cond_t;
#define PTHREAD_COND_INITIALIZER                                               \
    {                                                                          \
        0                                                                      \
    }
int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int pthread_cond_broadcast(pthread_cond_t *condition);

#endif
