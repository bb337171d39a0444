/* SPDX-License-Identifier: MIT
 *
 * lobby.pml - where threads of several processes wait for a synchronisation
 * object, and what becomes of that when they are killed. mutex.pml,
 * condition.pml and semaphore.pml include this file.
 *
 * It follows src/ipc/sync_lobby.c access by access. Every store there is an
 * atomic read-modify-write, or is sequentially consistent and before a system
 * call, so memory is in order here. Each `atomic` is one access to a shared
 * word, with what the process does next on its own. The members are read in
 * one step: who enters the list advances `turn`, and all tickets are old.
 *
 * A process is one thread, and the first KILLS of them may be killed (they are
 * all alike) between any two accesses. Then they do nothing more, but while
 * they are dying a wake may still be spent on them; after that the kernel takes
 * them out of their sleep, and tells of their death.
 *
 * To sleep is what src/os/os.h promises, made as src/os/linux/word.c makes it:
 * a futex, and a thread of each process that is told of the deaths of all whom
 * any wait has watched, and then stirs the word of the wait that is on: sets
 * its top bit, and wakes all. A sleep may end early. What is left out is to
 * look for a while before a sleep; that only leads back to the beginning.
 *
 * The including model defines PROCESSES, 2 to 4, and the run may define
 *
 *      PLACES      in the list of members; who finds none is of the crowd
 *      KILLS       how many may be killed
 *      EARLY       how many sleeps may end for no reason
 *      WOKEN_LATE  a sleep with a deadline may use up a wake, and say that it
 *                  was late, which Linux does not do
 *      NO_...      what must go wrong
 *
 * When nobody can move, everybody has ended, or was killed; `judge` says so.
 * The killed stand still for ever, so Spin is told to take no offence at that
 * (pan -E).
 */
#ifndef PLACES
#define PLACES 2
#endif
#if PLACES < PROCESSES && !defined(NO_CROWD)
#define CROWD
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef EARLY
#define EARLY 0
#endif

#define NUMBERS (PROCESSES + 1) /* from 1; 0 is nobody */
#define OK 0
#define DIED 1 /* WEFT_EPEERDIED */
#define LATE 2 /* WEFT_ETIMEDOUT */

/*
 * The lobby. `turn` is no number here: all that matters is whose ticket is its
 * latest value, and whether that has the top bit, WEFTOS_WORD_STIRRED. So the
 * count does not wrap around.
 */
bit stirred;
bit latest[NUMBERS];
bit crowd;
byte members; /* a set: bit p is process p */

/* The processes, as the kernel has them. */
bit killed[NUMBERS]; /* runs no more */
bit dead[NUMBERS];   /* and others are told so */
bit asleep[NUMBERS]; /* in the futex */
bit timed[NUMBERS];  /* the sleep has a deadline, which may come */
bit late[NUMBERS];   /* it has come */
bit ended[NUMBERS];

/* The thread that hears of deaths: whom it knows, and whether a wait is on. */
byte known[NUMBERS]; /* a set */
bit waits[NUMBERS];

byte early = EARLY;

#define BIT(process) (1 << (process))
#define alive !killed[me]

#if PROCESSES == 2
#define FOR_EACH(what) what(1); what(2)
#define ANY(what) (what(1) || what(2))
#elif PROCESSES == 3
#define FOR_EACH(what) what(1); what(2); what(3)
#define ANY(what) (what(1) || what(2) || what(3))
#else
#define FOR_EACH(what) what(1); what(2); what(3); what(4)
#define ANY(what) (what(1) || what(2) || what(3) || what(4))
#endif

/* ------------------------------------------------------------- the kernel -- */

#define WAKE(process) asleep[process] = 0
#define SLEEPS(process) asleep[process]
#define IS_OLD(process) latest[process] = 0
#define IS_LEFT(process) (!ended[process] && !killed[process])

inline futex_wake_all() { d_step { FOR_EACH(WAKE) } }

/* Changes `turn`, by an atomic addition. */
inline advance() { d_step { FOR_EACH(IS_OLD) } }

/* Any one of those who sleep. */
inline futex_wake_one()
{
    if
    :: asleep[1] -> WAKE(1)
    :: asleep[2] -> WAKE(2)
#if PROCESSES > 2
    :: asleep[3] -> WAKE(3)
#endif
#if PROCESSES > 3
    :: asleep[4] -> WAKE(4)
#endif
    :: !ANY(SLEEPS)
    fi
}

/*
 * What can happen to a process at any time. Last comes the thread that is told
 * of deaths. It holds the lock of its process's waits meanwhile, and what it
 * does to the word at most ends a sleep early, so that it is one step.
 */
#define HEARS_OF(process) \
    (process <= KILLS && dead[process] && (known[who] & BIT(process)) != 0)
#define STRIKE_OFF(process) \
    known[who] = (dead[process] -> known[who] & ~BIT(process) : known[who])

proctype nature(byte who)
{
end:
    do
    :: atomic {
           who <= KILLS && !killed[who] && !ended[who] ->
           when_killed(who);
           killed[who] = 1
       }
    :: atomic {
           killed[who] && !dead[who] ->
           asleep[who] = 0;
           waits[who] = 0;
           dead[who] = 1
       }
    :: atomic { asleep[who] && early > 0 -> early--; asleep[who] = 0 }
    :: atomic {
           asleep[who] && timed[who] -> late[who] = 1; asleep[who] = 0
       }
    :: atomic {
           !killed[who] && ANY(HEARS_OF) ->
           FOR_EACH(STRIKE_OFF);
           if
           :: waits[who] && !stirred ->
               stirred = 1; advance(); futex_wake_all()
           :: waits[who] && stirred -> futex_wake_all()
           :: else
           fi
       }
    od
}

/* When nobody can move, nobody may be left who could. */
#ifndef MUST_MOVE
#define MUST_MOVE ANY(IS_LEFT)
#endif
bit somebody_is_left;

/* What else happens in the step in which a wake advances `turn`. */
#ifndef when_advanced
#define when_advanced skip
#endif

active proctype judge()
{
    timeout -> somebody_is_left = MUST_MOVE;
    assert(!somebody_is_left)
}

/*
 * Begins to watch a process, under the lock of the listener. Whoever is known
 * is not asked for again: the listener is told of him. Those who can't be
 * killed need not be watched.
 */
#define WATCH(process) \
    if \
    :: process <= KILLS && process != me && \
       (site & BIT(process) & ~known[me]) != 0 -> \
        if \
        :: dead[process] -> status = DIED \
        :: else -> known[me] = known[me] | BIT(process) \
        fi \
    :: else \
    fi

/* weftos_word_wait() for those in `site`. */
inline word_wait()
{
    atomic { alive; waits[me] = 1; FOR_EACH(WATCH); site = 0 };
    if
    :: status == OK -> atomic { alive; asleep[me] = latest[me] }
    :: else
    fi;
    atomic {
        alive && !asleep[me];
        waits[me] = 0;
        if
        :: late[me] -> late[me] = 0; status = LATE
#ifdef WOKEN_LATE
        :: !late[me] && timed[me] && status == OK -> status = LATE
#endif
        :: !late[me]
        fi
    }
}

/* --------------------------------------------------------------- the lobby -
 *
 * A process has the variables `me`, `status`, `listed`, `site` and `seen`.
 */

/* wefti_lobby_enter() */
inline enter()
{
    atomic { alive; latest[me] = 1; seen = stirred };
#ifndef NO_CLEAR
    do
    :: seen ->
        atomic {
            alive;
            if
            :: latest[me] -> stirred = 0; advance()
            :: else
            fi;
            latest[me] = 1;
            seen = stirred
        }
    :: else -> break
    od;
#endif
    seen = 0
}

#if defined(NO_OWNER_WATCH)
#define WATCHED(owner) members
#elif defined(NO_MEMBER_WATCH)
#define WATCHED(owner) BIT(owner)
#else
#define WATCHED(owner) (members | BIT(owner))
#endif
#define COUNTED(process) ((members >> process) & 1)
#define IS_DEAD(process) (dead[process] << process)
#if PROCESSES == 2
#define SUM(what) (what(1) + what(2))
#elif PROCESSES == 3
#define SUM(what) (what(1) + what(2) + what(3))
#else
#define SUM(what) (what(1) + what(2) + what(3) + what(4))
#endif

/* wefti_lobby_list(): `listed` says whether it is a member. */
inline list()
{
    atomic { alive; listed = ((members & BIT(me)) != 0) };
    if
    :: !listed ->
        atomic {
            alive;
            if
            :: SUM(COUNTED) < PLACES -> members = members | BIT(me); listed = 1
            :: else
            fi
        };
        if
#ifndef NO_LIST_WAKE
        :: listed ->
            atomic { alive; advance() };
            atomic { alive; futex_wake_all() }
#endif
        :: else
        fi
    :: else
    fi
}

/* Clears the places of the dead. */
inline strike_off() { atomic { alive; members = members & ~SUM(IS_DEAD) } }

/* wefti_lobby_list_waker() */
inline list_waker()
{
    list();
#ifdef CROWD
    if
    :: !listed -> strike_off(); list()
    :: else
    fi
#endif
}

/* wefti_lobby_wait(); `owner` is watched too. */
inline lobby_wait(owner)
{
    list();
#ifdef CROWD
    if
    :: !listed -> atomic { alive; crowd = 1 }
    :: else
    fi;
#endif
    listed = 0;
    atomic { alive; site = WATCHED(owner) };
    word_wait();
    if
    :: status == DIED -> strike_off()
    :: else
    fi
}

/* wefti_lobby_wake(); `seen` is what was found of the crowd. */
inline lobby_wake(all)
{
#ifdef CROWD
    atomic { alive; seen = crowd; crowd = 0 };
#endif
    atomic { alive; advance(); seen = seen || all; when_advanced };
#ifdef CROWD
    if
    :: !seen -> atomic { alive; seen = crowd }
    :: else
    fi;
#endif
    if
    :: !seen ->
        atomic { alive; futex_wake_one() };
#ifdef CROWD
        atomic { alive; seen = crowd }
#endif
    :: else
    fi;
    if
    :: seen -> atomic { alive; seen = 0; futex_wake_all() }
    :: else
    fi
}

inline start_all()
{
    atomic {
        FOR_EACH(run nature);
        FOR_EACH(run process)
    }
}
