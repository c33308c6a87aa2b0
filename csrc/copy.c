/* copy.c - data moved, not computed: strided copies, joining, splitting, filling, rows picked by index.
 *
 * b32: elements of 4 bytes (float, int32); b8: of 1 byte (bool, uint8). What a bit pattern means does not
 * matter here: vf words carry it unchanged.
 */

/* ---- target[t0 + i . t] = source[s0 + i . s] for all i < n, over 2 to 6 axes ----
 *     bufs: source, target.  sizes: axes, s0, t0, then n, s, t of each axis, outermost first.
 *     units: blocks of the last two axes, about FNN_COPY_BLOCK elements each.
 * Source strides may be 0 or negative; the target's places must differ.
 */
enum { FNN_COPY_AXES = 6, FNN_COPY_BLOCK = 8192 };

typedef struct {
    ptrdiff_t outer_axes, outer; /* axes before the last two, and how many places they have */
    ptrdiff_t n[6], s[6], t[6];
    ptrdiff_t rows, cols; /* of a block */
    ptrdiff_t row_blocks, col_blocks;
} FNN(copy_plan);

static FNN(copy_plan) FNN(copy_axes)(const fnn_call *call)
{
    FNN(copy_plan) p = {.outer_axes = call->size[0] - 2, .outer = 1};
    for (ptrdiff_t i = 0; i < call->size[0]; i++) {
        p.n[i] = call->size[3 + 3 * i];
        p.s[i] = call->size[4 + 3 * i];
        p.t[i] = call->size[5 + 3 * i];
        if (i < p.outer_axes)
            p.outer *= p.n[i];
    }
    const ptrdiff_t a = p.n[p.outer_axes], b = p.n[p.outer_axes + 1];
    p.cols = fnn_max(fnn_min(b, FNN_COPY_BLOCK), 1);
    p.rows = fnn_max(fnn_min(a, (FNN_COPY_BLOCK / p.cols + 15) / 16 * 16), 1);
    p.row_blocks = fnn_ceil_div(a, p.rows);
    p.col_blocks = fnn_ceil_div(b, p.cols);
    return p;
}

static void FNN(copy_work)(const fnn_call *call, fnn_work *work, double width)
{
    const FNN(copy_plan) p = FNN(copy_axes)(call);
    const double total = (double)p.outer * (double)p.n[p.outer_axes] * (double)p.n[p.outer_axes + 1];
    work->units = p.outer * p.row_blocks * p.col_blocks;
    work->bytes = 2.0 * width * total + 20.0 * (double)work->units;
}

/* Calls block(rows, cols, source, s of both axes, target, t of both) for units [lo, hi). */
#define FNN_COPY_RUN(name, type, block)                                                                      \
    static void FNN(name##_work)(const fnn_call *call, fnn_work *work)                                       \
    {                                                                                                        \
        FNN(copy_work)(call, work, sizeof(type));                                                            \
    }                                                                                                        \
    static void FNN(name)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)                   \
    {                                                                                                        \
        (void)scratch;                                                                                       \
        if (lo >= hi)                                                                                        \
            return;                                                                                          \
        const FNN(copy_plan) p = FNN(copy_axes)(call);                                                       \
        const ptrdiff_t k = p.outer_axes, blocks = p.row_blocks * p.col_blocks;                              \
        ptrdiff_t at[FNN_COPY_AXES], rest = lo / blocks, from = call->size[1], to = call->size[2];           \
        ptrdiff_t part = lo % blocks;                                                                        \
        for (ptrdiff_t i = k - 1; i >= 0; i--) {                                                             \
            at[i] = rest % p.n[i];                                                                           \
            rest /= p.n[i];                                                                                  \
            from += at[i] * p.s[i];                                                                          \
            to += at[i] * p.t[i];                                                                            \
        }                                                                                                    \
        for (ptrdiff_t u = lo; u < hi; u++) {                                                                \
            const ptrdiff_t r = part / p.col_blocks * p.rows, c = part % p.col_blocks * p.cols;              \
            FNN(block)(fnn_min(p.rows, p.n[k] - r), fnn_min(p.cols, p.n[k + 1] - c),                         \
                       (const type *)call->buf[0] + from + r * p.s[k] + c * p.s[k + 1], p.s[k], p.s[k + 1],  \
                       (type *)call->buf[1] + to + r * p.t[k] + c * p.t[k + 1], p.t[k], p.t[k + 1]);         \
            if (++part == blocks) {                                                                          \
                part = 0;                                                                                    \
                for (ptrdiff_t i = k - 1; i >= 0; i--) { /* the next place of the outer axes */              \
                    from += p.s[i];                                                                          \
                    to += p.t[i];                                                                            \
                    if (++at[i] < p.n[i])                                                                    \
                        break;                                                                               \
                    from -= p.n[i] * p.s[i];                                                                 \
                    to -= p.n[i] * p.t[i];                                                                   \
                    at[i] = 0;                                                                               \
                }                                                                                            \
            }                                                                                                \
        }                                                                                                    \
    }

/* n contiguous bytes; short runs are not worth a call to memcpy. */
static inline void FNN(copy_run)(char *restrict to, const char *restrict from, ptrdiff_t n)
{
    const ptrdiff_t word = VF_LANES > 1 ? VF_LANES * (ptrdiff_t)sizeof(float) : PTRDIFF_MAX;
    if (n > 512 || (VF_LANES == 1 && n > 64)) {
        memcpy(to, from, (size_t)n);
        return;
    }
    if (n >= word) { /* whole words, the last over the one before: under 512 bytes memcpy's call costs as much
                        again */
        for (ptrdiff_t i = 0; i + word <= n; i += word)
            memcpy(to + i, from + i, sizeof(vf));
        memcpy(to + n - word, from + n - word, sizeof(vf));
        return;
    }
    for (; n >= 8; n -= 8, to += 8, from += 8)
        memcpy(to, from, 8);
    for (; n >= 4; n -= 4, to += 4, from += 4)
        memcpy(to, from, 4);
    for (; n > 0; n--)
        *to++ = *from++;
}

/* x's rows lie along its contiguous axis: squares of VF_LANES by VF_LANES are turned in registers. */
static void FNN(copy_transpose_b32)(ptrdiff_t rows, ptrdiff_t cols, const uint32_t *x, ptrdiff_t ldx,
                                    uint32_t *y, ptrdiff_t ldy)
{
    ptrdiff_t i = 0;
#if VF_LANES > 1
    for (; i + VF_LANES <= rows; i += VF_LANES) {
        ptrdiff_t j = 0;
        for (; j + VF_LANES <= cols; j += VF_LANES) {
            vf r[VF_LANES];
#pragma GCC unroll 16
            for (int l = 0; l < VF_LANES; l++)
                r[l] = vf_load((const float *)(x + i + (j + l) * ldx));
            vf_transpose(r);
#pragma GCC unroll 16
            for (int l = 0; l < VF_LANES; l++)
                vf_store((float *)(y + (i + l) * ldy + j), r[l]);
        }
        for (ptrdiff_t l = i; l < i + VF_LANES; l++)
            for (ptrdiff_t c = j; c < cols; c++)
                y[l * ldy + c] = x[l + c * ldx];
    }
#endif
    for (; i < rows; i++)
        for (ptrdiff_t c = 0; c < cols; c++)
            y[i * ldy + c] = x[i + c * ldx];
}

static void FNN(copy_block_b32)(ptrdiff_t rows, ptrdiff_t cols, const uint32_t *x, ptrdiff_t sr, ptrdiff_t sc,
                                uint32_t *y, ptrdiff_t tr, ptrdiff_t tc)
{
    if (sc == 1 && tc == 1) {
        for (ptrdiff_t i = 0; i < rows; i++)
            FNN(copy_run)((char *)(y + i * tr), (const char *)(x + i * sr), 4 * cols);
    } else if (sc == 0 && tc == 1) {
        for (ptrdiff_t i = 0; i < rows; i++) {
            const uint32_t value = x[i * sr];
            for (ptrdiff_t j = 0; j < cols; j++)
                y[i * tr + j] = value;
        }
    } else if (sr == 1 && tc == 1) {
        FNN(copy_transpose_b32)(rows, cols, x, sc, y, tr);
    } else {
        for (ptrdiff_t i = 0; i < rows; i++)
            for (ptrdiff_t j = 0; j < cols; j++)
                y[i * tr + j * tc] = x[i * sr + j * sc];
    }
}
FNN_COPY_RUN(strided_copy_b32, uint32_t, copy_block_b32)

static void FNN(copy_block_b8)(ptrdiff_t rows, ptrdiff_t cols, const uint8_t *x, ptrdiff_t sr, ptrdiff_t sc,
                               uint8_t *y, ptrdiff_t tr, ptrdiff_t tc)
{
    for (ptrdiff_t i = 0; i < rows; i++)
        if (sc == 1 && tc == 1)
            FNN(copy_run)((char *)(y + i * tr), (const char *)(x + i * sr), cols);
        else
            for (ptrdiff_t j = 0; j < cols; j++)
                y[i * tr + j * tc] = x[i * sr + j * sc];
}
FNN_COPY_RUN(strided_copy_b8, uint8_t, copy_block_b8)

/* ---- fill: y[i] = value.  bufs: y.  sizes: n.  attrs: the value's bits, as a number.  units: FNN_COPY_BLOCK
 * elements ---- */
static void FNN(fill_b32_work)(const fnn_call *call, fnn_work *work)
{
    work->units = fnn_ceil_div(call->size[0], FNN_COPY_BLOCK);
    work->bytes = 4.0 * (double)call->size[0];
}
static void FNN(fill_b32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const uint32_t value = (uint32_t)call->attr[0];
    const ptrdiff_t end = fnn_min(hi * FNN_COPY_BLOCK, call->size[0]);
    uint32_t *y = call->buf[0];
    for (ptrdiff_t i = lo * FNN_COPY_BLOCK; i < end; i++)
        y[i] = value;
}
static void FNN(fill_b8_work)(const fnn_call *call, fnn_work *work)
{
    work->units = fnn_ceil_div(call->size[0], FNN_COPY_BLOCK);
    work->bytes = (double)call->size[0];
}
static void FNN(fill_b8)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t start = lo * FNN_COPY_BLOCK, end = fnn_min(hi * FNN_COPY_BLOCK, call->size[0]);
    if (start < end)
        memset((uint8_t *)call->buf[0] + start, (int)call->attr[0], (size_t)(end - start));
}

/* ---- parts side by side in the rows of a whole, all in bytes ----
 *     concat_bytes  bufs: parts..., whole.   split_bytes  bufs: whole, parts...
 *     sizes: rows of all of them, bytes of a whole's row, where in it the first part starts, how many parts,
 *         then the bytes of a row of each part.
 *     units: (row, part).
 */
static void FNN(parts_work)(const fnn_call *call, fnn_work *work)
{
    double row = 0;
    for (ptrdiff_t i = 0; i < call->size[3]; i++)
        row += (double)call->size[4 + i];
    work->units = call->size[0] * call->size[3];
    work->bytes = 2.0 * (double)call->size[0] * row + 20.0 * (double)work->units;
}
static inline __attribute__((always_inline)) void FNN(parts)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,
                                                             const int joining)
{
    const ptrdiff_t row = call->size[1], count = call->size[3], *width = call->size + 4;
    char *whole = call->buf[joining ? count : 0];
    ptrdiff_t r = lo / fnn_max(count, 1), part = lo - r * count, at = call->size[2];
    for (ptrdiff_t i = 0; i < part; i++)
        at += width[i];
    for (ptrdiff_t u = lo; u < hi; u++) {
        char *side = (char *)call->buf[joining ? part : 1 + part] + r * width[part];
        if (joining)
            FNN(copy_run)(whole + r * row + at, side, width[part]);
        else
            FNN(copy_run)(side, whole + r * row + at, width[part]);
        at += width[part];
        if (++part == count) {
            part = 0;
            at = call->size[2];
            r++;
        }
    }
}
static void FNN(concat_bytes)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    FNN(parts)(call, lo, hi, 1);
}
static void FNN(split_bytes)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    FNN(parts)(call, lo, hi, 0);
}

/* ---- rows by index ----
 *     gather_rows       y[o, j, :] = x[o, index[j], :]        bufs: x (outer, n, inner); index (k,); y
 * (outer, k, inner) scatter_add_rows  dx[o, i, :] = sum of dy[o, j, :] over index[j] = i, in the order of j
 *                                                             bufs: dy (outer, k, inner); index (k,); dx
 * (outer, n, inner) take_along        y[o, j, c] = x[o, index[o, j, c], c]  bufs: x (outer, n, inner); index,
 * y (outer, k, inner) take_along_grad   dx[o, i, c] = sum of dy[o, j, c] over index[o, j, c] = i sizes:
 * outer, n, k, inner.  attrs of the first and third: the bits that stand for a row out of range. Negative
 * indices count from the end; one out of range reads and writes nothing. units: gather_rows (o, j);
 * take_along (o, j); take_along_grad o; scatter_add_rows (o, block of dx's rows): each looks through all
 * indices, which is what lets blocks be computed apart and every sum keep its order.
 *
 *     one_hot           y[o, i, c] = 1 where index[o, c] = i, else 0      bufs: index (outer, inner); y
 * (outer, n, inner) sizes: outer, n, inner.  units: o.  No class is negative.
 */
enum { FNN_SCATTER_BLOCKS = 8 };

static void FNN(gather_rows_work)(const fnn_call *call, fnn_work *work)
{
    work->units = call->size[0] * call->size[2];
    work->bytes = (8.0 * (double)call->size[3] + 16.0) * (double)work->units;
}
static void FNN(take_along_work)(const fnn_call *call, fnn_work *work)
{
    work->units = call->size[0] * call->size[2];
    work->bytes = (24.0 * (double)call->size[3] + 16.0) * (double)work->units;
}
static ptrdiff_t FNN(scatter_block)(const fnn_call *call)
{
    const ptrdiff_t n = call->size[1];
    const ptrdiff_t blocks = fnn_min(FNN_SCATTER_BLOCKS, n * call->size[3] / FNN_COPY_BLOCK + 1);
    return fnn_max(fnn_ceil_div(n, blocks), 1);
}
static void FNN(scatter_add_rows_work)(const fnn_call *call, fnn_work *work)
{
    const ptrdiff_t blocks = fnn_ceil_div(call->size[1], FNN(scatter_block)(call));
    const double rows = (double)call->size[0];
    work->units = call->size[0] * blocks;
    work->bytes =
        rows * (double)call->size[3] * (4.0 * (double)call->size[1] + 12.0 * (double)call->size[2]) +
        8.0 * (double)work->units * (double)call->size[2];
}
static void FNN(take_along_grad_work)(const fnn_call *call, fnn_work *work)
{
    work->units = call->size[0];
    work->bytes = (double)call->size[0] * (double)call->size[3] *
                  (4.0 * (double)call->size[1] + 24.0 * (double)call->size[2]);
}
static void FNN(one_hot_work)(const fnn_call *call, fnn_work *work)
{
    work->units = call->size[0];
    work->bytes = 4.0 * (double)call->size[0] * (double)call->size[2] * ((double)call->size[1] + 4.0);
}

static inline void FNN(add_row)(ptrdiff_t n, const float *restrict x, float *restrict y)
{
    ptrdiff_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES)
        vf_store(y + i, vf_add(vf_load(y + i), vf_load(x + i)));
    for (; i < n; i++)
        y[i] += x[i];
}

#define FNN_INDEXED(suffix, index_t)                                                                         \
    static inline ptrdiff_t FNN(located_##suffix)(index_t index, ptrdiff_t n) /* n: out of range */          \
    {                                                                                                        \
        const int64_t i = (int64_t)index + (index < 0 ? n : 0);                                              \
        return i >= 0 && i < n ? (ptrdiff_t)i : n;                                                           \
    }                                                                                                        \
    static void FNN(gather_rows_b32_##suffix)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,              \
                                              void *scratch)                                                 \
    {                                                                                                        \
        (void)scratch;                                                                                       \
        const ptrdiff_t n = call->size[1], k = call->size[2], inner = call->size[3];                         \
        const uint32_t *x = call->buf[0], outside = (uint32_t)call->attr[0];                                 \
        const index_t *index = call->buf[1];                                                                 \
        uint32_t *y = call->buf[2];                                                                          \
        ptrdiff_t o = lo / fnn_max(k, 1), j = lo - o * k;                                                    \
        for (ptrdiff_t u = lo; u < hi; u++) {                                                                \
            const ptrdiff_t i = FNN(located_##suffix)(index[j], n);                                          \
            if (i < n)                                                                                       \
                FNN(copy_run)((char *)(y + u * inner), (const char *)(x + (o * n + i) * inner), 4 * inner);  \
            else                                                                                             \
                for (ptrdiff_t c = 0; c < inner; c++)                                                        \
                    y[u * inner + c] = outside;                                                              \
            if (++j == k) {                                                                                  \
                j = 0;                                                                                       \
                o++;                                                                                         \
            }                                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    static void FNN(scatter_add_rows_f32_##suffix)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,         \
                                                   void *scratch)                                            \
    {                                                                                                        \
        (void)scratch;                                                                                       \
        const ptrdiff_t n = call->size[1], k = call->size[2], inner = call->size[3];                         \
        const ptrdiff_t block = FNN(scatter_block)(call), blocks = fnn_ceil_div(n, block);                   \
        const index_t *index = call->buf[1];                                                                 \
        for (ptrdiff_t u = lo; u < hi; u++) {                                                                \
            const ptrdiff_t o = u / blocks, first = u % blocks * block, end = fnn_min(first + block, n);     \
            const float *dy = (const float *)call->buf[0] + o * k * inner;                                   \
            float *dx = (float *)call->buf[2] + o * n * inner;                                               \
            memset(dx + first * inner, 0, (size_t)((end - first) * inner) * sizeof *dx);                     \
            for (ptrdiff_t j = 0; j < k; j++) {                                                              \
                const ptrdiff_t i = FNN(located_##suffix)(index[j], n);                                      \
                if (i >= first && i < end)                                                                   \
                    FNN(add_row)(inner, dy + j * inner, dx + i * inner);                                     \
            }                                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    static void FNN(take_along_b32_##suffix)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,               \
                                             void *scratch)                                                  \
    {                                                                                                        \
        (void)scratch;                                                                                       \
        const ptrdiff_t n = call->size[1], k = call->size[2], inner = call->size[3];                         \
        const uint32_t outside = (uint32_t)call->attr[0];                                                    \
        const index_t *index = call->buf[1];                                                                 \
        uint32_t *y = call->buf[2];                                                                          \
        for (ptrdiff_t u = lo; u < hi; u++) {                                                                \
            const uint32_t *x = (const uint32_t *)call->buf[0] + u / k * n * inner;                          \
            for (ptrdiff_t c = 0; c < inner; c++) {                                                          \
                const ptrdiff_t i = FNN(located_##suffix)(index[u * inner + c], n);                          \
                y[u * inner + c] = i < n ? x[i * inner + c] : outside;                                       \
            }                                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    static void FNN(take_along_grad_f32_##suffix)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,          \
                                                  void *scratch)                                             \
    {                                                                                                        \
        (void)scratch;                                                                                       \
        const ptrdiff_t n = call->size[1], k = call->size[2], inner = call->size[3];                         \
        for (ptrdiff_t o = lo; o < hi; o++) {                                                                \
            const float *dy = (const float *)call->buf[0] + o * k * inner;                                   \
            const index_t *index = (const index_t *)call->buf[1] + o * k * inner;                            \
            float *dx = (float *)call->buf[2] + o * n * inner;                                               \
            memset(dx, 0, (size_t)(n * inner) * sizeof *dx);                                                 \
            for (ptrdiff_t j = 0; j < k; j++)                                                                \
                for (ptrdiff_t c = 0; c < inner; c++) {                                                      \
                    const ptrdiff_t i = FNN(located_##suffix)(index[j * inner + c], n);                      \
                    if (i < n)                                                                               \
                        dx[i * inner + c] += dy[j * inner + c];                                              \
                }                                                                                            \
        }                                                                                                    \
    }                                                                                                        \
    static void FNN(one_hot_f32_##suffix)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)   \
    {                                                                                                        \
        (void)scratch;                                                                                       \
        const ptrdiff_t n = call->size[1], inner = call->size[2];                                            \
        for (ptrdiff_t o = lo; o < hi; o++) {                                                                \
            const index_t *index = (const index_t *)call->buf[0] + o * inner;                                \
            float *y = (float *)call->buf[1] + o * n * inner;                                                \
            memset(y, 0, (size_t)(n * inner) * sizeof *y);                                                   \
            for (ptrdiff_t c = 0; c < inner; c++)                                                            \
                if (index[c] >= 0 && index[c] < n)                                                           \
                    y[(ptrdiff_t)index[c] * inner + c] = 1.0f;                                               \
        }                                                                                                    \
    }
FNN_INDEXED(i32, int32_t)
FNN_INDEXED(i64, int64_t)

#define FNN_COPY_KERNELS                                                                                     \
    FNN_KERNEL(strided_copy_b32, strided_copy_b32_work)                                                      \
    FNN_KERNEL(strided_copy_b8, strided_copy_b8_work)                                                        \
    FNN_KERNEL(fill_b32, fill_b32_work)                                                                      \
    FNN_KERNEL(fill_b8, fill_b8_work)                                                                        \
    FNN_KERNEL(concat_bytes, parts_work)                                                                     \
    FNN_KERNEL(split_bytes, parts_work)                                                                      \
    FNN_KERNEL(gather_rows_b32_i32, gather_rows_work)                                                        \
    FNN_KERNEL(gather_rows_b32_i64, gather_rows_work)                                                        \
    FNN_KERNEL(scatter_add_rows_f32_i32, scatter_add_rows_work)                                              \
    FNN_KERNEL(scatter_add_rows_f32_i64, scatter_add_rows_work)                                              \
    FNN_KERNEL(take_along_b32_i32, take_along_work)                                                          \
    FNN_KERNEL(take_along_b32_i64, take_along_work)                                                          \
    FNN_KERNEL(take_along_grad_f32_i32, take_along_grad_work)                                                \
    FNN_KERNEL(take_along_grad_f32_i64, take_along_grad_work)                                                \
    FNN_KERNEL(one_hot_f32_i32, one_hot_work)                                                                \
    FNN_KERNEL(one_hot_f32_i64, one_hot_work)
