/* schedule.c - decides how many threads take part in each instruction of a plan, in how many pieces they take it, and
 * where they wait for each other. */
#define _GNU_SOURCE
#include "plan.h"

#include <stdlib.h>
#include <string.h>

/* A core does about this much in a nanosecond; rough is enough to tell microseconds from milliseconds. */
static const double FLOPS_PER_NS = 50.0, BYTES_PER_NS = 15.0;
/* As long as what an instruction touches stays in a core's own cache, memory is faster than that. */
static const double NEAR_BYTES = 1 << 18, NEAR_BYTES_PER_NS = 40.0;
/* Below this a second thread costs more in waiting than it brings. */
static const double WORTH_SHARING_NS = 4000.0, SHARE_NS = 2000.0;
/* The last piece of a thread's share takes about this long at least. */
static const double PIECE_NS = 10000.0;
enum { MOST_PIECES = 6 };
enum { GUARD = 0x5A };

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

static double cost_of(const fnn_work *work)
{
    const double near = work->bytes < NEAR_BYTES ? work->bytes : NEAR_BYTES;
    return work->flops / FLOPS_PER_NS + near / NEAR_BYTES_PER_NS + (work->bytes - near) / BYTES_PER_NS;
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
    double units = (double)in->work.units / in->threads / (double)in->work.grain;
    double cost = in->cost / in->threads;
    int pieces = 1;
    while (pieces < MOST_PIECES && cost >= 2.0 * PIECE_NS && units >= 2.0) {
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
            in->cost = cost_of(&in->work);
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

/* Notes for each slot which operands lie in it. */
static fnn_status index_operands(fnn_plan *plan)
{
    int operands = 0;
    for (int i = 0; i < plan->count; i++)
        operands += (int)plan->instructions[i].call.bufs;
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

fnn_status fnn_plan_schedule(fnn_plan *plan, int threads)
{
    needs all = {.used = 1};
    plan->team = threads < 1 ? 1 : threads;
    plan->saved = 0.0;
    schedule_body(plan, 0, plan->count, 1.0, &all);
    plan->team = all.used;
    pace_start(&plan->pace_single, plan->team);
    pace_start(&plan->pace_many, plan->team);
    free(plan->scratch);
    plan->scratch = NULL;
    plan->scratch_used = all.scratch;
    plan->scratch_stride = 0;
    if (all.scratch) { /* threads never share a page, and a guard lies behind each one's */
        plan->scratch_stride = (all.scratch / 4096 + 1) * 4096;
        plan->scratch = aligned_alloc(4096, (size_t)(plan->scratch_stride * plan->team));
        if (!plan->scratch)
            return FNN_NO_MEMORY;
    }
    for (int me = 0; me < plan->team && all.scratch; me++)
        memset(plan->scratch + me * plan->scratch_stride + all.scratch, GUARD,
               (size_t)(plan->scratch_stride - all.scratch));
    const fnn_status status = index_operands(plan);
    return status == FNN_OK ? plan_groups(plan) : status;
}

int fnn_plan_guards_hold(const fnn_plan *plan)
{
    for (ptrdiff_t i = 0; i < plan->team * plan->scratch_stride; i++)
        if (i % plan->scratch_stride >= plan->scratch_used && plan->scratch[i] != GUARD)
            return 0;
    return 1;
}
