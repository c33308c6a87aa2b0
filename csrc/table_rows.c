/* table_rows.c - updates of some rows of a table: the gradient of a gather as (rows, values), and rows put back.
 *
 * unique_rows_i32, _i64  rows[i] = the row that index[i] names, if no earlier entry names it, else `extent`; next[i] = the
 *                        next entry with the same row, or -1. Negative indices count from the end; those outside the
 *                        table are left out. bufs: index (k); rows (k) int32, next (k) int32, table.  sizes: k, extent.
 *                        units: 1.  table: a hash table, of fnn_work.workspace bytes.
 * sum_rows_f32           g[i] = sum of dy over entry i and those that `next` chains to it; 0 where rows[i] = extent.
 *                        bufs: rows, next, dy (k, cols); g (k, cols).  sizes: k, extent, cols.  units: entries.
 * put_rows_b32           y[rows[i]] = values[i] where rows[i] < extent.  bufs: rows (k), values (k, cols); y (extent, cols).
 *                        sizes: k, extent, cols.  units: entries; rows are unique.
 * copy_apart             y = x, if they are not the same memory.  bufs: x; y.  sizes: bytes.  units: 1, and no cost: a
 *                        plan that updates a variable in place has nothing to copy.
 */
static ptrdiff_t FNN(rows_slots)(ptrdiff_t k)
{
    ptrdiff_t slots = 16;
    while (slots < 2 * k)
        slots *= 2;
    return slots;
}

static void FNN(unique_rows_work)(const fnn_call *call, fnn_work *work)
{
    work->units = 1;
    work->workspace = FNN(rows_slots)(call->size[0]) * 2 * (ptrdiff_t)sizeof(int32_t);
    work->flops = 30.0 * (double)call->size[0];
    work->bytes = 32.0 * (double)call->size[0];
}

/* A slot holds the first and the last entry of a row; -1: free. Probing goes on to the next slot. */
#define FNN_UNIQUE_ROWS(suffix, type)                                                                        \
    static void FNN(unique_rows_##suffix)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)   \
    {                                                                                                        \
        (void)scratch;                                                                                       \
        const ptrdiff_t k = call->size[0], extent = call->size[1], slots = FNN(rows_slots)(k);               \
        const type *index = call->buf[0];                                                                    \
        int32_t *rows = call->buf[1], *next = call->buf[2], *table = call->buf[3];                           \
        if (lo >= hi)                                                                                        \
            return;                                                                                          \
        for (ptrdiff_t s = 0; s < slots; s++)                                                                \
            table[2 * s] = -1;                                                                               \
        for (ptrdiff_t i = 0; i < k; i++) {                                                                  \
            const int64_t row = (int64_t)index[i] + (index[i] < 0 ? (int64_t)extent : 0);                    \
            rows[i] = (int32_t)extent;                                                                       \
            next[i] = -1;                                                                                    \
            if (row < 0 || row >= extent)                                                                    \
                continue;                                                                                    \
            ptrdiff_t s = (ptrdiff_t)((uint32_t)row * 2654435769u) & (slots - 1);                            \
            while (table[2 * s] >= 0 && rows[table[2 * s]] != row)                                           \
                s = (s + 1) & (slots - 1);                                                                   \
            if (table[2 * s] < 0) {                                                                          \
                rows[i] = (int32_t)row;                                                                      \
                table[2 * s] = (int32_t)i;                                                                   \
            } else {                                                                                         \
                next[table[2 * s + 1]] = (int32_t)i;                                                         \
            }                                                                                                \
            table[2 * s + 1] = (int32_t)i;                                                                   \
        }                                                                                                    \
    }
FNN_UNIQUE_ROWS(i32, int32_t)
FNN_UNIQUE_ROWS(i64, int64_t)

static void FNN(moved_rows_work)(const fnn_call *call, fnn_work *work)
{
    work->units = call->size[0];
    work->bytes = 8.0 * (double)call->size[0] * (double)call->size[2];
}

static void FNN(sum_rows_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t extent = call->size[1], cols = call->size[2];
    const int32_t *rows = call->buf[0], *next = call->buf[1];
    const float *dy = call->buf[2];
    float *g = call->buf[3];
    for (ptrdiff_t i = lo; i < hi; i++) {
        float *to = g + i * cols;
        if (rows[i] >= extent) {
            memset(to, 0, (size_t)cols * sizeof *to);
            continue;
        }
        memcpy(to, dy + i * cols, (size_t)cols * sizeof *to);
        for (int32_t from = next[i]; from >= 0; from = next[from])
            for (ptrdiff_t c = 0; c < cols; c += VF_LANES) {
                const ptrdiff_t n = fnn_min(VF_LANES, cols - c);
                const vf more = FNN(load_upto)(dy + from * cols + c, n);
                FNN(store_upto)(to + c, vf_add(FNN(load_upto)(to + c, n), more), n);
            }
    }
}

static void FNN(put_rows_b32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t extent = call->size[1], cols = call->size[2];
    const int32_t *rows = call->buf[0];
    const uint32_t *values = call->buf[1];
    uint32_t *y = call->buf[2];
    for (ptrdiff_t i = lo; i < hi; i++)
        if (rows[i] >= 0 && rows[i] < extent)
            memcpy(y + rows[i] * cols, values + i * cols, (size_t)cols * sizeof *y);
}

static void FNN(copy_apart_work)(const fnn_call *call, fnn_work *work)
{
    (void)call;
    work->units = 1;
}
static void FNN(copy_apart)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    if (lo < hi && call->buf[0] != call->buf[1])
        memcpy(call->buf[1], call->buf[0], (size_t)call->size[0]);
}

#define FNN_ROWS_KERNELS                                                                                     \
    FNN_KERNEL(unique_rows_i32, unique_rows_work)                                                            \
    FNN_KERNEL(unique_rows_i64, unique_rows_work)                                                            \
    FNN_KERNEL(sum_rows_f32, moved_rows_work)                                                                \
    FNN_KERNEL(put_rows_b32, moved_rows_work)                                                                \
    FNN_KERNEL(copy_apart, copy_apart_work)
