/* conv_grad.c - the gradient of a convolution for its kernel: a product whose long side is summed away.
 *
 *     dkernel[t, i, o] = sum over output cells q of x[q * stride - before + t * dilation, i] * dy[q, o]
 *
 * Shapes and sizes as in conv.c, and so are the blocks of output cells. They are shared out to `splits`
 * partial sums, which conv_kernel_sum_f32 adds up in order: the cut is given by the caller, from the shape
 * alone. Within a split the tile adds up the cells of a block in registers, then adds them to the partial
 * sum. Taps and channels are the rows of the product, each a pointer to what its first cell reads; the blocks
 * of its depth are lines of cells. With many channels, what a block sees of x is turned into planes
 * (conv_planes.h), so that a row's cells lie side by side: read where they lie, each would fetch a cache line
 * of its own. A panel of dy is copied together for the same reason.
 *
 * With few filters, vectors run along the cells, of x and of dy alike, and their lanes are added up in the end.
 *
 * conv_kernel_grad_bf16 makes words (words.h) of two images each, so that a word's elements stay together whichever tap
 * reads them: x's copy or planes and the panels of dy have half as many images, the last one's partner may be zeros.
 */

/* Cells of a block with few filters, whose lanes are added up once a block. */
#define CONV_GRAD_FEW_CELLS 1024

typedef struct {
    FNN(conv_job) job;
    FNN(conv_planes) planes;
    ptrdiff_t splits, cuts; /* units: splits x groups x cuts; a cut is a range of a group's channels */
    ptrdiff_t taps, rows;   /* rows: taps x channels of a group */
    int turned, few;        /* x is turned into planes; dy too */
} FNN(conv_kernel_job);

/* Channels of a group from which on planes are quicker, filters up to which words along cells are. */
enum { FNN(conv_turned_depth) = 40, FNN(conv_dots_depth) = 8, FNN(conv_dots_cols) = 6 };

static FNN(conv_kernel_job) FNN(conv_kernel_divide)(const fnn_call *call)
{
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    const ptrdiff_t splits = call->size[CONV_SIZES], groups = fnn_max(1, s.groups);
    FNN(conv_kernel_job) f = {.splits = splits};
    f.few = !FNN(rounded) && VF_LANES > 1 && s.oc / groups <= FNN(conv_dots_cols) &&
            s.c / groups >= FNN(conv_dots_depth);
    f.job = FNN(conv_divide)(&s, 0, WORD_DEPTH, f.few ? CONV_GRAD_FEW_CELLS : CONV_GRAD_CELLS, splits);
    f.planes = FNN(conv_planes_of)(&f.job);
    f.taps = FNN(conv_volume)(s.window);
    f.rows = f.taps * f.job.depth;
    /* With AMX, too: it loads rows, whose cells must lie side by side. */
    f.turned = f.few || TILE_ROWS > 8 || (f.job.depth >= FNN(conv_turned_depth) && f.taps * f.job.cols >= 64);
    f.cuts =
        fnn_max(1, fnn_min(fnn_ceil_div(CONV_LEAST_UNITS, splits * groups), f.job.depth / (4 * TILE_ROWS)));
    return f;
}

/* Cells of a block, at most, in whole words. */
static ptrdiff_t FNN(conv_kernel_cells)(const FNN(conv_job) * job)
{
    return FNN(conv_lines)(job->slices * job->lines * job->length + VF_LANES);
}

/* Bytes of scratch for what a block sees of x. */
static ptrdiff_t FNN(conv_kernel_read)(const FNN(conv_kernel_job) * f)
{
    if (f->turned)
        return f->planes.channel * fnn_ceil_div(f->job.depth, f->cuts) * (ptrdiff_t)sizeof(float);
    return FNN(conv_lines)(FNN(conv_scratch)(&f->job) / (ptrdiff_t)sizeof(float)) * (ptrdiff_t)sizeof(float);
}

static void FNN(conv_kernel_grad_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(conv_kernel_job) f = FNN(conv_kernel_divide)(call);
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    const ptrdiff_t width = f.few ? f.job.cols : TILE_COLS;
    FNN(conv_cost)(&s, work);
    work->units = f.splits * f.job.shape.groups * f.cuts;
    work->scratch = FNN(conv_kernel_read)(&f) +
                    FNN(conv_kernel_cells)(&f.job) * width * (ptrdiff_t)sizeof(float) +
                    f.taps * (ptrdiff_t)sizeof(ptrdiff_t);
}

/* What a block's product needs: its lines' places, and the channels at hand. */
typedef struct {
    const float *x;   /* what the first cell's first tap reads: of plane c0, or of channel 0 */
    ptrdiff_t c0, c1; /* channels */
    ptrdiff_t lines, length;
    const ptrdiff_t *line; /* where each line of cells begins */
    const ptrdiff_t *taps; /* see conv_kernel_taps */
    const float *dy;       /* of the first image's first cell */
    const FNN(conv_block) * block;
    float *packed; /* room for a panel of dy, or for all of it turned */
    int first;     /* nothing has been summed yet */
} FNN(conv_kernel_block);

/* What the first cell reads with each tap, from b->x on. */
static void FNN(conv_kernel_taps)(const FNN(conv_kernel_job) * f, const FNN(conv_product) * p,
                                  ptrdiff_t *taps)
{
    const ptrdiff_t *window = f->job.shape.window;
    for (ptrdiff_t tap = 0; tap < f->taps; tap++)
        taps[tap] = f->turned
                        ? FNN(conv_planes_shift)(&f->job, &f->planes, p->axis, tap / window[2] / window[1],
                                                 tap / window[2] % window[1], tap % window[2])
                        : FNN(conv_shift)(&f->job, p, tap / p->merged) + tap % p->merged * f->job.depth;
}

/* A row of the product. */
typedef struct {
    ptrdiff_t tap, channel;
} FNN(conv_kernel_row);

/* rows[i] = what `count` rows from `at` on read first; `at` moves on. */
static void FNN(conv_kernel_rows)(const FNN(conv_kernel_job) * f, const FNN(conv_kernel_block) * b,
                                  FNN(conv_kernel_row) * at, ptrdiff_t count, const float **rows)
{
    const ptrdiff_t step = f->turned ? f->planes.channel : 1, c0 = f->turned ? b->c0 : 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        rows[i] = b->x + b->taps[at->tap] + (at->channel - c0) * step;
        if (++at->channel == f->job.depth) {
            at->channel = 0;
            at->tap++;
        }
    }
}

/* dy of the first cell of the block's slice number `at`; *partner: from there to the one that shares its words, or 0. */
static const float *FNN(conv_kernel_dy)(const FNN(conv_job) * job, const FNN(conv_kernel_block) * b,
                                        ptrdiff_t at, ptrdiff_t *partner)
{
    const ptrdiff_t slice = b->block->start[0] + at,
                    deep = fnn_max(1, job->all_slices / fnn_max(1, job->shape.n));
    const ptrdiff_t image = slice / deep, plane = job->all_lines * job->all_cells * job->shape.oc;
    *partner = FNN(conv_partner)(job, image, deep * plane);
    return b->dy + (image * job->images * deep + slice % deep) * plane +
           (b->block->start[1] * job->all_cells + b->block->start[2]) * job->shape.oc;
}

/* to = the words of n filters' dy from filter j on, cell by cell. */
static void FNN(conv_kernel_panel)(const FNN(conv_job) * job, const FNN(conv_kernel_block) * b, ptrdiff_t j,
                                   ptrdiff_t n, float *to)
{
    const ptrdiff_t *extent = b->block->extent;
    for (ptrdiff_t slice = 0; slice < extent[0]; slice++) {
        ptrdiff_t partner;
        const float *from = FNN(conv_kernel_dy)(job, b, slice, &partner) + j;
        for (ptrdiff_t q = 0; q < extent[1] * extent[2]; q++, from += job->shape.oc, to += n)
            FNN(words_copy_across)(n, from, partner ? from + partner : NULL, to);
    }
}

/* partial (rows, oc) += the sums over one block's cells; =, if they are the first. */
static void FNN(conv_kernel_product)(const FNN(conv_kernel_job) * f, const FNN(conv_kernel_block) * b,
                                     float *partial)
{
    const FNN(conv_job) *job = &f->job;
    const ptrdiff_t oc = job->shape.oc, panel = FNN(conv_panel)(job->cols);
    ptrdiff_t partner;
    const float *const dy = FNN(conv_kernel_dy)(job, b, 0, &partner);
    /* Rows whose channels are all at hand follow each other; others are taken tap by tap. */
    const int whole = b->c1 - b->c0 == job->depth;
    const ptrdiff_t runs = whole ? 1 : f->taps, run = whole ? f->rows : b->c1 - b->c0,
                    tiles = FNN(tile_count)(run);
    const float *rows[TILE_ROWS];
    fnn_tile t = {.rows = rows, .shift = b->line, .ldc = oc, .accumulate = !b->first};
    t.lda = f->turned ? 1 : job->axis[2].stride * job->pixel;
    t.k = b->length;
    t.blocks = b->lines;
    for (ptrdiff_t j = 0; j < job->cols; j += panel) {
        t.n = fnn_min(panel, job->cols - j);
        t.ldb =
            f->turned || FNN(rounded) ? t.n : oc; /* with few channels, too few rows would share the copy */
        t.b_step = b->length * t.ldb;
        t.b = dy + j;
        if (t.ldb != oc || FNN(rounded)) {
            t.b = b->packed;
            FNN(conv_kernel_panel)(job, b, j, t.n, b->packed);
        }
        for (ptrdiff_t r = 0; r < runs; r++) {
            FNN(conv_kernel_row) row = {r, b->c0};
            t.c = partial + (r * job->depth + b->c0) * oc + j;
            for (ptrdiff_t tile = 0; tile < tiles; tile++) {
                const ptrdiff_t count = run / tiles + (tile < run % tiles);
                FNN(conv_kernel_rows)(f, b, &row, count, rows);
                FNN(tile_shifted)(count, &t);
                t.c += count * oc;
            }
        }
    }
}

/* ---- few filters ---- */

/* Rows of x that a word of each of `cols` filters' dy is multiplied with at once: sums and operands fill the
 * register file. */
#define CONV_DOT_ROWS(cols)                                                                                  \
    (VF_LANES == 16 ? ((cols) <= 2 ? 8 : 6) : (cols) == 1 ? 8 : (cols) == 2 ? 6 : (cols) == 3 ? 4 : 3)

TILE_INLINE void FNN(conv_kernel_dots)(const int rows, const int cols, const FNN(conv_kernel_block) * b,
                                       const float *const *x, const float *dy, ptrdiff_t pitch,
                                       float *partial, ptrdiff_t oc)
{
    vf acc[8][4];
    TILE_UNROLL
    for (int i = 0; i < rows; i++) {
        TILE_UNROLL
        for (int o = 0; o < cols; o++)
            acc[i][o] = vf_zero();
    }
    for (ptrdiff_t line = 0; line < b->lines; line++) {
        const float *from[8];
        const float *d = dy + line * b->length;
        TILE_UNROLL
        for (int i = 0; i < rows; i++)
            from[i] = x[i] + b->line[line];
        ptrdiff_t q = 0;
        for (; q + VF_LANES <= b->length; q += VF_LANES) {
            vf word[4];
            TILE_UNROLL
            for (int o = 0; o < cols; o++)
                word[o] = vf_load(d + o * pitch + q);
            TILE_UNROLL
            for (int i = 0; i < rows; i++) {
                const vf a = vf_load(from[i] + q);
                TILE_UNROLL
                for (int o = 0; o < cols; o++)
                    acc[i][o] = vf_fma(a, word[o], acc[i][o]);
            }
        }
        if (q < b->length) { /* both are cut off: what lies behind a line need not be finite */
            vf word[4];
            TILE_UNROLL
            for (int o = 0; o < cols; o++)
                word[o] = vf_load_n(d + o * pitch + q, b->length - q);
            TILE_UNROLL
            for (int i = 0; i < rows; i++) {
                const vf a = vf_load_n(from[i] + q, b->length - q);
                TILE_UNROLL
                for (int o = 0; o < cols; o++)
                    acc[i][o] = vf_fma(a, word[o], acc[i][o]);
            }
        }
    }
    TILE_UNROLL
    for (int i = 0; i < rows; i++) {
        TILE_UNROLL
        for (int o = 0; o < cols; o++) {
            float *to = partial + i * oc + o;
            *to = (b->first ? 0.0f : *to) + vf_sum(acc[i][o]);
        }
    }
}

/* `count` rows of the product, from `row` on, of `cols` filters: partial and dy are the first one's. */
TILE_INLINE void FNN(conv_kernel_dot_rows)(const int cols, const FNN(conv_kernel_job) * f,
                                           const FNN(conv_kernel_block) * b, FNN(conv_kernel_row) row,
                                           ptrdiff_t count, const float *dy, ptrdiff_t pitch, float *partial)
{
    const ptrdiff_t oc = f->job.shape.oc;
    const float *rows[8];
    for (; count >= CONV_DOT_ROWS(cols); count -= CONV_DOT_ROWS(cols)) {
        FNN(conv_kernel_rows)(f, b, &row, CONV_DOT_ROWS(cols), rows);
        FNN(conv_kernel_dots)(CONV_DOT_ROWS(cols), cols, b, rows, dy, pitch, partial, oc);
        partial += CONV_DOT_ROWS(cols) * oc;
    }
    for (; count > 0; count--, partial += oc) {
        FNN(conv_kernel_rows)(f, b, &row, 1, rows);
        FNN(conv_kernel_dots)(1, cols, b, rows, dy, pitch, partial, oc);
    }
}

/* The same as conv_kernel_product, with dy turned. */
static void FNN(conv_kernel_few)(const FNN(conv_kernel_job) * f, const FNN(conv_kernel_block) * b,
                                 float *partial)
{
    const FNN(conv_job) *job = &f->job;
    const ptrdiff_t pitch = FNN(conv_kernel_cells)(job), fours = fnn_ceil_div(job->cols, 4);
    const int whole = b->c1 - b->c0 == job->depth;
    const ptrdiff_t runs = whole ? 1 : f->taps, run = whole ? f->rows : b->c1 - b->c0;
    ptrdiff_t partner;
    FNN(gemm_transpose)(b->lines * b->length, job->cols, FNN(conv_kernel_dy)(job, b, 0, &partner),
                        job->shape.oc, b->packed, pitch);
    for (ptrdiff_t r = 0; r < runs; r++)
        for (ptrdiff_t four = 0, o = 0; four < fours; four++) {
            const FNN(conv_kernel_row) row = {r, b->c0};
            const ptrdiff_t cols = job->cols / fours + (four < job->cols % fours);
            const float *dy = b->packed + o * pitch;
            float *to = partial + (r * job->depth + b->c0) * job->shape.oc + o;
            switch (cols) {
#define CONV_DOT_CASE(cols)                                                                                  \
    case cols:                                                                                               \
        FNN(conv_kernel_dot_rows)(cols, f, b, row, run, dy, pitch, to);                                      \
        break;
                CONV_DOT_CASE(1)
                CONV_DOT_CASE(2)
                CONV_DOT_CASE(3)
                CONV_DOT_CASE(4)
            }
            o += cols;
        }
}

/* sizes, then: splits.  bufs: x, dy, partial (splits, kd, kh, kw, c / groups, oc) */
static void FNN(PRODUCT(conv_kernel_grad))(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(conv_kernel_job) f = FNN(conv_kernel_divide)(call);
    const FNN(conv_job) *job = &f.job;
    const ptrdiff_t oc = job->shape.oc, groups = job->shape.groups, blocks = FNN(conv_blocks)(job);
    FNN(conv_product) p = {.taps = 0};
    FNN(conv_block) block = {.extent = {0}}; /* until there are cells */
    FNN(conv_next_phase)(job, 0, &p);
    float *packed = (float *)((char *)scratch + FNN(conv_kernel_read)(&f));
    ptrdiff_t *taps = (ptrdiff_t *)(packed + FNN(conv_kernel_cells)(job) * (f.few ? job->cols : TILE_COLS));
    FNN(conv_kernel_taps)(&f, &p, taps);
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t cut = unit % f.cuts, group = unit / f.cuts % groups, split = unit / f.cuts / groups;
        const ptrdiff_t begin = blocks * split / f.splits, end = blocks * (split + 1) / f.splits;
        ptrdiff_t line[CONV_GRAD_FEW_CELLS];
        FNN(conv_kernel_block)
        b = {.x = scratch,
             .c0 = job->depth * cut / f.cuts,
             .c1 = job->depth * (cut + 1) / f.cuts,
             .line = line,
             .taps = taps,
             .dy = (const float *)call->buf[1] + group * job->cols,
             .block = &block,
             .packed = packed};
        FNN(conv_job) part = *job; /* of its channels alone */
        part.words = part.depth = b.c1 - b.c0;
        const float *x = (const float *)call->buf[0] + group * job->depth;
        float *partial = (float *)call->buf[2] + split * f.rows * oc + group * job->cols;
        for (ptrdiff_t at = begin; at < end || at == begin; at++) { /* none at all: zeros */
            if (at < end) {
                FNN(conv_place)(job, at, &block);
                const ptrdiff_t *extent = block.extent;
                if (f.turned) {
                    FNN(conv_planes_copy)(&part, &f.planes, &block, x + b.c0, scratch);
                } else {
                    FNN(conv_find)(job, at, x, &block, scratch);
                    b.x = block.rows[0];
                }
                b.length = extent[2];
                b.lines = extent[0] * extent[1];
                if (f.turned && f.planes.line == extent[2]) { /* nothing lies between a slice's lines */
                    b.length *= extent[1];
                    b.lines = extent[0];
                }
                const ptrdiff_t lines = b.lines / extent[0];
                for (ptrdiff_t l = 0; l < b.lines; l++)
                    line[l] = f.turned ? l / lines * f.planes.slice + l % lines * f.planes.line
                                       : block.rows[l * extent[2]] - b.x;
            }
            b.first = at == begin;
            if (f.few)
                FNN(conv_kernel_few)(&f, &b, partial);
            else
                FNN(conv_kernel_product)(&f, &b, partial);
        }
    }
}

static void FNN(conv_kernel_sum_work)(const fnn_call *call, fnn_work *work)
{
    const double splits = (double)call->size[0], count = (double)call->size[1];
    work->units = fnn_ceil_div(call->size[1], 64);
    work->flops = splits * count / VF_LANES;
    work->bytes = 4.0 * (splits + 1) * count;
}

/* out[i] = sum over s of partial[s, i], in the order of s.  sizes: splits count.  bufs: partial, out */
static void FNN(conv_kernel_sum_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t splits = call->size[0], count = call->size[1], end = fnn_min(count, hi * 64);
    const float *partial = call->buf[0];
    float *out = call->buf[1];
    for (ptrdiff_t i = lo * 64; i < end; i += VF_LANES) {
        const ptrdiff_t lanes = fnn_min(VF_LANES, end - i);
        vf sum = vf_load_n(partial + i, lanes);
        for (ptrdiff_t p = 1; p < splits; p++)
            sum = vf_add(sum, vf_load_n(partial + p * count + i, lanes));
        vf_store_n(out + i, sum, lanes);
    }
}

#define FNN_CONV_GRAD_KERNELS FNN_KERNEL(PRODUCT(conv_kernel_grad), conv_kernel_grad_work)
#define FNN_CONV_SUM_KERNELS FNN_KERNEL(conv_kernel_sum_f32, conv_kernel_sum_work)
