/* SPDX-License-Identifier: MIT
 *
 * ring.h - the two ends of one direction: a producer (tx) that owns the ring
 * and a consumer (rx) that can only read it. layout.h has the bytes, park.h
 * the waiting.
 *
 * Positions count bytes since the stream began; they never wrap and go on
 * over a change of ring. The offset of a position in a ring of R bytes is
 * position mod R.
 *
 * Growth. A stream begins in the home's ring. When that is full, or goes round
 * fast, or a message does not fit, the producer makes a larger segment, sends
 * its handle over the control socket, commits a RESEAT record in the old ring,
 * and goes on in the new one. The consumer meets that record in its turn, takes
 * the handle, which must be there by now, and follows. Nothing waits for
 * anything: the old segment goes when the consumer unmaps it.
 */
#ifndef WEFTI_RING_H
#define WEFTI_RING_H

#include <string.h>

#include "park.h"

/* What limits a direction; set once, by the handshake. */
struct wefti_limits {
    uint64_t ring_bytes;        /* where the stream soon begins */
    uint64_t ring_max_bytes;    /* how far the ring may grow */
    uint64_t message_max_bytes; /* larger ones are refused */
};

/* ------------------------------------------------------------- producer --- */

struct wefti_tx {
    /* The hot part: what each send of a stream touches. */
    unsigned char *ring;
    uint64_t mask;    /* ring bytes - 1 */
    uint64_t written; /* the position after the last record */
    /*
     * A record that ends here at most needs no more thought: the end of the
     * known room or of this lap, or 0 while anything is out of the ordinary.
     */
    uint64_t stop;
    uint64_t unrung; /* the first position not yet tested for a sleeper;
                      * written, unless a wrap marker was the last */
    /*
     * What may take the short way: payloads of so many bytes, copied by a few
     * moves or by a call. See also stop.
     */
    uint64_t small_most;
    uint64_t large_most;
    const struct wefti_home *peer;
    bool fenced;     /* WEFTI_FENCE_PLAIN: a fence after each commit */
    bool ended;      /* shut down */
    uint16_t streak; /* commits since the peer last slept */
    weft_status failed;
    uint64_t messages;
    uint64_t bytes;

    uint64_t reserved; /* payload bytes of the open reservation */
    bool is_reserved;
    bool drops;         /* WEFT_FULL_DROP */
    bool starts_larger; /* the first send moves to limits.ring_bytes */
    unsigned fruitless; /* looks with WEFT_NOW for room, in a row */
    unsigned stale;     /* sends since the peer should have woken */

    struct wefti_line *line;
    struct wefti_site site;
    struct wefti_limits limits;
    unsigned char *home_ring;
    uint64_t home_bytes; /* of the home's ring */
    uint64_t limit;      /* written may go so far before the cursor is read */
    uint64_t cursor;     /* the peer's, as last checked */
    uint64_t base;       /* where the stream entered this ring */
    uint64_t
        turn_begin;    /* wraps and reseats that follow each other: here ... */
    uint64_t turn_end; /* ... to here; see wefti_tx_note_turn */
    uint64_t ring_bytes;
    uint64_t full_at_ns;  /* when the ring was last full */
    uint64_t round_at_ns; /* when its room was last used up */
    unsigned signs;       /* in a row, that it is too small */
    uint64_t full;
    uint64_t wakes;
    uint64_t dropped;
    uint64_t reseats;
};

void wefti_tx_init(struct wefti_tx *tx, struct wefti_line *line,
                   uint64_t home_bytes, const struct wefti_limits *limits,
                   bool drops);
/* `forked`: in a child, which has no mappings of ours to end. */
void wefti_tx_deinit(struct wefti_tx *tx, bool forked);

/* These are the public calls of channel.h, for a channel that is ready. */
weft_status wefti_tx_send(struct wefti_tx *tx, const weft_message *message,
                          uint64_t deadline_ns);
/*
 * The same for one that may stop half-way, after `*sent` bytes, and go on with
 * the next call; nothing else may be sent between the two.
 */
weft_status wefti_tx_send_on(struct wefti_tx *tx, const weft_message *message,
                             uint64_t *sent, uint64_t deadline_ns);
weft_status wefti_tx_reserve(struct wefti_tx *tx, size_t bytes, void **space,
                             uint64_t deadline_ns);
weft_status wefti_tx_commit(struct wefti_tx *tx, size_t bytes);
weft_status wefti_tx_flush(struct wefti_tx *tx, uint64_t deadline_ns);
weft_status wefti_tx_trim(struct wefti_tx *tx, uint64_t deadline_ns);
void wefti_tx_cancel(struct wefti_tx *tx);
void wefti_tx_end(struct wefti_tx *tx);
weft_status wefti_tx_expose(struct wefti_tx *tx, weft_handle *handle);
void wefti_tx_stats(const struct wefti_tx *tx, weft_flow_stats *stats);

/* ------------------------------------------------------------- consumer --- */

struct wefti_rx {
    /* The hot part. */
    const unsigned char *ring;
    uint64_t mask;
    uint64_t read;      /* the position of the next record */
    uint64_t published; /* our cursor as the peer sees it */
    uint64_t peeked;    /* bytes to skip on release */
    /*
     * Records that end here at most may be taken the short way: the end of this
     * lap of the ring, or 0 while anything is out of the ordinary.
     */
    uint64_t short_end;
    uint64_t publish_at; /* publish when read has come so far; see rx.h */
    uint64_t batch; /* of bytes, in a stream, before the cursor is published */
    uint64_t record_max; /* of this ring */
    bool fenced;         /* a fence after each publishing of the cursor */
    bool is_peeked;
    weft_status failed;
    uint64_t messages;
    uint64_t bytes;
    uint64_t messages_when_empty; /* when the ring was last found empty */

    struct wefti_line *line;
    const struct wefti_home *peer;
    struct wefti_home *own;
    struct wefti_site site;
    struct wefti_limits limits;
    const unsigned char *home_ring;
    uint64_t home_bytes;
    uint64_t ring_bytes;
    uint32_t linger_us;  /* how long a streaming reader lets a batch build */
    unsigned empties;    /* empty-handed looks with WEFT_NOW, in a row */
    weft_handle segment; /* of a ring that could not be mapped yet */
    uint64_t waited_at;  /* the position of the last wait */
    unsigned turns;      /* wraps and reseats in a row ... */
    uint64_t turned_at;  /* ... after so many messages */
    uint64_t reseats;
    uint64_t wakes;

    /* A message in pieces, of which `have` bytes of `total` are here. */
    bool assembling;
    bool carries; /* handles will come with the last piece */
    uint64_t total;
    uint64_t have;
    unsigned char *stash;
    uint64_t stash_bytes;
};

void wefti_rx_init(struct wefti_rx *rx, struct wefti_line *line,
                   uint64_t home_bytes, const struct wefti_limits *limits);
void wefti_rx_deinit(struct wefti_rx *rx, bool forked);

/* `handles`: the message may carry some, and the caller takes them. */
weft_status wefti_rx_receive(struct wefti_rx *rx, weft_message *message,
                             bool handles, uint64_t deadline_ns);
weft_status wefti_rx_receive_plain(struct wefti_rx *rx, void *room,
                                   uint64_t room_bytes, size_t *bytes,
                                   uint64_t deadline_ns);
weft_status wefti_rx_peek(struct wefti_rx *rx, const void **data, size_t *bytes,
                          uint64_t deadline_ns);
void wefti_rx_release(struct wefti_rx *rx);
/* Says that nothing more will be read. */
void wefti_rx_leave(struct wefti_rx *rx);
weft_status wefti_rx_expose(struct wefti_rx *rx, weft_handle *handle);
void wefti_rx_stats(const struct wefti_rx *rx, weft_flow_stats *stats);

/* -------------------------------------------------------------- copying --- */

/* Up to this size a few vector moves beat a call of memcpy: measured. */
#define WEFTI_COPY_SMALL 256

/*
 * In order, 16 bytes at a time: in steps of 32 from both ends it was no faster
 * in a stream, and 15 per cent slower in a ping-pong. The last step overlaps
 * the one before where the size is no multiple.
 */
static inline void wefti_copy_small(unsigned char *to,
                                    const unsigned char *from, uint64_t bytes)
{
    bool overlaps = bytes > 16;

    for (; bytes >= 64; bytes -= 64, to += 64, from += 64) {
        memcpy(to, from, 16);
        memcpy(to + 16, from + 16, 16);
        memcpy(to + 32, from + 32, 16);
        memcpy(to + 48, from + 48, 16);
    }
    for (; bytes >= 16; bytes -= 16, to += 16, from += 16) {
        memcpy(to, from, 16);
    }
    if (bytes == 0) {
        return;
    }
    if (overlaps) {
        memcpy(to + bytes - 16, from + bytes - 16, 16);
    } else if (bytes >= 8) {
        memcpy(to, from, 8);
        memcpy(to + bytes - 8, from + bytes - 8, 8);
    } else {
        for (; bytes > 0; bytes--) {
            *to++ = *from++;
        }
    }
}

static inline void wefti_copy(void *to, const void *from, uint64_t bytes)
{
    if (bytes <= WEFTI_COPY_SMALL) {
        wefti_copy_small(to, from, bytes);
    } else {
        memcpy(to, from, bytes);
    }
}

/* -------------------------------------------------------------- testing --- */

/*
 * Marks a step of the protocol. Test builds count the steps of a process and
 * can stop it dead at any one of them; other builds have nothing here.
 */
#ifdef WEFT_TEST_HOOKS
void wefti_step(const char *name);
#else
static inline void wefti_step(const char *name)
{
    (void)name;
}
#endif

#endif
