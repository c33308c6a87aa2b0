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
enum { FNN_UPDATE_BLOCK = 4096 };

static void FNN(update_work)(const fnn_call *call, fnn_work *work, double streams)
{
    work->units = fnn_ceil_div(call->size[0], FNN_UPDATE_BLOCK);
    work->bytes = 4.0 * streams * (double)call->size[0];
}

/* The statements for each word of the units' elements: `at` its place, `n` how many lanes count. They stand
 * twice, for whole words and for the last one: with n unknown the loop takes twice the time in cache. */
#define FNN_UPDATE_WORDS(...)                                                                                \
    do {                                                                                                     \
        const ptrdiff_t end = fnn_min(hi * FNN_UPDATE_BLOCK, call->size[0]);                                 \
        ptrdiff_t at = lo * FNN_UPDATE_BLOCK;                                                                \
        for (; at + VF_LANES <= end; at += VF_LANES) {                                                       \
            enum { n = VF_LANES };                                                                           \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
        if (at < end) {                                                                                      \
            const ptrdiff_t n = end - at;                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    } while (0)

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

static void FNN(sgd_update_f32_work)(const fnn_call *call, fnn_work *work)
{
    FNN(update_work)(call, work, 3.0);
}
static void FNN(sgd_update_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    void *const *buf = call->buf;
    const vf lr = FNN(one)(buf[2]), decay = FNN(one)(buf[3]);
    const int decays = call->attr[0] != 0;
    FNN_UPDATE_WORDS(const vf w = FNN(decayed)(FNN(get)(buf[0], at, n), decay, decays);
                     FNN(put)(buf[4], at, n, vf_sub(w, vf_mul(FNN(get)(buf[1], at, n), lr))););
}

static void FNN(momentum_update_f32_work)(const fnn_call *call, fnn_work *work)
{
    FNN(update_work)(call, work, 5.0);
}
static void FNN(momentum_update_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    void *const *buf = call->buf;
    const vf lr = FNN(one)(buf[2]), decay = FNN(one)(buf[3]), mu = vf_set1((float)call->attr[0]);
    const int nesterov = call->attr[1] != 0, decays = call->attr[2] != 0;
    FNN_UPDATE_WORDS(const vf w = FNN(decayed)(FNN(get)(buf[0], at, n), decay, decays);
                     const vf pull = vf_mul(FNN(get)(buf[1], at, n), lr);
                     const vf m = FNN(flushed)(vf_sub(vf_mul(FNN(get)(buf[4], at, n), mu), pull));
                     FNN(put)(buf[6], at, n, m);
                     FNN(put)(buf[5], at, n, vf_add(w, nesterov ? vf_sub(vf_mul(m, mu), pull) : m)););
}

static void FNN(rmsprop_update_f32_work)(const fnn_call *call, fnn_work *work)
{
    FNN(update_work)(call, work, 5.0 + (call->attr[1] != 0 ? 2.0 : 0.0) + (call->attr[3] != 0 ? 2.0 : 0.0));
    work->flops = 20.0 * (double)call->size[0];
}
static void FNN(rmsprop_update_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    void *const *buf = call->buf;
    const int moving = call->attr[1] != 0, centered = call->attr[3] != 0, decays = call->attr[4] != 0;
    const int slots =
        1 + moving + centered; /* v, p, a, those there are; the outputs follow in the same order */
    const vf lr = FNN(one)(buf[2]), decay = FNN(one)(buf[3]), rho = vf_set1((float)call->attr[0]);
    const vf rest = vf_set1((float)(1.0 - call->attr[0])), mu = vf_set1((float)call->attr[1]);
    const vf epsilon = vf_set1((float)call->attr[2]);
    void *const *out = buf + 4 + slots;
    FNN_UPDATE_WORDS(
        const vf w = FNN(decayed)(FNN(get)(buf[0], at, n), decay, decays), g = FNN(get)(buf[1], at, n);
        const vf v = FNN(flushed)(vf_add(vf_mul(rho, FNN(get)(buf[4], at, n)), vf_mul(rest, vf_mul(g, g))));
        vf spread = v; FNN(put)(out[1], at, n, v); if (centered) {
            const vf a = FNN(flushed)(vf_add(vf_mul(rho, FNN(get)(buf[3 + slots], at, n)), vf_mul(rest, g)));
            FNN(put)(out[slots], at, n, a);
            spread = vf_sub(v, vf_mul(a, a));
        } vf step = vf_div(vf_mul(lr, g), vf_sqrt(vf_add(spread, epsilon)));
        if (moving) {
            step = FNN(flushed)(vf_add(vf_mul(mu, FNN(get)(buf[5], at, n)), step));
            FNN(put)(out[2], at, n, step);
        } FNN(put)(out[0], at, n, vf_sub(w, step)););
}

static void FNN(adam_update_f32_work)(const fnn_call *call, fnn_work *work)
{
    FNN(update_work)(call, work, call->bufs > 9 ? 9.0 : 7.0);
    work->flops = 20.0 * (double)call->size[0];
}
static void FNN(adam_update_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    void *const *buf = call->buf;
    const int largest = call->bufs > 9, decays = call->attr[3] != 0;
    const vf alpha = FNN(one)(buf[2]), decay = FNN(one)(buf[3]), epsilon = vf_set1((float)call->attr[2]);
    const vf rest_1 = vf_set1((float)(1.0 - call->attr[0])), rest_2 = vf_set1((float)(1.0 - call->attr[1]));
    void *const *out = buf + 6 + largest;
    FNN_UPDATE_WORDS(
        const vf w = FNN(decayed)(FNN(get)(buf[0], at, n), decay, decays), g = FNN(get)(buf[1], at, n);
        vf m = FNN(get)(buf[4], at, n), v = FNN(get)(buf[5], at, n);
        m = FNN(flushed)(vf_add(m, vf_mul(vf_sub(g, m), rest_1)));
        v = FNN(flushed)(vf_add(v, vf_mul(vf_sub(vf_mul(g, g), v), rest_2))); FNN(put)(out[1], at, n, m);
        FNN(put)(out[2], at, n, v); if (largest) {
            v = vf_max(FNN(get)(buf[6], at, n), v); /* a NaN in v stays, and v keeps one it has had */
            FNN(put)(out[3], at, n, v);
        } FNN(put)(out[0], at, n, vf_sub(w, vf_div(vf_mul(m, alpha), vf_add(vf_sqrt(v), epsilon)))););
}
