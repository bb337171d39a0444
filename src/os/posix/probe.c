/* SPDX-License-Identifier: MIT
 *
 * Features that are tried alike on Linux and macOS.
 */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE
#include "probe.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

size_t weftos_probe_all(const struct weftos_probe *probes, size_t count,
                        weft_feature *found, size_t room)
{
    for (size_t i = 0; i < count && i < room; i++) {
        memset(&found[i], 0, sizeof(found[i]));
        found[i].name = probes[i].name;
        found[i].use = probes[i].use;
        probes[i].probe(&found[i]);
    }
    return count;
}

void weftos_probe_set(weft_feature *feature, weft_feature_state state,
                      const char *note)
{
    feature->state = state;
    (void)snprintf(feature->note, sizeof(feature->note), "%s", note);
}

void weftos_probe_judge(weft_feature *feature, bool ok)
{
    char text[sizeof(feature->note)];

    if (ok) {
        weftos_probe_set(feature, WEFT_FEATURE_USED, "");
        return;
    }
    weftos_error_text(errno, text, sizeof(text));
    weftos_probe_set(feature, WEFT_FEATURE_ABSENT, text);
}

void weftos_probe_kernel(weft_feature *feature)
{
    struct utsname name;
    char text[sizeof(feature->note)];

    if (uname(&name) < 0) {
        weftos_probe_judge(feature, false);
        return;
    }
    (void)snprintf(text, sizeof(text), "%.60s %.60s, %.20s", name.sysname,
                   name.release, name.machine);
    weftos_probe_set(feature, WEFT_FEATURE_USED, text);
}

void weftos_probe_cpus(weft_feature *feature)
{
    const weftos_facts *facts = weftos_get_facts();
    char text[sizeof(feature->note)];

    (void)snprintf(text, sizeof(text), "%u%s, a pause takes about %u ns",
                   facts->cpus, facts->cpus < 2 ? ": waits never spin" : "",
                   1000 / facts->pauses_per_us);
    weftos_probe_set(feature,
                     facts->cpus < 2 ? WEFT_FEATURE_ABSENT : WEFT_FEATURE_USED,
                     text);
}

void weftos_probe_page(weft_feature *feature)
{
    char text[sizeof(feature->note)];

    (void)snprintf(text, sizeof(text), "%zu bytes",
                   weftos_get_facts()->page_bytes);
    weftos_probe_set(feature, WEFT_FEATURE_USED, text);
}

void weftos_probe_descriptors(weft_feature *feature, unsigned per_channel)
{
    struct rlimit limit;
    char text[sizeof(feature->note)];

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        weftos_probe_judge(feature, false);
        return;
    }
    (void)snprintf(text, sizeof(text), "%llu: about %llu channels",
                   (unsigned long long)limit.rlim_cur,
                   (unsigned long long)limit.rlim_cur / per_channel);
    weftos_probe_set(feature, WEFT_FEATURE_USED, text);
}
