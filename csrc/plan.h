/* plan.h - what a plan is made of; for the files that fill (plan.c), schedule (schedule.c) and run (run.c) it.
 *
 * A plan is a list of instructions over memory bound to numbered slots. Small instructions run on one thread; larger
 * ones are cut into pieces that the threads take as they come (team.h). Threads wait for each other only before an
 * instruction that touches memory which another thread may have touched since the last wait. Loops and choices in
 * which several take part they go through together (lockstep.h).
 */
#ifndef FNN_PLAN_H
#define FNN_PLAN_H

#include "fnn.h"
#include "lockstep.h"
#include "pace.h"
#include "team.h"

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
    ptrdiff_t scratch_stride, scratch_used;
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

#endif
