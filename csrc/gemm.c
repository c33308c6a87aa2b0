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
 *   units: cells of C, a grid that the sizes alone decide. A range of cells is computed as one rectangle, because
 *          an element's bits do not depend on the tile that it falls into: k is cut into the same parts everywhere.
 *
 * Three ways to compute a rectangle, chosen for speed:
 *   panels   the register tile (tile.h) over columns of B. B is read where it lies, or a chunk of it is packed into
 *            panels first: always when it must be transposed (nt), else when its rows are so far apart that they
 *            compete for a few cache sets or pages.
 *   swapped  the same for C^T = op(B)^T op(A)^T, then transposed into C: where that spares transposing a large B for
 *            few rows of A, or fills lanes that a narrow C would leave empty.
 *   dots     inner products along k, for a few rows (or columns) of operands that both run along k. */

/* One operand: element (i, p), p along k, lies at i * ld + p, or at p * ld + i. */
typedef struct {
    const float *at;
    ptrdiff_t ld;
    int along_k;
} FNN(side);

typedef struct {
    ptrdiff_t m, n, k, depth; /* depth: k is summed in parts of so many */
    FNN(side) a, b;           /* a: (m, k), b: (n, k) */
    const float *bias;
    float *c;
    int activation;
    float alpha;
} FNN(product);

enum { GEMM_PANELS, GEMM_SWAPPED, GEMM_DOTS };

/* Packed chunk: TILE_DEPTH_MOST x GEMM_CHUNK floats, in the second-level cache. */
#define GEMM_DEPTH (TILE_DEPTH + TILE_DEPTH / 2)
#define GEMM_CHUNK (6 * TILE_COLS)
#define GEMM_SWAP_ROWS 192
#define GEMM_SWAP_COLS (4 * TILE_COLS)
#define GEMM_DOT_DEPTH 4096
#define GEMM_FEW 8

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

/* dest[i, j] = rows i of `l` times columns j of `r`, for i < m and j < n; with bias and activation if `f` is given. */
static void FNN(gemm_panels)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, ptrdiff_t depth, FNN(side) l, FNN(side) r,
                             float *dest, ptrdiff_t ldd, const FNN(product) *f, const float *bias, float *packed)
{
    const ptrdiff_t tiles = FNN(tile_count)(m);
    const int pack = r.along_k || (m > TILE_ROWS && FNN(gemm_rows_collide)(depth, r.ld)) || m >= 256;
    const ptrdiff_t chunk = pack ? GEMM_CHUNK : fnn_max(n, 1);
    fnn_tile t = {.blocks = 1, .lda = l.ld, .ldc = ldd};
    for (ptrdiff_t j0 = 0; j0 < n; j0 += chunk) {
        const ptrdiff_t j1 = fnn_min(n, j0 + chunk);
        for (ptrdiff_t p0 = 0; p0 == 0 || p0 < k; p0 += depth) {
            const int last = p0 + depth >= k;
            t.k = fnn_min(depth, k - p0);
            t.accumulate = p0 > 0;
            t.activation = last && f ? f->activation : FNN_LINEAR;
            t.alpha = f ? f->alpha : 0.0f;
            if (pack) {
                const FNN(side) part = {r.at + (r.along_k ? j0 * r.ld + p0 : p0 * r.ld + j0), r.ld, r.along_k};
                FNN(gemm_pack)(j1 - j0, t.k, part, packed);
            }
            for (ptrdiff_t i0 = 0; i0 < tiles; i0 += 16) /* row tiles whose part of A stays in the second level */
                for (ptrdiff_t j = j0; j < j1; j += TILE_COLS) {
                    t.n = fnn_min(TILE_COLS, j1 - j);
                    t.b = pack ? packed + (j - j0) * t.k : r.at + p0 * r.ld + j;
                    t.ldb = pack ? TILE_COLS : r.ld;
                    t.bias = last && bias ? bias + j : NULL;
                    for (ptrdiff_t tile = i0; tile < fnn_min(tiles, i0 + 16); tile++) {
                        const ptrdiff_t i = FNN(tile_rows_at)(m, tile), rows = FNN(tile_rows_at)(m, tile + 1) - i;
                        t.c = dest + i * ldd + j;
                        t.a = l.at + (l.along_k ? i * l.ld + p0 : p0 * l.ld + i);
                        if (l.along_k)
                            FNN(tile_direct)(rows, &t);
                        else
                            FNN(tile_columns)(rows, &t);
                    }
                }
        }
    }
}
