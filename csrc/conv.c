/* conv.c - convolution and its gradient for the input, as products of the register tile (tile.h).
 *
 * x (n, d, h, w, c), y (n, od, oh, ow, oc), kernel (kd, kh, kw, c / groups, oc); one- and two-dimensional convolutions have
 * extents, windows and strides of 1 in front. With one axis and one group written out:
 *
 *     y[q, o]  = act( sum_{t, i} x[q * stride - before + t * dilation, i] * kernel[t, i, o] + bias[o] )
 *     dx[p, i] = sum_{t, o} dy[(p + before - t * dilation) / stride, o] * kernel[t, i, o]   where that divides
 *
 *     sizes: n  d h w  c  od oh ow  oc  kd kh kw  stride x 3  before x 3  dilation x 3  groups
 *
 * Output pixels are the rows of a product, filter taps the blocks its depth is made of, and each row of each block has a
 * pointer to where its input lies (Dukhan, "The Indirect Convolution Algorithm", arXiv 1907.02129): no patches are
 * copied. Padding is a pointer to zeros. Taps side by side along the last axis are one longer block where their
 * channels lie side by side, too; only there a row that overlaps the edge is copied, with zeros around it.
 *
 * The input's gradient falls into stride x 3 phases: input pixels p = r (mod stride) meet the same taps, and dy at
 * steps of one, so each phase is a plain convolution of dy, with the kernel's taps sorted by phase and transposed
 * (conv_flip_f32).
 */

typedef struct {
    ptrdiff_t n, in[3], c, out[3], oc, window[3], stride[3], before[3], dilation[3], groups;
} FNN(conv_shape);

enum { CONV_SIZES = 22 }; /* what follows is a kernel's own */

static FNN(conv_shape) FNN(conv_sizes)(const fnn_call *call)
{
    const ptrdiff_t *size = call->size;
    FNN(conv_shape) s = {.n = size[0], .c = size[4], .oc = size[8], .groups = size[21]};
    for (int i = 0; i < 3; i++) {
        s.in[i] = size[1 + i];
        s.out[i] = size[5 + i];
        s.window[i] = size[9 + i];
        s.stride[i] = size[12 + i];
        s.before[i] = size[15 + i];
        s.dilation[i] = size[18 + i];
    }
    return s;
}

static ptrdiff_t FNN(conv_volume)(const ptrdiff_t *extent) { return extent[0] * extent[1] * extent[2]; }

static void FNN(conv_cost)(const FNN(conv_shape) *s, fnn_work *work)
{
    const double pixels = (double)(s->n * FNN(conv_volume)(s->out)), taps = (double)FNN(conv_volume)(s->window);
    const double depth = (double)(s->c / fnn_max(s->groups, 1));
    work->flops = 2.0 * pixels * taps * depth * (double)s->oc;
    work->bytes = 4.0 * ((double)(s->n * FNN(conv_volume)(s->in) * s->c) + pixels * (double)s->oc +
                         taps * depth * (double)s->oc);
}

/* Along one axis, tap t of output q reads input  q * stride + first + t * step. */
typedef struct {
    ptrdiff_t out, in, stride, first, step, taps;
} FNN(conv_axis);

/* A convolution as the tile sees it: of `depth` of each pixel's `channels`, with `cols` filters. */
typedef struct {
    FNN(conv_axis) axis[3];
    ptrdiff_t images, channels, depth, cols;
    ptrdiff_t ldb, b_step;     /* from one row of the filters' matrix, and from one block, to the next */
    int merged;                /* a block is all taps along the last axis, otherwise one tap */
    ptrdiff_t blocks, k;       /* the depth of the product is blocks x k */
    ptrdiff_t slice, together; /* it is summed in parts: slices of k, this many blocks at once */
    ptrdiff_t rows;            /* output pixels */
    ptrdiff_t strips, panels;  /* units: strips of rows, each cut into ranges of columns */
} FNN(conv_job);

/* A part of the product's depth: its panel of filters stays in the first-level cache. */
#define CONV_DEPTH (TILE_DEPTH + TILE_DEPTH / 4)
/* Row tiles that share a panel, and pointers found once for all panels. */
#define CONV_TILES 16
#define CONV_ROWS (CONV_TILES * TILE_ROWS)
/* Units that a small convolution is cut into, so that threads have something to share. */
#define CONV_LEAST_UNITS 8

/* How wide the column panels of n columns are: as even as whole words allow, TILE_COLS at most. */
static ptrdiff_t FNN(conv_panel)(ptrdiff_t n)
{
    const ptrdiff_t words = fnn_max(1, fnn_ceil_div(n, TILE_LANES)), panels = fnn_ceil_div(words, TILE_WORDS);
    return fnn_ceil_div(words, panels) * TILE_LANES;
}

/* Fills in what follows from axis, images, channels, depth and cols. */
static void FNN(conv_divide)(FNN(conv_job) *job)
{
    const FNN(conv_axis) *z = &job->axis[0], *y = &job->axis[1], *x = &job->axis[2];
    job->merged = x->taps == 1 || (x->step == 1 && job->depth == job->channels);
    job->blocks = z->taps * y->taps * (job->merged ? (x->taps > 0) : x->taps);
    job->k = job->depth * (job->merged ? x->taps : 1);
    const ptrdiff_t slices = fnn_max(1, fnn_ceil_div(job->k, CONV_DEPTH));
    job->slice = fnn_max(1, fnn_ceil_div(job->k, slices));
    job->together = fnn_max(1, fnn_min(job->blocks, CONV_DEPTH / job->slice));
    job->together = fnn_ceil_div(fnn_max(1, job->blocks), fnn_ceil_div(fnn_max(1, job->blocks), job->together));
    job->rows = job->images * z->out * y->out * x->out;
    const ptrdiff_t tiles = FNN(tile_count)(job->rows), wide = fnn_ceil_div(job->cols, FNN(conv_panel)(job->cols));
    job->strips = fnn_ceil_div(tiles, CONV_TILES);
    job->panels = job->strips == 0 ? 0 : fnn_min(wide, fnn_ceil_div(CONV_LEAST_UNITS, job->strips));
    if (job->strips * job->panels < CONV_LEAST_UNITS && job->panels > 0)
        job->strips = fnn_min(tiles, fnn_ceil_div(CONV_LEAST_UNITS, job->panels));
}

/* Floats of scratch, each piece of it rounded up to a cache line. */
static ptrdiff_t FNN(conv_lines)(ptrdiff_t floats) { return (floats + 15) / 16 * 16; }

static ptrdiff_t FNN(conv_scratch)(const FNN(conv_job) *job)
{
    const ptrdiff_t pointers = CONV_ROWS * job->together * (ptrdiff_t)(sizeof(void *) / sizeof(float));
    return (FNN(conv_lines)(job->slice) + FNN(conv_lines)(pointers) + FNN(conv_lines)(CONV_ROWS * job->together * job->slice) +
            FNN(conv_lines)(CONV_ROWS * job->cols)) * (ptrdiff_t)sizeof(float);
}

/* Where an output pixel's window starts: input coordinates, and the element (perhaps outside of the image). */
typedef struct {
    ptrdiff_t at[3], base;
    int edge; /* some tap lies outside of the image */
} FNN(conv_pixel);

static void FNN(conv_pixels)(const FNN(conv_job) *job, ptrdiff_t first, ptrdiff_t rows, FNN(conv_pixel) *pixel)
{
    const FNN(conv_axis) *ax = job->axis;
    ptrdiff_t x = first % ax[2].out, rest = first / ax[2].out;
    ptrdiff_t y = rest % ax[1].out, z = rest / ax[1].out % ax[0].out, n = rest / ax[1].out / ax[0].out;
    for (ptrdiff_t m = 0; m < rows; m++) {
        const ptrdiff_t q[3] = {z, y, x};
        pixel[m].edge = 0;
        pixel[m].base = n;
        for (int i = 0; i < 3; i++) {
            const ptrdiff_t at = q[i] * ax[i].stride + ax[i].first;
            pixel[m].at[i] = at;
            pixel[m].edge |= at < 0 || at + (ax[i].taps - 1) * ax[i].step >= ax[i].in;
            pixel[m].base = pixel[m].base * ax[i].in + at;
        }
        pixel[m].base *= job->channels;
        if (++x == ax[2].out) {
            x = 0;
            if (++y == ax[1].out) {
                y = 0;
                if (++z == ax[0].out)
                    z = 0, n++;
            }
        }
    }
}

/* One part of the depth: slice [k0, k0 + k) of blocks [first, first + count). */
typedef struct {
    ptrdiff_t first, count, k0, k;
} FNN(conv_part);

/* Which tap a block is (merged: the first of its taps), as steps from the window's start along each axis. */
static void FNN(conv_tap)(const FNN(conv_job) *job, ptrdiff_t block, ptrdiff_t *step)
{
    const ptrdiff_t along = job->merged ? 1 : job->axis[2].taps;
    step[2] = block % along * job->axis[2].step;
    step[1] = block / along % job->axis[1].taps * job->axis[1].step;
    step[0] = block / along / job->axis[1].taps * job->axis[0].step;
}

/* The pointer for a pixel that has taps outside of the image. */
static const float *FNN(conv_edge)(const FNN(conv_job) *job, const FNN(conv_pixel) *pixel, const ptrdiff_t *step,
                                   const FNN(conv_part) *part, const float *inside, const float *zeros, float *copy)
{
    for (int i = 0; i < (job->merged ? 2 : 3); i++)
        if (pixel->at[i] + step[i] < 0 || pixel->at[i] + step[i] >= job->axis[i].in)
            return zeros;
    if (!job->merged)
        return inside;
    /* The block's elements [from, to) lie on the image. */
    const FNN(conv_axis) *x = &job->axis[2];
    const ptrdiff_t from = fnn_max(0, -pixel->at[2]) * job->depth - part->k0;
    const ptrdiff_t to = fnn_min(x->taps, x->in - pixel->at[2]) * job->depth - part->k0;
    if (from <= 0 && to >= part->k)
        return inside;
    if (to <= 0 || from >= part->k || to <= from)
        return zeros;
    for (ptrdiff_t p = 0; p < from; p++)
        copy[p] = 0.0f;
    for (ptrdiff_t p = fnn_max(from, 0); p < fnn_min(to, part->k); p++)
        copy[p] = inside[p];
    for (ptrdiff_t p = fnn_max(to, 0); p < part->k; p++)
        copy[p] = 0.0f;
    return copy;
}

/* The row pointers of one part, tile by tile: (tiles, part->count, TILE_ROWS). */
static void FNN(conv_pointers)(const FNN(conv_job) *job, const float *a, const FNN(conv_pixel) *pixel, ptrdiff_t rows,
                               const FNN(conv_part) *part, const float *zeros, const float **table, float *copies)
{
    const FNN(conv_axis) *ax = job->axis;
    ptrdiff_t offset[CONV_DEPTH], step[CONV_DEPTH][3];
    for (ptrdiff_t s = 0; s < part->count; s++) {
        FNN(conv_tap)(job, part->first + s, step[s]);
        offset[s] = ((step[s][0] * ax[1].in + step[s][1]) * ax[2].in + step[s][2]) * job->channels + part->k0;
    }
    for (ptrdiff_t tile = 0; tile < FNN(tile_count)(rows); tile++) {
        const ptrdiff_t from = FNN(tile_rows_at)(rows, tile), to = FNN(tile_rows_at)(rows, tile + 1);
        const float **to_rows = table + tile * part->count * TILE_ROWS;
        uintptr_t base[TILE_ROWS]; /* as integers: pointers outside of the image must not be formed */
        int edge = 0;
        for (ptrdiff_t i = 0; i < TILE_ROWS; i++) {
            const FNN(conv_pixel) *at = &pixel[fnn_min(from + i, to - 1)];
            base[i] = (uintptr_t)a + (uintptr_t)at->base * sizeof *a;
            edge |= at->edge;
        }
        for (ptrdiff_t s = 0; s < part->count; s++)
            for (ptrdiff_t i = 0; i < TILE_ROWS; i++)
                to_rows[s * TILE_ROWS + i] = (const float *)(base[i] + (uintptr_t)offset[s] * sizeof *a);
        for (ptrdiff_t m = from; edge && m < to; m++)
            for (ptrdiff_t s = 0; pixel[m].edge && s < part->count; s++) {
                const float **row = &to_rows[s * TILE_ROWS + m - from];
                *row = FNN(conv_edge)(job, &pixel[m], step[s], part, *row, zeros,
                                      copies + (m * part->count + s) * job->slice);
            }
    }
}

/* Rows [first, first + rows) and columns [j0, j1): c[m - first, j] = act(product + bias). a: the group's first channel. */
static void FNN(conv_rectangle)(const FNN(conv_job) *job, const float *a, const float *b, ptrdiff_t first,
                                ptrdiff_t rows, ptrdiff_t j0, ptrdiff_t j1, const float *bias, int activation,
                                float alpha, float *c, ptrdiff_t ldc, float *scratch)
{
    float *zeros = scratch;
    const float **table = (const float **)(void *)(zeros + FNN(conv_lines)(job->slice));
    float *copies = (float *)(void *)table +
                    FNN(conv_lines)(CONV_ROWS * job->together * (ptrdiff_t)(sizeof(void *) / sizeof(float)));
    FNN(conv_pixel) pixel[CONV_ROWS];
    const ptrdiff_t tiles = FNN(tile_count)(rows), panel = FNN(conv_panel)(job->cols);
    memset(zeros, 0, (size_t)job->slice * sizeof *zeros);
    FNN(conv_pixels)(job, first, rows, pixel);
    fnn_tile t = {.lda = 0, .rows_step = TILE_ROWS, .ldb = job->ldb, .b_step = job->b_step, .ldc = ldc, .alpha = alpha};
    for (ptrdiff_t block = 0; block == 0 || block < job->blocks; block += job->together)
        for (ptrdiff_t k0 = 0; k0 == 0 || k0 < job->k; k0 += job->slice) {
            const FNN(conv_part) part = {block, fnn_min(job->together, job->blocks - block), k0,
                                         fnn_min(job->slice, job->k - k0)};
            const int last = block + job->together >= job->blocks && k0 + job->slice >= job->k;
            FNN(conv_pointers)(job, a, pixel, rows, &part, zeros, table, copies);
            t.blocks = part.count;
            t.k = part.k;
            t.accumulate = block > 0 || k0 > 0;
            t.activation = last ? activation : FNN_LINEAR;
            for (ptrdiff_t j = j0; j < j1; j += panel) {
                t.n = fnn_min(panel, j1 - j);
                t.b = b + block * job->b_step + k0 * job->ldb + j;
                t.bias = last && bias ? bias + j : NULL;
                for (ptrdiff_t tile = 0; tile < tiles; tile++) {
                    const ptrdiff_t at = FNN(tile_rows_at)(rows, tile);
                    t.rows = table + tile * part.count * TILE_ROWS;
                    t.c = c + at * ldc + j;
                    FNN(tile_indirect)(FNN(tile_rows_at)(rows, tile + 1) - at, &t);
                }
            }
        }
}

/* Unit `unit` of a job as rows [*first, *end) and columns [*j0, *j1). */
static void FNN(conv_unit)(const FNN(conv_job) *job, ptrdiff_t unit, ptrdiff_t *first, ptrdiff_t *end, ptrdiff_t *j0,
                           ptrdiff_t *j1)
{
    const ptrdiff_t strip = unit / job->panels, range = unit % job->panels, tiles = FNN(tile_count)(job->rows);
    const ptrdiff_t panel = FNN(conv_panel)(job->cols), wide = fnn_ceil_div(job->cols, panel);
    *first = FNN(tile_rows_at)(job->rows, tiles * strip / job->strips);
    *end = FNN(tile_rows_at)(job->rows, tiles * (strip + 1) / job->strips);
    *j0 = wide * range / job->panels * panel;
    *j1 = fnn_min(job->cols, wide * (range + 1) / job->panels * panel);
}

/* ---- forward ---- */

static FNN(conv_job) FNN(conv_forward)(const FNN(conv_shape) *s)
{
    FNN(conv_job) job = {.images = s->n, .channels = s->c, .depth = s->c / s->groups, .cols = s->oc / s->groups};
    for (int i = 0; i < 3; i++)
        job.axis[i] = (FNN(conv_axis)){s->out[i], s->in[i], s->stride[i], -s->before[i], s->dilation[i], s->window[i]};
    FNN(conv_divide)(&job);
    job.ldb = s->oc;
    job.b_step = job.k * s->oc;
    return job;
}

static void FNN(conv_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    const FNN(conv_job) job = FNN(conv_forward)(&s);
    FNN(conv_cost)(&s, work);
    work->units = s.groups * job.strips * job.panels;
    work->scratch = FNN(conv_scratch)(&job);
}

/* sizes, then: bias (0 or 1), activation (fnn_activation).  attrs: alpha.  bufs: x, kernel, [bias (oc,),] y */
static void FNN(conv_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    const FNN(conv_job) job = FNN(conv_forward)(&s);
    const int has_bias = call->size[CONV_SIZES] != 0, activation = (int)call->size[CONV_SIZES + 1];
    const float *x = call->buf[0], *kernel = call->buf[1], *bias = has_bias ? call->buf[2] : NULL;
    float *y = call->buf[2 + has_bias];
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t group = unit % s.groups, at = group * job.cols;
        ptrdiff_t first, end, j0, j1;
        FNN(conv_unit)(&job, unit / s.groups, &first, &end, &j0, &j1);
        FNN(conv_rectangle)(&job, x + group * job.depth, kernel + at, first, end - first, j0, j1,
                            bias ? bias + at : NULL, activation, call->attrs ? (float)call->attr[0] : 0.0f,
                            y + first * s.oc + at, s.oc, scratch);
    }
}

/* ---- the gradient for the input ---- */

/* Input pixels p = r + stride * q along one axis, and the taps that reach them: tap t of the phase is the kernel's tap
 * last - t * apart, so that dy is read forwards. */
typedef struct {
    FNN(conv_axis) axis;
    ptrdiff_t last, apart;
} FNN(phase_axis);

static FNN(phase_axis) FNN(conv_phase_axis)(const FNN(conv_shape) *s, int i, ptrdiff_t r)
{
    const ptrdiff_t stride = s->stride[i], gap = s->dilation[i];
    FNN(phase_axis) p = {.axis = {.out = fnn_max(0, fnn_ceil_div(s->in[i] - r, stride)), .in = s->out[i], .stride = 1}};
    p.apart = 1;
    while (p.apart * gap % stride) /* taps so far apart meet the same phase */
        p.apart++;
    p.axis.step = p.apart * gap / stride;
    for (ptrdiff_t tap = 0; tap < s->window[i]; tap++)
        if ((r + s->before[i] - tap * gap) % stride == 0) {
            p.axis.taps++;
            p.last = tap;
        }
    p.axis.first = (r + s->before[i] - p.last * gap) / stride;
    return p;
}

typedef struct {
    FNN(conv_job) job;
    FNN(phase_axis) along[3];
    ptrdiff_t r[3], taps; /* taps: of the phases before this one */
} FNN(phase);

/* Moves to phase `index`; *p is the phase before, all zero for the first. */
static void FNN(conv_next_phase)(const FNN(conv_shape) *s, ptrdiff_t index, FNN(phase) *p)
{
    FNN(conv_job) *job = &p->job;
    p->taps += job->axis[0].taps * job->axis[1].taps * job->axis[2].taps;
    *job = (FNN(conv_job)){.images = s->n, .channels = s->oc, .depth = s->oc / s->groups, .cols = s->c / s->groups};
    for (int i = 2; i >= 0; i--) {
        p->r[i] = index % s->stride[i];
        index /= s->stride[i];
        p->along[i] = FNN(conv_phase_axis)(s, i, p->r[i]);
        job->axis[i] = p->along[i].axis;
    }
    FNN(conv_divide)(job);
    job->ldb = job->cols;
    job->b_step = (job->merged ? job->axis[2].taps : 1) * s->oc * job->cols;
}

static void FNN(conv_input_grad_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    FNN(phase) phase = {.taps = 0};
    FNN(conv_cost)(&s, work);
    for (ptrdiff_t i = 0; i < FNN(conv_volume)(s.stride); i++) {
        FNN(conv_next_phase)(&s, i, &phase);
        work->units += s.groups * phase.job.strips * phase.job.panels;
        work->scratch = fnn_max(work->scratch, FNN(conv_scratch)(&phase.job));
    }
}

/* Rows [first, first + rows), columns [j0, j1) of a phase go to their pixels of dx. */
static void FNN(conv_spread)(const FNN(conv_shape) *s, const FNN(phase) *p, ptrdiff_t first, ptrdiff_t rows, ptrdiff_t j0,
                             ptrdiff_t j1, const float *c, ptrdiff_t ldc, float *dx)
{
    const FNN(conv_axis) *ax = p->job.axis;
    for (ptrdiff_t m = 0; m < rows; m++) {
        const ptrdiff_t row = first + m, x = row % ax[2].out, line = row / ax[2].out;
        const ptrdiff_t y = line % ax[1].out, z = line / ax[1].out % ax[0].out, n = line / ax[1].out / ax[0].out;
        ptrdiff_t to = n * s->in[0] + p->r[0] + z * s->stride[0];
        to = to * s->in[1] + p->r[1] + y * s->stride[1];
        to = to * s->in[2] + p->r[2] + x * s->stride[2];
        float *pixel = dx + to * s->c;
        const float *from = c + m * ldc;
        ptrdiff_t j = j0;
        for (; j + VF_LANES <= j1; j += VF_LANES)
            vf_store(pixel + j, vf_load(from + j));
        for (; j < j1; j++)
            pixel[j] = from[j];
    }
}

/* bufs: dy, flipped (as conv_flip_f32 leaves it), dx */
static void FNN(conv_input_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    const float *dy = call->buf[0], *flipped = call->buf[1];
    float *dx = call->buf[2];
    const int dense = FNN(conv_volume)(s.stride) == 1;
    FNN(phase) phase = {.taps = 0};
    ptrdiff_t before = 0; /* units of the phases before */
    for (ptrdiff_t i = 0; i < FNN(conv_volume)(s.stride) && before < hi; i++) {
        FNN(conv_next_phase)(&s, i, &phase);
        const FNN(conv_job) *job = &phase.job;
        const ptrdiff_t units = s.groups * job->strips * job->panels;
        float *rows = (float *)scratch + FNN(conv_scratch)(job) / (ptrdiff_t)sizeof(float) - FNN(conv_lines)(CONV_ROWS * job->cols);
        for (ptrdiff_t unit = fnn_max(lo, before); unit < fnn_min(hi, before + units); unit++) {
            const ptrdiff_t group = (unit - before) % s.groups;
            const float *b = flipped + (phase.taps * s.oc + group * job->depth) * job->cols;
            ptrdiff_t first, end, j0, j1;
            FNN(conv_unit)(job, (unit - before) / s.groups, &first, &end, &j0, &j1);
            float *to = dx + group * job->cols;
            FNN(conv_rectangle)(job, dy + group * job->depth, b, first, end - first, j0, j1, NULL, FNN_LINEAR, 0.0f,
                                dense ? to + first * s.c : rows, dense ? s.c : job->cols, scratch);
            if (!dense)
                FNN(conv_spread)(&s, &phase, first, end - first, j0, j1, rows, job->cols, to);
        }
        before += units;
    }
}

static void FNN(conv_flip_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    work->units = FNN(conv_volume)(s.window);
    work->bytes = 8.0 * (double)(FNN(conv_volume)(s.window) * (s.c / fnn_max(s.groups, 1)) * s.oc);
}

/* bufs: kernel, flipped (kd * kh * kw, oc, c / groups): each phase's taps, in the order it reads dy. */
static void FNN(conv_flip_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    const ptrdiff_t depth = s.c / s.groups, tap_size = depth * s.oc;
    FNN(phase) phase = {.taps = 0};
    for (ptrdiff_t i = 0; i < FNN(conv_volume)(s.stride); i++) {
        FNN(conv_next_phase)(&s, i, &phase);
        const FNN(phase_axis) *z = &phase.along[0], *y = &phase.along[1], *x = &phase.along[2];
        const ptrdiff_t taps = z->axis.taps * y->axis.taps * x->axis.taps;
        for (ptrdiff_t at = fnn_max(lo, phase.taps); at < fnn_min(hi, phase.taps + taps); at++) {
            const ptrdiff_t t = at - phase.taps;
            const ptrdiff_t tz = z->last - t / x->axis.taps / y->axis.taps * z->apart;
            const ptrdiff_t ty = y->last - t / x->axis.taps % y->axis.taps * y->apart;
            const ptrdiff_t tx = x->last - t % x->axis.taps * x->apart;
            const ptrdiff_t tap = (tz * s.window[1] + ty) * s.window[2] + tx;
            FNN(gemm_transpose)(depth, s.oc, (const float *)call->buf[0] + tap * tap_size, s.oc,
                                (float *)call->buf[1] + at * tap_size, depth);
        }
    }
}

#define FNN_CONV_KERNELS                                                                                       \
    FNN_KERNEL(conv_f32, conv_work)                                                                            \
    FNN_KERNEL(conv_input_grad_f32, conv_input_grad_work)                                                      \
    FNN_KERNEL(conv_flip_f32, conv_flip_work)
