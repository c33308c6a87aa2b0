/* reduce.c - sums, products and extremes over the middle axis of x (outer, rows, inner), and where extremes
 * lie.
 *
 * sum_f32, prod_f32, max_f32, min_f32: y[o,p,i] = factor * sum of x[o,r,i] over the rows r of piece p
 *   bufs: x (outer, rows, inner), y (outer, pieces, inner).  sizes: outer, rows, inner, pieces.
 *   attrs: factor (sums only).  units: outer * pieces * strips of STRIP columns.
 * argmax_f32, argmin_f32: the first row whose element is the extreme, or is NaN
 *   bufs: x (outer, rows, inner), y (outer, inner) int32.  sizes: outer, rows, inner.  rows >= 1.
 *   units: outer * strips.
 *
 * A long sum is two calls: one to pieces, one over the pieces' results. The caller cuts by shape alone, so
 * the bits do not depend on threads; and because each piece adds in many chains (rows) or trees of 8
 * (columns), the error grows with the chain's length, not with rows (Higham, Accuracy and Stability of
 * Numerical Algorithms, ch. 4). A NaN among the elements is every result's value.
 */
#if defined(__GNUC__)
#define FNN_INLINE                                                                                           \
    static inline __attribute__((always_inline)) /* `op` must fold: a switch in the loop costs half */
#else
#define FNN_INLINE static inline
#endif

enum { REDUCE_SUM, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN };
enum {
    STRIP = 1024,
    NARROW = 64
}; /* columns a unit takes; under NARROW, rows are joined to make a wide one */

FNN_INLINE float FNN(reduce_start)(int op)
{
    return op == REDUCE_SUM ? 0.0f : op == REDUCE_PROD ? 1.0f : op == REDUCE_MAX ? -INFINITY : INFINITY;
}

FNN_INLINE vf FNN(join)(int op, vf a, vf b)
{
    if (op == REDUCE_SUM)
        return vf_add(a, b);
    if (op == REDUCE_PROD)
        return vf_mul(a, b);
    /* min and max return b if either is NaN: a's own NaN must be put back */
    return vf_select(vf_eq(a, a), op == REDUCE_MAX ? vf_max(a, b) : vf_min(a, b), a);
}

FNN_INLINE float FNN(join_lanes)(int op, vf a)
{
    if (op == REDUCE_SUM)
        return vf_sum(a);
    if (op == REDUCE_MAX)
        return vf_peak(a);
    if (op == REDUCE_MIN)
        return -vf_peak(vf_neg(a));
    float lane[VF_LANES];
    vf_store(lane, a);
    for (int half = VF_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] *= lane[i + half];
    return lane[0];
}

/* The loads and stores of a loop that meets few tails: a whole vector takes no mask. */
FNN_INLINE vf FNN(load_upto)(const float *p, ptrdiff_t n)
{
    return n == VF_LANES ? vf_load(p) : vf_load_n(p, n);
}
FNN_INLINE void FNN(store_upto)(float *p, vf a, ptrdiff_t n)
{
    if (n == VF_LANES)
        vf_store(p, a);
    else
        vf_store_n(p, a, n);
}

static const float FNN(lane_number)[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
/* Which lanes hold the first n elements. */
static inline vm FNN(lanes_below)(ptrdiff_t n) { return vf_lt(vf_load(FNN(lane_number)), vf_set1((float)n)); }

/* One contiguous row. 8 accumulators: an add takes 4 cycles and 2 start each, so fewer chains would stall. */
FNN_INLINE float FNN(reduce_row)(int op, ptrdiff_t n, const float *x)
{
    const vf start = vf_set1(FNN(reduce_start)(op));
    vf a0 = start;
    ptrdiff_t i = 0;
    if (n >= 8 * VF_LANES) {
        vf a1 = start, a2 = start, a3 = start, a4 = start, a5 = start, a6 = start, a7 = start;
        for (; i + 8 * VF_LANES <= n; i += 8 * VF_LANES) {
            a0 = FNN(join)(op, a0, vf_load(x + i));
            a1 = FNN(join)(op, a1, vf_load(x + i + VF_LANES));
            a2 = FNN(join)(op, a2, vf_load(x + i + 2 * VF_LANES));
            a3 = FNN(join)(op, a3, vf_load(x + i + 3 * VF_LANES));
            a4 = FNN(join)(op, a4, vf_load(x + i + 4 * VF_LANES));
            a5 = FNN(join)(op, a5, vf_load(x + i + 5 * VF_LANES));
            a6 = FNN(join)(op, a6, vf_load(x + i + 6 * VF_LANES));
            a7 = FNN(join)(op, a7, vf_load(x + i + 7 * VF_LANES));
        }
        a0 = FNN(join)(op, FNN(join)(op, a0, a1), FNN(join)(op, a2, a3));
        a4 = FNN(join)(op, FNN(join)(op, a4, a5), FNN(join)(op, a6, a7));
        a0 = FNN(join)(op, a0, a4);
    }
    for (; i + VF_LANES <= n; i += VF_LANES)
        a0 = FNN(join)(op, a0, vf_load(x + i));
    if (i < n)
        a0 = FNN(join)(op, a0, vf_select(FNN(lanes_below)(n - i), vf_load_n(x + i, n - i), start));
    return FNN(join_lanes)(op, a0);
}

/* total[c] joined with x[r,c] for r < rows, c < cols; rows lie ld apart. Eight rows make a tree, so that the
 * chain through `total` is an eighth as long and its loads and stores cost little. */
FNN_INLINE void FNN(join_rows)(int op, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t ld, const float *x,
                               float *total)
{
    ptrdiff_t r = 0;
    for (; r + 8 <= rows; r += 8) {
        const float *p = x + r * ld;
        ptrdiff_t c = 0;
        for (; c + VF_LANES <= cols; c += VF_LANES) {
            const vf a = FNN(join)(op, vf_load(p + c), vf_load(p + c + ld));
            const vf b = FNN(join)(op, vf_load(p + c + 2 * ld), vf_load(p + c + 3 * ld));
            const vf d = FNN(join)(op, vf_load(p + c + 4 * ld), vf_load(p + c + 5 * ld));
            const vf e = FNN(join)(op, vf_load(p + c + 6 * ld), vf_load(p + c + 7 * ld));
            vf_store(total + c, FNN(join)(op, vf_load(total + c),
                                          FNN(join)(op, FNN(join)(op, a, b), FNN(join)(op, d, e))));
        }
        const ptrdiff_t n = cols - c;
        if (n > 0) {
            vf a = FNN(join)(op, vf_load_n(p + c, n), vf_load_n(p + c + ld, n));
            for (int k = 2; k < 8; k++)
                a = FNN(join)(op, a, vf_load_n(p + c + k * ld, n));
            vf_store_n(total + c, FNN(join)(op, vf_load_n(total + c, n), a), n);
        }
    }
    for (; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c += VF_LANES) {
            const ptrdiff_t n = fnn_min(VF_LANES, cols - c);
            const vf a = FNN(load_upto)(x + r * ld + c, n);
            FNN(store_upto)(total + c, FNN(join)(op, FNN(load_upto)(total + c, n), a), n);
        }
}

/* How many narrow rows make a wide one: whole vectors of at least NARROW floats, at most NARROW * VF_LANES.
 */
static inline ptrdiff_t FNN(rows_joined)(ptrdiff_t cols)
{
    if (cols >= NARROW)
        return 1;
    ptrdiff_t joined = 1;
    while (joined * cols % VF_LANES != 0) /* ends at VF_LANES at the latest */
        joined *= 2;
    return joined * fnn_ceil_div(NARROW, joined * cols);
}

/* total[c] = x[r,c] joined over all rows, for a strip of columns. Narrow contiguous rows are read as a few
 * wide ones, without masks. */
FNN_INLINE void FNN(reduce_columns)(int op, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t ld, const float *x,
                                    float *total)
{
    const ptrdiff_t joined = cols == ld ? FNN(rows_joined)(cols) : 1;
    ptrdiff_t done = 0;
    for (ptrdiff_t c = 0; c < cols; c++)
        total[c] = FNN(reduce_start)(op);
    if (joined > 1 && rows >= 2 * joined) {
        float wide[NARROW * 16];
        for (ptrdiff_t c = 0; c < joined * cols; c++)
            wide[c] = FNN(reduce_start)(op);
        FNN(join_rows)(op, rows / joined, joined * cols, joined * cols, x, wide);
        FNN(join_rows)(op, joined, cols, cols, wide, total);
        done = rows / joined * joined;
    }
    FNN(join_rows)(op, rows - done, cols, ld, x + done * ld, total);
}

FNN_INLINE void FNN(reduce)(int op, const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi)
{
    const ptrdiff_t rows = call->size[1], inner = call->size[2], pieces = call->size[3];
    const ptrdiff_t strips = fnn_ceil_div(inner, STRIP);
    const float *x = call->buf[0];
    float *y = call->buf[1];
    const float factor = (float)call->attr[0];
    for (ptrdiff_t u = lo; u < hi; u++) {
        const ptrdiff_t strip = u % strips, piece = u / strips % pieces, o = u / strips / pieces;
        const ptrdiff_t first = rows * piece / pieces, n = rows * (piece + 1) / pieces - first;
        const float *from = x + (o * rows + first) * inner + strip * STRIP;
        float *to = y + (o * pieces + piece) * inner + strip * STRIP;
        const ptrdiff_t cols = fnn_min(STRIP, inner - strip * STRIP);
        if (inner == 1)
            *to = FNN(reduce_row)(op, n, from);
        else
            FNN(reduce_columns)(op, n, cols, inner, from, to);
        if (op == REDUCE_SUM && factor != 1.0f)
            for (ptrdiff_t c = 0; c < cols; c++)
                to[c] *= factor;
    }
}

#define FNN_REDUCE(name, op)                                                                                 \
    static void FNN(name)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)                   \
    {                                                                                                        \
        (void)scratch;                                                                                       \
        FNN(reduce)(op, call, lo, hi);                                                                       \
    }
FNN_REDUCE(sum_f32, REDUCE_SUM)
FNN_REDUCE(prod_f32, REDUCE_PROD)
FNN_REDUCE(max_f32, REDUCE_MAX)
FNN_REDUCE(min_f32, REDUCE_MIN)

static void FNN(reduce_work)(const fnn_call *call, fnn_work *work)
{
    const ptrdiff_t outer = call->size[0], rows = call->size[1], inner = call->size[2],
                    pieces = call->size[3];
    work->units = outer * pieces * fnn_ceil_div(inner, STRIP);
    work->bytes = 4.0 * (double)outer * (double)inner * (double)(rows + pieces);
    work->flops = 16.0 * (double)work->units;
}

/* ---- where extremes lie ---- */

/* x beats the best so far: it is more extreme, or the first NaN. */
FNN_INLINE int FNN(beats)(int op, float x, float best)
{
    return (op == REDUCE_MAX ? x > best : x < best) || (isnan(x) && !isnan(best));
}

FNN_INLINE int32_t FNN(position_in_row)(int op, ptrdiff_t n, const float *x)
{
    const float peak = FNN(reduce_row)(op, n, x);
    ptrdiff_t i = 0;
    if (isnan(peak))
        while (!isnan(x[i]))
            i++;
    else
        while (x[i] != peak)
            i++;
    return (int32_t)i;
}

FNN_INLINE void FNN(position)(int op, const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, float *best)
{
    const ptrdiff_t rows = call->size[1], inner = call->size[2], strips = fnn_ceil_div(inner, STRIP);
    const float *x = call->buf[0];
    int32_t *y = call->buf[1];
    for (ptrdiff_t u = lo; u < hi; u++) {
        const ptrdiff_t strip = u % strips, o = u / strips, cols = fnn_min(STRIP, inner - strip * STRIP);
        const float *from = x + o * rows * inner + strip * STRIP;
        int32_t *to = y + o * inner + strip * STRIP;
        if (inner == 1) {
            *to = FNN(position_in_row)(op, rows, from);
            continue;
        }
        for (ptrdiff_t c = 0; c < cols; c++) {
            best[c] = from[c];
            to[c] = 0;
        }
        for (ptrdiff_t r = 1; r < rows; r++)
            for (ptrdiff_t c = 0; c < cols; c++) {
                const int wins = FNN(beats)(op, from[r * inner + c], best[c]);
                best[c] = wins ? from[r * inner + c] : best[c];
                to[c] = wins ? (int32_t)r : to[c];
            }
    }
}

static void FNN(argmax_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    FNN(position)(REDUCE_MAX, call, lo, hi, scratch);
}

static void FNN(argmin_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    FNN(position)(REDUCE_MIN, call, lo, hi, scratch);
}

static void FNN(position_work)(const fnn_call *call, fnn_work *work)
{
    const ptrdiff_t outer = call->size[0], rows = call->size[1], inner = call->size[2];
    work->units = outer * fnn_ceil_div(inner, STRIP);
    work->scratch = STRIP * (ptrdiff_t)sizeof(float);
    work->bytes = 6.0 * (double)outer * (double)inner * (double)rows;
}

#define FNN_REDUCE_KERNELS                                                                                   \
    FNN_KERNEL(sum_f32, reduce_work)                                                                         \
    FNN_KERNEL(prod_f32, reduce_work)                                                                        \
    FNN_KERNEL(max_f32, reduce_work)                                                                         \
    FNN_KERNEL(min_f32, reduce_work)                                                                         \
    FNN_KERNEL(argmax_f32, position_work)                                                                    \
    FNN_KERNEL(argmin_f32, position_work)
