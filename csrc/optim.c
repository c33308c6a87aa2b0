/* optim.c - the optimisers' updates (updates.h) of one variable and of several, and what their rates are made of.
 *
 * sgd_update_sweep_f32, momentum_..., rmsprop_..., adam_update_sweep_f32: several such updates, one rate and
 * decay bufs: rate (lr or alpha) decay; w g and slots of each update in turn; w' and slots' of each in turn.
 *     sizes: each update's n.  attrs: as above.  units: blocks of the first, then of the second, ...
 * adam_rate_f32        alpha = lr sqrt(1 - b2^t) / (1 - b1^t), t = iterations + 1
 *     bufs: lr, iterations (int32); alpha.  attrs: b1, b2.  The powers are rounded to float, as Keras has
 * them. count_up_i32         out = n + 1.  bufs: n; out.
 */
#include "updates.h"

enum { FNN_UPDATE_BLOCK = 4096 };

static void FNN(update_work)(const fnn_call *call, fnn_work *work, double streams)
{
    work->units = fnn_ceil_div(call->size[0], FNN_UPDATE_BLOCK);
    work->bytes = 4.0 * streams * (double)call->size[0];
}

#define FNN_UPDATE(name)                                                                                     \
    static void FNN(name##_update_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)      \
    {                                                                                                        \
        const ptrdiff_t at = lo * FNN_UPDATE_BLOCK, end = fnn_min(hi * FNN_UPDATE_BLOCK, call->size[0]);     \
        (void)scratch;                                                                                       \
        FNN(name##_span)(call, at, end - at, (const float *)call->buf[1] + at);                              \
    }
FNN_UPDATE(sgd)
FNN_UPDATE(momentum)
FNN_UPDATE(rmsprop)
FNN_UPDATE(adam)

static void FNN(sgd_update_f32_work)(const fnn_call *call, fnn_work *work)
{
    FNN(update_work)(call, work, 3.0);
}
static void FNN(momentum_update_f32_work)(const fnn_call *call, fnn_work *work)
{
    FNN(update_work)(call, work, 5.0);
}
static void FNN(rmsprop_update_f32_work)(const fnn_call *call, fnn_work *work)
{
    FNN(update_work)(call, work, 5.0 + (call->attr[1] != 0 ? 2.0 : 0.0) + (call->attr[3] != 0 ? 2.0 : 0.0));
    work->flops = 20.0 * (double)call->size[0];
}
static void FNN(adam_update_f32_work)(const fnn_call *call, fnn_work *work)
{
    FNN(update_work)(call, work, call->bufs > 9 ? 9.0 : 7.0);
    work->flops = 20.0 * (double)call->size[0];
}

/* Units [lo, hi) of several updates, each made into a call of its own. */
static void FNN(update_sweep)(void (*update)(const fnn_call *, ptrdiff_t, ptrdiff_t, void *),
                              const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi)
{
    const ptrdiff_t count = call->sizes, slots = ((call->bufs - 2) / count - 3) / 2;
    void *const *in = call->buf + 2, *const *out = in + count * (2 + slots);
    fnn_call one;
    memcpy(one.attr, call->attr, sizeof one.attr);
    one.attrs = call->attrs;
    one.sizes = 1;
    one.bufs = 5 + 2 * slots;
    one.buf[2] = call->buf[0];
    one.buf[3] = call->buf[1];
    for (ptrdiff_t k = 0, first = 0; k < count && first < hi; k++) {
        const ptrdiff_t units = fnn_ceil_div(call->size[k], FNN_UPDATE_BLOCK);
        const ptrdiff_t from = fnn_max(lo - first, 0), to = fnn_min(hi - first, units);
        if (from < to) {
            one.size[0] = call->size[k];
            one.buf[0] = in[0];
            one.buf[1] = in[1];
            for (ptrdiff_t s = 0; s < slots; s++)
                one.buf[4 + s] = in[2 + s];
            for (ptrdiff_t s = 0; s <= slots; s++)
                one.buf[4 + slots + s] = out[s];
            update(&one, from, to, NULL);
        }
        in += 2 + slots;
        out += 1 + slots;
        first += units;
    }
}

static void FNN(update_sweep_work)(const fnn_call *call, fnn_work *work)
{
    const double streams = (double)((call->bufs - 2) / fnn_max(call->sizes, 1));
    for (ptrdiff_t k = 0; k < call->sizes; k++) {
        work->units += fnn_ceil_div(call->size[k], FNN_UPDATE_BLOCK);
        work->bytes += 4.0 * streams * (double)call->size[k];
    }
}

#define FNN_UPDATE_SWEEP(name)                                                                               \
    static void FNN(name##_update_sweep_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi,               \
                                             void *scratch)                                                  \
    {                                                                                                        \
        (void)scratch;                                                                                       \
        FNN(update_sweep)(FNN(name##_update_f32), call, lo, hi);                                             \
    }
FNN_UPDATE_SWEEP(sgd)
FNN_UPDATE_SWEEP(momentum)
FNN_UPDATE_SWEEP(rmsprop)
FNN_UPDATE_SWEEP(adam)

static void FNN(scalar_work)(const fnn_call *call, fnn_work *work)
{
    (void)call;
    work->units = 1;
}
static void FNN(adam_rate_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    if (lo >= hi)
        return;
    const double t = (double)*(const int32_t *)call->buf[1] + 1.0;
    const float first = (float)pow((double)(float)call->attr[0], t);
    const float second = (float)pow((double)(float)call->attr[1], t);
    *(float *)call->buf[2] = *(const float *)call->buf[0] * sqrtf(1.0f - second) / (1.0f - first);
}
static void FNN(count_up_i32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    (void)scratch;
    if (lo < hi)
        *(int32_t *)call->buf[1] = (int32_t)((uint32_t)*(const int32_t *)call->buf[0] + 1u);
}

#define FNN_OPTIM_KERNELS                                                                                    \
    FNN_KERNEL(sgd_update_f32, sgd_update_f32_work)                                                          \
    FNN_KERNEL(momentum_update_f32, momentum_update_f32_work)                                                \
    FNN_KERNEL(rmsprop_update_f32, rmsprop_update_f32_work)                                                  \
    FNN_KERNEL(adam_update_f32, adam_update_f32_work)                                                        \
    FNN_KERNEL(sgd_update_sweep_f32, update_sweep_work)                                                      \
    FNN_KERNEL(momentum_update_sweep_f32, update_sweep_work)                                                 \
    FNN_KERNEL(rmsprop_update_sweep_f32, update_sweep_work)                                                  \
    FNN_KERNEL(adam_update_sweep_f32, update_sweep_work)                                                     \
    FNN_KERNEL(adam_rate_f32, scalar_work)                                                                   \
    FNN_KERNEL(count_up_i32, scalar_work)
