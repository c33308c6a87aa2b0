/* lockstep.h - a meeting of all threads of a team, for loops: which way a loop goes is read from memory that its body
 * writes, so a thread that came late, and passed through, would read another way than the others took. */
#ifndef FNN_LOCKSTEP_H
#define FNN_LOCKSTEP_H

#include "team.h"

typedef struct {
    _Alignas(TEAM_LINE) _Atomic int arrived;
    _Alignas(TEAM_LINE) _Atomic int generation;
    _Atomic int sleepers;
} meeting;

static inline void meet(meeting *m, int team)
{
    const int generation = atomic_load_explicit(&m->generation, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&m->arrived, 1, memory_order_acq_rel) + 1 == team) {
        atomic_store_explicit(&m->arrived, 0, memory_order_relaxed);
        atomic_store(&m->generation, generation + 1);
        if (atomic_load(&m->sleepers))
            team_wake(&m->generation);
        return;
    }
    for (int spin = 0; spin < TEAM_SPINS; spin++) {
        if (atomic_load_explicit(&m->generation, memory_order_acquire) != generation)
            return;
        team_relax();
    }
    atomic_fetch_add(&m->sleepers, 1);
    while (atomic_load(&m->generation) == generation)
        team_sleep(&m->generation, generation);
    atomic_fetch_sub(&m->sleepers, 1);
}

#endif
