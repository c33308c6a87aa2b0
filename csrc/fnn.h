/* fnn.h - what csrc/ offers: tables of kernels, one per instruction set, and plans that run them.
 *
 * A kernel works on one `fnn_call`: buffers, sizes and scalars in the order its own comment gives (inputs,
 * then outputs, then workspace). Its work is cut into `units` that can be computed in any order and by any
 * thread; a unit's result never depends on how units are shared out, which is why the same bits come out on
 * any number of threads.
 */
#ifndef FNN_H
#define FNN_H

#include <stddef.h>
#include <stdint.h>

#define FNN_MAX_BUFS 64
#define FNN_MAX_SIZES 32
#define FNN_MAX_ATTRS 8
#define FNN_MAX_LOOPS 4 /* loops inside one another */

typedef struct {
    void *buf[FNN_MAX_BUFS];       /* inputs, outputs, workspace */
    ptrdiff_t size[FNN_MAX_SIZES]; /* extents and strides, in elements */
    double attr[FNN_MAX_ATTRS];    /* scalars */
    ptrdiff_t bufs, sizes, attrs;  /* how many of each are in use */
} fnn_call;

/* What running a call takes; a kernel's `work` function fills it from the sizes and attributes alone. */
typedef struct {
    ptrdiff_t units;     /* independent parts; the runner hands out ranges [lo, hi) of them */
    ptrdiff_t grain;     /* ranges of fewer units repeat too much work; 0: any range is as good */
    ptrdiff_t scratch;   /* bytes of private memory each thread needs while it runs */
    ptrdiff_t workspace; /* bytes of shared memory the caller passes as the last buffer; 0: none */
    ptrdiff_t
        made; /* bytes of the one buffer it makes, if only the kernel knows their order; 0: any caller does */
    double flops, bytes; /* arithmetic and memory traffic: they decide how many threads take part */
} fnn_work;

typedef struct {
    const char *name; /* "softmax_f32" */
    /* scratch: fnn_work.scratch bytes, 64-byte aligned. Contents undefined, but for the first pointer's bytes: 0 in the
     * first range of a call that a thread runs, and in those that follow all is as the range before left it. */
    void (*run)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch);
    void (*work)(const fnn_call *call, fnn_work *work);
} fnn_kernel;

typedef struct {
    const char *isa;                /* "base", "avx2", "avx512", "avx512bf16", "amx" */
    const fnn_kernel *const *parts; /* ends with NULL; each part's kernels end with a NULL name */
} fnn_table;

typedef enum { FNN_OK = 0, FNN_NO_MEMORY, FNN_BAD_ARGUMENT } fnn_status;

/* NULL if this CPU or operating system cannot run it, or there is no table of that name. */
const fnn_table *fnn_table_for(const char *isa);
const char *fnn_best_isa(void);

/* ---- plans (plan.c, schedule.c, run.c) ---- */

typedef enum { FNN_READ = 1, FNN_WRITE = 2 } fnn_access;

/* Where one buffer of an instruction lives: `offset` bytes into the memory bound to `slot`, and stride[l] bytes further
 * at each step of the loop around it of depth l. All steps reach the `span` bytes from `offset` on. */
typedef struct {
    int slot;
    int access; /* fnn_access, or both */
    ptrdiff_t offset, bytes, span;
    ptrdiff_t stride[FNN_MAX_LOOPS];
} fnn_operand;

/* The next `body` instructions are run over and over. */
typedef struct {
    int body, depth; /* depth: how many loops are around this one */
    int reversed;    /* from the last step down to 0 */
    int guarded;     /* operand: a byte; the loop ends before the step at which it is 0 */
    int counted;     /* operand, after that: an int32, how many steps are run, at most `most` */
    ptrdiff_t most;
} fnn_loop;

typedef struct fnn_plan fnn_plan;

typedef struct {
    uint64_t nanoseconds, runs; /* on the first thread, waiting included */
    int threads, barrier;       /* barrier: 1 if the threads meet before it */
    fnn_work work;
} fnn_instruction_info;

fnn_plan *fnn_plan_new(int instructions, int slots);
void fnn_plan_free(fnn_plan *plan);
/* Fills instruction `at`; call->buf is ignored, `operands` has call->bufs entries. */
fnn_status fnn_plan_set(fnn_plan *plan, int at, const fnn_kernel *kernel, const fnn_call *call,
                        const fnn_operand *operands);
/* Instruction `at` is a loop; operands: the guard, if guarded, then the count, if counted. */
fnn_status fnn_plan_set_loop(fnn_plan *plan, int at, const fnn_loop *loop, const fnn_operand *operands);
/* Instruction `at` runs one of the `count` bodies that follow, of these lengths: the one whose number is in `index`, an
 * int32, moved inside 0 .. count - 1. At most FNN_MAX_SIZES bodies. */
fnn_status fnn_plan_set_choice(fnn_plan *plan, int at, int count, const int *lengths,
                               const fnn_operand *index);
/* After the last `set` and whenever the number of threads changes: shares out work, places barriers. */
fnn_status fnn_plan_schedule(fnn_plan *plan, int threads);
void fnn_plan_bind(fnn_plan *plan, int slot, void *memory);
/* Which step of the loop of depth `depth` a run of a part of its body belongs to, where the caller does the looping. */
void fnn_plan_enter(fnn_plan *plan, int depth, ptrdiff_t step);
/* Runs instructions [first, last) in order, `steps` times over. Needs no lock but the plan's owner's. */
void fnn_plan_run(fnn_plan *plan, int first, int last, ptrdiff_t steps);
void fnn_plan_profile(fnn_plan *plan, int on); /* on: clears the clocks */
void fnn_plan_info(const fnn_plan *plan, int at, fnn_instruction_info *info);
int fnn_plan_guards_hold(const fnn_plan *plan); /* 0: a kernel wrote behind its scratch memory */

#endif
