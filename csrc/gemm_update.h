/* gemm_update.h - a weight gradient that goes straight into the optimiser's update, a tile at a time: it never reaches
 * memory.
 *
 *     gemm_tn_sgd_update_f32, gemm_tn_momentum_..., gemm_tn_rmsprop_..., gemm_tn_adam_update_f32
 *   bufs: a (k, m), b (k, n), then the update's (updates.h) without g: w (m, n), rate, decay, slots; w', slots'.
 *   sizes: m, n, k.  attrs: the update's.  units: strips of C, as in gemm.c.
 *   There is work to do only where it pays: few rows of a and b, or variables that no near cache holds, since against a
 * long product the update of what is at hand counts for little. Elsewhere units are 0, and whoever makes the plan takes
 * the product and the update one after the other. */

enum { UPDATE_MOST_ROWS = 48, UPDATE_FAR = 1 << 20 }; /* UPDATE_FAR: a variable's elements */
enum { UPDATE_FROM = 2 };                             /* bufs before the update's own */
enum { UPDATE_W, UPDATE_GRADIENT, UPDATE_SLOTS = 4 }; /* its own */

/* An update that takes a product's elements. */
typedef struct {
    FNN(taker) taker;
    fnn_call call; /* the update's */
} FNN(updater);

static void FNN(gemm_update_work)(const fnn_call *call, fnn_work *work)
{
    const ptrdiff_t m = call->size[GEMM_M], n = call->size[GEMM_N], k = call->size[GEMM_K];
    const FNN(gemm_way) way = FNN(gemm_choose)(m, n, k, 1, 0);
    const ptrdiff_t most = m * n < UPDATE_FAR ? UPDATE_MOST_ROWS : FNN(gemm_depth)(k);
    if (way.form != GEMM_PANELS || k > most)
        return;
    const double once = (double)m * (double)n;
    work->units = way.strips;
    work->grain = way.grain;
    work->scratch = (GEMM_HEAD + way.scratch) * (ptrdiff_t)sizeof(float);
    work->flops = 2.0 * once * (double)k;
    work->bytes = 4.0 * ((double)k * (double)(m + n) + once * (double)(call->bufs - 4));
}

static void FNN(gemm_update_run)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, float *scratch,
                                 FNN(updater) * u)
{
    const ptrdiff_t m = call->size[GEMM_M], n = call->size[GEMM_N], k = call->size[GEMM_K];
    const FNN(gemm_way) way = FNN(gemm_choose)(m, n, k, 1, 0);
    const ptrdiff_t slots = (u->call.bufs - UPDATE_SLOTS) / 2; /* w' and slots' follow them */
    u->taker.reads[0] = u->call.buf[UPDATE_W];
    for (ptrdiff_t r = 1; r < TAKER_READS; r++)
        u->taker.reads[r] = r <= slots ? u->call.buf[UPDATE_SLOTS + r - 1] : NULL;
    const FNN(product) f = {.m = m,
                            .n = n,
                            .k = k,
                            .a = {call->buf[0], m, 0},
                            .b = {call->buf[1], n, 0},
                            .ldc = n,
                            .taker = &u->taker,
                            .packed = (const float **)scratch};
    FNN(gemm_strips)(&f, &way, lo, hi, scratch + GEMM_HEAD);
}

/* The update's own call: the gradient is nowhere. */
static fnn_call FNN(update_call)(const fnn_call *call)
{
    fnn_call own = *call;
    own.bufs = call->bufs - UPDATE_FROM + 1;
    for (ptrdiff_t b = 0; b < own.bufs; b++)
        own.buf[b] = b == UPDATE_GRADIENT ? NULL : call->buf[UPDATE_FROM + b - (b > UPDATE_GRADIENT)];
    return own;
}

#define FNN_GEMM_UPDATE(name, in_registers)                                                                  \
    static void FNN(name##_take)(const FNN(taker) * taker, ptrdiff_t at, ptrdiff_t ldc, ptrdiff_t rows,      \
                                 ptrdiff_t n, const float *sums)                                             \
    {                                                                                                        \
        const FNN(name) update = FNN(name##_of)(&((const FNN(updater) *)taker)->call);                       \
        for (ptrdiff_t i = 0; i < rows; i++, at += ldc, sums += TILE_COLS) {                                 \
            ptrdiff_t j = 0;                                                                                 \
            for (; j + VF_LANES <= n; j += VF_LANES)                                                         \
                FNN(name##_word)(&update, at + j, VF_LANES, vf_load(sums + j));                              \
            if (j < n)                                                                                       \
                FNN(name##_word)(&update, at + j, n - j, vf_load_n(sums + j, n - j));                        \
        }                                                                                                    \
    }                                                                                                        \
    static void FNN(PRODUCT(gemm_tn_##name##_update))(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,      \
                                                      void *scratch)                                         \
    {                                                                                                        \
        FNN(updater) u = {.taker = {.take = FNN(name##_take)}, .call = FNN(update_call)(call)};              \
        const FNN(name) update = FNN(name##_of)(&u.call);                                                    \
        u.taker.sgd = in_registers;                                                                          \
        (void)update;                                                                                        \
        FNN(gemm_update_run)(call, lo, hi, scratch, &u);                                                     \
    }
FNN_GEMM_UPDATE(sgd, &update)
FNN_GEMM_UPDATE(momentum, NULL)
FNN_GEMM_UPDATE(rmsprop, NULL)
FNN_GEMM_UPDATE(adam, NULL)

#define FNN_GEMM_UPDATE_KERNELS                                                                              \
    FNN_KERNEL(PRODUCT(gemm_tn_sgd_update), gemm_update_work)                                                \
    FNN_KERNEL(PRODUCT(gemm_tn_momentum_update), gemm_update_work)                                           \
    FNN_KERNEL(PRODUCT(gemm_tn_rmsprop_update), gemm_update_work)                                            \
    FNN_KERNEL(PRODUCT(gemm_tn_adam_update), gemm_update_work)
