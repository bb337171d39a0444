/* SPDX-License-Identifier: MIT
 *
 * probe.h - what weftos_features is made of.
 */
#ifndef WEFTOS_PROBE_H
#define WEFTOS_PROBE_H

#include "posix.h"

/* One feature, and the function that tries it. */
struct weftos_probe {
    const char *name;
    const char *use;
    void (*probe)(weft_feature *feature);
};

/* Tries up to `room` of them; returns `count`. */
size_t weftos_probe_all(const struct weftos_probe *probes, size_t count,
                        weft_feature *found, size_t room);

void weftos_probe_set(weft_feature *feature, weft_feature_state state,
                      const char *note);

/* Used if `ok`; else absent, and errno says why. */
void weftos_probe_judge(weft_feature *feature, bool ok);

/* What is tried alike on every system. */
void weftos_probe_kernel(weft_feature *feature);
void weftos_probe_cpus(weft_feature *feature);
void weftos_probe_page(weft_feature *feature);
void weftos_probe_descriptors(weft_feature *feature, unsigned per_channel);

#endif
