/* gemm_pack.h - panels of B and tiles of A, laid out as gemm_panels.h reads them.
 *
 * In the bfloat16 kernels whatever is packed is rounded to words (words.h) in passing. */

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
    ptrdiff_t at[PANELS_FAR_TILES + 1];
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
