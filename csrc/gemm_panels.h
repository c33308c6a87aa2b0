/* gemm_panels.h - products with many rows and many columns: B is packed, and tiles of C add up in registers.
 *
 * For a chunk of columns and a part of k, B is packed into panels of TILE_COLS columns. Where these stay in the
 * second-level cache, each tile of rows sweeps over them: its part of A stays in the first level and is fetched once, and
 * C is written along its rows. Where they do not, a block of A's tiles is packed to stay there instead, and goes past one
 * panel after the other, each of which stays in the first level meanwhile (the loops of Goto and van de Geijn, ACM TOMS
 * 34(3), 2008; the former have the two innermost exchanged).
 *
 * Panels hold words (words.h). In the bfloat16 kernels A must be rounded, too: its tiles are packed row by row, in whole
 * cache lines of words, and read as rows of A are, whichever way it lay. */

enum {
    PANELS_FLOATS = 3 << 15, /* of B packed at a time: most of a small second-level cache */
    PANELS_HIGH = TILE_ROWS > 8 ? TILE_ROWS
                                : 8, /* a packed tile of A: element (i, p) at p * PANELS_HIGH + i */
    TURNED_FLOATS = 1 << 14,         /* of the transpose of C at a time */
    PANELS_TILES = 8, /* of A packed at a time: a cache line of a column of A serves them together */
    PANELS_FAR_FLOATS = 3 << 18, /* of B packed at a time where it is a block of A that stays near */
    PANELS_FAR_TILES = 96 / TILE_ROWS > PANELS_TILES ? 96 / TILE_ROWS : PANELS_TILES /* that block's */
};

/* Rows of a panel: words of k elements. AMX takes 16 at a time. */
static ptrdiff_t FNN(panels_deep)(ptrdiff_t k)
{
#if defined(FNN_AMX)
    return FNN(gemm_lines)(FNN(words)(k));
#else
    return FNN(words)(k);
#endif
}

/* Panels of a chunk that stays in the second-level cache. */
static ptrdiff_t FNN(panels_most)(ptrdiff_t deep) { return fnn_max(1, PANELS_FLOATS / deep / TILE_COLS); }

/* Whether panels lie far, and a block of A stays near: B is large, and there are rows enough for a block. */
static int FNN(panels_far)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t deep)
{
    return m >= PANELS_FAR_TILES * TILE_ROWS && n > TILE_COLS * FNN(panels_most)(deep);
}

/* Panels of a chunk, at most. */
static ptrdiff_t FNN(panels_limit)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t deep)
{
    return FNN(panels_far)(m, n, deep) ? fnn_max(1, PANELS_FAR_FLOATS / deep / TILE_COLS)
                                       : FNN(panels_most)(deep);
}

/* Columns of a chunk, where n columns come in chunks as equal as whole panels allow. */
static ptrdiff_t FNN(panels_chunk)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t deep)
{
    const ptrdiff_t panels = fnn_ceil_div(n, TILE_COLS);
    return TILE_COLS * fnn_ceil_div(panels, fnn_max(1, fnn_ceil_div(panels, FNN(panels_limit)(m, n, deep))));
}

/* Columns of the longest chunk of any rectangle of an (m, n) product: some of fewer columns have longer chunks
 * than all of them. */
static ptrdiff_t FNN(panels_longest)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t deep)
{
    return TILE_COLS * fnn_min(fnn_ceil_div(n, TILE_COLS), FNN(panels_limit)(m, n, deep));
}

/* From one packed tile of A to the next: a line more than it has, or all would fall into the same cache sets. */
static ptrdiff_t FNN(panels_high_step)(ptrdiff_t deep) { return PANELS_HIGH * FNN(gemm_lines)(deep) + 16; }

/* Whether all of B, packed, stays in the second-level cache: then each thread packs it once, for all its ranges. */
static int FNN(panels_stay)(ptrdiff_t n, ptrdiff_t k)
{
    const ptrdiff_t deep = FNN(panels_deep)(FNN(gemm_depth)(k));
    return fnn_ceil_div(n, TILE_COLS) * TILE_COLS * deep * FNN(gemm_part_count)(k) <= PANELS_FLOATS;
}

/* Enough for any rectangle of an (m, n) product. */
static ptrdiff_t FNN(panels_scratch)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k)
{
    const ptrdiff_t deep = FNN(panels_deep)(FNN(gemm_depth)(k)), chunk = FNN(panels_longest)(m, n, deep);
    const ptrdiff_t parts = FNN(panels_stay)(n, k) ? FNN(gemm_part_count)(k) : 1;
    return FNN(gemm_lines)(chunk * deep * parts) + FNN(gemm_lines)(chunk) +
           PANELS_FAR_TILES * FNN(panels_high_step)(deep);
}

#include "gemm_pack.h"

/* Rows that will be read soon, `ld` apart, of which `at` has been asked for so far. Without that whoever reads them first
 * waits for the third-level cache or for memory: they are too short for the hardware to see them coming. */
typedef struct {
    const float *row;
    ptrdiff_t ld, rows, floats, at, lines; /* lines: asked for at a time */
} FNN(soon);

/* `times`: in how many goes. */
static FNN(soon)
    FNN(soon_of)(const float *row, ptrdiff_t ld, ptrdiff_t rows, ptrdiff_t floats, ptrdiff_t times)
{
    const ptrdiff_t lines = rows > 0 ? fnn_ceil_div(rows * fnn_ceil_div(floats, 16), fnn_max(1, times)) : 0;
    return (FNN(soon)){row, ld, rows, floats, 0, lines};
}

static inline void FNN(soon_fetch)(FNN(soon) * s)
{
    for (ptrdiff_t line = 0; line < s->lines && s->rows > 0; line++) {
        __builtin_prefetch(s->row + s->at);
        s->at += 16;
        if (s->at >= s->floats) {
            s->at = 0;
            s->row += s->ld;
            s->rows--;
        }
    }
}

/* Whether an update as short as SGD's is made of a tile's sums in the registers. */
#define PANELS_SGD (TILE_LANES == VF_LANES && TILE_ROWS <= 8)

/* One tile of rows against the packed panels of a chunk. */
enum { SWEEP_SOON = 3 };
typedef struct {
    ptrdiff_t n, k;
    const float *a; /* packed, or rows lda apart */
    ptrdiff_t lda;
    const float *b, *bias; /* panels; (n) filled up to whole panels */
    float *c;
    ptrdiff_t ldc;
    int accumulate;
    int finish;                 /* whether bias and floor count */
    float floor;                /* 0: relu; -INFINITY: none */
    FNN(soon) soon[SWEEP_SOON]; /* the next tile's rows, or the next part's, or what a taker reads */
    const FNN(sgd) * sgd;       /* or NULL; where PANELS_SGD */
    ptrdiff_t at;               /* the first column's place in sgd's variable */
} FNN(sweep);

#if defined(FNN_AMX)
static void FNN(panels_rows)(int packed, ptrdiff_t rows, FNN(sweep) * s)
{
    float sums[TILE_ROWS * TILE_COLS];
    (void)packed;
    _tile_loadconfig(&FNN(amx_tiles));
    for (ptrdiff_t j = 0; j < s->n; j += TILE_COLS) {
        const ptrdiff_t n = fnn_min(TILE_COLS, s->n - j);
        for (int i = 0; i < SWEEP_SOON; i++)
            FNN(soon_fetch)(&s->soon[i]);
        FNN(amx_multiply)(rows, n > TILE_LANES, s->k, s->a, s->lda, s->b + j * s->k, TILE_COLS, sums);
        FNN(amx_finish)(rows, n, sums, s->accumulate, s->bias + j, s->floor, s->c + j, s->ldc);
    }
    _tile_release();
}
#else
TILE_INLINE void FNN(panels_tile)(const int packed, const int rows, const int words, const int edge,
                                  const FNN(sweep) * s, ptrdiff_t j)
{
    const ptrdiff_t k = s->k, lda = s->lda, ldc = s->ldc, last = s->n - j - (words - 1) * TILE_LANES;
    const ptrdiff_t ahead = s->sgd ? TILE_COLS : 0; /* an update waits for what it reads */
    const float *b = s->b + j * k, *a = s->a;
    tv acc[TILE_ROWS][TILE_WORDS];
    TILE_UNROLL
    for (int i = 0; i < rows; i++) {
        __builtin_prefetch(s->c + j + ahead + i * ldc, 1);
        TILE_UNROLL
        for (int w = 0; w < words; w++)
            acc[i][w] = tv_zero();
    }
    for (ptrdiff_t p = 0; p < k; p++) {
        tv bw[TILE_WORDS];
        TILE_UNROLL
        for (int w = 0; w < words; w++)
            bw[w] = tv_load(b + p * TILE_COLS + w * TILE_LANES);
        TILE_UNROLL
        for (int i = 0; i < rows; i++) {
            const tv ai = tv_set1(packed ? a[p * PANELS_HIGH + i] : a[i * lda + p]);
            TILE_UNROLL
            for (int w = 0; w < words; w++)
                acc[i][w] = tv_dot(ai, bw[w], acc[i][w]);
        }
    }
#if PANELS_SGD
    if (s->sgd) {
        const FNN(sgd) update = *s->sgd;
        TILE_UNROLL
        for (int i = 0; i < rows; i++) {
            TILE_UNROLL
            for (int w = 0; w < words; w++)
                FNN(sgd_word)(&update, s->at + j + i * ldc + w * TILE_LANES,
                              edge && w == words - 1 ? last : TILE_LANES, acc[i][w]);
        }
        return;
    }
#endif
    float *c = s->c + j;
    if (s->accumulate) {
        TILE_UNROLL
        for (int i = 0; i < rows; i++) {
            TILE_UNROLL
            for (int w = 0; w < words; w++) {
                const float *at = c + i * ldc + w * TILE_LANES;
                acc[i][w] = tv_add(acc[i][w], edge && w == words - 1 ? tv_load_n(at, last) : tv_load(at));
            }
        }
    }
    if (s->finish) {
        const tv floor = tv_set1(s->floor);
        TILE_UNROLL
        for (int w = 0; w < words; w++) {
            const tv bias = tv_load(s->bias + j + w * TILE_LANES);
            TILE_UNROLL
            for (int i = 0; i < rows; i++) /* a NaN survives as the second operand */
                acc[i][w] = tv_max(floor, tv_add(acc[i][w], bias));
        }
    }
    TILE_UNROLL
    for (int i = 0; i < rows; i++) {
        TILE_UNROLL
        for (int w = 0; w < words; w++) {
            if (edge && w == words - 1)
                tv_store_n(c + i * ldc + w * TILE_LANES, acc[i][w], last);
            else
                tv_store(c + i * ldc + w * TILE_LANES, acc[i][w]);
        }
    }
}

TILE_INLINE void FNN(panels_sweep)(const int packed, const int rows, FNN(sweep) * s)
{
    ptrdiff_t j = 0;
    for (; j + TILE_COLS <= s->n; j += TILE_COLS) {
        for (int i = 0; i < SWEEP_SOON; i++)
            FNN(soon_fetch)(&s->soon[i]);
        FNN(panels_tile)(packed, rows, TILE_WORDS, 0, s, j);
    }
    const ptrdiff_t words = fnn_ceil_div(s->n - j, TILE_LANES);
#if TILE_WORDS == 3
    if (words == 3)
        FNN(panels_tile)(packed, rows, 3, 1, s, j);
#endif
    if (words == 2)
        FNN(panels_tile)(packed, rows, 2, 1, s, j);
    if (words == 1)
        FNN(panels_tile)(packed, rows, 1, 1, s, j);
}

#define PANELS_CASE(rows)                                                                                    \
    case rows:                                                                                               \
        if (packed)                                                                                          \
            FNN(panels_sweep)(1, rows, s);                                                                   \
        else                                                                                                 \
            FNN(panels_sweep)(0, rows, s);                                                                   \
        break;

static void FNN(panels_rows)(int packed, ptrdiff_t rows, FNN(sweep) * s)
{
    switch (rows) {
        PANELS_CASE(1)
        PANELS_CASE(2)
        PANELS_CASE(3)
        PANELS_CASE(4)
#if TILE_ROWS >= 6
        PANELS_CASE(5)
        PANELS_CASE(6)
#endif
#if TILE_ROWS >= 8
        PANELS_CASE(7)
        PANELS_CASE(8)
#endif
    default:
        assert(0);
    }
}
#endif

/* Who takes C's elements when they are finished, a tile of rows at a time, instead of memory. sums: panels_sums floats of
 * scratch memory; take: called with rows [i, i + rows) of columns [j, j + n) in sums (rows, n); reads: arrays like C that
 * it will look into, or NULL. k must be one part. */
typedef struct FNN(taker) {
    float *sums;
    const float *reads[SWEEP_SOON];
    void (*take)(struct FNN(taker) * taker, ptrdiff_t i, ptrdiff_t rows, ptrdiff_t j, ptrdiff_t n);
} FNN(taker);

static ptrdiff_t FNN(panels_sums)(ptrdiff_t n, ptrdiff_t k)
{
    return TILE_ROWS * FNN(panels_longest)(0, n, FNN(panels_deep)(FNN(gemm_depth)(k)));
}

/* One part of k, of a chunk of columns: columns [from, from + wide) of rows [i0, i0 + m), k's elements [p, p + k). */
typedef struct {
    ptrdiff_t i0, m, from, wide, p, k, next; /* next: how long the part after it is */
    int far, pack, last;                     /* see panels_far; whether A is packed; whether k ends here */
    ptrdiff_t together, step;                /* tiles of A packed at a time; floats from one to the next */
    float *packed_a;
    const float *panels;
    const float *bias; /* filled up to whole panels */
} FNN(part);

/* What is still to do with the `rows` rows from row i on, as the sweep left them. */
static void FNN(panels_finish)(const FNN(product) * f, const FNN(part) * part, ptrdiff_t i, ptrdiff_t rows,
                               const FNN(sweep) * s)
{
    if (part->last && f->activation > FNN_RELU) {
        const fnn_tile done = {
            .n = s->n, .c = s->c, .ldc = s->ldc, .activation = f->activation, .alpha = f->alpha};
        FNN(tile_activate)(rows, &done);
    }
    if (f->taker)
        f->taker->take(f->taker, i, rows, part->from, s->n);
}

/* Tiles [first, end) of rows, which lie packed if they are packed at all. */
static void FNN(panels_block)(const FNN(product) * f, const FNN(part) * part, ptrdiff_t first, ptrdiff_t end,
                              FNN(sweep) * s)
{
    const ptrdiff_t run = part->far ? TILE_COLS : part->wide, goes = fnn_max(1, part->wide / TILE_COLS);
    for (ptrdiff_t j = 0; j < part->wide; j += run)
        for (ptrdiff_t tile = first; tile < end; tile++) {
            const ptrdiff_t at = FNN(tile_rows_at)(part->m, tile), i = part->i0 + at;
            const ptrdiff_t rows = FNN(tile_rows_at)(part->m, tile + 1) - at;
            const FNN(side) a = FNN(side_at)(f->a, i, part->p);
            s->n = fnn_min(run, part->wide - j);
            s->a = part->pack ? part->packed_a + (tile - first) * part->step : a.at;
            s->b = part->panels + j * s->k;
            s->bias = part->bias + j;
            s->at = i * f->ldc + part->from + j;
            s->c = f->taker ? f->taker->sums : f->c + s->at;
            if (a.along_k && !part->far)
                s->soon[0] =
                    FNN(soon_of)(a.at + rows * a.ld, a.ld, at + rows < part->m ? rows : 0, s->k, goes);
            for (int r = 0; f->taker && r < SWEEP_SOON; r++)
                if (f->taker->reads[r])
                    s->soon[r] =
                        FNN(soon_of)(f->taker->reads[r] + i * f->n + part->from, f->n, rows, s->n, goes);
            FNN(panels_rows)(part->pack && !FNN(rounded), rows, s);
            FNN(panels_finish)(f, part, i, rows, s);
        }
}

static void FNN(panels_part)(const FNN(product) * f, const FNN(part) * part, FNN(sweep) * s)
{
    const ptrdiff_t tiles = FNN(tile_count)(part->m), goes = fnn_max(1, part->wide / TILE_COLS);
    const FNN(side) a = FNN(side_at)(f->a, part->i0, part->p);
    for (ptrdiff_t first = 0; first < tiles; first += part->together) {
        const ptrdiff_t end = fnn_min(tiles, first + part->together);
        if (part->pack)
            FNN(panels_pack_a)(part->m, first, end, part->k, a, part->packed_a, part->step);
        if (!a.along_k && (end < tiles || !part->last)) { /* the next that is packed, or of the next part */
            const ptrdiff_t on = end < tiles ? end : 0, row = FNN(tile_rows_at)(part->m, on);
            const ptrdiff_t rows = FNN(tile_rows_at)(part->m, fnn_min(tiles, on + part->together)) - row;
            const FNN(side) then = FNN(side_at)(a, row, end < tiles ? 0 : part->k);
            s->soon[0] =
                FNN(soon_of)(then.at, a.ld, end < tiles ? part->k : part->next, rows, (end - first) * goes);
        }
        FNN(panels_block)(f, part, first, end, s);
    }
}

/* Rows [i0, i0 + m) and columns [j0, j0 + n) of C. */
static void FNN(panels_rectangle)(const FNN(product) * f, ptrdiff_t i0, ptrdiff_t m, ptrdiff_t j0,
                                  ptrdiff_t n, float *scratch)
{
    const FNN(side) a = f->a, b = f->b;
    const ptrdiff_t depth = FNN(gemm_depth)(f->k), deep = FNN(panels_deep)(depth);
    const ptrdiff_t chunk = FNN(panels_chunk)(m, n, deep);
    const int stay = f->packed && n == f->n && FNN(panels_stay)(n, f->k), packed = stay && *f->packed == b.at;
    const ptrdiff_t parts = stay ? FNN(gemm_part_count)(f->k) : 1;
    if (f->packed) /* some of B's columns overwrite what an earlier range left of all of them */
        *f->packed = stay ? b.at : NULL;
    float *packed_b = scratch, *bias = packed_b + FNN(gemm_lines)(chunk * deep * parts);
    FNN(part)
    part = {.i0 = i0,
            .m = m,
            .far = FNN(panels_far)(m, n, deep),
            .step = FNN(panels_high_step)(deep),
            .packed_a = bias + FNN(gemm_lines)(chunk),
            .bias = bias};
    /* Rows of A are read where they lie, unless they come back for every panel, or compete for a few cache sets with more
     * than one panel to pass; columns of A always are far apart. */
    part.pack = part.far || FNN(rounded) || !a.along_k ||
                (n > 2 * TILE_COLS && FNN(gemm_rows_collide)(2 * TILE_ROWS, a.ld));
    part.together = part.far ? PANELS_FAR_TILES : a.along_k ? 1 : PANELS_TILES;
    FNN(sweep) s = {.lda = a.ld, .sgd = f->sgd};
    for (part.from = j0; part.from < j0 + n; part.from += chunk) {
        part.wide = fnn_min(chunk, j0 + n - part.from);
        s.ldc = f->taker ? part.wide : f->ldc;
        memset(bias, 0, (size_t)chunk * sizeof *bias);
        for (part.p = 0; part.p == 0 || part.p < f->k; part.p += depth) {
            part.k = fnn_min(depth, f->k - part.p);
            part.next = fnn_min(depth, f->k - part.p - part.k);
            part.last = part.p + depth >= f->k;
            s.k = FNN(panels_deep)(part.k);
            s.accumulate = part.p > 0;
            s.finish = part.last && (f->bias || f->activation == FNN_RELU);
            s.floor = part.last && f->activation == FNN_RELU ? 0.0f : -INFINITY;
            if (part.last && f->bias)
                memcpy(bias, f->bias + part.from, (size_t)part.wide * sizeof *bias);
            if (FNN(rounded))
                s.lda = FNN(gemm_lines)(s.k);
            float *const to = packed_b + (stay ? part.p / depth * chunk * deep : 0);
            part.panels = to;
            if (!packed)
                FNN(panels_pack_b)(part.wide, part.k, FNN(side_at)(b, part.from, part.p), to);
            for (int i = 0; i < SWEEP_SOON; i++)
                s.soon[i] = FNN(soon_of)(NULL, 0, 0, 0, 1);
            if (!b.along_k && !part.last && !packed && !part.far)
                s.soon[1] = FNN(soon_of)(FNN(side_at)(b, part.from, part.p + part.k).at, b.ld, part.next,
                                         part.wide, FNN(tile_count)(m) * fnn_max(1, part.wide / TILE_COLS));
            FNN(panels_part)(f, &part, &s);
        }
    }
}

/* ---- turned: the transpose of C, for a B along k and few rows, so that A is what must be turned, not B ----
 */

static ptrdiff_t FNN(turned_chunk)(ptrdiff_t m)
{
    return fnn_max(1, TURNED_FLOATS / fnn_max(m, 1) / TILE_ROWS) * TILE_ROWS;
}

static ptrdiff_t FNN(turned_scratch)(ptrdiff_t m, ptrdiff_t k)
{
    return FNN(gemm_lines)(FNN(turned_chunk)(m) * FNN(gemm_lines)(m)) + FNN(panels_scratch)(0, m, k);
}

/* Columns [j0, j0 + n) of C. */
static void FNN(turned_rectangle)(const FNN(product) * f, ptrdiff_t j0, ptrdiff_t n, float *scratch)
{
    const ptrdiff_t chunk = FNN(turned_chunk)(f->m), ldt = FNN(gemm_lines)(f->m);
    FNN(product) g = {.m = n, .n = f->m, .k = f->k, .b = f->a, .c = scratch, .ldc = ldt, .packed = f->packed};
    for (ptrdiff_t from = j0; from < j0 + n; from += chunk) {
        const ptrdiff_t cols = fnn_min(chunk, j0 + n - from);
        g.a = FNN(side_at)(f->b, from, 0);
        FNN(panels_rectangle)(&g, 0, cols, 0, f->m, scratch + FNN(gemm_lines)(chunk * ldt));
        FNN(gemm_transpose)(cols, f->m, scratch, ldt, f->c + from, f->ldc);
        if (f->bias || f->activation != FNN_LINEAR)
            for (ptrdiff_t i = 0; i < f->m; i++) {
                float *c = f->c + i * f->ldc + from;
                FNN(gemm_finish)(cols, c, f->bias ? f->bias + from : NULL, 0.0f, f->activation, f->alpha, c);
            }
    }
}
