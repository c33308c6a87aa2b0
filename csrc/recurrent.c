/* recurrent.c - SimpleRNN, LSTM and GRU over whole sequences, forward.
 *
 *     SimpleRNN  h = act(z),                       z = x W + h' R + b
 *     LSTM       c = s(f) c' + s(i) act(g),  h = s(o) act(c),       i, f, g, o the parts of z = x W + h' R + b
 *     GRU        h = z h' + (1 - z) act(g + r q),  z, r = s(parts of x W + h' R + b),  g of x W + b,  q of h' R + b2
 *
 * with h', c' the state before the step and s the recurrent activation (Hochreiter and Schmidhuber 1997; Cho et al.
 * 2014, the reset after the product as in Keras and cuDNN). Rows of a batch do not see each other: a range of rows runs
 * through all steps by itself, without a barrier, the weights' panels in the second-level cache. Where the weights are
 * larger than that and rows few, each step is a call of its own, its units panels of hidden columns: threads then meet
 * once a step, and each reads its part of the weights only (Zhang et al., DeepCPU, USENIX ATC 2018).
 *
 * What is kept lies step by step, (steps, batch, ...): a step's rows are neighbours, so that they neither crowd into a
 * few cache sets nor need a page each, and products over all steps read them as one matrix.
 *
 *   recurrent_f32
 *   bufs: x     (batch, steps, features)
 *         xp    not fused: what x W + b is, (batch, steps, groups * units)
 *         r     packed: fused, the kernel above the recurrent kernel, else the recurrent kernel; or as it is
 *         bias  if biased: (groups * units); GRU: two rows of it, the second for h' R
 *         h0    (batch, units); LSTM: and c0
 *         mask  if masked: (batch, steps) bytes; where 0 the state stays, and y is it (zero_masked: 0)
 *         y     if sequences: (batch, steps, units), in the order of computation
 *         hn    (batch, units); LSTM: and cn
 *         xh    keep: (steps, batch, lead + units), each step's x, if lead is features, and h'; else room for two
 *               steps. fused: lead is features
 *         gates if keep: (steps, batch, parts * units), activated; parts: SimpleRNN 1 (h), LSTM i f g o, GRU z r g q
 *         cs    if keep, LSTM: (steps, batch, units), each step's c
 *   xh, gates and cs are in the order of x's steps.
 *   sizes: kind, batch, steps, features, units, lead, fused, packed, biased, masked, zero_masked, sequences, keep,
 *          backwards, activation, recurrent activation (fnn_gate), first, last: the steps to compute; columns: whether
 *          units are panels
 *   units: rows; or panels, for one step.
 */

typedef struct {
    int kind, fused, packed, biased, masked, zero_masked, sequences, keep, backwards, act, ract, columns,
        near;
    ptrdiff_t batch, steps, features, units, lead, first, last;
    ptrdiff_t panel, panels, groups; /* groups: gates in the kernels */
    const float *x, *xp, *r, *bias, *h0, *c0;
    const unsigned char *mask;
    float *y, *hn, *cn, *xh, *gates, *cs;
} FNN(recurrence);

static FNN(recurrence) FNN(recurrence_of)(const fnn_call *call)
{
    const ptrdiff_t *n = call->size;
    FNN(recurrence)
    f = {.kind = (int)n[0],
         .batch = n[1],
         .steps = n[2],
         .features = n[3],
         .units = n[4],
         .lead = n[5],
         .fused = (int)n[6],
         .packed = (int)n[7],
         .biased = (int)n[8],
         .masked = (int)n[9],
         .zero_masked = (int)n[10],
         .sequences = (int)n[11],
         .keep = (int)n[12],
         .backwards = (int)n[13],
         .act = (int)n[14],
         .ract = (int)n[15],
         .first = n[16],
         .last = n[17],
         .columns = (int)n[18]};
    const int lstm = f.kind == FNN_LSTM;
    int b = 0;
    f.panel = FNN(recurrent_panel)(f.batch);
    f.panels = fnn_ceil_div(f.units, f.panel);
    f.groups = lstm ? 4 : f.kind == FNN_GRU ? 3 : 1;
    f.near = FNN(recurrent_near)((f.fused ? f.features : 0) + f.units, f.groups * f.units);
    f.x = call->buf[b++];
    f.xp = f.fused ? NULL : call->buf[b++];
    f.r = call->buf[b++];
    f.bias = f.biased ? call->buf[b++] : NULL;
    f.h0 = call->buf[b++];
    f.c0 = lstm ? call->buf[b++] : NULL;
    f.mask = f.masked ? call->buf[b++] : NULL;
    f.y = f.sequences ? call->buf[b++] : NULL;
    f.hn = call->buf[b++];
    f.cn = lstm ? call->buf[b++] : NULL;
    f.xh = call->buf[b++];
    f.gates = f.keep ? call->buf[b++] : NULL;
    f.cs = lstm && f.keep ? call->buf[b++] : NULL;
    return f;
}

/* Where in x step s of the computation lies. */
static inline ptrdiff_t FNN(recurrent_time)(ptrdiff_t s, ptrdiff_t steps, int backwards)
{
    return backwards ? steps - 1 - s : s;
}

/* Where what is kept of step s lies, in steps. */
static inline ptrdiff_t FNN(recurrent_slot)(const FNN(recurrence) * f, ptrdiff_t s)
{
    return f->keep ? FNN(recurrent_time)(s, f->steps, f->backwards) : s & 1;
}

/* Some rows and hidden columns of one step. */
typedef struct {
    ptrdiff_t s, row, rows, column, n; /* rows [row, row + rows), columns [column, column + n) */
    const float *h;                    /* the state before, from row 0 and column 0 on */
    ptrdiff_t ldh;
    FNN(recurrent_rows) a; /* fused: x and h' side by side, else h' */
} FNN(recurrent_block);

/* The parts of x W + h' R + b that this block needs, into z: each part's rows of `panel` floats, one after the other. */
static void FNN(recurrent_sums)(const FNN(recurrence) * f, const FNN(recurrent_block) * at, float *z)
{
    const ptrdiff_t units = f->units, panel = f->panel, part = at->rows * panel, groups = f->groups;
    const ptrdiff_t t = FNN(recurrent_time)(at->s, f->steps, f->backwards);
    const ptrdiff_t above = f->fused ? f->features : 0, ldb = f->packed ? panel : groups * units;
    for (ptrdiff_t g = 0; g < groups; g++) {
        /* h' R_h is multiplied by r: its sum stays by itself. */
        const int apart = f->kind == FNN_GRU && g == 2;
        const float *bias = f->biased ? f->bias + g * units + at->column : NULL;
        const float *bias2 = f->biased && f->kind == FNN_GRU ? bias + groups * units : NULL;
        const float *b = f->packed ? f->r + (at->column / panel * groups + g) * (above + units) * panel
                                   : f->r + g * units + at->column;
        float *c = z + g * part;
        if (f->fused && f->kind != FNN_GRU) {
            /* x and h' lie side by side, as their kernels lie one above the other. */
            FNN(recurrent_product)(at->rows, at->n, above + units, &at->a, 0, b, ldb, c, panel, bias, 0);
            continue;
        }
        if (f->fused)
            FNN(recurrent_product)(at->rows, at->n, above, &at->a, 0, b, ldb, c, panel, bias, 0);
        else
            for (ptrdiff_t i = 0; i < at->rows; i++)
                memcpy(c + i * panel,
                       f->xp + (((at->row + i) * f->steps + t) * groups + g) * units + at->column,
                       (size_t)at->n * sizeof(float));
        FNN(recurrent_product)(at->rows, at->n, units, &at->a, above, b + above * ldb, ldb,
                               apart ? c + part : c, panel, bias2, !apart);
    }
}

/* What a row of a block reads and writes in its cell; pointers to the block's first column. */
typedef struct {
    const float *before, *carry;   /* h', c' */
    float *h, *y, *c, *gates, *cs; /* h: the next step's h', or hn; NULL: not wanted */
    int skip;                      /* a masked step */
} FNN(recurrent_row);

static FNN(recurrent_row)
    FNN(recurrent_row_at)(const FNN(recurrence) * f, const FNN(recurrent_block) * at, ptrdiff_t row)
{
    const ptrdiff_t units = f->units, s = at->s, column = at->column, parts = f->kind == FNN_SIMPLE ? 1 : 4;
    const ptrdiff_t t = FNN(recurrent_time)(s, f->steps, f->backwards), ld = f->lead + units;
    FNN(recurrent_row)
    r = {.before = at->h + row * at->ldh + column, .skip = f->masked && !f->mask[row * f->steps + t]};
    r.h = s + 1 == f->steps
              ? f->hn + row * units + column
              : f->xh + (FNN(recurrent_slot)(f, s + 1) * f->batch + row) * ld + f->lead + column;
    if (f->sequences)
        r.y = f->y + (row * f->steps + s) * units + column;
    if (f->kind == FNN_LSTM) {
        r.carry = (s ? f->cn : f->c0) + row * units + column;
        r.c = f->cn + row * units + column;
    }
    if (f->keep) {
        r.gates = f->gates + (t * f->batch + row) * parts * units + column;
        r.cs = f->kind == FNN_LSTM ? f->cs + (t * f->batch + row) * units + column : NULL;
    }
    return r;
}

/* Always inlined: with the usual activations known, their switches go. */
TILE_INLINE void FNN(lstm_row)(const int act, const int ract, ptrdiff_t n, ptrdiff_t units, ptrdiff_t part,
                               const float *z, const FNN(recurrent_row) * r)
{
    for (ptrdiff_t j = 0; j < n; j += VF_LANES) {
        const ptrdiff_t m = fnn_min(VF_LANES, n - j);
        const vf i = FNN(gate)(ract, vf_load_n(z + j, m)), f = FNN(gate)(ract, vf_load_n(z + part + j, m));
        const vf g = FNN(gate)(act, vf_load_n(z + 2 * part + j, m));
        const vf o = FNN(gate)(ract, vf_load_n(z + 3 * part + j, m));
        const vf c = vf_fma(f, vf_load_n(r->carry + j, m), vf_mul(i, g));
        const vf h = vf_mul(o, FNN(gate)(act, c));
        vf_store_n(r->c + j, c, m);
        vf_store_n(r->h + j, h, m);
        if (r->y)
            vf_store_n(r->y + j, h, m);
        if (r->gates) {
            vf_store_n(r->gates + j, i, m);
            vf_store_n(r->gates + units + j, f, m);
            vf_store_n(r->gates + 2 * units + j, g, m);
            vf_store_n(r->gates + 3 * units + j, o, m);
            vf_store_n(r->cs + j, c, m);
        }
    }
}

TILE_INLINE void FNN(gru_row)(const int act, const int ract, ptrdiff_t n, ptrdiff_t units, ptrdiff_t part,
                              const float *sums, const FNN(recurrent_row) * r)
{
    for (ptrdiff_t j = 0; j < n; j += VF_LANES) {
        const ptrdiff_t m = fnn_min(VF_LANES, n - j);
        const vf z = FNN(gate)(ract, vf_load_n(sums + j, m)),
                 reset = FNN(gate)(ract, vf_load_n(sums + part + j, m));
        const vf q = vf_load_n(sums + 3 * part + j, m);
        const vf g = FNN(gate)(act, vf_fma(reset, q, vf_load_n(sums + 2 * part + j, m)));
        const vf h = vf_fma(z, vf_sub(vf_load_n(r->before + j, m), g), g);
        vf_store_n(r->h + j, h, m);
        if (r->y)
            vf_store_n(r->y + j, h, m);
        if (r->gates) {
            vf_store_n(r->gates + j, z, m);
            vf_store_n(r->gates + units + j, reset, m);
            vf_store_n(r->gates + 2 * units + j, g, m);
            vf_store_n(r->gates + 3 * units + j, q, m);
        }
    }
}

TILE_INLINE void FNN(simple_row)(const int act, ptrdiff_t n, const float *z, const FNN(recurrent_row) * r)
{
    for (ptrdiff_t j = 0; j < n; j += VF_LANES) {
        const ptrdiff_t m = fnn_min(VF_LANES, n - j);
        const vf h = FNN(gate)(act, vf_load_n(z + j, m));
        vf_store_n(r->h + j, h, m);
        if (r->y)
            vf_store_n(r->y + j, h, m);
        if (r->gates)
            vf_store_n(r->gates + j, h, m);
    }
}

/* A masked step: the state stays. */
static void FNN(recurrent_skip)(const FNN(recurrence) * f, ptrdiff_t n, const FNN(recurrent_row) * r)
{
    const size_t bytes = (size_t)n * sizeof(float);
    memcpy(r->h, r->before, bytes);
    if (r->c && r->c != r->carry)
        memcpy(r->c, r->carry, bytes);
    if (r->cs)
        memcpy(r->cs, r->carry, bytes);
    if (r->y && f->zero_masked)
        memset(r->y, 0, bytes);
    else if (r->y)
        memcpy(r->y, r->before, bytes);
}

static void FNN(recurrent_cells)(const FNN(recurrence) * f, const FNN(recurrent_block) * at, const float *z)
{
    const ptrdiff_t part = at->rows * f->panel, n = at->n, units = f->units;
    const int usual = f->act == FNN_GATE_TANH && f->ract == FNN_GATE_SIGMOID;
    for (ptrdiff_t i = 0; i < at->rows; i++) {
        const FNN(recurrent_row) r = FNN(recurrent_row_at)(f, at, at->row + i);
        const float *zi = z + i * f->panel;
        if (r.skip)
            FNN(recurrent_skip)(f, n, &r);
        else if (f->kind == FNN_SIMPLE && f->act == FNN_GATE_TANH)
            FNN(simple_row)(FNN_GATE_TANH, n, zi, &r);
        else if (f->kind == FNN_SIMPLE)
            FNN(simple_row)(f->act, n, zi, &r);
        else if (f->kind == FNN_LSTM && usual)
            FNN(lstm_row)(FNN_GATE_TANH, FNN_GATE_SIGMOID, n, units, part, zi, &r);
        else if (f->kind == FNN_LSTM)
            FNN(lstm_row)(f->act, f->ract, n, units, part, zi, &r);
        else if (usual)
            FNN(gru_row)(FNN_GATE_TANH, FNN_GATE_SIGMOID, n, units, part, zi, &r);
        else
            FNN(gru_row)(f->act, f->ract, n, units, part, zi, &r);
    }
}

/* Step s's x, and the first step's h', of rows [r0, r1) into xh. */
static void FNN(recurrent_fill)(const FNN(recurrence) * f, ptrdiff_t s, ptrdiff_t r0, ptrdiff_t r1)
{
    const ptrdiff_t t = FNN(recurrent_time)(s, f->steps, f->backwards), ld = f->lead + f->units;
    float *to = f->xh + FNN(recurrent_slot)(f, s) * f->batch * ld;
    for (ptrdiff_t row = r0; row < r1; row++) {
        const float *x = f->x + (row * f->steps + t) * f->features;
        memcpy(to + row * ld, x, (size_t)f->lead * sizeof(float));
        if (f->lead && s + 1 < f->steps)
            FNN(recurrent_fetch)(f->backwards ? x - f->lead : x + f->lead, f->lead, 0, 1);
        if (s == 0)
            memcpy(to + row * ld + f->lead, f->h0 + row * f->units, (size_t)f->units * sizeof(float));
    }
}

/* Rows [r0, r1) and panels [p0, p1) of step s. */
static void FNN(recurrent_step)(const FNN(recurrence) * f, ptrdiff_t s, ptrdiff_t r0, ptrdiff_t r1,
                                ptrdiff_t p0, ptrdiff_t p1, float *z)
{
    const ptrdiff_t ld = f->lead + f->units, above = f->fused ? f->features : 0;
    const ptrdiff_t together = FNN(recurrent_together)(above + f->units, f->near);
    const ptrdiff_t blocks = fnn_ceil_div(r1 - r0, together);
    float *packed = z + 4 * together * fnn_max(f->panel, TILE_COLS);
    const int start = s == 0 && f->columns; /* h0 is not in xh yet */
    FNN(recurrent_block) at = {.s = s, .ldh = start ? f->units : ld};
    at.h = start ? f->h0 : f->xh + FNN(recurrent_slot)(f, s) * f->batch * ld + f->lead;
    for (ptrdiff_t b = 0; b < blocks; b++) {
        at.row = r0 + (r1 - r0) * b / blocks;
        at.rows = r0 + (r1 - r0) * (b + 1) / blocks - at.row;
        at.a = FNN(recurrent_rows_of)(at.rows, above + f->units, at.h + at.row * at.ldh - above, at.ldh,
                                      f->near, packed);
        for (ptrdiff_t p = p0; p < p1; p++) {
            if (f->near && f->keep && s + 1 < f->steps) {
                const ptrdiff_t width = (f->kind == FNN_SIMPLE ? 1 : 4) * f->units;
                FNN(recurrent_fetch)(f->gates + (FNN(recurrent_slot)(f, s + 1) * f->batch + at.row) * width,
                                     at.rows * width, p - p0, p1 - p0);
            }
            at.column = p * f->panel;
            at.n = fnn_min(f->panel, f->units - at.column);
            FNN(recurrent_sums)(f, &at, z);
            FNN(recurrent_cells)(f, &at, z);
        }
    }
}

static void FNN(recurrent_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(recurrence) f = FNN(recurrence_of)(call);
    for (ptrdiff_t s = f.first; s < f.last && lo < hi; s++)
        if (f.columns) {
            if (lo == 0 && f.keep)
                FNN(recurrent_fill)(&f, s, 0, f.batch);
            FNN(recurrent_step)(&f, s, 0, f.batch, lo, hi, scratch);
        } else {
            FNN(recurrent_fill)(&f, s, lo, hi);
            FNN(recurrent_step)(&f, s, lo, hi, 0, f.panels, scratch);
        }
}

static void FNN(recurrent_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(recurrence) f = FNN(recurrence_of)(call);
    const double steps = (double)(f.last - f.first), width = (double)(f.groups * f.units);
    const double rows = (double)f.batch * steps;
    work->units = f.columns ? f.panels : f.batch;
    work->grain = f.columns ? f.panels : 2 * RECURRENT_ROWS;
    const ptrdiff_t k = (f.fused ? f.features : 0) + f.units;
    work->scratch = (4 * FNN(recurrent_together)(k, f.near) * fnn_max(f.panel, TILE_COLS) +
                     FNN(recurrent_pack_floats)(k, f.near)) *
                    (ptrdiff_t)sizeof(float);
    /* an activation costs about as much as 20 multiply-adds a lane */
    work->flops = rows * width * (2.0 * (double)((f.fused ? f.features : 0) + f.units) + 40.0);
    work->bytes = 4.0 * (rows * width * (f.keep ? 2.0 : 1.0) + width * (double)f.units);
}

/* ---- packing ----
 *
 *   recurrent_pack_f32
 *   bufs: matrix, packed: see recurrent.h
 *   sizes: k, n, gates, turned, batch, above, below. turned = 0: the matrix is (k, gates * n), each gate's n columns go
 *          to panels, which have `above` more rows before these and `below` more after them; 1: it is (n, k) and gates
 *          is 1: the panels of its transpose.
 *   units: panels of each gate.
 */
static void FNN(recurrent_pack_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const ptrdiff_t k = call->size[0], n = call->size[1], gates = call->size[2];
    const ptrdiff_t panel = FNN(recurrent_panel)(call->size[4]), above = call->size[5], below = call->size[6];
    const int turned = call->size[3] != 0;
    (void)scratch;
    for (ptrdiff_t u = lo; u < hi; u++) {
        const ptrdiff_t column = u / gates * panel, width = fnn_min(panel, n - column);
        float *to = (float *)call->buf[1] + (u * (above + k + below) + above) * panel;
        const float *from = call->buf[0];
        if (turned) {
            FNN(gemm_transpose)(width, k, from + column * k, k, to, panel);
            continue;
        }
        from += u % gates * n + column;
        for (ptrdiff_t p = 0; p < k; p++)
            memcpy(to + p * panel, from + p * gates * n, (size_t)width * sizeof(float));
    }
}

static void FNN(recurrent_pack_work)(const fnn_call *call, fnn_work *work)
{
    const ptrdiff_t k = call->size[0], n = call->size[1], gates = call->size[2];
    const ptrdiff_t panel = FNN(recurrent_panel)(call->size[4]), rows = call->size[5] + k + call->size[6];
    work->units = fnn_ceil_div(n, panel) * gates;
    work->made = work->units * rows * panel * (ptrdiff_t)sizeof(float);
    work->bytes = 8.0 * (double)k * (double)n * (double)gates;
}

#define FNN_RECURRENT_KERNELS                                                                                \
    FNN_KERNEL(recurrent_f32, recurrent_work)                                                                \
    FNN_KERNEL(recurrent_pack_f32, recurrent_pack_work)
