/* gemm_update.h - a weight gradient that goes straight into the optimiser's update, a tile of rows at a time: it never
 * reaches memory.
 *
 *     gemm_tn_sgd_update_f32, gemm_tn_momentum_..., gemm_tn_rmsprop_..., gemm_tn_adam_update_f32
 *   bufs: a (k, m), b (k, n), then the update's (updates.h) without g: w (m, n), rate, decay, slots; w', slots'.
 *   sizes: m, n, k.  attrs: the update's.  units: strips of C, as in gemm.c.
 *   There is work to do only where it pays: panels of whole rows, so that variables are read as they lie, and few rows of
 * a and b, since against a long product the update counts for little. Elsewhere units are 0, and whoever makes the plan
 * takes the product and the update one after the other. */
#include "updates.h"

enum { UPDATE_MOST_ROWS = 48 };
enum { UPDATE_FROM = 2 };                                             /* bufs before the update's own */
enum { UPDATE_W, UPDATE_GRADIENT, UPDATE_SCALARS, UPDATE_SLOTS = 4 }; /* its own */

typedef void FNN(update)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch);
typedef struct {
    FNN(taker) taker;
    FNN(update) * run;
    ptrdiff_t n;                /* columns of the variable */
    float *whole[FNN_MAX_BUFS]; /* the update's bufs */
    fnn_call part;              /* what is updated next */
} FNN(updater);

static void FNN(updater_take)(FNN(taker) * taker, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j, ptrdiff_t n)
{
    FNN(updater) *u = (FNN(updater) *)taker;
    const ptrdiff_t runs = n == u->n ? 1 : rows; /* whole rows follow one another */
    u->part.size[0] = rows / runs * n;
    for (ptrdiff_t r = 0; r < runs; r++) {
        const ptrdiff_t at = (i + r) * u->n + j;
        u->part.buf[UPDATE_W] = u->whole[UPDATE_W] + at;
        u->part.buf[UPDATE_GRADIENT] = taker->sums + r * n;
        for (ptrdiff_t b = UPDATE_SLOTS; b < u->part.bufs; b++)
            u->part.buf[b] = u->whole[b] + at;
        u->run(&u->part, 0, fnn_ceil_div(u->part.size[0], FNN_UPDATE_BLOCK), NULL);
    }
}

static void FNN(gemm_update_work)(const fnn_call *call, fnn_work *work)
{
    const ptrdiff_t m = call->size[GEMM_M], n = call->size[GEMM_N], k = call->size[GEMM_K];
    const FNN(gemm_way) way = FNN(gemm_choose)(m, n, k, 1, 0);
    if (way.form != GEMM_PANELS || k > UPDATE_MOST_ROWS ||
        FNN(panels_chunk)(n, FNN(panels_deep)(fnn_max(1, k))) < n)
        return;
    const double once = (double)m * (double)n;
    work->units = way.strips;
    work->grain = way.grain;
    work->scratch = (way.scratch + FNN(panels_sums)(n, k)) * (ptrdiff_t)sizeof(float);
    work->flops = 2.0 * once * (double)k;
    work->bytes = 4.0 * ((double)k * (double)(m + n) + once * (double)(call->bufs - 4));
}

static void FNN(gemm_update_run)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, float *scratch,
                                 FNN(update) * run)
{
    const ptrdiff_t m = call->size[GEMM_M], n = call->size[GEMM_N], k = call->size[GEMM_K];
    const FNN(gemm_way) way = FNN(gemm_choose)(m, n, k, 1, 0);
    FNN(updater)
    u = {.taker = {.sums = scratch + way.scratch, .take = FNN(updater_take)}, .run = run, .n = n};
    u.part.bufs = call->bufs - UPDATE_FROM + 1;
    u.part.sizes = 1;
    u.part.attrs = call->attrs;
    memcpy(u.part.attr, call->attr, sizeof call->attr);
    for (ptrdiff_t b = 0; b < u.part.bufs; b++)
        if (b != UPDATE_GRADIENT)
            u.part.buf[b] = u.whole[b] = call->buf[UPDATE_FROM + b - (b > UPDATE_GRADIENT)];
    const FNN(product)
        f = {.m = m, .n = n, .k = k, .a = {call->buf[0], m, 0}, .b = {call->buf[1], n, 0}, .taker = &u.taker};
    FNN(gemm_strips)(&f, &way, lo, hi, scratch);
}

#define FNN_GEMM_UPDATE(name)                                                                                \
    static void FNN(PRODUCT(gemm_tn_##name##_update))(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,      \
                                                      void *scratch)                                         \
    {                                                                                                        \
        FNN(gemm_update_run)(call, lo, hi, scratch, FNN(name##_update_f32));                                 \
    }
FNN_GEMM_UPDATE(sgd)
FNN_GEMM_UPDATE(momentum)
FNN_GEMM_UPDATE(rmsprop)
FNN_GEMM_UPDATE(adam)

#define FNN_GEMM_UPDATE_KERNELS                                                                              \
    FNN_KERNEL(PRODUCT(gemm_tn_sgd_update), gemm_update_work)                                                \
    FNN_KERNEL(PRODUCT(gemm_tn_momentum_update), gemm_update_work)                                           \
    FNN_KERNEL(PRODUCT(gemm_tn_rmsprop_update), gemm_update_work)                                            \
    FNN_KERNEL(PRODUCT(gemm_tn_adam_update), gemm_update_work)
