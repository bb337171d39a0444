/* SPDX-License-Identifier: MIT
 *
 * watch.h - waits at shared words that the death of a process ends.
 *
 * A sleep in the kernel at a word hears of wakes and of its deadline, and not
 * of deaths. So this process has one thread that does: it listens for the end
 * of all processes that some wait here was ever to watch, and when one of them
 * dies it stirs the words of all the waits that are in progress. To end a wait
 * for no reason is allowed, and deaths are rare.
 *
 *      a wait                          the thread
 *      enter the wait in the list      be told of a death
 *      are all alive? else leave       strike the process off
 *      sleep while the word is V       stir the words of the list:
 *                                      set the top bit, and wake
 *
 * Both do the first two steps under one lock. If the wait comes first, the
 * thread finds it in the list and changes the word: the sleep ends, or does
 * not begin. If it comes second, it finds the process struck off, and asks
 * the kernel, which knows that it is dead.
 *
 * A process is looked up in the kernel once, and then known while it lives:
 * a wait costs no system call more than the sleep. The thread is started when
 * there is somebody to listen for, and ends when there is nobody left; until
 * then each of them costs what the system takes for it, such as a descriptor.
 * A forked child has none of its parent's, and makes its own.
 */
#ifndef WEFTOS_WATCH_H
#define WEFTOS_WATCH_H

#include "../os.h"

/* A wait in progress; it lies on the waiting thread's stack. */
struct weftos_watch {
    _Atomic uint32_t *word;
    struct registry *registry;
    struct weftos_watch *next;
    struct weftos_watch **link; /* what points to this one */
};

/*
 * Begins a wait: from here on the word is stirred when one of the site's
 * processes dies. `exact`: also asks the kernel about those that are known.
 * WEFT_EPEERDIED: one is dead. WEFT_ENOTSUP: deaths can't be told here. Else
 * as weftos_word_wait.
 */
weft_status weftos_watch_begin(struct weftos_watch *watch,
                               _Atomic uint32_t *word, const weftos_site *site,
                               bool exact, weft_detail *detail);
void weftos_watch_end(struct weftos_watch *watch);

/* Whether a site names any process. */
bool weftos_watch_is_needed(const weftos_site *site);

/* -------------------------------------------- what each system does itself */

/* Opens something that is told of deaths. */
weft_status weftos_deaths_open(weft_handle *deaths, weft_detail *detail);

/*
 * Begins to listen for the end of a process; `*handle` is what that takes, or
 * WEFTOS_NONE. WEFT_ENOENT: it is dead, or another one has its number now.
 * WEFT_ENOTSUP: there is no way to be told.
 */
weft_status weftos_deaths_add(weft_handle deaths, const weftos_process_id *who,
                              weft_handle *handle, weft_detail *detail);

/* Ends that. The process may be dead by now. */
void weftos_deaths_remove(weft_handle deaths, const weftos_process_id *who,
                          weft_handle handle);

/* Whether a process that is listened for is dead: asks the kernel. */
bool weftos_deaths_has(const weftos_process_id *who, weft_handle handle);

/* Waits until one dies; gives its number, or 0 for no reason. */
uint32_t weftos_deaths_next(weft_handle deaths);

/* In a forked child: closes what it has inherited of one. */
void weftos_deaths_forget(weft_handle deaths);

/* Sets the top bit of a shared word, and ends all waits at it. */
void weftos_word_stir(_Atomic uint32_t *word);

#endif
