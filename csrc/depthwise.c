/* depthwise.c - convolution of each channel by itself, with one filter a channel, and both of its gradients.
 *
 *     y[q, i]         = act( sum_t x[q * stride - before + t * dilation, i] * kernel[t, i] + bias[i] )
 *     dx[p, i]        = sum_t dy[(p + before - t * dilation) / stride, i] * kernel[t, i]   where that divides
 *     dkernel[t, i]   = sum_q x[q * stride - before + t * dilation, i] * dy[q, i]
 *
 * Shapes and sizes as in conv.c, with c = oc = groups. Words of channels side by side, cells of a line
 * together; taps outside of the image are left out, so nothing is copied. Memory sets the speed, not
 * arithmetic.
 */

/* The taps that all of some cells see: where they read (floats from a cell's own place), and their filters'
 * row. */
typedef struct {
    ptrdiff_t count, *at, *row;
} FNN(depthwise_taps);

static FNN(conv_job) FNN(depthwise_job)(const fnn_call *call, int transposed)
{
    FNN(conv_shape) s = FNN(conv_sizes)(call);
    s.groups = 1;
    return FNN(conv_divide)(&s, transposed, CONV_CELLS, CONV_LEAST_UNITS);
}

static ptrdiff_t FNN(depthwise_scratch)(const FNN(conv_job) * job)
{
    return 2 * FNN(conv_volume)(job->shape.window) * (ptrdiff_t)sizeof(ptrdiff_t);
}

/* Cells [from, to) of phase p, on line y of plane z (counted in cells of the phase). */
static void FNN(depthwise_find)(const FNN(conv_job) * job, const FNN(conv_phase) * p, ptrdiff_t z,
                                ptrdiff_t y, ptrdiff_t from, ptrdiff_t to, FNN(depthwise_taps) * taps)
{
    const FNN(conv_axis) *ax = job->axis;
    const ptrdiff_t *window = job->shape.window, c = job->shape.c;
    taps->count = 0;
    for (ptrdiff_t i = 0; i < p[0].taps; i++) {
        const ptrdiff_t depth = z * ax[0].stride + p[0].first + i * p[0].step;
        for (ptrdiff_t j = 0; j < p[1].taps && depth >= 0 && depth < ax[0].in; j++) {
            const ptrdiff_t line = y * ax[1].stride + p[1].first + j * p[1].step;
            for (ptrdiff_t l = 0; l < p[2].taps && line >= 0 && line < ax[1].in; l++) {
                const ptrdiff_t cell = p[2].first + l * p[2].step;
                if (from * ax[2].stride + cell < 0 || (to - 1) * ax[2].stride + cell >= ax[2].in)
                    continue;
                const ptrdiff_t tap[3] = {p[0].last - i * p[0].apart, p[1].last - j * p[1].apart,
                                          p[2].last - l * p[2].apart};
                taps->at[taps->count] = ((depth * ax[1].in + line) * ax[2].in + cell) * c;
                taps->row[taps->count++] = ((tap[0] * window[1] + tap[1]) * window[2] + tap[2]) * c;
            }
        }
    }
}

/* Cells [*from, *to) of phase p see all of its taps along the last axis. */
static void FNN(depthwise_inner)(const FNN(conv_job) * job, const FNN(conv_phase) * p, ptrdiff_t *from,
                                 ptrdiff_t *to)
{
    const ptrdiff_t stride = job->axis[2].stride,
                    last = job->axis[2].in - 1 - p->first - (p->taps - 1) * p->step;
    *from = fnn_min(p->count, p->first < 0 ? fnn_ceil_div(-p->first, stride) : 0);
    *to = fnn_max(*from, fnn_min(p->count, last < 0 ? 0 : last / stride + 1));
}

typedef struct {
    const float *kernel, *bias; /* bias: (c), or NULL */
    int activation;             /* fnn_activation */
    float alpha;
} FNN(depthwise_filters);

/* `cells` cells' sums of one word of channels, constant for the compiler: an accumulator each. */
TILE_INLINE void FNN(depthwise_word)(const int cells, ptrdiff_t lanes, const float *x, ptrdiff_t x_step,
                                     const FNN(depthwise_taps) * taps, const float *kernel, tv bias, tv floor,
                                     float *y, ptrdiff_t y_step)
{
    const int whole = lanes == TILE_LANES;
    tv acc[8];
    TILE_UNROLL
    for (int i = 0; i < cells; i++)
        acc[i] = tv_zero();
    for (ptrdiff_t t = 0; t < taps->count; t++) {
        const float *from = x + taps->at[t], *k = kernel + taps->row[t];
        const tv weight = whole ? tv_load(k) : tv_load_n(k, lanes);
        TILE_UNROLL
        for (int i = 0; i < cells; i++)
            acc[i] = tv_fma(whole ? tv_load(from + i * x_step) : tv_load_n(from + i * x_step, lanes), weight,
                            acc[i]);
    }
    TILE_UNROLL
    for (int i = 0; i < cells; i++) {
        const tv value = tv_max(floor, tv_add(acc[i], bias)); /* a NaN survives as the second operand */
        if (whole)
            tv_store(y + i * y_step, value);
        else
            tv_store_n(y + i * y_step, value, lanes);
    }
}

TILE_INLINE void FNN(depthwise_group)(const int cells, ptrdiff_t c, const float *x, ptrdiff_t x_step,
                                      const FNN(depthwise_taps) * taps, const FNN(depthwise_filters) * f,
                                      float *y, ptrdiff_t y_step)
{
    const tv floor = tv_set1(f->activation == FNN_RELU ? 0.0f : -INFINITY);
    ptrdiff_t j = 0;
    for (; j + TILE_LANES <= c; j += TILE_LANES)
        FNN(depthwise_word)(cells, TILE_LANES, x + j, x_step, taps, f->kernel + j,
                            f->bias ? tv_load(f->bias + j) : tv_zero(), floor, y + j, y_step);
    if (j < c)
        FNN(depthwise_word)(cells, c - j, x + j, x_step, taps, f->kernel + j,
                            f->bias ? tv_load_n(f->bias + j, c - j) : tv_zero(), floor, y + j, y_step);
    if (f->activation > FNN_RELU) {
        const fnn_tile t = {.n = c, .c = y, .ldc = y_step, .activation = f->activation, .alpha = f->alpha};
        FNN(tile_activate)(cells, &t);
    }
}

/* x, y: cell 0 of a line. */
static void FNN(depthwise_cells)(ptrdiff_t from, ptrdiff_t to, ptrdiff_t c, const float *x, ptrdiff_t x_step,
                                 const FNN(depthwise_taps) * taps, const FNN(depthwise_filters) * f, float *y,
                                 ptrdiff_t y_step)
{
    for (; to - from >= 8; from += 8)
        FNN(depthwise_group)(8, c, x + from * x_step, x_step, taps, f, y + from * y_step, y_step);
    for (; to - from >= 3; from += 3)
        FNN(depthwise_group)(3, c, x + from * x_step, x_step, taps, f, y + from * y_step, y_step);
    for (; from < to; from++)
        FNN(depthwise_group)(1, c, x + from * x_step, x_step, taps, f, y + from * y_step, y_step);
}

/* Units are lines of what is made: images x planes x lines. */
static void FNN(depthwise_lines)(const FNN(conv_job) * job, const float *x, const FNN(depthwise_filters) * f,
                                 float *y, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(conv_axis) *ax = job->axis;
    const ptrdiff_t c = job->shape.c, x_step = ax[2].stride * c, y_step = ax[2].phases * c;
    FNN(depthwise_taps) taps = {0, scratch, (ptrdiff_t *)scratch + FNN(conv_volume)(job->shape.window)};
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t line = unit % ax[1].out, plane = unit / ax[1].out % ax[0].out,
                        image = unit / ax[1].out / ax[0].out;
        const float *from = x + image * ax[0].in * ax[1].in * ax[2].in * c;
        FNN(conv_phase)
        p[3] = {FNN(conv_phase_of)(&job->shape, job->transposed, 0, plane % ax[0].phases),
                FNN(conv_phase_of)(&job->shape, job->transposed, 1, line % ax[1].phases)};
        for (ptrdiff_t r = 0; r < ax[2].phases; r++) {
            p[2] = FNN(conv_phase_of)(&job->shape, job->transposed, 2, r);
            float *to = y + (unit * ax[2].out + r) * c;
            const ptrdiff_t q[2] = {plane / ax[0].phases, line / ax[1].phases};
            ptrdiff_t a, b;
            FNN(depthwise_inner)(job, &p[2], &a, &b);
            for (ptrdiff_t cell = 0; cell < p[2].count; cell++) {
                const ptrdiff_t end = cell == a && a < b ? b : cell + 1;
                FNN(depthwise_find)(job, p, q[0], q[1], cell, end, &taps);
                FNN(depthwise_cells)(cell, end, c, from, x_step, &taps, f, to, y_step);
                cell = end - 1;
            }
        }
    }
}

static void FNN(depthwise_lines_work)(const fnn_call *call, int transposed, fnn_work *work)
{
    const FNN(conv_job) job = FNN(depthwise_job)(call, transposed);
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    FNN(conv_cost)(&s, work);
    work->units = s.n * job.axis[0].out * job.axis[1].out;
    work->scratch = FNN(depthwise_scratch)(&job);
}

static void FNN(depthwise_work)(const fnn_call *call, fnn_work *work)
{
    FNN(depthwise_lines_work)(call, 0, work);
}
static void FNN(depthwise_input_grad_work)(const fnn_call *call, fnn_work *work)
{
    FNN(depthwise_lines_work)(call, 1, work);
}

/* sizes, then: bias (0 or 1), activation (fnn_activation).  attrs: alpha.  bufs: x, kernel, [bias (oc,),] y
 */
static void FNN(depthwise_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(conv_job) job = FNN(depthwise_job)(call, 0);
    const int bias = call->size[CONV_SIZES] != 0;
    const FNN(depthwise_filters)
        f = {call->buf[1], bias ? call->buf[2] : NULL, (int)call->size[CONV_SIZES + 1],
             call->attrs ? (float)call->attr[0] : 0.0f};
    FNN(depthwise_lines)(&job, call->buf[0], &f, call->buf[2 + bias], lo, hi, scratch);
}

/* bufs: dy, kernel, dx */
static void FNN(depthwise_input_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(conv_job) job = FNN(depthwise_job)(call, 1);
    const FNN(depthwise_filters) f = {call->buf[1], NULL, FNN_LINEAR, 0.0f};
    FNN(depthwise_lines)(&job, call->buf[0], &f, call->buf[2], lo, hi, scratch);
}

/* ---- the kernel's gradient ---- */

/* A word of sums for `count` taps, constant for the compiler, over cells of a line; added to `sums`. */
TILE_INLINE void FNN(depthwise_sum)(const int count, ptrdiff_t lanes, ptrdiff_t cells, const float *x,
                                    ptrdiff_t x_step, const ptrdiff_t *at, const float *dy, ptrdiff_t c,
                                    const ptrdiff_t *row, float *sums)
{
    const int whole = lanes == TILE_LANES;
    const float *from[9];
    tv acc[9];
    _Pragma("GCC unroll 9") for (int t = 0; t < count; t++)
    {
        acc[t] = tv_zero();
        from[t] = x + at[t];
    }
    for (ptrdiff_t q = 0; q < cells; q++) {
        const tv d = whole ? tv_load(dy + q * c) : tv_load_n(dy + q * c, lanes);
        _Pragma("GCC unroll 9") for (int t = 0; t < count; t++) acc[t] =
            tv_fma(whole ? tv_load(from[t] + q * x_step) : tv_load_n(from[t] + q * x_step, lanes), d, acc[t]);
    }
    _Pragma("GCC unroll 9") for (int t = 0; t < count; t++)
    {
        float *to = sums + row[t];
        if (whole)
            tv_store(to, tv_add(tv_load(to), acc[t]));
        else
            tv_store_n(to, tv_add(tv_load_n(to, lanes), acc[t]), lanes);
    }
}

/* sums (taps, c) += cells [from, to) of a line; x, dy: its cell 0. */
static void FNN(depthwise_line_sums)(ptrdiff_t from, ptrdiff_t to, ptrdiff_t c, const float *x,
                                     ptrdiff_t x_step, const FNN(depthwise_taps) * taps, const float *dy,
                                     float *sums)
{
    x += from * x_step;
    dy += from * c;
    for (ptrdiff_t j = 0; j < c; j += TILE_LANES) {
        const ptrdiff_t lanes = fnn_min(TILE_LANES, c - j);
        ptrdiff_t t = 0;
        for (; lanes == TILE_LANES && t + 9 <= taps->count; t += 9)
            FNN(depthwise_sum)(9, TILE_LANES, to - from, x + j, x_step, taps->at + t, dy + j, c,
                               taps->row + t, sums + j);
        for (; lanes == TILE_LANES && t + 3 <= taps->count; t += 3)
            FNN(depthwise_sum)(3, TILE_LANES, to - from, x + j, x_step, taps->at + t, dy + j, c,
                               taps->row + t, sums + j);
        for (; t < taps->count; t++)
            FNN(depthwise_sum)(1, lanes, to - from, x + j, x_step, taps->at + t, dy + j, c, taps->row + t,
                               sums + j);
    }
}

static void FNN(depthwise_kernel_grad_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(conv_job) job = FNN(depthwise_job)(call, 0);
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    FNN(conv_cost)(&s, work);
    work->units = call->size[CONV_SIZES];
    work->scratch = FNN(depthwise_scratch)(&job);
}

/* sizes, then: splits.  bufs: x, dy, partial (splits, kd, kh, kw, c), to be added up by conv_kernel_sum_f32.
 */
static void FNN(depthwise_kernel_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(conv_job) job = FNN(depthwise_job)(call, 0);
    const FNN(conv_axis) *ax = job.axis;
    const ptrdiff_t c = job.shape.c, x_step = ax[2].stride * c, splits = call->size[CONV_SIZES];
    const ptrdiff_t size = FNN(conv_volume)(job.shape.window) * c,
                    lines = job.shape.n * ax[0].out * ax[1].out;
    FNN(depthwise_taps) taps = {0, scratch, (ptrdiff_t *)scratch + FNN(conv_volume)(job.shape.window)};
    FNN(conv_phase) p[3];
    for (int i = 0; i < 3; i++)
        p[i] = FNN(conv_phase_of)(&job.shape, 0, i, 0);
    for (ptrdiff_t split = lo; split < hi; split++) {
        float *sums = (float *)call->buf[2] + split * size;
        memset(sums, 0, (size_t)size * sizeof *sums);
        for (ptrdiff_t at = lines * split / splits; at < lines * (split + 1) / splits; at++) {
            const ptrdiff_t line = at % ax[1].out, plane = at / ax[1].out % ax[0].out,
                            image = at / ax[1].out / ax[0].out;
            const float *x = (const float *)call->buf[0] + image * ax[0].in * ax[1].in * ax[2].in * c;
            const float *dy = (const float *)call->buf[1] + at * ax[2].out * c;
            ptrdiff_t a, b;
            FNN(depthwise_inner)(&job, &p[2], &a, &b);
            for (ptrdiff_t cell = 0; cell < p[2].count; cell++) {
                const ptrdiff_t end = cell == a && a < b ? b : cell + 1;
                FNN(depthwise_find)(&job, p, plane, line, cell, end, &taps);
                FNN(depthwise_line_sums)(cell, end, c, x, x_step, &taps, dy, sums);
                cell = end - 1;
            }
        }
    }
}

#define FNN_DEPTHWISE_KERNELS                                                                                \
    FNN_KERNEL(depthwise_f32, depthwise_work)                                                                \
    FNN_KERNEL(depthwise_input_grad_f32, depthwise_input_grad_work)                                          \
    FNN_KERNEL(depthwise_kernel_grad_f32, depthwise_kernel_grad_work)
