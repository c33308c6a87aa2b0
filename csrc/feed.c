/* feed.c - how a training step gets its batch: rows picked by index, converted to the plan's dtype on the way.
 *
 * feed_rows_<to>_<from>: out[i,:] = (to)source[index[step * rows + i], :] for i < rows
 *   bufs: source (any, cols) <from>; index (any,) int64; step () int64; out (rows, cols) <to>.
 *   sizes: rows, cols.  units: rows.
 * feed_next: step += 1; the last instruction of a step.  bufs: step.  sizes: none.  units: 1.
 */
static void FNN(feed_work)(const fnn_call *call, fnn_work *work)
{
    const ptrdiff_t rows = call->size[0], cols = call->size[1];
    work->units = rows;
    work->bytes = 12.0 * (double)(rows * cols);
}

#define FNN_FEED(to, to_t, from, from_t)                                                                     \
    static void FNN(feed_rows_##to##_##from)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,               \
                                             void *scratch)                                                  \
    {                                                                                                        \
        (void)scratch;                                                                                       \
        const ptrdiff_t rows = call->size[0], cols = call->size[1];                                          \
        const from_t *source = call->buf[0];                                                                 \
        const int64_t *index = (const int64_t *)call->buf[1] + *(const int64_t *)call->buf[2] * rows;        \
        to_t *restrict out = call->buf[3];                                                                   \
        for (ptrdiff_t r = lo; r < hi; r++) {                                                                \
            const from_t *restrict row = source + index[r] * cols;                                           \
            for (ptrdiff_t c = 0; c < cols; c++)                                                             \
                out[r * cols + c] = (to_t)row[c];                                                            \
        }                                                                                                    \
    }
FNN_FEED(f32, float, f32, float)
FNN_FEED(f32, float, f64, double)
FNN_FEED(f32, float, u8, uint8_t)
FNN_FEED(f32, float, i32, int32_t)
FNN_FEED(f32, float, i64, int64_t)
FNN_FEED(i32, int32_t, u8, uint8_t)
FNN_FEED(i32, int32_t, i32, int32_t)
FNN_FEED(i32, int32_t, i64, int64_t)
FNN_FEED(u8, uint8_t, u8, uint8_t)
FNN_FEED(u16, uint16_t, u16, uint16_t) /* this, u8_u8, i32_i32 and i64_i64: any dtype as it is, by its size */
FNN_FEED(i64, int64_t, i64, int64_t)

static void FNN(feed_next_work)(const fnn_call *call, fnn_work *work)
{
    (void)call;
    work->units = 1;
}
static void FNN(feed_next)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    if (lo < hi)
        ++*(int64_t *)call->buf[0];
}

/* copy_bytes: y = x.  bufs: x, y (bytes).  sizes: bytes.  units: blocks of 64 KiB. */
enum { COPY_BLOCK = 65536 };
static void FNN(copy_bytes_work)(const fnn_call *call, fnn_work *work)
{
    work->units = fnn_ceil_div(call->size[0], COPY_BLOCK);
    work->bytes = 2.0 * (double)call->size[0];
}
static void FNN(copy_bytes)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t first = lo * COPY_BLOCK, last = fnn_min(hi * COPY_BLOCK, call->size[0]);
    if (first < last)
        memcpy((char *)call->buf[1] + first, (const char *)call->buf[0] + first, (size_t)(last - first));
}

#define FNN_FEED_KERNELS                                                                                     \
    FNN_KERNEL(feed_rows_f32_f32, feed_work)                                                                 \
    FNN_KERNEL(feed_rows_f32_f64, feed_work)                                                                 \
    FNN_KERNEL(feed_rows_f32_u8, feed_work)                                                                  \
    FNN_KERNEL(feed_rows_f32_i32, feed_work)                                                                 \
    FNN_KERNEL(feed_rows_f32_i64, feed_work)                                                                 \
    FNN_KERNEL(feed_rows_i32_u8, feed_work)                                                                  \
    FNN_KERNEL(feed_rows_i32_i32, feed_work)                                                                 \
    FNN_KERNEL(feed_rows_i32_i64, feed_work)                                                                 \
    FNN_KERNEL(feed_rows_u8_u8, feed_work)                                                                   \
    FNN_KERNEL(feed_rows_u16_u16, feed_work)                                                                 \
    FNN_KERNEL(feed_rows_i64_i64, feed_work)                                                                 \
    FNN_KERNEL(feed_next, feed_next_work)                                                                    \
    FNN_KERNEL(copy_bytes, copy_bytes_work)
