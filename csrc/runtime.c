/* runtime.c - the plan runner: the only file that knows of more than one core.
 *
 * A plan is a list of instructions over memory bound to numbered slots. One OpenMP parallel region runs many
 * steps of it. Small instructions run on one thread; larger ones are cut into pieces that the threads take as
 * they come (team.h). Threads wait for each other only before an instruction that touches memory which another
 * thread may have touched since the last wait. Loops and choices in which several take part they go through
 * together (lockstep.h).
 */
#define _GNU_SOURCE
#include "fnn.h"
#include "lockstep.h"
#include "pace.h"
#include "team.h"

#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* A core does about this much in a nanosecond; rough is enough to tell microseconds from milliseconds. */
static const double FLOPS_PER_NS = 50.0, BYTES_PER_NS = 15.0;
/* As long as what an instruction touches stays in a core's own cache, memory is faster than that. */
static const double NEAR_BYTES = 1 << 18, NEAR_BYTES_PER_NS = 40.0;
/* Below this a second thread costs more in waiting than it brings. */
static const double WORTH_SHARING_NS = 4000.0, SHARE_NS = 2000.0;
/* Waking a sleeping team takes about 50 us: a run must save more than that. */
static const double WORTH_WAKING_NS = 60000.0;
/* The last piece of a thread's share takes about this long at least. */
static const double PIECE_NS = 10000.0;
enum { MOST_PIECES = 6 };

typedef enum { KERNEL = 0, LOOP, CHOICE } form;

typedef struct {
    form form;
    fnn_call call; /* CHOICE: the bodies' lengths are its sizes */
    const fnn_kernel *kernel;
    fnn_loop loop; /* LOOP; of CHOICE, body: all bodies together */
    int stepped;   /* some operand lies elsewhere at another step */
    int shared;    /* LOOP, CHOICE: several threads take part in something inside */
    fnn_operand operand[FNN_MAX_BUFS];
    fnn_work work;
    double cost; /* ns on one thread */
    int threads, barrier;
    uint64_t nanoseconds, runs;
} instruction;

typedef struct {
    int instruction, operand;
} patch;

/* Instructions [first, last) that run as one: a shared one, or small ones in a row on one thread. */
typedef struct {
    int first, last;
    int barrier;         /* wait before it for all that came before */
    int threads, pieces; /* a shared one: at most so many threads, so many pieces each; small ones: 1, 1 */
    team_queue *queues;  /* a shared one: a queue a thread */
    uint64_t visits;     /* how often it has run since the queues were empty */
    int lockstep;        /* a loop or choice that all threads go through together */
} group;

struct fnn_plan {
    instruction *instructions;
    int count, slots, team, profiling;
    void **slot;    /* bound memory; owned by the binding */
    patch *patches; /* the operands of slot s are patches[first[s] .. first[s + 1]) */
    int *first;
    char *scratch; /* team x scratch_stride bytes */
    ptrdiff_t scratch_stride;
    double saved;                /* ns that sharing saves a step */
    pace pace_single, pace_many; /* one step a call (the team may sleep between two); many steps a call */
    group *groups;
    int group_count;
    team_queue *queues;
    ptrdiff_t queue_count;
    team_progress progress;
    int last_team;               /* whose visits the queues have counted; 0: nobody's */
    ptrdiff_t at[FNN_MAX_LOOPS]; /* the steps of loops that the caller runs */
    meeting meeting;
};

fnn_plan *fnn_plan_new(int instructions, int slots)
{
    fnn_plan *plan = aligned_alloc(TEAM_LINE, (sizeof *plan + TEAM_LINE - 1) / TEAM_LINE * TEAM_LINE);
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
    free(plan->groups);
    free(plan->queues);
    free(plan);
}

static fnn_status set_operands(fnn_plan *plan, instruction *in, const fnn_operand *operands)
{
    in->stepped = 0;
    for (ptrdiff_t b = 0; b < in->call.bufs; b++) {
        if (operands[b].slot < 0 || operands[b].slot >= plan->slots)
            return FNN_BAD_ARGUMENT;
        in->operand[b] = operands[b];
        for (int l = 0; l < FNN_MAX_LOOPS; l++)
            in->stepped |= operands[b].stride[l] != 0;
    }
    return FNN_OK;
}

fnn_status fnn_plan_set(fnn_plan *plan, int at, const fnn_kernel *kernel, const fnn_call *call,
                        const fnn_operand *operands)
{
    if (at < 0 || at >= plan->count || call->bufs > FNN_MAX_BUFS)
        return FNN_BAD_ARGUMENT;
    instruction *in = &plan->instructions[at];
    in->form = KERNEL;
    in->kernel = kernel;
    in->call = *call;
    memset(&in->work, 0, sizeof in->work);
    kernel->work(call, &in->work);
    if (in->work.grain < 1)
        in->work.grain = 1;
    const double near = in->work.bytes < NEAR_BYTES ? in->work.bytes : NEAR_BYTES;
    in->cost =
        in->work.flops / FLOPS_PER_NS + near / NEAR_BYTES_PER_NS + (in->work.bytes - near) / BYTES_PER_NS;
    return set_operands(plan, in, operands);
}

fnn_status fnn_plan_set_loop(fnn_plan *plan, int at, const fnn_loop *loop, const fnn_operand *operands)
{
    if (at < 0 || at >= plan->count || loop->body < 0 || loop->body >= plan->count - at || loop->depth < 0 ||
        loop->depth >= FNN_MAX_LOOPS || loop->most < 0)
        return FNN_BAD_ARGUMENT;
    instruction *in = &plan->instructions[at];
    in->form = LOOP;
    in->loop = *loop;
    in->call.bufs = (loop->guarded != 0) + (loop->counted != 0);
    return set_operands(plan, in, operands);
}

fnn_status fnn_plan_set_choice(fnn_plan *plan, int at, int count, const int *lengths,
                               const fnn_operand *index)
{
    if (at < 0 || at >= plan->count || count < 1 || count > FNN_MAX_SIZES)
        return FNN_BAD_ARGUMENT;
    instruction *in = &plan->instructions[at];
    in->form = CHOICE;
    in->call.bufs = 1;
    in->call.sizes = count;
    in->loop.body = 0;
    for (int b = 0; b < count; b++) {
        if (lengths[b] < 0 || lengths[b] >= plan->count - at - in->loop.body)
            return FNN_BAD_ARGUMENT;
        in->call.size[b] = lengths[b];
        in->loop.body += lengths[b];
    }
    return set_operands(plan, in, index);
}

void fnn_plan_enter(fnn_plan *plan, int depth, ptrdiff_t step) { plan->at[depth] = step; }

/* Whether two operands of one body touch the same memory at one step. */
static int overlap(const fnn_operand *a, const fnn_operand *b)
{
    const int alike = memcmp(a->stride, b->stride, sizeof a->stride) == 0;
    const ptrdiff_t na = alike ? a->bytes : a->span, nb = alike ? b->bytes : b->span;
    return a->slot == b->slot && a->offset < b->offset + nb && b->offset < a->offset + na;
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

/* In how many pieces a thread's share of an instruction is taken: each but the last is half of what is left. */
static int pieces_for(const instruction *in)
{
    double least = PIECE_NS, units = (double)in->work.units / in->threads / (double)in->work.grain;
    double cost = in->cost / in->threads;
    int pieces = 1;
    while (pieces < MOST_PIECES && cost >= 2.0 * least && units >= 2.0) {
        pieces++;
        cost /= 2.0;
        units /= 2.0;
    }
    return pieces;
}

/* Gathers the instructions, whose threads and barriers are known, into groups. */
static fnn_status plan_groups(fnn_plan *plan)
{
    free(plan->groups);
    free(plan->queues);
    plan->queues = NULL;
    plan->queue_count = plan->group_count = plan->last_team = 0;
    plan->groups = calloc((size_t)plan->count + 1, sizeof *plan->groups);
    if (!plan->groups)
        return FNN_NO_MEMORY;
    for (int i = 0, end; i < plan->count; i = end) {
        const instruction *in = &plan->instructions[i];
        group *g = plan->group_count ? &plan->groups[plan->group_count - 1] : NULL;
        const int apart = in->barrier || (g && g->lockstep), lockstep = in->form != KERNEL && in->shared;
        end = in->form == KERNEL ? i + 1 : i + 1 + in->loop.body;
        if (g && in->threads == 1 && g->threads == 1 && !apart) {
            g->last = end;
            continue;
        }
        g = &plan->groups[plan->group_count++];
        *g = (group){i, end, apart || lockstep, in->threads, 1, NULL, 0, lockstep};
        if (in->threads > 1 && !lockstep) {
            g->pieces = pieces_for(in);
            plan->queue_count += in->threads;
        }
    }
    if (plan->queue_count) {
        plan->queues = aligned_alloc(TEAM_LINE, (size_t)plan->queue_count * sizeof *plan->queues);
        if (!plan->queues)
            return FNN_NO_MEMORY;
    }
    team_queue *next = plan->queues;
    for (int at = 0; at < plan->group_count; at++)
        if (plan->groups[at].threads > 1 && !plan->groups[at].lockstep) {
            plan->groups[at].queues = next;
            next += plan->groups[at].threads;
        }
    return FNN_OK;
}

/* What a plan's instructions need, gathered while they are scheduled. */
typedef struct {
    ptrdiff_t scratch;
    int used; /* threads */
} needs;

/* A loop whose end is not known before it runs is taken to have this many steps. */
enum { GUESSED_STEPS = 16 };

static int schedule_body(fnn_plan *plan, int first, int last, double runs, needs *all);

static int schedule_inside(fnn_plan *plan, int at, double runs, needs *all)
{
    instruction *in = &plan->instructions[at];
    if (in->form == LOOP) {
        const int open = in->loop.guarded || in->loop.counted;
        const double steps = open && in->loop.most > GUESSED_STEPS ? GUESSED_STEPS : (double)in->loop.most;
        return schedule_body(plan, at + 1, at + 1 + in->loop.body, runs * steps, all);
    }
    int shared = 0, from = at + 1;
    for (ptrdiff_t b = 0; b < in->call.sizes; from += (int)in->call.size[b++])
        shared |= schedule_body(plan, from, from + (int)in->call.size[b], runs, all);
    return shared;
}

/* Shares out the work of instructions [first, last), a plan's or a body's, and places their barriers; whether several
 * threads take part anywhere. Threads always meet before and after a loop or choice in which several take part, and
 * at each step of it; one that is the first thread's alone is passed by the others. */
static int schedule_body(fnn_plan *plan, int first, int last, double runs, needs *all)
{
    int since = first, any = 0;
    enum { NOTHING, FIRST_THREAD, ALL } before = NOTHING; /* who was busy in a loop since the last meeting */
    for (int i = first; i < last; i++) {
        instruction *in = &plan->instructions[i];
        const int at = i;
        int several = 0; /* whether several threads took part since the last meeting */
        for (int k = since; k < i; k++)
            several |= plan->instructions[k].threads > 1;
        if (in->form == KERNEL) {
            in->threads = threads_for(in, plan->team);
            in->barrier = before == ALL || (before == FIRST_THREAD && in->threads > 1);
            for (int k = since; k < i && !in->barrier; k++)
                in->barrier = conflict(&plan->instructions[k], in);
            if (in->work.scratch > all->scratch)
                all->scratch = in->work.scratch;
            if (in->threads > all->used)
                all->used = in->threads;
            plan->saved += runs * in->cost * (1.0 - 1.0 / in->threads);
            any |= in->threads > 1;
        } else {
            in->shared = schedule_inside(plan, i, runs, all);
            in->threads = in->shared ? plan->team : 1;
            in->barrier = i > first && (in->shared || several || before == ALL);
            any |= in->shared;
            i += in->loop.body;
        }
        if (in->barrier) {
            since = at;
            before = NOTHING;
        }
        if (in->form != KERNEL) {
            since = i + 1;
            before = in->shared ? ALL : before == ALL ? ALL : FIRST_THREAD;
        }
    }
    return any;
}

fnn_status fnn_plan_schedule(fnn_plan *plan, int threads)
{
    int operands = 0;
    needs all = {.used = 1};
    plan->team = threads < 1 ? 1 : threads;
    plan->saved = 0.0;
    schedule_body(plan, 0, plan->count, 1.0, &all);
    for (int i = 0; i < plan->count; i++)
        operands += (int)plan->instructions[i].call.bufs;
    const ptrdiff_t scratch = all.scratch;
    const int used = all.used;
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
    return plan_groups(plan);
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

/* ---- running ---- */

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

static void run_kernel(const walker *m, const instruction *in)
{
    const int sharing = in->threads < m->team ? in->threads : m->team;
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

/* Groups [at, end), which nothing separates; `passed` lies before them. */
static void take_groups(const member *m, int at, int end, int helping)
{
    uint64_t target = m->passed, number = m->singles;
    for (int k = at; k < end; k++)
        target += (uint64_t)group_size(m, &m->plan->groups[k]);
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
    take_groups(m, at, end, 0);
    const uint64_t start = plan->profiling && m->me == 0 ? now() : 0;
    uint64_t target = m->passed, singles = m->singles;
    for (int k = at; k < end; k++) {
        target += (uint64_t)group_size(m, &plan->groups[k]);
        singles += plan->groups[k].threads == 1;
    }
    if (!team_arrive(&plan->progress, target)) {
        take_groups(m, at, end, 1);
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
