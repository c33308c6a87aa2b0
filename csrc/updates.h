/* updates.h - the optimisers' updates: one pass over a variable w, its gradient g and its slots.
 *
 * Outputs may be the inputs they replace. Slots hold no subnormal numbers: see `flushed`. Scalars that change
 * between steps are buffers of one element; `decay` is weight decay times learning rate and counts only where
 * the attribute `decays` is 1:  d(w) = w - w decay. sizes: n.  units: FNN_UPDATE_BLOCK elements.
 *
 * sgd_update_f32       w' = d(w) - lr g
 *     bufs: w g lr decay; w'.  attrs: decays.
 * momentum_update_f32  m' = mu m - lr g;  w' = d(w) + m', or d(w) + mu m' - lr g (Nesterov)
 *     bufs: w g lr decay m; w' m'.  attrs: mu, nesterov, decays.
 * rmsprop_update_f32   v' = rho v + (1 - rho) g^2;  step = lr g / sqrt(v' - a'^2 + epsilon)
 *                      a' = rho a + (1 - rho) g if centered, else 0;  p' = mu p + step if mu, else step;  w'
 * = d(w) - p' bufs: w g lr decay v [p] [a]; w' v' [p'] [a'].  attrs: rho, mu, epsilon, centered, decays.
 * adam_update_f32      m' = m + (1 - b1)(g - m);  v' = v + (1 - b2)(g^2 - v);  h' = max(h, v') or v'
 *                      w' = d(w) - m' alpha / (sqrt(h') + epsilon)
 *     bufs: w g alpha decay m v [h]; w' m' v' [h'].  attrs: b1, b2, epsilon, decays.
 */
#ifndef FNN_UPDATES_H
#define FNN_UPDATES_H
static inline vf FNN(get)(const void *buf, ptrdiff_t at, ptrdiff_t n)
{
    const float *p = (const float *)buf + at;
    return n == VF_LANES ? vf_load(p) : vf_load_n(p, n);
}
static inline void FNN(put)(void *buf, ptrdiff_t at, ptrdiff_t n, vf value)
{
    float *p = (float *)buf + at;
    if (n == VF_LANES)
        vf_store(p, value);
    else
        vf_store_n(p, value, n);
}
/* A slot's new value, with 0 for what is too small to be a normal number. The slot of a weight whose gradient
 * stays 0 would shrink until it rounds to itself, a few times 1e-45, and arithmetic on such numbers is 3 to
 * 100 times as slow. */
static inline vf FNN(flushed)(vf x) { return vf_select(vf_lt(vf_abs(x), vf_set1(0x1p-126f)), vf_zero(), x); }
static inline vf FNN(one)(const void *buf) { return vf_set1(*(const float *)buf); }
static inline vf FNN(decayed)(vf w, vf decay, int decays) { return decays ? vf_sub(w, vf_mul(w, decay)) : w; }

/* Each update as a struct of what stays the same and a function of a word: elements [at, at + n), n <= VF_LANES, whose
 * gradient is g. Inlined, with the struct on the stack, so that it stays in registers: no store can change it. */
#define FNN_WORD static inline __attribute__((always_inline)) void

typedef struct {
    const float *w;
    float *to;
    vf lr, decay;
    int decays;
} FNN(sgd);
static inline FNN(sgd) FNN(sgd_of)(const fnn_call *call)
{
    return (FNN(sgd)){call->buf[0], call->buf[4], FNN(one)(call->buf[2]), FNN(one)(call->buf[3]),
                      call->attr[0] != 0};
}
FNN_WORD FNN(sgd_word)(const FNN(sgd) * u, ptrdiff_t at, ptrdiff_t n, vf g)
{
    const vf w = FNN(decayed)(FNN(get)(u->w, at, n), u->decay, u->decays);
    FNN(put)(u->to, at, n, vf_sub(w, vf_mul(g, u->lr)));
}

typedef struct {
    const float *w, *m;
    float *to, *m_to;
    vf lr, decay, mu;
    int nesterov, decays;
} FNN(momentum);
static inline FNN(momentum) FNN(momentum_of)(const fnn_call *call)
{
    void *const *buf = call->buf;
    return (FNN(momentum)){.w = buf[0],
                           .m = buf[4],
                           .to = buf[5],
                           .m_to = buf[6],
                           .lr = FNN(one)(buf[2]),
                           .decay = FNN(one)(buf[3]),
                           .mu = vf_set1((float)call->attr[0]),
                           .nesterov = call->attr[1] != 0,
                           .decays = call->attr[2] != 0};
}
FNN_WORD FNN(momentum_word)(const FNN(momentum) * u, ptrdiff_t at, ptrdiff_t n, vf g)
{
    const vf w = FNN(decayed)(FNN(get)(u->w, at, n), u->decay, u->decays), pull = vf_mul(g, u->lr);
    const vf m = FNN(flushed)(vf_sub(vf_mul(FNN(get)(u->m, at, n), u->mu), pull));
    FNN(put)(u->m_to, at, n, m);
    FNN(put)(u->to, at, n, vf_add(w, u->nesterov ? vf_sub(vf_mul(m, u->mu), pull) : m));
}

typedef struct {
    const float *w, *v, *p, *a;
    float *to, *v_to, *p_to, *a_to;
    vf lr, decay, rho, rest, mu, epsilon;
    int moving, centered, decays;
} FNN(rmsprop);
static inline FNN(rmsprop) FNN(rmsprop_of)(const fnn_call *call)
{
    const double *attr = call->attr;
    const int moving = attr[1] != 0, centered = attr[3] != 0;
    const int slots =
        1 + moving + centered; /* v, p, a, those there are; the outputs follow in the same order */
    void *const *buf = call->buf, *const *out = buf + 4 + slots;
    return (FNN(rmsprop)){.w = buf[0],
                          .v = buf[4],
                          .p = moving ? buf[5] : NULL,
                          .a = centered ? buf[3 + slots] : NULL,
                          .to = out[0],
                          .v_to = out[1],
                          .p_to = moving ? out[2] : NULL,
                          .a_to = centered ? out[slots] : NULL,
                          .lr = FNN(one)(buf[2]),
                          .decay = FNN(one)(buf[3]),
                          .rho = vf_set1((float)attr[0]),
                          .rest = vf_set1((float)(1.0 - attr[0])),
                          .mu = vf_set1((float)attr[1]),
                          .epsilon = vf_set1((float)attr[2]),
                          .moving = moving,
                          .centered = centered,
                          .decays = attr[4] != 0};
}
FNN_WORD FNN(rmsprop_word)(const FNN(rmsprop) * u, ptrdiff_t at, ptrdiff_t n, vf g)
{
    const vf w = FNN(decayed)(FNN(get)(u->w, at, n), u->decay, u->decays);
    const vf v = FNN(flushed)(vf_add(vf_mul(u->rho, FNN(get)(u->v, at, n)), vf_mul(u->rest, vf_mul(g, g))));
    vf spread = v;
    FNN(put)(u->v_to, at, n, v);
    if (u->centered) {
        const vf a = FNN(flushed)(vf_add(vf_mul(u->rho, FNN(get)(u->a, at, n)), vf_mul(u->rest, g)));
        FNN(put)(u->a_to, at, n, a);
        spread = vf_sub(v, vf_mul(a, a));
    }
    vf step = vf_div(vf_mul(u->lr, g), vf_sqrt(vf_add(spread, u->epsilon)));
    if (u->moving) {
        step = FNN(flushed)(vf_add(vf_mul(u->mu, FNN(get)(u->p, at, n)), step));
        FNN(put)(u->p_to, at, n, step);
    }
    FNN(put)(u->to, at, n, vf_sub(w, step));
}

typedef struct {
    const float *w, *m, *v, *h;
    float *to, *m_to, *v_to, *h_to;
    vf alpha, decay, rest_1, rest_2, epsilon;
    int decays;
} FNN(adam);
static inline FNN(adam) FNN(adam_of)(const fnn_call *call)
{
    const int largest = call->bufs > 9;
    void *const *buf = call->buf, *const *out = buf + 6 + largest;
    return (FNN(adam)){.w = buf[0],
                       .m = buf[4],
                       .v = buf[5],
                       .h = largest ? buf[6] : NULL,
                       .to = out[0],
                       .m_to = out[1],
                       .v_to = out[2],
                       .h_to = largest ? out[3] : NULL,
                       .alpha = FNN(one)(buf[2]),
                       .decay = FNN(one)(buf[3]),
                       .rest_1 = vf_set1((float)(1.0 - call->attr[0])),
                       .rest_2 = vf_set1((float)(1.0 - call->attr[1])),
                       .epsilon = vf_set1((float)call->attr[2]),
                       .decays = call->attr[3] != 0};
}
FNN_WORD FNN(adam_word)(const FNN(adam) * u, ptrdiff_t at, ptrdiff_t n, vf g)
{
    const vf w = FNN(decayed)(FNN(get)(u->w, at, n), u->decay, u->decays);
    vf m = FNN(get)(u->m, at, n), v = FNN(get)(u->v, at, n);
    m = FNN(flushed)(vf_add(m, vf_mul(vf_sub(g, m), u->rest_1)));
    v = FNN(flushed)(vf_add(v, vf_mul(vf_sub(vf_mul(g, g), v), u->rest_2)));
    FNN(put)(u->m_to, at, n, m);
    FNN(put)(u->v_to, at, n, v);
    if (u->h) {
        v = vf_max(FNN(get)(u->h, at, n), v); /* a NaN in v stays, and v keeps one it has had */
        FNN(put)(u->h_to, at, n, v);
    }
    FNN(put)(u->to, at, n, vf_sub(w, vf_div(vf_mul(m, u->alpha), vf_add(vf_sqrt(v), u->epsilon))));
}

/* Elements [at, at + n) of a variable whose gradient there lies at `gradient`. */
typedef void FNN(update_span)(const fnn_call *call, ptrdiff_t at, ptrdiff_t n, const float *gradient);
#define FNN_UPDATE_SPAN(name)                                                                                \
    static void FNN(name##_span)(const fnn_call *call, ptrdiff_t at, ptrdiff_t n, const float *gradient)     \
    {                                                                                                        \
        const FNN(name) u = FNN(name##_of)(call);                                                            \
        ptrdiff_t i = 0;                                                                                     \
        for (; i + VF_LANES <= n; i += VF_LANES)                                                             \
            FNN(name##_word)(&u, at + i, VF_LANES, vf_load(gradient + i));                                   \
        if (i < n)                                                                                           \
            FNN(name##_word)(&u, at + i, n - i, vf_load_n(gradient + i, n - i));                             \
    }
FNN_UPDATE_SPAN(sgd)
FNN_UPDATE_SPAN(momentum)
FNN_UPDATE_SPAN(rmsprop)
FNN_UPDATE_SPAN(adam)
#endif
