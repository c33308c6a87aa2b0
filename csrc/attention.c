/* attention.c - softmax(scale q k' + bias, masked) v by blocks of queries and keys, and its gradient.
 *
 *     s[i,j] = scale sum_c q[i,c] k[j,c] + bias[i,j], or HIDDEN where a mask is 0, j > i (causal) or |i - j| >= window
 *     p[i,j] = exp(s[i,j] - peak[i]) / total[i],  peak[i] = max_j s[i,j],  total[i] = sum_j exp(s[i,j] - peak[i])
 *     y[i]   = sum_j p[i,j] r[i,j] v[j],  r = 1, or with dropout: 0 or 1 / (1 - rate)
 *
 * for each sample and head. No more than one block of s exists at a time: a running maximum and sum are kept, and what
 * was added up under an older maximum is scaled down when a larger one comes (Milakov and Gimelshein, arXiv 1805.02867;
 * Rabe and Staats, arXiv 2112.05682; Dao et al., FlashAttention, arXiv 2205.14135). The gradient makes the blocks
 * again from peak and total:
 *
 *     dp[i,j] = r[i,j] sum_c dy[i,c] v[j,c],  ds[i,j] = p[i,j] (dp[i,j] - sum_c dy[i,c] y[i,c])
 *     dq[i] = scale sum_j ds[i,j] k[j],  dk[j] = scale sum_i ds[i,j] q[i],  dv[j] = sum_i p[i,j] r[i,j] dy[i]
 *
 * A query that sees no key sees all of them equally, as a softmax over equal scores gives, or with `blank` gets 0; no
 * gradient goes through its scores.
 *
 *   attention_f32       bufs: q (batch, t, heads, h), k (batch, s, kv, h), v (batch, s, kv, e), [bias], [masks ...],
 *                             [seed (2,) uint32]; y (batch, t, heads, e), peak (batch, heads, t), total (same)
 *   attention_grad_f32  bufs: those of attention_f32, y, peak and total being inputs, then dy; dq, dk, dv, or with
 *                             splits > 1 in place of dq (splits, batch, t, heads, h) partial sums of it
 *   sizes: batch, t, s, heads, kv, h, e, causal, window (0: none), splits, bias (0 or 1) and its four steps, masks (0 to
 *          ATT_MASKS) and four steps each. Steps: elements from one (sample, head, query, key) to the next, 0 to repeat.
 *   attrs: scale, rate (0: no dropout, no seed), blank (0 or 1).
 *   Query head n reads key and value head n / (heads / kv). bias: float32. masks: bytes, 0 hides.
 *   units: attention_f32: (sample, head, group of blocks of queries); attention_grad_f32: (sample, kv head, split of the
 *          keys).
 *
 * Forward, a group of blocks of queries passes the keys together: a block of keys and values is fetched, and laid side by
 * side, once for all of them. */
#include "attention.h"

enum {
    ATT_GROUP = 4,
    ATT_UNITS = 64
}; /* blocks of queries a group, at most; groups to be shared out, if there can be */

static ptrdiff_t FNN(att_group)(const FNN(att) * a)
{
    const ptrdiff_t blocks = a->batch * a->heads * fnn_ceil_div(a->t, ATT_Q);
    return fnn_max(1, fnn_min(ATT_GROUP, fnn_min(blocks / ATT_UNITS, fnn_ceil_div(a->t, ATT_Q))));
}

/* A block of queries on its way along the keys. */
typedef struct {
    FNN(att_block) at;
    float *q, *y, *peak, *total; /* (h, ATT_Q) scaled and turned, (ATT_Q, e), (ATT_Q) each */
    ptrdiff_t from, to;          /* the keys that it may see */
    int begun;                   /* whether y holds anything yet */
} FNN(att_run);

/* A thread's memory. */
typedef struct {
    FNN(att_room) room;
    float *k, *v, *shift; /* (ATT_K, h) keys and (ATT_K, e) values, side by side; (ATT_Q) */
    float *run;           /* a group's q, y, peak and total */
} FNN(att_scratch);

static ptrdiff_t FNN(att_run_floats)(const FNN(att) * a) { return ATT_Q * (a->h + a->e + 2); }

static FNN(att_scratch) FNN(att_scratch_of)(const FNN(att) * a, float *at)
{
    FNN(att_scratch) x = {.room = FNN(att_room_at)(at)};
    x.shift = at + ATT_ROOM;
    x.k = x.shift + ATT_Q;
    x.v = x.k + ATT_K * a->h;
    x.run = x.v + ATT_K * a->e;
    return x;
}

/* Columns [c, c + words * VF_LANES) of a block of scores s: exp(s - peak) in their place, the peak of all keys so far, and
 * their sum; shift: what earlier sums shrink by. */
TILE_INLINE void FNN(att_columns)(const int words, ptrdiff_t cols, ptrdiff_t c, float *s, float *peaks,
                                  float *totals, float *shift)
{
    enum { ROWS = 2 }; /* chains of maxima and sums: words * ROWS */
    const vf low = vf_set1(-INFINITY);
    vf peak[ROWS][ATT_WORDS], by[ATT_WORDS], sum[ROWS][ATT_WORDS];
    TILE_UNROLL
    for (int w = 0; w < words; w++)
        peak[0][w] = peak[1][w] = vf_load(peaks + c + w * VF_LANES);
    ptrdiff_t j = 0;
    for (; j < cols; j += ROWS) {
        const ptrdiff_t second = j + 1 < cols ? j + 1 : j;
        TILE_UNROLL
        for (int w = 0; w < words; w++) { /* a NaN yields the second operand */
            peak[0][w] = vf_max(vf_load(s + j * ATT_Q + c + w * VF_LANES), peak[0][w]);
            peak[1][w] = vf_max(vf_load(s + second * ATT_Q + c + w * VF_LANES), peak[1][w]);
        }
    }
    TILE_UNROLL
    for (int w = 0; w < words; w++) {
        const vf old = vf_load(peaks + c + w * VF_LANES), m = vf_max(peak[0][w], peak[1][w]);
        /* All -inf so far: subtract 0, not -inf from -inf. */
        by[w] = vf_select(vf_eq(m, low), vf_zero(), m);
        vf_store(peaks + c + w * VF_LANES, m);
        vf_store(shift + c + w * VF_LANES, FNN(att_exp)(vf_sub(old, by[w])));
        sum[0][w] = sum[1][w] = vf_zero();
    }
    for (j = 0; j + ROWS <= cols; j += ROWS) {
        TILE_UNROLL
        for (int r = 0; r < ROWS; r++) {
            TILE_UNROLL
            for (int w = 0; w < words; w++) {
                float *at = s + (j + r) * ATT_Q + c + w * VF_LANES;
                const vf e = FNN(att_exp)(vf_sub(vf_load(at), by[w]));
                vf_store(at, e);
                sum[r][w] = vf_add(sum[r][w], e);
            }
        }
    }
    TILE_UNROLL
    for (int w = 0; w < words; w++) {
        if (j < cols) {
            float *at = s + j * ATT_Q + c + w * VF_LANES;
            const vf e = FNN(att_exp)(vf_sub(vf_load(at), by[w]));
            vf_store(at, e);
            sum[0][w] = vf_add(sum[0][w], e);
        }
        float *total = totals + c + w * VF_LANES;
        vf_store(total,
                 vf_fma(vf_load(total), vf_load(shift + c + w * VF_LANES), vf_add(sum[0][w], sum[1][w])));
    }
}

/* Takes keys [j, j + cols) into a block's y, peak and total; v (cols, e): their values. */
static void FNN(att_take)(const FNN(att) * a, FNN(att_run) * run, const float *v, const FNN(att_scratch) * x)
{
    const FNN(att_block) *o = &run->at;
    float *s = x->room.p;
    FNN(att_scores)(a, o, s, &x->room);
    ATT_ALL_LANES(FNN(att_columns), o, s, run->peak, run->total, x->shift);
    if (a->seed) {
        FNN(att_draw)(a, o, x->room.extra);
        FNN(att_scale_by)(o->cols, o->lanes, x->room.extra, s);
    }
    for (ptrdiff_t i = 0; run->begun && i < o->rows; i++)
        if (x->shift[i] != 1.0f)
            FNN(att_scale_row)(a->e, run->y + i * a->e, vf_set1(x->shift[i]), run->y + i * a->e);
    FNN(att_product)(o->rows, a->e, o->cols, s, ATT_Q, 1, v, a->e, run->y, a->e, run->begun);
    run->begun = 1;
}

/* Takes all blocks of keys of [from, to) into those of `count` runs that may see them, or with `hidden` into all. */
static void FNN(att_pass)(const FNN(att) * a, FNN(att_run) * runs, ptrdiff_t count, ptrdiff_t from,
                          ptrdiff_t to, int hidden, const FNN(att_scratch) * x)
{
    const ptrdiff_t ldk = a->kv * a->h, ldv = a->kv * a->e, group = runs->at.n / (a->heads / a->kv);
    const float *k = a->k + runs->at.b * a->s * ldk + group * a->h;
    const float *v = a->v + runs->at.b * a->s * ldv + group * a->e;
    for (ptrdiff_t j = from; j < to; j += ATT_K) {
        const ptrdiff_t cols = fnn_min(ATT_K, to - j), next = fnn_min(ATT_K, to - j - cols);
        if (count > 1)
            FNN(att_near)(cols, a->h, k + j * ldk, ldk, x->k);
        FNN(att_near)(cols, a->e, v + j * ldv, ldv, x->v);
        for (ptrdiff_t r = 0; r < count; r++) {
            FNN(att_run) *run = runs + r;
            FNN(att_fetch)(next, a->h, k + (j + cols) * ldk, ldk, r, count);
            FNN(att_fetch)(next, a->e, v + (j + cols) * ldv, ldv, r, count);
            if (!hidden && (j < run->from || j >= run->to))
                continue;
            run->at.j = j;
            run->at.cols = hidden ? cols : fnn_min(cols, run->to - j);
            run->at.k = count > 1 ? x->k : k + j * ldk;
            run->at.ldk = count > 1 ? a->h : ldk;
            FNN(att_take)(a, run, x->v, x);
        }
    }
}

static void FNN(attention_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(att) a = FNN(att_of)(call);
    const FNN(att_scratch) x = FNN(att_scratch_of)(&a, scratch);
    const ptrdiff_t blocks = fnn_ceil_div(a.t, ATT_Q), most = FNN(att_group)(&a), ldy = a.heads * a.e;
    const ptrdiff_t groups = fnn_ceil_div(blocks, most);
    float *out = a.rest[0], *peak = a.rest[1], *total = a.rest[2];
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t place = unit % groups, row = unit / groups; /* row: sample and head */
        /* First, last, second, ...: causal queries see ever more keys, and ranges of units should take as long. */
        const ptrdiff_t group = place % 2 ? groups - 1 - place / 2 : place / 2;
        const ptrdiff_t count = fnn_min(most, blocks - group * most);
        FNN(att_run) runs[ATT_GROUP];
        ptrdiff_t from = a.s, to = 0;
        for (ptrdiff_t r = 0; r < count; r++) {
            FNN(att_run) *run = runs + r;
            run->q = x.run + r * FNN(att_run_floats)(&a);
            run->y = run->q + ATT_Q * a.h;
            run->peak = run->y + ATT_Q * a.e;
            run->total = run->peak + ATT_Q;
            run->begun = 0;
            run->at = (FNN(att_block)){
                .b = row / a.heads, .n = row % a.heads, .i = (group * most + r) * ATT_Q, .q = run->q};
            run->at.rows = fnn_min(ATT_Q, a.t - run->at.i);
            run->at.lanes = fnn_ceil_div(run->at.rows, VF_LANES) * VF_LANES;
            for (ptrdiff_t i = 0; i < ATT_Q; i++)
                run->peak[i] = -INFINITY, run->total[i] = 0.0f;
            FNN(att_load_queries)(&a, &run->at, run->q);
            FNN(att_reach)(&a, run->at.i, run->at.rows, &run->from, &run->to);
            from = fnn_min(from, run->from), to = fnn_max(to, run->to);
        }
        FNN(att_pass)(&a, runs, count, from, to, 0, &x);
        for (ptrdiff_t r = 0; r < count; r++) {
            FNN(att_run) *run = runs + r;
            const FNN(att_block) *o = &run->at;
            float *y = out + (o->b * a.t + o->i) * ldy + o->n * a.e;
            const ptrdiff_t stats = row * a.t + o->i;
            if (a.blank) {
                for (ptrdiff_t i = 0; i < o->rows; i++)
                    /* A share of 0 for whatever was added up, here and in the gradient. */
                    if (run->peak[i] <= ATT_HIDDEN)
                        run->total[i] = INFINITY;
                if (!run->begun)
                    FNN(att_clear)(o->rows, a.e, a.e, run->y);
            } else if ((run->from > 0 || run->to < a.s) && FNN(att_sees_nothing)(o->rows, run->peak)) {
                FNN(att_pass)(&a, run, 1, 0, run->from, 1, &x);
                FNN(att_pass)(&a, run, 1, run->to, a.s, 1, &x);
            }
            for (ptrdiff_t i = 0; i < o->rows; i++)
                FNN(att_scale_row)(a.e, run->y + i * a.e, vf_set1(1.0f / run->total[i]), y + i * ldy);
            memcpy(peak + stats, run->peak, (size_t)o->rows * sizeof *peak);
            memcpy(total + stats, run->total, (size_t)o->rows * sizeof *total);
        }
    }
}

static void FNN(attention_f32_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(att) a = FNN(att_of)(call);
    const ptrdiff_t group = FNN(att_group)(&a);
    FNN(att_cost)(&a, work, 0);
    work->units = a.batch * a.heads * fnn_ceil_div(fnn_ceil_div(a.t, ATT_Q), group);
    work->scratch =
        (ATT_ROOM + ATT_Q + ATT_K * (a.h + a.e) + group * FNN(att_run_floats)(&a)) * (ptrdiff_t)sizeof(float);
}

#define FNN_ATTENTION_KERNELS FNN_KERNEL(attention_f32, attention_f32_work)
