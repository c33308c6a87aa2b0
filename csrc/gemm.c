/* gemm.c - matrix products, with bias and activation: C = act(op(A) op(B) + bias), once for each matrix of a batch.
 *
 *     gemm_nn_f32   A (m, k)   B (k, n)     forward
 *     gemm_nt_f32   A (m, k)   B (n, k)     the gradient for a dense layer's input
 *     gemm_tn_f32   A (k, m)   B (k, n)     the gradient for its weights
 *     gemm_tt_f32   A (k, m)   B (n, k)
 *
 *   bufs: a, b, [bias (n),] c (batch, m, n) contiguous.  All float32; c overlaps nothing.
 *   sizes: m, n, k, bias (0 or 1), activation (fnn_activation), then for each batch axis, outermost first, its
 *          extent and the elements from one matrix to the next in a and in b (0: the same one again).
 *   attrs: alpha (the activation's parameter).
 *   units: strips of C, a tile's rows high or a tile's columns wide, whichever way leaves more of them. A range of
 *          strips is computed as one rectangle, because an element's bits do not depend on the tile that it falls
 *          into: k is cut into the same parts everywhere.
 *
 * The register tile (tile.h) runs over columns of B. B is read where it lies, or a chunk of it is packed into panels
 * first: always when it must be transposed (nt), else when there are rows enough to pay for it, or its rows are so far
 * apart that they compete for a few cache sets. */

/* One operand: element (i, p), p along k, lies at i * ld + p, or at p * ld + i. */
typedef struct {
    const float *at;
    ptrdiff_t ld;
    int along_k;
} FNN(side);

/* k is summed in parts of at most GEMM_DEPTH; a packed chunk of B, GEMM_DEPTH x GEMM_CHUNK floats, stays in the
 * second-level cache. */
#define GEMM_DEPTH (TILE_DEPTH + TILE_DEPTH / 2)
#define GEMM_CHUNK (6 * TILE_COLS)

/* dst[j * ldd + i] = src[i * lds + j] for i < rows, j < cols. */
static void FNN(gemm_transpose)(ptrdiff_t rows, ptrdiff_t cols, const float *restrict src, ptrdiff_t lds,
                                float *restrict dst, ptrdiff_t ldd)
{
    for (ptrdiff_t j = 0; j < cols; j += VF_LANES)
        for (ptrdiff_t i = 0; i < rows; i += VF_LANES) {
            const ptrdiff_t high = fnn_min(VF_LANES, rows - i), wide = fnn_min(VF_LANES, cols - j);
            const float *from = src + i * lds + j;
            float *to = dst + j * ldd + i;
            vf r[VF_LANES];
            if (high == VF_LANES && wide == VF_LANES) {
#pragma GCC unroll 16
                for (int l = 0; l < VF_LANES; l++)
                    r[l] = vf_load(from + l * lds);
                vf_transpose(r);
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

/* Packs columns [0, n) of (k, n) `from` into panels of TILE_COLS columns, k rows each, one after the other. */
static void FNN(gemm_pack)(ptrdiff_t n, ptrdiff_t k, FNN(side) from, float *restrict to)
{
    if (from.along_k) {
        for (ptrdiff_t j = 0; j < n; j += TILE_COLS)
            FNN(gemm_transpose)(fnn_min(TILE_COLS, n - j), k, from.at + j * from.ld, from.ld, to + j * k, TILE_COLS);
        return;
    }
    for (ptrdiff_t p = 0; p < k; p++) {
        const float *row = from.at + p * from.ld;
        ptrdiff_t j = 0;
        for (; j + TILE_COLS <= n; j += TILE_COLS)
            for (int w = 0; w < TILE_COLS; w += TILE_LANES)
                tv_store(to + j * k + p * TILE_COLS + w, tv_load(row + j + w));
        for (ptrdiff_t q = j; q < n; q++)
            to[j * k + p * TILE_COLS + q - j] = row[q];
    }
}

/* Whether rows of ld floats, `rows` of them, fall into so few cache sets that a panel of them cannot stay. A
 * first-level set repeats every 4096 bytes on every CPU at hand, and 8 ways (here counted as 6) share it. */
static int FNN(gemm_rows_collide)(ptrdiff_t rows, ptrdiff_t ld)
{
    ptrdiff_t step = ld * (ptrdiff_t)sizeof(float) % 4096, sets = 1;
    if (step == 0)
        return rows > 6;
    while (sets < 64 && sets * step % 4096)
        sets++;
    return rows > 6 * sets;
}

/* What every rectangle of a product shares. */
typedef struct {
    ptrdiff_t m, n, k, depth; /* depth: k is summed in parts of so many */
    FNN(side) a, b;
    const float *bias;
    float *c;
    int activation;
    float alpha;
} FNN(product);

/* Rows [i0, i0 + m) and columns [j0, j0 + n) of C. */
static void FNN(gemm_rectangle)(const FNN(product) *f, ptrdiff_t i0, ptrdiff_t m, ptrdiff_t j0, ptrdiff_t n, float *packed)
{
    enum { ROW_TILES = 16 }; /* row tiles whose part of A stays in the second level */
    const FNN(side) a = f->a, b = f->b;
    const ptrdiff_t tiles = FNN(tile_count)(m);
    const int pack = b.along_k || m > 2 * TILE_ROWS || (m > TILE_ROWS && FNN(gemm_rows_collide)(f->depth, b.ld));
    const ptrdiff_t chunk = pack ? GEMM_CHUNK : n;
    fnn_tile t = {.blocks = 1, .lda = a.ld, .ldc = f->n, .alpha = f->alpha};
    for (ptrdiff_t from = j0; from < j0 + n; from += chunk) {
        const ptrdiff_t to = fnn_min(j0 + n, from + chunk);
        for (ptrdiff_t p = 0; p == 0 || p < f->k; p += f->depth) {
            const int last = p + f->depth >= f->k;
            t.k = fnn_min(f->depth, f->k - p);
            t.accumulate = p > 0;
            t.activation = last ? f->activation : FNN_LINEAR;
            if (pack) {
                const FNN(side) part = {b.at + (b.along_k ? from * b.ld + p : p * b.ld + from), b.ld, b.along_k};
                FNN(gemm_pack)(to - from, t.k, part, packed);
            }
            for (ptrdiff_t first = 0; first < tiles; first += ROW_TILES)
                for (ptrdiff_t j = from; j < to; j += TILE_COLS) {
                    t.n = fnn_min(TILE_COLS, to - j);
                    t.b = pack ? packed + (j - from) * t.k : b.at + p * b.ld + j;
                    t.ldb = pack ? TILE_COLS : b.ld;
                    t.bias = last && f->bias ? f->bias + j : NULL;
                    for (ptrdiff_t tile = first; tile < fnn_min(tiles, first + ROW_TILES); tile++) {
                        const ptrdiff_t at = FNN(tile_rows_at)(m, tile), rows = FNN(tile_rows_at)(m, tile + 1) - at;
                        const ptrdiff_t i = i0 + at;
                        t.c = f->c + i * f->n + j;
                        t.a = a.at + (a.along_k ? i * a.ld + p : p * a.ld + i);
                        if (a.along_k)
                            FNN(tile_direct)(rows, &t);
                        else
                            FNN(tile_columns)(rows, &t);
                    }
                }
        }
    }
}

/* ---- the kernels ---- */

enum { GEMM_M, GEMM_N, GEMM_K, GEMM_BIAS, GEMM_ACTIVATION, GEMM_BATCH };

/* How C is cut: strips of rows, or of columns. */
static int FNN(gemm_by_columns)(ptrdiff_t m, ptrdiff_t n)
{
    return fnn_ceil_div(n, TILE_COLS) > FNN(tile_count)(m);
}

static ptrdiff_t FNN(gemm_strips)(ptrdiff_t m, ptrdiff_t n)
{
    if (m == 0 || n == 0)
        return 0;
    return FNN(gemm_by_columns)(m, n) ? fnn_ceil_div(n, TILE_COLS) : FNN(tile_count)(m);
}

static ptrdiff_t FNN(gemm_batch)(const fnn_call *call)
{
    ptrdiff_t batch = 1;
    for (ptrdiff_t at = GEMM_BATCH; at < call->sizes; at += 3)
        batch *= call->size[at];
    return batch;
}

static void FNN(gemm_work)(const fnn_call *call, fnn_work *work)
{
    const ptrdiff_t m = call->size[GEMM_M], n = call->size[GEMM_N], k = call->size[GEMM_K];
    const double batch = (double)FNN(gemm_batch)(call);
    work->units = FNN(gemm_batch)(call) * FNN(gemm_strips)(m, n);
    work->scratch = GEMM_DEPTH * GEMM_CHUNK * (ptrdiff_t)sizeof(float);
    work->flops = 2.0 * batch * (double)m * (double)n * (double)k;
    work->bytes = 4.0 * batch * ((double)m * (double)k + (double)k * (double)n + (double)m * (double)n);
}

static void FNN(gemm_run)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, float *packed, int turn_a, int turn_b)
{
    const ptrdiff_t m = call->size[GEMM_M], n = call->size[GEMM_N], k = call->size[GEMM_K];
    const ptrdiff_t strips = FNN(gemm_strips)(m, n);
    const int bias = call->size[GEMM_BIAS] != 0, by_columns = FNN(gemm_by_columns)(m, n);
    FNN(product) f = {.m = m, .n = n, .k = k, .activation = (int)call->size[GEMM_ACTIVATION],
                      .alpha = call->attrs ? (float)call->attr[0] : 0.0f};
    f.depth = fnn_max(1, fnn_ceil_div(k, fnn_max(1, fnn_ceil_div(k, GEMM_DEPTH)))); /* equal parts */
    f.bias = bias ? call->buf[2] : NULL;
    while (lo < hi) {
        const ptrdiff_t matrix = lo / strips, first = lo % strips, last = fnn_min(strips, first + hi - lo);
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
        if (by_columns) {
            const ptrdiff_t j = first * TILE_COLS;
            FNN(gemm_rectangle)(&f, 0, m, j, fnn_min(n, last * TILE_COLS) - j, packed);
        } else {
            const ptrdiff_t i = FNN(tile_rows_at)(m, first);
            FNN(gemm_rectangle)(&f, i, FNN(tile_rows_at)(m, last) - i, 0, n, packed);
        }
        lo += last - first;
    }
}

#define FNN_GEMM(name, turn_a, turn_b)                                                                        \
    static void FNN(name)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)                      \
    {                                                                                                         \
        FNN(gemm_run)(call, lo, hi, scratch, turn_a, turn_b);                                                 \
    }
FNN_GEMM(gemm_nn_f32, 0, 0)
FNN_GEMM(gemm_nt_f32, 0, 1)
FNN_GEMM(gemm_tn_f32, 1, 0)
FNN_GEMM(gemm_tt_f32, 1, 1)

#define FNN_GEMM_KERNELS                                                                                      \
    FNN_KERNEL(gemm_nn_f32, gemm_work) FNN_KERNEL(gemm_nt_f32, gemm_work) FNN_KERNEL(gemm_tn_f32, gemm_work)    \
    FNN_KERNEL(gemm_tt_f32, gemm_work)
