/* gemm_panels.h - products with many rows and many columns: B is packed, and tiles of C add up in registers.
 *
 * For a chunk of columns and a part of k, B is packed into panels of TILE_COLS columns, which stay in the
 * second-level cache. Then each tile of rows sweeps over the panels: its part of A stays in the first level
 * and is fetched once, and C is written along its rows (the loops of Goto and van de Geijn, ACM TOMS 34(3),
 * 2008, with the two innermost exchanged).
 *
 * Panels hold words (words.h). In the bfloat16 kernels A must be rounded, too: its tiles are packed row by row, in whole
 * cache lines of words, and read as rows of A are, whichever way it lay. */

enum {
    PANELS_FLOATS = 3 << 15, /* of B packed at a time: most of a small second-level cache */
    PANELS_HIGH = TILE_ROWS > 8 ? TILE_ROWS
                                : 8, /* a packed tile of A: element (i, p) at p * PANELS_HIGH + i */
    TURNED_FLOATS = 1 << 14,         /* of the transpose of C at a time */
    PANELS_TILES = 8 /* of A packed at a time: a cache line of a column of A serves them together */
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

/* Panels of a chunk, at most. */
static ptrdiff_t FNN(panels_most)(ptrdiff_t deep) { return fnn_max(1, PANELS_FLOATS / deep / TILE_COLS); }

/* Columns of a chunk, where n columns come in chunks as equal as whole panels allow. */
static ptrdiff_t FNN(panels_chunk)(ptrdiff_t n, ptrdiff_t deep)
{
    const ptrdiff_t panels = fnn_ceil_div(n, TILE_COLS);
    return TILE_COLS * fnn_ceil_div(panels, fnn_max(1, fnn_ceil_div(panels, FNN(panels_most)(deep))));
}

/* Columns of the longest chunk of any rectangle of a product with n columns: some of fewer columns have longer chunks
 * than all of them. */
static ptrdiff_t FNN(panels_longest)(ptrdiff_t n, ptrdiff_t deep)
{
    return TILE_COLS * fnn_min(fnn_ceil_div(n, TILE_COLS), FNN(panels_most)(deep));
}

/* From one packed tile of A to the next: a line more than it has, or all would fall into the same cache sets. */
static ptrdiff_t FNN(panels_high_step)(ptrdiff_t deep) { return PANELS_HIGH * FNN(gemm_lines)(deep) + 16; }

/* Whether all of B, packed, stays in the second-level cache: then each thread packs it once, for all its ranges. */
static int FNN(panels_stay)(ptrdiff_t n, ptrdiff_t k)
{
    const ptrdiff_t depth = FNN(gemm_depth)(k), parts = fnn_max(1, fnn_ceil_div(k, depth));
    return fnn_ceil_div(n, TILE_COLS) * TILE_COLS * FNN(panels_deep)(depth) * parts <= PANELS_FLOATS;
}

/* Enough for any rectangle of a product with n columns. */
static ptrdiff_t FNN(panels_scratch)(ptrdiff_t n, ptrdiff_t k)
{
    const ptrdiff_t depth = FNN(gemm_depth)(k), parts = fnn_max(1, fnn_ceil_div(k, depth));
    const ptrdiff_t deep = FNN(panels_deep)(depth), chunk = FNN(panels_longest)(n, deep);
    return FNN(gemm_lines)(chunk * deep * (FNN(panels_stay)(n, k) ? parts : 1)) + FNN(gemm_lines)(chunk) +
           PANELS_TILES * FNN(panels_high_step)(deep);
}

/* Packs columns [0, n) of (k, n) `from` into panels of TILE_COLS columns, `deep` rows of words each; the last column's
 * vector is filled up with zeros. */
static void FNN(panels_pack_b)(ptrdiff_t n, ptrdiff_t k, FNN(side) from, float *restrict to)
{
    const ptrdiff_t whole = n / TILE_COLS * TILE_COLS, deep = FNN(panels_deep)(k), words = FNN(words)(k);
    if (n > whole && from.along_k) /* what is turned comes without them */
        memset(to + whole * deep, 0, (size_t)(deep * TILE_COLS) * sizeof *to);
    for (ptrdiff_t j = 0; j < n && deep > words; j += TILE_COLS)
        memset(to + j * deep + words * TILE_COLS, 0, (size_t)((deep - words) * TILE_COLS) * sizeof *to);
    if (from.along_k) {
        for (ptrdiff_t j = 0; j < n; j += TILE_COLS)
            FNN(words_turned)(fnn_min(TILE_COLS, n - j), k, from.at + j * from.ld, from.ld, to + j * deep,
                              TILE_COLS);
        return;
    }
    for (ptrdiff_t p = 0; p < k; p += WORD_DEPTH) {
        const float *row = from.at + p * from.ld, *next = p + 1 < k ? row + from.ld : NULL;
        float *panel = to + p / WORD_DEPTH * TILE_COLS;
        for (ptrdiff_t j = 0; j < whole; j += TILE_COLS, panel += deep * TILE_COLS) {
            TILE_UNROLL
            for (int w = 0; w < TILE_WORDS; w++)
                tv_store(panel + w * TILE_LANES,
                         FNN(tile_across)(row + j + w * TILE_LANES, next ? next + j + w * TILE_LANES : NULL,
                                          TILE_LANES));
        }
        for (ptrdiff_t q = whole; q < n; q += TILE_LANES)
            tv_store(panel + q - whole, FNN(tile_across)(row + q, next ? next + q : NULL, n - q));
    }
}

/* to[p * PANELS_HIGH + i] = from[i * ld + p] for i < rows, p < k; what is above the rows in `to` means
 * nothing. */
static void FNN(panels_turn)(ptrdiff_t rows, ptrdiff_t k, const float *from, ptrdiff_t ld, float *restrict to)
{
#if VF_LANES > 1
    for (ptrdiff_t p = 0; p < k; p += VF_LANES) {
        const ptrdiff_t deep = fnn_min(VF_LANES, k - p);
        vf r[VF_LANES];
        TILE_UNROLL
        for (int i = 0; i < VF_LANES; i++) {
            const float *row = from + fnn_min(i, rows - 1) * ld + p;
            r[i] = i >= PANELS_HIGH ? vf_zero() : deep == VF_LANES ? vf_load(row) : vf_load_n(row, deep);
        }
        vf_transpose(r);
        if (deep == VF_LANES) {
#pragma GCC unroll 16
            for (int l = 0; l < VF_LANES; l++)
                vf_store_n(to + (p + l) * PANELS_HIGH, r[l], PANELS_HIGH);
        } else
            for (int l = 0; l < deep; l++)
                vf_store_n(to + (p + l) * PANELS_HIGH, r[l], PANELS_HIGH);
    }
#else
    for (ptrdiff_t p = 0; p < k; p++)
        for (ptrdiff_t i = 0; i < rows; i++)
            to[p * PANELS_HIGH + i] = from[i * ld + p];
#endif
}

/* to[i * ld + w] = word w of row i, for i < rows, and zeros behind a row's words; ld: whole cache lines. */
static void FNN(panels_rounded)(ptrdiff_t rows, ptrdiff_t k, FNN(side) from, float *restrict to, ptrdiff_t ld)
{
    if (from.along_k) {
        for (ptrdiff_t i = 0; i < rows; i++)
            for (ptrdiff_t w = 0; w < ld; w += VF_LANES)
                vf_store(to + i * ld + w,
                         FNN(words_along)(from.at + i * from.ld + w * WORD_DEPTH, k - w * WORD_DEPTH));
        return;
    }
    for (ptrdiff_t w = 0; w < ld; w += VF_LANES)
        for (ptrdiff_t i = 0; i < rows; i += VF_LANES) {
            vf r[VF_LANES];
            for (int l = 0; l < VF_LANES; l++) {
                const ptrdiff_t p = (w + l) * WORD_DEPTH;
                const float *row = from.at + p * from.ld + i;
                r[l] = p < k ? FNN(words_across)(row, p + 1 < k ? row + from.ld : NULL, rows - i) : vf_zero();
            }
            vf_transpose(r);
            for (int l = 0; l < fnn_min(VF_LANES, rows - i); l++)
                vf_store(to + (i + l) * ld + w, r[l]);
        }
}

/* Packs tiles [first, end) of A's m rows, from.at being the first row of all: each into `step` floats. */
static void FNN(panels_pack_a)(ptrdiff_t m, ptrdiff_t first, ptrdiff_t end, ptrdiff_t k, FNN(side) from,
                               float *restrict to, ptrdiff_t step)
{
    ptrdiff_t at[PANELS_TILES + 1];
    for (ptrdiff_t t = first; t <= end; t++)
        at[t - first] = FNN(tile_rows_at)(m, t);
    if (FNN(rounded)) {
        const ptrdiff_t ld = FNN(gemm_lines)(FNN(panels_deep)(k));
        for (ptrdiff_t t = 0; t < end - first; t++, to += step)
            FNN(panels_rounded)(at[t + 1] - at[t], k, FNN(side_at)(from, at[t], 0), to, ld);
        return;
    }
    if (from.along_k) {
        for (ptrdiff_t t = 0; t < end - first; t++, to += step)
            FNN(panels_turn)(at[t + 1] - at[t], k, from.at + at[t] * from.ld, from.ld, to);
        return;
    }
    /* Line by line of A, so that each is fetched once. */
    const ptrdiff_t tiles = end - first;
    ptrdiff_t whole = 0; /* tiles of which PANELS_HIGH rows may be read */
    while (VF_LANES > 1 && whole < tiles && at[whole] + PANELS_HIGH <= m)
        whole++;
    for (ptrdiff_t p = 0; p < k; p++) {
        const float *row = from.at + p * from.ld;
        float *high = to + p * PANELS_HIGH;
        for (ptrdiff_t t = 0; t < whole; t++)
            vf_store_n(high + t * step, vf_load_n(row + at[t], PANELS_HIGH), PANELS_HIGH);
        for (ptrdiff_t t = whole; t < tiles; t++)
            for (ptrdiff_t i = at[t]; i < at[t + 1]; i++)
                high[t * step + i - at[t]] = row[i];
    }
}

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
    return TILE_ROWS * FNN(panels_longest)(n, FNN(panels_deep)(FNN(gemm_depth)(k)));
}

/* Rows [i0, i0 + m) and columns [j0, j0 + n) of C. */
static void FNN(panels_rectangle)(const FNN(product) * f, ptrdiff_t i0, ptrdiff_t m, ptrdiff_t j0,
                                  ptrdiff_t n, float *scratch)
{
    const FNN(side) a = f->a, b = f->b;
    const ptrdiff_t depth = FNN(gemm_depth)(f->k), tiles = FNN(tile_count)(m), deep = FNN(panels_deep)(depth);
    /* Rows of A are read where they lie, unless they compete for a few cache sets with more than one panel to
     * pass; columns of A always are far apart. */
    const int pack =
        FNN(rounded) || !a.along_k || (n > 2 * TILE_COLS && FNN(gemm_rows_collide)(2 * TILE_ROWS, a.ld));
    const ptrdiff_t chunk = FNN(panels_chunk)(n, deep);
    const int stay = f->packed && n == f->n && FNN(panels_stay)(n, f->k), packed = stay && *f->packed == b.at;
    const ptrdiff_t parts = stay ? fnn_max(1, fnn_ceil_div(f->k, depth)) : 1;
    if (f->packed) /* some of B's columns overwrite what an earlier range left of all of them */
        *f->packed = stay ? b.at : NULL;
    float *packed_b = scratch, *bias = packed_b + FNN(gemm_lines)(chunk * deep * parts);
    float *packed_a = bias + FNN(gemm_lines)(chunk);
    const ptrdiff_t step = FNN(panels_high_step)(deep), together = a.along_k ? 1 : PANELS_TILES;
    FNN(sweep) s = {.lda = a.ld, .bias = bias, .ldc = f->ldc, .sgd = f->sgd};
    for (ptrdiff_t from = j0; from < j0 + n; from += chunk) {
        s.n = fnn_min(chunk, j0 + n - from);
        if (f->taker)
            s.ldc = s.n;
        memset(bias, 0, (size_t)chunk * sizeof *bias);
        for (ptrdiff_t p = 0; p == 0 || p < f->k; p += depth) {
            const int last = p + depth >= f->k;
            const ptrdiff_t k = fnn_min(depth, f->k - p);
            s.k = FNN(panels_deep)(k);
            s.accumulate = p > 0;
            s.finish = last && (f->bias || f->activation == FNN_RELU);
            s.floor = last && f->activation == FNN_RELU ? 0.0f : -INFINITY;
            if (last && f->bias)
                memcpy(bias, f->bias + from, (size_t)s.n * sizeof *bias);
            if (FNN(rounded))
                s.lda = FNN(gemm_lines)(s.k);
            float *const part_b = packed_b + (stay ? p / depth * chunk * deep : 0);
            s.b = part_b;
            if (!packed)
                FNN(panels_pack_b)(s.n, k, FNN(side_at)(b, from, p), part_b);
            const ptrdiff_t panels = fnn_max(1, s.n / TILE_COLS), next = fnn_min(depth, f->k - p - k);
            for (int i = 0; i < SWEEP_SOON; i++)
                s.soon[i] = FNN(soon_of)(NULL, 0, 0, 0, 1);
            if (!b.along_k && !last && !packed)
                s.soon[1] = FNN(soon_of)(FNN(side_at)(b, from, p + k).at, b.ld, next, s.n, tiles * panels);
            for (ptrdiff_t tile = 0; tile < tiles; tile++) {
                const ptrdiff_t at = FNN(tile_rows_at)(m, tile), rows = FNN(tile_rows_at)(m, tile + 1) - at;
                const float *part = FNN(side_at)(a, i0 + at, p).at;
                if (pack && tile % together == 0) {
                    const ptrdiff_t end = fnn_min(tiles, tile + together), block = end - tile;
                    FNN(panels_pack_a)(m, tile, end, k, FNN(side_at)(a, i0, p), packed_a, step);
                    if (!a.along_k &&
                        (end < tiles || !last)) { /* the next that is packed, or of the next part */
                        const ptrdiff_t on = end < tiles ? end : 0, to = fnn_min(tiles, on + together);
                        const ptrdiff_t first = FNN(tile_rows_at)(m, on);
                        s.soon[0] = FNN(soon_of)(FNN(side_at)(a, i0 + first, end < tiles ? p : p + k).at,
                                                 a.ld, end < tiles ? k : next,
                                                 FNN(tile_rows_at)(m, to) - first, block * panels);
                    }
                }
                s.a = pack ? packed_a + tile % together * step : part;
                s.at = (i0 + at) * f->ldc + from;
                s.c = f->taker ? f->taker->sums : f->c + s.at;
                if (a.along_k)
                    s.soon[0] =
                        FNN(soon_of)(part + rows * a.ld, a.ld, tile + 1 < tiles ? rows : 0, s.k, panels);
                for (int i = 0; f->taker && i < SWEEP_SOON; i++)
                    if (f->taker->reads[i])
                        s.soon[i] = FNN(soon_of)(f->taker->reads[i] + (i0 + at) * f->n + from, f->n, rows,
                                                 s.n, panels);
                FNN(panels_rows)(pack && !FNN(rounded), rows, &s);
                if (last && f->activation > FNN_RELU) {
                    const fnn_tile done = {
                        .n = s.n, .c = s.c, .ldc = f->ldc, .activation = f->activation, .alpha = f->alpha};
                    FNN(tile_activate)(rows, &done);
                }
                if (f->taker)
                    f->taker->take(f->taker, i0 + at, rows, from, s.n);
            }
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
    return FNN(gemm_lines)(FNN(turned_chunk)(m) * FNN(gemm_lines)(m)) + FNN(panels_scratch)(m, k);
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
