/* SPDX-License-Identifier: MIT
 *
 * verdict.h - what taking memory back has done, concluded from samples that
 * were taken before and after it: arithmetic alone.
 */
#ifndef WEFTI_VERDICT_H
#define WEFTI_VERDICT_H

#include <weft/reclaim.h>

/* Which members of a sample are known. */
#define WEFTI_SAMPLE_AVAILABLE 1u
#define WEFTI_SAMPLE_STALL 2u
#define WEFTI_SAMPLE_PACKS 4u
#define WEFTI_SAMPLE_SWAP 8u
#define WEFTI_SAMPLE_TARGET 16u
#define WEFTI_SAMPLE_AWAY 32u
#define WEFTI_SAMPLE_REFAULTS 64u
/* In place of TARGET: it is not known what of it is a copy of a file. */
#define WEFTI_SAMPLE_WHOLE 128u
#define WEFTI_SAMPLE_FAULTS 256u

/* What is known of the machine and of the target at one time. */
struct wefti_sample {
    uint64_t at_ns;
    uint32_t valid;
    uint64_t available_bytes;
    uint64_t stall_ns;    /* for which some program waited, since the start */
    uint64_t packs_bytes; /* memory that compressed pages take */
    uint64_t swap_bytes;  /* what lies on disks */
    /* In memory of the target, and what of that is no copy of a file. */
    uint64_t resident_bytes;
    uint64_t anonymous_bytes;
    uint64_t away_bytes; /* of the target in swap, at its size before */
    /* What came back to the target since some time, as the system counts. */
    uint64_t refault_anonymous_bytes;
    uint64_t refault_file_bytes;
    uint64_t fault_bytes; /* of all its page faults, of new pages too */
};

/* For so long samples are taken after the action before it is judged. */
#define WEFTI_SETTLE_NS UINT64_C(1000000000)

/* The most samples of each kind. */
#define WEFTI_SAMPLES_BEFORE 16
#define WEFTI_SAMPLES_AFTER 24

struct wefti_evidence {
    /* By rising times; the last one stands right before the action. */
    struct wefti_sample before[WEFTI_SAMPLES_BEFORE];
    size_t before_count;
    /* The first one stands right after it; later ones follow what is kept. */
    struct wefti_sample after[WEFTI_SAMPLES_AFTER];
    size_t after_count;
    uint64_t began_ns; /* the action */
    uint64_t ended_ns;
    uint64_t cpu_ns;
    bool has_cpu;
    /* The system's figures may lag behind by so much: see <weft/reclaim.h>. */
    uint64_t lag_bytes;
    /* What others say to have given, where there is no target to look at. */
    bool has_given;
    uint64_t given_bytes;
};

/* `verdict->size` is set, and stays. */
void wefti_verdict_judge(const struct wefti_evidence *evidence,
                         weft_verdict *verdict);

#endif
