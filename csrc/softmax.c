/* softmax.c - functions of whole rows of exponentials; x, y, dx, dy: (rows, cols), contiguous.
 *
 * softmax_f32:          y[r,j]  = exp(x[r,j] - p) / sum_i exp(x[r,i] - p),   p = max_i x[r,i]
 * softmax_grad_f32:     dx[r,j] = y[r,j] * (dy[r,j] - sum_i dy[r,i] * y[r,i])
 * log_softmax_f32:      y[r,j]  = x[r,j] - p - log(sum_i exp(x[r,i] - p))
 * log_softmax_grad_f32: dx[r,j] = dy[r,j] - exp(y[r,j]) * sum_i dy[r,i]
 * logsumexp_f32:        y[r]    = p + log(sum_i exp(x[r,i] - p))
 *   bufs: inputs, output.  sizes: rows, cols.  units: rows.  An output may be an input of its shape.
 *
 * Subtracting p keeps exp in range (Goodfellow et al., Deep Learning, 2016, section 4.1). A NaN anywhere in a
 * row makes the whole row NaN: the maximum looks past it, the sum does not.
 */

/* The largest element that is not NaN; -inf for none. */
static inline float FNN(row_peak)(ptrdiff_t cols, const float *x)
{
    vf a = vf_set1(-INFINITY), b = a;
    ptrdiff_t c = 0;
    for (; c + 2 * VF_LANES <= cols; c += 2 * VF_LANES) {
        a = vf_max(vf_load(x + c), a); /* a NaN in x yields a: the second operand */
        b = vf_max(vf_load(x + c + VF_LANES), b);
    }
    for (; c + VF_LANES <= cols; c += VF_LANES)
        a = vf_max(vf_load(x + c), a);
    if (c < cols)
        b = vf_max(vf_select(FNN(lanes_below)(cols - c), vf_load_n(x + c, cols - c), b), b);
    return vf_peak(vf_max(a, b));
}

/* sum_j exp(x[j] - shift). With y the exponentials go there, but for the last cols % VF_LANES: they stay in
 * *tail, because a load soon after a partial store waits for it. */
FNN_INLINE float FNN(row_exp_sum)(ptrdiff_t cols, const float *x, float shift, float *y, vf *tail)
{
    const vf s = vf_set1(shift);
    vf a = vf_zero(), b = a;
    ptrdiff_t c = 0;
    for (; c + 2 * VF_LANES <= cols; c += 2 * VF_LANES) {
        const vf e = vf_exp(vf_sub(vf_load(x + c), s)), f = vf_exp(vf_sub(vf_load(x + c + VF_LANES), s));
        if (y) {
            vf_store(y + c, e);
            vf_store(y + c + VF_LANES, f);
        }
        a = vf_add(a, e);
        b = vf_add(b, f);
    }
    if (c + VF_LANES <= cols) {
        const vf e = vf_exp(vf_sub(vf_load(x + c), s));
        if (y)
            vf_store(y + c, e);
        a = vf_add(a, e);
        c += VF_LANES;
    }
    if (c < cols) {
        const vf e = vf_exp(vf_sub(vf_load_n(x + c, cols - c), s));
        if (y)
            *tail = e;
        b = vf_add(b, vf_select(FNN(lanes_below)(cols - c), e, vf_zero()));
    }
    return vf_sum(vf_add(a, b));
}

static inline float FNN(row_dot)(ptrdiff_t cols, const float *x, const float *y)
{
    vf a = vf_zero(), b = a, d = a, e = a;
    ptrdiff_t c = 0;
    for (; c + 4 * VF_LANES <= cols; c += 4 * VF_LANES) {
        a = vf_fma(vf_load(x + c), vf_load(y + c), a);
        b = vf_fma(vf_load(x + c + VF_LANES), vf_load(y + c + VF_LANES), b);
        d = vf_fma(vf_load(x + c + 2 * VF_LANES), vf_load(y + c + 2 * VF_LANES), d);
        e = vf_fma(vf_load(x + c + 3 * VF_LANES), vf_load(y + c + 3 * VF_LANES), e);
    }
    for (; c < cols; c += VF_LANES) {
        const ptrdiff_t n = fnn_min(VF_LANES, cols - c);
        a = vf_fma(FNN(load_upto)(x + c, n), FNN(load_upto)(y + c, n), a);
    }
    return vf_sum(vf_add(vf_add(a, b), vf_add(d, e)));
}

/* One number through the vector function, so that a row and an element round alike. */
static inline float FNN(log_of)(float x)
{
    float lane[VF_LANES];
    vf_store(lane, vf_log(vf_set1(x)));
    return lane[0];
}

/* What to subtract from a row: its peak, or 0 where that is infinite and inf - inf would be NaN. */
static inline float FNN(row_shift)(ptrdiff_t cols, const float *x)
{
    const float peak = FNN(row_peak)(cols, x);
    return isfinite(peak) ? peak : 0.0f;
}

static void FNN(softmax_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    const float *x = call->buf[0];
    float *y = call->buf[1];
    for (ptrdiff_t r = lo; r < hi; r++) {
        float *yr = y + r * cols;
        const float peak = FNN(row_peak)(cols, x + r * cols);
        vf tail = vf_zero();
        const vf scale = vf_set1(1.0f / FNN(row_exp_sum)(cols, x + r * cols, peak, yr, &tail));
        ptrdiff_t c = 0;
        for (; c + VF_LANES <= cols; c += VF_LANES)
            vf_store(yr + c, vf_mul(vf_load(yr + c), scale));
        if (c < cols)
            vf_store_n(yr + c, vf_mul(tail, scale), cols - c);
    }
}

static void FNN(softmax_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    const float *y = call->buf[0], *dy = call->buf[1];
    float *dx = call->buf[2];
    for (ptrdiff_t at = lo * cols; at < hi * cols; at += cols) {
        const vf s = vf_set1(FNN(row_dot)(cols, y + at, dy + at));
        for (ptrdiff_t c = 0; c < cols; c += VF_LANES) {
            const ptrdiff_t n = fnn_min(VF_LANES, cols - c);
            const vf away = vf_sub(FNN(load_upto)(dy + at + c, n), s);
            FNN(store_upto)(dx + at + c, vf_mul(FNN(load_upto)(y + at + c, n), away), n);
        }
    }
}

static void FNN(log_softmax_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    const float *x = call->buf[0];
    float *y = call->buf[1];
    for (ptrdiff_t at = lo * cols; at < hi * cols; at += cols) {
        const float peak = FNN(row_peak)(cols, x + at);
        const vf p = vf_set1(peak),
                 log_sum = vf_set1(FNN(log_of)(FNN(row_exp_sum)(cols, x + at, peak, NULL, NULL)));
        for (ptrdiff_t c = 0; c < cols; c += VF_LANES) {
            const ptrdiff_t n = fnn_min(VF_LANES, cols - c);
            FNN(store_upto)(y + at + c, vf_sub(vf_sub(FNN(load_upto)(x + at + c, n), p), log_sum), n);
        }
    }
}

static void FNN(log_softmax_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    const float *y = call->buf[0], *dy = call->buf[1];
    float *dx = call->buf[2];
    for (ptrdiff_t at = lo * cols; at < hi * cols; at += cols) {
        const vf total = vf_set1(FNN(reduce_row)(REDUCE_SUM, cols, dy + at));
        for (ptrdiff_t c = 0; c < cols; c += VF_LANES) {
            const ptrdiff_t n = fnn_min(VF_LANES, cols - c);
            const vf p = vf_exp(FNN(load_upto)(y + at + c, n));
            FNN(store_upto)(dx + at + c, vf_fnma(p, total, FNN(load_upto)(dy + at + c, n)), n);
        }
    }
}

static void FNN(logsumexp_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    const float *x = call->buf[0];
    float *y = call->buf[1];
    for (ptrdiff_t r = lo; r < hi; r++) {
        const float shift = FNN(row_shift)(cols, x + r * cols);
        y[r] = FNN(log_of)(FNN(row_exp_sum)(cols, x + r * cols, shift, NULL, NULL)) + shift;
    }
}

/* Rows of exponentials: about 20 operations an element and 60 a row. */
static void FNN(softmax_work)(const fnn_call *call, fnn_work *work)
{
    const double rows = (double)call->size[0], cols = (double)call->size[1];
    work->units = call->size[0];
    work->flops = rows * (60.0 + 40.0 * cols);
    work->bytes = 8.0 * rows * cols;
}

#define FNN_SOFTMAX_KERNELS                                                                                  \
    FNN_KERNEL(softmax_f32, softmax_work)                                                                    \
    FNN_KERNEL(softmax_grad_f32, softmax_work)                                                               \
    FNN_KERNEL(log_softmax_f32, softmax_work)                                                                \
    FNN_KERNEL(log_softmax_grad_f32, softmax_work)                                                           \
    FNN_KERNEL(logsumexp_f32, softmax_work)
