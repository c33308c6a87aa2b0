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
 * Blocks are kept transposed, a row for each key: maximum and sum then run along rows without crossing lanes, and keys
 * and values are read where they lie. A query that sees no key sees all of them equally, as a softmax over equal scores
 * gives, or with `blank` gets 0; no gradient goes through its scores.
 *
 *   attention_f32       bufs: q (batch, t, heads, h), k (batch, s, kv, h), v (batch, s, kv, e), [bias], [masks ...],
 *                             [seed (2,) uint32]; y (batch, t, heads, e), peak (batch, heads, t), total (same)
 *   attention_grad_f32  bufs: those of attention_f32, y, peak and total being inputs, then dy; dq, dk, dv, or with
 *                             splits > 1 in place of dq (splits, batch, t, heads, h) partial sums of it
 *   sizes: batch, t, s, heads, kv, h, e, causal, window (0: none), splits, bias (0 or 1) and its four steps, masks (0 to
 *          ATT_MASKS) and four steps each. Steps: elements from one (sample, head, query, key) to the next, 0 to repeat.
 *   attrs: scale, rate (0: no dropout, no seed), blank (0 or 1).
 *   Query head n reads key and value head n / (heads / kv). bias: float32. masks: bytes, 0 hides.
 *   units: attention_f32: (sample, head, block of queries); attention_grad_f32: (sample, kv head, split of the keys).
 */
enum { ATT_Q = 64, ATT_K = 96, ATT_MASKS = 3 }; /* queries and keys a block */
#define ATT_HIDDEN (-0.7f * 3.38953e38f)        /* finite: a row of nothing else has no NaN */

typedef struct {
    ptrdiff_t step[4]; /* sample, head, query, key */
} FNN(att_steps);

typedef struct {
    ptrdiff_t batch, t, s, heads, kv, h, e, window, splits;
    int causal, masks, blank;
    float scale, rate;
    const float *q, *k, *v, *bias;
    const uint8_t *mask[ATT_MASKS];
    const uint32_t *seed;
    FNN(att_steps) bias_at, mask_at[ATT_MASKS];
    void *const *rest; /* the buffers after these */
} FNN(att);

static FNN(att) FNN(att_of)(const fnn_call *call)
{
    const ptrdiff_t *size = call->size;
    FNN(att)
    a = {.batch = size[0],
         .t = size[1],
         .s = size[2],
         .heads = size[3],
         .kv = size[4],
         .h = size[5],
         .e = size[6],
         .causal = size[7] != 0,
         .window = size[8],
         .splits = size[9]};
    ptrdiff_t buf = 3, at = 15;
    a.scale = (float)call->attr[0];
    a.rate = (float)call->attr[1];
    a.blank = call->attr[2] != 0;
    a.q = call->buf[0], a.k = call->buf[1], a.v = call->buf[2];
    if (size[10]) {
        a.bias = call->buf[buf++];
        memcpy(a.bias_at.step, size + 11, sizeof a.bias_at.step);
    }
    a.masks = (int)size[at++];
    for (int m = 0; m < a.masks; m++, at += 4) {
        a.mask[m] = call->buf[buf++];
        memcpy(a.mask_at[m].step, size + at, sizeof a.mask_at[m].step);
    }
    if (a.rate > 0.0f)
        a.seed = call->buf[buf++];
    a.rest = call->buf + buf;
    return a;
}

/* A thread's memory: blocks of ATT_K rows of ATT_Q, and vectors of ATT_Q. */
typedef struct {
    float *q, *dy;           /* (h, ATT_Q) scaled queries, (e, ATT_Q) gradients, transposed */
    float *p, *d, *extra;    /* (ATT_K, ATT_Q) each; extra: a bias or mask on its way */
    float *near;             /* (ATT_K, e) values, backward (ATT_K, h) keys, side by side */
    float *near_q, *near_dy; /* backward: (ATT_Q, h) queries and (ATT_Q, e) gradients, side by side */
    float *lines;            /* (ATT_Q, ATT_K): a mask before it is transposed */
    float *peak, *total, *shift, *delta; /* (ATT_Q) each */
} FNN(att_scratch);

static ptrdiff_t FNN(att_floats)(ptrdiff_t h, ptrdiff_t e, int backward)
{
    return ATT_Q * (h + (backward ? h + 2 * e : 0) + (backward ? 4 : 3) * ATT_K + 4) +
           ATT_K * (backward ? h : e);
}

static FNN(att_scratch) FNN(att_scratch_of)(const FNN(att) * a, float *at, int backward)
{
    FNN(att_scratch) x;
    x.peak = at, at += ATT_Q;
    x.total = at, at += ATT_Q;
    x.shift = at, at += ATT_Q;
    x.delta = at, at += ATT_Q;
    x.p = at, at += ATT_K * ATT_Q;
    x.extra = at, at += ATT_K * ATT_Q;
    x.lines = at, at += ATT_K * ATT_Q;
    x.q = at, at += a->h * ATT_Q;
    x.d = at, at += backward ? ATT_K * ATT_Q : 0;
    x.near = at, at += ATT_K * (backward ? a->h : a->e);
    x.near_q = at, at += backward ? a->h * ATT_Q : 0;
    x.near_dy = at, at += backward ? a->e * ATT_Q : 0;
    x.dy = at;
    return x;
}

/* One block: queries [i, i + rows) by keys [j, j + cols) of sample b, query head n. `lanes`: rows, in whole words. */
typedef struct {
    ptrdiff_t b, n, i, j, rows, cols, lanes;
} FNN(att_block);

/* to (cols, ATT_Q) = the rows of `from`, `ld` apart, turned; lanes past `rows` are 0. */
static void FNN(att_turn)(ptrdiff_t rows, ptrdiff_t cols, const float *from, ptrdiff_t ld, float *to)
{
    const ptrdiff_t lanes = fnn_ceil_div(rows, VF_LANES) * VF_LANES;
    FNN(gemm_transpose)(rows, cols, from, ld, to, ATT_Q);
    for (ptrdiff_t i = rows; i < lanes; i++)
        for (ptrdiff_t c = 0; c < cols; c++)
            to[c * ATT_Q + i] = 0.0f;
}

/* to (rows, cols) = rows that lie `ld` apart. A product reads b column panel by column panel: rows a power of two apart
 * fall into a few sets of the first-level cache and push each other out. */
static void FNN(att_near)(ptrdiff_t rows, ptrdiff_t cols, const float *from, ptrdiff_t ld, float *to)
{
    for (ptrdiff_t i = 0; i < rows; i++)
        memcpy(to + i * cols, from + i * ld, (size_t)cols * sizeof *to);
}

/* out (m, n) [+]= a (m, k) b (k, n), a's rows lying lda apart; or with `turned` a is (k, m). */
static inline void FNN(att_product)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t lda,
                                    int turned, const float *b, ptrdiff_t ldb, float *out, ptrdiff_t ldo,
                                    int accumulate)
{
    fnn_tile t = {
        .n = n, .blocks = 1, .k = k, .lda = lda, .b = b, .ldb = ldb, .ldc = ldo, .accumulate = accumulate};
    const ptrdiff_t tiles = FNN(tile_count)(m);
    for (ptrdiff_t tile = 0; tile < tiles; tile++) {
        const ptrdiff_t i = FNN(tile_rows_at)(m, tile), rows = FNN(tile_rows_at)(m, tile + 1) - i;
        t.c = out + i * ldo;
        t.a = a + (turned ? i : i * lda);
        if (turned)
            FNN(tile_columns)(rows, &t);
        else
            FNN(tile_direct)(rows, &t);
    }
}

/* Adds the bias to a block of scores. */
static void FNN(att_add_bias)(const FNN(att) * a, const FNN(att_block) * o, float *s,
                              const FNN(att_scratch) * x)
{
    const ptrdiff_t *step = a->bias_at.step;
    const float *bias = a->bias + o->b * step[0] + o->n * step[1] + o->i * step[2] + o->j * step[3];
    const float *from = x->extra;
    ptrdiff_t ld = ATT_Q;
    if (step[2] != 0 && step[3] != 0) {
        FNN(att_turn)(o->rows, o->cols, bias, step[2], x->extra); /* keys lie side by side */
    } else if (step[2] != 0) {
        for (ptrdiff_t i = 0; i < o->lanes; i++)
            x->extra[i] = i < o->rows ? bias[i * step[2]] : 0.0f;
        ld = 0;
    }
    for (ptrdiff_t j = 0; j < o->cols; j++)
        for (ptrdiff_t c = 0; c < o->lanes; c += VF_LANES) {
            const vf more = step[2] != 0 ? vf_load(from + j * ld + c) : vf_set1(bias[j * step[3]]);
            vf_store(s + j * ATT_Q + c, vf_add(vf_load(s + j * ATT_Q + c), more));
        }
}

/* Hides what mask number m hides. */
static void FNN(att_apply_mask)(const FNN(att) * a, int m, const FNN(att_block) * o, float *s,
                                const FNN(att_scratch) * x)
{
    const ptrdiff_t *step = a->mask_at[m].step;
    const uint8_t *mask = a->mask[m] + o->b * step[0] + o->n * step[1] + o->i * step[2] + o->j * step[3];
    const vf hidden = vf_set1(ATT_HIDDEN), zero = vf_zero();
    if (step[2] == 0) { /* the same for all queries */
        for (ptrdiff_t j = 0; j < o->cols; j++)
            if (!mask[j * step[3]])
                for (ptrdiff_t c = 0; c < o->lanes; c += VF_LANES)
                    vf_store(s + j * ATT_Q + c, hidden);
        return;
    }
    ptrdiff_t ld = ATT_Q;
    if (step[3] == 0) { /* the same for all keys */
        for (ptrdiff_t i = 0; i < o->lanes; i++)
            x->extra[i] = i < o->rows && mask[i * step[2]] ? 1.0f : 0.0f;
        ld = 0;
    } else {
        int all = 1;
        for (ptrdiff_t i = 0; i < o->rows; i++)
            for (ptrdiff_t j = 0; j < o->cols; j++) {
                const uint8_t seen = mask[i * step[2] + j * step[3]];
                all &= seen != 0;
                x->lines[i * ATT_K + j] = seen ? 1.0f : 0.0f;
            }
        if (all)
            return;
        FNN(att_turn)(o->rows, o->cols, x->lines, ATT_K, x->extra);
    }
    for (ptrdiff_t j = 0; j < o->cols; j++)
        for (ptrdiff_t c = 0; c < o->lanes; c += VF_LANES) {
            const vm off = vf_eq(vf_load(x->extra + j * ld + c), zero);
            vf_store(s + j * ATT_Q + c, vf_select(off, hidden, vf_load(s + j * ATT_Q + c)));
        }
}

/* Hides keys after the query (causal), and those `window` or more away. Places are floats: exact below 2^24. */
static void FNN(att_apply_band)(const FNN(att) * a, const FNN(att_block) * o, float *s)
{
    const ptrdiff_t after = a->causal ? 0 : a->window ? a->window - 1 : a->s; /* key - query, at most */
    const ptrdiff_t before = a->window ? a->window - 1 : a->t;                /* query - key, at most */
    const vf hidden = vf_set1(ATT_HIDDEN), lane = vf_load(FNN(lane_number));
    if (o->j + o->cols - 1 - o->i <= after && o->i + o->rows - 1 - o->j <= before)
        return;
    for (ptrdiff_t j = 0; j < o->cols; j++) {
        const vf least = vf_set1((float)(o->j + j - after)), most = vf_set1((float)(o->j + j + before));
        for (ptrdiff_t c = 0; c < o->lanes; c += VF_LANES) {
            const vf i = vf_add(lane, vf_set1((float)(o->i + c)));
            const vm off = vm_or(vf_lt(i, least), vf_lt(most, i));
            vf_store(s + j * ATT_Q + c, vf_select(off, hidden, vf_load(s + j * ATT_Q + c)));
        }
    }
}

/* The scores of a block into s; x->q holds its queries. */
static void FNN(att_scores)(const FNN(att) * a, const FNN(att_block) * o, float *s,
                            const FNN(att_scratch) * x)
{
    const ptrdiff_t ld = a->kv * a->h;
    const float *k = a->k + (o->b * a->s + o->j) * ld + o->n / (a->heads / a->kv) * a->h;
    FNN(att_product)(o->cols, o->lanes, a->h, k, ld, 0, x->q, ATT_Q, s, ATT_Q, 0);
    if (a->bias)
        FNN(att_add_bias)(a, o, s, x);
    for (int m = 0; m < a->masks; m++)
        FNN(att_apply_mask)(a, m, o, s, x);
    if (a->causal || a->window)
        FNN(att_apply_band)(a, o, s);
}

/* x->q = the scaled queries of a block, turned. */
static void FNN(att_load_queries)(const FNN(att) * a, const FNN(att_block) * o, const FNN(att_scratch) * x)
{
    const vf scale = vf_set1(a->scale);
    const ptrdiff_t ld = a->heads * a->h;
    FNN(att_turn)(o->rows, a->h, a->q + (o->b * a->t + o->i) * ld + o->n * a->h, ld, x->q);
    for (ptrdiff_t c = 0; c < a->h; c++)
        for (ptrdiff_t i = 0; i < o->lanes; i += VF_LANES)
            vf_store(x->q + c * ATT_Q + i, vf_mul(scale, vf_load(x->q + c * ATT_Q + i)));
}

/* keep (cols, ATT_Q) = 1 / (1 - rate) or 0. An element's word depends on its sample, head, query and key alone: block b of
 * counter (16 (query / 64) + b, key, sample and head, 0) gives, in word w, query 16 w + b of 64. */
static void FNN(att_draw)(const FNN(att) * a, const FNN(att_block) * o, float *keep)
{
    const vf rate = vf_set1(a->rate), kept = vf_set1(1.0f / (1.0f - a->rate));
    for (ptrdiff_t j = 0; j < o->cols; j++)
        for (int b = 0; b < 16; b += VF_LANES) {
            vi word[4];
            FNN(philox_at)((uint32_t)(o->i / 4 + b), (uint32_t)(o->j + j), (uint32_t)(o->b * a->heads + o->n),
                           a->seed, word);
            for (int w = 0; w < 4; w++)
                vf_store(keep + j * ATT_Q + 16 * w + b,
                         vf_select(vf_lt(FNN(unit_float)(word[w]), rate), vf_zero(), kept));
        }
}

static void FNN(att_scale_by)(ptrdiff_t rows, ptrdiff_t lanes, const float *by, float *p)
{
    for (ptrdiff_t j = 0; j < rows; j++)
        for (ptrdiff_t c = 0; c < lanes; c += VF_LANES)
            vf_store(p + j * ATT_Q + c, vf_mul(vf_load(p + j * ATT_Q + c), vf_load(by + j * ATT_Q + c)));
}

/* The keys that queries [i, i + rows) may see, for all that causality and window say: [*from, *to). */
static void FNN(att_reach)(const FNN(att) * a, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t *from, ptrdiff_t *to)
{
    *from = 0, *to = a->s;
    if (a->causal)
        *to = fnn_min(*to, i + rows);
    if (a->window) {
        *from = fnn_max(0, i - a->window + 1);
        *to = fnn_min(*to, i + rows + a->window - 1);
    }
    *from = fnn_min(*from, *to) / ATT_K * ATT_K; /* blocks begin at the same keys everywhere */
}

static void FNN(att_clear)(ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t ld, float *x)
{
    for (ptrdiff_t i = 0; i < rows; i++)
        memset(x + i * ld, 0, (size_t)cols * sizeof *x);
}

/* ---- forward ---- */

/* Takes keys [from, to) into y, x->peak and x->total; `begun`: whether y holds anything yet. */
static int FNN(att_take)(const FNN(att) * a, FNN(att_block) * o, ptrdiff_t from, ptrdiff_t to, float *y,
                         int begun, const FNN(att_scratch) * x)
{
    const ptrdiff_t ldv = a->kv * a->e, ldy = a->heads * a->e;
    const float *v = a->v + o->b * a->s * ldv + o->n / (a->heads / a->kv) * a->e;
    float *s = x->p;
    for (o->j = from; o->j < to; o->j += ATT_K) {
        o->cols = fnn_min(ATT_K, to - o->j);
        FNN(att_scores)(a, o, s, x);
        for (ptrdiff_t c = 0; c < o->lanes; c += VF_LANES) {
            const vf old = vf_load(x->peak + c), low = vf_set1(-INFINITY);
            vf m = old, m1 = old, m2 = old, m3 = old;
            ptrdiff_t j = 0;
            for (; j + 4 <= o->cols; j += 4) { /* a NaN yields the second operand */
                m = vf_max(vf_load(s + j * ATT_Q + c), m);
                m1 = vf_max(vf_load(s + (j + 1) * ATT_Q + c), m1);
                m2 = vf_max(vf_load(s + (j + 2) * ATT_Q + c), m2);
                m3 = vf_max(vf_load(s + (j + 3) * ATT_Q + c), m3);
            }
            for (; j < o->cols; j++)
                m = vf_max(vf_load(s + j * ATT_Q + c), m);
            m = vf_max(vf_max(m, m1), vf_max(m2, m3));
            /* All -inf so far: subtract 0, not -inf from -inf. */
            const vf by = vf_select(vf_eq(m, low), vf_zero(), m);
            vf sum = vf_zero(), sum1 = sum;
            for (j = 0; j + 2 <= o->cols; j += 2) {
                const vf e = vf_exp_below_0(vf_sub(vf_load(s + j * ATT_Q + c), by));
                const vf e1 = vf_exp_below_0(vf_sub(vf_load(s + (j + 1) * ATT_Q + c), by));
                vf_store(s + j * ATT_Q + c, e);
                vf_store(s + (j + 1) * ATT_Q + c, e1);
                sum = vf_add(sum, e);
                sum1 = vf_add(sum1, e1);
            }
            if (j < o->cols) {
                const vf e = vf_exp_below_0(vf_sub(vf_load(s + j * ATT_Q + c), by));
                vf_store(s + j * ATT_Q + c, e);
                sum = vf_add(sum, e);
            }
            const vf shrink = vf_exp_below_0(vf_sub(old, by));
            vf_store(x->peak + c, m);
            vf_store(x->shift + c, shrink);
            vf_store(x->total + c, vf_fma(vf_load(x->total + c), shrink, vf_add(sum, sum1)));
        }
        if (a->seed) {
            FNN(att_draw)(a, o, x->extra);
            FNN(att_scale_by)(o->cols, o->lanes, x->extra, s);
        }
        if (begun)
            for (ptrdiff_t i = 0; i < o->rows; i++)
                if (x->shift[i] != 1.0f) {
                    const vf shrink = vf_set1(x->shift[i]);
                    for (ptrdiff_t c = 0; c < a->e; c += VF_LANES) {
                        const ptrdiff_t n = fnn_min(VF_LANES, a->e - c);
                        FNN(store_upto)(y + i * ldy + c, vf_mul(FNN(load_upto)(y + i * ldy + c, n), shrink),
                                        n);
                    }
                }
        FNN(att_near)(o->cols, a->e, v + o->j * ldv, ldv, x->near);
        FNN(att_product)(o->rows, a->e, o->cols, s, ATT_Q, 1, x->near, a->e, y, ldy, begun);
        begun = 1;
    }
    return begun;
}

static int FNN(att_sees_nothing)(ptrdiff_t rows, const float *peak)
{
    for (ptrdiff_t i = 0; i < rows; i++)
        if (peak[i] <= ATT_HIDDEN)
            return 1;
    return 0;
}

static void FNN(attention_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(att) a = FNN(att_of)(call);
    const FNN(att_scratch) x = FNN(att_scratch_of)(&a, scratch, 0);
    const ptrdiff_t blocks = fnn_ceil_div(a.t, ATT_Q), ldy = a.heads * a.e;
    float *out = a.rest[0], *peak = a.rest[1], *total = a.rest[2];
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t place = unit % blocks, row = unit / blocks; /* row: sample and head */
        /* First, last, second, ...: causal queries see ever more keys, and ranges of units should take as long. */
        const ptrdiff_t block = place % 2 ? blocks - 1 - place / 2 : place / 2;
        FNN(att_block) o = {.b = row / a.heads, .n = row % a.heads, .i = block * ATT_Q};
        o.rows = fnn_min(ATT_Q, a.t - o.i);
        o.lanes = fnn_ceil_div(o.rows, VF_LANES) * VF_LANES;
        for (ptrdiff_t i = 0; i < ATT_Q; i++)
            x.peak[i] = -INFINITY, x.total[i] = 0.0f;
        FNN(att_load_queries)(&a, &o, &x);
        float *y = out + (o.b * a.t + o.i) * ldy + o.n * a.e;
        ptrdiff_t from, to;
        FNN(att_reach)(&a, o.i, o.rows, &from, &to);
        int begun = FNN(att_take)(&a, &o, from, to, y, 0, &x);
        if (a.blank) {
            for (ptrdiff_t i = 0; i < o.rows; i++)
                /* A share of 0 for whatever was added up, here and in the gradient. */
                if (x.peak[i] <= ATT_HIDDEN)
                    x.total[i] = INFINITY;
            if (!begun)
                FNN(att_clear)(o.rows, a.e, ldy, y);
        } else if ((from > 0 || to < a.s) && FNN(att_sees_nothing)(o.rows, x.peak)) {
            begun = FNN(att_take)(&a, &o, 0, from, y, begun, &x);
            FNN(att_take)(&a, &o, to, a.s, y, begun, &x);
        }
        for (ptrdiff_t i = 0; i < o.rows; i++) {
            const vf share = vf_set1(1.0f / x.total[i]);
            for (ptrdiff_t c = 0; c < a.e; c += VF_LANES) {
                const ptrdiff_t n = fnn_min(VF_LANES, a.e - c);
                FNN(store_upto)(y + i * ldy + c, vf_mul(FNN(load_upto)(y + i * ldy + c, n), share), n);
            }
            peak[row * a.t + o.i + i] = x.peak[i];
            total[row * a.t + o.i + i] = x.total[i];
        }
    }
}

static void FNN(att_work)(const fnn_call *call, fnn_work *work, int backward)
{
    const FNN(att) a = FNN(att_of)(call);
    const double rows = (double)(a.batch * a.heads),
                 pairs = rows * (double)a.t * (double)a.s * (a.causal ? 0.5 : 1.0);
    const double h = (double)a.h, e = (double)a.e;
    work->scratch = FNN(att_floats)(a.h, a.e, backward) * (ptrdiff_t)sizeof(float);
    work->flops = pairs * (backward ? 2.0 * (3.0 * h + 2.0 * e) : 2.0 * (h + e)) + 40.0 * pairs;
    work->bytes = 4.0 * rows * ((double)a.t + (double)a.s) * (h + e) * (backward ? 2.0 : 1.0);
}

static void FNN(attention_f32_work)(const fnn_call *call, fnn_work *work)
{
    FNN(att_work)(call, work, 0);
    work->units = call->size[0] * call->size[3] * fnn_ceil_div(call->size[1], ATT_Q);
}

/* ---- backward ---- */

/* p = exp(s - peak) / total; x->total holds 1 / total here. */
static void FNN(att_shares)(const FNN(att_block) * o, float *p, const FNN(att_scratch) * x)
{
    for (ptrdiff_t c = 0; c < o->lanes; c += VF_LANES) {
        const vf peak = vf_load(x->peak + c), share = vf_load(x->total + c);
        for (ptrdiff_t j = 0; j < o->cols; j++) {
            const vf s = vf_load(p + j * ATT_Q + c);
            vf_store(p + j * ATT_Q + c, vf_mul(vf_exp_below_0(vf_sub(s, peak)), share));
        }
    }
}

/* d = scale p (d - delta), 0 for queries that see nothing. */
static void FNN(att_score_grads)(const FNN(att) * a, const FNN(att_block) * o, const float *p, float *d,
                                 int nothing, const FNN(att_scratch) * x)
{
    const vf hidden = vf_set1(ATT_HIDDEN);
    for (ptrdiff_t c = 0; c < o->lanes; c += VF_LANES) {
        const vf delta = vf_load(x->delta + c);
        const vf scale = nothing
                             ? vf_select(vf_le(vf_load(x->peak + c), hidden), vf_zero(), vf_set1(a->scale))
                             : vf_set1(a->scale);
        for (ptrdiff_t j = 0; j < o->cols; j++) {
            const vf share = vf_mul(vf_load(p + j * ATT_Q + c), scale);
            vf_store(d + j * ATT_Q + c, vf_mul(share, vf_sub(vf_load(d + j * ATT_Q + c), delta)));
        }
    }
}

static void FNN(attention_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(att) a = FNN(att_of)(call);
    const FNN(att_scratch) x = FNN(att_scratch_of)(&a, scratch, 1);
    const float *out = a.rest[0], *peak = a.rest[1], *total = a.rest[2], *dy = a.rest[3];
    const ptrdiff_t repeats = a.heads / a.kv, blocks = fnn_ceil_div(a.s, ATT_K);
    const ptrdiff_t ldq = a.heads * a.h, ldy = a.heads * a.e, ldk = a.kv * a.h, ldv = a.kv * a.e;
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t split = unit % a.splits, group = unit / a.splits % a.kv, b = unit / a.splits / a.kv;
        const ptrdiff_t first = blocks * split / a.splits * ATT_K;
        const ptrdiff_t last = fnn_min(a.s, blocks * (split + 1) / a.splits * ATT_K);
        const ptrdiff_t q_at = b * a.t * ldq, y_at = b * a.t * ldy;
        const float *k = a.k + b * a.s * ldk + group * a.h, *v = a.v + b * a.s * ldv + group * a.e;
        float *dq = (float *)a.rest[4] + split * a.batch * a.t * ldq + q_at;
        float *dk = (float *)a.rest[5] + b * a.s * ldk + group * a.h;
        float *dv = (float *)a.rest[6] + b * a.s * ldv + group * a.e;
        FNN(att_clear)(last - first, a.h, ldk, dk + first * ldk);
        FNN(att_clear)(last - first, a.e, ldv, dv + first * ldv);
        for (ptrdiff_t n = group * repeats; n < (group + 1) * repeats; n++)
            for (ptrdiff_t i = 0; i < a.t; i += ATT_Q) {
                FNN(att_block) o = {.b = b, .n = n, .i = i, .rows = fnn_min(ATT_Q, a.t - i)};
                const float *dyi = dy + y_at + i * ldy + n * a.e, *yi = out + y_at + i * ldy + n * a.e;
                const float *qi = a.q + q_at + i * ldq + n * a.h;
                const ptrdiff_t stats = (b * a.heads + n) * a.t + i;
                float *dqi = dq + i * ldq + n * a.h;
                o.lanes = fnn_ceil_div(o.rows, VF_LANES) * VF_LANES;
                for (ptrdiff_t l = 0; l < ATT_Q; l++) {
                    const int there = l < o.rows;
                    x.peak[l] = there ? peak[stats + l] : 0.0f;
                    x.total[l] = there ? 1.0f / total[stats + l] : 0.0f;
                    x.delta[l] = there ? FNN(row_dot)(a.e, dyi + l * ldy, yi + l * ldy) : 0.0f;
                }
                const int nothing = FNN(att_sees_nothing)(o.rows, x.peak);
                FNN(att_load_queries)(&a, &o, &x);
                FNN(att_turn)(o.rows, a.e, dyi, ldy, x.dy);
                FNN(att_near)(o.rows, a.e, dyi, ldy, x.near_dy);
                FNN(att_near)(o.rows, a.h, qi, ldq, x.near_q);
                FNN(att_clear)(o.rows, a.h, ldq, dqi);
                ptrdiff_t from = 0, to = a.s;
                if (!nothing || a.blank)
                    FNN(att_reach)(&a, i, o.rows, &from, &to);
                for (o.j = fnn_max(first, from); o.j < fnn_min(last, to); o.j += ATT_K) {
                    const float *kj = k + o.j * ldk;
                    o.cols = fnn_min(ATT_K, fnn_min(last, to) - o.j);
                    FNN(att_scores)(&a, &o, x.p, &x);
                    FNN(att_shares)(&o, x.p, &x);
                    FNN(att_product)(o.cols, o.lanes, a.e, v + o.j * ldv, ldv, 0, x.dy, ATT_Q, x.d, ATT_Q, 0);
                    const float *given = x.p; /* the shares that values were given with */
                    if (a.seed) {
                        FNN(att_draw)(&a, &o, x.extra);
                        FNN(att_scale_by)(o.cols, o.lanes, x.extra, x.d);
                        FNN(att_scale_by)(o.cols, o.lanes, x.p, x.extra);
                        given = x.extra;
                    }
                    FNN(att_product)(o.cols, a.e, o.rows, given, ATT_Q, 0, x.near_dy, a.e, dv + o.j * ldv,
                                     ldv, 1);
                    FNN(att_score_grads)(&a, &o, x.p, x.d, nothing, &x);
                    FNN(att_product)(o.cols, a.h, o.rows, x.d, ATT_Q, 0, x.near_q, a.h, dk + o.j * ldk, ldk,
                                     1);
                    FNN(att_near)(o.cols, a.h, kj, ldk, x.near);
                    FNN(att_product)(o.rows, a.h, o.cols, x.d, ATT_Q, 1, x.near, a.h, dqi, ldq, 1);
                }
            }
    }
}

static void FNN(attention_grad_f32_work)(const fnn_call *call, fnn_work *work)
{
    FNN(att_work)(call, work, 1);
    work->units = call->size[0] * call->size[4] * call->size[9];
}

#define FNN_ATTENTION_KERNELS                                                                                \
    FNN_KERNEL(attention_f32, attention_f32_work)                                                            \
    FNN_KERNEL(attention_grad_f32, attention_grad_f32_work)
