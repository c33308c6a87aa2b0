/* team.h - how the threads of a team share a plan's work.
 *
 * Work is not dealt out but taken: each thread has a queue of pieces, takes from its own until it is empty, then
 * from the others'. A core that another program, a throttled container or a virtual machine's neighbour slows
 * down does less, and a thread that does not run at all holds nobody up unless it holds a piece. Pieces get
 * smaller, each half of what is left, so that the last ones level the difference out. What is in a piece never
 * decides a result's bits.
 *
 * Every counter only grows, and each thread knows by counting where it stands; nothing is ever set back between
 * two steps, and a thread that comes late finds everything taken and passes through.
 */
#ifndef FNN_TEAM_H
#define FNN_TEAM_H

#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#define team_relax() _mm_pause()
#else
#define team_relax() ((void)0)
#endif

/* How long a thread waits before it looks for work that others should have begun (about 5 us), and before it
 * sleeps (about 50 us). */
enum { TEAM_LINE = 64, TEAM_PATIENCE = 200, TEAM_SPINS = 2000 };

/* Sleeps until the bell rings; returns at once if it no longer reads `seen`. */
static inline void team_sleep(_Atomic int *bell, int seen)
{
#if defined(__linux__)
    syscall(SYS_futex, (int *)bell, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
#else
    (void)bell, (void)seen;
    sched_yield();
#endif
}

/* Wakes all who sleep; the bell has been changed. */
static inline void team_wake(_Atomic int *bell)
{
#if defined(__linux__)
    syscall(SYS_futex, (int *)bell, FUTEX_WAKE_PRIVATE, 1 << 30, NULL, NULL, 0);
#else
    (void)bell;
#endif
}

typedef struct {
    _Alignas(TEAM_LINE) _Atomic uint64_t taken; /* pieces, since the beginning */
} team_queue;

typedef struct {
    _Alignas(TEAM_LINE) _Atomic uint64_t done; /* pieces, since the beginning */
    _Alignas(TEAM_LINE) _Atomic uint64_t singles_taken;
    _Atomic uint64_t singles_done;
    _Alignas(TEAM_LINE) _Atomic int bell; /* rings when those who sleep should look again */
    _Atomic int sleepers;
    uint64_t passed, singles; /* `done` and `singles_done` between two runs */
} team_progress;

static inline void team_reset(team_progress *p)
{
    atomic_store(&p->done, 0);
    atomic_store(&p->singles_taken, 0);
    atomic_store(&p->singles_done, 0);
    p->passed = p->singles = 0;
}

/* The next piece of a queue from which `before` had been taken when this visit began, or -1 if none is left. */
static inline int team_take(team_queue *q, uint64_t before, int pieces)
{
    uint64_t at = atomic_load_explicit(&q->taken, memory_order_relaxed);
    do {
        if (at - before >= (uint64_t)pieces)
            return -1;
    } while (!atomic_compare_exchange_weak_explicit(&q->taken, &at, at + 1, memory_order_relaxed,
                                                    memory_order_relaxed));
    return (int)(at - before);
}

/* Whether work number `number` of those that one thread does, one after the other, is the caller's. */
static inline int team_take_single(team_progress *p, uint64_t number)
{
    uint64_t at = number;
    return atomic_load_explicit(&p->singles_done, memory_order_acquire) == number &&
           atomic_compare_exchange_strong_explicit(&p->singles_taken, &at, number + 1, memory_order_relaxed,
                                                   memory_order_relaxed);
}

static inline void team_done_single(team_progress *p, uint64_t number)
{
    atomic_store_explicit(&p->singles_done, number + 1, memory_order_release);
}

/* One piece more is done; `end` of them is what others may sleep for. */
static inline void team_done(team_progress *p, uint64_t end)
{
    if (atomic_fetch_add(&p->done, 1) + 1 == end && atomic_load(&p->sleepers)) {
        atomic_fetch_add(&p->bell, 1);
        team_wake(&p->bell);
    }
}

static inline int team_spin(team_progress *p, uint64_t target, int spins)
{
    for (; spins > 0; spins--) {
        if (atomic_load_explicit(&p->done, memory_order_acquire) >= target)
            return 1;
        team_relax();
    }
    return 0;
}

/* Whether `target` pieces are done after a short wait. */
static inline int team_arrive(team_progress *p, uint64_t target)
{
    return team_spin(p, target, TEAM_PATIENCE);
}

static inline void team_wait(team_progress *p, uint64_t target)
{
    if (team_spin(p, target, TEAM_SPINS))
        return;
    atomic_fetch_add(&p->sleepers, 1);
    for (;;) {
        const int bell = atomic_load(&p->bell);
        if (atomic_load(&p->done) >= target)
            break;
        team_sleep(&p->bell, bell);
    }
    atomic_fetch_sub(&p->sleepers, 1);
}

#endif
