/* conv_grad.c - the gradient of a convolution for its kernel: a product whose long side is summed away.
 *
 *     dkernel[t, i, o] = sum over output pixels q of x[q * stride - before + t * dilation, i] * dy[q, o]
 *
 * Shapes and sizes as in conv.c. The output's lines (rows of pixels along the last axis, cut where they are long) are
 * shared out to `splits` partial sums, which conv_kernel_sum_f32 adds up in order: the cut is given by the caller,
 * from the shape alone. Within a split the tile adds up some CHUNK pixels in registers, then adds them to the partial
 * sum. A line and a tap make one block of it: dy's pixels are the rows of B, x's channels the columns of A, and pixels
 * whose tap lies outside of the image are left out of the block.
 *
 * Taps side by side along the last axis, with all their channels, are the columns of A together where no line
 * overlaps the edge. With few channels that is worth a copy of the lines with zeros around them, because a tap alone
 * would leave most of the tile's rows unused.
 */

enum { CONV_CHUNK = 256 }; /* pixels summed in registers: their dy fits in the first-level cache */

typedef struct {
    FNN(conv_shape) shape;
    ptrdiff_t depth, cols;       /* channels and filters of a group */
    ptrdiff_t pieces, length;    /* a line is cut into pieces of this many pixels */
    ptrdiff_t together;          /* lines in a chunk */
    ptrdiff_t splits, cuts;      /* units: splits x groups x cuts; a cut is one line of taps, or all of them */
    int merged, copied;          /* all taps of a line of them at once; from copies of x's lines */
    ptrdiff_t copy;              /* floats in a copied piece of a line */
} FNN(conv_kernel_job);

static FNN(conv_kernel_job) FNN(conv_kernel_divide)(const fnn_call *call)
{
    FNN(conv_kernel_job) job = {.shape = FNN(conv_sizes)(call), .splits = call->size[CONV_SIZES]};
    const FNN(conv_shape) *s = &job.shape;
    job.depth = s->c / s->groups;
    job.cols = s->oc / s->groups;
    job.pieces = fnn_ceil_div(s->out[2], CONV_CHUNK);
    job.length = fnn_ceil_div(s->out[2], job.pieces);
    job.together = job.pieces > 1 ? 1 : fnn_max(1, CONV_CHUNK / s->out[2]);
    job.cuts = job.splits < 8 ? s->window[0] * s->window[1] : 1;
    const int inside = s->before[2] <= 0 &&
                       (s->out[2] - 1) * s->stride[2] - s->before[2] + s->window[2] <= s->in[2];
    job.copied = !inside && job.depth < TILE_ROWS;
    job.merged = s->dilation[2] == 1 && s->groups == 1 && s->window[2] > 1 && (inside || job.copied);
    job.copied &= job.merged;
    job.copy = ((job.length - 1) * s->stride[2] + s->window[2]) * s->c;
    return job;
}

static void FNN(conv_kernel_grad_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(conv_kernel_job) job = FNN(conv_kernel_divide)(call);
    FNN(conv_cost)(&job.shape, work);
    work->units = job.splits * job.shape.groups * job.cuts;
    work->scratch = job.copied ? job.together * job.copy * (ptrdiff_t)sizeof(float) : 0;
}

/* The blocks of one chunk for one line of taps, and for one tap of it unless merged. */
typedef struct {
    const float *a[CONV_CHUNK], *b[CONV_CHUNK];
    ptrdiff_t count, k;
} FNN(conv_blocks);

/* copy = x's line `line` (c floats a pixel) from pixel `first` on, zeros where there is none. */
static void FNN(conv_copy_line)(const FNN(conv_kernel_job) *job, const float *line, ptrdiff_t first, float *copy)
{
    const ptrdiff_t c = job->shape.c;
    const ptrdiff_t from = fnn_min(fnn_max(0, -first * c), job->copy);
    const ptrdiff_t to = fnn_max(from, fnn_min(job->copy, (job->shape.in[2] - first) * c));
    memset(copy, 0, (size_t)from * sizeof *copy);
    memcpy(copy + from, line + first * c + from, (size_t)(to - from) * sizeof *copy);
    memset(copy + to, 0, (size_t)(job->copy - to) * sizeof *copy);
}

/* Collects the blocks of pieces [first, first + count) for taps (tz, ty, tx); merged: tx is 0 and stands for all. */
static void FNN(conv_collect)(const FNN(conv_kernel_job) *job, const float *x, const float *dy, ptrdiff_t first,
                              ptrdiff_t count, const ptrdiff_t *tap, float *copies, FNN(conv_blocks) *blocks)
{
    const FNN(conv_shape) *s = &job->shape;
    const ptrdiff_t start = tap[2] * s->dilation[2] - s->before[2]; /* output pixel q reads q * stride + start */
    ptrdiff_t lo = first % job->pieces * job->length, hi = fnn_min(s->out[2], lo + job->length);
    if (!job->merged) {
        lo = fnn_max(lo, start < 0 ? fnn_ceil_div(-start, s->stride[2]) : 0);
        hi = fnn_min(hi, start < s->in[2] ? (s->in[2] - 1 - start) / s->stride[2] + 1 : 0);
    }
    blocks->count = 0;
    blocks->k = hi - lo;
    if (hi <= lo)
        return;
    for (ptrdiff_t piece = first; piece < first + count; piece++) {
        const ptrdiff_t line = piece / job->pieces, rest = line / s->out[1], n = rest / s->out[0];
        const ptrdiff_t y = line % s->out[1] * s->stride[1] - s->before[1] + tap[1] * s->dilation[1];
        const ptrdiff_t z = rest % s->out[0] * s->stride[0] - s->before[0] + tap[0] * s->dilation[0];
        if (y < 0 || y >= s->in[1] || z < 0 || z >= s->in[0])
            continue;
        const float *from = x + ((n * s->in[0] + z) * s->in[1] + y) * s->in[2] * s->c;
        const ptrdiff_t at = lo * s->stride[2] + start;
        if (job->copied) {
            float *copy = copies + blocks->count * job->copy;
            FNN(conv_copy_line)(job, from, at, copy);
            blocks->a[blocks->count] = copy;
        } else {
            blocks->a[blocks->count] = from + at * s->c;
        }
        blocks->b[blocks->count++] = dy + (line * s->out[2] + lo) * s->oc;
    }
}

/* sizes, then: splits.  bufs: x, dy, partial (splits, kd, kh, kw, c / groups, oc) */
static void FNN(conv_kernel_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(conv_kernel_job) job = FNN(conv_kernel_divide)(call);
    const FNN(conv_shape) *s = &job.shape;
    const ptrdiff_t kernel = FNN(conv_volume)(s->window) * job.depth * s->oc;
    const ptrdiff_t pieces = s->n * s->out[0] * s->out[1] * job.pieces, panel = FNN(conv_panel)(job.cols);
    const ptrdiff_t tap_lines = s->window[0] * s->window[1], steps = job.merged ? 1 : s->window[2];
    const ptrdiff_t height = job.depth * (job.merged ? s->window[2] : 1), tiles = FNN(tile_count)(height);
    FNN(conv_blocks) blocks;
    fnn_tile t = {.lda = s->stride[2] * s->c, .ldb = s->oc, .ldc = s->oc, .rows = blocks.a, .b_rows = blocks.b};
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t cut = unit % job.cuts, group = unit / job.cuts % s->groups, split = unit / job.cuts / s->groups;
        const ptrdiff_t end = pieces * (split + 1) / job.splits, begin = pieces * split / job.splits;
        const float *x = (const float *)call->buf[0] + group * job.depth;
        const float *dy = (const float *)call->buf[1] + group * job.cols;
        float *partial = (float *)call->buf[2] + split * kernel + group * job.cols;
        for (ptrdiff_t first = begin; first == begin || first < end; first += job.together)
            for (ptrdiff_t at = cut * steps; at < (job.cuts > 1 ? cut + 1 : tap_lines) * steps; at++) {
                const ptrdiff_t line = at / steps, tap[3] = {line / s->window[1], line % s->window[1], at % steps};
                FNN(conv_collect)(&job, x, dy, first, fnn_min(job.together, end - first), tap, scratch, &blocks);
                t.accumulate = first > begin;
                if (blocks.count == 0 && t.accumulate)
                    continue;
                t.blocks = blocks.count;
                t.k = blocks.k;
                for (ptrdiff_t j = 0; j < job.cols; j += panel) {
                    t.n = fnn_min(panel, job.cols - j);
                    t.b_step = j;
                    for (ptrdiff_t tile = 0; tile < tiles; tile++) {
                        t.a_step = FNN(tile_rows_at)(height, tile);
                        t.c = partial + (at * height + t.a_step) * s->oc + j;
                        FNN(tile_scattered)(FNN(tile_rows_at)(height, tile + 1) - t.a_step, &t);
                    }
                }
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

#define FNN_CONV_GRAD_KERNELS                                                                                  \
    FNN_KERNEL(conv_kernel_grad_f32, conv_kernel_grad_work)                                                    \
    FNN_KERNEL(conv_kernel_sum_f32, conv_kernel_sum_work)
