/* run.c - runs plans: many steps in one OpenMP parallel region. */
#define _GNU_SOURCE
#include "plan.h"

#include <assert.h>
#include <omp.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#if defined(FNN_CHECKED)
#include "checked.h"
#endif

/* Waking a sleeping team takes about 50 us: a run must save more than that. */
static const double WORTH_WAKING_NS = 60000.0;

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* One thread of a team that goes through instructions together, or of one. */
typedef struct {
    fnn_plan *plan;
    int first, me, team;
    void *scratch;
    ptrdiff_t at[FNN_MAX_LOOPS]; /* the loops' steps */
} walker;

static inline void meet_team(const walker *m)
{
    if (m->team > 1)
        meet(&m->plan->meeting, m->team);
}

static void *buffer_at(const ptrdiff_t *at, const instruction *in, ptrdiff_t b)
{
    ptrdiff_t further = 0;
    for (int l = 0; l < FNN_MAX_LOOPS; l++)
        further += in->operand[b].stride[l] * at[l];
    return (char *)in->call.buf[b] + further;
}

/* Units [lo, hi) of a kernel where the loops around are at the steps `at`. */
static void run_units(const instruction *in, const ptrdiff_t *at, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
#if defined(FNN_CHECKED)
    void *buf[FNN_MAX_BUFS];
    for (ptrdiff_t b = 0; b < in->call.bufs; b++)
        buf[b] = buffer_at(at, in, b);
    checked_units(in, buf, lo, hi, scratch);
    return;
#endif
    if (!in->stepped) {
        in->kernel->run(&in->call, lo, hi, scratch);
        return;
    }
    fnn_call call; /* a thread's own: the others may be at another step */
    call.bufs = in->call.bufs, call.sizes = in->call.sizes, call.attrs = in->call.attrs;
    for (ptrdiff_t b = 0; b < call.bufs; b++)
        call.buf[b] = buffer_at(at, in, b);
    memcpy(call.size, in->call.size, (size_t)call.sizes * sizeof *call.size);
    memcpy(call.attr, in->call.attr, (size_t)call.attrs * sizeof *call.attr);
    in->kernel->run(&call, lo, hi, scratch);
}

/* Before the first range of a call that a thread runs. */
static void forget_scratch(const instruction *in, void *scratch)
{
    if (in->work.scratch >= (ptrdiff_t)sizeof(void *))
        memset(scratch, 0, sizeof(void *));
}

static void run_kernel(const walker *m, const instruction *in)
{
    const int sharing = in->threads < m->team ? in->threads : m->team;
    forget_scratch(in, m->scratch);
    if (m->me < sharing)
        run_units(in, m->at, in->work.units * m->me / sharing, in->work.units * (m->me + 1) / sharing,
                  m->scratch);
}

static void walk(walker *m, int first, int last);

static void run_loop(walker *m, const instruction *in, int body)
{
    const fnn_loop *loop = &in->loop;
    ptrdiff_t steps = loop->most;
    if (loop->counted) {
        const int32_t count = *(const int32_t *)buffer_at(m->at, in, loop->guarded != 0);
        steps = count < 0 ? 0 : count < steps ? count : steps;
    }
    for (ptrdiff_t s = 0; s < steps; s++) {
        if (s > 0 && in->shared)
            meet_team(m); /* a step's first instructions may overwrite what its last ones read */
        if (loop->guarded) {
            const int going = *(const unsigned char *)buffer_at(m->at, in, 0);
            if (in->shared)
                meet_team(m); /* the step may change it */
            if (!going)
                break;
        }
        m->at[loop->depth] = loop->reversed ? steps - 1 - s : s;
        walk(m, body, body + loop->body);
    }
    m->at[loop->depth] = 0;
}

static void run_choice(walker *m, const instruction *in, int body)
{
    const int32_t index = *(const int32_t *)buffer_at(m->at, in, 0), last = (int32_t)in->call.sizes - 1;
    const ptrdiff_t chosen = index < 0 ? 0 : index > last ? last : index;
    for (ptrdiff_t b = 0; b < chosen; b++)
        body += (int)in->call.size[b];
    walk(m, body, body + (int)in->call.size[chosen]);
}

static void walk(walker *m, int first, int last)
{
    for (int i = first; i < last; i++) {
        instruction *in = &m->plan->instructions[i];
        const int timed = m->plan->profiling && m->me == 0;
        const uint64_t start = timed ? now() : 0;
        const int body = i + 1;
        if (in->barrier && i > m->first)
            meet_team(m);
        if (in->form == KERNEL) {
            run_kernel(m, in);
        } else {
            i += in->loop.body;
            if (in->shared || m->me == 0)
                (in->form == LOOP ? run_loop : run_choice)(m, in, body);
        }
        if (timed)
            in->nanoseconds += now() - start, in->runs++;
    }
}

static walker walker_of(fnn_plan *plan, int first, int me, int team, void *scratch)
{
    walker w = {plan, first, me, team, scratch, {0}};
    memcpy(w.at, plan->at, sizeof w.at);
    return w;
}

static void run_alone(fnn_plan *plan, int first, int last, ptrdiff_t steps)
{
    walker w = walker_of(plan, first, 0, 1, plan->scratch);
    for (ptrdiff_t s = 0; s < steps; s++)
        walk(&w, first, last);
}

/* One thread's way through a run. */
typedef struct {
    fnn_plan *plan;
    int first, last, me, team; /* instructions [first, last) */
    void *scratch;
    uint64_t step;
    uint64_t passed, singles; /* pieces, and groups of small instructions, that lie before where it is */
} member;

static void run_piece(const member *m, int i, ptrdiff_t lo, ptrdiff_t hi)
{
    instruction *in = &m->plan->instructions[i];
    const int timed = m->plan->profiling && m->me == 0;
    const uint64_t start = timed ? now() : 0;
    run_units(in, m->plan->at, lo, hi, m->scratch);
    if (timed)
        in->nanoseconds += now() - start;
}

/* The pieces of a shared instruction: this thread's own first, then what the others have not taken yet. */
static void take_shared(const member *m, const group *g, int helping, uint64_t end)
{
    const instruction *in = &m->plan->instructions[g->first];
    const int sharing = g->threads < m->team ? g->threads : m->team;
    const uint64_t before = (g->visits + m->step) * (uint64_t)g->pieces;
    if (m->me >= sharing && !helping)
        return;
    forget_scratch(in, m->scratch);
    for (int v = 0; v < sharing; v++) {
        const int owner = (m->me + v) % sharing;
        const ptrdiff_t from = in->work.units * owner / sharing, to = in->work.units * (owner + 1) / sharing;
        int piece;
        while ((piece = team_take(&g->queues[owner], before, g->pieces)) >= 0) {
            const ptrdiff_t units = to - from;
            run_piece(m, g->first, to - (units >> piece),
                      piece + 1 == g->pieces ? to : to - (units >> (piece + 1)));
            team_done(&m->plan->progress, end);
        }
    }
}

/* Small instructions in a row: the first thread's, or whoever finds that it does not come. */
static void take_single(const member *m, const group *g, int helping, uint64_t number, uint64_t end)
{
    if ((m->me && !helping) || !team_take_single(&m->plan->progress, number))
        return;
    const int from = g->first > m->first ? g->first : m->first, to = g->last < m->last ? g->last : m->last;
    for (int i = from; i < to; i++) {
        const instruction *in = &m->plan->instructions[i];
        if (in->form == KERNEL) {
            forget_scratch(in, m->scratch);
            run_piece(m, i, 0, in->work.units);
        } else {
            walker w = walker_of(m->plan, i, 0, 1, m->scratch);
            walk(&w, i, i + 1 + in->loop.body);
            i += in->loop.body;
        }
    }
    team_done_single(&m->plan->progress, number);
    team_done(&m->plan->progress, end);
}

static int group_size(const member *m, const group *g)
{
    return g->threads == 1 ? 1 : g->pieces * (g->threads < m->team ? g->threads : m->team);
}

/* Groups [at, end), which nothing separates; `target` pieces lie before what follows them. */
static void take_groups(const member *m, int at, int end, int helping, uint64_t target)
{
    uint64_t number = m->singles;
    for (; at < end; at++) {
        const group *g = &m->plan->groups[at];
        if (g->threads == 1)
            take_single(m, g, helping, number++, target);
        else
            take_shared(m, g, helping, target);
    }
}

/* Takes its part of the groups and waits until all of them are done. */
static void run_phase(member *m, int at, int end)
{
    fnn_plan *plan = m->plan;
    uint64_t target = m->passed, singles = m->singles;
    for (int k = at; k < end; k++) {
        target += (uint64_t)group_size(m, &plan->groups[k]);
        singles += plan->groups[k].threads == 1;
    }
    take_groups(m, at, end, 0, target);
    const uint64_t start = plan->profiling && m->me == 0 ? now() : 0;
    if (!team_arrive(&plan->progress, target)) {
        take_groups(m, at, end, 1, target);
        team_wait(&plan->progress, target);
    }
    m->passed = target;
    m->singles = singles;
    if (start)
        plan->instructions[plan->groups[end - 1].last - 1].nanoseconds += now() - start;
}

/* A loop or choice in which several threads take part. */
static void run_lockstep(const member *m, const group *g)
{
    walker w = walker_of(m->plan, g->first, m->me, m->team, m->scratch);
    meet_team(&w);
    walk(&w, g->first, g->last);
    meet_team(&w);
}

static void run_member(fnn_plan *plan, int first, int last, ptrdiff_t steps, int me, int team)
{
    member m = {plan,
                first,
                last,
                me,
                team,
                plan->scratch ? plan->scratch + me * plan->scratch_stride : NULL,
                0,
                plan->progress.passed,
                plan->progress.singles};
    int begin = 0, end = plan->group_count;
    while (begin < end && plan->groups[begin].last <= first)
        begin++;
    while (end > begin && plan->groups[end - 1].first >= last)
        end--;
    for (; m.step < (uint64_t)steps;
         m.step++) /* a step's first instructions may overwrite what its last ones read */
        for (int at = begin, next; at < end; at = next) {
            if (plan->groups[at].lockstep) {
                run_lockstep(&m, &plan->groups[at]);
                next = at + 1;
                continue;
            }
            for (next = at + 1; next < end && !plan->groups[next].barrier; next++)
                ;
            run_phase(&m, at, next);
        }
    if (me == 0)
        for (int k = begin; k < end; k++)
            for (int i = plan->groups[k].first; i < plan->groups[k].last; i++) {
                if (plan->instructions[i].form == KERNEL)
                    plan->instructions[i].runs += (uint64_t)steps;
                else /* counts its runs itself */
                    i += plan->instructions[i].loop.body;
            }
#pragma omp barrier
    if (me == 0) {
        plan->progress.passed = m.passed;
        plan->progress.singles = m.singles;
        plan->last_team = team;
        for (int k = begin; k < end; k++)
            plan->groups[k].visits += (uint64_t)steps;
    }
}

/* One team at a time: a second Python thread runs its plan alone, to the same bits. */
static atomic_flag team_taken = ATOMIC_FLAG_INIT;

/* GNU OpenMP's sleeping workers do not survive fork(), and a child that waits for them hangs: let them go first. */
static void release_team(void)
{
    if (!omp_in_parallel())
        omp_pause_resource_all(omp_pause_hard);
}

static void forget_team(void) { atomic_flag_clear(&team_taken); }

static void watch_forks(void) { pthread_atfork(release_team, NULL, forget_team); }

static void run_with(fnn_plan *plan, int first, int last, ptrdiff_t steps, int threads)
{
    if (threads == 1) {
        run_alone(plan, first, last, steps);
        return;
    }
    atomic_store(&plan->meeting.arrived, 0);
    if (plan->last_team != threads) { /* the queues that a smaller team left behind are out of step */
        for (ptrdiff_t q = 0; q < plan->queue_count; q++)
            atomic_store_explicit(&plan->queues[q].taken, 0, memory_order_relaxed);
        for (int k = 0; k < plan->group_count; k++)
            plan->groups[k].visits = 0;
        team_reset(&plan->progress);
    }
#pragma omp parallel num_threads(threads)
    run_member(plan, first, last, steps, omp_get_thread_num(), omp_get_num_threads());
}

void fnn_plan_run(fnn_plan *plan, int first, int last, ptrdiff_t steps)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
#if defined(FNN_CHECKED)
    run_alone(plan, first, last, steps);
    return;
#endif
    if (plan->team == 1 || plan->saved * (double)steps < WORTH_WAKING_NS ||
        atomic_flag_test_and_set_explicit(&team_taken, memory_order_acquire)) {
        run_alone(plan, first, last, steps);
        assert(fnn_plan_guards_hold(plan));
        return;
    }
    pthread_once(&once, watch_forks);
    pace *p = steps == 1 ? &plan->pace_single : &plan->pace_many;
    if (plan->profiling || last - first < plan->count) { /* a part of the plan says nothing about the whole */
        run_with(plan, first, last, steps, p->threads[p->best]);
        steps = 0;
    }
    while (steps > 0) {
        const int level = pace_pick(p), trying = level != p->best || p->ns[level] == 0.0;
        const ptrdiff_t some = trying && steps > 8 ? steps / 8 : steps;
        const uint64_t start = now();
        run_with(plan, first, last, some, p->threads[level]);
        pace_note(p, level, (double)(now() - start) / (double)some);
        steps -= some;
    }
    atomic_flag_clear_explicit(&team_taken, memory_order_release);
    assert(fnn_plan_guards_hold(plan));
}
