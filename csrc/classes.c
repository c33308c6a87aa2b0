/* classes.c - class numbers and rows of scores: what is picked, placed, hit, ranked and counted.
 *
 * pick_class_f32     y[r] = x[r, label[r]], NaN for a label that is no column
 *     bufs: x (rows, cols), label (rows,) int32, y (rows,).  sizes: rows, cols.
 * place_class_f32    y[r, c] = dy[r] where c = label[r], else 0
 *     bufs: label, dy (rows,), y (rows, cols).  sizes: rows, cols.
 * class_hits_f32     y[r] = 1 where label[r] is the column of the row's largest score, else 0
 *     bufs: label (rows,), x (rows, cols), y (rows,).  sizes: rows, cols, the labels' element type (chain.h).
 * shared_peak_f32    y[r] = 1 where both rows have their largest element in the same column, else 0
 *     bufs: a, b (rows, cols), y (rows,).  sizes: rows, cols.
 * in_top_k_f32       whether fewer than k of a row's elements are greater than the target's
 *     bufs: targets (rows,) int32, x (rows, cols), y (rows,) uint8.  sizes: rows, cols, k.
 * top_k_f32          the columns of the k largest elements, the largest first; of equal ones the first first
 *     bufs: x (rows, cols), y (rows, k) int32.  sizes: rows, cols, k.  cols >= k.
 * bincount_i32, bincount_f32    y[r, c] = how many x[r, i] are c, or the sum of their weights
 *     bufs: x (rows, n) int32, y (rows, size) int32; with weights: x, weights, y, both int32 or both float32.
 *     sizes: rows, n, size.
 *   units: rows.  The largest of a row with a NaN is its first NaN; of equal elements the first counts.
 */

#if VF_LANES == 16
#define FNN_LANE_BITS(mask) ((unsigned)(mask))
#elif VF_LANES == 8
#define FNN_LANE_BITS(mask) ((unsigned)_mm256_movemask_ps(mask))
#else
#define FNN_LANE_BITS(mask) ((unsigned)((mask) != 0))
#endif

/* The first column in [0, cols) that equals `wanted` (is NaN, if that is NaN); cols where there is none. */
static inline ptrdiff_t FNN(first_equal)(ptrdiff_t cols, const float *x, float wanted)
{
    const int nan = isnan(wanted);
    const vf w = vf_set1(wanted);
    for (ptrdiff_t c = 0; c < cols; c += VF_LANES) {
        const ptrdiff_t n = fnn_min(VF_LANES, cols - c);
        const vf a = FNN(load_upto)(x + c, n);
        const unsigned bits = FNN_LANE_BITS(nan ? vm_not(vf_eq(a, a)) : vf_eq(a, w)) & ((1u << n) - 1u);
        if (bits)
            return c + __builtin_ctz(bits);
    }
    return cols;
}

static inline ptrdiff_t FNN(peak_column)(ptrdiff_t cols, const float *x)
{
    return FNN(first_equal)(cols, x, FNN(reduce_row)(REDUCE_MAX, cols, x));
}

static void FNN(classes_work)(const fnn_call *call, fnn_work *work)
{
    work->units = call->size[0];
    work->flops = 40.0 * (double)call->size[0];
    work->bytes = 4.0 * (double)call->size[0] * (double)call->size[1];
}

static void FNN(pick_class_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    const float *x = call->buf[0];
    const int32_t *label = call->buf[1];
    float *y = call->buf[2];
    for (ptrdiff_t r = lo; r < hi; r++)
        y[r] = label[r] >= 0 && label[r] < cols ? x[r * cols + label[r]] : NAN;
}

static void FNN(place_class_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    const int32_t *label = call->buf[0];
    const float *dy = call->buf[1];
    float *y = call->buf[2];
    if (lo < hi && cols > 0)
        memset(y + lo * cols, 0, (size_t)((hi - lo) * cols) * sizeof *y);
    for (ptrdiff_t r = lo; r < hi; r++)
        if (label[r] >= 0 && label[r] < cols)
            y[r * cols + label[r]] = dy[r];
}

/* Element i of an array of labels; a fraction or a number too large is no column, and gives -1. */
static inline ptrdiff_t FNN(label_at)(int type, const void *labels, ptrdiff_t i)
{
    switch (type) {
    case CHAIN_F32: {
        const float value = ((const float *)labels)[i];
        return value >= 0.0f && value < 2147483648.0f && value == floorf(value) ? (ptrdiff_t)value : -1;
    }
    case CHAIN_I32:
        return ((const int32_t *)labels)[i];
    case CHAIN_I64:
        return (ptrdiff_t)((const int64_t *)labels)[i];
    case CHAIN_I8:
        return ((const int8_t *)labels)[i];
    case CHAIN_U32:
        return (ptrdiff_t)((const uint32_t *)labels)[i];
    default:
        return ((const uint8_t *)labels)[i];
    }
}

static void FNN(class_hits_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    const int type = (int)call->size[2];
    const float *x = call->buf[1];
    float *y = call->buf[2];
    for (ptrdiff_t r = lo; r < hi; r++) {
        const ptrdiff_t label = FNN(label_at)(type, call->buf[0], r);
        y[r] = label >= 0 && label < cols && FNN(peak_column)(cols, x + r * cols) == label ? 1.0f : 0.0f;
    }
}

static void FNN(shared_peak_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    const float *a = call->buf[0], *b = call->buf[1];
    float *y = call->buf[2];
    for (ptrdiff_t r = lo; r < hi; r++)
        y[r] = FNN(peak_column)(cols, a + r * cols) == FNN(peak_column)(cols, b + r * cols) ? 1.0f : 0.0f;
}

static void FNN(in_top_k_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1], k = call->size[2];
    const int32_t *target = call->buf[0];
    const float *x = call->buf[1];
    uint8_t *y = call->buf[2];
    for (ptrdiff_t r = lo; r < hi; r++) {
        const float *row = x + r * cols;
        const int inside = target[r] >= 0 && target[r] < cols;
        const float own = inside ? row[target[r]] : NAN;
        ptrdiff_t above = 0, odd = !isfinite(own);
        for (ptrdiff_t c = 0; c < cols; c++)
            above += row[c] > own;
        y[r] = !odd && above < k;
    }
}

static void FNN(top_k_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const ptrdiff_t cols = call->size[1], k = call->size[2];
    float *best = scratch;
    for (ptrdiff_t r = lo; r < hi && k > 0; r++) {
        const float *row = (const float *)call->buf[0] + r * cols;
        int32_t *place = (int32_t *)call->buf[1] + r * k;
        ptrdiff_t have = 0;
        for (ptrdiff_t c = 0; c < cols; c++) {
            if (have == k && !FNN(beats)(REDUCE_MAX, row[c], best[k - 1]))
                continue;
            ptrdiff_t at = have < k ? have++ : k - 1;
            for (; at > 0 && FNN(beats)(REDUCE_MAX, row[c], best[at - 1]); at--) {
                best[at] = best[at - 1];
                place[at] = place[at - 1];
            }
            best[at] = row[c];
            place[at] = (int32_t)c;
        }
    }
}

static void FNN(top_k_work)(const fnn_call *call, fnn_work *work)
{
    work->units = call->size[0];
    work->scratch = call->size[2] * (ptrdiff_t)sizeof(float);
    work->flops = 50.0 * (double)call->size[0] * (double)(call->size[1] + call->size[2] * call->size[2]);
}

#define FNN_BINCOUNT(name, weight_t, one)                                                                    \
    static void FNN(name)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)                   \
    {                                                                                                        \
        (void)scratch;                                                                                       \
        const ptrdiff_t n = call->size[1], size = call->size[2];                                             \
        const int weighted = call->bufs > 2;                                                                 \
        for (ptrdiff_t r = lo; r < hi; r++) {                                                                \
            const int32_t *x = (const int32_t *)call->buf[0] + r * n;                                        \
            const weight_t *w = weighted ? (const weight_t *)call->buf[1] + r * n : NULL;                    \
            weight_t *y = (weight_t *)call->buf[weighted ? 2 : 1] + r * size;                                \
            for (ptrdiff_t c = 0; c < size; c++)                                                             \
                y[c] = 0;                                                                                    \
            for (ptrdiff_t i = 0; i < n; i++)                                                                \
                if (x[i] >= 0 && x[i] < size)                                                                \
                    y[x[i]] += weighted ? w[i] : one;                                                        \
        }                                                                                                    \
    }
FNN_BINCOUNT(bincount_i32, uint32_t, 1) /* unsigned: sums wrap */
FNN_BINCOUNT(bincount_f32, float, 1.0f)

static void FNN(bincount_work)(const fnn_call *call, fnn_work *work)
{
    work->units = call->size[0];
    work->bytes = (double)call->size[0] * (30.0 * (double)call->size[1] + 4.0 * (double)call->size[2]);
}

#define FNN_CLASSES_KERNELS                                                                                  \
    FNN_KERNEL(pick_class_f32, classes_work)                                                                 \
    FNN_KERNEL(place_class_f32, classes_work)                                                                \
    FNN_KERNEL(class_hits_f32, classes_work)                                                                 \
    FNN_KERNEL(shared_peak_f32, classes_work)                                                                \
    FNN_KERNEL(in_top_k_f32, classes_work)                                                                   \
    FNN_KERNEL(top_k_f32, top_k_work)                                                                        \
    FNN_KERNEL(bincount_i32, bincount_work)                                                                  \
    FNN_KERNEL(bincount_f32, bincount_work)
