/* attention_grad.c - the gradient of attention.c, whose first comment has the formulas and the operands.
 *
 * A group of blocks of keys, with their values and the gradients of both, lies side by side in scratch memory while
 * all queries pass it: dk and dv reach memory once, and dq once a group. */

enum { ATT_NEAR = 3 << 16, ATT_MOST_NEAR = 8 }; /* floats of a group, about; its blocks, at most */

static ptrdiff_t FNN(att_near_keys)(const FNN(att) * a)
{
    return ATT_K * fnn_max(1, fnn_min(ATT_MOST_NEAR, ATT_NEAR / (2 * ATT_K * (a->h + a->e))));
}

/* A thread's memory. */
typedef struct {
    FNN(att_room) room;
    float *d;                     /* (ATT_K, ATT_Q): the gradient for the shares, then for the scores */
    float *q, *dy;                /* (h, ATT_Q) scaled queries and (e, ATT_Q) gradients, turned */
    float *near_q, *near_dy, *dq; /* (ATT_Q, h), (ATT_Q, e), (ATT_Q, h), side by side */
    float *k, *v, *dk, *dv;       /* a group's, side by side */
    float *peak, *share, *delta;  /* (ATT_Q) each */
    float *scale;                 /* (ATT_Q): 0 for a query that sees nothing */
} FNN(att_back_scratch);

static ptrdiff_t FNN(att_back_floats)(const FNN(att) * a)
{
    return ATT_ROOM + ATT_K * ATT_Q + ATT_Q * (3 * a->h + 2 * a->e + 4) +
           2 * FNN(att_near_keys)(a) * (a->h + a->e);
}

static FNN(att_back_scratch) FNN(att_back_scratch_of)(const FNN(att) * a, float *at)
{
    const ptrdiff_t keys = FNN(att_near_keys)(a);
    FNN(att_back_scratch) x = {.room = FNN(att_room_at)(at)};
    at += ATT_ROOM;
    x.d = at, at += ATT_K * ATT_Q;
    x.q = at, at += ATT_Q * a->h;
    x.dy = at, at += ATT_Q * a->e;
    x.near_q = at, at += ATT_Q * a->h;
    x.near_dy = at, at += ATT_Q * a->e;
    x.dq = at, at += ATT_Q * a->h;
    x.k = at, at += keys * a->h;
    x.v = at, at += keys * a->e;
    x.dk = at, at += keys * a->h;
    x.dv = at, at += keys * a->e;
    x.peak = at, at += ATT_Q;
    x.share = at, at += ATT_Q;
    x.delta = at, at += ATT_Q;
    x.scale = at;
    return x;
}

/* Columns [c, c + words * VF_LANES) of a block: p = exp(s - peak) / total in place of s. */
TILE_INLINE void FNN(att_shares)(const int words, ptrdiff_t cols, ptrdiff_t c, float *p,
                                 const FNN(att_back_scratch) * x)
{
    vf peak[ATT_WORDS], share[ATT_WORDS];
    TILE_UNROLL
    for (int w = 0; w < words; w++) {
        peak[w] = vf_load(x->peak + c + w * VF_LANES);
        share[w] = vf_load(x->share + c + w * VF_LANES);
    }
    for (ptrdiff_t j = 0; j < cols; j++) {
        TILE_UNROLL
        for (int w = 0; w < words; w++) {
            float *at = p + j * ATT_Q + c + w * VF_LANES;
            vf_store(at, vf_mul(FNN(att_exp)(vf_sub(vf_load(at), peak[w])), share[w]));
        }
    }
}

/* d = scale p (d - delta), 0 for queries that see nothing. */
TILE_INLINE void FNN(att_score_grads)(const int words, ptrdiff_t cols, ptrdiff_t c, const float *p, float *d,
                                      const FNN(att_back_scratch) * x)
{
    vf delta[ATT_WORDS], scale[ATT_WORDS];
    TILE_UNROLL
    for (int w = 0; w < words; w++) {
        delta[w] = vf_load(x->delta + c + w * VF_LANES);
        scale[w] = vf_load(x->scale + c + w * VF_LANES);
    }
    for (ptrdiff_t j = 0; j < cols; j++) {
        TILE_UNROLL
        for (int w = 0; w < words; w++) {
            const ptrdiff_t at = j * ATT_Q + c + w * VF_LANES;
            const vf share = vf_mul(vf_load(p + at), scale[w]);
            vf_store(d + at, vf_mul(share, vf_sub(vf_load(d + at), delta[w])));
        }
    }
}

/* One block: adds its part to dq, dk and dv in scratch memory; v, dk and dv: of its keys. `begun`: whether dq holds
 * anything yet. */
static void FNN(att_give_back)(const FNN(att) * a, const FNN(att_block) * o, const float *v, float *dk,
                               float *dv, int begun, const FNN(att_back_scratch) * x)
{
    float *p = x->room.p;
    FNN(att_scores)(a, o, p, &x->room);
    ATT_ALL_LANES(FNN(att_shares), o, p, x);
    FNN(att_product)(o->cols, o->lanes, a->e, v, a->e, 0, x->dy, ATT_Q, x->d, ATT_Q, 0);
    if (a->seed) {
        FNN(att_draw)(a, o, x->room.extra);
        FNN(att_scale_by)(o->cols, o->lanes, x->room.extra, x->d);
    }
    ATT_ALL_LANES(FNN(att_score_grads), o, p, x->d, x);
    if (a->seed) /* now the shares that values were given with */
        FNN(att_scale_by)(o->cols, o->lanes, x->room.extra, p);
    FNN(att_product)(o->cols, a->e, o->rows, p, ATT_Q, 0, x->near_dy, a->e, dv, a->e, 1);
    FNN(att_product)(o->cols, a->h, o->rows, x->d, ATT_Q, 0, x->near_q, a->h, dk, a->h, 1);
    FNN(att_product)(o->rows, a->h, o->cols, x->d, ATT_Q, 1, o->k, a->h, x->dq, a->h, begun);
}

/* Keys [first, last), at most a group, of sample b and key head `group`; dq: of the sample, to add to unless `fresh`. */
static void FNN(att_back_keys)(const FNN(att) * a, ptrdiff_t b, ptrdiff_t group, ptrdiff_t first,
                               ptrdiff_t last, float *dq, int fresh, const FNN(att_back_scratch) * x)
{
    const float *out = a->rest[0], *peak = a->rest[1], *total = a->rest[2], *dy = a->rest[3];
    const ptrdiff_t repeats = a->heads / a->kv, ldq = a->heads * a->h, ldy = a->heads * a->e;
    for (ptrdiff_t n = group * repeats; n < (group + 1) * repeats; n++)
        for (ptrdiff_t i = 0; i < a->t; i += ATT_Q) {
            FNN(att_block)
            o = {.b = b, .n = n, .i = i, .rows = fnn_min(ATT_Q, a->t - i), .q = x->q, .ldk = a->h};
            const ptrdiff_t stats = (b * a->heads + n) * a->t + i, y_at = (b * a->t + i) * ldy + n * a->e;
            float *dqi = dq + i * ldq + n * a->h;
            o.lanes = fnn_ceil_div(o.rows, VF_LANES) * VF_LANES;
            for (ptrdiff_t l = 0; l < ATT_Q; l++) {
                const int there = l < o.rows;
                x->peak[l] = there ? peak[stats + l] : 0.0f;
                x->share[l] = there ? 1.0f / total[stats + l] : 0.0f;
                x->delta[l] = 0.0f;
                x->scale[l] = x->peak[l] <= ATT_HIDDEN ? 0.0f : a->scale;
            }
            const int nothing = FNN(att_sees_nothing)(o.rows, x->peak);
            ptrdiff_t from = 0, to = a->s;
            if (!nothing || a->blank)
                FNN(att_reach)(a, i, o.rows, &from, &to);
            from = fnn_max(first, from), to = fnn_min(last, to);
            if (from >= to) {
                if (fresh)
                    FNN(att_clear)(o.rows, a->h, ldq, dqi);
                continue;
            }
            for (ptrdiff_t l = 0; l < o.rows; l++)
                x->delta[l] = FNN(row_dot)(a->e, dy + y_at + l * ldy, out + y_at + l * ldy);
            FNN(att_load_queries)(a, &o, x->q);
            FNN(att_turn)(o.rows, a->e, dy + y_at, ldy, x->dy);
            FNN(att_near)(o.rows, a->e, dy + y_at, ldy, x->near_dy);
            FNN(att_near)(o.rows, a->h, a->q + (b * a->t + i) * ldq + n * a->h, ldq, x->near_q);
            for (o.j = from; o.j < to; o.j += ATT_K) {
                const ptrdiff_t at = o.j - first;
                o.cols = fnn_min(ATT_K, to - o.j);
                o.k = x->k + at * a->h;
                FNN(att_give_back)(a, &o, x->v + at * a->e, x->dk + at * a->h, x->dv + at * a->e, o.j > from,
                                   x);
            }
            for (ptrdiff_t l = 0; l < o.rows; l++) {
                float *to_row = dqi + l * ldq;
                for (ptrdiff_t c = 0; c < a->h; c += VF_LANES) {
                    const ptrdiff_t m = fnn_min(VF_LANES, a->h - c);
                    const vf more = FNN(load_upto)(x->dq + l * a->h + c, m);
                    FNN(store_upto)(to_row + c, fresh ? more : vf_add(FNN(load_upto)(to_row + c, m), more),
                                    m);
                }
            }
        }
}

static void FNN(attention_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(att) a = FNN(att_of)(call);
    const FNN(att_back_scratch) x = FNN(att_back_scratch_of)(&a, scratch);
    const ptrdiff_t blocks = fnn_ceil_div(a.s, ATT_K), keys = FNN(att_near_keys)(&a);
    const ptrdiff_t ldq = a.heads * a.h, ldk = a.kv * a.h, ldv = a.kv * a.e;
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t split = unit % a.splits, group = unit / a.splits % a.kv, b = unit / a.splits / a.kv;
        const ptrdiff_t first = blocks * split / a.splits * ATT_K;
        const ptrdiff_t last = fnn_min(a.s, blocks * (split + 1) / a.splits * ATT_K);
        const ptrdiff_t k_at = b * a.s * ldk + group * a.h, v_at = b * a.s * ldv + group * a.e;
        float *dq = (float *)a.rest[4] + (split * a.batch + b) * a.t * ldq;
        float *dk = (float *)a.rest[5] + k_at, *dv = (float *)a.rest[6] + v_at;
        for (ptrdiff_t j = first; j < last; j += keys) {
            const ptrdiff_t n = fnn_min(keys, last - j);
            FNN(att_near)(n, a.h, a.k + k_at + j * ldk, ldk, x.k);
            FNN(att_near)(n, a.e, a.v + v_at + j * ldv, ldv, x.v);
            FNN(att_clear)(n, a.h, a.h, x.dk);
            FNN(att_clear)(n, a.e, a.e, x.dv);
            FNN(att_back_keys)(&a, b, group, j, j + n, dq, j == first, &x);
            for (ptrdiff_t l = 0; l < n; l++) {
                memcpy(dk + (j + l) * ldk, x.dk + l * a.h, (size_t)a.h * sizeof *dk);
                memcpy(dv + (j + l) * ldv, x.dv + l * a.e, (size_t)a.e * sizeof *dv);
            }
        }
    }
}

static void FNN(attention_grad_f32_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(att) a = FNN(att_of)(call);
    FNN(att_cost)(&a, work, 1);
    work->units = a.batch * a.kv * a.splits;
    work->scratch = FNN(att_back_floats)(&a) * (ptrdiff_t)sizeof(float);
}

#define FNN_ATTENTION_GRAD_KERNELS FNN_KERNEL(attention_grad_f32, attention_grad_f32_work)
