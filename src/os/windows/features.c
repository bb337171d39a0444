/* SPDX-License-Identifier: MIT
 *
 * What this system offers, found out by trying it.
 */
#include "win.h"

#include <stdio.h>
#include <string.h>

#include "socket.h"

static void set(weft_feature *feature, weft_feature_state state,
                const char *note)
{
    feature->state = state;
    (void)snprintf(feature->note, sizeof(feature->note), "%s", note);
}

/* Used if `ok`; else absent, and the last error says why. */
static void judge(weft_feature *feature, bool ok)
{
    char text[sizeof(feature->note)];

    if (ok) {
        set(feature, WEFT_FEATURE_USED, "");
        return;
    }
    weftos_error_text((int)GetLastError(), text, sizeof(text));
    set(feature, WEFT_FEATURE_ABSENT, text);
}

static void probe_kernel(weft_feature *feature)
{
    char version[32];
    char wine[32];
    char text[sizeof(feature->note)];

    if (!weftos_find_version(version, sizeof(version), wine, sizeof(wine))) {
        set(feature, WEFT_FEATURE_USED, "Windows");
        return;
    }
    (void)snprintf(text, sizeof(text), "Windows %s%s", version, wine);
    set(feature, WEFT_FEATURE_USED, text);
}

static void probe_cpus(weft_feature *feature)
{
    const weftos_facts *facts = weftos_get_facts();
    char text[sizeof(feature->note)];

    (void)snprintf(text, sizeof(text), "%u%s, a pause takes about %u ns",
                   facts->cpus, facts->cpus < 2 ? ": waits never spin" : "",
                   1000 / facts->pauses_per_us);
    set(feature, facts->cpus < 2 ? WEFT_FEATURE_ABSENT : WEFT_FEATURE_USED,
        text);
}

static void probe_page(weft_feature *feature)
{
    char text[sizeof(feature->note)];

    (void)snprintf(text, sizeof(text), "%zu bytes",
                   weftos_get_facts()->page_bytes);
    set(feature, WEFT_FEATURE_USED, text);
}

/* Makes an object, and sees whether its handle can be written through. */
static void probe_sections(weft_feature *feature)
{
    size_t bytes = weftos_get_facts()->page_bytes;
    HANDLE self = GetCurrentProcess();
    HANDLE more = NULL;
    weft_handle object;
    void *base;
    void *again;

    if (weftos_shm_create(bytes, &object, &base, NULL) != WEFT_OK) {
        judge(feature, false);
        return;
    }
    again = MapViewOfFile(weftos_native(object), FILE_MAP_WRITE, 0, 0, bytes);
    if (again != NULL || DuplicateHandle(self, weftos_native(object), self,
                                         &more, SECTION_MAP_WRITE, FALSE, 0)) {
        set(feature, WEFT_FEATURE_ABSENT, "a read-only handle can be written");
    } else {
        set(feature, WEFT_FEATURE_USED, "");
    }
    if (again != NULL) {
        (void)UnmapViewOfFile(again);
    }
    weftos_close_native(more);
    weftos_shm_unmap(base, bytes);
    weftos_close(object);
}

static void probe_pipes(weft_feature *feature)
{
    weft_handle ends[2];
    weft_detail detail = {WEFT_OK, 0, NULL};

    if (weftos_socket_pair(ends, &detail) != WEFT_OK) {
        SetLastError((DWORD)detail.os_code);
        judge(feature, false);
        return;
    }
    weftos_close(ends[0]);
    (void)CloseHandle(weftos_native(ends[1]));
    set(feature, WEFT_FEATURE_USED, "");
}

static void probe_timer(weft_feature *feature)
{
    HANDLE timer = CreateWaitableTimerExW(NULL, NULL, WEFTOS_FINE_TIMER,
                                          TIMER_MODIFY_STATE | SYNCHRONIZE);

    judge(feature, timer != NULL);
    weftos_close_native(timer);
}

static void probe_wait_on_address(weft_feature *feature)
{
    bool found =
        weftos_find_function(L"kernelbase.dll", "WaitOnAddress") != NULL;

    set(feature, found ? WEFT_FEATURE_USED : WEFT_FEATURE_ABSENT,
        found ? "" : "Windows 8 and later have it");
}

static void probe_fence(weft_feature *feature)
{
    set(feature, WEFT_FEATURE_ABSENT,
        "FlushProcessWriteBuffers reaches this process alone");
}

static const struct {
    const char *name;
    const char *use;
    void (*probe)(weft_feature *feature);
} features[] = {
    {"kernel", "everything", probe_kernel},
    {"cpus", "waits spin briefly before they sleep", probe_cpus},
    {"page size", "each side of an idle channel holds one page", probe_page},
    {"read-only sections", "memory that only its owner can write",
     probe_sections},
    {"named pipes", "names, greetings and handles", probe_pipes},
    {"fine timers", "deadlines within a tick of the clock", probe_timer},
    {"WaitOnAddress", "threads of one process wait for each other",
     probe_wait_on_address},
    {"remote fences", "a sender that streams leaves its fence to the sleeper",
     probe_fence},
};

size_t weftos_features(weft_feature *found, size_t room)
{
    const size_t count = sizeof(features) / sizeof(features[0]);

    for (size_t i = 0; i < count && i < room; i++) {
        memset(&found[i], 0, sizeof(found[i]));
        found[i].name = features[i].name;
        found[i].use = features[i].use;
        features[i].probe(&found[i]);
    }
    return count;
}
