/* eltwise.c - the steps of elementwise chains, in float32 and in int64, and the kernels that run them.
 *
 * chain_f32, chain_sum_f32, chain_i64: operands and program as chain.h tells. A step's formula is written
 * here beside its name; engine/chain.py lists the names in the same order.
 */
#include "chain.h"

/* ---- float32 steps ---- */

#define FNN_MAP_F32(name, value)                                                                             \
    static void FNN(step_##name)(ptrdiff_t n, const void *pa, const void *pb, const void *pc,                \
                                 const double *k, void *pd)                                                  \
    {                                                                                                        \
        const float *fa = pa, *fb = pb, *fc = pc;                                                            \
        float *d = pd;                                                                                       \
        ptrdiff_t i = 0;                                                                                     \
        for (; i + VF_LANES <= n; i += VF_LANES) {                                                           \
            const vf a = vf_load(fa + i), b = vf_load(fb + i), c = vf_load(fc + i);                          \
            (void)a, (void)b, (void)c, (void)k;                                                              \
            vf_store(d + i, value);                                                                          \
        }                                                                                                    \
        if (VF_LANES > 1 && i < n) {                                                                         \
            const vf a = vf_load_n(fa + i, n - i), b = vf_load_n(fb + i, n - i),                             \
                     c = vf_load_n(fc + i, n - i);                                                           \
            (void)a, (void)b, (void)c;                                                                       \
            vf_store_n(d + i, value, n - i);                                                                 \
        }                                                                                                    \
    }

#define FNN_ONE vf_set1(1.0f)
#define FNN_TRUTH(mask) vf_select(mask, vf_set1(1.0f), vf_zero())
#define FNN_TRUE(x) vm_not(vf_eq(x, vf_zero()))
#define FNN_K0 vf_set1((float)k[0])
#define FNN_K1 vf_set1((float)k[1])

/* y, but NaN where x is. */
static inline vf FNN(keep_nan)(vf x, vf y) { return vf_select(vf_eq(x, x), y, x); }

FNN_MAP_F32(copy, a)
FNN_MAP_F32(add, vf_add(a, b))
FNN_MAP_F32(subtract, vf_sub(a, b))
FNN_MAP_F32(multiply, vf_mul(a, b))
FNN_MAP_F32(divide, vf_div(a, b))
FNN_MAP_F32(maximum, FNN(keep_nan)(a, vf_max(a, b)))
FNN_MAP_F32(minimum, FNN(keep_nan)(a, vf_min(a, b)))
FNN_MAP_F32(negative, vf_neg(a))
FNN_MAP_F32(absolute, vf_abs(a))
FNN_MAP_F32(sign, FNN(keep_nan)(a, vf_sub(FNN_TRUTH(vf_lt(vf_zero(), a)), FNN_TRUTH(vf_lt(a, vf_zero())))))
FNN_MAP_F32(square, vf_mul(a, a))
FNN_MAP_F32(sqrt, vf_sqrt(a))
FNN_MAP_F32(rsqrt, vf_div(FNN_ONE, vf_sqrt(a)))
FNN_MAP_F32(reciprocal, vf_div(FNN_ONE, a))
FNN_MAP_F32(clip, vf_min(FNN_K1, vf_max(FNN_K0, a)))
FNN_MAP_F32(equal, FNN_TRUTH(vf_eq(a, b)))
FNN_MAP_F32(not_equal, FNN_TRUTH(vm_not(vf_eq(a, b))))
FNN_MAP_F32(less, FNN_TRUTH(vf_lt(a, b)))
FNN_MAP_F32(less_equal, FNN_TRUTH(vf_le(a, b)))
FNN_MAP_F32(greater, FNN_TRUTH(vf_lt(b, a)))
FNN_MAP_F32(greater_equal, FNN_TRUTH(vf_le(b, a)))
FNN_MAP_F32(logical_and, FNN_TRUTH(vm_and(FNN_TRUE(a), FNN_TRUE(b))))
FNN_MAP_F32(logical_or, FNN_TRUTH(vm_or(FNN_TRUE(a), FNN_TRUE(b))))
FNN_MAP_F32(logical_xor, vf_abs(vf_sub(FNN_TRUTH(FNN_TRUE(a)), FNN_TRUTH(FNN_TRUE(b)))))
FNN_MAP_F32(logical_not, FNN_TRUTH(vf_eq(a, vf_zero())))
FNN_MAP_F32(not_zero, FNN_TRUTH(FNN_TRUE(a)))
FNN_MAP_F32(where, vf_select(FNN_TRUE(a), b, c))
FNN_MAP_F32(isnan, FNN_TRUTH(vm_not(vf_eq(a, a))))
FNN_MAP_F32(isinf, FNN_TRUTH(vf_eq(vf_abs(a), vf_set1(INFINITY))))
FNN_MAP_F32(isfinite, FNN_TRUTH(vf_lt(vf_abs(a), vf_set1(INFINITY))))
FNN_MAP_F32(floor, vf_floor(a))
FNN_MAP_F32(ceil, vf_ceil(a))
FNN_MAP_F32(rint, vf_round(a))
FNN_MAP_F32(trunc, vf_trunc(a))

FNN_MAP_F32(exp, vf_exp(a))
FNN_MAP_F32(exp2, vf_exp2(a))
FNN_MAP_F32(expm1, vf_expm1(a))
FNN_MAP_F32(log, vf_log(a))
FNN_MAP_F32(log1p, vf_log1p(a))
FNN_MAP_F32(log2, vf_log2(a))
FNN_MAP_F32(log10, vf_log10(a))
FNN_MAP_F32(sin, vf_sin(a))
FNN_MAP_F32(cos, vf_cos(a))
FNN_MAP_F32(erf, vf_erf(a))

/* The greater plus log(1 + exp(-distance)); equal infinities have distance 0. */
static inline vf FNN(logaddexp)(vf a, vf b)
{
    const vf top = FNN(keep_nan)(a, vf_max(a, b));
    const vf apart = vf_select(vf_eq(a, b), vf_zero(), vf_abs(vf_sub(a, b)));
    return vf_add(top, vf_log1p(vf_exp(vf_neg(apart))));
}
FNN_MAP_F32(logaddexp, FNN(logaddexp)(a, b))

/* ---- activations; in *_grad a is the output (or the input, where noted), b the output's gradient ---- */

FNN_MAP_F32(sigmoid, vf_sigmoid(a))
FNN_MAP_F32(sigmoid_grad, vf_mul(vf_mul(b, a), vf_sub(FNN_ONE, a)))
FNN_MAP_F32(tanh, vf_tanh(a))
FNN_MAP_F32(tanh_grad, vf_mul(b, vf_fnma(a, a, FNN_ONE)))
FNN_MAP_F32(relu, vf_max(vf_zero(), a))
FNN_MAP_F32(relu_grad, vf_select(vf_lt(vf_zero(), a), b, vf_zero()))
FNN_MAP_F32(relu6, vf_min(vf_set1(6.0f), vf_max(vf_zero(), a)))
FNN_MAP_F32(relu6_grad, vf_select(vm_and(vf_lt(vf_zero(), a), vf_lt(a, vf_set1(6.0f))), b, vf_zero()))
FNN_MAP_F32(leaky_relu, vf_select(vf_lt(vf_zero(), a), a, vf_mul(a, FNN_K0)))
FNN_MAP_F32(leaky_relu_grad, vf_select(vf_lt(vf_zero(), a), b, vf_mul(b, FNN_K0)))

static inline vf FNN(hard_sigmoid)(vf a)
{
    return vf_min(FNN_ONE, vf_max(vf_zero(), vf_add(vf_mul(a, vf_set1(1.0f / 6.0f)), vf_set1(0.5f))));
}
FNN_MAP_F32(hard_sigmoid, FNN(hard_sigmoid)(a))
FNN_MAP_F32(hard_sigmoid_grad, vf_select(vm_and(vf_lt(vf_zero(), a), vf_lt(a, FNN_ONE)),
                                         vf_mul(b, vf_set1(1.0f / 6.0f)), vf_zero()))
FNN_MAP_F32(hard_silu, vf_mul(a, FNN(hard_sigmoid)(a)))

/* k: alpha, scale. */
FNN_MAP_F32(elu,
            vf_mul(FNN_K1, vf_select(vf_lt(vf_zero(), a), a, vf_mul(FNN_K0, vf_expm1(vf_min(vf_zero(), a))))))
FNN_MAP_F32(elu_grad,
            vf_mul(b, vf_select(vf_lt(a, vf_zero()), vf_add(a, vf_set1((float)(k[0] * k[1]))), FNN_K1)))
FNN_MAP_F32(celu,
            vf_select(vf_lt(vf_zero(), a), a, vf_mul(FNN_K0, vf_expm1(vf_div(vf_min(vf_zero(), a), FNN_K0)))))
FNN_MAP_F32(softplus, vf_softplus(a))
FNN_MAP_F32(log_sigmoid, vf_neg(vf_softplus(vf_neg(a))))
FNN_MAP_F32(silu, vf_mul(a, vf_sigmoid(a)))

static inline vf FNN(silu_slope)(vf x) /* s + x s (1 - s) */
{
    const vf s = vf_sigmoid(x);
    return vf_add(s, vf_mul(vf_mul(x, s), vf_sub(FNN_ONE, s)));
}
FNN_MAP_F32(silu_grad, vf_mul(b, FNN(silu_slope)(a))) /* a: the input */

/* tanh(sqrt(2/pi) (x + 0.044715 x^3)); a cube that overflows has the right sign still. */
static inline vf FNN(gelu_curve)(vf x)
{
    const vf cube = vf_fma(vf_mul(vf_mul(x, x), x), vf_set1(0.044715f), x);
    return vf_tanh(vf_mul(cube, vf_set1(0.797884561f)));
}
static inline vf FNN(gelu_slope)(vf x)
{
    const vf t = FNN(gelu_curve)(x), half = vf_set1(0.5f);
    const vf rise = vf_fma(vf_mul(x, x), vf_set1(3.0f * 0.044715f * 0.797884561f), vf_set1(0.797884561f));
    const vf bend = vf_mul(vf_mul(x, vf_fnma(t, t, FNN_ONE)), rise);
    /* Far out t is 1 and the bend 0, but x^2 may be infinite there, and 0 times that NaN. */
    return vf_mul(half,
                  vf_add(vf_add(FNN_ONE, t), vf_select(vf_lt(vf_set1(10.0f), vf_abs(x)), vf_zero(), bend)));
}
FNN_MAP_F32(gelu_tanh, vf_mul(vf_mul(vf_set1(0.5f), a), vf_add(FNN_ONE, FNN(gelu_curve)(a))))
FNN_MAP_F32(gelu_tanh_grad, vf_mul(b, FNN(gelu_slope)(a))) /* a: the input */

static inline vf FNN(gelu_erf_at)(vf x)
{
    vf bell;
    return vf_mul(x, vf_normal_share(x, &bell));
}
static inline vf FNN(gelu_erf_slope)(vf x) /* the share + x times the density */
{
    vf bell;
    const vf share = vf_normal_share(x, &bell);
    const vf moment = vf_select(vf_eq(bell, vf_zero()), bell, vf_mul(x, bell)); /* x may be infinite */
    return vf_fma(moment, vf_set1(0.39894228f), share);
}
FNN_MAP_F32(gelu_erf, FNN(gelu_erf_at)(a))
FNN_MAP_F32(gelu_erf_grad, vf_mul(b, FNN(gelu_erf_slope)(a))) /* a: the input */

/* ---- steps that libm does, element by element: rare in networks, and right to the last bit or two ---- */

#define FNN_EACH_F32(name, value)                                                                            \
    static void FNN(step_##name)(ptrdiff_t n, const void *pa, const void *pb, const void *pc,                \
                                 const double *k, void *pd)                                                  \
    {                                                                                                        \
        const float *fa = pa, *fb = pb;                                                                      \
        float *d = pd;                                                                                       \
        (void)pc, (void)k;                                                                                   \
        for (ptrdiff_t i = 0; i < n; i++) {                                                                  \
            const float a = fa[i], b = fb[i];                                                                \
            (void)b;                                                                                         \
            d[i] = value;                                                                                    \
        }                                                                                                    \
    }

/* The remainder with the divisor's sign, as NumPy's mod. */
static float FNN(mod)(float a, float b)
{
    const float r = fmodf(a, b);
    if (r == 0.0f)
        return copysignf(0.0f, b);
    return (r < 0.0f) != (b < 0.0f) ? r + b : r;
}

/* (a - mod(a, b)) / b, which is an integer but for rounding. */
static float FNN(floor_divide)(float a, float b)
{
    if (b == 0.0f)
        return a / b;
    float r = fmodf(a, b), q = (a - r) / b;
    if (r != 0.0f && (r < 0.0f) != (b < 0.0f))
        q -= 1.0f;
    if (q == 0.0f)
        return copysignf(0.0f, a / b);
    const float whole = floorf(q);
    return q - whole > 0.5f ? whole + 1.0f : whole;
}

FNN_EACH_F32(power, powf(a, b))
FNN_EACH_F32(mod, FNN(mod)(a, b))
FNN_EACH_F32(fmod, fmodf(a, b))
FNN_EACH_F32(floor_divide, FNN(floor_divide)(a, b))
FNN_EACH_F32(cbrt, cbrtf(a))
FNN_EACH_F32(tan, tanf(a))
FNN_EACH_F32(arcsin, asinf(a))
FNN_EACH_F32(arccos, acosf(a))
FNN_EACH_F32(arctan, atanf(a))
FNN_EACH_F32(arctan2, atan2f(a, b))
FNN_EACH_F32(sinh, sinhf(a))
FNN_EACH_F32(cosh, coshf(a))
FNN_EACH_F32(arcsinh, asinhf(a))
FNN_EACH_F32(arccosh, acoshf(a))
FNN_EACH_F32(arctanh, atanhf(a))
FNN_EACH_F32(hypot, hypotf(a, b))
FNN_EACH_F32(erfc, erfcf(a))

/* In the order of F32_STEPS in engine/chain.py. */
#define FNN_STEP(name, cost) {FNN(step_##name), cost},
// clang-format off
static const FNN(chain_entry) FNN(steps_f32)[] = {
    FNN_STEP(copy, 5) FNN_STEP(add, 5) FNN_STEP(subtract, 5) FNN_STEP(multiply, 5) FNN_STEP(divide, 15)
    FNN_STEP(maximum, 5) FNN_STEP(minimum, 5) FNN_STEP(negative, 5) FNN_STEP(absolute, 5) FNN_STEP(sign, 8)
    FNN_STEP(square, 5) FNN_STEP(sqrt, 20) FNN_STEP(rsqrt, 30) FNN_STEP(reciprocal, 15) FNN_STEP(clip, 5)
    FNN_STEP(equal, 5) FNN_STEP(not_equal, 5) FNN_STEP(less, 5) FNN_STEP(less_equal, 5) FNN_STEP(greater, 5)
    FNN_STEP(greater_equal, 5) FNN_STEP(logical_and, 8) FNN_STEP(logical_or, 8) FNN_STEP(logical_xor, 8)
    FNN_STEP(logical_not, 5) FNN_STEP(not_zero, 5) FNN_STEP(where, 5) FNN_STEP(isnan, 5) FNN_STEP(isinf, 5)
    FNN_STEP(isfinite, 5) FNN_STEP(floor, 5) FNN_STEP(ceil, 5) FNN_STEP(rint, 5) FNN_STEP(trunc, 5)
    FNN_STEP(exp, 50) FNN_STEP(exp2, 50) FNN_STEP(expm1, 50) FNN_STEP(log, 60) FNN_STEP(log1p, 80)
    FNN_STEP(log2, 60) FNN_STEP(log10, 60) FNN_STEP(sin, 80) FNN_STEP(cos, 80) FNN_STEP(erf, 90)
    FNN_STEP(logaddexp, 140) FNN_STEP(sigmoid, 70) FNN_STEP(sigmoid_grad, 6) FNN_STEP(tanh, 60)
    FNN_STEP(tanh_grad, 6) FNN_STEP(relu, 5) FNN_STEP(relu_grad, 5) FNN_STEP(relu6, 5)
    FNN_STEP(relu6_grad, 6) FNN_STEP(leaky_relu, 5) FNN_STEP(leaky_relu_grad, 5) FNN_STEP(hard_sigmoid, 6)
    FNN_STEP(hard_sigmoid_grad, 6) FNN_STEP(hard_silu, 7) FNN_STEP(elu, 60) FNN_STEP(elu_grad, 6)
    FNN_STEP(celu, 70) FNN_STEP(softplus, 140) FNN_STEP(log_sigmoid, 140) FNN_STEP(silu, 70)
    FNN_STEP(silu_grad, 80) FNN_STEP(gelu_tanh, 70) FNN_STEP(gelu_tanh_grad, 80) FNN_STEP(gelu_erf, 70)
    FNN_STEP(gelu_erf_grad, 75) FNN_STEP(power, 1000) FNN_STEP(mod, 1000) FNN_STEP(fmod, 1000)
    FNN_STEP(floor_divide, 1000) FNN_STEP(cbrt, 1000) FNN_STEP(tan, 1000) FNN_STEP(arcsin, 1000)
    FNN_STEP(arccos, 1000) FNN_STEP(arctan, 1000) FNN_STEP(arctan2, 1500) FNN_STEP(sinh, 1000)
    FNN_STEP(cosh, 1000) FNN_STEP(arcsinh, 1500) FNN_STEP(arccosh, 1500) FNN_STEP(arctanh, 1500)
    FNN_STEP(hypot, 500) FNN_STEP(erfc, 1500)};
// clang-format on

/* ---- int64 steps; sums and products wrap, as NumPy's do ---- */

#define FNN_EACH_I64(name, value)                                                                            \
    static void FNN(step_i_##name)(ptrdiff_t n, const void *pa, const void *pb, const void *pc,              \
                                   const double *k, void *pd)                                                \
    {                                                                                                        \
        const int64_t *ia = pa, *ib = pb, *ic = pc;                                                          \
        int64_t *d = pd;                                                                                     \
        for (ptrdiff_t i = 0; i < n; i++) {                                                                  \
            const int64_t a = ia[i], b = ib[i], c = ic[i];                                                   \
            (void)b, (void)c, (void)k;                                                                       \
            d[i] = (int64_t)(value);                                                                         \
        }                                                                                                    \
    }

static inline int64_t FNN(floor_quotient)(int64_t a, int64_t b)
{
    if (b == 0)
        return 0; /* NumPy's answer */
    if (b == -1)
        return (int64_t)(0 - (uint64_t)a); /* the smallest number has no opposite, and the CPU traps */
    const int64_t q = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}
static inline int64_t FNN(floor_remainder)(int64_t a, int64_t b)
{
    if (b == 0 || b == -1)
        return 0;
    const int64_t r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
static inline int64_t FNN(shift_left)(int64_t a, int64_t b)
{
    return b >= 0 && b < 64 ? (int64_t)((uint64_t)a << b) : 0;
}
static inline int64_t FNN(shift_right)(int64_t a, int64_t b) { return a >> (b >= 0 && b < 64 ? b : 63); }

/* What a store to element type `type` and a load back would give. */
static inline int64_t FNN(wrapped)(int64_t a, int type)
{
    switch (type) {
    case CHAIN_I32:
        return (int32_t)a;
    case CHAIN_U8:
        return (uint8_t)a;
    case CHAIN_BOOL:
        return a != 0;
    case CHAIN_I8:
        return (int8_t)a;
    case CHAIN_U32:
        return (uint32_t)a;
    default:
        return a;
    }
}

FNN_EACH_I64(copy, a)
FNN_EACH_I64(add, (uint64_t)a + (uint64_t)b)
FNN_EACH_I64(subtract, (uint64_t)a - (uint64_t)b)
FNN_EACH_I64(multiply, (uint64_t)a *(uint64_t)b)
FNN_EACH_I64(maximum, a > b ? a : b)
FNN_EACH_I64(minimum, a < b ? a : b)
FNN_EACH_I64(negative, 0 - (uint64_t)a)
FNN_EACH_I64(absolute, a < 0 ? 0 - (uint64_t)a : (uint64_t)a)
FNN_EACH_I64(sign, (a > 0) - (a < 0))
FNN_EACH_I64(square, (uint64_t)a *(uint64_t)a)
FNN_EACH_I64(equal, a == b)
FNN_EACH_I64(not_equal, a != b)
FNN_EACH_I64(less, a < b)
FNN_EACH_I64(less_equal, a <= b)
FNN_EACH_I64(greater, a > b)
FNN_EACH_I64(greater_equal, a >= b)
FNN_EACH_I64(logical_and, a &&b)
FNN_EACH_I64(logical_or, a || b)
FNN_EACH_I64(logical_xor, !a != !b)
FNN_EACH_I64(logical_not, !a)
FNN_EACH_I64(where, a ? b : c)
FNN_EACH_I64(floor_divide, FNN(floor_quotient)(a, b))
FNN_EACH_I64(mod, FNN(floor_remainder)(a, b))
FNN_EACH_I64(bitwise_and, a &b)
FNN_EACH_I64(bitwise_or, a | b)
FNN_EACH_I64(bitwise_xor, a ^ b)
FNN_EACH_I64(bitwise_not, ~a)
FNN_EACH_I64(left_shift, FNN(shift_left)(a, b))
FNN_EACH_I64(right_shift, FNN(shift_right)(a, b))
FNN_EACH_I64(wrap, FNN(wrapped)(a, (int)k[0]))

#define FNN_STEP_I64(name, cost) {FNN(step_i_##name), cost},
/* In the order of I64_STEPS in engine/chain.py. */
// clang-format off
static const FNN(chain_entry) FNN(steps_i64)[] = {
    FNN_STEP_I64(copy, 15) FNN_STEP_I64(add, 15) FNN_STEP_I64(subtract, 15) FNN_STEP_I64(multiply, 30)
    FNN_STEP_I64(maximum, 15) FNN_STEP_I64(minimum, 15) FNN_STEP_I64(negative, 15)
    FNN_STEP_I64(absolute, 15) FNN_STEP_I64(sign, 15) FNN_STEP_I64(square, 30) FNN_STEP_I64(equal, 15)
    FNN_STEP_I64(not_equal, 15) FNN_STEP_I64(less, 15) FNN_STEP_I64(less_equal, 15)
    FNN_STEP_I64(greater, 15) FNN_STEP_I64(greater_equal, 15) FNN_STEP_I64(logical_and, 15)
    FNN_STEP_I64(logical_or, 15) FNN_STEP_I64(logical_xor, 15) FNN_STEP_I64(logical_not, 15)
    FNN_STEP_I64(where, 15) FNN_STEP_I64(floor_divide, 600) FNN_STEP_I64(mod, 600)
    FNN_STEP_I64(bitwise_and, 15) FNN_STEP_I64(bitwise_or, 15) FNN_STEP_I64(bitwise_xor, 15)
    FNN_STEP_I64(bitwise_not, 15) FNN_STEP_I64(left_shift, 20) FNN_STEP_I64(right_shift, 20)
    FNN_STEP_I64(wrap, 60)};
// clang-format on

/* ---- the kernels ---- */

static const FNN(chain_kind) FNN(kind_f32) = {CHAIN_F32,      sizeof(float),   FNN(load_f32),
                                              FNN(store_f32), FNN(repeat_f32), FNN(steps_f32)};
static const FNN(chain_kind) FNN(kind_i64) = {CHAIN_I64,      sizeof(int64_t), FNN(load_i64),
                                              FNN(store_i64), FNN(repeat_i64), FNN(steps_i64)};

static void FNN(chain_work)(const FNN(chain_kind) * kind, const fnn_call *call, fnn_work *work)
{
    const FNN(chain_shape) s = FNN(chain_read_shape)(call);
    const double elements = (double)s.rows * (double)s.cols;
    double bytes = 0.0, cost = 0.0;
    for (ptrdiff_t i = 0; i < s.inputs + s.outputs; i++) {
        const int code = (int)(call->size[CHAIN_OPERANDS_AT + i / 4] >> 16 * (i % 4)) & 0xffff;
        double own = FNN(chain_bytes)[code & 0xff];
        for (ptrdiff_t d = 0; d < s.dims; d++)
            own *= code >> 8 >> d & 1 ? (double)call->size[CHAIN_EXTENTS_AT + d] : 1.0;
        bytes += own;
    }
    for (ptrdiff_t p = 0; p < s.steps; p++)
        cost += kind->steps[call->size[CHAIN_STEPS_AT + p] & 0xff].cost;
    work->units = s.units;
    work->scratch = s.registers * CHAIN_TILE * (ptrdiff_t)kind->bytes;
    work->flops = elements * cost * 0.5; /* the runner takes a nanosecond for 50 */
    work->bytes = bytes;
}

static void FNN(chain_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    FNN(chain_run)(&FNN(kind_f32), 0, call, lo, hi, scratch);
}
static void FNN(chain_f32_work)(const fnn_call *call, fnn_work *work)
{
    FNN(chain_work)(&FNN(kind_f32), call, work);
}

static void FNN(chain_sum_f32)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    FNN(chain_run)(&FNN(kind_f32), 1, call, lo, hi, scratch);
}

static void FNN(chain_i64)(const fnn_call *call, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    FNN(chain_run)(&FNN(kind_i64), 0, call, lo, hi, scratch);
}
static void FNN(chain_i64_work)(const fnn_call *call, fnn_work *work)
{
    FNN(chain_work)(&FNN(kind_i64), call, work);
}

#define FNN_ELTWISE_KERNELS                                                                                  \
    FNN_KERNEL(chain_f32, chain_f32_work)                                                                    \
    FNN_KERNEL(chain_sum_f32, chain_f32_work)                                                                \
    FNN_KERNEL(chain_i64, chain_i64_work)
