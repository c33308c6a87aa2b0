/* gemm_update.h - a weight gradient that goes straight into the optimiser's update, a tile of rows at a time: it never
 * reaches memory. SGD's is made from the registers.
 *
 *     gemm_tn_sgd_update_f32, gemm_tn_momentum_..., gemm_tn_rmsprop_..., gemm_tn_adam_update_f32
 *   bufs: a (k, m), b (k, n), then the update's (updates.h) without g: w (m, n), rate, decay, slots; w', slots'.
 *   sizes: m, n, k.  attrs: the update's.  units: strips of C, as in gemm.c.
 *   There is work to do only where it pays: panels of whole rows, so that variables are read as they lie, and few rows of
 * a and b, since against a long product the update counts for little; and with slots, variables that no near cache holds.
 * Elsewhere units are 0, and whoever makes the plan takes the product and the update one after the other. */

enum { UPDATE_MOST_ROWS = 48, UPDATE_FAR = 1 << 18 };                 /* UPDATE_FAR: a variable's elements */
enum { UPDATE_FROM = 2 };                                             /* bufs before the update's own */
enum { UPDATE_W, UPDATE_GRADIENT, UPDATE_SCALARS, UPDATE_SLOTS = 4 }; /* its own */

/* An update that takes a product's rows. */
typedef struct {
    FNN(taker) taker;
    FNN(update_span) * run;
    fnn_call call; /* the update's; its gradient is nowhere */
    ptrdiff_t n;   /* columns of the variable */
} FNN(updater);

static void FNN(updater_take)(FNN(taker) * taker, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j, ptrdiff_t n)
{
    const FNN(updater) *u = (const FNN(updater) *)taker;
    const ptrdiff_t runs = n == u->n ? 1 : rows; /* whole rows follow one another */
    for (ptrdiff_t r = 0; r < runs; r++)
        u->run(&u->call, (i + r) * u->n + j, rows / runs * n, taker->sums + r * n);
}

static void FNN(gemm_update_cost)(const fnn_call *call, fnn_work *work, ptrdiff_t least)
{
    const ptrdiff_t m = call->size[GEMM_M], n = call->size[GEMM_N], k = call->size[GEMM_K];
    const FNN(gemm_way) way = FNN(gemm_choose)(m, n, k, 1, 0);
    if (way.form != GEMM_PANELS || k > UPDATE_MOST_ROWS || m * n < least ||
        FNN(panels_chunk)(0, n, FNN(panels_deep)(fnn_max(1, k))) < n)
        return;
    const double once = (double)m * (double)n;
    work->units = way.strips;
    work->grain = way.grain;
    work->scratch = (GEMM_HEAD + way.scratch + FNN(panels_sums)(n, k)) * (ptrdiff_t)sizeof(float);
    work->flops = 2.0 * once * (double)k;
    work->bytes = 4.0 * ((double)k * (double)(m + n) + 3.0 * once);
}
static void FNN(gemm_sgd_update_work)(const fnn_call *call, fnn_work *work)
{
    FNN(gemm_update_cost)(call, work, 0);
}
static void FNN(gemm_slots_update_work)(const fnn_call *call, fnn_work *work)
{
    FNN(gemm_update_cost)(call, work, UPDATE_FAR);
}

static void FNN(gemm_update_run)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, float *scratch,
                                 FNN(update_span) * run)
{
    const ptrdiff_t m = call->size[GEMM_M], n = call->size[GEMM_N], k = call->size[GEMM_K];
    const FNN(gemm_way) way = FNN(gemm_choose)(m, n, k, 1, 0);
    FNN(updater)
    u = {.taker = {.sums = scratch + GEMM_HEAD + way.scratch, .take = FNN(updater_take)},
         .run = run,
         .call = *call,
         .n = n};
    u.call.bufs = call->bufs - UPDATE_FROM + 1;
    for (ptrdiff_t b = 0; b < u.call.bufs; b++)
        u.call.buf[b] = b == UPDATE_GRADIENT ? NULL : call->buf[UPDATE_FROM + b - (b > UPDATE_GRADIENT)];
    const ptrdiff_t slots = (u.call.bufs - UPDATE_SLOTS) / 2; /* w' and slots' follow them */
    u.taker.reads[0] = u.call.buf[UPDATE_W];
    for (ptrdiff_t s = 1; s < SWEEP_SOON && s <= slots; s++)
        u.taker.reads[s] = u.call.buf[UPDATE_SLOTS + s - 1];
    FNN(product)
    f = {.m = m,
         .n = n,
         .k = k,
         .a = {call->buf[0], m, 0},
         .b = {call->buf[1], n, 0},
         .ldc = n,
         .packed = (const float **)scratch};
    FNN(sgd) sgd;
    if (PANELS_SGD && run == FNN(sgd_span)) {
        sgd = FNN(sgd_of)(&u.call);
        f.sgd = &sgd;
        f.c = sgd.to;
    } else {
        f.taker = &u.taker;
    }
    FNN(gemm_strips)(&f, &way, lo, hi, scratch + GEMM_HEAD);
}

#define FNN_GEMM_UPDATE(name)                                                                                \
    static void FNN(PRODUCT(gemm_tn_##name##_update))(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,      \
                                                      void *scratch)                                         \
    {                                                                                                        \
        FNN(gemm_update_run)(call, lo, hi, scratch, FNN(name##_span));                                       \
    }
FNN_GEMM_UPDATE(sgd)
FNN_GEMM_UPDATE(momentum)
FNN_GEMM_UPDATE(rmsprop)
FNN_GEMM_UPDATE(adam)

#define FNN_GEMM_UPDATE_KERNELS                                                                              \
    FNN_KERNEL(PRODUCT(gemm_tn_sgd_update), gemm_sgd_update_work)                                            \
    FNN_KERNEL(PRODUCT(gemm_tn_momentum_update), gemm_slots_update_work)                                     \
    FNN_KERNEL(PRODUCT(gemm_tn_rmsprop_update), gemm_slots_update_work)                                      \
    FNN_KERNEL(PRODUCT(gemm_tn_adam_update), gemm_slots_update_work)
