/* winograd.c - 3 x 3 convolutions of stride 1 with a quarter of the multiplications, and their kernel's
 * gradient.
 *
 * An output tile of 4 x 4 pixels sees an input patch of 6 x 6. Taken as polynomials at six points, the
 * convolution of a line is a product point by point, and so in both directions (Winograd's F(4 x 4, 3 x 3);
 * Lavin and Gray, arXiv 1509.09308):
 *
 *     y  = A' [ (G k G') . (B' x B) ] A            summed over input channels before the outer transform
 *     dk = G' [ (A dy A') . (B' x B) ] G           summed over tiles and images
 *
 * where ' is the transpose and . multiplies element by element: 36 products of matrices, (tiles, channels) by
 * (channels, filters), or (channels, tiles) by (tiles, filters). The gradient for the input is the
 * convolution of dy with the flipped kernel.
 *
 * The points are 0, a, -a, b, -b and infinity with a = 1 / b = sqrt(1/2), not the usual a = 1, b = 2: with
 * these the error is about twice the direct sum's, with those five to eight times (Barabasz et al., arXiv
 * 1803.10986, on the choice of points). Along one line:
 *
 *     B' = | 1   0   -s   0  1  0 |   A' = | 1  1   1   1   1  0 |   G = rows (1, q, q^2) / N(q) for q = 0,
 * a, -a, b, -b | 0  -b  -b^2  a  1  0 |        | 0  a  -a   b  -b  0 |       and (0, 0, 1); | 0   b  -b^2 -a
 * 1  0 |        | 0 a^2 a^2 b^2 b^2 0 |       N(0) = 1, N(a) = N(-a) = 2 a^2 (a^2 - b^2), | 0  -a  -a^2  b  1
 * 0 |        | 0 a^3 -a^3 b^3 -b^3 1 |     N(b) = N(-b) = 2 b^2 (b^2 - a^2) | 0   a  -a^2 -b  1  0 | | 0   1
 * 0  -s  0  1 |   s = a^2 + b^2
 *
 * One number that is not finite makes its whole tile NaN.
 *
 * A kernel of depth `taps`, 3 x 3 across, is as many convolutions of planes, added up at the 36 points: plane z of y
 * sees planes z - front to z - front + taps - 1 of x.
 *
 *     sizes: n  h w c  oh ow oc  top left  taps  d od  front  rounded
 *     images, pixels and channels of x and of y, padding before; planes of x and y, padding in front of them; 0 or 1
 *
 * (n counts images; the kernel's gradient takes taps = 1 and planes for images.)
 *
 * Operands may be rounded to bfloat16 as they are read: what follows is float32, because rounding the points would lose more
 * than rounding pixels and filters does. So this form is not faster for it, and taken where it beats the direct one all the
 * same (ops/conv_lowering.py).
 */

#define WINO_A 0.70710678118654752f
#define WINO_B 1.41421356237309505f
#define WINO_A2 0.5f
#define WINO_B2 2.0f
#define WINO_A3 0.35355339059327376f
#define WINO_B3 2.82842712474619010f
#define WINO_S 2.5f
#define WINO_NA (-1.0f / 1.5f) /* 1 / N(a) */
#define WINO_NB (1.0f / 6.0f)  /* 1 / N(b) */

enum { WINO_POINTS = 36, WINO_TILE = 4, WINO_PATCH = 6 };

#define WINO_UNROLL _Pragma("GCC unroll 6")

/* ---- along one line; `step` is from one element to the next ---- */

/* B' d: 6 to 6 */
TILE_INLINE void FNN(wino_patch)(const tv *d, int from, tv *v, int to)
{
    const tv a = tv_set1(WINO_A), b = tv_set1(WINO_B), s = tv_set1(-WINO_S);
    const tv d1 = d[from], d2 = d[2 * from], d3 = d[3 * from], d4 = d[4 * from];
    v[0] = tv_fma(s, d2, tv_add(d[0], d4));
    v[5 * to] = tv_fma(s, d3, tv_add(d1, d[5 * from]));
    const tv even_a = tv_fma(tv_set1(-WINO_B2), d2, d4), odd_a = tv_fma(tv_set1(-WINO_B2), d1, d3);
    v[to] = tv_fma(a, odd_a, even_a);
    v[2 * to] = tv_fma(tv_set1(-WINO_A), odd_a, even_a);
    const tv even_b = tv_fma(tv_set1(-WINO_A2), d2, d4), odd_b = tv_fma(tv_set1(-WINO_A2), d1, d3);
    v[3 * to] = tv_fma(b, odd_b, even_b);
    v[4 * to] = tv_fma(tv_set1(-WINO_B), odd_b, even_b);
}

/* A' m: 6 to 4 */
TILE_INLINE void FNN(wino_tile)(const tv *m, int from, tv *y, int to)
{
    const tv sum_a = m[from] + m[2 * from], odd_a = m[from] - m[2 * from];
    const tv sum_b = m[3 * from] + m[4 * from], odd_b = m[3 * from] - m[4 * from];
    y[0] = tv_add(m[0], tv_add(sum_a, sum_b));
    y[to] = tv_fma(tv_set1(WINO_B), odd_b, tv_set1(WINO_A) * odd_a);
    y[2 * to] = tv_fma(tv_set1(WINO_B2), sum_b, tv_set1(WINO_A2) * sum_a);
    y[3 * to] = tv_fma(tv_set1(WINO_B3), odd_b, tv_fma(tv_set1(WINO_A3), odd_a, m[5 * from]));
}

/* A d: 4 to 6 */
TILE_INLINE void FNN(wino_untile)(const tv *d, int from, tv *v, int to)
{
    const tv d0 = d[0], d1 = d[from], d2 = d[2 * from], d3 = d[3 * from];
    const tv even_a = tv_fma(tv_set1(WINO_A2), d2, d0),
             odd_a = tv_fma(tv_set1(WINO_A3), d3, tv_set1(WINO_A) * d1);
    const tv even_b = tv_fma(tv_set1(WINO_B2), d2, d0),
             odd_b = tv_fma(tv_set1(WINO_B3), d3, tv_set1(WINO_B) * d1);
    v[0] = d0;
    v[to] = even_a + odd_a;
    v[2 * to] = even_a - odd_a;
    v[3 * to] = even_b + odd_b;
    v[4 * to] = even_b - odd_b;
    v[5 * to] = d3;
}

/* G k: 3 to 6 */
TILE_INLINE void FNN(wino_kernel)(const tv *k, int from, tv *u, int to)
{
    const tv k0 = k[0], k1 = k[from], k2 = k[2 * from];
    const tv even_a = tv_set1(WINO_NA) * tv_fma(tv_set1(WINO_A2), k2, k0),
             odd_a = tv_set1(WINO_NA * WINO_A) * k1;
    const tv even_b = tv_set1(WINO_NB) * tv_fma(tv_set1(WINO_B2), k2, k0),
             odd_b = tv_set1(WINO_NB * WINO_B) * k1;
    u[0] = k0;
    u[to] = even_a + odd_a;
    u[2 * to] = even_a - odd_a;
    u[3 * to] = even_b + odd_b;
    u[4 * to] = even_b - odd_b;
    u[5 * to] = k2;
}

/* G' w: 6 to 3 */
TILE_INLINE void FNN(wino_unkernel)(const tv *w, int from, tv *k, int to)
{
    const tv sum_a = tv_set1(WINO_NA) * (w[from] + w[2 * from]), odd_a = w[from] - w[2 * from];
    const tv sum_b = tv_set1(WINO_NB) * (w[3 * from] + w[4 * from]), odd_b = w[3 * from] - w[4 * from];
    k[0] = tv_add(w[0], tv_add(sum_a, sum_b));
    k[to] = tv_fma(tv_set1(WINO_NB * WINO_B), odd_b, tv_set1(WINO_NA * WINO_A) * odd_a);
    k[2 * to] = tv_fma(tv_set1(WINO_B2), sum_b, tv_fma(tv_set1(WINO_A2), sum_a, w[5 * from]));
}

/* ---- shapes ---- */

typedef struct {
    ptrdiff_t n, h, w, c, oh, ow, oc, top, left, taps, d, od, front, rounded;
    ptrdiff_t down, across, tiles; /* tiles of a plane, tiles in all */
    ptrdiff_t pitch, cols, panel;  /* c and oc in whole words; the width of a panel of columns */
} FNN(wino_job);

enum { WINO_SIZES = 14 };

static FNN(wino_job) FNN(wino_sizes)(const fnn_call *call)
{
    const ptrdiff_t *size = call->size;
    FNN(wino_job)
    job = {.n = size[0],
           .h = size[1],
           .w = size[2],
           .c = size[3],
           .oh = size[4],
           .ow = size[5],
           .oc = size[6],
           .top = size[7],
           .left = size[8],
           .taps = size[9],
           .d = size[10],
           .od = size[11],
           .front = size[12],
           .rounded = size[13]};
    job.down = fnn_ceil_div(job.oh, WINO_TILE);
    job.across = fnn_ceil_div(job.ow, WINO_TILE);
    job.tiles = job.n * job.od * job.down * job.across;
    job.pitch = FNN(conv_words)(job.c);
    job.cols = FNN(conv_words)(job.oc);
    job.panel = FNN(conv_panel)(job.cols);
    return job;
}

static void FNN(wino_cost)(const FNN(wino_job) * job, fnn_work *work)
{
    const double x = (double)(job->n * job->d * job->h * job->w * job->c),
                 y = (double)(job->n * job->od * job->oh * job->ow * job->oc);
    work->flops = 18.0 * y * (double)(job->taps * job->c); /* as the direct sum would take */
    work->bytes = 4.0 * (x + y + 36.0 * (double)(job->taps * job->c * job->oc));
}

/* From one of the 36 planes of `floats` to the next: a line more than they take, because planes a multiple of
 * 4096 bytes apart would all fall into one set of the first-level cache. */
static ptrdiff_t FNN(wino_plane)(ptrdiff_t floats) { return (floats + 15) / 16 * 16 + 16; }

/* ---- tiles of pixels, to and from the 36 points ---- */

/* The 6 x 6 pixels at x (line and pixel: floats to the next), or where at is given at[36], as `lanes`
 * channels of 36 points at v, `plane` apart. */
TILE_INLINE void FNN(wino_patch_word)(const int rounded, const int edge, const int whole, ptrdiff_t lanes,
                                      const float *x, ptrdiff_t line, ptrdiff_t pixel, const float *const *at,
                                      ptrdiff_t channel, float *v, ptrdiff_t plane)
{
    tv half[36];
    WINO_UNROLL
    for (int j = 0; j < WINO_PATCH; j++) {
        tv d[6];
        WINO_UNROLL
        for (int i = 0; i < WINO_PATCH; i++) {
            const float *p = (edge ? at[i * 6 + j] : x + i * line + j * pixel) + channel;
            d[i] = whole ? tv_load(p) : tv_load_n(p, lanes);
            if (rounded)
                d[i] = tv_rounded(d[i]);
        }
        FNN(wino_patch)(d, 1, half + j, 6);
    }
    WINO_UNROLL
    for (int i = 0; i < WINO_PATCH; i++) {
        tv out[6];
        FNN(wino_patch)(half + i * 6, 1, out, 1);
        WINO_UNROLL
        for (int j = 0; j < WINO_PATCH; j++)
            tv_store(v + (i * 6 + j) * plane, out[j]);
    }
}

/* V[36][tile - first][pitch] of tiles [first, first + count), of the planes that kernel plane `tap` meets. zeros: c of
 * them. */
TILE_INLINE void FNN(wino_patches_of)(const int rounded, const FNN(wino_job) * job, const float *x,
                                      ptrdiff_t tap, ptrdiff_t first, ptrdiff_t count, ptrdiff_t pitch,
                                      const float *zeros, float *v, ptrdiff_t plane)
{
    const ptrdiff_t c = job->c, line = job->w * c, whole = c / TILE_LANES * TILE_LANES;
    for (ptrdiff_t r = 0; r < count; r++, v += pitch) {
        const ptrdiff_t tile = first + r, row = tile / job->across, made = row / job->down;
        const ptrdiff_t depth = made % job->od + tap - job->front, image = made / job->od * job->d + depth;
        const ptrdiff_t y = row % job->down * WINO_TILE - job->top,
                        across = tile % job->across * WINO_TILE - job->left;
        if (depth < 0 || depth >= job->d) {
            for (int point = 0; point < WINO_POINTS; point++)
                memset(v + point * plane, 0, (size_t)c * sizeof *v);
            continue;
        }
        const ptrdiff_t at = ((image * job->h + y) * job->w + across) * c;
        if (y >= 0 && across >= 0 && y + WINO_PATCH <= job->h && across + WINO_PATCH <= job->w) {
            for (ptrdiff_t i = 0; i < whole; i += TILE_LANES)
                FNN(wino_patch_word)(rounded, 0, 1, TILE_LANES, x + at, line, c, NULL, i, v + i, plane);
            if (whole < c)
                FNN(wino_patch_word)(rounded, 0, 0, c - whole, x + at, line, c, NULL, whole, v + whole,
                                     plane);
            continue;
        }
        const float *pixel[36];
        for (int i = 0; i < WINO_PATCH; i++)
            for (int j = 0; j < WINO_PATCH; j++) {
                const int inside = y + i >= 0 && y + i < job->h && across + j >= 0 && across + j < job->w;
                pixel[i * 6 + j] = inside ? x + at + i * line + j * c : zeros;
            }
        for (ptrdiff_t i = 0; i < whole; i += TILE_LANES)
            FNN(wino_patch_word)(rounded, 1, 1, TILE_LANES, NULL, 0, 0, pixel, i, v + i, plane);
        if (whole < c)
            FNN(wino_patch_word)(rounded, 1, 0, c - whole, NULL, 0, 0, pixel, whole, v + whole, plane);
    }
}

static void FNN(wino_patches)(const FNN(wino_job) * job, const float *x, ptrdiff_t tap, ptrdiff_t first,
                              ptrdiff_t count, ptrdiff_t pitch, const float *zeros, float *v, ptrdiff_t plane)
{
    if (job->rounded)
        FNN(wino_patches_of)(1, job, x, tap, first, count, pitch, zeros, v, plane);
    else
        FNN(wino_patches_of)(0, job, x, tap, first, count, pitch, zeros, v, plane);
}

typedef struct {
    const float *bias; /* (oc), or NULL */
    int activation;    /* fnn_activation */
    float alpha;
} FNN(wino_end);

/* A tile of `high` x `wide` pixels at y from 36 points at m. */
TILE_INLINE void FNN(wino_tile_word)(const int whole, ptrdiff_t lanes, const float *m, ptrdiff_t plane,
                                     ptrdiff_t high, ptrdiff_t wide, tv bias, const FNN(wino_end) * end,
                                     float *y, ptrdiff_t line, ptrdiff_t pixel)
{
    tv half[24];
    WINO_UNROLL
    for (int j = 0; j < WINO_PATCH; j++) {
        tv column[6];
        WINO_UNROLL
        for (int i = 0; i < WINO_PATCH; i++)
            column[i] = tv_load(m + (i * 6 + j) * plane);
        FNN(wino_tile)(column, 1, half + j, 6);
    }
    const tv floor = tv_set1(end->activation == FNN_RELU ? 0.0f : -INFINITY);
    WINO_UNROLL
    for (int i = 0; i < WINO_TILE; i++) {
        tv out[4];
        FNN(wino_tile)(half + i * 6, 1, out, 1);
        if (i >= high)
            break;
        WINO_UNROLL
        for (int j = 0; j < WINO_TILE; j++) {
            if (j >= wide)
                break;
            const tv value = tv_max(floor, tv_add(out[j], bias)); /* a NaN survives as the second operand */
            if (whole)
                tv_store(y + i * line + j * pixel, value);
            else
                tv_store_n(y + i * line + j * pixel, value, lanes);
        }
    }
}

/* The pixels of tiles [first, first + count), filters [j0, j1), from M[36][tile - first][cols]. */
static void FNN(wino_tiles)(const FNN(wino_job) * job, const float *m, ptrdiff_t plane, ptrdiff_t first,
                            ptrdiff_t count, ptrdiff_t j0, ptrdiff_t j1, const FNN(wino_end) * end, float *y)
{
    const ptrdiff_t oc = job->oc, line = job->ow * oc, last = fnn_min(j1, oc);
    for (ptrdiff_t r = 0; r < count; r++) {
        const ptrdiff_t tile = first + r, row = tile / job->across, image = row / job->down;
        const ptrdiff_t top = row % job->down * WINO_TILE, left = tile % job->across * WINO_TILE;
        const ptrdiff_t high = fnn_min(WINO_TILE, job->oh - top), wide = fnn_min(WINO_TILE, job->ow - left);
        float *to = y + ((image * job->oh + top) * job->ow + left) * oc;
        const float *from = m + r * job->cols;
        ptrdiff_t j = j0;
        for (; j + TILE_LANES <= last; j += TILE_LANES) {
            const tv bias = end->bias ? tv_load(end->bias + j) : tv_zero();
            if (high == WINO_TILE && wide == WINO_TILE)
                FNN(wino_tile_word)(1, TILE_LANES, from + j, plane, WINO_TILE, WINO_TILE, bias, end, to + j,
                                    line, oc);
            else
                FNN(wino_tile_word)(1, TILE_LANES, from + j, plane, high, wide, bias, end, to + j, line, oc);
        }
        if (j < last) {
            const tv bias = end->bias ? tv_load_n(end->bias + j, last - j) : tv_zero();
            FNN(wino_tile_word)(0, last - j, from + j, plane, high, wide, bias, end, to + j, line, oc);
        }
        fnn_tile t = {.n = last - j0, .ldc = oc, .activation = end->activation, .alpha = end->alpha};
        for (ptrdiff_t i = 0; end->activation > FNN_RELU && i < high; i++) {
            t.c = to + i * line + j0;
            FNN(tile_activate)(wide, &t);
        }
    }
}

/* ---- forward ---- */

/* Units: strips of tiles, each cut into ranges of panels. */
typedef struct {
    ptrdiff_t strips, run, ranges; /* run: tiles in the longest strip */
    ptrdiff_t patches, sums;       /* floats from plane to plane of V and M */
} FNN(wino_cut);

/* Of a strip, V and M should stay in the second-level cache. */
#define WINO_STRIP_FLOATS 98304

static FNN(wino_cut) FNN(wino_forward)(const FNN(wino_job) * job)
{
    FNN(wino_cut) cut = {.strips = 0};
    const ptrdiff_t rows = FNN(tile_count)(job->tiles), panels = fnn_ceil_div(job->cols, job->panel);
    if (rows == 0 || panels == 0)
        return cut;
    const ptrdiff_t fit = WINO_STRIP_FLOATS / (WINO_POINTS * (job->pitch + job->cols)) / TILE_ROWS;
    cut.strips = fnn_ceil_div(rows, fnn_max(2, fnn_min(fit, 48 / TILE_ROWS)));
    if (cut.strips > 8) /* so that many threads have equal shares */
        cut.strips = fnn_min(rows, fnn_ceil_div(cut.strips, 16) * 16);
    else if (cut.strips > 1)
        cut.strips = fnn_min(rows, fnn_ceil_div(cut.strips, 2) * 2);
    cut.ranges =
        fnn_min(fnn_ceil_div(panels, 2), fnn_ceil_div(8, cut.strips)); /* each transforms the patches anew */
    cut.run = fnn_ceil_div(rows, cut.strips) * TILE_ROWS;
    cut.patches = FNN(wino_plane)(cut.run * job->pitch);
    cut.sums = FNN(wino_plane)(cut.run * job->cols);
    return cut;
}

static void FNN(winograd_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(wino_job) job = FNN(wino_sizes)(call);
    const FNN(wino_cut) cut = FNN(wino_forward)(&job);
    FNN(wino_cost)(&job, work);
    work->units = cut.strips * cut.ranges;
    work->scratch =
        (WINO_POINTS * (cut.patches + cut.sums) + FNN(conv_lines)(job.pitch)) * (ptrdiff_t)sizeof(float);
}

/* M[36][count][cols], panels [p0, p1), from V and the kernel's points u; added to what is there, if adds. */
static void FNN(wino_multiply)(const FNN(wino_job) * job, const FNN(wino_cut) * cut, const float *v,
                               const float *u, int adds, ptrdiff_t count, ptrdiff_t p0, ptrdiff_t p1,
                               float *m)
{
    const ptrdiff_t tiles = FNN(tile_count)(count), parts = fnn_max(1, fnn_ceil_div(job->c, CONV_DEPTH));
    const ptrdiff_t depth = fnn_max(1, fnn_ceil_div(job->c, parts));
    const ptrdiff_t each = count / tiles, longer = count % tiles;
    fnn_tile t = {.blocks = 1, .lda = job->pitch, .ldc = job->cols};
    for (int point = 0; point < WINO_POINTS; point++)
        for (ptrdiff_t panel = p0; panel < p1; panel++) {
            const ptrdiff_t j = panel * job->panel;
            t.n = t.ldb = fnn_min(job->panel, job->cols - j);
            for (ptrdiff_t k = 0; k == 0 || k < job->c; k += depth) {
                t.k = fnn_min(depth, job->c - k);
                t.accumulate = adds || k > 0;
                t.b = u + point * FNN(wino_plane)(job->c * job->cols) + job->c * j + k * t.ldb;
                t.a = v + point * cut->patches + k;
                t.c = m + point * cut->sums + j;
                for (ptrdiff_t tile = 0; tile < tiles; tile++) { /* as tile_rows_at says */
                    const ptrdiff_t rows = each + (tile < longer);
                    FNN(tile_direct)(rows, &t);
                    t.a += rows * job->pitch;
                    t.c += rows * job->cols;
                }
            }
        }
}

/* sizes, then: bias (0 or 1), activation (fnn_activation).  attrs: alpha.
 * bufs: x (n, h, w, c), points (as winograd_kernel_f32 leaves them), [bias (oc,),] y (n, oh, ow, oc) */
static void FNN(winograd_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(wino_job) job = FNN(wino_sizes)(call);
    const FNN(wino_cut) cut = FNN(wino_forward)(&job);
    const int has_bias = call->size[WINO_SIZES] != 0;
    const FNN(wino_end) end = {has_bias ? call->buf[2] : NULL, (int)call->size[WINO_SIZES + 1],
                               call->attrs ? (float)call->attr[0] : 0.0f};
    const ptrdiff_t rows = FNN(tile_count)(job.tiles), panels = fnn_ceil_div(job.cols, job.panel);
    float *zeros = scratch, *v = zeros + FNN(conv_lines)(job.pitch), *m = v + WINO_POINTS * cut.patches;
    ptrdiff_t ready = -1; /* the strip whose patches are in v */
    memset(zeros, 0, (size_t)job.pitch * sizeof *zeros);
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t strip = unit / cut.ranges, range = unit % cut.ranges;
        const ptrdiff_t first = FNN(tile_rows_at)(job.tiles, rows * strip / cut.strips);
        const ptrdiff_t count = FNN(tile_rows_at)(job.tiles, rows * (strip + 1) / cut.strips) - first;
        const ptrdiff_t p0 = panels * range / cut.ranges, p1 = panels * (range + 1) / cut.ranges;
        for (ptrdiff_t tap = 0; tap < job.taps; tap++) {
            if (ready != strip || job.taps > 1)
                FNN(wino_patches)(&job, call->buf[0], tap, first, count, job.pitch, zeros, v, cut.patches);
            const float *points =
                (const float *)call->buf[1] + tap * WINO_POINTS * FNN(wino_plane)(job.c * job.cols);
            FNN(wino_multiply)(&job, &cut, v, points, tap > 0, count, p0, p1, m);
        }
        ready = strip;
        FNN(wino_tiles)(&job, m, cut.sums, first, count, p0 * job.panel, p1 * job.panel, &end,
                        call->buf[2 + has_bias]);
    }
}

static void FNN(winograd_kernel_work)(const fnn_call *call, fnn_work *work)
{
    const ptrdiff_t c = call->size[0], oc = call->size[1], taps = call->size[2];
    work->units = taps * c;
    work->made = taps * WINO_POINTS * FNN(wino_plane)(c * FNN(conv_words)(oc)) * (ptrdiff_t)sizeof(float);
    work->flops = 200.0 * (double)(taps * c * oc) / VF_LANES;
    work->bytes = 4.0 * 45.0 * (double)(taps * c * oc);
}

/* The 36 points of each filter, in panels of columns as the product reads them: points (taps, 36, panels, c,
 * panel), the last panel as narrow as whole words allow, the 36 planes apart as wino_plane says.
 * sizes: c oc taps rounded.  bufs: kernel (taps, 3, 3, c, oc), points */
static void FNN(winograd_kernel_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    const ptrdiff_t c = call->size[0], oc = call->size[1], cols = FNN(conv_words)(oc),
                    panel = FNN(conv_panel)(cols), rounded = call->size[3];
    for (ptrdiff_t unit = lo; unit < hi; unit++)
        for (ptrdiff_t j = 0; j < cols; j += TILE_LANES) {
            const ptrdiff_t plane = unit / c, i = unit % c;
            const float *kernel = (const float *)call->buf[0] + (plane * 9 * c + i) * oc + j;
            const ptrdiff_t lanes = fnn_min(TILE_LANES, oc - j), start = j / panel * panel;
            const ptrdiff_t width = fnn_min(panel, cols - start);
            float *points = (float *)call->buf[1] + plane * WINO_POINTS * FNN(wino_plane)(c * cols) +
                            c * start + i * width + j - start;
            tv half[18];
            WINO_UNROLL
            for (int w = 0; w < 3; w++) {
                tv k[3];
                WINO_UNROLL
                for (int h = 0; h < 3; h++) {
                    const float *tap = kernel + (h * 3 + w) * c * oc;
                    k[h] = lanes == TILE_LANES ? tv_load(tap) : tv_load_n(tap, lanes);
                    if (rounded)
                        k[h] = tv_rounded(k[h]);
                }
                FNN(wino_kernel)(k, 1, half + w, 3);
            }
            WINO_UNROLL
            for (int h = 0; h < 6; h++) {
                tv u[6];
                FNN(wino_kernel)(half + 3 * h, 1, u, 1);
                WINO_UNROLL
                for (int w = 0; w < 6; w++)
                    tv_store(points + (h * 6 + w) * FNN(wino_plane)(c * cols), u[w]);
            }
        }
}

/* ---- the kernel's gradient ---- */

/* Units: splits of the tiles, each cut into ranges of filters. */
typedef struct {
    ptrdiff_t splits, ranges, width;  /* width: filters of a range */
    ptrdiff_t run, pitch;             /* tiles transformed at once; floats from tile to tile of V */
    ptrdiff_t patches, outputs, sums; /* floats from plane to plane: V, dy's points, their products */
} FNN(wino_grad_cut);

static FNN(wino_grad_cut) FNN(wino_backward)(const FNN(wino_job) * job, ptrdiff_t splits)
{
    FNN(wino_grad_cut) cut = {.splits = splits};
    const ptrdiff_t most = fnn_max(1, 8192 / fnn_max(1, job->pitch) / job->panel),
                    panels = fnn_ceil_div(job->cols, job->panel);
    cut.ranges = fnn_ceil_div(panels, most);
    cut.width = cut.ranges == 0 ? 0 : fnn_ceil_div(panels, cut.ranges) * job->panel;
    cut.pitch =
        job->pitch % 64 ? job->pitch : job->pitch + 16; /* or the columns of A fall into few cache sets */
    const ptrdiff_t fit = 2 * WINO_STRIP_FLOATS / (WINO_POINTS * (cut.pitch + fnn_max(1, cut.width)));
    cut.run = fnn_max(24, fnn_min(fit / 8 * 8, 64));
    cut.patches = FNN(wino_plane)(cut.run * cut.pitch);
    cut.outputs = FNN(wino_plane)(cut.run * cut.width);
    cut.sums = FNN(wino_plane)(job->c * cut.width);
    return cut;
}

static void FNN(winograd_kernel_grad_work)(const fnn_call *call, fnn_work *work)
{
    const FNN(wino_job) job = FNN(wino_sizes)(call);
    const FNN(wino_grad_cut) cut = FNN(wino_backward)(&job, call->size[WINO_SIZES]);
    FNN(wino_cost)(&job, work);
    work->units = job.c == 0 ? 0 : cut.splits * cut.ranges;
    work->scratch = (WINO_POINTS * (cut.patches + cut.outputs + cut.sums) +
                     FNN(conv_lines)(fnn_max(job.pitch, job.cols))) *
                    (ptrdiff_t)sizeof(float);
}

TILE_INLINE void FNN(wino_untile_word)(const int rounded, const int whole, ptrdiff_t lanes, const float *dy,
                                       ptrdiff_t line, ptrdiff_t pixel, ptrdiff_t high, ptrdiff_t wide,
                                       float *d, ptrdiff_t plane)
{
    tv half[24];
    WINO_UNROLL
    for (int j = 0; j < WINO_TILE; j++) {
        tv column[4];
        WINO_UNROLL
        for (int i = 0; i < WINO_TILE; i++) {
            const float *p = dy + i * line + j * pixel;
            column[i] = i >= high || j >= wide ? tv_zero() : whole ? tv_load(p) : tv_load_n(p, lanes);
            if (rounded)
                column[i] = tv_rounded(column[i]);
        }
        FNN(wino_untile)(column, 1, half + j, 4);
    }
    WINO_UNROLL
    for (int i = 0; i < WINO_PATCH; i++) {
        tv out[6];
        FNN(wino_untile)(half + i * 4, 1, out, 1);
        WINO_UNROLL
        for (int j = 0; j < WINO_PATCH; j++)
            tv_store(d + (i * 6 + j) * plane, out[j]);
    }
}

/* dy's points of tiles [first, first + count), filters [j0, j1), as (36, panels, run, panel). */
TILE_INLINE void FNN(wino_untiles_of)(const int rounded, const FNN(wino_job) * job,
                                      const FNN(wino_grad_cut) * cut, const float *dy, ptrdiff_t first,
                                      ptrdiff_t count, ptrdiff_t j0, ptrdiff_t j1, float *d)
{
    const ptrdiff_t oc = job->oc, line = job->ow * oc;
    for (ptrdiff_t r = 0; r < count; r++) {
        const ptrdiff_t tile = first + r, row = tile / job->across, image = row / job->down;
        const ptrdiff_t top = row % job->down * WINO_TILE, left = tile % job->across * WINO_TILE;
        const ptrdiff_t high = fnn_min(WINO_TILE, job->oh - top), wide = fnn_min(WINO_TILE, job->ow - left);
        const float *from = dy + ((image * job->oh + top) * job->ow + left) * oc;
        for (ptrdiff_t j = j0; j < j1; j += TILE_LANES) {
            const ptrdiff_t start = (j - j0) / job->panel * job->panel,
                            width = fnn_min(job->panel, j1 - j0 - start);
            float *to = d + start * cut->run + r * width + j - j0 - start;
            if (oc - j < TILE_LANES)
                FNN(wino_untile_word)(rounded, 0, oc - j, from + j, line, oc, high, wide, to, cut->outputs);
            else if (high == WINO_TILE && wide == WINO_TILE)
                FNN(wino_untile_word)(rounded, 1, TILE_LANES, from + j, line, oc, WINO_TILE, WINO_TILE, to,
                                      cut->outputs);
            else
                FNN(wino_untile_word)(rounded, 1, TILE_LANES, from + j, line, oc, high, wide, to,
                                      cut->outputs);
        }
    }
}

static void FNN(wino_untiles)(const FNN(wino_job) * job, const FNN(wino_grad_cut) * cut, const float *dy,
                              ptrdiff_t first, ptrdiff_t count, ptrdiff_t j0, ptrdiff_t j1, float *d)
{
    if (job->rounded)
        FNN(wino_untiles_of)(1, job, cut, dy, first, count, j0, j1, d);
    else
        FNN(wino_untiles_of)(0, job, cut, dy, first, count, j0, j1, d);
}

/* dkernel (3, 3, c, oc), filters [j0, j1), from the sums over tiles W[36][c][width]. */
static void FNN(wino_unkernels)(const FNN(wino_job) * job, const FNN(wino_grad_cut) * cut, const float *w,
                                ptrdiff_t j0, ptrdiff_t j1, float *kernel)
{
    for (ptrdiff_t i = 0; i < job->c; i++)
        for (ptrdiff_t j = j0; j < j1; j += TILE_LANES) {
            const float *from = w + i * cut->width + j - j0;
            const ptrdiff_t lanes = fnn_min(TILE_LANES, job->oc - j);
            tv half[18];
            WINO_UNROLL
            for (int across = 0; across < WINO_PATCH; across++) {
                tv column[6];
                WINO_UNROLL
                for (int down = 0; down < WINO_PATCH; down++)
                    column[down] = tv_load(from + (down * 6 + across) * cut->sums);
                FNN(wino_unkernel)(column, 1, half + across, 6);
            }
            WINO_UNROLL
            for (int down = 0; down < 3; down++) {
                tv out[3];
                FNN(wino_unkernel)(half + down * 6, 1, out, 1);
                WINO_UNROLL
                for (int across = 0; across < 3; across++)
                    tv_store_n(kernel + ((down * 3 + across) * job->c + i) * job->oc + j, out[across], lanes);
            }
        }
}

/* sizes, then: splits.  bufs: x (n, h, w, c), dy (n, oh, ow, oc), partial (splits, 3, 3, c, oc) */
static void FNN(winograd_kernel_grad_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    const FNN(wino_job) job = FNN(wino_sizes)(call);
    const FNN(wino_grad_cut) cut = FNN(wino_backward)(&job, call->size[WINO_SIZES]);
    const ptrdiff_t zero = FNN(conv_lines)(fnn_max(job.pitch, job.cols)), tiles = FNN(tile_count)(job.c);
    float *zeros = scratch, *v = zeros + zero, *d = v + WINO_POINTS * cut.patches,
          *w = d + WINO_POINTS * cut.outputs;
    memset(zeros, 0, (size_t)zero * sizeof *zeros);
    for (ptrdiff_t unit = lo; unit < hi; unit++) {
        const ptrdiff_t split = unit / cut.ranges, j0 = unit % cut.ranges * cut.width,
                        j1 = fnn_min(job.cols, j0 + cut.width);
        const ptrdiff_t begin = job.tiles * split / cut.splits, end = job.tiles * (split + 1) / cut.splits;
        const ptrdiff_t each = job.c / tiles, longer = job.c % tiles;
        fnn_tile t = {.blocks = 1, .lda = cut.pitch, .ldc = cut.width};
        for (ptrdiff_t first = begin; first == begin || first < end; first += cut.run) {
            t.k = fnn_min(cut.run, end - first);
            t.accumulate = first > begin;
            FNN(wino_patches)(&job, call->buf[0], 0, first, t.k, cut.pitch, zeros, v, cut.patches);
            FNN(wino_untiles)(&job, &cut, call->buf[1], first, t.k, j0, j1, d);
            for (int point = 0; point < WINO_POINTS; point++)
                for (ptrdiff_t j = 0; j < j1 - j0; j += job.panel) {
                    t.n = t.ldb = fnn_min(job.panel, j1 - j0 - j);
                    t.b = d + point * cut.outputs + j * cut.run;
                    t.a = v + point * cut.patches;
                    t.c = w + point * cut.sums + j;
                    for (ptrdiff_t tile = 0; tile < tiles; tile++) {
                        const ptrdiff_t rows = each + (tile < longer);
                        FNN(tile_columns)(rows, &t);
                        t.a += rows;
                        t.c += rows * cut.width;
                    }
                }
        }
        FNN(wino_unkernels)(&job, &cut, w, j0, j1, (float *)call->buf[2] + split * 9 * job.c * job.oc);
    }
}

#define FNN_WINOGRAD_KERNELS                                                                                 \
    FNN_KERNEL(winograd_f32, winograd_work)                                                                  \
    FNN_KERNEL(winograd_kernel_f32, winograd_kernel_work)                                                    \
    FNN_KERNEL(winograd_kernel_grad_f32, winograd_kernel_grad_work)
