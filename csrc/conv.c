/* conv.c - convolution and its gradient for the input, as products of the register tile (tile.h).
 *
 * x (n, d, h, w, c), y (n, od, oh, ow, oc), kernel (kd, kh, kw, c / groups, oc); one- and two-dimensional
 * convolutions have extents, windows and strides of 1 in front. With one axis and one group written out:
 *
 *     y[q, o]  = act( sum_{t, i} x[q * stride - before + t * dilation, i] * kernel[t, i, o] + bias[o] )
 *     dx[p, i] = sum_{t, o} dy[(p + before - t * dilation) / stride, o] * kernel[t, i, o]   where that
 * divides
 *
 *     sizes: n  d h w  c  od oh ow  oc  kd kh kw  stride x 3  before x 3  dilation x 3  groups
 *
 * Output cells are the rows of a product, filter taps the blocks its depth is made of: a row is a pointer to
 * where its window starts, a tap a shift that is the same for all rows, so no patches are copied. Where
 * windows reach over the edge, the part of the input that a unit sees is copied once, with zeros around it.
 * Taps side by side along the last axis are one longer block where their channels lie side by side, too.
 *
 * The input's gradient falls into stride x 3 phases: input cells p = r (mod stride) meet the same taps, and
 * dy at steps of one, so each phase is a plain convolution of dy, with the kernel's taps sorted by phase and
 * transposed (conv_flip_f32).
 *
 * Filters are read in the order of the kernel, or, if there are many, packed into panels (conv_pack_f32):
 * rows of the kernel's matrix far apart would fall into few sets of the first-level cache.
 *
 * conv_bf16, conv_input_grad_bf16, conv_pack_bf16 and conv_flip_bf16 take bfloat16 operands: what a unit sees is always
 * copied, a pixel's channels as words (words.h), and filters are always packed, rows of words; from there on, what is
 * said of floats holds for words.
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

static void FNN(conv_cost)(const FNN(conv_shape) * s, fnn_work *work)
{
    const double pixels = (double)(s->n * FNN(conv_volume)(s->out)),
                 taps = (double)FNN(conv_volume)(s->window);
    const double depth = (double)(s->c / fnn_max(s->groups, 1));
    work->flops = 2.0 * pixels * taps * depth * (double)s->oc;
    work->bytes = 4.0 * ((double)(s->n * FNN(conv_volume)(s->in) * s->c) + pixels * (double)s->oc +
                         taps * depth * (double)s->oc);
}

/* One axis of a convolution, or of its transpose. The cells made fall into phases: cell q of phase r is
 * output q * phases + r, and its tap t reads input cell q * stride + first + t * step. */
typedef struct {
    ptrdiff_t in, out, stride, phases;
    ptrdiff_t lo, hi; /* all taps of all phases read cells from q * stride + lo to q * stride + hi */
} FNN(conv_axis);

/* One phase; its tap t is the kernel's tap last - t * apart. */
typedef struct {
    ptrdiff_t count, first, step, taps, last, apart;
} FNN(conv_phase);

static FNN(conv_phase) FNN(conv_phase_of)(const FNN(conv_shape) * s, int transposed, int i, ptrdiff_t r)
{
    const ptrdiff_t stride = s->stride[i], gap = s->dilation[i];
    if (!transposed)
        return (FNN(conv_phase)){s->out[i], -s->before[i], gap, s->window[i], 0, -1};
    FNN(conv_phase) p = {.count = fnn_max(0, fnn_ceil_div(s->in[i] - r, stride)), .apart = 1};
    while (p.apart * gap % stride) /* taps so far apart meet the same phase */
        p.apart++;
    p.step = p.apart * gap / stride;
    for (ptrdiff_t tap = 0; tap < s->window[i]; tap++)
        if ((r + s->before[i] - tap * gap) % stride == 0) {
            p.taps++;
            p.last = tap;
        }
    p.first = (r + s->before[i] - p.last * gap) / stride;
    return p;
}

/* The geometry of a convolution (or of its transpose), and how its cells are cut into units: blocks of
 * `slices` x `lines` x `length` cells of each phase. A slice is an image, or a plane of a three-dimensional
 * one. */
typedef struct {
    FNN(conv_shape) shape;
    int transposed;
    int few; /* by planes: see conv_planes.h */
    FNN(conv_axis) axis[3];
    ptrdiff_t channels, made;            /* of what is read and of what is written */
    ptrdiff_t depth, cols;               /* the same of one group */
    ptrdiff_t images;                    /* that a word is made of; 1: a word is made along the channels */
    ptrdiff_t all_images;                /* shape.n: images, or pairs of them */
    ptrdiff_t words;                     /* of the depth */
    int inside;                          /* no tap lies outside: the input is read where it is */
    ptrdiff_t pixel, line, plane, slice; /* floats from one cell, line, plane, slice read to the next */
    ptrdiff_t all_slices, all_lines, all_cells; /* of phase 0, which has the most */
    ptrdiff_t slices, lines, length;
    ptrdiff_t slabs, bands, chunks; /* blocks along each axis */
} FNN(conv_job);

/* A part of the product's depth: its panel of filters stays in the first-level cache. */
#define CONV_DEPTH (TILE_DEPTH + TILE_DEPTH / 4)
/* Cells of a block: row tiles that share a panel of filters. */
#define CONV_CELLS (TILE_ROWS > 16 ? CONV_MOST_CELLS : 16 * TILE_ROWS)
/* The same for the kernel's gradient: a panel of their dy fits in the first-level cache. */
#define CONV_GRAD_CELLS 256
#define CONV_MOST_CELLS CONV_GRAD_CELLS
/* Blocks of the depth no longer than this are taken as one. */
#define CONV_SHORT 32
/* Units that a small convolution is cut into, so that threads have something to share. */
#define CONV_LEAST_UNITS 16

/* How wide the column panels of n columns are: as even as whole words allow, TILE_COLS at most. */
static ptrdiff_t FNN(conv_panel)(ptrdiff_t n)
{
    const ptrdiff_t words = fnn_max(1, fnn_ceil_div(n, TILE_LANES)), panels = fnn_ceil_div(words, TILE_WORDS);
    return fnn_ceil_div(words, panels) * TILE_LANES;
}

static ptrdiff_t FNN(conv_words)(ptrdiff_t n) { return fnn_ceil_div(n, TILE_LANES) * TILE_LANES; }

/* Floats of scratch, each piece of it rounded up to a cache line. */
static ptrdiff_t FNN(conv_lines)(ptrdiff_t floats) { return (floats + 15) / 16 * 16; }

/* images: in a word. */
static FNN(conv_job) FNN(conv_divide)(const FNN(conv_shape) * shape, int transposed, ptrdiff_t images,
                                      ptrdiff_t cells, ptrdiff_t pieces)
{
    FNN(conv_job)
    job = {.shape = *shape,
           .transposed = transposed,
           .inside = !FNN(rounded),
           .images = images,
           .all_images = shape->n};
    FNN(conv_shape) *const s = &job.shape;
    const ptrdiff_t groups = fnn_max(1, s->groups);
    s->n = fnn_ceil_div(s->n, images);
    job.channels = transposed ? s->oc : s->c;
    job.made = transposed ? s->c : s->oc;
    job.depth = job.channels / groups;
    job.cols = job.made / groups;
    job.words = images > 1 ? job.depth : FNN(words)(job.depth);
    ptrdiff_t count[3];
    for (int i = 0; i < 3; i++) {
        FNN(conv_axis) *axis = &job.axis[i];
        *axis = (FNN(conv_axis)){.in = transposed ? s->out[i] : s->in[i],
                                 .out = transposed ? s->in[i] : s->out[i],
                                 .stride = transposed ? 1 : s->stride[i],
                                 .phases = transposed ? s->stride[i] : 1,
                                 .lo = PTRDIFF_MAX,
                                 .hi = PTRDIFF_MIN};
        for (ptrdiff_t r = 0; r < axis->phases; r++) {
            const FNN(conv_phase) p = FNN(conv_phase_of)(s, transposed, i, r);
            count[i] = r == 0 ? p.count : count[i];
            if (p.taps > 0 && p.count > 0) {
                axis->lo = fnn_min(axis->lo, p.first);
                axis->hi = fnn_max(axis->hi, p.first + (p.taps - 1) * p.step);
            }
        }
        if (axis->lo > axis->hi)
            axis->lo = axis->hi = 0; /* no taps at all */
        job.inside &= axis->lo >= 0 && (count[i] - 1) * axis->stride + axis->hi < axis->in;
    }
    job.all_slices = s->n * count[0];
    job.all_lines = count[1];
    job.all_cells = count[2];
    if (job.all_slices * job.all_lines * job.all_cells <= 0)
        return job;
    job.chunks = fnn_ceil_div(job.all_cells, cells);
    job.length = fnn_ceil_div(job.all_cells, job.chunks);
    job.bands = fnn_ceil_div(job.all_lines, fnn_max(1, cells / job.length));
    job.lines = fnn_ceil_div(job.all_lines, job.bands);
    job.slices = 1;
    if (job.bands == 1 && job.chunks == 1)
        job.slices =
            fnn_max(1, fnn_min(cells / (job.lines * job.length), fnn_ceil_div(job.all_slices, pieces)));
    job.slabs = fnn_ceil_div(job.all_slices, job.slices);
    if (job.inside) {
        job.pixel = job.channels;
        job.line = job.axis[2].in * job.pixel;
        job.plane = job.axis[1].in * job.line;
    } else {
        job.pixel = job.words;
        job.line = ((job.length - 1) * job.axis[2].stride + job.axis[2].hi - job.axis[2].lo + 1) * job.pixel;
        job.plane = ((job.lines - 1) * job.axis[1].stride + job.axis[1].hi - job.axis[1].lo + 1) * job.line;
        job.slice = (job.axis[0].hi - job.axis[0].lo + 1) * job.plane;
    }
    return job;
}

static ptrdiff_t FNN(conv_blocks)(const FNN(conv_job) * job) { return job->slabs * job->bands * job->chunks; }

static ptrdiff_t FNN(conv_scratch)(const FNN(conv_job) * job)
{
    return job->inside ? 0 : job->slices * job->slice * (ptrdiff_t)sizeof(float);
}

/* A block: slices, lines and cells from `start` on, `extent` of them, and where their windows begin. */
typedef struct {
    ptrdiff_t start[3], extent[3];
    const float *rows[CONV_MOST_CELLS]; /* extent[0] x extent[1] x extent[2] */
} FNN(conv_block);

/* From an image read to the next, whose elements share its words; 0: none does. */
static ptrdiff_t FNN(conv_partner)(const FNN(conv_job) * job, ptrdiff_t image, ptrdiff_t floats)
{
    return image * job->images + 1 < fnn_min(job->all_images, (image + 1) * job->images) ? floats : 0;
}

/* to = `count` cells of a line of x (job->channels floats each) from cell `first` on, zeros where there is
 * none. partner: from the line to the one of the image that shares its words, or 0. */
static void FNN(conv_copy_line)(const FNN(conv_job) * job, const float *line, ptrdiff_t partner,
                                ptrdiff_t first, ptrdiff_t count, float *to)
{
    const ptrdiff_t depth = job->depth, words = job->words, width = job->axis[2].in;
    const ptrdiff_t from = fnn_min(count, fnn_max(0, -first)),
                    end = fnn_max(from, fnn_min(count, width - first));
    /* Cells whose words follow each other as their floats do are one run. */
    const int together = depth == job->channels && (job->images > 1 || depth % WORD_DEPTH == 0);
    const ptrdiff_t run = together ? end - from : 1;
    memset(to, 0, (size_t)(from * words) * sizeof *to);
    for (ptrdiff_t i = from; i < end; i += run) {
        const float *cell = line + (first + i) * job->channels;
        if (job->images > 1)
            FNN(words_copy_across)(run * depth, cell, partner ? cell + partner : NULL, to + i * words);
        else
            FNN(words_copy_along)(run * depth, cell, to + i * words);
    }
    memset(to + end * words, 0, (size_t)((count - end) * words) * sizeof *to);
}

/* Where block number `at` lies. */
static void FNN(conv_place)(const FNN(conv_job) * job, ptrdiff_t at, FNN(conv_block) * block)
{
    block->start[0] = at / job->chunks / job->bands * job->slices;
    block->start[1] = at / job->chunks % job->bands * job->lines;
    block->start[2] = at % job->chunks * job->length;
    block->extent[0] = fnn_max(0, fnn_min(job->slices, job->all_slices - block->start[0]));
    block->extent[1] = fnn_max(0, fnn_min(job->lines, job->all_lines - block->start[1]));
    block->extent[2] = fnn_max(0, fnn_min(job->length, job->all_cells - block->start[2]));
}

/* Finds block number `at`, and copies what it reads unless it may be read in place. x: the group's first
 * channel. */
static void FNN(conv_find)(const FNN(conv_job) * job, ptrdiff_t at, const float *x, FNN(conv_block) * block,
                           float *copy)
{
    const FNN(conv_axis) *z = &job->axis[0], *y = &job->axis[1], *w = &job->axis[2];
    const ptrdiff_t deep = job->all_slices / job->shape.n;
    FNN(conv_place)(job, at, block);
    const float **rows = block->rows;
    const ptrdiff_t plane = y->in * w->in * job->channels;
    const ptrdiff_t top = block->start[1] * y->stride + y->lo, left = block->start[2] * w->stride + w->lo;
    const ptrdiff_t high = (block->extent[1] - 1) * y->stride + y->hi - y->lo + 1;
    const ptrdiff_t wide = (block->extent[2] - 1) * w->stride + w->hi - w->lo + 1;
    for (ptrdiff_t i = 0; i < block->extent[0]; i++) {
        const ptrdiff_t slice = block->start[0] + i, image = slice / deep,
                        depth = slice % deep * z->stride + z->lo;
        const float *from;
        if (job->inside) {
            from = x + (((image * z->in + depth) * y->in + top) * w->in + left) * job->channels;
        } else {
            for (ptrdiff_t d = 0; d <= z->hi - z->lo; d++)
                for (ptrdiff_t h = 0; h < high; h++) {
                    float *to = copy + i * job->slice + d * job->plane + h * job->line;
                    if (depth + d < 0 || depth + d >= z->in || top + h < 0 || top + h >= y->in) {
                        memset(to, 0, (size_t)(wide * job->words) * sizeof *to);
                        continue;
                    }
                    const float *line = x + (image * job->images * z->in + depth + d) * plane +
                                        (top + h) * w->in * job->channels;
                    FNN(conv_copy_line)(job, line, FNN(conv_partner)(job, image, z->in * plane), left, wide,
                                        to);
                }
            from = copy + i * job->slice;
        }
        for (ptrdiff_t h = 0; h < block->extent[1]; h++)
            for (ptrdiff_t cell = 0; cell < block->extent[2]; cell++)
                *rows++ = from + h * y->stride * job->line + cell * w->stride * job->pixel;
    }
}

/* One phase as a product: `blocks` of depth k. */
typedef struct {
    FNN(conv_phase) axis[3];
    ptrdiff_t r[3], taps; /* taps: of the phases before this one */
    ptrdiff_t merged;     /* taps that a block is made of */
    ptrdiff_t blocks, k;
    ptrdiff_t part, together; /* summed in parts of k, and of this many blocks */
} FNN(conv_product);

/* Moves to phase `index`; *p is the phase before, all zero for the first. */
static void FNN(conv_next_phase)(const FNN(conv_job) * job, ptrdiff_t index, FNN(conv_product) * p)
{
    p->taps += p->axis[0].taps * p->axis[1].taps * p->axis[2].taps;
    for (int i = 2; i >= 0; i--) {
        p->r[i] = index % job->axis[i].phases;
        index /= job->axis[i].phases;
        p->axis[i] = FNN(conv_phase_of)(&job->shape, job->transposed, i, p->r[i]);
    }
    const FNN(conv_phase) *x = &p->axis[2];
    p->merged = x->step == 1 && job->pixel == job->words ? x->taps : fnn_min(1, x->taps);
    p->blocks = p->merged == 0 ? 0 : p->axis[0].taps * p->axis[1].taps * (x->taps / p->merged);
    p->k = job->words * p->merged;
    p->part = fnn_max(1, fnn_ceil_div(p->k, fnn_max(1, fnn_ceil_div(p->k, CONV_DEPTH))));
    p->together = fnn_max(1, fnn_min(p->blocks, CONV_DEPTH / p->part));
    p->together = fnn_ceil_div(fnn_max(1, p->blocks), fnn_ceil_div(fnn_max(1, p->blocks), p->together));
}

/* From a row's window to the first cell of block `at`. */
static ptrdiff_t FNN(conv_shift)(const FNN(conv_job) * job, const FNN(conv_product) * p, ptrdiff_t at)
{
    const ptrdiff_t along = p->merged == 0 ? 1 : p->axis[2].taps / p->merged;
    const ptrdiff_t tap[3] = {at / along / p->axis[1].taps, at / along % p->axis[1].taps, at % along};
    const ptrdiff_t step[3] = {job->plane, job->line, job->pixel};
    ptrdiff_t shift = 0;
    for (int i = 0; i < 3; i++)
        shift += (p->axis[i].first - job->axis[i].lo + tap[i] * p->axis[i].step) * step[i];
    return shift;
}

/* Rows of C side by side: rows [first, first + count) of a block. */
typedef struct {
    ptrdiff_t first, count;
    float *c;
} FNN(conv_run);

/* The filters of a group, as a matrix with a row a tap and channel: columns [j, j + width) start at b + j *
 * step. */
typedef struct {
    const float *b;
    ptrdiff_t ld, step; /* ld: floats from row to row; 0: packed, where a panel's width is */
    const float *bias;
    int activation;
    float alpha;
} FNN(conv_filters);

#include "conv_planes.h"

static void FNN(conv_multiply)(const FNN(conv_job) * job, const FNN(conv_product) * p,
                               const FNN(conv_block) * block, const FNN(conv_run) * runs, ptrdiff_t count,
                               ptrdiff_t ldc, ptrdiff_t j0, ptrdiff_t j1, const FNN(conv_filters) * f)
{
    const ptrdiff_t panel = FNN(conv_panel)(job->cols), cols = FNN(conv_words)(job->cols);
    ptrdiff_t shift[CONV_DEPTH];
    fnn_tile t = {.lda = 1, .shift = shift, .ldc = ldc, .alpha = f->alpha};
    for (ptrdiff_t first = 0; first == 0 || first < p->blocks; first += p->together)
        for (ptrdiff_t k0 = 0; k0 == 0 || k0 < p->k; k0 += p->part) {
            const int last = first + p->together >= p->blocks && k0 + p->part >= p->k;
            t.blocks = fnn_min(p->together, p->blocks - first);
            t.k = fnn_min(p->part, p->k - k0);
            t.accumulate = first > 0 || k0 > 0;
            t.activation = last ? f->activation : FNN_LINEAR;
            const int flat = t.blocks > 1 && t.k <= CONV_SHORT;
            if (flat) {
                for (ptrdiff_t s = 0, at = 0; s < t.blocks; s++)
                    for (ptrdiff_t k = 0, from = FNN(conv_shift)(job, p, first + s) + k0; k < t.k; k++)
                        shift[at++] = from + k;
                t.blocks *= t.k;
            } else
                for (ptrdiff_t s = 0; s < t.blocks; s++)
                    shift[s] = FNN(conv_shift)(job, p, first + s) + k0;
            for (ptrdiff_t j = j0; j < j1; j += panel) {
                t.n = fnn_min(panel, j1 - j);
                t.ldb = f->ld ? f->ld : fnn_min(panel, cols - j);
                t.b_step = flat ? t.ldb : p->k * t.ldb;
                t.b = f->b + j * f->step + (first * p->k + k0) * t.ldb;
                t.bias = last && f->bias ? f->bias + j : NULL;
                for (ptrdiff_t run = 0; run < count; run++) {
                    const ptrdiff_t tiles = FNN(tile_count)(runs[run].count);
                    const ptrdiff_t each = runs[run].count / tiles, longer = runs[run].count % tiles;
                    t.rows = block->rows + runs[run].first;
                    t.c = runs[run].c + j;
                    for (ptrdiff_t tile = 0; tile < tiles; tile++) { /* as tile_rows_at says */
                        const ptrdiff_t rows = each + (tile < longer);
                        if (flat)
                            FNN(tile_flat)(rows, &t);
                        else
                            FNN(tile_shifted)(rows, &t);
                        t.rows += rows;
                        t.c += rows * ldc;
                    }
                }
            }
        }
}

/* The cells of phase p in a block as runs; y: the group's first channel. */
static ptrdiff_t FNN(conv_runs)(const FNN(conv_job) * job, const FNN(conv_product) * p,
                                const FNN(conv_block) * block, float *y, FNN(conv_run) * runs)
{
    const FNN(conv_axis) *ax = job->axis;
    const ptrdiff_t *start = block->start, *extent = block->extent, deep = job->all_slices / job->shape.n;
    if (ax[0].phases * ax[1].phases * ax[2].phases ==
        1) { /* blocks are so cut that all their cells lie side by side */
        const ptrdiff_t cell = (start[0] * job->all_lines + start[1]) * job->all_cells + start[2];
        runs[0] = (FNN(conv_run)){0, extent[0] * extent[1] * extent[2], y + cell * job->made};
        return runs[0].count > 0;
    }
    ptrdiff_t count = 0;
    for (ptrdiff_t i = 0; i < extent[0]; i++)
        for (ptrdiff_t h = 0; h < extent[1]; h++) {
            const ptrdiff_t slice = start[0] + i, depth = slice % deep, line = start[1] + h;
            const ptrdiff_t cells = fnn_min(extent[2], p->axis[2].count - start[2]);
            if (depth >= p->axis[0].count || line >= p->axis[1].count || cells <= 0)
                continue;
            ptrdiff_t to = slice / deep * ax[0].out + depth * ax[0].phases + p->r[0];
            to = to * ax[1].out + line * ax[1].phases + p->r[1];
            to = to * ax[2].out + start[2] * ax[2].phases + p->r[2];
            runs[count++] = (FNN(conv_run)){(i * extent[1] + h) * extent[2], cells, y + to * job->made};
        }
    return count;
}

/* Into how many ranges of panels a block's columns are cut, to have enough units. */
static ptrdiff_t FNN(conv_ranges)(const FNN(conv_job) * job)
{
    const ptrdiff_t panels = fnn_ceil_div(job->cols, FNN(conv_panel)(job->cols));
    const ptrdiff_t units = FNN(conv_blocks)(job) * job->shape.groups;
    return units == 0 || panels == 0 ? 0 : fnn_min(panels, fnn_ceil_div(CONV_LEAST_UNITS, units));
}

/* The job of conv_f32 and conv_input_grad_f32. */
static FNN(conv_job) FNN(conv_rows_job)(const FNN(conv_shape) * s, int transposed)
{
    FNN(conv_job) job = FNN(conv_divide)(s, transposed, 1, CONV_CELLS, CONV_LEAST_UNITS);
    if (FNN(conv_few)(job.cols)) {
        job = FNN(conv_divide)(s, transposed, 1, FNN(conv_few_cells)(job.words), CONV_LEAST_UNITS);
        job.few = 1;
    }
    return job;
}

static void FNN(conv_job_work)(const FNN(conv_job) * job, fnn_work *work)
{
    FNN(conv_cost)(&job->shape, work);
    work->units = job->shape.groups * FNN(conv_blocks)(job) * FNN(conv_ranges)(job);
    work->scratch = job->few ? FNN(conv_few_scratch)(job) : FNN(conv_scratch)(job);
}

/* x: what is read, y: what is made. filters: all groups' (b and bias are the first one's); packed: by
 * conv_pack_f32. */
static void FNN(conv_run_units)(const FNN(conv_job) * job, const float *x, const FNN(conv_filters) * filters,
                                int packed, float *y, ptrdiff_t lo, ptrdiff_t hi, float *scratch)
{
    const ptrdiff_t groups = job->shape.groups, ranges = FNN(conv_ranges)(job),
                    panel = FNN(conv_panel)(job->cols);
    const ptrdiff_t panels = fnn_ceil_div(job->cols, panel), cols = FNN(conv_words)(job->cols);
    const ptrdiff_t phases = job->axis[0].phases * job->axis[1].phases * job->axis[2].phases;
    const ptrdiff_t ldc = job->axis[2].phases * job->made;
    FNN(conv_block) block;
    FNN(conv_run) runs[CONV_MOST_CELLS];
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t range = unit % ranges, group = unit / ranges % groups;
        const ptrdiff_t j0 = panels * range / ranges * panel,
                        j1 = fnn_min(job->cols, panels * (range + 1) / ranges * panel);
        FNN(conv_product) p = {.taps = 0};
        const FNN(conv_planes) planes = FNN(conv_planes_of)(job);
        if (job->few) {
            FNN(conv_place)(job, unit / ranges / groups, &block);
            FNN(conv_planes_copy)(job, &planes, &block, x + group * job->depth, scratch);
        } else if (unit == lo || range == 0)
            FNN(conv_find)(job, unit / ranges / groups, x + group * job->depth, &block, scratch);
        for (ptrdiff_t phase = 0; phase < phases; phase++) {
            FNN(conv_next_phase)(job, phase, &p);
            const ptrdiff_t count =
                job->few ? 0 : FNN(conv_runs)(job, &p, &block, y + group * job->cols, runs);
            const ptrdiff_t rows = p.blocks * p.k;
            FNN(conv_filters) f = *filters;
            if (packed) {
                f.b += (p.taps * groups * job->words + group * rows) * cols;
                f.step = rows;
                f.ld = 0;
            } else {
                f.b += group * job->cols;
            }
            if (f.bias)
                f.bias += group * job->cols;
            if (job->few)
                FNN(conv_few_block)(job, &planes, &p, &block, scratch, &f, packed ? cols : f.ld,
                                    y + group * job->cols, scratch + planes.channel * job->words);
            else
                FNN(conv_multiply)(job, &p, &block, runs, count, ldc, j0, j1, &f);
        }
    }
}

/* ---- forward ---- */

static void FNN(conv_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    const FNN(conv_job) job = FNN(conv_rows_job)(&s, 0);
    FNN(conv_job_work)(&job, work);
}

/* sizes, then: packed (0 or 1: the kernel is as conv_pack_f32 leaves it), bias (0 or 1), activation
 * (fnn_activation). attrs: alpha.  bufs: x, kernel, [bias (oc,),] y */
static void FNN(PRODUCT(conv))(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    const FNN(conv_job) job = FNN(conv_rows_job)(&s, 0);
    const int has_bias = call->size[CONV_SIZES + 1] != 0;
    const FNN(conv_filters) f = {call->buf[1],
                                 s.oc,
                                 1,
                                 has_bias ? call->buf[2] : NULL,
                                 (int)call->size[CONV_SIZES + 2],
                                 call->attrs ? (float)call->attr[0] : 0.0f};
    FNN(conv_run_units)(&job, call->buf[0], &f, call->size[CONV_SIZES] != 0, call->buf[2 + has_bias], lo, hi,
                        scratch);
}

/* ---- the gradient for the input ---- */

static void FNN(conv_input_grad_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    const FNN(conv_job) job = FNN(conv_rows_job)(&s, 1);
    FNN(conv_job_work)(&job, work);
}

/* bufs: dy, flipped (as conv_flip_f32 leaves it when it packs), dx */
static void FNN(PRODUCT(conv_input_grad))(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    const FNN(conv_job) job = FNN(conv_rows_job)(&s, 1);
    const FNN(conv_filters) f = {call->buf[1], 0, 0, NULL, FNN_LINEAR, 0.0f};
    FNN(conv_run_units)(&job, call->buf[0], &f, 1, call->buf[2], lo, hi, scratch);
}

/* ---- the kernel's taps in the order they are read ---- */

static void FNN(conv_taps_work)(const FNN(conv_shape) * s, ptrdiff_t depth, ptrdiff_t n, fnn_work *work)
{
    work->units = FNN(conv_volume)(s->window);
    work->bytes = 8.0 * (double)(FNN(conv_volume)(s->window) * depth * n * s->groups);
    work->made = FNN(conv_volume)(s->window) * FNN(words)(depth) * FNN(conv_words)(n) * s->groups *
                 (ptrdiff_t)sizeof(float);
}

static void FNN(conv_pack_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    FNN(conv_taps_work)(&s, s.c / fnn_max(s.groups, 1), s.oc / fnn_max(s.groups, 1), work);
}

/* Packed: phase by phase, group by group, panel by panel, rows (a tap and a word of channels each) of a panel's width,
 * the last panel's in whole vectors. bufs: kernel, packed */
static void FNN(PRODUCT(conv_pack))(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    const ptrdiff_t depth = s.c / s.groups, n = s.oc / s.groups, cols = FNN(conv_words)(n),
                    panel = FNN(conv_panel)(n);
    const ptrdiff_t words = FNN(words)(depth), rows = FNN(conv_volume)(s.window) * words;
    enum { TOGETHER = 4 }; /* panels: a row of them is read at a time, and as many are written side by side */
    for (ptrdiff_t group = 0; group < s.groups; group++)
        for (ptrdiff_t j0 = 0; j0 < n; j0 += TOGETHER * panel) {
            const float *from = (const float *)call->buf[0] + group * n;
            float *to = (float *)call->buf[1] + group * rows * cols;
            for (ptrdiff_t i = lo * words; i < hi * words; i++)
                for (ptrdiff_t j = j0; j < fnn_min(n, j0 + TOGETHER * panel); j += TILE_LANES) {
                    const ptrdiff_t start = j / panel * panel, width = fnn_min(panel, cols - start);
                    const ptrdiff_t channel = i % words * WORD_DEPTH;
                    const float *at = from + (i / words * depth + channel) * s.oc + j;
                    const float *next = channel + 1 < depth ? at + s.oc : NULL;
                    tv_store(to + start * rows + i * width + j - start, FNN(tile_across)(at, next, n - j));
                }
        }
}

static void FNN(conv_flip_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    const ptrdiff_t depth = s.oc / fnn_max(s.groups, 1), n = s.c / fnn_max(s.groups, 1);
    FNN(conv_taps_work)(&s, depth, n, work);
    if (call->size[CONV_SIZES] == 0)
        work->made = FNN(conv_volume)(s.window) * depth * s.c * (ptrdiff_t)sizeof(float);
}

/* The taps of the input's gradient, each transposed: packed, with the channels of y as rows, or (packed = 0)
 * as (kd * kh * kw, oc, c / groups).  sizes, then: packed.  bufs: kernel, flipped */
static void FNN(PRODUCT(conv_flip))(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    const FNN(conv_job) job = FNN(conv_divide)(&s, 1, 1, CONV_CELLS, CONV_LEAST_UNITS);
    const ptrdiff_t n = job.cols, cols = FNN(conv_words)(n), panel = FNN(conv_panel)(n);
    FNN(conv_product) p = {.taps = 0};
    for (ptrdiff_t phase = 0; phase < FNN(conv_volume)(s.stride); phase++) {
        FNN(conv_next_phase)(&job, phase, &p);
        const FNN(conv_phase) *z = &p.axis[0], *y = &p.axis[1], *x = &p.axis[2];
        const ptrdiff_t taps = z->taps * y->taps * x->taps, rows = taps * job.words;
        for (ptrdiff_t at = fnn_max(lo, p.taps); at < fnn_min(hi, p.taps + taps); at++) {
            const ptrdiff_t t = at - p.taps;
            const ptrdiff_t tz = z->last - t / x->taps / y->taps * z->apart;
            const ptrdiff_t ty = y->last - t / x->taps % y->taps * y->apart,
                            tx = x->last - t % x->taps * x->apart;
            const ptrdiff_t tap = (tz * s.window[1] + ty) * s.window[2] + tx;
            const float *from = (const float *)call->buf[0] + tap * n * s.oc;
            if (call->size[CONV_SIZES] == 0) {
                FNN(gemm_transpose)(n, s.oc, from, s.oc, (float *)call->buf[1] + at * n * s.oc, n);
                continue;
            }
            for (ptrdiff_t group = 0; group < s.groups; group++)
                for (ptrdiff_t j = 0; j < n; j += panel) {
                    const ptrdiff_t width = fnn_min(panel, cols - j);
                    float *to = (float *)call->buf[1] +
                                (p.taps * s.groups * job.words + group * rows) * cols + j * rows;
                    FNN(words_turned)(fnn_min(panel, n - j), job.depth, from + j * s.oc + group * job.depth,
                                      s.oc, to + t * job.words * width, width);
                }
        }
    }
}

#define FNN_CONV_KERNELS                                                                                     \
    FNN_KERNEL(PRODUCT(conv), conv_work)                                                                     \
    FNN_KERNEL(PRODUCT(conv_input_grad), conv_input_grad_work)                                               \
    FNN_KERNEL(PRODUCT(conv_pack), conv_pack_work)                                                           \
    FNN_KERNEL(PRODUCT(conv_flip), conv_flip_work)
