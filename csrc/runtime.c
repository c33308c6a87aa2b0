/* runtime.c - the plan runner: the only file that knows of more than one core.
 *
 * A plan is a list of instructions over memory bound to numbered slots. One OpenMP parallel region runs many
 * steps of it. Small instructions run on the first thread alone; larger ones are cut into equal ranges of units,
 * a range a thread. Threads meet at a barrier only before an instruction that touches memory which another
 * thread may have touched since the last one.
 */
#define _GNU_SOURCE
#include "fnn.h"
#include "pace.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#define cpu_relax() _mm_pause()
#else
#define cpu_relax() ((void)0)
#endif

/* A core does about this much in a nanosecond; rough is enough to tell microseconds from milliseconds. */
static const double FLOPS_PER_NS = 50.0, BYTES_PER_NS = 15.0;
/* Below this a second thread costs more in waiting than it brings. */
static const double WORTH_SHARING_NS = 4000.0, SHARE_NS = 2000.0;
/* Waking a sleeping team takes about 50 us: a run must save more than that. */
static const double WORTH_WAKING_NS = 60000.0;
/* How long a waiting thread spins before it sleeps: about 50 us. */
enum { SPINS = 2000, CACHE_LINE = 64 };

typedef struct {
    fnn_call call;
    const fnn_kernel *kernel;
    fnn_operand operand[FNN_MAX_BUFS];
    fnn_work work;
    double cost; /* ns on one thread */
    int threads, barrier;
    uint64_t nanoseconds, runs;
} instruction;

typedef struct {
    int instruction, operand;
} patch;

typedef struct {
    _Alignas(CACHE_LINE) _Atomic int arrived;
    _Alignas(CACHE_LINE) _Atomic int generation;
    _Atomic int sleepers;
} meeting;

struct fnn_plan {
    instruction *instructions;
    int count, slots, team, profiling;
    void **slot;       /* bound memory; owned by the binding */
    patch *patches;    /* the operands of slot s are patches[first[s] .. first[s + 1]) */
    int *first;
    char *scratch;     /* team x scratch_stride bytes */
    ptrdiff_t scratch_stride;
    double saved;      /* ns that sharing saves a step */
    pace pace_single, pace_many; /* one step a call (the team may sleep between two); many steps a call */
    meeting barrier;
};

fnn_plan *fnn_plan_new(int instructions, int slots)
{
    fnn_plan *plan = aligned_alloc(CACHE_LINE, (sizeof *plan + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    if (!plan)
        return NULL;
    memset(plan, 0, sizeof *plan);
    plan->instructions = calloc((size_t)instructions + 1, sizeof *plan->instructions);
    plan->slot = calloc((size_t)slots + 1, sizeof *plan->slot);
    plan->count = instructions;
    plan->slots = slots;
    if (!plan->instructions || !plan->slot) {
        fnn_plan_free(plan);
        return NULL;
    }
    return plan;
}

void fnn_plan_free(fnn_plan *plan)
{
    if (!plan)
        return;
    free(plan->instructions);
    free(plan->slot);
    free(plan->patches);
    free(plan->first);
    free(plan->scratch);
    free(plan);
}

fnn_status fnn_plan_set(fnn_plan *plan, int at, const fnn_kernel *kernel, const fnn_call *call,
                        const fnn_operand *operands)
{
    if (at < 0 || at >= plan->count || call->bufs > FNN_MAX_BUFS)
        return FNN_BAD_ARGUMENT;
    instruction *in = &plan->instructions[at];
    in->kernel = kernel;
    in->call = *call;
    for (ptrdiff_t b = 0; b < call->bufs; b++) {
        if (operands[b].slot < 0 || operands[b].slot >= plan->slots)
            return FNN_BAD_ARGUMENT;
        in->operand[b] = operands[b];
    }
    memset(&in->work, 0, sizeof in->work);
    kernel->work(call, &in->work);
    in->cost = in->work.flops / FLOPS_PER_NS + in->work.bytes / BYTES_PER_NS;
    return FNN_OK;
}

static int overlap(const fnn_operand *a, const fnn_operand *b)
{
    return a->slot == b->slot && a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

/* Whether `b` must wait for what other threads do in `a`. */
static int conflict(const instruction *a, const instruction *b)
{
    if (a->threads == 1 && b->threads == 1)
        return 0; /* both on the first thread, in order */
    for (ptrdiff_t i = 0; i < a->call.bufs; i++)
        for (ptrdiff_t j = 0; j < b->call.bufs; j++)
            if (((a->operand[i].access | b->operand[j].access) & FNN_WRITE) &&
                overlap(&a->operand[i], &b->operand[j]))
                return 1;
    return 0;
}

static int threads_for(const instruction *in, int threads)
{
    if (in->cost < WORTH_SHARING_NS || in->work.units < 2)
        return 1;
    double n = in->cost / SHARE_NS;
    if (n > (double)in->work.units)
        n = (double)in->work.units;
    return n < threads ? (int)n : threads;
}

fnn_status fnn_plan_schedule(fnn_plan *plan, int threads)
{
    ptrdiff_t scratch = 0;
    int operands = 0, since = 0;
    int used = 1;
    plan->team = threads < 1 ? 1 : threads;
    plan->saved = 0.0;
    for (int i = 0; i < plan->count; i++) {
        instruction *in = &plan->instructions[i];
        in->threads = threads_for(in, plan->team);
        in->barrier = 0;
        if (in->threads > used)
            used = in->threads;
        plan->saved += in->cost * (1.0 - 1.0 / in->threads);
        for (int k = since; k < i && !in->barrier; k++)
            in->barrier = conflict(&plan->instructions[k], in);
        if (in->barrier)
            since = i;
        if (in->work.scratch > scratch)
            scratch = in->work.scratch;
        operands += (int)in->call.bufs;
    }
    plan->team = used;
    pace_start(&plan->pace_single, used);
    pace_start(&plan->pace_many, used);
    free(plan->scratch);
    plan->scratch = NULL;
    plan->scratch_stride = (scratch + 4095) / 4096 * 4096; /* threads never share a page */
    if (plan->scratch_stride) {
        plan->scratch = aligned_alloc(4096, (size_t)(plan->scratch_stride * plan->team));
        if (!plan->scratch)
            return FNN_NO_MEMORY;
    }
    free(plan->patches);
    free(plan->first);
    plan->patches = malloc((size_t)(operands + 1) * sizeof *plan->patches);
    plan->first = calloc((size_t)plan->slots + 2, sizeof *plan->first);
    if (!plan->patches || !plan->first)
        return FNN_NO_MEMORY;
    int at = 0;
    for (int s = 0; s < plan->slots; s++) {
        plan->first[s] = at;
        for (int i = 0; i < plan->count; i++)
            for (ptrdiff_t b = 0; b < plan->instructions[i].call.bufs; b++)
                if (plan->instructions[i].operand[b].slot == s)
                    plan->patches[at++] = (patch){i, (int)b};
    }
    plan->first[plan->slots] = at;
    return FNN_OK;
}

void fnn_plan_bind(fnn_plan *plan, int slot, void *memory)
{
    if (plan->slot[slot] == memory)
        return;
    plan->slot[slot] = memory;
    for (int p = plan->first[slot]; p < plan->first[slot + 1]; p++) {
        instruction *in = &plan->instructions[plan->patches[p].instruction];
        const int b = plan->patches[p].operand;
        in->call.buf[b] = (char *)memory + in->operand[b].offset;
    }
}

/* ---- waiting ---- */

static void sleep_while(_Atomic int *word, int value)
{
#if defined(__linux__)
    syscall(SYS_futex, (int *)word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
#else
    (void)word, (void)value;
    sched_yield();
#endif
}

static void wake_all(_Atomic int *word)
{
#if defined(__linux__)
    syscall(SYS_futex, (int *)word, FUTEX_WAKE_PRIVATE, 1 << 30, NULL, NULL, 0);
#else
    (void)word;
#endif
}

static void meet(meeting *m, int team)
{
    const int generation = atomic_load_explicit(&m->generation, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&m->arrived, 1, memory_order_acq_rel) + 1 == team) {
        atomic_store_explicit(&m->arrived, 0, memory_order_relaxed);
        atomic_store(&m->generation, generation + 1);
        if (atomic_load(&m->sleepers))
            wake_all(&m->generation);
        return;
    }
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load_explicit(&m->generation, memory_order_acquire) != generation)
            return;
        cpu_relax();
    }
    atomic_fetch_add(&m->sleepers, 1);
    while (atomic_load(&m->generation) == generation)
        sleep_while(&m->generation, generation);
    atomic_fetch_sub(&m->sleepers, 1);
}

/* ---- running ---- */

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void run_alone(fnn_plan *plan, int first, int last, ptrdiff_t steps)
{
    for (ptrdiff_t s = 0; s < steps; s++)
        for (int i = first; i < last; i++) {
            instruction *in = &plan->instructions[i];
            const uint64_t start = plan->profiling ? now() : 0;
            in->kernel->run(&in->call, 0, in->work.units, plan->scratch);
            if (plan->profiling)
                in->nanoseconds += now() - start, in->runs++;
        }
}

static void run_member(fnn_plan *plan, int first, int last, ptrdiff_t steps, int me, int team)
{
    void *scratch = plan->scratch ? plan->scratch + me * plan->scratch_stride : NULL;
    for (ptrdiff_t s = 0; s < steps; s++) {
        if (s > 0)
            meet(&plan->barrier, team); /* a step's first instructions may overwrite what its last ones read */
        for (int i = first; i < last; i++) {
            instruction *in = &plan->instructions[i];
            const int timed = plan->profiling && me == 0;
            const uint64_t start = timed ? now() : 0;
            if (in->barrier && i > first)
                meet(&plan->barrier, team);
            const int sharing = in->threads < team ? in->threads : team;
            if (me < sharing)
                in->kernel->run(&in->call, in->work.units * me / sharing, in->work.units * (me + 1) / sharing,
                                scratch);
            if (timed)
                in->nanoseconds += now() - start, in->runs++;
        }
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
    atomic_store(&plan->barrier.arrived, 0);
#pragma omp parallel num_threads(threads)
    run_member(plan, first, last, steps, omp_get_thread_num(), omp_get_num_threads());
}

void fnn_plan_run(fnn_plan *plan, int first, int last, ptrdiff_t steps)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (plan->team == 1 || plan->saved * (double)steps < WORTH_WAKING_NS ||
        atomic_flag_test_and_set_explicit(&team_taken, memory_order_acquire)) {
        run_alone(plan, first, last, steps);
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
}

void fnn_plan_profile(fnn_plan *plan, int on)
{
    plan->profiling = on;
    for (int i = 0; on && i < plan->count; i++)
        plan->instructions[i].nanoseconds = plan->instructions[i].runs = 0;
}

void fnn_plan_info(const fnn_plan *plan, int at, fnn_instruction_info *info)
{
    const instruction *in = &plan->instructions[at];
    *info = (fnn_instruction_info){in->nanoseconds, in->runs, in->threads, in->barrier, in->work};
}
