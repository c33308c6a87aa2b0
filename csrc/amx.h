/* amx.h - the register tile of AMX-BF16: 32 rows by 32 columns of sums, in four tiles of 16 x 16.
 *
 * A tile register holds 16 rows of 64 bytes: 16 words of A's rows, or 16 rows of a panel of B, in the layouts that words
 * and panels have anyway (words.h). Each step loads two tiles of A and two of B, 8 cycles each, for four products of 16:
 * the loads hide behind the products, and B comes from the second-level cache at 32 bytes a cycle, half of what a tile of 16
 * rows would need. Sums leave by memory, and meet bias and activation there.
 *
 * A's rows must be whole tiles of words, with zeros behind the sum's end; rows past the last may hold anything, because what
 * they make is not stored. */

/* What the tile registers hold: every one 16 rows of 64 bytes. */
typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} FNN(amx_shape);

static const FNN(amx_shape) FNN(amx_tiles) = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

/* sums (rows, TILE_COLS) = a b for up to TILE_ROWS rows, and for TILE_LANES columns or (wide) TILE_COLS. a: rows of lda words; b: k
 * rows, ldb words apart, each a tile wide or two whatever k is. k: any number, but a is read, zeros, to a multiple of 16. */
static void FNN(amx_multiply)(ptrdiff_t rows, int wide, ptrdiff_t k, const float *a, ptrdiff_t lda,
                              const float *b, ptrdiff_t ldb, float *sums)
{
    float
        end[TILE_LANES * TILE_COLS]; /* B's last rows, and zeros: what lies behind them need not be finite */
    const int high = rows > TILE_LANES;
    if (k % TILE_LANES) {
        memset(end, 0, sizeof end);
        for (ptrdiff_t p = 0; p < k % TILE_LANES; p++)
            for (int w = 0; w <= wide; w++)
                vf_store(end + p * TILE_COLS + w * TILE_LANES,
                         vf_load(b + (k - k % TILE_LANES + p) * ldb + w * TILE_LANES));
    }
    __asm__ volatile("" : : : "memory"); /* the loads below do not tell the compiler what they read */
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (ptrdiff_t p = 0; p < k; p += TILE_LANES) {
        const int whole = k - p >= TILE_LANES;
        const float *from = whole ? b + p * ldb : end;
        const ptrdiff_t step = (whole ? ldb : TILE_COLS) * (ptrdiff_t)sizeof(float),
                        step_a = lda * (ptrdiff_t)sizeof(float);
        _tile_loadd(4, a + p, step_a);
        _tile_loadd(6, from, step);
        _tile_dpbf16ps(0, 4, 6);
        if (wide) {
            _tile_loadd(7, from + TILE_LANES, step);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (high) {
            _tile_loadd(5, a + TILE_LANES * lda + p, step_a);
            _tile_dpbf16ps(2, 5, 6);
            if (wide)
                _tile_dpbf16ps(3, 5, 7);
        }
    }
    const ptrdiff_t line = TILE_COLS * (ptrdiff_t)sizeof(float);
    _tile_stored(0, sums, line);
    if (wide)
        _tile_stored(1, sums + TILE_LANES, line);
    if (high)
        _tile_stored(2, sums + TILE_LANES * TILE_COLS, line);
    if (high && wide)
        _tile_stored(3, sums + TILE_LANES * TILE_COLS + TILE_LANES, line);
    __asm__ volatile("" : : : "memory");
}

/* c (rows, n) = max(floor, [c +] sums + bias); bias: NULL for none. */
static void FNN(amx_finish)(ptrdiff_t rows, ptrdiff_t n, const float *sums, int accumulate, const float *bias,
                            float floor, float *c, ptrdiff_t ldc)
{
    const vf least = vf_set1(floor);
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = 0; j < n; j += VF_LANES) {
            float *at = c + i * ldc + j;
            vf y = vf_load(sums + i * TILE_COLS + j);
            if (accumulate)
                y = vf_add(y, FNN(words_part)(at, n - j));
            if (bias)
                y = vf_add(y, FNN(words_part)(bias + j, n - j));
            vf_store_n(at, vf_max(least, y),
                       fnn_min(VF_LANES, n - j)); /* a NaN survives as the second operand */
        }
}

/* tile_shifted of tile.h, with k = lda = 1 or blocks of any k whose words lie side by side; n at most TILE_COLS, and k times
 * blocks at most AMX_DEEP. */
enum { FNN(amx_deep) = 320 };
static void FNN(tile_shifted)(ptrdiff_t m, const fnn_tile *t)
{
    float a[TILE_ROWS * FNN(amx_deep)], sums[TILE_ROWS * TILE_COLS];
    const ptrdiff_t k = t->blocks * t->k, lda = fnn_ceil_div(fnn_max(k, 1), TILE_LANES) * TILE_LANES;
    assert(k <= FNN(amx_deep) && t->n <= TILE_COLS && (t->k <= 1 || t->lda == 1));
    for (ptrdiff_t i = 0; i < m; i++) {
        float *to = a + i * lda;
        if (t->k == 1)
            for (ptrdiff_t s = 0; s < t->blocks; s++)
                to[s] = t->rows[i][t->shift[s]];
        else
            for (ptrdiff_t s = 0; s < t->blocks; s++)
                memcpy(to + s * t->k, t->rows[i] + t->shift[s], (size_t)t->k * sizeof *to);
        memset(to + k, 0, (size_t)(lda - k) * sizeof *to);
    }
    _tile_loadconfig(&FNN(amx_tiles));
    FNN(amx_multiply)(m, t->n > TILE_LANES, k, a, lda, t->b, t->ldb, sums);
    _tile_release();
    FNN(amx_finish)(m, t->n, sums, t->accumulate, t->bias, t->activation == FNN_RELU ? 0.0f : -INFINITY, t->c,
                    t->ldc);
    if (t->activation > FNN_RELU)
        FNN(tile_activate)(m, t);
}

static void FNN(tile_flat)(ptrdiff_t m, const fnn_tile *t)
{
    fnn_tile flat = *t;
    flat.k = 1;
    FNN(tile_shifted)(m, &flat);
}
