/* attention.h - what attention and its gradient share: their operands, and a block of scores.
 *
 * Blocks are kept transposed, a row for each key: maximum and sum then run along rows without crossing lanes, and keys
 * and values are read where they lie. */
#ifndef FNN_ATTENTION_H
#define FNN_ATTENTION_H
#define ATT_HIDDEN (-0.7f * 3.38953e38f)                       /* finite: a row of nothing else has no NaN */
enum { ATT_Q = 64, ATT_K = 96, ATT_MASKS = 3, ATT_WORDS = 2 }; /* queries and keys a block */
#endif

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

/* Memory for one block. */
typedef struct {
    float *p; /* (ATT_K, ATT_Q): scores, then shares */
    float *extra,
        *lines; /* (ATT_K, ATT_Q): a bias or mask on its way; (ATT_Q, ATT_K): a mask before it is turned */
} FNN(att_room);

enum { ATT_ROOM = 3 * ATT_K * ATT_Q }; /* floats */

static FNN(att_room) FNN(att_room_at)(float *at)
{
    return (FNN(att_room)){at, at + ATT_K * ATT_Q, at + 2 * ATT_K * ATT_Q};
}

/* One block: queries [i, i + rows) by keys [j, j + cols) of sample b, query head n. `lanes`: rows, in whole words. */
typedef struct {
    ptrdiff_t b, n, i, j, rows, cols, lanes;
    const float *q,
        *k; /* (h, ATT_Q): the queries, scaled and turned; (cols, h) with rows ldk apart: the keys */
    ptrdiff_t ldk;
} FNN(att_block);

/* step(words, cols, c, ...) for all lanes of a block, c being the first of them: two words at a time, which are a cache
 * line on AVX2, so that each line is passed once. */
#define ATT_ALL_LANES(step, o, ...)                                                                          \
    do {                                                                                                     \
        ptrdiff_t c = 0;                                                                                     \
        for (; c + 2 * VF_LANES <= (o)->lanes; c += 2 * VF_LANES)                                            \
            step(2, (o)->cols, c, __VA_ARGS__);                                                              \
        if (c < (o)->lanes)                                                                                  \
            step(1, (o)->cols, c, __VA_ARGS__);                                                              \
    } while (0)

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
    for (ptrdiff_t i = 0; i < rows; i++, from += ld, to += cols) {
        ptrdiff_t c = 0;
        for (; c + VF_LANES <= cols; c += VF_LANES)
            vf_store(to + c, vf_load(from + c));
        if (c < cols)
            vf_store_n(to + c, vf_load_n(from + c, cols - c), cols - c);
    }
}

/* Share `at` of `shares` of rows that lie `ld` apart is fetched ahead. Too short for the hardware to see them coming, they
 * would come from the third-level cache when they are read. */
static void FNN(att_fetch)(ptrdiff_t rows, ptrdiff_t cols, const float *from, ptrdiff_t ld, ptrdiff_t at,
                           ptrdiff_t shares)
{
    for (ptrdiff_t i = rows * at / shares; i < rows * (at + 1) / shares; i++)
        for (ptrdiff_t c = 0; c < cols; c += 16)
            __builtin_prefetch(from + i * ld + c, 0, 2);
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
static void FNN(att_add_bias)(const FNN(att) * a, const FNN(att_block) * o, float *s, const FNN(att_room) * x)
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
                                const FNN(att_room) * x)
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

/* The scores of a block into s. */
static void FNN(att_scores)(const FNN(att) * a, const FNN(att_block) * o, float *s, const FNN(att_room) * x)
{
    FNN(att_product)(o->cols, o->lanes, a->h, o->k, o->ldk, 0, o->q, ATT_Q, s, ATT_Q, 0);
    if (a->bias)
        FNN(att_add_bias)(a, o, s, x);
    for (int m = 0; m < a->masks; m++)
        FNN(att_apply_mask)(a, m, o, s, x);
    if (a->causal || a->window)
        FNN(att_apply_band)(a, o, s);
}

/* to (h, ATT_Q) = the scaled queries of a block, turned. */
static void FNN(att_load_queries)(const FNN(att) * a, const FNN(att_block) * o, float *to)
{
    const vf scale = vf_set1(a->scale);
    const ptrdiff_t ld = a->heads * a->h;
    FNN(att_turn)(o->rows, a->h, a->q + (o->b * a->t + o->i) * ld + o->n * a->h, ld, to);
    for (ptrdiff_t c = 0; c < a->h; c++)
        for (ptrdiff_t i = 0; i < o->lanes; i += VF_LANES)
            vf_store(to + c * ATT_Q + i, vf_mul(scale, vf_load(to + c * ATT_Q + i)));
}

/* exp(x) for x <= 0, as 2^(x / log(2)): 0 from some -88 down, where float32 leaves its normal range. The product is
 * rounded, so the relative error grows to 6e-8 |x| - like the scores', sums of rounded products. */
static inline vf FNN(att_exp)(vf x)
{
    /* x second: a NaN stays. At -127, where all that is smaller goes, r is 0, 1 is the polynomial and the bits are 0. */
    const vf y = vf_max(vf_set1(-127.0f), vf_mul(x, vf_set1(1.44269504f)));
    const vf n = vf_round(y), r = vf_sub(y, n);
    vf p = vf_set1(1.53533619e-4f);
    p = vf_fma(p, r, vf_set1(1.33988745e-3f));
    p = vf_fma(p, r, vf_set1(9.61843736e-3f));
    p = vf_fma(p, r, vf_set1(5.55033247e-2f));
    p = vf_fma(p, r, vf_set1(2.40226479e-1f));
    p = vf_fma(p, r, vf_set1(6.93147203e-1f));
    p = vf_fma(p, r, vf_set1(1.0f));
    return vi_as_float(vi_add(vf_bits(p), vi_shl(vf_to_int(n), 23)));
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

/* y = by x, n of them; y may be x. */
static inline void FNN(att_scale_row)(ptrdiff_t n, const float *x, vf by, float *y)
{
    for (ptrdiff_t c = 0; c < n; c += VF_LANES)
        FNN(store_upto)(y + c, vf_mul(by, FNN(load_upto)(x + c, fnn_min(VF_LANES, n - c))),
                        fnn_min(VF_LANES, n - c));
}

static int FNN(att_sees_nothing)(ptrdiff_t rows, const float *peak)
{
    for (ptrdiff_t i = 0; i < rows; i++)
        if (peak[i] <= ATT_HIDDEN)
            return 1;
    return 0;
}

static void FNN(att_cost)(const FNN(att) * a, fnn_work *work, int backward)
{
    const double rows = (double)(a->batch * a->heads), h = (double)a->h, e = (double)a->e;
    const double pairs = rows * (double)a->t * (double)a->s * (a->causal ? 0.5 : 1.0);
    work->flops = pairs * (backward ? 2.0 * (3.0 * h + 2.0 * e) : 2.0 * (h + e)) + 40.0 * pairs;
    work->bytes = 4.0 * rows * ((double)a->t + (double)a->s) * (h + e) * (backward ? 2.0 : 1.0);
}
