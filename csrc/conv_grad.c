/* conv_grad.c - the gradient of a convolution for its kernel: a product whose long side is summed away.
 *
 *     dkernel[t, i, o] = sum over output cells q of x[q * stride - before + t * dilation, i] * dy[q, o]
 *
 * Shapes and sizes as in conv.c, and so are the blocks of output cells. They are shared out to `splits`
 * partial sums, which conv_kernel_sum_f32 adds up in order: the cut is given by the caller, from the shape
 * alone. Within a split the tile adds up the cells of a block in registers, then adds them to the partial
 * sum. Taps and channels are the rows of the product, each a pointer to what its first cell reads; the blocks
 * of its depth are lines of cells.
 */

typedef struct {
    FNN(conv_job) job;
    ptrdiff_t splits, cuts; /* units: splits x groups x cuts; a cut is a range of the rows */
    ptrdiff_t rows;         /* taps x channels */
} FNN(conv_kernel_job);

static FNN(conv_kernel_job) FNN(conv_kernel_divide)(const fnn_call *call)
{
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    const ptrdiff_t splits = call->size[CONV_SIZES];
    FNN(conv_kernel_job) f = {.job = FNN(conv_divide)(&s, 0, CONV_GRAD_CELLS, splits), .splits = splits};
    f.rows = FNN(conv_volume)(s.window) * f.job.depth;
    f.cuts = fnn_min(fnn_ceil_div(CONV_LEAST_UNITS, f.splits * fnn_max(1, s.groups)),
                     fnn_ceil_div(f.rows, 4 * TILE_ROWS));
    return f;
}

static void FNN(conv_kernel_grad_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(conv_kernel_job) f = FNN(conv_kernel_divide)(call);
    FNN(conv_cost)(&f.job.shape, work);
    work->units = f.splits * f.job.shape.groups * f.cuts;
    work->scratch = FNN(conv_scratch)(&f.job);
}

/* partial (rows, oc), rows [i0, i1) += the sum over one block's cells; =, if first. dy: the group's first
 * channel. */
static void FNN(conv_kernel_block)(const FNN(conv_kernel_job) * f, const FNN(conv_product) * p,
                                   const FNN(conv_block) * block, ptrdiff_t cells, const float *dy,
                                   ptrdiff_t i0, ptrdiff_t i1, int first, float *partial)
{
    const FNN(conv_job) *job = &f->job;
    const FNN(conv_shape) *s = &job->shape;
    const ptrdiff_t panel = FNN(conv_panel)(job->cols), length = block->extent[2],
                    tiles = FNN(tile_count)(i1 - i0);
    ptrdiff_t shift[CONV_GRAD_CELLS];
    const float *rows[TILE_ROWS];
    fnn_tile t = {.lda = job->axis[2].stride * job->pixel,
                  .ldb = s->oc,
                  .ldc = s->oc,
                  .rows = rows,
                  .shift = shift,
                  .accumulate = !first};
    t.k = length;
    t.blocks = cells == 0 ? 0 : cells / length;
    t.b_step = length * s->oc;
    for (ptrdiff_t line = 0; line < t.blocks; line++)
        shift[line] = block->rows[line * length] - block->rows[0];
    for (ptrdiff_t j = 0; j < job->cols; j += panel) {
        t.n = fnn_min(panel, job->cols - j);
        t.b = dy + j;
        for (ptrdiff_t tile = 0; tile < tiles; tile++) {
            const ptrdiff_t at = i0 + FNN(tile_rows_at)(i1 - i0, tile),
                            end = i0 + FNN(tile_rows_at)(i1 - i0, tile + 1);
            ptrdiff_t tap = at / p->k, channel = at % p->k;
            const float *from = t.blocks ? block->rows[0] + FNN(conv_shift)(job, p, tap) : NULL;
            for (ptrdiff_t i = at; i < end; i++, channel++) {
                if (channel == p->k) {
                    channel = 0;
                    from = t.blocks ? block->rows[0] + FNN(conv_shift)(job, p, ++tap) : NULL;
                }
                rows[i - at] = from ? from + channel : NULL;
            }
            t.c = partial + at * s->oc + j;
            FNN(tile_shifted)(end - at, &t);
        }
    }
}

/* sizes, then: splits.  bufs: x, dy, partial (splits, kd, kh, kw, c / groups, oc) */
static void FNN(conv_kernel_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(conv_kernel_job) f = FNN(conv_kernel_divide)(call);
    const FNN(conv_job) *job = &f.job;
    const ptrdiff_t oc = job->shape.oc, groups = job->shape.groups, blocks = FNN(conv_blocks)(job);
    FNN(conv_product) p = {.taps = 0};
    FNN(conv_block) block;
    block.extent[2] = 0;
    FNN(conv_next_phase)(job, 0, &p);
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t cut = unit % f.cuts, group = unit / f.cuts % groups, split = unit / f.cuts / groups;
        const ptrdiff_t begin = blocks * split / f.splits, end = blocks * (split + 1) / f.splits;
        const ptrdiff_t i0 = f.rows * cut / f.cuts, i1 = f.rows * (cut + 1) / f.cuts;
        const float *x = (const float *)call->buf[0] + group * job->depth;
        const float *dy = (const float *)call->buf[1] + group * job->cols;
        float *partial = (float *)call->buf[2] + split * f.rows * oc + group * job->cols;
        if (begin == end) /* no cells at all: zeros */
            FNN(conv_kernel_block)(&f, &p, &block, 0, dy, i0, i1, 1, partial);
        for (ptrdiff_t at = begin; at < end; at++) {
            FNN(conv_find)(job, at, x, &block, scratch);
            const ptrdiff_t *start = block.start, *extent = block.extent;
            const ptrdiff_t cell = (start[0] * job->all_lines + start[1]) * job->all_cells + start[2];
            FNN(conv_kernel_block)(&f, &p, &block, extent[0] * extent[1] * extent[2], dy + cell * oc, i0, i1,
                                   at == begin, partial);
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

#define FNN_CONV_GRAD_KERNELS                                                                                \
    FNN_KERNEL(conv_kernel_grad_f32, conv_kernel_grad_work)                                                  \
    FNN_KERNEL(conv_kernel_sum_f32, conv_kernel_sum_work)
