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
 * sparse_softmax_cross_entropy_both_f32, softmax_cross_entropy_both_f32:  loss and dx at once, dy being known
 *   bufs: x, label or t, dy, loss, dx (rows, cols); dx may be x.  sizes, units: as above.
 * sigmoid_cross_entropy_f32:              loss[i] = max(x, 0) - x * t + log(1 + exp(-|x|))
 *   bufs: x, t, loss (n,).  sizes: n.  units: blocks of STRIP elements.  loss may be x or t.
 *
 * A label outside 0..cols-1 reads nothing and makes its row NaN. Differences to the row's peak are taken
 * before log(sum) is added: near 0 a loss keeps its digits however large the logits are.
 */

/* Writes L[r]; the sum's logarithm, and in *shift what was subtracted. */
static inline float FNN(row_log_sum)(ptrdiff_t cols, const float *x, float *shift, float *log_sum)
{
    *shift = FNN(row_shift)(cols, x);
    const float total = FNN(log_of)(FNN(row_exp_sum)(cols, x, *shift, NULL, NULL));
    *log_sum = total + *shift;
    return total;
}

static void FNN(sparse_softmax_cross_entropy_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,
                                                  void *scratch)
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
        /* p - 1 at the label, as expm1: p is nearly 1 there in a trained network. Before dx, which may be x.
         */
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
            const vf term =
                vf_mul(FNN(load_upto)(tr + c, n), vf_sub(total, vf_sub(FNN(load_upto)(xr + c, n), s)));
            a = vf_add(a, vf_select(FNN(lanes_below)(n), term, vf_zero())); /* 0 * an infinite total is NaN */
        }
        loss[r] = vf_sum(vf_add(a, b));
    }
}

static void FNN(softmax_cross_entropy_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,
                                                void *scratch)
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

/* e[j] = exp(x[j] - shift); the sum of all but e[label], which is then exactly what the label's probability
 * lacks. */
FNN_INLINE float FNN(row_exp_others)(ptrdiff_t cols, const float *x, float shift, ptrdiff_t label, float *e)
{
    const vf s = vf_set1(shift), lane = vf_load(FNN(lane_number));
    vf a = vf_zero(), b = a;
    ptrdiff_t c = 0;
    for (; c + VF_LANES <= cols; c += VF_LANES) {
        const vf y = vf_exp(vf_sub(vf_load(x + c), s));
        vf_store(e + c, y);
        a = vf_add(a, vf_select(vf_eq(lane, vf_set1((float)(label - c))), vf_zero(), y));
    }
    if (c < cols) {
        const vf y = vf_exp(vf_sub(vf_load_n(x + c, cols - c), s));
        const vm counts =
            vm_and(FNN(lanes_below)(cols - c), vm_not(vf_eq(lane, vf_set1((float)(label - c)))));
        vf_store_n(e + c, y, cols - c);
        b = vf_select(counts, y, vf_zero());
    }
    return vf_sum(vf_add(a, b));
}

static inline void FNN(row_times)(ptrdiff_t cols, float factor, float *x)
{
    const vf f = vf_set1(factor);
    ptrdiff_t c = 0;
    for (; c + VF_LANES <= cols; c += VF_LANES)
        vf_store(x + c, vf_mul(vf_load(x + c), f));
    if (c < cols)
        vf_store_n(x + c, vf_mul(vf_load_n(x + c, cols - c), f), cols - c);
}

/* Rows go by VF_LANES at a time, so that their logarithms and quotients are taken together; the exponentials
 * wait in dx. */
static void FNN(sparse_softmax_cross_entropy_both_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,
                                                       void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    const float *x = call->buf[0], *dy = call->buf[2];
    const int32_t *label = call->buf[1];
    float *loss = call->buf[3], *dx = call->buf[4];
    for (ptrdiff_t r = lo; r < hi; r += VF_LANES) {
        const ptrdiff_t n = fnn_min(VF_LANES, hi - r);
        float away[VF_LANES], others[VF_LANES], factor[VF_LANES], own[VF_LANES];
        memset(away, 0, sizeof away);
        memset(others, 0, sizeof others);
        for (ptrdiff_t i = 0; i < n; i++) {
            const float *xr = x + (r + i) * cols, shift = FNN(row_shift)(cols, xr);
            const int inside = label[r + i] >= 0 && label[r + i] < cols;
            away[i] = inside ? xr[label[r + i]] - shift : NAN;
            others[i] = FNN(row_exp_others)(cols, xr, shift, label[r + i], dx + (r + i) * cols);
        }
        const vf a = vf_load(away), rest = vf_load(others), total = vf_add(rest, vf_exp(a));
        const vf share = vf_div(vf_load_n(dy + r, n), total);
        vf_store_n(loss + r, vf_sub(vf_log(total), a), n);
        vf_store(factor, share);
        vf_store(own,
                 vf_neg(vf_mul(rest, share))); /* p - 1 without the digits that a subtraction from 1 loses */
        for (ptrdiff_t i = 0; i < n; i++) {
            FNN(row_times)(cols, factor[i], dx + (r + i) * cols);
            if (label[r + i] >= 0 && label[r + i] < cols)
                dx[(r + i) * cols + label[r + i]] = own[i];
        }
    }
}

static void FNN(softmax_cross_entropy_both_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,
                                                void *scratch)
{
    (void)scratch;
    const ptrdiff_t cols = call->size[1];
    const float *x = call->buf[0], *t = call->buf[1], *dy = call->buf[2];
    float *loss = call->buf[3], *dx = call->buf[4];
    for (ptrdiff_t r = lo; r < hi; r += VF_LANES) {
        const ptrdiff_t n = fnn_min(VF_LANES, hi - r);
        float sums[3][VF_LANES], factor[VF_LANES]; /* of exponentials, of t, of t (x - shift) */
        memset(sums, 0, sizeof sums);
        for (ptrdiff_t i = 0; i < n; i++) {
            const float *xr = x + (r + i) * cols, *tr = t + (r + i) * cols;
            float *to = dx + (r + i) * cols;
            const vf s = vf_set1(FNN(row_shift)(cols, xr));
            vf e = vf_zero(), weight = e, dot = e;
            ptrdiff_t c = 0;
            for (; c + VF_LANES <= cols; c += VF_LANES) {
                const vf away = vf_sub(vf_load(xr + c), s), w = vf_load(tr + c), y = vf_exp(away);
                vf_store(to + c, y);
                e = vf_add(e, y);
                weight = vf_add(weight, w);
                dot = vf_fma(w, away, dot);
            }
            if (c < cols) {
                const vm counts = FNN(lanes_below)(cols - c);
                const vf away = vf_sub(vf_load_n(xr + c, cols - c), s), w = vf_load_n(tr + c, cols - c);
                const vf y = vf_exp(away);
                vf_store_n(to + c, y, cols - c);
                e = vf_add(e, vf_select(counts, y, vf_zero()));
                weight = vf_add(weight, w);
                dot = vf_add(dot, vf_select(counts, vf_mul(w, away), vf_zero()));
            }
            sums[0][i] = vf_sum(e);
            sums[1][i] = vf_sum(weight);
            sums[2][i] = vf_sum(dot);
        }
        const vf total = vf_load(sums[0]), weight = vf_load(sums[1]);
        vf_store_n(loss + r, vf_sub(vf_mul(weight, vf_log(total)), vf_load(sums[2])), n);
        vf_store(factor, vf_div(weight, total));
        for (ptrdiff_t i = 0; i < n; i++) {
            const vf f = vf_set1(factor[i]), d = vf_set1(dy[r + i]);
            const float *tr = t + (r + i) * cols;
            float *to = dx + (r + i) * cols;
            for (ptrdiff_t c = 0; c < cols; c += VF_LANES) {
                const ptrdiff_t k = fnn_min(VF_LANES, cols - c);
                const vf p = vf_mul(FNN(load_upto)(to + c, k), f);
                FNN(store_upto)(to + c, vf_mul(vf_sub(p, FNN(load_upto)(tr + c, k)), d), k);
            }
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
        const vf near =
            vf_fnma(a, FNN(load_upto)(t + i, n), vf_max(vf_zero(), a)); /* max: a NaN in a stays */
        FNN(store_upto)(loss + i, vf_add(near, vf_log1p(vf_exp(vf_neg(vf_abs(a))))), n);
    }
}

static void FNN(sigmoid_cross_entropy_work)(const fnn_call *call, fnn_work *work)
{
    work->units = fnn_ceil_div(call->size[0], STRIP);
    work->flops = 60.0 * (double)call->size[0];
    work->bytes = 12.0 * (double)call->size[0];
}

#define FNN_CROSSENTROPY_KERNELS                                                                             \
    FNN_KERNEL(sparse_softmax_cross_entropy_f32, softmax_work)                                               \
    FNN_KERNEL(sparse_softmax_cross_entropy_grad_f32, softmax_work)                                          \
    FNN_KERNEL(softmax_cross_entropy_f32, softmax_work)                                                      \
    FNN_KERNEL(softmax_cross_entropy_grad_f32, softmax_work)                                                 \
    FNN_KERNEL(sparse_softmax_cross_entropy_both_f32, softmax_work)                                          \
    FNN_KERNEL(softmax_cross_entropy_both_f32, softmax_work)                                                 \
    FNN_KERNEL(sigmoid_cross_entropy_f32, sigmoid_cross_entropy_work)
