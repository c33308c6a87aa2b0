/* recurrent_grad.c - the gradients of recurrent.c's sequences for what their gates sum up, step by step backwards.
 *
 * With dh the gradient for a step's h, all that comes from later steps included, act'(y) and s'(y) the activations'
 * slopes by their values, and d the gradients for the sums that the activations are taken of:
 *
 *     SimpleRNN  d = dh act'(h)
 *     LSTM       dc += dh o act'(act(c)); d_o = dh act(c) s'(o), d_i = dc g s'(i), d_f = dc c' s'(f),
 *                d_g = dc i act'(g); dc' = dc f
 *     GRU        d_z = dh (h' - g) s'(z), d_g = dh (1 - z) act'(g), d_r = d_g q s'(r), d_q = d_g r; dh' = dh z
 *     dh' += d R^T  (GRU: of d_z, d_r, d_q)
 *
 * The weights' and the input's gradients are products of d over all steps: ordinary matrix products after this.
 *
 *   recurrent_grad_f32
 *   bufs: rt    packed transpose of the recurrent kernel
 *         gates (steps, batch, parts * units)
 *         xh    GRU: (steps, batch, lead + units)
 *         cs    LSTM: (steps, batch, units);  c0 (batch, units)
 *         mask  if masked
 *         dy    if sequences: (batch, steps, units)
 *         dhn   (batch, units); LSTM: and dcn
 *         d     (steps, batch, groups * units): GRU: of z, r, g (for the input's side)
 *         dq    GRU: (steps, batch, 3 * units): of z, r, q (for the state's side)
 *         dh0   (batch, units); LSTM: and dc0
 *   d may be gates, where they are alike (SimpleRNN, LSTM).
 *   sizes: kind, batch, steps, units, lead, masked, zero_masked, sequences, backwards, activation, recurrent activation,
 *          first, last, columns. Steps [first, last) are run from the last one down; step -1 only finishes dh0.
 *   units: as in recurrent.c.
 */

typedef struct {
    int kind, masked, zero_masked, sequences, backwards, act, ract, columns, near;
    ptrdiff_t batch, steps, units, lead, first, last;
    ptrdiff_t panel, panels, groups;
    const float *rt, *gates, *xh, *cs, *c0, *dy, *dhn, *dcn;
    const unsigned char *mask;
    float *d, *dq, *dh0, *dc0;
} FNN(recurrence_back);

static FNN(recurrence_back) FNN(recurrence_back_of)(const fnn_call *call)
{
    const ptrdiff_t *n = call->size;
    FNN(recurrence_back)
    f = {.kind = (int)n[0],
         .batch = n[1],
         .steps = n[2],
         .units = n[3],
         .lead = n[4],
         .masked = (int)n[5],
         .zero_masked = (int)n[6],
         .sequences = (int)n[7],
         .backwards = (int)n[8],
         .act = (int)n[9],
         .ract = (int)n[10],
         .first = n[11],
         .last = n[12],
         .columns = (int)n[13]};
    const int lstm = f.kind == FNN_LSTM, gru = f.kind == FNN_GRU;
    int b = 0;
    f.panel = FNN(recurrent_panel)(f.batch);
    f.panels = fnn_ceil_div(f.units, f.panel);
    f.groups = lstm ? 4 : gru ? 3 : 1;
    f.near = FNN(recurrent_near)(f.groups * f.units, f.units);
    f.rt = call->buf[b++];
    f.gates = call->buf[b++];
    f.xh = gru ? call->buf[b++] : NULL;
    f.cs = lstm ? call->buf[b++] : NULL;
    f.c0 = lstm ? call->buf[b++] : NULL;
    f.mask = f.masked ? call->buf[b++] : NULL;
    f.dy = f.sequences ? call->buf[b++] : NULL;
    f.dhn = call->buf[b++];
    f.dcn = lstm ? call->buf[b++] : NULL;
    f.d = call->buf[b++];
    f.dq = gru ? call->buf[b++] : f.d;
    f.dh0 = call->buf[b++];
    f.dc0 = lstm ? call->buf[b++] : NULL;
    return f;
}

/* What a row reads and writes; pointers to the block's first column. */
typedef struct {
    const float *gates, *before, *c, *carry, *dy, *later, *dc_later; /* before: h'; later: dh so far */
    float *d, *dq, *dh, *dc;
} FNN(recurrent_back_row);

static inline vf FNN(whole_dh)(const FNN(recurrent_back_row) * r, ptrdiff_t j, ptrdiff_t m)
{
    const vf dh = vf_load_n(r->later + j, m);
    return r->dy ? vf_add(dh, vf_load_n(r->dy + j, m)) : dh;
}

TILE_INLINE void FNN(lstm_back_row)(const int act, const int ract, ptrdiff_t n, ptrdiff_t units,
                                    const FNN(recurrent_back_row) * r)
{
    for (ptrdiff_t j = 0; j < n; j += VF_LANES) {
        const ptrdiff_t m = fnn_min(VF_LANES, n - j);
        const vf i = vf_load_n(r->gates + j, m), f = vf_load_n(r->gates + units + j, m);
        const vf g = vf_load_n(r->gates + 2 * units + j, m), o = vf_load_n(r->gates + 3 * units + j, m);
        const vf ac = FNN(gate)(act, vf_load_n(r->c + j, m)), dh = FNN(whole_dh)(r, j, m);
        const vf dc = vf_fma(vf_mul(dh, o), FNN(gate_slope)(act, ac), vf_load_n(r->dc_later + j, m));
        vf_store_n(r->d + j, vf_mul(vf_mul(dc, g), FNN(gate_slope)(ract, i)), m);
        vf_store_n(r->d + units + j, vf_mul(vf_mul(dc, vf_load_n(r->carry + j, m)), FNN(gate_slope)(ract, f)),
                   m);
        vf_store_n(r->d + 2 * units + j, vf_mul(vf_mul(dc, i), FNN(gate_slope)(act, g)), m);
        vf_store_n(r->d + 3 * units + j, vf_mul(vf_mul(dh, ac), FNN(gate_slope)(ract, o)), m);
        vf_store_n(r->dc + j, vf_mul(dc, f), m);
        vf_store_n(r->dh + j, vf_zero(), m);
    }
}

TILE_INLINE void FNN(gru_back_row)(const int act, const int ract, ptrdiff_t n, ptrdiff_t units,
                                   const FNN(recurrent_back_row) * r)
{
    for (ptrdiff_t j = 0; j < n; j += VF_LANES) {
        const ptrdiff_t m = fnn_min(VF_LANES, n - j);
        const vf z = vf_load_n(r->gates + j, m), reset = vf_load_n(r->gates + units + j, m);
        const vf g = vf_load_n(r->gates + 2 * units + j, m), q = vf_load_n(r->gates + 3 * units + j, m);
        const vf dh = FNN(whole_dh)(r, j, m);
        const vf dz = vf_mul(vf_mul(dh, vf_sub(vf_load_n(r->before + j, m), g)), FNN(gate_slope)(ract, z));
        const vf dg = vf_mul(vf_fnma(dh, z, dh), FNN(gate_slope)(act, g));
        const vf dr = vf_mul(vf_mul(dg, q), FNN(gate_slope)(ract, reset));
        vf_store_n(r->d + j, dz, m);
        vf_store_n(r->d + units + j, dr, m);
        vf_store_n(r->d + 2 * units + j, dg, m);
        vf_store_n(r->dq + j, dz, m);
        vf_store_n(r->dq + units + j, dr, m);
        vf_store_n(r->dq + 2 * units + j, vf_mul(dg, reset), m);
        vf_store_n(r->dh + j, vf_mul(dh, z), m);
    }
}

TILE_INLINE void FNN(simple_back_row)(const int act, ptrdiff_t n, const FNN(recurrent_back_row) * r)
{
    for (ptrdiff_t j = 0; j < n; j += VF_LANES) {
        const ptrdiff_t m = fnn_min(VF_LANES, n - j);
        const vf slope = FNN(gate_slope)(act, vf_load_n(r->gates + j, m));
        vf_store_n(r->d + j, vf_mul(FNN(whole_dh)(r, j, m), slope), m);
        vf_store_n(r->dh + j, vf_zero(), m);
    }
}

/* A masked step: the state's gradients go through, the sums get none. */
static void FNN(recurrent_back_skip)(const FNN(recurrence_back) * f, ptrdiff_t n,
                                     const FNN(recurrent_back_row) * r)
{
    const size_t bytes = (size_t)n * sizeof(float);
    for (ptrdiff_t g = 0; g < f->groups; g++) {
        memset(r->d + g * f->units, 0, bytes);
        if (f->dq != f->d)
            memset(r->dq + g * f->units, 0, bytes);
    }
    for (ptrdiff_t j = 0; j < n; j += VF_LANES) {
        const ptrdiff_t m = fnn_min(VF_LANES, n - j);
        vf_store_n(r->dh + j, FNN(whole_dh)(r, j, m), m);
        if (r->dc)
            vf_store_n(r->dc + j, vf_load_n(r->dc_later + j, m), m);
    }
}

/* Step s, rows [row, row + rows), columns [column, column + n): d, and dh and dc for the step before but for d R^T. */
static void FNN(recurrent_back_cells)(const FNN(recurrence_back) * f, ptrdiff_t s, ptrdiff_t row,
                                      ptrdiff_t rows, ptrdiff_t column, ptrdiff_t n)
{
    const ptrdiff_t steps = f->steps, units = f->units, width = f->groups * units,
                    parts = f->kind == FNN_SIMPLE ? 1 : 4;
    const ptrdiff_t t = FNN(recurrent_time)(s, steps, f->backwards);
    const ptrdiff_t before = FNN(recurrent_time)(s - 1, steps, f->backwards);
    const int usual = f->act == FNN_GATE_TANH && f->ract == FNN_GATE_SIGMOID;
    for (ptrdiff_t b = row; b < row + rows; b++) {
        const int skip = f->masked && !f->mask[b * steps + t];
        FNN(recurrent_back_row)
        r = {.gates = f->gates + (t * f->batch + b) * parts * units + column,
             .d = f->d + (t * f->batch + b) * width + column,
             .dq = f->dq + (t * f->batch + b) * width + column,
             .dh = f->dh0 + b * units + column};
        r.later = s + 1 == steps ? f->dhn + b * units + column : r.dh;
        if (f->sequences && !(skip && f->zero_masked))
            r.dy = f->dy + (b * steps + s) * units + column;
        if (f->kind == FNN_GRU)
            r.before = f->xh + (t * f->batch + b) * (f->lead + units) + f->lead + column;
        if (f->kind == FNN_LSTM) {
            r.c = f->cs + (t * f->batch + b) * units + column;
            r.carry = s ? f->cs + (before * f->batch + b) * units + column : f->c0 + b * units + column;
            r.dc = f->dc0 + b * units + column;
            r.dc_later = s + 1 == steps ? f->dcn + b * units + column : r.dc;
        }
        if (skip)
            FNN(recurrent_back_skip)(f, n, &r);
        else if (f->kind == FNN_SIMPLE)
            FNN(simple_back_row)(f->act, n, &r);
        else if (f->kind == FNN_LSTM && usual)
            FNN(lstm_back_row)(FNN_GATE_TANH, FNN_GATE_SIGMOID, n, units, &r);
        else if (f->kind == FNN_LSTM)
            FNN(lstm_back_row)(f->act, f->ract, n, units, &r);
        else if (usual)
            FNN(gru_back_row)(FNN_GATE_TANH, FNN_GATE_SIGMOID, n, units, &r);
        else
            FNN(gru_back_row)(f->act, f->ract, n, units, &r);
    }
}

/* Rows [r0, r1) and panels [p0, p1) of step s: first the step after's d R^T, then this step's cells. */
static void FNN(recurrent_back_step)(const FNN(recurrence_back) * f, ptrdiff_t s, ptrdiff_t r0, ptrdiff_t r1,
                                     ptrdiff_t p0, ptrdiff_t p1, float *packed)
{
    const ptrdiff_t units = f->units, width = f->groups * units, parts = f->kind == FNN_SIMPLE ? 1 : 4;
    const ptrdiff_t later = FNN(recurrent_time)(s + 1, f->steps, f->backwards);
    const ptrdiff_t blocks = fnn_ceil_div(r1 - r0, FNN(recurrent_together)(width, f->near));
    for (ptrdiff_t b = 0; b < blocks; b++) {
        const ptrdiff_t row = r0 + (r1 - r0) * b / blocks, rows = r0 + (r1 - r0) * (b + 1) / blocks - row;
        FNN(recurrent_rows) a = {0};
        if (s + 1 < f->steps)
            a = FNN(recurrent_rows_of)(rows, width, f->dq + (later * f->batch + row) * width, width, f->near,
                                       packed);
        for (ptrdiff_t p = p0; p < p1; p++) {
            const ptrdiff_t column = p * f->panel, n = fnn_min(f->panel, units - column);
            if (s + 1 < f->steps)
                FNN(recurrent_product)(rows, n, width, &a, 0, f->rt + p * width * f->panel, f->panel,
                                       f->dh0 + row * units + column, units, NULL, 1);
            if (f->near && s > 0) {
                const ptrdiff_t before = FNN(recurrent_time)(s - 1, f->steps, f->backwards) * f->batch + row;
                FNN(recurrent_fetch)(f->gates + before * parts * units, rows * parts * units, p - p0,
                                     p1 - p0);
                if (f->d != f->gates)
                    FNN(recurrent_fetch)(f->d + before * width, rows * width, p - p0, p1 - p0);
            }
            if (s >= 0)
                FNN(recurrent_back_cells)(f, s, row, rows, column, n);
        }
    }
}

static void FNN(recurrent_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(recurrence_back) f = FNN(recurrence_back_of)(call);
    for (ptrdiff_t s = f.last - 1; s >= f.first && lo < hi; s--)
        if (f.columns)
            FNN(recurrent_back_step)(&f, s, 0, f.batch, lo, hi, scratch);
        else
            FNN(recurrent_back_step)(&f, s, lo, hi, 0, f.panels, scratch);
}

static void FNN(recurrent_grad_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(recurrence_back) f = FNN(recurrence_back_of)(call);
    const double rows = (double)f.batch * (double)(f.last - f.first), width = (double)(f.groups * f.units);
    work->units = f.columns ? f.panels : f.batch;
    work->grain = f.columns ? f.panels : 2 * RECURRENT_ROWS;
    work->scratch = FNN(recurrent_pack_floats)(f.groups * f.units, f.near) * (ptrdiff_t)sizeof(float);
    work->flops = rows * width * (2.0 * (double)f.units + 20.0);
    work->bytes = 4.0 * (2.0 * rows * width + width * (double)f.units);
}

#define FNN_RECURRENT_GRAD_KERNELS FNN_KERNEL(recurrent_grad_f32, recurrent_grad_work)
