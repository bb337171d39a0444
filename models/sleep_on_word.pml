/* SPDX-License-Identifier: MIT
 *
 * sleep_on_word.pml - why a consumer never sleeps on a word in the ring.
 *
 * A futex on the in-band length word looks natural: sleep while it is 0. But
 * the bytes of a ring are used again. A lossy reader may be lapped between
 * its check and its sleep; the word then belongs to another record's payload,
 * which may be 0 (ABA), and no commit will ever wake that address. Memory
 * is in order here: even that does not help. Must fail; with POSITION the
 * reader sleeps for a position in a word of its own, and it holds.
 */
byte word;           /* at offset 0: a header in lap 1, payload in lap 2 */
byte committed;      /* the position before which all is committed */
bit parked, asleep;

#ifdef POSITION
#define MUST_WAKE asleep
#define MAY_SLEEP (committed == 0)
#else
#define MUST_WAKE false
#define MAY_SLEEP (word == 0)
#endif

active proctype producer()
{
    word = 1;
    committed = 1;
    if
    :: parked -> asleep = 0 /* wakes who sleeps at offset 0 */
    :: else
    fi;
    /* The next lap: a record whose header is elsewhere covers offset 0. */
    word = 0;
    committed = 2;
    if
    :: parked && MUST_WAKE -> asleep = 0
    :: else
    fi
}

active proctype reader()
{
    word == 0;
    parked = 1;
    if
    :: atomic { MAY_SLEEP -> asleep = 1 }; !asleep
    :: else
    fi;
    parked = 0
}
