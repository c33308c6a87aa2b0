/* gemm.c - matrix products, with bias and activation: C = act(op(A) op(B) + bias), once for each matrix of a
 * batch.
 *
 *     gemm_nn_f32   A (m, k)   B (k, n)     forward
 *     gemm_nt_f32   A (m, k)   B (n, k)     the gradient for a dense layer's input
 *     gemm_tn_f32   A (k, m)   B (k, n)     the gradient for its weights
 *     gemm_tt_f32   A (k, m)   B (n, k)
 *
 *   bufs: a, b, [bias (n),] c (batch, m, n) contiguous.  All float32; c overlaps nothing.
 *   sizes: m, n, k, bias (0 or 1), activation (fnn_activation), then for each batch axis, outermost first,
 * its extent and the elements from one matrix to the next in a and in b (0: the same one again). attrs: alpha
 * (the activation's parameter). units: strips of C, of rows or of columns as the way says. A range of strips
 * is computed as one rectangle, because an element's bits do not depend on what is computed beside it: the
 * way, and where k is cut, follow from the product's shape alone.
 *
 * Three ways: see gemm_panels.h for the large, gemm_few.h for the narrow; gemm_parts.h cuts k for several threads. */

#include "updates.h"

/* One operand: element (i, p), p along k, lies at i * ld + p (along_k), or at p * ld + i. */
typedef struct {
    const float *at;
    ptrdiff_t ld;
    int along_k;
} FNN(side);

static FNN(side) FNN(side_at)(FNN(side) s, ptrdiff_t i, ptrdiff_t p)
{
    return (FNN(side)){s.at + (s.along_k ? i * s.ld + p : p * s.ld + i), s.ld, s.along_k};
}

/* What every rectangle of a product shares. */
typedef struct {
    ptrdiff_t m, n, k;
    FNN(side) a, b;
    const float *bias;
    float *c;
    ptrdiff_t ldc;
    int activation;
    float alpha;
    struct FNN(taker) * taker; /* instead of c; panels alone know it */
    const float **packed;      /* whose panels scratch memory holds from an earlier range, if any; or NULL */
    const FNN(sgd) * sgd;      /* an update of c, which is its variable, by the product; PANELS_SGD */
} FNN(product);

/* k in parts of at most `most`, as equal as whole words allow: how long each but the last is. */
static ptrdiff_t FNN(gemm_parts)(ptrdiff_t k, ptrdiff_t most)
{
    const ptrdiff_t even = fnn_ceil_div(k, fnn_max(1, fnn_ceil_div(k, most)));
    return fnn_max(1, fnn_min(k, fnn_ceil_div(even, 16) * 16));
}

/* How deep a part of k is. A little deeper than a tile's is still in the first-level cache, and saves many a product, such
 * as those of 784 rows, a whole pass over C. */
static ptrdiff_t FNN(gemm_depth)(ptrdiff_t k) { return FNN(gemm_parts)(k, TILE_DEPTH / 8 * 9 * WORD_DEPTH); }

/* How many parts of k there are, an empty one if k is 0. */
static ptrdiff_t FNN(gemm_part_count)(ptrdiff_t k) { return fnn_max(1, fnn_ceil_div(k, FNN(gemm_depth)(k))); }

/* Floats of scratch in whole cache lines. */
static ptrdiff_t FNN(gemm_lines)(ptrdiff_t floats) { return fnn_ceil_div(floats, 16) * 16; }

/* Whether rows of ld floats, `rows` of them, fall into so few cache sets that they cannot all stay. A
 * first-level set repeats every 4096 bytes on every CPU at hand, and 8 ways (here counted as 6) share it. */
static int FNN(gemm_rows_collide)(ptrdiff_t rows, ptrdiff_t ld)
{
    const ptrdiff_t step = ld * (ptrdiff_t)sizeof(float) % 4096;
    ptrdiff_t sets = 1;
    while (sets < 64 && sets * step % 4096)
        sets++;
    return rows > 6 * sets;
}

/* dst[j * ldd + i] = src[i * lds + j] for i < rows, j < cols. */
static void FNN(gemm_transpose)(ptrdiff_t rows, ptrdiff_t cols, const float *restrict src, ptrdiff_t lds,
                                float *restrict dst, ptrdiff_t ldd)
{
    if (rows == 1 && ldd == 1) {
        memcpy(dst, src, (size_t)cols * sizeof *dst);
        return;
    }
    if (rows == 2 && ldd == 2) { /* the compiler makes pairs of it */
        for (ptrdiff_t j = 0; j < cols; j++)
            dst[2 * j] = src[j], dst[2 * j + 1] = src[lds + j];
        return;
    }
    if (cols == 2 && lds == 2) {
        for (ptrdiff_t i = 0; i < rows; i++)
            dst[i] = src[2 * i], dst[ldd + i] = src[2 * i + 1];
        return;
    }
    if (VF_LANES == 1 || rows < 4 || cols < 4) {
        for (ptrdiff_t j = 0; j < cols; j++)
            for (ptrdiff_t i = 0; i < rows; i++)
                dst[j * ldd + i] = src[i * lds + j];
        return;
    }
    for (ptrdiff_t j = 0; j < cols; j += VF_LANES)
        for (ptrdiff_t i = 0; i < rows; i += VF_LANES) {
            const ptrdiff_t high = fnn_min(VF_LANES, rows - i), wide = fnn_min(VF_LANES, cols - j);
            const float *from = src + i * lds + j;
            float *to = dst + j * ldd + i;
            vf r[VF_LANES];
            if (high == VF_LANES && wide == VF_LANES) {
                vf_load_turned(from, lds, r);
#pragma GCC unroll 16
                for (int l = 0; l < VF_LANES; l++)
                    vf_store(to + l * ldd, r[l]);
            } else {
                for (int l = 0; l < VF_LANES; l++)
                    r[l] = l < high ? vf_load_n(from + l * lds, wide) : vf_zero();
                vf_transpose(r);
                for (int l = 0; l < wide; l++)
                    vf_store_n(to + l * ldd, r[l], high);
            }
        }
}

/* dst[w * ldd + i] = word w of the k elements of row i, which lie side by side, for i < rows. */
static void FNN(words_turned)(ptrdiff_t rows, ptrdiff_t k, const float *src, ptrdiff_t lds, float *dst,
                              ptrdiff_t ldd)
{
    const ptrdiff_t count = FNN(words)(k);
    if (!FNN(rounded)) {
        FNN(gemm_transpose)(rows, k, src, lds, dst, ldd);
        return;
    }
    for (ptrdiff_t w = 0; w < count; w += VF_LANES)
        for (ptrdiff_t i = 0; i < rows; i += VF_LANES) {
            const ptrdiff_t high = fnn_min(VF_LANES, rows - i), deep = fnn_min(VF_LANES, count - w);
            vf r[VF_LANES];
            for (int l = 0; l < VF_LANES; l++)
                r[l] = l < high ? FNN(words_along)(src + (i + l) * lds + w * WORD_DEPTH, k - w * WORD_DEPTH)
                                : vf_zero();
            vf_transpose(r);
            for (int l = 0; l < deep; l++)
                vf_store_n(dst + (w + l) * ldd + i, r[l], high);
        }
}

static inline vf FNN(gemm_act)(int activation, vf alpha, vf x)
{
    if (activation == FNN_LINEAR)
        return x;
    return activation == FNN_RELU ? vf_max(vf_zero(), x) : FNN(tile_act)(activation, alpha, x);
}

/* y = act(x + bias), n of them; y may be x. bias (n), or NULL for `shift`
 * everywhere. */
static void FNN(gemm_finish)(ptrdiff_t n, const float *x, const float *bias, float shift, int activation,
                             float alpha, float *y)
{
    const vf slope = vf_set1(alpha), constant = vf_set1(shift);
    ptrdiff_t j = 0;
    for (; j + VF_LANES <= n; j += VF_LANES) {
        const vf sum = vf_add(vf_load(x + j), bias ? vf_load(bias + j) : constant);
        vf_store(y + j, FNN(gemm_act)(activation, slope, sum));
    }
    if (j < n) {
        const vf sum = vf_add(vf_load_n(x + j, n - j), bias ? vf_load_n(bias + j, n - j) : constant);
        vf_store_n(y + j, FNN(gemm_act)(activation, slope, sum), n - j);
    }
}

#include "gemm_panels.h"
#include "gemm_few.h"

/* ---- the kernels ---- */

enum { GEMM_M, GEMM_N, GEMM_K, GEMM_BIAS, GEMM_ACTIVATION, GEMM_BATCH };
enum { GEMM_HEAD = 16 }; /* floats of scratch memory before what a way asks for: product.packed */

typedef enum { GEMM_PANELS, GEMM_TURNED, GEMM_BY_ROWS, GEMM_BY_DOTS } FNN(gemm_form);

/* How a product of some shape is computed, and cut into strips. */
typedef struct {
    FNN(gemm_form) form;
    int turned;                /* by rows, by dots: few columns, not few rows */
    int by_columns;            /* strips of columns */
    ptrdiff_t strips, scratch; /* scratch: in floats */
    ptrdiff_t grain;           /* strips: fewer at a time pack, or read, the other operand too often */
} FNN(gemm_way);

/* A product A' B with so long a k and at most so many sums is computed without packing; gemm_parts.h cuts its k. */
enum { GEMM_LONG = 256, GEMM_MOST_SUMS = 1 << 17, GEMM_NARROW = 160 };

static FNN(gemm_way) FNN(gemm_choose)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, int turn_a, int turn_b)
{
    enum { MOST_ROWS = 48, MOST_DOT_ROWS = 12, MOST_TURNED_ROWS = 64, MOST_COLS = 12, LEAST_DOT = 48 };
    const int dots = VF_LANES > 1 && k >= LEAST_DOT;
    /* A long k and a small, narrow C: packing would cost more than reading A and B a few times. */
    const int streams =
        turn_a && !turn_b && k >= GEMM_LONG && m * n <= GEMM_MOST_SUMS && fnn_min(m, n) <= GEMM_NARROW;
    FNN(gemm_way) way = {.form = GEMM_PANELS};
    if (FNN(rounded)) { /* whose operands must be packed */
    } else if (n <= MOST_COLS && n < m && (turn_a || dots)) {
        way.form = turn_a ? GEMM_BY_ROWS : GEMM_BY_DOTS;
        way.turned = 1;
    } else if ((m <= MOST_ROWS && !turn_b) || streams) {
        way.form = GEMM_BY_ROWS;
        way.turned = streams && n < m && n <= FEW_ROWS;
    } else if (m <= MOST_DOT_ROWS && !turn_a && dots) {
        way.form = GEMM_BY_DOTS;
    } else if (m <= MOST_TURNED_ROWS && m <= k && m < n && turn_b) {
        way.form = GEMM_TURNED;
    }
    if (way.form == GEMM_PANELS) {
        const ptrdiff_t wide = fnn_ceil_div(n, TILE_COLS), high = FNN(tile_count)(m);
        /* Each range of strips packs all of the other operand. */
        way.by_columns = FNN(rounded) ? n > m : wide > high;
        way.strips = way.by_columns ? wide : high;
        way.scratch = FNN(panels_scratch)(m, n, k);
        way.grain = way.by_columns ? 16 : FNN(panels_stay)(n, k) ? PANELS_TILES : 48;
    } else if (way.form == GEMM_TURNED) {
        way.strips = FNN(tile_count)(n);
        way.scratch = FNN(turned_scratch)(m, k);
        way.grain = 8;
    } else {
        way.strips = fnn_ceil_div(way.turned ? m : n, TILE_LANES);
        way.scratch = FNN(few_scratch)(way.turned ? n : m, k);
        way.grain = 6;
    }
    if (m == 0 || n == 0)
        way.strips = 0;
    return way;
}

/* The elements of C before strip `strip`, along the cut. */
static ptrdiff_t FNN(gemm_strip_at)(const FNN(gemm_way) * way, ptrdiff_t m, ptrdiff_t n, ptrdiff_t strip)
{
    switch (way->form) {
    case GEMM_PANELS:
        return way->by_columns ? fnn_min(n, strip * TILE_COLS) : FNN(tile_rows_at)(m, strip);
    case GEMM_TURNED:
        return FNN(tile_rows_at)(n, strip);
    default:
        return fnn_min(way->turned ? m : n, strip * TILE_LANES);
    }
}

/* Strips [first, last) of C. */
static void FNN(gemm_strips)(const FNN(product) * f, const FNN(gemm_way) * way, ptrdiff_t first,
                             ptrdiff_t last, float *scratch)
{
    const ptrdiff_t from = FNN(gemm_strip_at)(way, f->m, f->n, first);
    const ptrdiff_t wide = FNN(gemm_strip_at)(way, f->m, f->n, last) - from;
    if (way->form == GEMM_TURNED)
        FNN(turned_rectangle)(f, from, wide, scratch);
    else if (way->form != GEMM_PANELS)
        FNN(few_rectangle)(f, way->form == GEMM_BY_DOTS, way->turned, from, wide, scratch);
    else if (way->by_columns)
        FNN(panels_rectangle)(f, 0, f->m, from, wide, scratch);
    else
        FNN(panels_rectangle)(f, from, wide, 0, f->n, scratch);
}

static ptrdiff_t FNN(gemm_batch)(const fnn_call *call)
{
    ptrdiff_t batch = 1;
    for (ptrdiff_t at = GEMM_BATCH; at < call->sizes; at += 3)
        batch *= call->size[at];
    return batch;
}

static void FNN(gemm_cost)(const fnn_call *call, fnn_work *work, int turn_a, int turn_b)
{
    const ptrdiff_t m = call->size[GEMM_M], n = call->size[GEMM_N], k = call->size[GEMM_K];
    const double batch = (double)FNN(gemm_batch)(call);
    const FNN(gemm_way) way = FNN(gemm_choose)(m, n, k, turn_a, turn_b);
    work->units = FNN(gemm_batch)(call) * way.strips;
    work->grain = way.grain;
    work->scratch = (GEMM_HEAD + way.scratch) * (ptrdiff_t)sizeof(float);
    work->flops = 2.0 * batch * (double)m * (double)n * (double)k;
    work->bytes = 4.0 * batch * ((double)m * (double)k + (double)k * (double)n + (double)m * (double)n);
}

static void FNN(gemm_run)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, float *scratch, int turn_a,
                          int turn_b)
{
    const ptrdiff_t m = call->size[GEMM_M], n = call->size[GEMM_N], k = call->size[GEMM_K];
    const FNN(gemm_way) way = FNN(gemm_choose)(m, n, k, turn_a, turn_b);
    const int bias = call->size[GEMM_BIAS] != 0;
    FNN(product)
    f = {.m = m,
         .n = n,
         .k = k,
         .ldc = n,
         .activation = (int)call->size[GEMM_ACTIVATION],
         .alpha = call->attrs ? (float)call->attr[0] : 0.0f,
         .packed = (const float **)scratch};
    f.bias = bias ? call->buf[2] : NULL;
    while (lo < hi) {
        const ptrdiff_t matrix = lo / way.strips, first = lo % way.strips;
        const ptrdiff_t last = fnn_min(way.strips, first + hi - lo);
        ptrdiff_t rest = matrix, a_at = 0, b_at = 0;
        for (ptrdiff_t at = call->sizes - 3; at >= GEMM_BATCH; at -= 3) {
            const ptrdiff_t index = rest % call->size[at];
            rest /= call->size[at];
            a_at += index * call->size[at + 1];
            b_at += index * call->size[at + 2];
        }
        f.a = (FNN(side)){(const float *)call->buf[0] + a_at, turn_a ? m : k, !turn_a};
        f.b = (FNN(side)){(const float *)call->buf[1] + b_at, turn_b ? k : n, turn_b};
        f.c = (float *)call->buf[2 + bias] + matrix * m * n;
        FNN(gemm_strips)(&f, &way, first, last, scratch + GEMM_HEAD);
        lo += last - first;
    }
}

#include "gemm_parts.h"

#define FNN_GEMM(name, turn_a, turn_b)                                                                       \
    static void FNN(name##_work)(const fnn_call *call, fnn_work *work)                                       \
    {                                                                                                        \
        FNN(gemm_cost)(call, work, turn_a, turn_b);                                                          \
    }                                                                                                        \
    static void FNN(PRODUCT(name))(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)          \
    {                                                                                                        \
        FNN(gemm_run)(call, lo, hi, scratch, turn_a, turn_b);                                                \
    }
FNN_GEMM(gemm_nn, 0, 0)
FNN_GEMM(gemm_nt, 0, 1)
FNN_GEMM(gemm_tn, 1, 0)
FNN_GEMM(gemm_tt, 1, 1)

#define FNN_GEMM_KERNELS                                                                                     \
    FNN_KERNEL(PRODUCT(gemm_nn), gemm_nn_work)                                                               \
    FNN_KERNEL(PRODUCT(gemm_nt), gemm_nt_work)                                                               \
    FNN_KERNEL(PRODUCT(gemm_tn), gemm_tn_work)                                                               \
    FNN_KERNEL(PRODUCT(gemm_tt), gemm_tt_work)                                                               \
    FNN_KERNEL(PRODUCT(gemm_nn_parts), gemm_nn_parts_work)                                                   \
    FNN_KERNEL(PRODUCT(gemm_tn_parts), gemm_tn_parts_work)
#define FNN_GEMM_JOIN_KERNELS FNN_KERNEL(gemm_join_f32, gemm_join_work)
