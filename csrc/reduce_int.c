/* reduce_int.c - reductions of integers and truth values over the middle axis of x (outer, rows, inner).
 *
 * sum_int, prod_int (they wrap), max_int, min_int, any_int, all_int, nonzero_int (how many are not zero)
 *   bufs: x, y (outer, inner).  sizes: outer, rows, inner, element types of x and y (chain.h).
 *   units: outer * inner, one result each.  any, all and nonzero take float32 too: a NaN is not zero.
 */
enum { WHOLE_SUM, WHOLE_PROD, WHOLE_MAX, WHOLE_MIN, WHOLE_ANY, WHOLE_ALL, WHOLE_NONZERO };

static inline int64_t FNN(int_joined)(int op, int64_t total, int64_t x)
{
    switch (op) {
    case WHOLE_SUM:
        return (int64_t)((uint64_t)total + (uint64_t)x);
    case WHOLE_PROD:
        return (int64_t)((uint64_t)total * (uint64_t)x);
    case WHOLE_MAX:
        return x > total ? x : total;
    case WHOLE_MIN:
        return x < total ? x : total;
    case WHOLE_ANY:
        return total | (x != 0);
    case WHOLE_ALL:
        return total & (x != 0);
    default:
        return total + (x != 0);
    }
}

#define FNN_INT_ROWS(type, value)                                                                            \
    {                                                                                                        \
        const type *p = (const type *)call->buf[0] + first;                                                  \
        for (ptrdiff_t r = 0; r < rows; r++) {                                                               \
            const type x = p[r * inner];                                                                     \
            total = FNN(int_joined)(op, total, value);                                                       \
        }                                                                                                    \
        break;                                                                                               \
    }

FNN_INLINE void FNN(reduce_int)(int op, const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi)
{
    const ptrdiff_t rows = call->size[1], inner = call->size[2];
    const int from = (int)call->size[3], to = (int)call->size[4];
    for (ptrdiff_t u = lo; u < hi; u++) {
        const ptrdiff_t first = u / inner * rows * inner + u % inner;
        int64_t total = op == WHOLE_PROD || op == WHOLE_ALL ? 1
                        : op == WHOLE_MAX                   ? INT64_MIN
                        : op == WHOLE_MIN                   ? INT64_MAX
                                                            : 0;
        switch (from) {
        case CHAIN_F32:
            FNN_INT_ROWS(float, x != 0.0f)
        case CHAIN_I32:
            FNN_INT_ROWS(int32_t, x)
        case CHAIN_I64:
            FNN_INT_ROWS(int64_t, x)
        case CHAIN_I8:
            FNN_INT_ROWS(int8_t, x)
        case CHAIN_U32:
            FNN_INT_ROWS(uint32_t, x)
        default:
            FNN_INT_ROWS(uint8_t, x)
        }
        char *y = (char *)call->buf[1] + u * FNN(chain_bytes)[to];
        FNN(store_i64)(to, 1, &total, y);
    }
}

static void FNN(reduce_int_work)(const fnn_call *call, fnn_work *work)
{
    const double results = (double)call->size[0] * (double)call->size[2];
    work->units = call->size[0] * call->size[2];
    work->bytes = results * (10.0 * (double)call->size[1] + 40.0);
}

#define FNN_REDUCE_INT(name, op)                                                                             \
    static void FNN(name)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)                   \
    {                                                                                                        \
        (void)scratch;                                                                                       \
        FNN(reduce_int)(op, call, lo, hi);                                                                   \
    }
FNN_REDUCE_INT(sum_int, WHOLE_SUM)
FNN_REDUCE_INT(prod_int, WHOLE_PROD)
FNN_REDUCE_INT(max_int, WHOLE_MAX)
FNN_REDUCE_INT(min_int, WHOLE_MIN)
FNN_REDUCE_INT(any_int, WHOLE_ANY)
FNN_REDUCE_INT(all_int, WHOLE_ALL)
FNN_REDUCE_INT(nonzero_int, WHOLE_NONZERO)

#define FNN_REDUCE_INT_KERNELS                                                                               \
    FNN_KERNEL(sum_int, reduce_int_work)                                                                     \
    FNN_KERNEL(prod_int, reduce_int_work)                                                                    \
    FNN_KERNEL(max_int, reduce_int_work)                                                                     \
    FNN_KERNEL(min_int, reduce_int_work)                                                                     \
    FNN_KERNEL(any_int, reduce_int_work)                                                                     \
    FNN_KERNEL(all_int, reduce_int_work)                                                                     \
    FNN_KERNEL(nonzero_int, reduce_int_work)
