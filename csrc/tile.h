/* tile.h - the register tile that matrix products and convolutions share.
 *
 *     C[i,j] = act( C[i,j] if accumulate + sum_{s < blocks} sum_{p < k} A_s[i,p] * B_s[p,j] + bias[j] )
 *
 * for m <= TILE_ROWS rows and any number n of columns, C in row-major order with row stride ldc. It adds up
 * in registers and touches C once, at the end (Georganas et al., arXiv 1906.06440: one batch-reduce tile
 * serves dense layers, convolutions and recurrent layers). Fill a `fnn_tile` once, then move its pointers
 * between calls:
 *
 *     FNN(tile_direct)(m, &t)    A_s[i,p] = t.a[s * t.a_step + i * t.lda + p]     rows of a matrix
 *     FNN(tile_columns)(m, &t)   A_s[i,p] = t.a[s * t.a_step + p * t.lda + i]     rows of a transposed matrix
 *     FNN(tile_shifted)(m, &t)   A_s[i,p] = t.rows[i][t.shift[s] + p * t.lda]     a pointer for each row, a step for
 *                                each block: convolution, a block a filter tap (compare arXiv 1907.02129)
 *
 * and B_s[p,j] = t.b[s * t.b_step + p * t.ldb + j], read where it lies: nothing past column n is
 * touched. One block: blocks = 1, and the steps do not matter. k or blocks 0: the sum is 0. m must
 * be 1..TILE_ROWS; a caller with more rows shares them out evenly with FNN(tile_rows_at), because a tile of
 * one or two rows has too few accumulators to keep the multipliers busy.
 *
 * The column panel (k x TILE_COLS floats of B) is read again for every m rows: keep it inside the first-level
 * cache by calling with n <= TILE_COLS from a loop over row tiles inside one over columns, and with k (times
 * blocks) cut near TILE_DEPTH by accumulate. C in between is the running sum: give bias and activation with
 * the last part only.
 *
 * Sums run over p, then s, one multiply-add chain an element (base: a multiply, then an add); the result of
 * an element depends on its own row and column alone, never on m, n or where the tile's edges lie.
 *
 * The elements of A and B are words (words.h): floats, or in the bfloat16 kernels pairs of rounded ones.
 */
#ifndef FNN_TILE_H
#define FNN_TILE_H

/* What follows a sum; fastnn/ops/matmul.py counts on these numbers. */
typedef enum { FNN_LINEAR = 0, FNN_RELU, FNN_LEAKY_RELU, FNN_SIGMOID, FNN_TANH, FNN_ELU } fnn_activation;

typedef struct {
    ptrdiff_t n, blocks, k;
    const float *a; /* tile_direct, tile_columns */
    ptrdiff_t lda, a_step;
    const float *const *rows; /* tile_shifted */
    const ptrdiff_t *shift;
    const float *b;
    ptrdiff_t ldb, b_step;
    float *c;
    ptrdiff_t ldc;
    const float *bias; /* (n), or NULL */
    int accumulate;
    int activation; /* fnn_activation */
    float alpha;    /* leaky_relu: the slope below 0; elu: minus its limit */
} fnn_tile;

/* tv: the word a tile is made of. TILE_ROWS x TILE_WORDS accumulators, TILE_WORDS words of B and one
 * broadcast element of A (AVX2: and the edge's mask) fill the register file exactly; one more of anything
 * spills to the stack and loses most of the speed. An FMA takes 4 cycles and 2 start per cycle: under 8
 * accumulators stall. */
#if defined(FNN_AVX512) || defined(FNN_AVX2)
typedef vf tv;
#define TILE_LANES VF_LANES
#define tv_zero vf_zero
#define tv_set1 vf_set1
#define tv_load vf_load
#define tv_load_n vf_load_n
#define tv_store vf_store
#define tv_store_n vf_store_n
#define tv_add vf_add
#define tv_fma vf_fma
#define tv_max vf_max
#if defined(FNN_AMX) /* see amx.h */
#define TILE_ROWS 32
#define TILE_WORDS 2
#define TILE_MOST_WORDS 2
#define TILE_WIDE_WORDS(rows) 2
#elif defined(FNN_AVX512)
#define TILE_ROWS 8
#define TILE_WORDS 3
#define TILE_MOST_WORDS 8
#define TILE_WIDE_WORDS(rows) ((rows) == 1 ? 8 : (rows) == 2 ? 8 : (rows) <= 4 ? 6 : 3)
#else
#define TILE_ROWS 6
#define TILE_WORDS 2
#define TILE_MOST_WORDS 8
#define TILE_WIDE_WORDS(rows) ((rows) == 1 ? 8 : (rows) == 2 ? 4 : (rows) <= 4 ? 3 : 2)
#endif
#else
/* Plain C: four floats side by side, which any compiler that knows GNU C maps to what the machine has. */
typedef float tv __attribute__((vector_size(16)));
typedef int32_t FNN(tv_bits) __attribute__((vector_size(16)));
#define TILE_LANES 4
#define TILE_ROWS 4
#define TILE_WORDS 2
#define TILE_MOST_WORDS 2
#define TILE_WIDE_WORDS(rows) 2
static inline tv tv_zero(void) { return (tv){0.0f, 0.0f, 0.0f, 0.0f}; }
static inline tv tv_set1(float a) { return (tv){a, a, a, a}; }
static inline tv tv_load(const float *p) { return (tv){p[0], p[1], p[2], p[3]}; }
static inline tv tv_load_n(const float *p, ptrdiff_t n)
{
    return (tv){n > 0 ? p[0] : 0.0f, n > 1 ? p[1] : 0.0f, n > 2 ? p[2] : 0.0f, n > 3 ? p[3] : 0.0f};
}
static inline void tv_store(float *p, tv a) { memcpy(p, &a, sizeof a); }
static inline void tv_store_n(float *p, tv a, ptrdiff_t n)
{
    for (int l = 0; l < TILE_LANES; l++)
        if (l < n)
            p[l] = a[l];
}
static inline tv tv_add(tv a, tv b) { return a + b; }
static inline tv tv_fma(tv a, tv b, tv c) { return a * b + c; }
static inline tv tv_max(tv a, tv b) /* the second where either is NaN */
{
    const FNN(tv_bits) first = a > b;
    return (tv)((first & (FNN(tv_bits))a) | (~first & (FNN(tv_bits))b));
}
#endif

#include "words.h"

#define TILE_COLS (TILE_WORDS * TILE_LANES)
/* A panel of B this deep and one of A leave room in 32 KiB; C is loaded and stored once per so many
 * products. */
#define TILE_DEPTH 256

/* TILE_PLANES: as TILE_COLUMNS, but it is B that is shifted, B_s[p,j] = t.b[t.shift[s] + p * t.ldb + j]; for callers
 * that choose rows and words themselves (conv_planes.h). */
/* TILE_FLAT: as TILE_SHIFTED with k = 1, so that short blocks need no loop of their own. */
enum { TILE_DIRECT, TILE_COLUMNS, TILE_SHIFTED, TILE_PLANES, TILE_FLAT };

/* Always inlined with constant form, rows, words and masked, and unrolled by pragma: an accumulator indexed
 * by a variable would live on the stack. Count the spills in the assembly after a change. */
#define TILE_INLINE static inline __attribute__((always_inline))
#define TILE_UNROLL _Pragma("GCC unroll 8")

TILE_INLINE void FNN(tile_body)(const int form, const int rows, const int words, const int masked,
                                const fnn_tile *t, ptrdiff_t j)
{
    const ptrdiff_t last =
        masked ? t->n - j - (words - 1) * TILE_LANES : TILE_LANES; /* columns in the last word */
    const ptrdiff_t k = form == TILE_FLAT ? 1 : t->k, ldb = t->ldb, lda = form == TILE_FLAT ? 1 : t->lda;
    tv acc[TILE_ROWS][TILE_MOST_WORDS];
    TILE_UNROLL
    for (int i = 0; i < rows; i++) {
        TILE_UNROLL
        for (int w = 0; w < words; w++)
            acc[i][w] = tv_zero();
    }
    for (ptrdiff_t s = 0; s < t->blocks; s++) {
        const float *b = t->b + (form == TILE_PLANES ? t->shift[s] : s * t->b_step) + j;
        const float *a[TILE_ROWS];
        TILE_UNROLL
        for (int i = 0; i < rows; i++)
            a[i] = form == TILE_SHIFTED || form == TILE_FLAT
                       ? t->rows[i] + t->shift[s]
                       : t->a + s * t->a_step + (form == TILE_DIRECT ? i * lda : i);
        for (ptrdiff_t p = 0; p < k; p++) {
            tv bw[TILE_MOST_WORDS];
            TILE_UNROLL
            for (int w = 0; w < words; w++)
                bw[w] = masked && w == words - 1 ? tv_load_n(b + w * TILE_LANES, last)
                                                 : tv_load(b + w * TILE_LANES);
            TILE_UNROLL
            for (int i = 0; i < rows; i++) {
                const tv ai = tv_set1(form == TILE_COLUMNS || form == TILE_PLANES ? a[0][p * lda + i]
                                      : form == TILE_SHIFTED || form == TILE_FLAT ? a[i][p * lda]
                                                                                  : a[i][p]);
                TILE_UNROLL
                for (int w = 0; w < words; w++)
                    acc[i][w] = tv_dot(ai, bw[w], acc[i][w]);
            }
            b += ldb;
        }
    }
    const tv floor = tv_set1(t->activation == FNN_RELU ? 0.0f : -INFINITY);
    TILE_UNROLL
    for (int w = 0; w < words; w++) {
        const int edge = masked && w == words - 1;
        float *c = t->c + j + w * TILE_LANES;
        tv bias = tv_zero();
        if (t->bias)
            bias =
                edge ? tv_load_n(t->bias + j + w * TILE_LANES, last) : tv_load(t->bias + j + w * TILE_LANES);
        TILE_UNROLL
        for (int i = 0; i < rows; i++) {
            tv y = acc[i][w];
            if (t->accumulate)
                y = tv_add(y, edge ? tv_load_n(c + i * t->ldc, last) : tv_load(c + i * t->ldc));
            y = tv_max(floor, tv_add(y, bias)); /* a NaN in y survives as the second operand */
            if (edge)
                tv_store_n(c + i * t->ldc, y, last);
            else
                tv_store(c + i * t->ldc, y);
        }
    }
}

static inline vf FNN(tile_act)(int activation, vf alpha, vf x)
{
    const vf zero = vf_zero();
    switch (activation) {
    case FNN_LEAKY_RELU:
        return vf_select(vf_lt(zero, x), x, vf_mul(x, alpha));
    case FNN_SIGMOID:
        return vf_sigmoid(x);
    case FNN_TANH:
        return vf_tanh(x);
    default:
        assert(activation == FNN_ELU);
        return vf_select(vf_lt(zero, x), x, vf_mul(alpha, vf_expm1(x)));
    }
}

/* The activations that are more than a maximum, on values just stored and still in the first-level cache. */
static inline void FNN(tile_activate)(ptrdiff_t m, const fnn_tile *t)
{
    const vf alpha = vf_set1(t->alpha);
    for (ptrdiff_t i = 0; i < m; i++) {
        float *c = t->c + i * t->ldc;
        ptrdiff_t j = 0;
        for (; j + VF_LANES <= t->n; j += VF_LANES)
            vf_store(c + j, FNN(tile_act)(t->activation, alpha, vf_load(c + j)));
        if (j < t->n)
            vf_store_n(c + j, FNN(tile_act)(t->activation, alpha, vf_load_n(c + j, t->n - j)), t->n - j);
    }
}

/* All n columns of `rows` rows: as many words at once as there are registers, then fewer, then a masked edge.
 */
TILE_INLINE void FNN(tile_sweep)(const int form, const int rows, const fnn_tile *t)
{
    ptrdiff_t j = 0;
    if (TILE_WIDE_WORDS(rows) > TILE_WORDS)
        for (; j + TILE_WIDE_WORDS(rows) * TILE_LANES <= t->n; j += TILE_WIDE_WORDS(rows) * TILE_LANES)
            FNN(tile_body)(form, rows, TILE_WIDE_WORDS(rows), 0, t, j);
    for (; j + TILE_COLS <= t->n; j += TILE_COLS)
        FNN(tile_body)(form, rows, TILE_WORDS, 0, t, j);
    const ptrdiff_t words = fnn_ceil_div(t->n - j, TILE_LANES);
#if TILE_WORDS == 3
    if (words == 3)
        FNN(tile_body)(form, rows, 3, 1, t, j);
#endif
    if (words == 2)
        FNN(tile_body)(form, rows, 2, 1, t, j);
    if (words == 1)
        FNN(tile_body)(form, rows, 1, 1, t, j);
    if (t->activation > FNN_RELU)
        FNN(tile_activate)(rows, t);
}

#if defined(FNN_AMX)
#include "amx.h"
#else
#define TILE_CASE(form, rows)                                                                                \
    case rows:                                                                                               \
        FNN(tile_sweep)(form, rows, t);                                                                      \
        break;
#if TILE_ROWS == 8
#define TILE_CASES(form)                                                                                     \
    TILE_CASE(form, 1)                                                                                       \
    TILE_CASE(form, 2)                                                                                       \
    TILE_CASE(form, 3)                                                                                       \
    TILE_CASE(form, 4)                                                                                       \
    TILE_CASE(form, 5)                                                                                       \
    TILE_CASE(form, 6)                                                                                       \
    TILE_CASE(form, 7)                                                                                       \
    TILE_CASE(form, 8)
#elif TILE_ROWS == 6
#define TILE_CASES(form)                                                                                     \
    TILE_CASE(form, 1)                                                                                       \
    TILE_CASE(form, 2)                                                                                       \
    TILE_CASE(form, 3)                                                                                       \
    TILE_CASE(form, 4)                                                                                       \
    TILE_CASE(form, 5)                                                                                       \
    TILE_CASE(form, 6)
#else
#define TILE_CASES(form)                                                                                     \
    TILE_CASE(form, 1)                                                                                       \
    TILE_CASE(form, 2)                                                                                       \
    TILE_CASE(form, 3)                                                                                       \
    TILE_CASE(form, 4)
#endif

#define TILE_FORM(name, form)                                                                                \
    static inline void FNN(name)(ptrdiff_t m, const fnn_tile *t)                                             \
    {                                                                                                        \
        switch (m) {                                                                                         \
            TILE_CASES(form)                                                                                 \
        default:                                                                                             \
            assert(0);                                                                                       \
        }                                                                                                    \
    }
TILE_FORM(tile_direct, TILE_DIRECT)
TILE_FORM(tile_columns, TILE_COLUMNS)
TILE_FORM(tile_shifted, TILE_SHIFTED)
TILE_FORM(tile_flat, TILE_FLAT)

#endif

/* Where tile number `at` of `rows` rows in all starts, when they are shared out evenly: tile t is rows
 * [tile_rows_at(rows, t), tile_rows_at(rows, t + 1)), for t < tile_count(rows). */
static inline ptrdiff_t FNN(tile_count)(ptrdiff_t rows) { return fnn_ceil_div(rows, TILE_ROWS); }
static inline ptrdiff_t FNN(tile_rows_at)(ptrdiff_t rows, ptrdiff_t at)
{
    const ptrdiff_t tiles = FNN(tile_count)(rows);
    return tiles ? rows / tiles * at + fnn_min(at, rows % tiles) : 0;
}
#endif
