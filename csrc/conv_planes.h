/* conv_planes.h - convolutions whose vectors run along the image, not along the filters.
 *
 * Few filters would leave most lanes of a word empty. So what a block of cells sees is copied, turned, into
 * planes: for each channel its lines, one after the other, with zeros where the image ends. A tap of a line
 * of cells is then a run of floats, and a register tile's columns are cells, its rows filters (tile.h,
 * TILE_PLANES). With strides, cells and lines that far apart lie side by side, in as many classes as the
 * stride has steps. The kernel's gradient reads the same planes (conv_grad.c).
 */

typedef struct {
    ptrdiff_t high, wide;            /* lines and cells of a slice's plane that a block sees */
    ptrdiff_t down, across;          /* classes of lines, and of cells of a line */
    ptrdiff_t lines, line;           /* lines of a class; floats from one to the next, which are its cells */
    ptrdiff_t plane, slice, channel; /* floats from one to the next */
} FNN(conv_planes);

static FNN(conv_planes) FNN(conv_planes_of)(const FNN(conv_job) * job)
{
    const FNN(conv_axis) *z = &job->axis[0], *y = &job->axis[1], *w = &job->axis[2];
    FNN(conv_planes)
    p = {.high = (job->lines - 1) * y->stride + y->hi - y->lo + 1,
         .wide = (job->length - 1) * w->stride + w->hi - w->lo + 1,
         .down = y->stride,
         .across = w->stride};
    p.lines = fnn_ceil_div(p.high, p.down);
    p.line = fnn_ceil_div(p.wide, p.across);
    p.plane = p.down * p.across * p.lines * p.line;
    p.slice = (z->hi - z->lo + 1) * p.plane;
    /* Whole words are written and read at the end; an odd number of cache lines keeps channels in different
     * sets. */
    p.channel = ((job->slices * p.slice + 2 * VF_LANES + 15) / 16 | 1) * 16;
    return p;
}

/* From the first cell that a block sees to what its first cell reads with the tap (tz, ty, tx) of a product.
 */
static ptrdiff_t FNN(conv_planes_shift)(const FNN(conv_job) * job, const FNN(conv_planes) * p,
                                        const FNN(conv_phase) * phase, ptrdiff_t tz, ptrdiff_t ty,
                                        ptrdiff_t tx)
{
    const ptrdiff_t z = phase[0].first - job->axis[0].lo + tz * phase[0].step,
                    y = phase[1].first - job->axis[1].lo + ty * phase[1].step,
                    x = phase[2].first - job->axis[2].lo + tx * phase[2].step;
    const ptrdiff_t part = y % p->down * p->across + x % p->across;
    return z * p->plane + (part * p->lines + y / p->down) * p->line + x / p->across;
}

/* to[channel][q] = cell first + q * step of a line, for q < count; zeros for those that do not lie in [0,
 * width). line: NULL for zeros alone. Words are written whole: the next class or line goes over what is too
 * much. */
static void FNN(conv_planes_line)(const FNN(conv_job) * job, const float *line, ptrdiff_t partner,
                                  ptrdiff_t first, ptrdiff_t count, float *to, ptrdiff_t channel)
{
    const ptrdiff_t step = job->axis[2].stride, width = job->axis[2].in, pixel = job->channels;
    const ptrdiff_t depth = job->depth, words = job->words, spread = job->images > 1 ? 1 : WORD_DEPTH;
    const ptrdiff_t from = line ? fnn_min(count, first < 0 ? fnn_ceil_div(-first, step) : 0) : count;
    const ptrdiff_t end =
        line && first < width ? fnn_max(from, fnn_min(count, (width - 1 - first) / step + 1)) : from;
    if (words == 1 || VF_LANES == 1) {
        for (ptrdiff_t i = 0; i < words; i++, to += channel) {
            const ptrdiff_t next = partner ? partner : job->images == 1 && i * spread + 1 < depth ? 1 : 0;
            memset(to, 0, (size_t)from * sizeof *to);
            if (!FNN(rounded) && pixel == 1 && step == 1 && from < end)
                memcpy(to + from, line + first + from, (size_t)(end - from) * sizeof *to);
            else
                for (ptrdiff_t q = from; q < end; q++) {
                    const float *at = line + (first + q * step) * pixel + i * spread;
                    to[q] = FNN(word_of)(*at, next ? at[next] : 0.0f);
                }
            memset(to + end, 0, (size_t)(count - end) * sizeof *to);
        }
        return;
    }
    for (ptrdiff_t i = 0; i < words; i += VF_LANES) {
        const ptrdiff_t lanes = fnn_min(VF_LANES, words - i), left = depth - i * spread;
        float *row = to + i * channel;
        for (ptrdiff_t q = 0; q < count; q += VF_LANES) {
            vf r[VF_LANES];
            const ptrdiff_t at = (first + q * step) * pixel + i * spread;
            if (!FNN(rounded) && lanes == VF_LANES && q >= from && q + VF_LANES <= end) {
                vf_load_turned(line + at, step * pixel, r);
            } else {
                for (int l = 0; l < VF_LANES; l++) {
                    const float *cell = q + l < from || q + l >= end ? NULL : line + at + l * step * pixel;
                    r[l] = !cell             ? vf_zero()
                           : job->images > 1 ? FNN(words_across)(cell, partner ? cell + partner : NULL, left)
                                             : FNN(words_along)(cell, left);
                }
                vf_transpose(r);
            }
            if (lanes == VF_LANES) {
#pragma GCC unroll 16
                for (int l = 0; l < VF_LANES; l++)
                    vf_store(row + l * channel + q, r[l]);
            } else {
                for (int l = 0; l < lanes; l++)
                    vf_store(row + l * channel + q, r[l]);
            }
        }
    }
}

/* Whether some tap reads what lies `at`, or any number of strides more, behind the first of `extent` cells or
 * lines. */
static int FNN(conv_planes_read)(const FNN(conv_job) * job, int axis, ptrdiff_t at, ptrdiff_t extent)
{
    const ptrdiff_t stride = job->axis[axis].stride, gap = job->shape.dilation[axis];
    for (ptrdiff_t tap = 0; tap < job->shape.window[axis] && stride > 1; tap++)
        if (tap * gap < extent && tap * gap % stride == at)
            return 1;
    return stride == 1;
}

/* planes = what a block sees. x: the group's first channel. */
static void FNN(conv_planes_copy)(const FNN(conv_job) * job, const FNN(conv_planes) * p,
                                  const FNN(conv_block) * block, const float *x, float *planes)
{
    const FNN(conv_axis) *z = &job->axis[0], *y = &job->axis[1], *w = &job->axis[2];
    const ptrdiff_t deep = job->all_slices / job->shape.n;
    const ptrdiff_t top = block->start[1] * y->stride + y->lo, left = block->start[2] * w->stride + w->lo;
    const ptrdiff_t high = (block->extent[1] - 1) * y->stride + y->hi - y->lo + 1;
    for (ptrdiff_t i = 0; i < block->extent[0]; i++) {
        const ptrdiff_t at = block->start[0] + i, image = at / deep, depth = at % deep * z->stride + z->lo;
        for (ptrdiff_t d = 0; d <= z->hi - z->lo; d++)
            for (ptrdiff_t part = 0; part < p->down * p->across; part++) {
                const ptrdiff_t v = part / p->across, c = part % p->across;
                float *to = planes + i * p->slice + d * p->plane + part * p->lines * p->line;
                if (!FNN(conv_planes_read)(job, 1, v, p->high) || !FNN(conv_planes_read)(job, 2, c, p->wide))
                    continue;
                for (ptrdiff_t h = v; h < high; h += p->down, to += p->line) {
                    const int inside = depth + d >= 0 && depth + d < z->in && top + h >= 0 && top + h < y->in;
                    const ptrdiff_t plane = y->in * w->in * job->channels;
                    const float *line = x + (image * job->images * z->in + depth + d) * plane +
                                        (top + h) * w->in * job->channels;
                    FNN(conv_planes_line)(job, inside ? line : NULL,
                                          FNN(conv_partner)(job, image, z->in * plane), left + c, p->line, to,
                                          p->channel);
                }
            }
    }
}

/* ---- few filters ---- */

/* Where so few filters a group leave more of a word empty than turning the image costs. */
static int FNN(conv_few)(ptrdiff_t cols)
{
    return TILE_ROWS <= 8 && cols <= (VF_LANES == 16 ? 12 : TILE_LANES); /* AMX reads no planes */
}

/* Channels summed at a time: their lines of a tap stay in the first-level cache. */
#define CONV_FEW_DEPTH 128
/* Floats of planes, so that they stay in the second-level cache. */
#define CONV_FEW_FLOATS 49152

/* Cells of a block of what has `depth` channels. */
static ptrdiff_t FNN(conv_few_cells)(ptrdiff_t depth)
{
    return fnn_max(CONV_CELLS, fnn_min(1024, CONV_FEW_FLOATS / fnn_max(1, depth)));
}

/* Cells of a run of planes, in whole words. */
static ptrdiff_t FNN(conv_few_run)(const FNN(conv_job) * job, const FNN(conv_planes) * p, int *joined)
{
    const ptrdiff_t flat = FNN(conv_words)((job->lines - 1) * p->line + job->length);
    *joined = flat <= job->lines * FNN(conv_words)(job->length);
    return *joined ? flat : FNN(conv_words)(job->length);
}

static ptrdiff_t FNN(conv_few_scratch)(const FNN(conv_job) * job)
{
    const FNN(conv_planes) p = FNN(conv_planes_of)(job);
    int joined;
    return (p.channel * job->words + FNN(conv_few_run)(job, &p, &joined) * job->cols) *
           (ptrdiff_t)sizeof(float);
}

/* All words of cells of `rows` filters, as many at once as there are registers. */
#define CONV_FEW_CASE(words)                                                                                 \
    case words:                                                                                              \
        if (words <= TILE_WIDE_WORDS(rows))                                                                  \
            FNN(tile_body)(TILE_PLANES, rows, words, 0, t, j);                                               \
        break;
TILE_INLINE void FNN(conv_few_sweep)(const int rows, const fnn_tile *t, ptrdiff_t all)
{
    const ptrdiff_t times = fnn_ceil_div(all, TILE_WIDE_WORDS(rows));
    ptrdiff_t j = 0;
    for (ptrdiff_t at = 0; at < times; at++) {
        const ptrdiff_t words = all / times + (at < all % times);
        switch (words) {
            CONV_FEW_CASE(1)
            CONV_FEW_CASE(2)
#if TILE_MOST_WORDS == 8
            CONV_FEW_CASE(3)
            CONV_FEW_CASE(4)
            CONV_FEW_CASE(5)
            CONV_FEW_CASE(6)
            CONV_FEW_CASE(7)
            CONV_FEW_CASE(8)
#endif
        }
        j += words * TILE_LANES;
    }
}

static void FNN(conv_few_rows)(ptrdiff_t rows, const fnn_tile *t, ptrdiff_t all)
{
#define CONV_FEW_ROWS(rows)                                                                                  \
    case rows:                                                                                               \
        FNN(conv_few_sweep)(rows, t, all);                                                                   \
        break;
    switch (rows) {
        CONV_FEW_ROWS(1)
        CONV_FEW_ROWS(2)
        CONV_FEW_ROWS(3)
        CONV_FEW_ROWS(4)
#if TILE_ROWS >= 6
        CONV_FEW_ROWS(5)
        CONV_FEW_ROWS(6)
#endif
#if TILE_ROWS >= 8
        CONV_FEW_ROWS(7)
        CONV_FEW_ROWS(8)
#endif
    }
}

/* Product p of a run of cells: c[filter][q] = act(sum + bias), `run` cells apart. planes: of the run's first
 * cell; ld: from row to row of the filters; shift: of the product's taps, from the `known`th part of them on.
 */
static void FNN(conv_few_multiply)(const FNN(conv_job) * job, const FNN(conv_planes) * planes_of,
                                   const FNN(conv_product) * p, const float *planes, ptrdiff_t run,
                                   const FNN(conv_filters) * f, ptrdiff_t ld, ptrdiff_t *shift,
                                   ptrdiff_t *known, float *c)
{
    const FNN(conv_phase) *ax = p->axis;
    const ptrdiff_t all = ax[0].taps * ax[1].taps * ax[2].taps, tiles = FNN(tile_count)(job->cols);
    const ptrdiff_t parts = fnn_max(1, fnn_ceil_div(job->words, CONV_FEW_DEPTH));
    const ptrdiff_t part = fnn_max(1, fnn_ceil_div(job->words, parts));
    fnn_tile t = {
        .shift = shift, .lda = ld, .a_step = job->words * ld, .ldb = planes_of->channel, .ldc = run};
    for (ptrdiff_t first = 0; first == 0 || first < all; first += CONV_DEPTH) {
        t.blocks = fnn_min(CONV_DEPTH, all - first);
        for (ptrdiff_t s = 0; s < t.blocks && *known != first; s++) {
            const ptrdiff_t at = first + s, line = at / ax[2].taps;
            shift[s] = FNN(conv_planes_shift)(job, planes_of, ax, line / ax[1].taps, line % ax[1].taps,
                                              at % ax[2].taps);
        }
        *known = first;
        for (ptrdiff_t k = 0; k == 0 || k < job->words; k += part) {
            t.k = fnn_min(part, job->words - k);
            t.accumulate = first > 0 || k > 0;
            t.b = planes + k * planes_of->channel;
            for (ptrdiff_t tile = 0; tile < tiles; tile++) {
                const ptrdiff_t i = FNN(tile_rows_at)(job->cols, tile);
                t.a = f->b + (first * job->words + k) * ld + i;
                t.c = c + i * run;
                FNN(conv_few_rows)(FNN(tile_rows_at)(job->cols, tile + 1) - i, &t, run / TILE_LANES);
            }
        }
    }
    for (ptrdiff_t i = 0; i < job->cols && (f->bias || f->activation != FNN_LINEAR); i++)
        FNN(gemm_finish)(run, c + i * run, NULL, f->bias ? f->bias[i] : 0.0f, f->activation, f->alpha,
                         c + i * run);
}

/* The cells of product p in a block, from its planes. y: the group's first channel; ld: from row to row of
 * the filters; c: room for a run. */
static void FNN(conv_few_block)(const FNN(conv_job) * job, const FNN(conv_planes) * planes_of,
                                const FNN(conv_product) * p, const FNN(conv_block) * block,
                                const float *planes, const FNN(conv_filters) * f, ptrdiff_t ld, float *y,
                                float *c)
{
    const FNN(conv_axis) *ax = job->axis;
    const ptrdiff_t deep = job->all_slices / job->shape.n;
    int joined;
    const ptrdiff_t run = FNN(conv_few_run)(job, planes_of, &joined);
    ptrdiff_t shift[CONV_DEPTH], known = -1;
    const ptrdiff_t lines = fnn_min(block->extent[1], p->axis[1].count - block->start[1]);
    const ptrdiff_t cells = fnn_min(block->extent[2], p->axis[2].count - block->start[2]);
    for (ptrdiff_t i = 0; i < block->extent[0] && cells > 0; i++) {
        const ptrdiff_t slice = block->start[0] + i, depth = slice % deep;
        if (depth >= p->axis[0].count)
            continue;
        for (ptrdiff_t h = 0; h < lines; h++) {
            const float *from = planes + i * planes_of->slice + h * planes_of->line;
            if (!joined || h == 0)
                FNN(conv_few_multiply)(job, planes_of, p, from, run, f, ld, shift, &known, c);
            ptrdiff_t to = slice / deep * ax[0].out + depth * ax[0].phases + p->r[0];
            to = to * ax[1].out + (block->start[1] + h) * ax[1].phases + p->r[1];
            to = to * ax[2].out + block->start[2] * ax[2].phases + p->r[2];
            FNN(gemm_transpose)(job->cols, cells, c + (joined ? h * planes_of->line : 0), run,
                                y + to * job->made, ax[2].phases * job->made);
        }
    }
}
