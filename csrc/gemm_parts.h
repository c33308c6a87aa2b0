/* gemm_parts.h - products cut along k, so that each thread takes a part of k and few read what others wrote.
 *
 *     gemm_nn_parts_f32   A (m, k)   B (k, n)     few rows, a large B: a dense layer's small batch
 *     gemm_tn_parts_f32   A (k, m)   B (k, n)     a small C: the gradient for weights that serve many rows
 *     gemm_join_f32       C = act(the parts' sum + bias)
 *   bufs: a, b, parts (parts, m, n); parts, [bias (n,)], c.   sizes: as in gemm.c, without batch axes; the join's
 *   have the number of parts in k's place.   units: of every part some strips; rows.
 *   A thread that takes a part reads the rows of B that it updated (nn), or the rows of A and B that it made (tn), a
 *   moment ago, and finds them in its own cache; fetching them from another core's costs more than the parts do. And
 *   where C is small, every thread would pack nearly all of both operands. The parts' kernels ask for a workspace of
 *   their sums' size where this pays, and for none where gemm_nn_f32 or gemm_tn_f32 is better. */

enum {
    PARTS_MOST = 4,       /* nn */
    PARTS_LEAST_ROWS = 8, /* nn */
    PARTS_MOST_ROWS = 48,
    PARTS_LEAST = 1 << 14,
    PARTS_DEEP = 128,
    PARTS_MOST_LONG = 8,   /* tn */
    PARTS_FLOATS = 1 << 19 /* of all sums */
};

/* In how many parts k is cut: 1 for none. */
static ptrdiff_t FNN(parts_of)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int turn_a)
{
    if (turn_a) {
        const ptrdiff_t most = fnn_min(PARTS_MOST_LONG, PARTS_FLOATS / fnn_max(1, m * n));
        return m * n > GEMM_MOST_SUMS ? 1 : fnn_max(1, fnn_min(most, k / GEMM_LONG));
    }
    if (m < PARTS_LEAST_ROWS || m > PARTS_MOST_ROWS || n <= 2 * FEW_COLS || k * n < PARTS_LEAST)
        return 1;
    return fnn_max(1, fnn_min(PARTS_MOST, k / PARTS_DEEP));
}

static void FNN(parts_cost)(const fnn_call *call, fnn_work *work, int turn_a)
{
    const ptrdiff_t m = call->size[GEMM_M], n = call->size[GEMM_N], k = call->size[GEMM_K];
    const ptrdiff_t parts = FNN(parts_of)(m, n, k, turn_a);
    if (parts == 1 || m == 0 || n == 0)
        return;
    const FNN(gemm_way) way = FNN(gemm_choose)(m, n, k / parts, turn_a, 0);
    const FNN(gemm_way) longer = FNN(gemm_choose)(m, n, fnn_ceil_div(k, parts), turn_a, 0);
    work->units = parts * way.strips;
    work->grain = way.strips;
    work->scratch = fnn_max(way.scratch, longer.scratch) * (ptrdiff_t)sizeof(float);
    work->workspace = parts * m * n * (ptrdiff_t)sizeof(float);
    work->flops = 2.0 * (double)m * (double)n * (double)k;
    work->bytes = 4.0 * ((double)k * (double)(m + n) + (double)(parts * m * n));
}

static void FNN(parts_run)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, float *scratch, int turn_a)
{
    const ptrdiff_t m = call->size[GEMM_M], n = call->size[GEMM_N], k = call->size[GEMM_K];
    const ptrdiff_t parts = FNN(parts_of)(m, n, k, turn_a);
    const FNN(gemm_way) way = FNN(gemm_choose)(m, n, k / parts, turn_a, 0);
    const FNN(side) a = {call->buf[0], turn_a ? m : k, !turn_a}, b = {call->buf[1], n, 0};
    while (lo < hi) {
        const ptrdiff_t part = lo / way.strips, first = lo % way.strips;
        const ptrdiff_t last = fnn_min(way.strips, first + hi - lo);
        const ptrdiff_t from = k * part / parts, to = k * (part + 1) / parts;
        const FNN(product) f = {.m = m,
                                .n = n,
                                .k = to - from,
                                .a = FNN(side_at)(a, 0, from),
                                .b = FNN(side_at)(b, 0, from),
                                .c = (float *)call->buf[2] + part * m * n,
                                .ldc = n};
        FNN(gemm_strips)(&f, &way, first, last, scratch);
        lo += last - first;
    }
}

#define FNN_GEMM_PARTS(name, turn_a)                                                                         \
    static void FNN(name##_work)(const fnn_call *call, fnn_work *work)                                       \
    {                                                                                                        \
        FNN(parts_cost)(call, work, turn_a);                                                                 \
    }                                                                                                        \
    static void FNN(PRODUCT(name))(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)          \
    {                                                                                                        \
        FNN(parts_run)(call, lo, hi, scratch, turn_a);                                                       \
    }
FNN_GEMM_PARTS(gemm_nn_parts, 0)
FNN_GEMM_PARTS(gemm_tn_parts, 1)

/* The join's sizes: those of the product, but in k's place the number of parts. */
enum { JOIN_PARTS = GEMM_K };

static void FNN(gemm_join_work)(const fnn_call *call, fnn_work *work)
{
    const ptrdiff_t m = call->size[GEMM_M], n = call->size[GEMM_N];
    work->units = m;
    work->bytes = 4.0 * (double)(m * n) * (double)(call->size[JOIN_PARTS] + 1);
}

static void FNN(gemm_join_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const ptrdiff_t m = call->size[GEMM_M], n = call->size[GEMM_N], parts = call->size[JOIN_PARTS];
    const float *bias = call->size[GEMM_BIAS] ? call->buf[1] : NULL;
    const float alpha = call->attrs ? (float)call->attr[0] : 0.0f;
    float *const out = call->buf[call->size[GEMM_BIAS] ? 2 : 1];
    (void)scratch;
    for (ptrdiff_t i = lo; i < hi; i++) {
        float *c = out + i * n;
        for (ptrdiff_t j = 0; j < n; j += VF_LANES) {
            const ptrdiff_t wide = fnn_min(VF_LANES, n - j);
            const float *at = (const float *)call->buf[0] + i * n + j;
            vf sum = wide == VF_LANES ? vf_load(at) : vf_load_n(at, wide);
            for (ptrdiff_t part = 1; part < parts; part++) {
                at += m * n;
                sum = vf_add(sum, wide == VF_LANES ? vf_load(at) : vf_load_n(at, wide));
            }
            if (wide == VF_LANES)
                vf_store(c + j, sum);
            else
                vf_store_n(c + j, sum, wide);
        }
        if (bias || call->size[GEMM_ACTIVATION] != FNN_LINEAR)
            FNN(gemm_finish)(n, c, bias, 0.0f, (int)call->size[GEMM_ACTIVATION], alpha, c);
    }
}
