/* plan.c - plans are made, filled with instructions, bound to memory and asked. */
#define _GNU_SOURCE
#include "plan.h"

#include <stdlib.h>
#include <string.h>

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
