/* crossentropy.c - cross-entropy from logits x (rows, cols) and its gradient; L[r] = log(sum_i exp(x[r,i])).
 *
 * sparse_softmax_cross_entropy_f32:       loss[r] = L[r] - x[r,label[r]]
 *   bufs: x, label (rows,) int32, loss (rows,), L (rows,)
 * sparse_softmax_cross_entropy_grad_f32:  dx[r,j] = (exp(x[r,j] - L[r]) - [j = label[r]]) * dy[r]
 *   bufs: x, label, L, dy (rows,), dx (rows, cols)
 * softmax_cross_entropy_f32:              loss[r] = sum_j t[r,j] * (L[r] - x[r,j])
 *   bufs: x, t (rows, cols), loss, L
 * softmax_cross_entropy_grad_f32:         dx[r,j] = (exp(x[r,j] - L[r]) * sum_i t[r,i] - t[r,j]) * dy[r]
 *   bufs: x, t, L, dy, dx
 *   sizes: rows, cols.  units: rows.  dx may be x or t.
 * sigmoid_cross_entropy_f32:              loss[i] = max(x, 0) - x * t + log(1 + exp(-|x|))
 *   bufs: x, t, loss (n,).  sizes: n.  units: blocks of STRIP elements.  loss may be x or t.
 *
 * A label outside 0..cols-1 reads nothing and makes its row NaN. Differences to the row's peak are taken before
 * log(sum) is added: near 0 a loss keeps its digits however large the logits are.
 */

/* Writes L[r]; the sum's logarithm, and in *shift what was subtracted. */
static inline float FNN(row_log_sum)(ptrdiff_t cols, const float *x, float *shift, float *log_sum)
{
    *shift = FNN(row_shift)(cols, x);
    const float total = FNN(log_of)(FNN(row_exp_sum)(cols, x, *shift, NULL, NULL));
    *log_sum = total + *shift;
    return total;
}

static void FNN(sparse_softmax_cross_entropy_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    const float *restrict x = call->buf[0];
    const int32_t *restrict label = call->buf[1];
    float *restrict loss = call->buf[2], *restrict log_sum = call->buf[3];
    for (ptrdiff_t r = lo; r < hi; r++) {
        float shift;
        const float total = FNN(row_log_sum)(cols, x + r * cols, &shift, log_sum + r);
        const int inside = label[r] >= 0 && label[r] < cols;
        loss[r] = inside ? total - (x[r * cols + label[r]] - shift) : NAN;
    }
}

static void FNN(sparse_softmax_cross_entropy_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,
                                                       void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    const float *x = call->buf[0], *log_sum = call->buf[2], *dy = call->buf[3];
    const int32_t *label = call->buf[1];
    float *dx = call->buf[4];
    for (ptrdiff_t r = lo; r < hi; r++) {
        const float *xr = x + r * cols;
        float *to = dx + r * cols, own[VF_LANES];
        const int inside = label[r] >= 0 && label[r] < cols;
        const vf d = vf_set1(inside ? dy[r] : NAN), s = vf_set1(log_sum[r]);
        /* p - 1 at the label, as expm1: p is nearly 1 there in a trained network. Before dx, which may be x. */
        vf_store(own, vf_mul(vf_expm1(vf_sub(vf_set1(inside ? xr[label[r]] : 0.0f), s)), d));
        ptrdiff_t c = 0;
        for (; c + VF_LANES <= cols; c += VF_LANES)
            vf_store(to + c, vf_mul(vf_exp(vf_sub(vf_load(xr + c), s)), d));
        if (c < cols)
            vf_store_n(to + c, vf_mul(vf_exp(vf_sub(vf_load_n(xr + c, cols - c), s)), d), cols - c);
        if (inside)
            to[label[r]] = own[0];
    }
}

static void FNN(softmax_cross_entropy_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    const float *restrict x = call->buf[0], *restrict t = call->buf[1];
    float *restrict loss = call->buf[2], *restrict log_sum = call->buf[3];
    for (ptrdiff_t r = lo; r < hi; r++) {
        const float *xr = x + r * cols, *tr = t + r * cols;
        float shift;
        const vf total = vf_set1(FNN(row_log_sum)(cols, xr, &shift, log_sum + r)), s = vf_set1(shift);
        vf a = vf_zero(), b = a;
        ptrdiff_t c = 0;
        for (; c + 2 * VF_LANES <= cols; c += 2 * VF_LANES) {
            a = vf_fma(vf_load(tr + c), vf_sub(total, vf_sub(vf_load(xr + c), s)), a);
            b = vf_fma(vf_load(tr + c + VF_LANES), vf_sub(total, vf_sub(vf_load(xr + c + VF_LANES), s)), b);
        }
        for (; c < cols; c += VF_LANES) {
            const ptrdiff_t n = fnn_min(VF_LANES, cols - c);
            const vf term = vf_mul(FNN(load_upto)(tr + c, n), vf_sub(total, vf_sub(FNN(load_upto)(xr + c, n), s)));
            a = vf_add(a, vf_select(FNN(lanes_below)(n), term, vf_zero())); /* 0 * an infinite total is NaN */
        }
        loss[r] = vf_sum(vf_add(a, b));
    }
}

static void FNN(softmax_cross_entropy_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    const float *x = call->buf[0], *t = call->buf[1], *log_sum = call->buf[2], *dy = call->buf[3];
    float *dx = call->buf[4];
    for (ptrdiff_t r = lo; r < hi; r++) {
        const float *xr = x + r * cols, *tr = t + r * cols;
        const vf total = vf_set1(FNN(reduce_row)(REDUCE_SUM, cols, tr));
        const vf d = vf_set1(dy[r]), s = vf_set1(log_sum[r]);
        for (ptrdiff_t c = 0; c < cols; c += VF_LANES) {
            const ptrdiff_t n = fnn_min(VF_LANES, cols - c);
            const vf p = vf_mul(vf_exp(vf_sub(FNN(load_upto)(xr + c, n), s)), total);
            FNN(store_upto)(dx + r * cols + c, vf_mul(vf_sub(p, FNN(load_upto)(tr + c, n)), d), n);
        }
    }
}

static void FNN(sigmoid_cross_entropy_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t last = fnn_min(call->size[0], hi * STRIP);
    const float *x = call->buf[0], *t = call->buf[1];
    float *loss = call->buf[2];
    for (ptrdiff_t i = lo * STRIP; i < last; i += VF_LANES) {
        const ptrdiff_t n = fnn_min(VF_LANES, last - i);
        const vf a = FNN(load_upto)(x + i, n);
        const vf near = vf_fnma(a, FNN(load_upto)(t + i, n), vf_max(vf_zero(), a)); /* max: a NaN in a stays */
        FNN(store_upto)(loss + i, vf_add(near, vf_log1p(vf_exp(vf_neg(vf_abs(a))))), n);
    }
}

static void FNN(sigmoid_cross_entropy_work)(const fnn_call *call, fnn_work *work)
{
    work->units = fnn_ceil_div(call->size[0], STRIP);
    work->flops = 60.0 * (double)call->size[0];
    work->bytes = 12.0 * (double)call->size[0];
}

#define FNN_CROSSENTROPY_KERNELS                                        \
    FNN_KERNEL(sparse_softmax_cross_entropy_f32, softmax_work)          \
    FNN_KERNEL(sparse_softmax_cross_entropy_grad_f32, softmax_work)     \
    FNN_KERNEL(softmax_cross_entropy_f32, softmax_work)                 \
    FNN_KERNEL(softmax_cross_entropy_grad_f32, softmax_work)            \
    FNN_KERNEL(sigmoid_cross_entropy_f32, sigmoid_cross_entropy_work)
