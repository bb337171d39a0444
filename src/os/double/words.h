/* SPDX-License-Identifier: MIT
 *
 * words.h - the calls that wait at words, which the back end finds by their
 * names with dlsym() only.
 */
#ifndef DOUBLE_WORDS_H
#define DOUBLE_WORDS_H

#include <os/clock.h>
#include <stddef.h>
#include <stdint.h>

int double_ulock_wait(uint32_t operation, void *address, uint64_t value,
                      uint32_t timeout_us);
int double_ulock_wait2(uint32_t operation, void *address, uint64_t value,
                       uint64_t timeout, uint64_t value2);
int double_ulock_wake(uint32_t operation, void *address, uint64_t value);

int double_os_sync_wait(void *address, uint64_t value, size_t bytes,
                        uint32_t flags);
int double_os_sync_wait_with_timeout(void *address, uint64_t value,
                                     size_t bytes, uint32_t flags,
                                     os_clockid_t clock, uint64_t timeout_ns);
int double_os_sync_wait_with_deadline(void *address, uint64_t value,
                                      size_t bytes, uint32_t flags,
                                      os_clockid_t clock, uint64_t deadline);
int double_os_sync_wake_any(void *address, size_t bytes, uint32_t flags);
int double_os_sync_wake_all(void *address, size_t bytes, uint32_t flags);

/* The address of one of these by macOS's name, or NULL if this one lacks it. */
void *double_find_word_call(const char *name);

#endif
