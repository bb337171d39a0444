/* SPDX-License-Identifier: MIT
 *
 * What this system offers, found out by trying it.
 */
#include <stdio.h>
#include <sys/event.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../posix/probe.h"
#include "word.h"

/* Makes an object, and sees whether what peers get of it can be written. */
static void probe_memory(weft_feature *feature)
{
    size_t bytes = weftos_get_facts()->page_bytes;
    weft_handle object;
    void *base;
    void *again;
    char why[64];
    char text[sizeof(feature->note)];
    weft_detail detail = {WEFT_OK, 0, NULL};

    if (weftos_shm_create(bytes, &object, &base, &detail) != WEFT_OK) {
        weftos_error_text(detail.os_code, why, sizeof(why));
        (void)snprintf(text, sizeof(text), "%.80s: %.60s", detail.operation,
                       why);
        weftos_probe_set(feature, WEFT_FEATURE_ABSENT, text);
        return;
    }
    again =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, (int)object, 0);
    if (again != MAP_FAILED) {
        (void)munmap(again, bytes);
        weftos_probe_set(feature, WEFT_FEATURE_ABSENT,
                         "what peers get can be written");
    } else {
        weftos_probe_set(feature, WEFT_FEATURE_USED, "");
    }
    weftos_shm_unmap(base, bytes);
    weftos_close(object);
}

static void probe_deaths(weft_feature *feature)
{
    weftos_process_id self;
    struct weftos_queue queue;
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status = weftos_process_mark(&self, NULL, &detail);

    if (status == WEFT_OK) {
        status = weftos_queue_open(&queue, &detail);
    }
    if (status == WEFT_OK) {
        status = weftos_process_watch(queue.fd, &self, 0, &detail);
        weftos_queue_close(&queue);
    }
    errno = detail.os_code;
    weftos_probe_judge(feature, status == WEFT_OK);
}

/* Whether each of two writes to a pipe that nobody reads is told. */
static bool hears_each(int hear, int ring)
{
    struct weftos_queue queue;
    struct kevent event;
    int heard = 0;

    if (weftos_queue_open(&queue, NULL) != WEFT_OK) {
        return false;
    }
    if (weftos_queue_change(queue.fd, (uintptr_t)hear, EVFILT_READ,
                            EV_ADD | EV_CLEAR, 0, 0) == 0) {
        for (int i = 0; i < 2; i++) {
            (void)!write(ring, "", 1);
            heard += weftos_queue_wait(queue.fd, &event, 1, WEFT_NOW) == 1;
        }
    }
    weftos_queue_close(&queue);
    return heard == 2;
}

static void probe_rings(weft_feature *feature)
{
    weft_handle mine;
    weft_handle theirs;

    if (weftos_bell_open(&mine, &theirs, NULL) != WEFT_OK) {
        weftos_probe_judge(feature, false);
        return;
    }
    if (hears_each((int)mine, (int)theirs)) {
        weftos_probe_set(feature, WEFT_FEATURE_USED, "");
    } else {
        weftos_probe_set(feature, WEFT_FEATURE_ABSENT,
                         "rings of an unread pipe are lost");
    }
    weftos_close(mine);
    weftos_close(theirs);
}

static void probe_words(weft_feature *feature)
{
    const struct weftos_way *way = weftos_word_way();

    if (way != NULL) {
        weftos_probe_set(feature, WEFT_FEATURE_USED, way->name);
    } else {
        weftos_probe_set(feature, WEFT_FEATURE_ABSENT,
                         "by kqueue and a file each: slower, one user only");
    }
}

static void probe_fence(weft_feature *feature)
{
    weftos_probe_set(feature, WEFT_FEATURE_ABSENT,
                     "macOS has none that reaches other processes");
}

static void probe_sends(weft_feature *feature)
{
    weftos_probe_set(feature, WEFT_FEATURE_ABSENT,
                     "whoever shares this end of a socket can make them wait");
}

static void probe_descriptors(weft_feature *feature)
{
    weftos_probe_descriptors(feature, 4);
}

static const struct weftos_probe probes[] = {
    {"kernel", "everything", weftos_probe_kernel},
    {"cpus", "waits spin briefly before they sleep", weftos_probe_cpus},
    {"page size", "each side of an idle channel holds one page",
     weftos_probe_page},
    {"read-only memory", "memory that only its owner can write", probe_memory},
    {"NOTE_EXIT", "the kernel tells of the peer's death", probe_deaths},
    {"kqueue edges on pipes", "doorbells that are never read", probe_rings},
    {"waits at addresses", "synchronisation objects", probe_words},
    {"remote fence", "a sender that streams leaves its fence to the sleeper",
     probe_fence},
    {"sends that never wait", "nobody can delay a message with handles",
     probe_sends},
    {"descriptors", "four for each end of a channel", probe_descriptors},
};

size_t weftos_features(weft_feature *found, size_t room)
{
    return weftos_probe_all(probes, sizeof(probes) / sizeof(probes[0]), found,
                            room);
}
