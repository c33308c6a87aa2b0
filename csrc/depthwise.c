/* depthwise.c - convolution of each channel by itself, with `multiplier` filters a channel, and both of its
 * gradients.
 *
 *     y[q, o]       = act( sum_t x[q * stride - before + t * dilation, o / m] * kernel[t, o] + bias[o] )
 *     dx[p, i]      = sum_{t, o / m = i} dy[(p + before - t * dilation) / stride, o] * kernel[t, o]
 *     dkernel[t, o] = sum_q x[q * stride - before + t * dilation, o / m] * dy[q, o]
 *
 * where m is the multiplier; dx takes those taps for which the division leaves nothing.
 * Shapes and sizes as in conv.c, with c = groups and oc = c * multiplier.
 *
 * A unit takes a block of filters of a band of lines. Cells whose windows reach over an end of a line, and where
 * lines are short, windows large or channels repeated all cells, are taken from a copy: the lines that the windows
 * see are kept, with zeros where the image ends and each channel as often as it has filters; a line is copied once,
 * when the first window reaches it, into the place of the line that no window sees any more. So all cells of a line
 * meet the same taps, and whole words of filters lie side by side.
 */

/* Of what is kept: more filters at a time mean longer reads of the image, and the second-level cache holds
 * it. */
#define DEPTHWISE_FLOATS 16384
/* Windows of more taps read each cell so often that a copy of it is worth while. */
#define DEPTHWISE_FEW_TAPS 25
/* Cells made of a line at a time. */
#define DEPTHWISE_CELLS 128

typedef struct {
    FNN(conv_job) job;
    ptrdiff_t multiplier, repeat;   /* repeat: how often each channel that is read is kept */
    ptrdiff_t block, blocks;        /* filters that a unit takes, whole words but for the last */
    ptrdiff_t pitch;                /* floats from one cell kept to the next */
    ptrdiff_t run, runs;            /* cells of a line (of phase 0) that it takes */
    ptrdiff_t bands;                /* ranges of the lines of a plane */
    ptrdiff_t planes, lines, cells; /* kept: what one cell's windows span, and a run's windows along a line */
} FNN(depthwise_job);

static FNN(depthwise_job) FNN(depthwise_divide)(const fnn_call *call, int transposed)
{
    FNN(conv_shape) s = FNN(conv_sizes)(call);
    FNN(depthwise_job) d = {.multiplier = s.c == 0 ? 1 : fnn_max(1, s.oc / s.c)};
    d.repeat = transposed ? 1 : d.multiplier;
    s.groups = 1;
    d.job = FNN(conv_divide)(&s, transposed, 1, CONV_CELLS, CONV_LEAST_UNITS);
    const FNN(conv_axis) *ax = d.job.axis;
    if (d.job.all_slices * d.job.all_lines * d.job.all_cells * s.oc <= 0)
        return d;
    d.runs = fnn_ceil_div(d.job.all_cells, DEPTHWISE_CELLS);
    d.run = fnn_ceil_div(d.job.all_cells, d.runs);
    d.planes = ax[0].hi - ax[0].lo + 1;
    d.lines = ax[1].hi - ax[1].lo + 1;
    d.cells = (d.run - 1) * ax[2].stride + ax[2].hi - ax[2].lo + 1;
    const ptrdiff_t least = fnn_max(16, TILE_LANES), fit = DEPTHWISE_FLOATS / (d.planes * d.lines * d.cells);
    d.blocks = fnn_ceil_div(s.oc, fnn_max(least, fit / least * least));
    d.block = fnn_ceil_div(fnn_ceil_div(s.oc, d.blocks), least) * least;
    while (d.block % d.multiplier)
        d.block += least; /* a channel's filters stay together */
    d.blocks = fnn_ceil_div(s.oc, d.block);
    d.pitch = d.block % 64 ? d.block : d.block + 16; /* or cells and lines fall into few cache sets */
    const ptrdiff_t units = s.n * ax[0].out * d.blocks * d.runs;
    d.bands = fnn_max(1, fnn_min(fnn_ceil_div(CONV_LEAST_UNITS, units), ax[1].out / (2 * d.lines)));
    return d;
}

static ptrdiff_t FNN(depthwise_kept)(const FNN(depthwise_job) * d)
{
    return d->planes * d->lines * d->cells * d->pitch;
}

/* The lines kept, the taps' places among them, and room for a line of filters' gradients before they are
 * added up to channels. */
typedef struct {
    float *kept, *wide;
    ptrdiff_t *at, *row; /* of the taps in use: their place among what is kept, their filters' row */
    ptrdiff_t *in_place; /* their place in the image, from the first cell of a line's run on */
    ptrdiff_t ready;     /* lines before this one have been copied */
} FNN(depthwise_space);

static ptrdiff_t FNN(depthwise_scratch)(const FNN(depthwise_job) * d)
{
    const ptrdiff_t floats = FNN(depthwise_kept)(d) + (d->multiplier > 1 ? d->run * d->pitch : 0);
    return FNN(conv_lines)(floats) * (ptrdiff_t)sizeof(float) +
           3 * FNN(conv_volume)(d->job.shape.window) * (ptrdiff_t)sizeof(ptrdiff_t);
}

static FNN(depthwise_space) FNN(depthwise_share)(const FNN(depthwise_job) * d, void *scratch)
{
    FNN(depthwise_space) space = {.kept = scratch};
    space.wide = space.kept + FNN(depthwise_kept)(d);
    space.at = (ptrdiff_t *)((char *)scratch + FNN(depthwise_scratch)(d)) -
               3 * FNN(conv_volume)(d->job.shape.window);
    space.row = space.at + FNN(conv_volume)(d->job.shape.window);
    space.in_place = space.row + FNN(conv_volume)(d->job.shape.window);
    return space;
}

/* What a unit takes. */
typedef struct {
    ptrdiff_t image, plane;
    ptrdiff_t from, to;     /* lines of what is made */
    ptrdiff_t start;        /* the first cell of its run */
    ptrdiff_t first, count; /* filters */
    ptrdiff_t cells, head,
        tail; /* cells of the run (of phase 0); those at its ends that are not read in place */
} FNN(depthwise_part);

/* Cells whose windows lie on the image along a line are read in place, if there are many; those beside them are taken
 * by the fours, as they are worked on. */
static void FNN(depthwise_ends)(const FNN(depthwise_job) * d, FNN(depthwise_part) * part)
{
    const FNN(conv_axis) *w = &d->job.axis[2];
    const ptrdiff_t left = part->start * w->stride + w->lo,
                    cells = fnn_min(d->run, d->job.all_cells - part->start);
    const ptrdiff_t last =
        (w->in - 1 - w->hi - part->start * w->stride) / w->stride; /* the last that sees no end */
    const ptrdiff_t before = left < 0 ? fnn_ceil_div(-left, w->stride) : 0;
    const ptrdiff_t behind =
        w->in - 1 - w->hi < part->start * w->stride ? cells : fnn_max(0, cells - 1 - last);
    part->cells = cells;
    part->head = fnn_ceil_div(before, 4) * 4;
    part->tail = fnn_ceil_div(behind, 4) * 4;
    /* Whole words are read: behind the last pixel there need be nothing. */
    if (d->multiplier > 1 || part->count % TILE_LANES || 2 * (part->head + part->tail) > cells ||
        FNN(conv_volume)(d->job.shape.window) > DEPTHWISE_FEW_TAPS) {
        part->head = cells;
        part->tail = 0;
    }
}

/* to (cells, pitch) = the channels of `count` filters, each `repeat` times over. */
static void FNN(depthwise_copy)(const FNN(depthwise_job) * d, ptrdiff_t cells, ptrdiff_t count,
                                const float *from, float *to)
{
    const ptrdiff_t whole = d->repeat == 1 ? count / TILE_LANES * TILE_LANES : 0;
    const ptrdiff_t pixel = d->job.channels, pitch = d->pitch;
    for (ptrdiff_t q = 0; q < cells; q++, from += pixel, to += pitch) {
        for (ptrdiff_t j = 0; j < whole; j += TILE_LANES)
            tv_store(to + j, tv_load(from + j));
        if (d->repeat == 1 && whole < count)
            tv_store(to + whole, tv_load_n(from + whole, count - whole));
        if (d->repeat > 1)
            for (ptrdiff_t i = 0; i * d->repeat < count; i++)
                for (ptrdiff_t l = 0; l < d->repeat; l++)
                    to[i * d->repeat + l] = from[i];
    }
}

/* Copies what the windows of line `line` (its phase's cell number q) see and no window before it saw.
 * x: the image, from the part's first channel on. */
static void FNN(depthwise_keep)(const FNN(depthwise_job) * d, const FNN(depthwise_part) * part,
                                const float *x, ptrdiff_t plane, ptrdiff_t line, FNN(depthwise_space) * space)
{
    const FNN(conv_axis) *ax = d->job.axis;
    const ptrdiff_t top = line * ax[1].stride + ax[1].lo, end = top + d->lines;
    const ptrdiff_t left = part->start * ax[2].stride + ax[2].lo;
    const ptrdiff_t from = fnn_min(d->cells, fnn_max(0, -left)),
                    to = fnn_max(from, fnn_min(d->cells, ax[2].in - left));
    const ptrdiff_t size = d->cells * d->pitch;
    for (ptrdiff_t at = fnn_max(top, space->ready); at < end; at++) {
        if (at < 0 || at >= ax[1].in)
            continue; /* its taps are left out */
        for (ptrdiff_t i = 0; i < d->planes; i++) {
            const ptrdiff_t depth = plane * ax[0].stride + ax[0].lo + i;
            if (depth < 0 || depth >= ax[0].in)
                continue;
            float *line_to = space->kept + (i * d->lines + (at - ax[1].lo) % d->lines) * size;
            const float *line_from = x + ((depth * ax[1].in + at) * ax[2].in + left) * d->job.channels;
            for (int e = 0; e < 2; e++) { /* what the cells at either end see, or those of the head all */
                const ptrdiff_t begin =
                    e == 0 ? 0 : fnn_max(0, (part->cells - part->tail - 1) * ax[2].stride);
                const ptrdiff_t some = e == 0 ? part->head : part->tail;
                const ptrdiff_t stop =
                    some == 0 ? begin
                    : e == 0  ? fnn_min(d->cells, (part->head - 1) * ax[2].stride + ax[2].hi - ax[2].lo + 1)
                              : d->cells;
                const ptrdiff_t f = fnn_min(stop, fnn_max(begin, from)), t = fnn_max(f, fnn_min(stop, to));
                memset(line_to + begin * d->pitch, 0, (size_t)((f - begin) * d->pitch) * sizeof *line_to);
                FNN(depthwise_copy)(d, t - f, part->count, line_from + f * d->job.channels,
                                    line_to + f * d->pitch);
                memset(line_to + t * d->pitch, 0, (size_t)((stop - t) * d->pitch) * sizeof *line_to);
            }
        }
    }
    space->ready = fnn_max(space->ready, end);
}

/* The taps of phase p that cell (plane, line) sees: how many, and in `space` where. */
static ptrdiff_t FNN(depthwise_taps)(const FNN(depthwise_job) * d, const FNN(conv_phase) * p, ptrdiff_t plane,
                                     ptrdiff_t line, FNN(depthwise_space) * space)
{
    const FNN(conv_axis) *ax = d->job.axis;
    const ptrdiff_t *window = d->job.shape.window, made = d->job.shape.oc;
    ptrdiff_t count = 0;
    for (ptrdiff_t i = 0; i < p[0].taps; i++) {
        const ptrdiff_t depth = plane * ax[0].stride + p[0].first + i * p[0].step;
        for (ptrdiff_t j = 0; j < p[1].taps && depth >= 0 && depth < ax[0].in; j++) {
            const ptrdiff_t y = line * ax[1].stride + p[1].first + j * p[1].step;
            const ptrdiff_t place =
                (p[0].first + i * p[0].step - ax[0].lo) * d->lines + (y - ax[1].lo) % d->lines;
            const ptrdiff_t tap = (p[0].last - i * p[0].apart) * window[1] + p[1].last - j * p[1].apart;
            for (ptrdiff_t l = 0; l < p[2].taps && y >= 0 && y < ax[1].in; l++) {
                space->at[count] = (place * d->cells + p[2].first + l * p[2].step - ax[2].lo) * d->pitch;
                space->in_place[count] =
                    ((depth * ax[1].in + y) * ax[2].in + p[2].first + l * p[2].step) * d->job.channels;
                space->row[count++] = (tap * window[2] + p[2].last - l * p[2].apart) * made;
            }
        }
    }
    return count;
}

typedef struct {
    const float *kernel, *bias; /* bias: (oc), or NULL */
    int activation;             /* fnn_activation */
    float alpha;
} FNN(depthwise_filters);

/* Cells and words of filters that add up at once. What is kept lies at multiples of a cache line: loads of
 * the same half of two lines fall into the same banks of a Zen core's first-level cache, one waiting for the
 * other, so where a word is half a line, two words side by side are taken. */
#if defined(FNN_AVX512)
#define DEPTHWISE_WORDS 1
#define DEPTHWISE_GROUP 8
#else
#define DEPTHWISE_WORDS 2
#define DEPTHWISE_GROUP 4
#endif

/* The sums of `cells` cells, `words` words of filters: constant for the compiler, an accumulator each. last:
 * lanes of the last word. x: the first cell's, at tap offset 0; what is kept is whole words. */
TILE_INLINE void FNN(depthwise_word)(const int cells, const int words, const int whole, ptrdiff_t last,
                                     const float *x, ptrdiff_t x_step, const ptrdiff_t taps,
                                     const ptrdiff_t *at, const ptrdiff_t *row, const float *kernel,
                                     const float *bias, tv floor, float *y, ptrdiff_t y_step)
{
    const float *from[DEPTHWISE_GROUP];
    tv acc[DEPTHWISE_GROUP][DEPTHWISE_WORDS];
    TILE_UNROLL
    for (int i = 0; i < cells; i++) {
        from[i] = x + i * x_step;
        TILE_UNROLL
        for (int w = 0; w < words; w++)
            acc[i][w] = tv_zero();
    }
#pragma GCC unroll 9
    for (ptrdiff_t t = 0; t < taps; t++) {
        const ptrdiff_t offset = at[t];
        const float *k = kernel + row[t];
        tv weight[DEPTHWISE_WORDS];
        TILE_UNROLL
        for (int w = 0; w < words; w++)
            weight[w] =
                whole || w < words - 1 ? tv_load(k + w * TILE_LANES) : tv_load_n(k + w * TILE_LANES, last);
        TILE_UNROLL
        for (int i = 0; i < cells; i++) {
            TILE_UNROLL
            for (int w = 0; w < words; w++)
                acc[i][w] = tv_fma(tv_load(from[i] + offset + w * TILE_LANES), weight[w], acc[i][w]);
        }
    }
    TILE_UNROLL
    for (int w = 0; w < words; w++) {
        const int edge = !whole && w == words - 1;
        tv shift = tv_zero();
        if (bias)
            shift = edge ? tv_load_n(bias + w * TILE_LANES, last) : tv_load(bias + w * TILE_LANES);
        TILE_UNROLL
        for (int i = 0; i < cells; i++) {
            const tv value =
                tv_max(floor, tv_add(acc[i][w], shift)); /* a NaN survives as the second operand */
            if (edge)
                tv_store_n(y + i * y_step + w * TILE_LANES, value, last);
            else
                tv_store(y + i * y_step + w * TILE_LANES, value);
        }
    }
}

TILE_INLINE void FNN(depthwise_group)(const int cells, ptrdiff_t c, const float *x, ptrdiff_t x_step,
                                      ptrdiff_t taps, const ptrdiff_t *at, const ptrdiff_t *row,
                                      const FNN(depthwise_filters) * f, float *y, ptrdiff_t y_step)
{
    enum { WIDE = DEPTHWISE_WORDS * TILE_LANES };
    const tv floor = tv_set1(f->activation == FNN_RELU ? 0.0f : -INFINITY);
    ptrdiff_t j = 0;
#define DEPTHWISE_AT(taps)                                                                                   \
    x + j, x_step, taps, at, row, f->kernel + j, f->bias ? f->bias + j : NULL, floor, y + j, y_step
    if (taps == 9) /* the usual window, with its loop unrolled */
        for (; j + WIDE <= c; j += WIDE)
            FNN(depthwise_word)(cells, DEPTHWISE_WORDS, 1, TILE_LANES, DEPTHWISE_AT(9));
    for (; j + WIDE <= c; j += WIDE)
        FNN(depthwise_word)(cells, DEPTHWISE_WORDS, 1, TILE_LANES, DEPTHWISE_AT(taps));
    if (c - j > TILE_LANES)
        FNN(depthwise_word)(cells, DEPTHWISE_WORDS, 0, c - j - (DEPTHWISE_WORDS - 1) * TILE_LANES,
                            DEPTHWISE_AT(taps));
    else if (c - j == TILE_LANES)
        FNN(depthwise_word)(cells, 1, 1, TILE_LANES, DEPTHWISE_AT(taps));
    else if (c > j)
        FNN(depthwise_word)(cells, 1, 0, c - j, DEPTHWISE_AT(taps));
    if (f->activation > FNN_RELU) {
        const fnn_tile t = {.n = c, .c = y, .ldc = y_step, .activation = f->activation, .alpha = f->alpha};
        FNN(tile_activate)(cells, &t);
    }
}

/* y (count, y_step): c filters of `count` cells side by side. */
static void FNN(depthwise_cells)(ptrdiff_t count, ptrdiff_t c, const float *x, ptrdiff_t x_step,
                                 ptrdiff_t taps, const ptrdiff_t *at, const ptrdiff_t *row,
                                 const FNN(depthwise_filters) * f, float *y, ptrdiff_t y_step)
{
    const ptrdiff_t groups = fnn_ceil_div(count, DEPTHWISE_GROUP);
    for (ptrdiff_t g = 0; g < groups; g++) {
        const ptrdiff_t cells = count / groups + (g < count % groups);
        switch (cells) {
#define DEPTHWISE_CASE(n)                                                                                    \
    case n:                                                                                                  \
        FNN(depthwise_group)(n, c, x, x_step, taps, at, row, f, y, y_step);                                  \
        break;
            DEPTHWISE_CASE(1)
            DEPTHWISE_CASE(2)
            DEPTHWISE_CASE(3)
            DEPTHWISE_CASE(4)
#if DEPTHWISE_GROUP == 8
            DEPTHWISE_CASE(5)
            DEPTHWISE_CASE(6)
            DEPTHWISE_CASE(7)
            DEPTHWISE_CASE(8)
#endif
        }
        x += cells * x_step;
        y += cells * y_step;
    }
}

/* dx (channels) of `count` cells, y_step apart, from those of filters: wide (count, pitch). */
static void FNN(depthwise_fold)(const FNN(depthwise_job) * d, ptrdiff_t count, ptrdiff_t filters,
                                const float *wide, float *y, ptrdiff_t y_step)
{
    for (ptrdiff_t q = 0; q < count; q++, wide += d->pitch, y += y_step)
        for (ptrdiff_t i = 0; i * d->multiplier < filters; i++) {
            float sum = wide[i * d->multiplier];
            for (ptrdiff_t l = 1; l < d->multiplier; l++)
                sum += wide[i * d->multiplier + l];
            y[i] = sum;
        }
}

/* The lines of one part. y: the image that is made. */
static void FNN(depthwise_lines)(const FNN(depthwise_job) * d, const FNN(depthwise_part) * part,
                                 const float *x, const FNN(depthwise_filters) * f, float *y,
                                 FNN(depthwise_space) * space)
{
    const FNN(conv_job) *job = &d->job;
    const FNN(conv_axis) *ax = job->axis;
    const ptrdiff_t x_step = ax[2].stride * d->pitch, y_step = ax[2].phases * job->made;
    const ptrdiff_t step = ax[2].stride * job->channels;
    const int folds = job->transposed && d->multiplier > 1;
    FNN(conv_phase) p[3] = {FNN(conv_phase_of)(&job->shape, job->transposed, 0, part->plane % ax[0].phases)};
    const ptrdiff_t plane = part->plane / ax[0].phases;
    space->ready = PTRDIFF_MIN;
    for (ptrdiff_t line = part->from; line < part->to; line++) {
        const ptrdiff_t q = line / ax[1].phases;
        p[1] = FNN(conv_phase_of)(&job->shape, job->transposed, 1, line % ax[1].phases);
        FNN(depthwise_keep)(d, part, x, plane, q, space);
        for (ptrdiff_t r = 0; r < ax[2].phases; r++) {
            p[2] = FNN(conv_phase_of)(&job->shape, job->transposed, 2, r);
            const ptrdiff_t count = fnn_min(d->run, p[2].count - part->start);
            if (count <= 0)
                continue;
            const ptrdiff_t taps = FNN(depthwise_taps)(d, p, plane, q, space);
            float *to = y + ((part->plane * ax[1].out + line) * ax[2].out + part->start * ax[2].phases + r) *
                                job->made;
            if (folds) {
                FNN(depthwise_cells)(count, part->count, space->kept, x_step, taps, space->at, space->row, f,
                                     space->wide, d->pitch);
                FNN(depthwise_fold)(d, count, part->count, space->wide, to + part->first / d->multiplier,
                                    y_step);
                continue;
            }
            const ptrdiff_t head = fnn_min(count, part->head), tail = fnn_max(head, count - part->tail);
            to += part->first;
            FNN(depthwise_cells)(head, part->count, space->kept, x_step, taps, space->at, space->row, f, to,
                                 y_step);
            FNN(depthwise_cells)(tail - head, part->count, x + (part->start + head) * step, step, taps,
                                 space->in_place, space->row, f, to + head * y_step, y_step);
            FNN(depthwise_cells)(count - tail, part->count, space->kept + tail * x_step, x_step, taps,
                                 space->at, space->row, f, to + tail * y_step, y_step);
        }
    }
}

/* Units: images x planes x bands x runs x blocks of what is made. */
static void FNN(depthwise_units)(const FNN(depthwise_job) * d, const float *x,
                                 const FNN(depthwise_filters) * filters, float *y, ptrdiff_t lo, ptrdiff_t hi,
                                 void *scratch)
{
    const FNN(conv_axis) *ax = d->job.axis;
    const ptrdiff_t filters_in_all = d->job.shape.oc;
    FNN(depthwise_space) space = FNN(depthwise_share)(d, scratch);
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        ptrdiff_t rest = unit / d->blocks;
        const ptrdiff_t first = unit % d->blocks * d->block;
        FNN(depthwise_part) part = {.first = first, .count = fnn_min(d->block, filters_in_all - first)};
        part.start = rest % d->runs * d->run;
        rest /= d->runs;
        part.from = ax[1].out * (rest % d->bands) / d->bands;
        part.to = ax[1].out * (rest % d->bands + 1) / d->bands;
        rest /= d->bands;
        part.plane = rest % ax[0].out;
        part.image = rest / ax[0].out;
        FNN(depthwise_ends)(d, &part);
        FNN(depthwise_filters) f = *filters;
        f.kernel += first;
        if (f.bias)
            f.bias += first;
        const float *image = x + part.image * ax[0].in * ax[1].in * ax[2].in * d->job.channels;
        FNN(depthwise_lines)(d, &part, image + (d->job.transposed ? first : first / d->multiplier), &f,
                             y + part.image * ax[0].out * ax[1].out * ax[2].out * d->job.made, &space);
    }
}

static void FNN(depthwise_units_work)(const fnn_call *call, int transposed, fnn_work *work)
{
    const FNN(depthwise_job) d = FNN(depthwise_divide)(call, transposed);
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    FNN(conv_cost)(&s, work);
    work->units = s.n * d.job.axis[0].out * d.bands * d.runs * d.blocks;
    work->scratch = FNN(depthwise_scratch)(&d);
}

static void FNN(depthwise_work)(const fnn_call *call, fnn_work *work)
{
    FNN(depthwise_units_work)(call, 0, work);
}

static void FNN(depthwise_input_grad_work)(const fnn_call *call, fnn_work *work)
{
    FNN(depthwise_units_work)(call, 1, work);
}

/* sizes, then: bias (0 or 1), activation (fnn_activation).  attrs: alpha.  bufs: x, kernel, [bias (oc,),] y
 */
static void FNN(depthwise_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(depthwise_job) d = FNN(depthwise_divide)(call, 0);
    const int bias = call->size[CONV_SIZES] != 0;
    const FNN(depthwise_filters)
        f = {call->buf[1], bias ? call->buf[2] : NULL, (int)call->size[CONV_SIZES + 1],
             call->attrs ? (float)call->attr[0] : 0.0f};
    FNN(depthwise_units)(&d, call->buf[0], &f, call->buf[2 + bias], lo, hi, scratch);
}

/* bufs: dy, kernel, dx */
static void FNN(depthwise_input_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(depthwise_job) d = FNN(depthwise_divide)(call, 1);
    const FNN(depthwise_filters) f = {call->buf[1], NULL, FNN_LINEAR, 0.0f};
    FNN(depthwise_units)(&d, call->buf[0], &f, call->buf[2], lo, hi, scratch);
}

/* ---- the kernel's gradient ---- */

/* A word of sums for `count` taps, constant for the compiler, over the cells of a line; added to `sums`. */
TILE_INLINE void FNN(depthwise_sum)(const int count, ptrdiff_t lanes, ptrdiff_t cells, const float *x,
                                    ptrdiff_t x_step, const ptrdiff_t *at, const float *dy, ptrdiff_t made,
                                    const ptrdiff_t *row, float *sums)
{
    const int whole = lanes == TILE_LANES;
    const float *from[9];
    tv acc[9];
    _Pragma("GCC unroll 9") for (int t = 0; t < count; t++)
    {
        acc[t] = tv_zero();
        from[t] = x + at[t];
    }
    for (ptrdiff_t q = 0; q < cells; q++) {
        const tv d = whole ? tv_load(dy + q * made) : tv_load_n(dy + q * made, lanes);
        _Pragma("GCC unroll 9") for (int t = 0; t < count; t++) acc[t] =
            tv_fma(tv_load(from[t] + q * x_step), d, acc[t]);
    }
    _Pragma("GCC unroll 9") for (int t = 0; t < count; t++)
    {
        float *to = sums + row[t];
        if (whole)
            tv_store(to, tv_add(tv_load(to), acc[t]));
        else
            tv_store_n(to, tv_add(tv_load_n(to, lanes), acc[t]), lanes);
    }
}

/* sums (taps, oc) += `cells` cells of a line, c filters. */
static void FNN(depthwise_line_sums)(ptrdiff_t cells, ptrdiff_t c, ptrdiff_t x_step, ptrdiff_t taps,
                                     const FNN(depthwise_space) * space, const float *dy, ptrdiff_t made,
                                     float *sums)
{
    const ptrdiff_t *at = space->at, *row = space->row;
    for (ptrdiff_t j = 0; j < c; j += TILE_LANES) {
        const ptrdiff_t lanes = fnn_min(TILE_LANES, c - j);
        const float *x = space->kept + j;
        ptrdiff_t t = 0;
        for (; lanes == TILE_LANES && t + 9 <= taps; t += 9)
            FNN(depthwise_sum)(9, TILE_LANES, cells, x, x_step, at + t, dy + j, made, row + t, sums + j);
        for (; lanes == TILE_LANES && t + 5 <= taps; t += 5)
            FNN(depthwise_sum)(5, TILE_LANES, cells, x, x_step, at + t, dy + j, made, row + t, sums + j);
        for (; lanes == TILE_LANES && t + 3 <= taps; t += 3)
            FNN(depthwise_sum)(3, TILE_LANES, cells, x, x_step, at + t, dy + j, made, row + t, sums + j);
        for (; t + 3 <= taps; t += 3)
            FNN(depthwise_sum)(3, lanes, cells, x, x_step, at + t, dy + j, made, row + t, sums + j);
        for (; t < taps; t++)
            FNN(depthwise_sum)(1, lanes, cells, x, x_step, at + t, dy + j, made, row + t, sums + j);
    }
}

static void FNN(depthwise_kernel_grad_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(depthwise_job) d = FNN(depthwise_divide)(call, 0);
    const FNN(conv_shape) s = FNN(conv_sizes)(call);
    FNN(conv_cost)(&s, work);
    work->units = call->size[CONV_SIZES] * fnn_max(1, d.blocks);
    work->scratch = FNN(depthwise_scratch)(&d);
}

/* sizes, then: splits.  bufs: x, dy, partial (splits, kd, kh, kw, oc), to be added up by conv_kernel_sum_f32.
 * Units: splits of all lines, each cut into blocks of filters. */
static void FNN(depthwise_kernel_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(depthwise_job) d = FNN(depthwise_divide)(call, 0);
    const FNN(conv_axis) *ax = d.job.axis;
    const ptrdiff_t made = d.job.shape.oc, blocks = fnn_max(1, d.blocks), splits = call->size[CONV_SIZES];
    const ptrdiff_t taps = FNN(conv_volume)(d.job.shape.window), x_step = ax[2].stride * d.pitch;
    const ptrdiff_t lines = d.blocks == 0 ? 0 : d.job.shape.n * ax[0].out * ax[1].out;
    FNN(depthwise_space) space = FNN(depthwise_share)(&d, scratch);
    FNN(conv_phase) p[3];
    for (int i = 0; i < 3; i++)
        p[i] = FNN(conv_phase_of)(&d.job.shape, 0, i, 0);
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t split = unit / blocks, first = unit % blocks * d.block;
        const ptrdiff_t begin = lines * split / splits, end = lines * (split + 1) / splits;
        FNN(depthwise_part)
        part = {.first = first, .count = d.blocks == 0 ? made : fnn_min(d.block, made - first)};
        float *sums = (float *)call->buf[2] + split * taps * made + first;
        for (ptrdiff_t t = 0; t < taps; t++)
            memset(sums + t * made, 0, (size_t)part.count * sizeof *sums);
        for (part.start = 0; part.start < p[2].count && begin < end; part.start += d.run) {
            const ptrdiff_t count = fnn_min(d.run, p[2].count - part.start);
            part.cells = part.head = count; /* none in place */
            for (ptrdiff_t at = begin; at < end; at++) {
                const ptrdiff_t line = at % ax[1].out, plane = at / ax[1].out % ax[0].out,
                                image = at / ax[1].out / ax[0].out;
                const float *x = (const float *)call->buf[0] +
                                 image * ax[0].in * ax[1].in * ax[2].in * d.job.channels +
                                 first / d.multiplier;
                const float *dy = (const float *)call->buf[1] + (at * ax[2].out + part.start) * made + first;
                if (at == begin || line == 0)
                    space.ready = PTRDIFF_MIN;
                FNN(depthwise_keep)(&d, &part, x, plane, line, &space);
                FNN(depthwise_line_sums)(count, part.count, x_step,
                                         FNN(depthwise_taps)(&d, p, plane, line, &space), &space, dy, made,
                                         sums);
            }
        }
    }
}

#define FNN_DEPTHWISE_KERNELS                                                                                \
    FNN_KERNEL(depthwise_f32, depthwise_work)                                                                \
    FNN_KERNEL(depthwise_input_grad_f32, depthwise_input_grad_work)                                          \
    FNN_KERNEL(depthwise_kernel_grad_f32, depthwise_kernel_grad_work)
