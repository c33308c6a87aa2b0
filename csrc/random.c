/* random.c - random numbers from a counter: an element depends on the seed and on its place, on nothing else.
 *
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011): key =
 * the two words of the seed, counter = (block number, 64 bits; 0; 0); a block gives four words. Sixteen
 * blocks are a group of 64 elements: word w of block b is element 16 w + b, so that vectors of blocks are
 * stored as they are. seed: (2,) uint32.  u = (word >> 8) / 2^24: a float32 in [0, 1). units: FNN_DRAW_GROUPS
 * groups.
 */
enum { FNN_DRAW_GROUP = 64, FNN_DRAW_GROUPS = 16 };

/* Lane l: counter (first + l, second, third, 0). */
static inline __attribute__((always_inline)) void
FNN(philox_at)(uint32_t first, uint32_t second, uint32_t third, const uint32_t *seed, vi word[4])
{
    int32_t lane[VF_LANES];
    for (int i = 0; i < VF_LANES; i++)
        lane[i] = i;
    vi c0 = vi_add(vi_set1((int32_t)first), vi_load(lane)), c1 = vi_set1((int32_t)second);
    vi c2 = vi_set1((int32_t)third), c3 = vi_set1(0);
    uint32_t k0 = seed[0], k1 = seed[1];
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
        vi left, right;
        const vi left_high = vi_mul_wide(c0, 0xD2511F53u, &left),
                 right_high = vi_mul_wide(c2, 0xCD9E8D57u, &right);
        c0 = vi_xor(vi_xor(right_high, c1), vi_set1((int32_t)k0));
        c2 = vi_xor(vi_xor(left_high, c3), vi_set1((int32_t)k1));
        c1 = right;
        c3 = left;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    word[0] = c0;
    word[1] = c1;
    word[2] = c2;
    word[3] = c3;
}

static inline __attribute__((always_inline)) void FNN(philox)(int64_t block, const uint32_t *seed, vi word[4])
{
    FNN(philox_at)((uint32_t)block, (uint32_t)(block >> 32), 0, seed, word);
}

static inline vf FNN(unit_float)(vi word) { return vf_mul(vi_to_float(vi_shr(word, 8)), vf_set1(0x1p-24f)); }

static void FNN(draw_work)(const fnn_call *call, fnn_work *work, double flops)
{
    work->units = fnn_ceil_div(call->size[0], FNN_DRAW_GROUP * FNN_DRAW_GROUPS);
    work->flops = flops * (double)call->size[0];
    work->bytes = 4.0 * (double)call->size[0];
}

/* Calls group(call, first element, y) for each group of units [lo, hi), y being `out` itself or, for the last
 * group where it is cut short, a full one at hand of which the first part is kept. */
#define FNN_DRAW_GROUPS_OF(group, n, out)                                                                    \
    do {                                                                                                     \
        const ptrdiff_t end = fnn_min(hi * FNN_DRAW_GROUP * FNN_DRAW_GROUPS, n);                             \
        for (ptrdiff_t i = lo * FNN_DRAW_GROUP * FNN_DRAW_GROUPS; i < end; i += FNN_DRAW_GROUP) {            \
            float last[FNN_DRAW_GROUP];                                                                      \
            const int whole = i + FNN_DRAW_GROUP <= end;                                                     \
            FNN(group)(call, i, whole ? (out) + i : last);                                                   \
            if (!whole)                                                                                      \
                memcpy((out) + i, last, (size_t)(end - i) * sizeof *last);                                   \
        }                                                                                                    \
    } while (0)

/* random_uniform_f32: y = u (high - low) + low, below high.  bufs: seed; y (n).  sizes: n.  attrs: low, high.
 */
static void FNN(random_uniform_f32_work)(const fnn_call *call, fnn_work *work)
{
    FNN(draw_work)(call, work, 60.0);
}
static inline void FNN(uniform_group)(const fnn_call *call, ptrdiff_t first, float *y)
{
    const float low = (float)call->attr[0], high = (float)call->attr[1];
    const vf most = vf_set1(high > low ? nextafterf(high, low) : INFINITY); /* rounding may reach high */
    for (int b = 0; b < 16; b += VF_LANES) {
        vi word[4];
        FNN(philox)(first / 4 + b, call->buf[0], word);
        for (int w = 0; w < 4; w++)
            vf_store(
                y + 16 * w + b,
                vf_min(most, vf_add(vf_mul(FNN(unit_float)(word[w]), vf_set1(high - low)), vf_set1(low))));
    }
}
static void FNN(random_uniform_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    FNN_DRAW_GROUPS_OF(uniform_group, call->size[0], (float *)call->buf[1]);
}

/* random_normal_f32: y = z stddev + mean.  bufs: seed; y (n).  sizes: n.  attrs: mean, stddev.
 * Box and Muller (1958): of words (a, b), r cos t and r sin t, r = sqrt(-2 log((a >> 8) + 1) / 2^24), t = 2
 * pi u(b); words 0 and 1 make elements 0 to 31 of a group, words 2 and 3 the others. */
static void FNN(random_normal_f32_work)(const fnn_call *call, fnn_work *work)
{
    FNN(draw_work)(call, work, 150.0);
}
static inline void FNN(normal_group)(const fnn_call *call, ptrdiff_t first, float *y)
{
    const vf mean = vf_set1((float)call->attr[0]), stddev = vf_set1((float)call->attr[1]);
    for (int b = 0; b < 16; b += VF_LANES) {
        vi word[4];
        FNN(philox)(first / 4 + b, call->buf[0], word);
        for (int w = 0; w < 4; w += 2) {
            const vf u =
                vf_add(FNN(unit_float)(word[w]), vf_set1(0x1p-24f)); /* in (0, 1]: its logarithm is finite */
            const vf r = vf_sqrt(vf_mul(vf_set1(-2.0f), vf_log(u)));
            const vf t = vf_mul(vi_to_float(vi_shr(word[w + 1], 8)),
                                vf_set1((float)(0x1p-23 * 3.14159265358979323846)));
            vf_store(y + 16 * w + b, vf_add(vf_mul(vf_mul(r, vf_cos(t)), stddev), mean));
            vf_store(y + 16 * w + 16 + b, vf_add(vf_mul(vf_mul(r, vf_sin(t)), stddev), mean));
        }
    }
}
static void FNN(random_normal_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    FNN_DRAW_GROUPS_OF(normal_group, call->size[0], (float *)call->buf[1]);
}

/* dropout_f32: y = x / (1 - rate) where u >= rate, else 0.  bufs: x (n); seed; y (n).  sizes: n.  attrs:
 * rate. y may be x. Its gradient is the same call on dy: the seed gives the same places. */
static void FNN(dropout_f32_work)(const fnn_call *call, fnn_work *work)
{
    FNN(draw_work)(call, work, 60.0);
    work->bytes *= 2.0;
}
static void FNN(dropout_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t end = fnn_min(hi * FNN_DRAW_GROUP * FNN_DRAW_GROUPS, call->size[0]);
    const vf rate = vf_set1((float)call->attr[0]), scale = vf_set1((float)(1.0 / (1.0 - call->attr[0])));
    const float *x = call->buf[0];
    float *y = call->buf[2];
    for (ptrdiff_t i = lo * FNN_DRAW_GROUP * FNN_DRAW_GROUPS; i < end; i += FNN_DRAW_GROUP)
        for (int b = 0; b < 16; b += VF_LANES) {
            vi word[4];
            FNN(philox)(i / 4 + b, call->buf[1], word);
            for (int w = 0; w < 4; w++) {
                const ptrdiff_t at = i + 16 * w + b, n = fnn_min(fnn_max(end - at, 0), VF_LANES);
                const vm keep = vf_le(rate, FNN(unit_float)(word[w]));
                if (n == VF_LANES)
                    vf_store(y + at, vf_select(keep, vf_mul(vf_load(x + at), scale), vf_zero()));
                else if (n > 0)
                    vf_store_n(y + at, vf_select(keep, vf_mul(vf_load_n(x + at, n), scale), vf_zero()), n);
            }
        }
}

/* random_integers_i32: y = low + (word * span >> 32).  bufs: seed; y (n) int32.  sizes: n.  attrs: low, span
 * <= 2^32 - 1. */
static void FNN(random_integers_i32_work)(const fnn_call *call, fnn_work *work)
{
    FNN(draw_work)(call, work, 60.0);
}
static inline void FNN(integers_group)(const fnn_call *call, ptrdiff_t first, float *y)
{
    for (int b = 0; b < 16; b += VF_LANES) {
        vi word[4], low;
        FNN(philox)(first / 4 + b, call->buf[0], word);
        for (int w = 0; w < 4; w++) {
            const vi offset = vi_mul_wide(word[w], (uint32_t)call->attr[1], &low);
            vi_store((int32_t *)y + 16 * w + b, vi_add(vi_set1((int32_t)call->attr[0]), offset));
        }
    }
}
static void FNN(random_integers_i32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    FNN_DRAW_GROUPS_OF(integers_group, call->size[0], (float *)call->buf[1]);
}

/* advance_seed: out = (seed[0], seed[1] + 1).  bufs: seed; out, which may be seed.  units: 1. */
static void FNN(advance_seed_work)(const fnn_call *call, fnn_work *work)
{
    (void)call;
    work->units = 1;
}
static void FNN(advance_seed)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const uint32_t *seed = call->buf[0];
    uint32_t *out = call->buf[1];
    if (lo < hi) {
        out[0] = seed[0];
        out[1] = seed[1] + 1;
    }
}

#define FNN_RANDOM_KERNELS                                                                                   \
    FNN_KERNEL(random_uniform_f32, random_uniform_f32_work)                                                  \
    FNN_KERNEL(random_normal_f32, random_normal_f32_work)                                                    \
    FNN_KERNEL(random_integers_i32, random_integers_i32_work)                                                \
    FNN_KERNEL(dropout_f32, dropout_f32_work)                                                                \
    FNN_KERNEL(advance_seed, advance_seed_work)
