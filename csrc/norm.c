/* norm.c - batch normalisation over columns, layer and root-mean-square normalisation over rows.
 *
 * Batch normalisation of x (rows, cols) runs in three calls, forward and backward alike: statistics of pieces
 * of rows, their combination, and one pass over the elements. N = rows. y = (x - mean) * scale + beta, scale
 * = gamma * inv,   inv = 1 / sqrt(variance + epsilon) dbeta = sum(dz),   dgamma = inv * sum(dz * (x - mean)),
 * dz = dy, or 0 where a relu gave 0 dx = scale * (dz - dbeta / N - (x - mean) * inv * dgamma / N) The relu is
 * found again from x by the same operations in the same order, so no y need be read: it takes `normalised` to
 * stay the only form of y. x - mean is taken first: scale * x + shift loses the digits that mean / deviation
 * has (tested at 1e4).
 *
 * batch_norm_pieces_f32: mean and sum of squares about it, of each piece of rows
 *   bufs: x (rows, cols), pieces (pieces, 2, cols).  sizes: rows, cols, pieces.  units: pieces.
 * batch_norm_combine_f32: moments from the pieces' (Chan, Golub and LeVeque, The American Statistician, 1983)
 *   bufs: pieces, gamma (cols,), mean (cols,), variance (cols,), scale (cols,).  sizes: rows, cols, pieces.
 *   attrs: epsilon.  units: strips of COMBINED columns.
 * batch_norm_apply_f32: y, to which another tensor may be added before the relu; y may be that or x
 *   bufs: x, mean, scale, beta, [added (rows, cols)], y.  sizes: rows, cols, relu, adds.  units: blocks of
 * BLOCK rows. batch_norm_scale_f32: scale again, for the gradient.  bufs: gamma, variance, scale.  sizes:
 * cols. attrs: epsilon.  units: 1. batch_norm_grad_pieces_f32: sum(dz) and sum(dz * (x - mean)) of each piece
 *   bufs: x, mean, scale, beta, dy, pieces (pieces, 2, cols).  sizes: rows, cols, pieces, relu.  units:
 * pieces. batch_norm_grad_combine_f32: dgamma, dbeta, and what dx takes off: shares (2, cols) of 1 and of x -
 * mean bufs: pieces, variance, dgamma, dbeta, shares.  sizes: rows, cols, pieces.  attrs: epsilon.  units:
 * strips. batch_norm_grad_apply_f32: dx = scale * (dz - shares[0] - (x - mean) * shares[1]); it may be x or
 * dy bufs: x, mean, scale, beta, dy, shares, dx.  sizes: rows, cols, relu.  units: blocks of BLOCK rows.
 *
 * layer_norm_f32: y = (x - mean) * inv * gamma + beta; y may be x
 *   bufs: x (rows, cols), gamma (cols,), beta, y, mean (rows,), inv (rows,).  sizes: rows, cols.  attrs:
 * epsilon. rms_norm_f32: y = x * inv * gamma, inv = 1 / sqrt(mean(x * x) + epsilon) bufs: x, gamma, y, inv.
 * sizes, attrs: as above.  units of both: rows. layer_norm_grad_f32, rms_norm_grad_f32: with h = (x - mean) *
 * inv and g = dy * gamma, dx = inv * (g - mean(g) - h * mean(g * h)), the first mean for layers alone; of
 * each piece of rows, dgamma[p] = sum(dy * h), dbeta[p] = sum(dy).  dx may be x or dy. bufs: x, gamma, mean,
 * inv, dy, dx, dgamma (pieces, cols), dbeta (pieces, cols); without mean and dbeta for rms. sizes: rows,
 * cols, pieces.  units: pieces.
 *
 * The caller cuts rows into pieces by shape alone, for columns into such as the cache holds: they are read
 * twice.
 */
enum {
    BLOCK = 64,
    COMBINED = 64
}; /* rows an elementwise pass takes at a time; columns a combination takes */
enum { COLUMN_SUM, COLUMN_SQUARE, COLUMN_GRAD, COLUMN_GRAD_RELU };

FNN_INLINE vf FNN(normalised)(vf x, vf mean, vf scale, vf beta)
{
    return vf_fma(vf_sub(x, mean), scale, beta);
}

/* dy where the relu was open, 0 elsewhere; a NaN in z closes it, as y > 0 says. */
FNN_INLINE vf FNN(through_relu)(vf dy, vf z) { return vf_select(vf_lt(vf_zero(), z), dy, vf_zero()); }

/* What one row of vectors adds to its columns' two sums. */
FNN_INLINE void FNN(column_terms)(int what, vf x, vf mean, vf scale, vf beta, vf dy, vf *first, vf *second)
{
    if (what == COLUMN_SUM) {
        *first = vf_add(*first, x);
        return;
    }
    const vf away = vf_sub(x, mean);
    if (what == COLUMN_SQUARE) {
        *first = vf_fma(away, away, *first);
        return;
    }
    if (what == COLUMN_GRAD_RELU)
        dy = FNN(through_relu)(dy, FNN(normalised)(x, mean, scale, beta));
    *first = vf_add(*first, dy);
    *second = vf_fma(dy, away, *second);
}

/* Adds the terms of `rows` rows, `cols` wide, to first[cols] and second[cols]; unused pointers may be NULL.
 * Rows go in groups of 16, so that a group's sum is short and the running total is touched once a group. */
FNN_INLINE void FNN(add_columns)(int what, ptrdiff_t rows, ptrdiff_t cols, const float *x, const float *dy,
                                 const float *mean, const float *scale, const float *beta, float *first,
                                 float *second)
{
    const int grad = what >= COLUMN_GRAD, relu = what == COLUMN_GRAD_RELU;
    for (ptrdiff_t r = 0; r < rows; r += 16) {
        const ptrdiff_t last = fnn_min(rows, r + 16);
        for (ptrdiff_t c = 0; c < cols; c += VF_LANES) {
            const ptrdiff_t n = fnn_min(VF_LANES, cols - c);
            vf a = vf_zero(), b = vf_zero(), d = vf_zero(), e = vf_zero();
            const vf z = vf_zero();
            if (n == VF_LANES) {
                const vf m = what == COLUMN_SUM ? z : vf_load(mean + c);
                const vf s = relu ? vf_load(scale + c) : z, o = relu ? vf_load(beta + c) : z;
                ptrdiff_t k = r;
                for (; k + 2 <= last; k += 2) { /* two chains: an add takes 4 cycles */
                    const ptrdiff_t at = k * cols + c;
                    if (grad && cols <= 128 &&
                        c % 16 == 0) { /* no prefetcher guesses the next group of rows */
                        __builtin_prefetch(x + at + 16 * cols);
                        __builtin_prefetch(x + at + 17 * cols);
                        __builtin_prefetch(dy + at + 16 * cols);
                        __builtin_prefetch(dy + at + 17 * cols);
                    }
                    FNN(column_terms)(what, vf_load(x + at), m, s, o, grad ? vf_load(dy + at) : z, &a, &b);
                    FNN(column_terms)(what, vf_load(x + at + cols), m, s, o,
                                      grad ? vf_load(dy + at + cols) : z, &d, &e);
                }
                if (k < last)
                    FNN(column_terms)(what, vf_load(x + k * cols + c), m, s, o,
                                      grad ? vf_load(dy + k * cols + c) : z, &a, &b);
                vf_store(first + c, vf_add(vf_load(first + c), vf_add(a, d)));
                if (grad)
                    vf_store(second + c, vf_add(vf_load(second + c), vf_add(b, e)));
                continue;
            }
            const vf m = what == COLUMN_SUM ? z : FNN(load_upto)(mean + c, n);
            const vf s = relu ? FNN(load_upto)(scale + c, n) : z, o = relu ? FNN(load_upto)(beta + c, n) : z;
            for (ptrdiff_t k = r; k < last; k++) {
                const ptrdiff_t at = k * cols + c;
                FNN(column_terms)(what, FNN(load_upto)(x + at, n), m, s, o,
                                  grad ? FNN(load_upto)(dy + at, n) : z, &a, &b);
            }
            FNN(store_upto)(first + c, vf_add(FNN(load_upto)(first + c, n), a), n);
            if (grad)
                FNN(store_upto)(second + c, vf_add(FNN(load_upto)(second + c, n), b), n);
        }
    }
}

/* to[0..joined * cols): `from` (cols) over and over. */
static inline const float *FNN(repeated)(ptrdiff_t joined, ptrdiff_t cols, const float *from, float *to)
{
    for (ptrdiff_t j = 0; j < joined; j++)
        memcpy(to + j * cols, from, (size_t)cols * sizeof *to);
    return to;
}

/* first (and second) over all `rows` rows. Narrow rows are joined to wide ones (reduce.c), their sums then
 * folded. */
FNN_INLINE void FNN(column_sums)(int what, ptrdiff_t rows, ptrdiff_t cols, const float *x, const float *dy,
                                 const float *mean, const float *scale, const float *beta, float *first,
                                 float *second)
{
    const int grad = what >= COLUMN_GRAD, relu = what == COLUMN_GRAD_RELU;
    const ptrdiff_t joined = FNN(rows_joined)(cols), wide = joined * cols, bands = rows / joined;
    memset(first, 0, (size_t)cols * sizeof *first);
    if (grad)
        memset(second, 0, (size_t)cols * sizeof *second);
    ptrdiff_t done = 0;
    if (joined > 1 && bands >= 4) {
        float sums[2][NARROW * 16], m[NARROW * 16], s[NARROW * 16], o[NARROW * 16];
        memset(sums, 0, sizeof sums);
        FNN(add_columns)(what, bands, wide, x, dy,
                         what == COLUMN_SUM ? NULL : FNN(repeated)(joined, cols, mean, m),
                         relu ? FNN(repeated)(joined, cols, scale, s) : NULL,
                         relu ? FNN(repeated)(joined, cols, beta, o) : NULL, sums[0], sums[1]);
        FNN(join_rows)(REDUCE_SUM, joined, cols, cols, sums[0], first);
        if (grad)
            FNN(join_rows)(REDUCE_SUM, joined, cols, cols, sums[1], second);
        done = bands * joined;
    }
    FNN(add_columns)(what, rows - done, cols, x + done * cols, grad ? dy + done * cols : NULL, mean, scale,
                     beta, first, second);
}

static void FNN(batch_norm_pieces_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const ptrdiff_t rows = call->size[0], cols = call->size[1], pieces = call->size[2];
    const float *restrict x = call->buf[0];
    float *mean = scratch; /* kept apart from the result, so that the loops may assume nothing overlaps */
    for (ptrdiff_t p = lo; p < hi; p++) {
        const ptrdiff_t start = rows * p / pieces, n = rows * (p + 1) / pieces - start;
        float *to = (float *)call->buf[1] + 2 * p * cols;
        FNN(column_sums)(COLUMN_SUM, n, cols, x + start * cols, NULL, NULL, NULL, NULL, mean, NULL);
        for (ptrdiff_t c = 0; c < cols; c++)
            mean[c] /= (float)n;
        memcpy(to, mean, (size_t)cols * sizeof *to);
        FNN(column_sums)(COLUMN_SQUARE, n, cols, x + start * cols, NULL, mean, NULL, NULL, to + cols, NULL);
    }
}

static void FNN(batch_norm_pieces_work)(const fnn_call *call, fnn_work *work)
{
    const double elements = (double)call->size[0] * (double)call->size[1];
    work->units = call->size[2];
    work->scratch = call->size[1] * (ptrdiff_t)sizeof(float);
    work->bytes = 5.0 * elements;
}

static inline float FNN(inverse_deviation)(float variance, float epsilon)
{
    return 1.0f / sqrtf(variance + epsilon);
}

static void FNN(batch_norm_combine_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t rows = call->size[0], cols = call->size[1], pieces = call->size[2];
    const ptrdiff_t from = lo * COMBINED, to = fnn_min(cols, hi * COMBINED);
    const float *restrict partial = call->buf[0], *restrict gamma = call->buf[1];
    float *restrict mean = call->buf[2], *restrict variance = call->buf[3], *restrict scale = call->buf[4];
    const float epsilon = (float)call->attr[0], share = 1.0f / (float)rows;
    for (ptrdiff_t c = from; c < to; c++)
        mean[c] = variance[c] = 0.0f;
    for (ptrdiff_t p = 0; p < pieces; p++) {
        const float n = (float)(rows * (p + 1) / pieces - rows * p / pieces) * share;
        for (ptrdiff_t c = from; c < to; c++)
            mean[c] += n * partial[2 * p * cols + c];
    }
    for (ptrdiff_t p = 0; p < pieces; p++) {
        const float n = (float)(rows * (p + 1) / pieces - rows * p / pieces) * share;
        for (ptrdiff_t c = from; c < to; c++) {
            const float away = partial[2 * p * cols + c] - mean[c];
            variance[c] += partial[(2 * p + 1) * cols + c] * share + n * away * away;
        }
    }
    for (ptrdiff_t c = from; c < to; c++)
        scale[c] = gamma[c] * FNN(inverse_deviation)(variance[c], epsilon);
}

static void FNN(batch_norm_combine_work)(const fnn_call *call, fnn_work *work)
{
    work->units = fnn_ceil_div(call->size[1], COMBINED);
    work->bytes = 16.0 * (double)call->size[1] * (double)call->size[2];
}

static void FNN(batch_norm_scale_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const float *gamma = call->buf[0], *variance = call->buf[1];
    float *scale = call->buf[2];
    for (ptrdiff_t c = 0; lo < hi && c < call->size[0]; c++)
        scale[c] = gamma[c] * FNN(inverse_deviation)(variance[c], (float)call->attr[0]);
}

static void FNN(batch_norm_scale_work)(const fnn_call *call, fnn_work *work)
{
    work->units = 1;
    work->bytes = 12.0 * (double)call->size[0];
}

/* The epilogues of y: the sum with another tensor, then a relu. */
FNN_INLINE vf FNN(batch_norm_end)(int relu, int adds, vf z, vf added)
{
    if (adds)
        z = vf_add(z, added);
    return relu ? vf_max(vf_zero(), z) : z; /* a NaN in z stays */
}

FNN_INLINE void FNN(batch_norm_rows)(int relu, int adds, ptrdiff_t rows, ptrdiff_t cols, const float *x,
                                     const float *mean, const float *scale, const float *beta,
                                     const float *added, float *y)
{
    for (ptrdiff_t r = 0; r < rows; r++, x += cols, added += adds ? cols : 0, y += cols) {
        ptrdiff_t c = 0;
        for (; c + VF_LANES <= cols; c += VF_LANES) {
            const vf z =
                FNN(normalised)(vf_load(x + c), vf_load(mean + c), vf_load(scale + c), vf_load(beta + c));
            vf_store(y + c, FNN(batch_norm_end)(relu, adds, z, adds ? vf_load(added + c) : z));
        }
        const ptrdiff_t n = cols - c;
        if (n > 0) {
            const vf z = FNN(normalised)(vf_load_n(x + c, n), vf_load_n(mean + c, n), vf_load_n(scale + c, n),
                                         vf_load_n(beta + c, n));
            vf_store_n(y + c, FNN(batch_norm_end)(relu, adds, z, adds ? vf_load_n(added + c, n) : z), n);
        }
    }
}

FNN_INLINE void FNN(batch_norm_apply)(int relu, int adds, const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,
                                      float *wide)
{
    const ptrdiff_t rows = call->size[0], cols = call->size[1];
    const ptrdiff_t joined = FNN(rows_joined)(cols), width = joined * cols;
    const ptrdiff_t first = lo * BLOCK, n = fnn_min(rows, hi * BLOCK) - first;
    const float *x = (const float *)call->buf[0] + first * cols;
    const float *added = (const float *)call->buf[4] + (adds ? first * cols : 0);
    float *y = (float *)call->buf[4 + adds] + first * cols;
    const float *mean = FNN(repeated)(joined, cols, call->buf[1], wide);
    const float *scale = FNN(repeated)(joined, cols, call->buf[2], wide + width);
    const float *beta = FNN(repeated)(joined, cols, call->buf[3], wide + 2 * width);
    const ptrdiff_t bands = n / joined, done = bands * joined * cols;
    FNN(batch_norm_rows)(relu, adds, bands, width, x, mean, scale, beta, added, y);
    FNN(batch_norm_rows)(relu, adds, n - bands * joined, cols, x + done, mean, scale, beta,
                         added + (adds ? done : 0), y + done);
}

static void FNN(batch_norm_apply_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const int adds = call->size[3] != 0;
    if (call->size[2] && adds)
        FNN(batch_norm_apply)(1, 1, call, lo, hi, scratch);
    else if (call->size[2])
        FNN(batch_norm_apply)(1, 0, call, lo, hi, scratch);
    else if (adds)
        FNN(batch_norm_apply)(0, 1, call, lo, hi, scratch);
    else
        FNN(batch_norm_apply)(0, 0, call, lo, hi, scratch);
}

static void FNN(batch_norm_apply_work)(const fnn_call *call, fnn_work *work)
{
    const ptrdiff_t cols = call->size[1];
    work->units = fnn_ceil_div(call->size[0], BLOCK);
    work->scratch = 3 * FNN(rows_joined)(cols) * cols * (ptrdiff_t)sizeof(float);
    work->bytes = (call->size[3] ? 12.0 : 8.0) * (double)call->size[0] * (double)cols;
}

static void FNN(batch_norm_grad_pieces_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t rows = call->size[0], cols = call->size[1], pieces = call->size[2];
    const float *mean = call->buf[1], *scale = call->buf[2], *beta = call->buf[3];
    for (ptrdiff_t p = lo; p < hi; p++) {
        const ptrdiff_t start = rows * p / pieces, n = rows * (p + 1) / pieces - start;
        const float *x = (const float *)call->buf[0] + start * cols,
                    *dy = (const float *)call->buf[4] + start * cols;
        float *to = (float *)call->buf[5] + 2 * p * cols;
        if (call->size[3])
            FNN(column_sums)(COLUMN_GRAD_RELU, n, cols, x, dy, mean, scale, beta, to, to + cols);
        else
            FNN(column_sums)(COLUMN_GRAD, n, cols, x, dy, mean, scale, beta, to, to + cols);
    }
}

static void FNN(batch_norm_grad_pieces_work)(const fnn_call *call, fnn_work *work)
{
    work->units = call->size[2];
    work->bytes = 8.0 * (double)call->size[0] * (double)call->size[1];
}

static void FNN(batch_norm_grad_combine_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t rows = call->size[0], cols = call->size[1], pieces = call->size[2];
    const ptrdiff_t from = lo * COMBINED, to = fnn_min(cols, hi * COMBINED);
    const float *restrict partial = call->buf[0], *restrict variance = call->buf[1];
    float *restrict dgamma = call->buf[2], *restrict dbeta = call->buf[3], *restrict shares = call->buf[4];
    const float epsilon = (float)call->attr[0], share = 1.0f / (float)rows;
    for (ptrdiff_t c = from; c < to; c++)
        dgamma[c] = dbeta[c] = 0.0f;
    for (ptrdiff_t p = 0; p < pieces; p++)
        for (ptrdiff_t c = from; c < to; c++) {
            dbeta[c] += partial[2 * p * cols + c];
            dgamma[c] += partial[(2 * p + 1) * cols + c];
        }
    for (ptrdiff_t c = from; c < to; c++) {
        const float inv = FNN(inverse_deviation)(variance[c], epsilon);
        dgamma[c] *= inv;
        shares[c] = dbeta[c] * share;
        shares[cols + c] = dgamma[c] * share * inv;
    }
}

FNN_INLINE void FNN(batch_norm_grad_rows)(int relu, ptrdiff_t rows, ptrdiff_t cols, const float *x,
                                          const float *dy, const float *mean, const float *scale,
                                          const float *beta, const float *flat, const float *slope, float *dx)
{
    for (ptrdiff_t r = 0; r < rows; r++, x += cols, dy += cols, dx += cols)
        for (ptrdiff_t c = 0; c < cols; c += VF_LANES) {
            if (c + VF_LANES <= cols) {
                const vf a = vf_load(x + c), m = vf_load(mean + c), s = vf_load(scale + c);
                vf d = vf_load(dy + c);
                if (relu)
                    d = FNN(through_relu)(d, FNN(normalised)(a, m, s, vf_load(beta + c)));
                d = vf_fnma(vf_sub(a, m), vf_load(slope + c), vf_sub(d, vf_load(flat + c)));
                vf_store(dx + c, vf_mul(s, d));
                continue;
            }
            const ptrdiff_t n = cols - c;
            const vf a = vf_load_n(x + c, n), m = vf_load_n(mean + c, n), s = vf_load_n(scale + c, n);
            vf d = vf_load_n(dy + c, n);
            if (relu)
                d = FNN(through_relu)(d, FNN(normalised)(a, m, s, vf_load_n(beta + c, n)));
            d = vf_fnma(vf_sub(a, m), vf_load_n(slope + c, n), vf_sub(d, vf_load_n(flat + c, n)));
            vf_store_n(dx + c, vf_mul(s, d), n);
        }
}

FNN_INLINE void FNN(batch_norm_grad_apply)(int relu, const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,
                                           float *wide)
{
    const ptrdiff_t rows = call->size[0], cols = call->size[1];
    const ptrdiff_t joined = FNN(rows_joined)(cols), width = joined * cols;
    const ptrdiff_t first = lo * BLOCK, n = fnn_min(rows, hi * BLOCK) - first;
    const float *x = (const float *)call->buf[0] + first * cols,
                *dy = (const float *)call->buf[4] + first * cols;
    const float *shares = call->buf[5];
    float *dx = (float *)call->buf[6] + first * cols;
    const float *mean = FNN(repeated)(joined, cols, call->buf[1], wide);
    const float *scale = FNN(repeated)(joined, cols, call->buf[2], wide + width);
    const float *beta = FNN(repeated)(joined, cols, call->buf[3], wide + 2 * width);
    const float *flat = FNN(repeated)(joined, cols, shares, wide + 3 * width);
    const float *slope = FNN(repeated)(joined, cols, shares + cols, wide + 4 * width);
    const ptrdiff_t bands = n / joined, done = bands * joined;
    FNN(batch_norm_grad_rows)(relu, bands, width, x, dy, mean, scale, beta, flat, slope, dx);
    FNN(batch_norm_grad_rows)(relu, n - done, cols, x + done * cols, dy + done * cols, mean, scale, beta,
                              flat, slope, dx + done * cols);
}

static void FNN(batch_norm_grad_apply_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    if (call->size[2])
        FNN(batch_norm_grad_apply)(1, call, lo, hi, scratch);
    else
        FNN(batch_norm_grad_apply)(0, call, lo, hi, scratch);
}

static void FNN(batch_norm_grad_apply_work)(const fnn_call *call, fnn_work *work)
{
    const ptrdiff_t cols = call->size[1];
    work->units = fnn_ceil_div(call->size[0], BLOCK);
    work->scratch = 5 * FNN(rows_joined)(cols) * cols * (ptrdiff_t)sizeof(float);
    work->bytes = 12.0 * (double)call->size[0] * (double)cols;
}

/* ---- rows ---- */

/* sum_j (x[j] - mean)^2 */
static inline float FNN(row_square)(ptrdiff_t cols, const float *x, float mean)
{
    const vf m = vf_set1(mean);
    vf a = vf_zero(), b = a;
    ptrdiff_t c = 0;
    for (; c + 2 * VF_LANES <= cols; c += 2 * VF_LANES) {
        const vf d = vf_sub(vf_load(x + c), m), e = vf_sub(vf_load(x + c + VF_LANES), m);
        a = vf_fma(d, d, a);
        b = vf_fma(e, e, b);
    }
    for (; c < cols; c += VF_LANES) {
        const ptrdiff_t n = fnn_min(VF_LANES, cols - c);
        const vf d = vf_select(FNN(lanes_below)(n), vf_sub(FNN(load_upto)(x + c, n), m), vf_zero());
        a = vf_fma(d, d, a);
    }
    return vf_sum(vf_add(a, b));
}

FNN_INLINE void FNN(normalise_row)(int centred, ptrdiff_t cols, const float *x, const float *gamma,
                                   const float *beta, float epsilon, float *y, float *mean_out,
                                   float *inv_out)
{
    const float mean = centred ? FNN(reduce_row)(REDUCE_SUM, cols, x) / (float)cols : 0.0f;
    const float inv = FNN(inverse_deviation)(FNN(row_square)(cols, x, mean) / (float)cols, epsilon);
    const vf m = vf_set1(mean), s = vf_set1(inv), z = vf_zero();
    for (ptrdiff_t c = 0; c < cols; c += VF_LANES) {
        if (c + VF_LANES <= cols) {
            const vf h = vf_mul(vf_sub(vf_load(x + c), m), s);
            vf_store(y + c, vf_fma(h, vf_load(gamma + c), centred ? vf_load(beta + c) : z));
            continue;
        }
        const ptrdiff_t n = cols - c;
        const vf h = vf_mul(vf_sub(vf_load_n(x + c, n), m), s);
        vf_store_n(y + c, vf_fma(h, vf_load_n(gamma + c, n), centred ? vf_load_n(beta + c, n) : z), n);
    }
    if (centred)
        *mean_out = mean;
    *inv_out = inv;
}

static void FNN(layer_norm_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    float *mean = call->buf[4], *inv = call->buf[5];
    for (ptrdiff_t r = lo; r < hi; r++)
        FNN(normalise_row)(1, cols, (const float *)call->buf[0] + r * cols, call->buf[1], call->buf[2],
                           (float)call->attr[0], (float *)call->buf[3] + r * cols, mean + r, inv + r);
}

static void FNN(rms_norm_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    float *inv = call->buf[3];
    for (ptrdiff_t r = lo; r < hi; r++)
        FNN(normalise_row)(0, cols, (const float *)call->buf[0] + r * cols, call->buf[1], NULL,
                           (float)call->attr[0], (float *)call->buf[2] + r * cols, NULL, inv + r);
}

static void FNN(row_norm_work)(const fnn_call *call, fnn_work *work)
{
    const double rows = (double)call->size[0], cols = (double)call->size[1];
    work->units = call->size[0];
    work->flops = rows * (200.0 + 8.0 * cols);
    work->bytes = 8.0 * rows * cols;
}

FNN_INLINE void FNN(normalise_grad_row)(int centred, ptrdiff_t cols, const float *x, const float *gamma,
                                        float mean, float inv, const float *dy, float *dx, float *dgamma,
                                        float *dbeta)
{
    const vf m = vf_set1(mean), s = vf_set1(inv);
    vf g_sum = vf_zero(), gh_sum = vf_zero();
    for (ptrdiff_t c = 0; c < cols; c += VF_LANES) { /* lanes past the end: dy and gamma load as 0 */
        const ptrdiff_t n = fnn_min(VF_LANES, cols - c);
        const vf d = FNN(load_upto)(dy + c, n);
        const vf h =
            vf_select(FNN(lanes_below)(n), vf_mul(vf_sub(FNN(load_upto)(x + c, n), m), s), vf_zero());
        const vf g = vf_mul(d, FNN(load_upto)(gamma + c, n));
        g_sum = vf_add(g_sum, g);
        gh_sum = vf_fma(g, h, gh_sum);
        FNN(store_upto)(dgamma + c, vf_fma(d, h, FNN(load_upto)(dgamma + c, n)), n);
        if (centred)
            FNN(store_upto)(dbeta + c, vf_add(d, FNN(load_upto)(dbeta + c, n)), n);
    }
    const vf flat = vf_set1(centred ? vf_sum(g_sum) / (float)cols : 0.0f),
             slope = vf_set1(vf_sum(gh_sum) / (float)cols);
    for (ptrdiff_t c = 0; c < cols; c += VF_LANES) {
        const ptrdiff_t n = fnn_min(VF_LANES, cols - c);
        const vf h = vf_mul(vf_sub(FNN(load_upto)(x + c, n), m), s);
        const vf g = vf_mul(FNN(load_upto)(dy + c, n), FNN(load_upto)(gamma + c, n));
        FNN(store_upto)(dx + c, vf_mul(s, vf_fnma(h, slope, vf_sub(g, flat))), n);
    }
}

static void FNN(layer_norm_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t rows = call->size[0], cols = call->size[1], pieces = call->size[2];
    const float *x = call->buf[0], *mean = call->buf[2], *inv = call->buf[3], *dy = call->buf[4];
    float *dx = call->buf[5];
    for (ptrdiff_t p = lo; p < hi; p++) {
        float *dgamma = (float *)call->buf[6] + p * cols, *dbeta = (float *)call->buf[7] + p * cols;
        memset(dgamma, 0, (size_t)cols * sizeof *dgamma);
        memset(dbeta, 0, (size_t)cols * sizeof *dbeta);
        for (ptrdiff_t r = rows * p / pieces; r < rows * (p + 1) / pieces; r++)
            FNN(normalise_grad_row)(1, cols, x + r * cols, call->buf[1], mean[r], inv[r], dy + r * cols,
                                    dx + r * cols, dgamma, dbeta);
    }
}

static void FNN(rms_norm_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t rows = call->size[0], cols = call->size[1], pieces = call->size[2];
    const float *x = call->buf[0], *inv = call->buf[2], *dy = call->buf[3];
    float *dx = call->buf[4];
    for (ptrdiff_t p = lo; p < hi; p++) {
        float *dgamma = (float *)call->buf[5] + p * cols;
        memset(dgamma, 0, (size_t)cols * sizeof *dgamma);
        for (ptrdiff_t r = rows * p / pieces; r < rows * (p + 1) / pieces; r++)
            FNN(normalise_grad_row)(0, cols, x + r * cols, call->buf[1], 0.0f, inv[r], dy + r * cols,
                                    dx + r * cols, dgamma, NULL);
    }
}

static void FNN(row_norm_grad_work)(const fnn_call *call, fnn_work *work)
{
    FNN(row_norm_work)(call, work);
    work->units = call->size[2];
    work->flops *= 1.5;
    work->bytes *= 1.5;
}

#define FNN_NORM_KERNELS                                                                                     \
    FNN_KERNEL(batch_norm_pieces_f32, batch_norm_pieces_work)                                                \
    FNN_KERNEL(batch_norm_combine_f32, batch_norm_combine_work)                                              \
    FNN_KERNEL(batch_norm_apply_f32, batch_norm_apply_work)                                                  \
    FNN_KERNEL(batch_norm_scale_f32, batch_norm_scale_work)                                                  \
    FNN_KERNEL(batch_norm_grad_pieces_f32, batch_norm_grad_pieces_work)                                      \
    FNN_KERNEL(batch_norm_grad_combine_f32, batch_norm_combine_work)                                         \
    FNN_KERNEL(batch_norm_grad_apply_f32, batch_norm_grad_apply_work)                                        \
    FNN_KERNEL(layer_norm_f32, row_norm_work)                                                                \
    FNN_KERNEL(rms_norm_f32, row_norm_work)                                                                  \
    FNN_KERNEL(layer_norm_grad_f32, row_norm_grad_work)                                                      \
    FNN_KERNEL(rms_norm_grad_f32, row_norm_grad_work)
