/* pool.c - maxima and means over sliding windows, and their gradients.
 *
 * Images x, dx: (n, d, h, w, c); pooled y, dy: (n, od, oh, ow, c). One- and two-dimensional pooling has
 * extents, windows and strides of 1 in front. A window at output (z, y, x) covers input cells  z * sd - pd +
 * i,  0 <= i < kd, and so on; those outside the image are not there: they never are a maximum and are not
 * counted in a mean.
 *
 *     sizes: n c  d h w  od oh ow  kd kh kw  sd sh sw  pd ph pw
 */

typedef struct {
    ptrdiff_t n, c, in[3], out[3], window[3], stride[3], before[3];
} FNN(pool_shape);

static FNN(pool_shape) FNN(pool_sizes)(const fnn_call *call)
{
    FNN(pool_shape) s = {.n = call->size[0], .c = call->size[1]};
    for (int i = 0; i < 3; i++) {
        s.in[i] = call->size[2 + i];
        s.out[i] = call->size[5 + i];
        s.window[i] = call->size[8 + i];
        s.stride[i] = call->size[11 + i];
        s.before[i] = call->size[14 + i];
    }
    return s;
}

/* The input cells [first, first + count) of window `at` along one axis. */
typedef struct {
    ptrdiff_t first, count;
} FNN(span);

static inline FNN(span) FNN(pool_span)(const FNN(pool_shape) * s, int axis, ptrdiff_t at)
{
    const ptrdiff_t start = at * s->stride[axis] - s->before[axis];
    const ptrdiff_t first = fnn_max(start, 0), end = fnn_min(start + s->window[axis], s->in[axis]);
    return (FNN(span)){first, fnn_max(end - first, 0)};
}

static ptrdiff_t FNN(pool_cells)(const FNN(pool_shape) * s, const ptrdiff_t *extent)
{
    return s->n * extent[0] * extent[1] * extent[2] * s->c;
}

static void FNN(pool_traffic)(const FNN(pool_shape) * s, double inputs, double outputs, fnn_work *work)
{
    const double taps = (double)(s->window[0] * s->window[1] * s->window[2]);
    work->flops = 8.0 * taps * (double)FNN(pool_cells)(s, s->out) / VF_LANES;
    work->bytes =
        4.0 * (inputs * (double)FNN(pool_cells)(s, s->in) + outputs * (double)FNN(pool_cells)(s, s->out));
}

/* max(a, x) where a NaN in either stays. */
static inline vf FNN(max_or_nan)(vf a, vf x)
{
    return vf_select(vf_eq(a, a), vf_max(a, x), a); /* vf_max keeps a NaN of its second operand only */
}

/* One window's maxima (mean = 0) or means, of `lanes` channels at most. x: the window's first cell; step:
 * between its cells. Inlined with lanes = VF_LANES for whole words: masked stores are slow where they need
 * not be. */
static inline __attribute__((always_inline)) void FNN(pool_word)(const int mean, ptrdiff_t lanes,
                                                                 const float *x, const ptrdiff_t *count,
                                                                 const ptrdiff_t *step, float *y)
{
    vf acc = vf_set1(mean ? 0.0f : -INFINITY);
    for (ptrdiff_t z = 0; z < count[0]; z++)
        for (ptrdiff_t r = 0; r < count[1]; r++) {
            const float *cell = x + z * step[0] + r * step[1];
            for (ptrdiff_t k = 0; k < count[2]; k++, cell += step[2]) {
                const vf v = lanes == VF_LANES ? vf_load(cell) : vf_load_n(cell, lanes);
                acc = mean ? vf_add(acc, v) : FNN(max_or_nan)(acc, v);
            }
        }
    if (mean)
        acc = vf_mul(acc, vf_set1(1.0f / (float)fnn_max(count[0] * count[1] * count[2], 1)));
    if (lanes == VF_LANES)
        vf_store(y, acc);
    else
        vf_store_n(y, acc, lanes);
}

static inline __attribute__((always_inline)) void FNN(pool_window)(const int mean, ptrdiff_t c,
                                                                   const float *x, const ptrdiff_t *count,
                                                                   const ptrdiff_t *step, float *y)
{
    ptrdiff_t j = 0;
    for (; j + VF_LANES <= c; j += VF_LANES)
        FNN(pool_word)(mean, VF_LANES, x + j, count, step, y + j);
    if (j < c)
        FNN(pool_word)(mean, c - j, x + j, count, step, y + j);
}

/* Units are rows of the output: n * od * oh of them. */
static inline __attribute__((always_inline)) void FNN(pool_rows)(const int mean, const fnn_call *call,
                                                                 ptrdiff_t lo, ptrdiff_t hi)
{
    const FNN(pool_shape) s = FNN(pool_sizes)(call);
    const float *x = call->buf[0];
    float *y = call->buf[1];
    const ptrdiff_t step[3] = {s.in[1] * s.in[2] * s.c, s.in[2] * s.c, s.c};
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t oh = unit % s.out[1], od = unit / s.out[1] % s.out[0], n = unit / s.out[1] / s.out[0];
        const FNN(span) z = FNN(pool_span)(&s, 0, od), r = FNN(pool_span)(&s, 1, oh);
        const float *image = x + n * s.in[0] * step[0] + z.first * step[0] + r.first * step[1];
        for (ptrdiff_t ow = 0; ow < s.out[2]; ow++) {
            const FNN(span) k = FNN(pool_span)(&s, 2, ow);
            const ptrdiff_t count[3] = {z.count, r.count, k.count};
            const float *first = image + k.first * s.c;
            float *to = y + (unit * s.out[2] + ow) * s.c;
            if (z.count == 1 && r.count == 2 && k.count == 2) /* the usual window, with its loops unrolled */
                FNN(pool_window)(mean, s.c, first, (const ptrdiff_t[3]){1, 2, 2}, step, to);
            else
                FNN(pool_window)(mean, s.c, first, count, step, to);
        }
    }
}

static void FNN(pool_rows_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(pool_shape) s = FNN(pool_sizes)(call);
    work->units = s.n * s.out[0] * s.out[1];
    FNN(pool_traffic)(&s, 1.0, 1.0, work);
}

/* y = the maximum of each window; a NaN in it is the maximum.  bufs: x, y */
static void FNN(max_pool_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    FNN(pool_rows)(0, call, lo, hi);
}

/* y = the mean of each window's cells that lie on the image.  bufs: x, y */
static void FNN(average_pool_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    FNN(pool_rows)(1, call, lo, hi);
}

/* ---- gradients: units are (image, block of channels) pairs, since windows of one image may share cells ----
 */

enum { FNN(pool_block) = 64 }; /* channels in a block */

static void FNN(pool_grad_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(pool_shape) s = FNN(pool_sizes)(call);
    work->units = s.n * fnn_ceil_div(s.c, FNN(pool_block));
    FNN(pool_traffic)(&s, 2.0, 2.0, work);
}

static void FNN(clear_block)(const FNN(pool_shape) * s, ptrdiff_t channels, float *dx)
{
    const ptrdiff_t cells = s->in[0] * s->in[1] * s->in[2];
    if (channels == s->c) {
        memset(dx, 0, (size_t)(cells * channels) * sizeof *dx);
        return;
    }
    for (ptrdiff_t i = 0; i < cells; i++)
        memset(dx + i * s->c, 0, (size_t)channels * sizeof *dx);
}

/* Gives each dy to its window's first cell that is not less than y (it equals y, or y is NaN).
 * add: windows overlap, so cells collect; otherwise a window's cells are its own and are simply written. */
static inline __attribute__((always_inline)) void FNN(scatter_word)(const int add, ptrdiff_t lanes,
                                                                    const float *x, const float *y,
                                                                    const float *dy, const ptrdiff_t *count,
                                                                    const ptrdiff_t *step, float *dx)
{
    const int whole = lanes == VF_LANES;
    const vf peak = whole ? vf_load(y) : vf_load_n(y, lanes);
    vf left =
        whole ? vf_load(dy) : vf_load_n(dy, lanes); /* dy in lanes whose winner is still to come, else 0 */
    for (ptrdiff_t z = 0; z < count[0]; z++)
        for (ptrdiff_t r = 0; r < count[1]; r++) {
            ptrdiff_t at = z * step[0] + r * step[1];
            for (ptrdiff_t k = 0; k < count[2]; k++, at += step[2]) {
                const vm loses = vf_lt(whole ? vf_load(x + at) : vf_load_n(x + at, lanes), peak);
                vf won = vf_select(loses, vf_zero(), left);
                left = vf_select(loses, left, vf_zero());
                if (add)
                    won = vf_add(whole ? vf_load(dx + at) : vf_load_n(dx + at, lanes), won);
                if (whole)
                    vf_store(dx + at, won);
                else
                    vf_store_n(dx + at, won, lanes);
            }
        }
}

static inline __attribute__((always_inline)) void
FNN(max_pool_scatter)(const int add, ptrdiff_t c, const float *x, const float *y, const float *dy,
                      const ptrdiff_t *count, const ptrdiff_t *step, float *dx)
{
    ptrdiff_t j = 0;
    for (; j + VF_LANES <= c; j += VF_LANES)
        FNN(scatter_word)(add, VF_LANES, x + j, y + j, dy + j, count, step, dx + j);
    if (j < c)
        FNN(scatter_word)(add, c - j, x + j, y + j, dy + j, count, step, dx + j);
}

/* bufs: x, y = max_pool(x), dy, dx */
static void FNN(max_pool_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const FNN(pool_shape) s = FNN(pool_sizes)(call);
    const ptrdiff_t blocks = fnn_ceil_div(s.c, FNN(pool_block));
    const ptrdiff_t step[3] = {s.in[1] * s.in[2] * s.c, s.in[2] * s.c, s.c};
    const ptrdiff_t image = s.in[0] * step[0], pooled = s.out[0] * s.out[1] * s.out[2] * s.c;
    int overlap = 0, covered = 1; /* covered: every cell is in a window */
    for (int i = 0; i < 3; i++) {
        overlap |= s.window[i] > s.stride[i] && s.out[i] > 1;
        covered &= (s.window[i] >= s.stride[i] || s.out[i] == 1) && s.before[i] >= 0 &&
                   (s.out[i] - 1) * s.stride[i] - s.before[i] + s.window[i] >= s.in[i];
    }
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t from = unit % blocks * FNN(pool_block), c = fnn_min(FNN(pool_block), s.c - from);
        const float *x = (const float *)call->buf[0] + unit / blocks * image + from;
        const float *y = (const float *)call->buf[1] + unit / blocks * pooled + from;
        const float *dy = (const float *)call->buf[2] + unit / blocks * pooled + from;
        float *dx = (float *)call->buf[3] + unit / blocks * image + from;
        if (overlap || !covered)
            FNN(clear_block)(&s, c, dx);
        for (ptrdiff_t od = 0; od < s.out[0]; od++)
            for (ptrdiff_t oh = 0; oh < s.out[1]; oh++) {
                const FNN(span) z = FNN(pool_span)(&s, 0, od), r = FNN(pool_span)(&s, 1, oh);
                for (ptrdiff_t ow = 0; ow < s.out[2]; ow++, y += s.c, dy += s.c) {
                    const FNN(span) k = FNN(pool_span)(&s, 2, ow);
                    const ptrdiff_t count[3] = {z.count, r.count, k.count};
                    const ptrdiff_t at = z.first * step[0] + r.first * step[1] + k.first * step[2];
                    if (overlap)
                        FNN(max_pool_scatter)(1, c, x + at, y, dy, count, step, dx + at);
                    else if (z.count == 1 && r.count == 2 && k.count == 2)
                        FNN(max_pool_scatter)(0, c, x + at, y, dy, (const ptrdiff_t[3]){1, 2, 2}, step,
                                              dx + at);
                    else
                        FNN(max_pool_scatter)(0, c, x + at, y, dy, count, step, dx + at);
                }
            }
    }
}

/* Each dy, divided by its window's cells, goes to all of them.  bufs: dy, dx */
static void FNN(average_pool_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const FNN(pool_shape) s = FNN(pool_sizes)(call);
    const ptrdiff_t blocks = fnn_ceil_div(s.c, FNN(pool_block));
    const ptrdiff_t step[3] = {s.in[1] * s.in[2] * s.c, s.in[2] * s.c, s.c};
    const ptrdiff_t image = s.in[0] * step[0], pooled = s.out[0] * s.out[1] * s.out[2] * s.c;
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t from = unit % blocks * FNN(pool_block), c = fnn_min(FNN(pool_block), s.c - from);
        const float *dy = (const float *)call->buf[0] + unit / blocks * pooled + from;
        float *dx = (float *)call->buf[1] + unit / blocks * image + from;
        FNN(clear_block)(&s, c, dx);
        for (ptrdiff_t od = 0; od < s.out[0]; od++)
            for (ptrdiff_t oh = 0; oh < s.out[1]; oh++) {
                const FNN(span) z = FNN(pool_span)(&s, 0, od), r = FNN(pool_span)(&s, 1, oh);
                for (ptrdiff_t ow = 0; ow < s.out[2]; ow++, dy += s.c) {
                    const FNN(span) k = FNN(pool_span)(&s, 2, ow);
                    const vf scale = vf_set1(1.0f / (float)fnn_max(z.count * r.count * k.count, 1));
                    float *cells = dx + z.first * step[0] + r.first * step[1] + k.first * step[2];
                    for (ptrdiff_t i = 0; i < z.count; i++)
                        for (ptrdiff_t j = 0; j < r.count; j++)
                            for (ptrdiff_t l = 0; l < k.count; l++) {
                                float *cell = cells + i * step[0] + j * step[1] + l * step[2];
                                ptrdiff_t p = 0;
                                for (; p + VF_LANES <= c; p += VF_LANES)
                                    vf_store(cell + p, vf_fma(vf_load(dy + p), scale, vf_load(cell + p)));
                                if (p < c)
                                    vf_store_n(
                                        cell + p,
                                        vf_fma(vf_load_n(dy + p, c - p), scale, vf_load_n(cell + p, c - p)),
                                        c - p);
                            }
                }
            }
    }
}

#define FNN_POOL_KERNELS                                                                                     \
    FNN_KERNEL(max_pool_f32, pool_rows_work)                                                                 \
    FNN_KERNEL(average_pool_f32, pool_rows_work)                                                             \
    FNN_KERNEL(max_pool_grad_f32, pool_grad_work)                                                            \
    FNN_KERNEL(average_pool_grad_f32, pool_grad_work)
