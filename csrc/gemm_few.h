/* gemm_few.h - products of few rows (or few columns) with a large operand, which is read once, where it lies.
 *
 *     T[i, j] = sum_p F[i, p] G[j, p],   i < few, j < many, for a chunk of j at a time; T stays in the
 *     first-level cache and becomes C[i, j], or C[j, i] (`turned`), with bias and activation, at the end
 *
 * by rows: G's elements with the same p lie side by side. A few of its rows at a time meet each row of T:
 * every word of G in a register serves all of F, and memory sees long runs. by dots: G's elements with the
 * same j lie side by side, F's likewise. Both are read along k, and the words' lanes added up at the end. */

enum {
    FEW_FLOATS = 7168, /* of T */
    FEW_ROWS = 64,     /* of T; where C has more they are computed in turn */
    DOTS_DEPTH = 1024  /* k is cut into parts of at most so many */
};
/* FEW_DEEP rows of G, FEW_WORDS words of each, FEW_WORDS words of T and an element of F fill the registers.
 */
#if defined(FNN_AVX512)
#define FEW_DEEP 8
#else
#define FEW_DEEP 4
#endif
#define FEW_WORDS 3
#define FEW_COLS (FEW_WORDS * TILE_LANES)

typedef struct {
    ptrdiff_t few, k;
    FNN(side) f, g;
    int turned;
} FNN(few);

static ptrdiff_t FNN(few_chunk)(ptrdiff_t few)
{
    const ptrdiff_t step = FEW_COLS * 2; /* whole words of T, and whole groups of dots */
    return fnn_max(1, FEW_FLOATS / fnn_max(few, 1) / step) * step;
}

static ptrdiff_t FNN(few_scratch)(ptrdiff_t all, ptrdiff_t k)
{
    const ptrdiff_t few = fnn_min(all, FEW_ROWS);
    return FNN(gemm_lines)(fnn_max(FEW_FLOATS, few * 2 * FEW_COLS)) +
           FNN(gemm_lines)(few * FNN(gemm_parts)(k, DOTS_DEPTH));
}

/* ---- by rows ---- */

/* T's columns [0, words * TILE_LANES) += f's `few` rows, `deep` elements each, times `deep` rows of g. edge:
 * how many columns of the last word g has. */
TILE_INLINE void FNN(few_words)(const int deep, const int words, const int masked, ptrdiff_t few,
                                const float *f, ptrdiff_t f_row, ptrdiff_t f_step, const float *g,
                                ptrdiff_t ldg, ptrdiff_t edge, float *t, ptrdiff_t ldt)
{
    tv gw[FEW_DEEP][FEW_WORDS];
    TILE_UNROLL
    for (int p = 0; p < deep; p++) {
        TILE_UNROLL
        for (int w = 0; w < words;
             w += 16 / TILE_LANES) /* the next group's, which the hardware does not see coming */
            __builtin_prefetch(g + (deep + p) * ldg + w * TILE_LANES);
        TILE_UNROLL
        for (int w = 0; w < words; w++) {
            const float *at = g + p * ldg + w * TILE_LANES;
            gw[p][w] = masked && w == words - 1 ? tv_load_n(at, edge) : tv_load(at);
        }
    }
    for (ptrdiff_t i = 0; i < few; i++, f += f_row, t += ldt) {
        tv acc[FEW_WORDS];
        TILE_UNROLL
        for (int w = 0; w < words; w++)
            acc[w] = tv_load(t + w * TILE_LANES);
        TILE_UNROLL
        for (int p = 0; p < deep; p++) {
            const tv x = tv_set1(f[p * f_step]);
            TILE_UNROLL
            for (int w = 0; w < words; w++)
                acc[w] = tv_fma(x, gw[p][w], acc[w]);
        }
        TILE_UNROLL
        for (int w = 0; w < words; w++)
            tv_store(t + w * TILE_LANES, acc[w]);
    }
}

/* All n columns. */
TILE_INLINE void FNN(few_group)(const int deep, ptrdiff_t few, ptrdiff_t n, const float *f, ptrdiff_t f_row,
                                ptrdiff_t f_step, const float *g, ptrdiff_t ldg, float *t, ptrdiff_t ldt)
{
    ptrdiff_t j = 0;
    for (; j + FEW_COLS <= n; j += FEW_COLS)
        FNN(few_words)(deep, FEW_WORDS, 0, few, f, f_row, f_step, g + j, ldg, 0, t + j, ldt);
    const ptrdiff_t words = fnn_ceil_div(n - j, TILE_LANES), edge = n - j - (words - 1) * TILE_LANES;
    if (words == 3)
        FNN(few_words)(deep, 3, 1, few, f, f_row, f_step, g + j, ldg, edge, t + j, ldt);
    if (words == 2)
        FNN(few_words)(deep, 2, 1, few, f, f_row, f_step, g + j, ldg, edge, t + j, ldt);
    if (words == 1)
        FNN(few_words)(deep, 1, 1, few, f, f_row, f_step, g + j, ldg, edge, t + j, ldt);
}

static void FNN(few_by_rows)(const FNN(few) * w, ptrdiff_t j0, ptrdiff_t n, float *t, ptrdiff_t ldt,
                             float *packed)
{
    const ptrdiff_t few = w->few, depth = FNN(gemm_depth)(w->k);
    const int pack = w->f.along_k && FNN(gemm_rows_collide)(few, w->f.ld);
    for (ptrdiff_t from = 0; from < w->k; from += depth) {
        const ptrdiff_t k = fnn_min(depth, w->k - from);
        FNN(side) f = FNN(side_at)(w->f, 0, from);
        if (pack) {
            FNN(gemm_transpose)(few, k, f.at, f.ld, packed, few);
            f = (FNN(side)){packed, few, 0};
        }
        const ptrdiff_t row = f.along_k ? f.ld : 1, step = f.along_k ? 1 : f.ld, ldg = w->g.ld;
        const float *g = FNN(side_at)(w->g, j0, from).at;
        ptrdiff_t p = 0;
        for (; p + FEW_DEEP <= k; p += FEW_DEEP)
            FNN(few_group)(FEW_DEEP, few, n, f.at + p * step, row, step, g + p * ldg, ldg, t, ldt);
#if FEW_DEEP > 4
        for (; p + 4 <= k; p += 4)
            FNN(few_group)(4, few, n, f.at + p * step, row, step, g + p * ldg, ldg, t, ldt);
#endif
        for (; p + 2 <= k; p += 2)
            FNN(few_group)(2, few, n, f.at + p * step, row, step, g + p * ldg, ldg, t, ldt);
        for (; p < k; p++)
            FNN(few_group)(1, few, n, f.at + p * step, row, step, g + p * ldg, ldg, t, ldt);
    }
}

/* ---- by dots ---- */

#define DOTS_WIDE (VF_LANES > 1 ? VF_LANES / 2 : 1)
typedef float FNN(dots)
    __attribute__((vector_size(DOTS_WIDE * sizeof(float)), aligned(sizeof(float)), may_alias));

/* x, in a register: the compiler would rather load it again for each of its two uses, and loads are what
 * limits. */
static inline vf FNN(dots_kept)(vf x)
{
#if VF_LANES > 1 && !defined(FNN_EMULATE_AVX512)
    __asm__("" : "+v"(x));
#endif
    return x;
}

/* T[i, j] += dot products of `rows` rows of F (1 or 2) with DOTS_WIDE rows of G; of those, the ones past the
 * last are the last again. */
TILE_INLINE void FNN(dots_tile)(const int rows, ptrdiff_t k, const float *f, ptrdiff_t ldf, const float *g,
                                ptrdiff_t ldg, ptrdiff_t last, float *t, ptrdiff_t ldt)
{
    const float *gj[DOTS_WIDE];
    vf acc[2 * DOTS_WIDE];
    TILE_UNROLL
    for (int j = 0; j < DOTS_WIDE; j++) {
        gj[j] = g + fnn_min(j, last) * ldg;
        acc[j] = acc[DOTS_WIDE + j] = vf_zero();
    }
    const ptrdiff_t whole = k - k % VF_LANES, rest = k - whole;
    for (ptrdiff_t p = 0; p < whole; p += VF_LANES) {
        const vf f0 = vf_load(f + p), f1 = rows > 1 ? vf_load(f + ldf + p) : vf_zero();
        TILE_UNROLL
        for (int j = 0; j < DOTS_WIDE; j++) {
            const vf x = FNN(dots_kept)(vf_load(gj[j] + p));
            acc[j] = vf_fma(f0, x, acc[j]);
            if (rows > 1)
                acc[DOTS_WIDE + j] = vf_fma(f1, x, acc[DOTS_WIDE + j]);
        }
    }
    if (rest) {
        const vf f0 = vf_load_n(f + whole, rest),
                 f1 = rows > 1 ? vf_load_n(f + ldf + whole, rest) : vf_zero();
        TILE_UNROLL
        for (int j = 0; j < DOTS_WIDE; j++) {
            const vf x = vf_load_n(gj[j] + whole, rest);
            acc[j] = vf_fma(f0, x, acc[j]);
            if (rows > 1)
                acc[DOTS_WIDE + j] = vf_fma(f1, x, acc[DOTS_WIDE + j]);
        }
    }
    float sums[2 * DOTS_WIDE];
#if VF_LANES > 1
    vf_store(sums, vf_sums(acc));
#else
    sums[0] = acc[0], sums[1] = acc[1];
#endif
    TILE_UNROLL
    for (int i = 0; i < rows; i++)
        *(FNN(dots) *)(t + i * ldt) += *(const FNN(dots) *)(sums + i * DOTS_WIDE);
}

static void FNN(few_by_dots)(const FNN(few) * w, ptrdiff_t j0, ptrdiff_t n, float *t, ptrdiff_t ldt,
                             float *packed)
{
    const ptrdiff_t depth = FNN(gemm_parts)(w->k, DOTS_DEPTH),
                    stretch = w->f.along_k ? fnn_max(w->k, 1) : depth;
    for (ptrdiff_t from = 0; from < w->k; from += stretch) { /* F packed: a part of it at a time */
        const ptrdiff_t end = fnn_min(w->k, from + stretch);
        if (!w->f.along_k)
            FNN(gemm_transpose)(end - from, w->few, w->f.at + from * w->f.ld, w->f.ld, packed, depth);
        for (ptrdiff_t j = 0; j < n; j += DOTS_WIDE)
            for (ptrdiff_t p = from; p < end; p += depth) {
                const ptrdiff_t k = fnn_min(depth, end - p), last = n - j - 1;
                const FNN(side) f = w->f.along_k ? FNN(side_at)(w->f, 0, p) : (FNN(side)){packed, depth, 1};
                const float *g = FNN(side_at)(w->g, j0 + j, p).at;
                ptrdiff_t i = 0;
                for (; i + 2 <= w->few; i += 2)
                    FNN(dots_tile)(2, k, f.at + i * f.ld, f.ld, g, w->g.ld, last, t + i * ldt + j, ldt);
                if (i < w->few)
                    FNN(dots_tile)(1, k, f.at + i * f.ld, f.ld, g, w->g.ld, last, t + i * ldt + j, ldt);
            }
    }
}

/* ---- both ---- */

/* n columns of T, which are many-side elements [j0, j0 + n), go to C. */
static void FNN(few_finish)(const FNN(product) * f, const FNN(few) * w, ptrdiff_t j0, ptrdiff_t n, float *t,
                            ptrdiff_t ldt)
{
    for (ptrdiff_t i = 0; i < w->few; i++) {
        float *from = t + i * ldt;
        if (!w->turned)
            FNN(gemm_finish)(n, from, f->bias ? f->bias + j0 : NULL, 0.0f, f->activation, f->alpha,
                             f->c + i * f->ldc + j0);
        else if (f->bias || f->activation != FNN_LINEAR)
            FNN(gemm_finish)(n, from, NULL, f->bias ? f->bias[i] : 0.0f, f->activation, f->alpha, from);
    }
    if (w->turned)
        FNN(gemm_transpose)(w->few, n, t, ldt, f->c + j0 * f->ldc, f->ldc);
}

/* Columns (turned: rows) [j0, j0 + n) of C, whose few side is at most FEW_ROWS. */
static void FNN(few_strip)(const FNN(product) * f, int dots, int turned, ptrdiff_t j0, ptrdiff_t n,
                           float *scratch)
{
    const FNN(few) w = {.few = turned ? f->n : f->m,
                        .k = f->k,
                        .f = turned ? f->b : f->a,
                        .g = turned ? f->a : f->b,
                        .turned = turned};
    const ptrdiff_t chunk = FNN(few_chunk)(w.few);
    float *t = scratch, *packed = scratch + FNN(gemm_lines)(w.few * chunk);
    assert(w.few <= FEW_ROWS);
    for (ptrdiff_t j = j0; j < j0 + n; j += chunk) {
        const ptrdiff_t cols = fnn_min(chunk, j0 + n - j),
                        ldt = fnn_ceil_div(cols, 2 * TILE_LANES) * 2 * TILE_LANES;
        memset(t, 0, (size_t)(w.few * ldt) * sizeof *t);
        if (dots)
            FNN(few_by_dots)(&w, j, cols, t, ldt, packed);
        else
            FNN(few_by_rows)(&w, j, cols, t, ldt, packed);
        FNN(few_finish)(f, &w, j, cols, t, ldt);
    }
}

/* Columns (turned: rows) [j0, j0 + n) of C. */
static void FNN(few_rectangle)(const FNN(product) * f, int dots, int turned, ptrdiff_t j0, ptrdiff_t n,
                               float *scratch)
{
    const ptrdiff_t few = turned ? f->n : f->m, strips = fnn_ceil_div(few, FEW_ROWS);
    FNN(product) part = *f;
    if (strips == 1)
        FNN(few_strip)(f, dots, turned, j0, n, scratch);
    for (ptrdiff_t s = 0; strips > 1 && s < strips; s++) {
        const ptrdiff_t i = few * s / strips;
        assert(!turned && !dots);
        part.m = few * (s + 1) / strips - i;
        part.a = FNN(side_at)(f->a, i, 0);
        part.c = f->c + i * f->ldc;
        FNN(few_strip)(&part, dots, turned, j0, n, scratch);
    }
}
