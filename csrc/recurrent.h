/* recurrent.h - what the recurrent layers' kernels share: activations, panels of weights, products of a few rows.
 *
 * Weights are packed once a call (recurrent_pack_f32) into panels as wide as a register tile, so that the loop over
 * the steps reads them in order: panel `at` of gate g of `gates`, from a matrix of k rows, is k rows of `panel` floats
 * at ((at * gates + g) * k * panel). A batch of a few rows takes wider panels, for more chains of multiply-adds.
 */
#ifndef FNN_RECURRENT_H
#define FNN_RECURRENT_H

typedef enum { FNN_SIMPLE = 0, FNN_LSTM, FNN_GRU } fnn_recurrent_kind;
typedef enum { FNN_GATE_LINEAR = 0, FNN_GATE_RELU, FNN_GATE_TANH, FNN_GATE_SIGMOID, FNN_GATE_HARD } fnn_gate;
#endif

/* Rows for which weights that lie far away are fetched once: at least, and at most. */
#define RECURRENT_ROWS (TILE_ROWS == 6 ? 36 : 32)
#define RECURRENT_MOST_ROWS 96

static inline vf FNN(gate)(const int kind, vf x)
{
    switch (kind) {
    case FNN_GATE_RELU:
        return vf_max(vf_zero(), x);
    case FNN_GATE_TANH:
        return vf_tanh(x);
    case FNN_GATE_SIGMOID:
        return vf_sigmoid(x);
    case FNN_GATE_HARD: /* min(max(x / 6 + 1/2, 0), 1) */
        return vf_min(vf_set1(1.0f), vf_max(vf_zero(), vf_fma(x, vf_set1(1.0f / 6.0f), vf_set1(0.5f))));
    default:
        return x;
    }
}

/* The derivative, from the activation's value y. */
static inline vf FNN(gate_slope)(const int kind, vf y)
{
    const vf one = vf_set1(1.0f), zero = vf_zero();
    switch (kind) {
    case FNN_GATE_RELU:
        return vf_select(vf_lt(zero, y), one, zero);
    case FNN_GATE_TANH:
        return vf_fnma(y, y, one);
    case FNN_GATE_SIGMOID:
        return vf_fnma(y, y, y);
    case FNN_GATE_HARD:
        return vf_select(vm_and(vf_lt(zero, y), vf_lt(y, one)), vf_set1(1.0f / 6.0f), zero);
    default:
        return one;
    }
}

static inline ptrdiff_t FNN(recurrent_panel)(ptrdiff_t batch)
{
    return batch <= TILE_ROWS / 2 ? TILE_WIDE_WORDS(1) * TILE_LANES : TILE_COLS;
}

/* Whether a (k, n) matrix stays in a core's second-level cache, beside what is computed with it. */
static inline int FNN(recurrent_near)(ptrdiff_t k, ptrdiff_t n) { return k * n <= 160 * 1024; }

/* Share `at` of `shares` of the cache lines of `floats` floats is fetched ahead. */
static inline void FNN(recurrent_fetch)(const float *from, ptrdiff_t floats, ptrdiff_t at, ptrdiff_t shares)
{
    const ptrdiff_t lines = fnn_ceil_div(floats, 16), last = lines * (at + 1) / shares;
    for (ptrdiff_t l = lines * at / shares; l < last; l++)
        __builtin_prefetch(from + l * 16, 1, 2);
}

/* Rows of A, ld apart; or packed, a tile of them `ld` floats from the next (gemm_panels.h): rows that lie far apart fall
 * into a few cache sets, and meet every panel of weights. */
typedef struct {
    const float *at;
    ptrdiff_t ld;
    int packed;
} FNN(recurrent_rows);

/* Rows whose panels of weights are passed together. From further away these come once for as many rows as stay in the
 * second-level cache, packed, k floats of each. */
static ptrdiff_t FNN(recurrent_together)(ptrdiff_t k, int near)
{
    const ptrdiff_t tiles = PANELS_FLOATS / PANELS_HIGH / fnn_max(1, k);
    return near ? TILE_ROWS : fnn_max(RECURRENT_ROWS, fnn_min(RECURRENT_MOST_ROWS, tiles * TILE_ROWS));
}

static ptrdiff_t FNN(recurrent_pack_floats)(ptrdiff_t k, int near)
{
    return near ? 0 : FNN(tile_count)(FNN(recurrent_together)(k, near)) * FNN(panels_high_step)(k);
}

/* `rows` rows of k floats, packed into `to` where that pays. */
static FNN(recurrent_rows)
    FNN(recurrent_rows_of)(ptrdiff_t rows, ptrdiff_t k, const float *a, ptrdiff_t lda, int near, float *to)
{
    const ptrdiff_t step = FNN(panels_high_step)(k);
    if (near || rows <= TILE_ROWS)
        return (FNN(recurrent_rows)){a, lda, 0};
    FNN(panels_pack_a)(rows, 0, FNN(tile_count)(rows), k, (FNN(side)){a, lda, 1}, to, step);
    return (FNN(recurrent_rows)){to, step, 1};
}

/* C[i,j] = (C[i,j] if accumulate) + sum_p A[i,from + p] B[p,j] + bias[j] for rows x n, p < k; B (k, n) with row stride
 * ldb. */
static void FNN(recurrent_product)(ptrdiff_t rows, ptrdiff_t n, ptrdiff_t k, const FNN(recurrent_rows) * a,
                                   ptrdiff_t from, const float *b, ptrdiff_t ldb, float *c, ptrdiff_t ldc,
                                   const float *bias, int accumulate)
{
    const ptrdiff_t tiles = FNN(tile_count)(rows);
    /* Equal parts. */
    const ptrdiff_t depth = fnn_max(1, fnn_ceil_div(k, fnn_max(1, fnn_ceil_div(k, TILE_DEPTH))));
    fnn_tile t = {.n = n, .blocks = 1, .lda = a->packed ? PANELS_HIGH : a->ld, .ldb = ldb, .ldc = ldc};
    for (ptrdiff_t p = 0; p < k; p += depth) {
        t.k = fnn_min(depth, k - p);
        t.b = b + p * ldb;
        t.bias = p == 0 ? bias : NULL;
        t.accumulate = accumulate || p > 0;
        for (ptrdiff_t tile = 0; tile < tiles; tile++) {
            const ptrdiff_t at = FNN(tile_rows_at)(rows, tile), high = FNN(tile_rows_at)(rows, tile + 1) - at;
            t.c = c + at * ldc;
            if (a->packed) {
                /* Weights far away come in while those before them are in use; panels follow one another. */
                for (ptrdiff_t l = t.k * ldb * tile / tiles; l < t.k * ldb * (tile + 1) / tiles; l += 16)
                    __builtin_prefetch(t.b + t.k * ldb + l, 0, 2);
                t.a = a->at + tile * a->ld + (from + p) * PANELS_HIGH;
                FNN(tile_columns)(high, &t);
            } else {
                t.a = a->at + at * a->ld + from + p;
                FNN(tile_direct)(high, &t);
            }
        }
    }
}
