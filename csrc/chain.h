/* chain.h - programs of elementwise steps over broadcast operands, run tile by tile; the steps: eltwise.c.
 *
 * A chain is a small program. Its registers are tiles of at most CHAIN_TILE elements; a step reads up to
 * three registers and writes one. A tile stays in the first-level cache from its first step to its last, so a
 * chain of ten steps moves memory once, and a chain of one step at the speed of memory. A full float32
 * operand is used where it lies: nothing is copied that a step can read or write in place.
 *
 *   size[0]         dims | inputs << 8 | outputs << 16 | steps << 24 | registers << 32
 *   size[1 .. 6]    the extents of the output, outermost first; unused ones last
 *   size[7 .. 10]   operands, 16 bits each, inputs then outputs: element type | mask << 8. Bit d of the mask:
 *                   the operand has axis d, else it is repeated along it. Outputs have every axis.
 *   size[11 ..]     steps, 8 bits each from the lowest: opcode, destination, sources a b c, first of its
 *                   scalars in attr[]
 *   buf             inputs, outputs
 *
 * Registers: the inputs, then the outputs, then temporaries. An output may be the memory of an input of its
 * size that has every axis, provided that no later step reads an input: who writes the program sees to that.
 * chain_sum_f32: as chain_f32, but of the last output only the sum of each tile is kept, times the last
 * attribute: buf[inputs + outputs - 1] is (units,) float32. Nothing to sum: no units, and nothing is written.
 *
 * A unit is a tile. Tiles begin and end at fixed elements, and an element depends on its own operands alone.
 */

enum {
    CHAIN_TILE = 1024, /* 4 KB of floats: eight registers fill a first-level cache of 32 KB */
    CHAIN_DIMS = 6,
    CHAIN_OPERANDS = 16,
    CHAIN_REGISTERS = 40,
    CHAIN_EXTENTS_AT = 1,
    CHAIN_OPERANDS_AT = 7,
    CHAIN_STEPS_AT = 11
};

/* Element types, as engine/chain.py numbers them. */
enum { CHAIN_F32, CHAIN_I32, CHAIN_I64, CHAIN_U8, CHAIN_BOOL, CHAIN_I8, CHAIN_U32 };
static const unsigned char FNN(chain_bytes)[] = {4, 4, 8, 1, 1, 1, 4};

/* n elements: registers (or operands) a, b, c, the step's scalars k, the register d (a, b or c too). */
typedef void (*FNN(chain_step))(ptrdiff_t n, const void *a, const void *b, const void *c, const double *k,
                                void *d);

/* `cost` is the time of an element in hundredths of a nanosecond: rough, for sharing work among threads. */
typedef struct {
    FNN(chain_step) run;
    int cost;
} FNN(chain_entry);

/* ---- conversion to and from the register type ---- */

#define FNN_LOADER(name, type, to)                                                                           \
    static void FNN(name)(ptrdiff_t n, const void *from, to *out)                                            \
    {                                                                                                        \
        const type *in = from;                                                                               \
        for (ptrdiff_t i = 0; i < n; i++)                                                                    \
            out[i] = (to)in[i];                                                                              \
    }
FNN_LOADER(load_f32_i32, int32_t, float)
FNN_LOADER(load_f32_i64, int64_t, float)
FNN_LOADER(load_f32_u8, uint8_t, float)
FNN_LOADER(load_f32_i8, int8_t, float)
FNN_LOADER(load_f32_u32, uint32_t, float)
FNN_LOADER(load_i64_i32, int32_t, int64_t)
FNN_LOADER(load_i64_u8, uint8_t, int64_t)
FNN_LOADER(load_i64_i8, int8_t, int64_t)
FNN_LOADER(load_i64_u32, uint32_t, int64_t)

static void FNN(load_f32)(int type, ptrdiff_t n, const void *from, void *to)
{
    switch (type) {
    case CHAIN_F32:
        memcpy(to, from, (size_t)n * sizeof(float));
        break;
    case CHAIN_I32:
        FNN(load_f32_i32)(n, from, to);
        break;
    case CHAIN_I64:
        FNN(load_f32_i64)(n, from, to);
        break;
    case CHAIN_U8:
    case CHAIN_BOOL:
        FNN(load_f32_u8)(n, from, to);
        break;
    case CHAIN_I8:
        FNN(load_f32_i8)(n, from, to);
        break;
    default:
        FNN(load_f32_u32)(n, from, to);
        break;
    }
}

static void FNN(load_i64)(int type, ptrdiff_t n, const void *from, void *to)
{
    switch (type) {
    case CHAIN_I32:
        FNN(load_i64_i32)(n, from, to);
        break;
    case CHAIN_I64:
        memcpy(to, from, (size_t)n * sizeof(int64_t));
        break;
    case CHAIN_U8:
    case CHAIN_BOOL:
        FNN(load_i64_u8)(n, from, to);
        break;
    case CHAIN_I8:
        FNN(load_i64_i8)(n, from, to);
        break;
    default:
        FNN(load_i64_u32)(n, from, to);
        break;
    }
}

/* Towards zero; what no int64 can hold (NaN too) is the smallest one, as the CPU's own conversion gives. */
static inline int64_t FNN(to_i64)(float x)
{
    return x >= -9223372036854775808.0f && x < 9223372036854775808.0f ? (int64_t)x : INT64_MIN;
}
static inline int32_t FNN(to_i32)(float x)
{
    return x >= -2147483648.0f && x < 2147483648.0f ? (int32_t)x : INT32_MIN;
}

#define FNN_STORER(name, from, type, value)                                                                  \
    static void FNN(name)(ptrdiff_t n, const from *in, void *to)                                             \
    {                                                                                                        \
        type *out = to;                                                                                      \
        for (ptrdiff_t i = 0; i < n; i++)                                                                    \
            out[i] = (type)(value);                                                                          \
    }
FNN_STORER(store_f32_i32, float, int32_t, FNN(to_i32)(in[i]))
FNN_STORER(store_f32_i64, float, int64_t, FNN(to_i64)(in[i]))
FNN_STORER(store_f32_8, float, uint8_t, FNN(to_i32)(in[i]))
FNN_STORER(store_f32_bool, float, uint8_t, in[i] != 0.0f)
FNN_STORER(store_f32_u32, float, uint32_t, FNN(to_i64)(in[i]))
FNN_STORER(store_i64_32, int64_t, uint32_t, in[i])
FNN_STORER(store_i64_8, int64_t, uint8_t, in[i])
FNN_STORER(store_i64_bool, int64_t, uint8_t, in[i] != 0)
FNN_STORER(store_i64_f32, int64_t, float, in[i])

static void FNN(store_f32)(int type, ptrdiff_t n, const void *from, void *to)
{
    switch (type) {
    case CHAIN_F32:
        memcpy(to, from, (size_t)n * sizeof(float));
        break;
    case CHAIN_I32:
        FNN(store_f32_i32)(n, from, to);
        break;
    case CHAIN_I64:
        FNN(store_f32_i64)(n, from, to);
        break;
    case CHAIN_BOOL:
        FNN(store_f32_bool)(n, from, to);
        break;
    case CHAIN_U32:
        FNN(store_f32_u32)(n, from, to);
        break;
    default:
        FNN(store_f32_8)(n, from, to);
        break;
    }
}

static void FNN(store_i64)(int type, ptrdiff_t n, const void *from, void *to)
{
    switch (type) {
    case CHAIN_F32:
        FNN(store_i64_f32)(n, from, to);
        break;
    case CHAIN_I64:
        memcpy(to, from, (size_t)n * sizeof(int64_t));
        break;
    case CHAIN_BOOL:
        FNN(store_i64_bool)(n, from, to);
        break;
    case CHAIN_I32:
    case CHAIN_U32:
        FNN(store_i64_32)(n, from, to);
        break;
    default:
        FNN(store_i64_8)(n, from, to);
        break;
    }
}

static void FNN(repeat_f32)(ptrdiff_t n, const void *one, void *to)
{
    float *out = to;
    const vf value = vf_set1(*(const float *)one);
    for (ptrdiff_t i = 0; i + VF_LANES <= n; i += VF_LANES)
        vf_store(out + i, value);
    if (n >= VF_LANES)
        vf_store(out + n - VF_LANES, value); /* over what is there: no mask needed */
    else
        vf_store_n(out, value, n);
}

static void FNN(repeat_i64)(ptrdiff_t n, const void *one, void *to)
{
    int64_t *out = to;
    const int64_t value = *(const int64_t *)one;
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] = value;
}

/* ---- the runner ---- */

typedef struct {
    int type; /* of registers; operands of this type are used where they lie */
    size_t bytes;
    void (*load)(int type, ptrdiff_t n, const void *from, void *to);
    void (*store)(int type, ptrdiff_t n, const void *from, void *to);
    void (*repeat)(ptrdiff_t n, const void *one, void *to);
    const FNN(chain_entry) * steps;
} FNN(chain_kind);

typedef struct {
    ptrdiff_t dims, inputs, outputs, steps, registers;
    ptrdiff_t cols, rows; /* the innermost extent, and the product of the others */
    ptrdiff_t tile_rows;  /* whole rows a tile; 0: a tile is a piece of one row */
    ptrdiff_t row_tiles;  /* tiles a row, then */
    ptrdiff_t units;
} FNN(chain_shape);

static FNN(chain_shape) FNN(chain_read_shape)(const fnn_call *call)
{
    FNN(chain_shape) s;
    const ptrdiff_t counts = call->size[0];
    s.dims = counts & 0xff;
    s.inputs = counts >> 8 & 0xff;
    s.outputs = counts >> 16 & 0xff;
    s.steps = counts >> 24 & 0xff;
    s.registers = counts >> 32 & 0xff;
    s.rows = 1;
    for (ptrdiff_t d = 0; d + 1 < s.dims; d++)
        s.rows *= call->size[CHAIN_EXTENTS_AT + d];
    s.cols = call->size[CHAIN_EXTENTS_AT + s.dims - 1];
    s.tile_rows = s.cols > 0 && s.cols <= CHAIN_TILE ? CHAIN_TILE / s.cols : 0;
    s.row_tiles = s.tile_rows ? 0 : fnn_ceil_div(s.cols, CHAIN_TILE);
    s.units = s.tile_rows ? fnn_ceil_div(s.rows, s.tile_rows) : s.rows * s.row_tiles;
    return s;
}

/* How a register gets its tile: from where the operand lies, filled once for all tiles, or filled for each;
 * a sum's is the steps' to fill. */
enum { CHAIN_IN_PLACE, CHAIN_ONCE, CHAIN_CONVERT, CHAIN_GATHER, CHAIN_SUM };

typedef struct {
    const char *memory;
    int type, way;
    ptrdiff_t bytes;              /* of an element */
    ptrdiff_t stride[CHAIN_DIMS]; /* elements from one index to the next along each axis; 0: repeated */
} FNN(chain_operand);

/* The operand's element number at the start of row `row`; its place along each outer axis goes to index[]. */
static ptrdiff_t FNN(chain_row_start)(const fnn_call *call, ptrdiff_t dims, const FNN(chain_operand) * x,
                                      ptrdiff_t row, ptrdiff_t *index)
{
    ptrdiff_t at = 0;
    for (ptrdiff_t d = dims - 2; d >= 0; d--) {
        const ptrdiff_t extent = call->size[CHAIN_EXTENTS_AT + d];
        index[d] = row % extent;
        row /= extent;
        at += index[d] * x->stride[d];
    }
    return at;
}

/* Rows [row, row + rows) of a repeated operand into `to`, from column `col` on, n columns each. */
static void FNN(chain_gather)(const FNN(chain_kind) * kind, const fnn_call *call, ptrdiff_t dims,
                              const FNN(chain_operand) * x, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t col,
                              ptrdiff_t n, char *to)
{
    ptrdiff_t index[CHAIN_DIMS];
    ptrdiff_t at = FNN(chain_row_start)(call, dims, x, row, index);
    const ptrdiff_t inner = x->stride[dims - 1];
    for (ptrdiff_t r = 0; r < rows; r++) {
        if (inner) {
            kind->load(x->type, n, x->memory + (at + col) * x->bytes, to);
        } else if (x->type == kind->type) {
            kind->repeat(n, x->memory + at * x->bytes, to);
        } else {
            kind->load(x->type, 1, x->memory + at * x->bytes, to);
            kind->repeat(n, to, to);
        }
        to += (size_t)n * kind->bytes;
        for (ptrdiff_t d = dims - 2; d >= 0; d--) { /* the next row's place, as an odometer counts */
            at += x->stride[d];
            if (++index[d] < call->size[CHAIN_EXTENTS_AT + d])
                break;
            at -= index[d] * x->stride[d];
            index[d] = 0;
        }
    }
}

/* With `sums` the last output is a sum: see chain_sum_f32. */
FNN_INLINE void FNN(chain_run)(const FNN(chain_kind) * kind, int sums, const fnn_call *call, ptrdiff_t lo,
                               ptrdiff_t hi, char *scratch)
{
    const FNN(chain_shape) s = FNN(chain_read_shape)(call);
    const ptrdiff_t operands = s.inputs + s.outputs, dims = s.dims;
    const ptrdiff_t longest =
        s.tile_rows ? fnn_min(s.tile_rows, s.rows) * s.cols : fnn_min(CHAIN_TILE, s.cols);
    const size_t register_bytes = CHAIN_TILE * kind->bytes;
    FNN(chain_operand) x[CHAIN_OPERANDS];
    char *reg[CHAIN_REGISTERS];
    if (lo >= hi)
        return;
    for (ptrdiff_t r = 0; r < s.registers; r++)
        reg[r] = scratch + (size_t)r * register_bytes;
    for (ptrdiff_t i = 0; i < operands; i++) {
        const int code = (int)(call->size[CHAIN_OPERANDS_AT + i / 4] >> 16 * (i % 4)) & 0xffff;
        const int mask = code >> 8, full = (1 << dims) - 1, inner = 1 << (dims - 1);
        FNN(chain_operand) *o = &x[i];
        o->memory = call->buf[i];
        o->type = code & 0xff;
        o->bytes = FNN(chain_bytes)[o->type];
        ptrdiff_t stride = 1;
        for (ptrdiff_t d = dims - 1; d >= 0; d--) {
            o->stride[d] = mask >> d & 1 ? stride : 0;
            stride *= mask >> d & 1 ? call->size[CHAIN_EXTENTS_AT + d] : 1;
        }
        const int native = o->type == kind->type;
        if (sums && i == operands - 1)
            o->way = CHAIN_SUM;
        else if (mask == full)
            o->way = native ? CHAIN_IN_PLACE : CHAIN_CONVERT;
        else if (mask == 0 || (mask == inner && s.tile_rows)) { /* every tile is alike */
            o->way = CHAIN_ONCE;
            kind->load(o->type, mask ? s.cols : 1, o->memory, reg[i]);
            if (!mask)
                kind->repeat(longest, reg[i], reg[i]);
            for (ptrdiff_t done = s.cols; mask && done < longest; done += s.cols)
                memcpy(reg[i] + (size_t)done * kind->bytes, reg[i], (size_t)s.cols * kind->bytes);
        } else
            o->way = !s.tile_rows && mask & inner && native ? CHAIN_IN_PLACE : CHAIN_GATHER;
    }
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t row = s.tile_rows ? unit * s.tile_rows : unit / s.row_tiles;
        const ptrdiff_t col = s.tile_rows ? 0 : (unit - row * s.row_tiles) * CHAIN_TILE;
        const ptrdiff_t rows = s.tile_rows ? fnn_min(s.tile_rows, s.rows - row) : 1;
        const ptrdiff_t width = s.tile_rows ? s.cols : fnn_min(CHAIN_TILE, s.cols - col);
        const ptrdiff_t n = rows * width;
        ptrdiff_t index[CHAIN_DIMS];
        for (ptrdiff_t i = 0; i < operands; i++) {
            const FNN(chain_operand) *o = &x[i];
            if (o->way == CHAIN_IN_PLACE)
                reg[i] = (char *)(uintptr_t)o->memory +
                         (FNN(chain_row_start)(call, dims, o, row, index) + col) * o->bytes;
            else if (o->way == CHAIN_CONVERT && i < s.inputs)
                kind->load(o->type, n, o->memory + (row * s.cols + col) * o->bytes, reg[i]);
            else if (o->way == CHAIN_GATHER)
                FNN(chain_gather)(kind, call, dims, o, row, rows, col, width, reg[i]);
        }
        for (ptrdiff_t p = 0; p < s.steps; p++) {
            const uint64_t step = (uint64_t)call->size[CHAIN_STEPS_AT + p];
            kind->steps[step & 0xff].run(n, reg[step >> 16 & 0xff], reg[step >> 24 & 0xff],
                                         reg[step >> 32 & 0xff], call->attr + (step >> 40 & 0xff),
                                         reg[step >> 8 & 0xff]);
        }
        for (ptrdiff_t i = s.inputs; i < operands; i++)
            if (x[i].way == CHAIN_CONVERT)
                kind->store(x[i].type, n, reg[i], (char *)call->buf[i] + (row * s.cols + col) * x[i].bytes);
        if (sums) {
            const float total =
                FNN(reduce_row)(REDUCE_SUM, n, (const float *)(const void *)reg[operands - 1]);
            ((float *)call->buf[operands - 1])[unit] = total * (float)call->attr[FNN_MAX_ATTRS - 1];
        }
    }
}
