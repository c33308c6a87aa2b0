/* vecmath.h - exp, log and their kin on vector words.
 *
 * Relative error is a few units in the last place over the whole range (the tests hold each function to its
 * number), infinities, NaNs, zeros and denormals come out as in libm. Each function first reduces its
 * argument to a short interval (Cody and Waite, Software Manual for the Elementary Functions, 1980), then
 * evaluates a polynomial; the coefficients were fitted by iteratively reweighted least squares at Chebyshev
 * points (Lawson), which comes within a few percent of the minimax polynomial. The error named beside each is
 * the polynomial's.
 */

static inline vf vf_neg(vf x) { return vi_as_float(vi_xor(vf_bits(x), vi_set1(INT32_MIN))); }

/* |x| with the sign of s. */
static inline vf vf_copysign(vf x, vf s)
{
    const vi sign = vi_set1(INT32_MIN);
    return vi_as_float(vi_or(vi_and(vf_bits(s), sign), vf_bits(vf_abs(x))));
}

/* 2^n for integers -126 <= n <= 127. */
static inline vf vf_pow2(vi n) { return vi_as_float(vi_shl(vi_add(n, vi_set1(127)), 23)); }

/* p * 2^n for -252 <= n <= 254: two factors, so that neither overflows before the product does. */
static inline vf vf_scale2(vf p, vi n)
{
    const vi half = vi_sar(n, 1);
    return vf_mul(vf_mul(p, vf_pow2(half)), vf_pow2(vi_sub(n, half)));
}

/* exp(r) - 1 for |r| <= log(2)/2; 3e-9. */
static inline vf vf_expm1_near(vf r)
{
    vf p = vf_set1(1.38146083e-3f);
    p = vf_fma(p, r, vf_set1(8.36871134e-3f));
    p = vf_fma(p, r, vf_set1(4.16683875e-2f));
    p = vf_fma(p, r, vf_set1(1.66665207e-1f));
    p = vf_fma(p, r, vf_set1(4.99999935e-1f));
    return vf_fma(vf_mul(r, r), p, r);
}

/* x = n * log(2) + the remainder that is returned. The first part of log(2) has 9 bits, so n times it is
 * exact. */
static inline vf vf_reduce_log2(vf x, vf *n)
{
    *n = vf_round(vf_mul(x, vf_set1(1.44269504f)));
    return vf_fnma(*n, vf_set1(-2.12194440e-4f), vf_fnma(*n, vf_set1(0.693359375f), x));
}

static inline vf vf_exp(vf x)
{
    vf n;
    /* Beyond these exp is inf or 0 already; x is the second operand so that a NaN stays. */
    x = vf_max(vf_set1(-104.0f), vf_min(vf_set1(89.0f), x));
    const vf r = vf_reduce_log2(x, &n);
    return vf_scale2(vf_add(vf_expm1_near(r), vf_set1(1.0f)), vf_to_int(n));
}

/* exp(x) for x <= 0; 0 from -87 down, where float32 leaves its normal range. */
static inline vf vf_exp_below_0(vf x)
{
    vf n;
    /* x second: a NaN stays, and so do its bits below. */
    const vf r = vf_reduce_log2(vf_max(vf_set1(-88.0f), x), &n);
    const vf y = vf_add(vf_expm1_near(r), vf_set1(1.0f));
    const vf e = vi_as_float(vi_add(vf_bits(y), vi_shl(vf_to_int(n), 23)));
    return vf_select(vf_lt(x, vf_set1(-87.0f)), vf_zero(), e);
}

static inline vf vf_exp2(vf x)
{
    x = vf_max(vf_set1(-151.0f), vf_min(vf_set1(129.0f), x));
    const vf n = vf_round(x);
    const vf r = vf_mul(vf_sub(x, n), vf_set1(0.693147181f));
    return vf_scale2(vf_add(vf_expm1_near(r), vf_set1(1.0f)), vf_to_int(n));
}

static inline vf vf_expm1(vf x)
{
    vf n;
    const vf a = vf_max(vf_set1(-30.0f), vf_min(vf_set1(89.0f), x));
    const vf near = vf_expm1_near(vf_reduce_log2(a, &n));
    /* 2^n (near + 1) - 1 as 2 (2^(n-1) near + (2^(n-1) - 1/2)): 2^128 has no float. */
    const vf scale = vf_pow2(vi_sub(vf_to_int(n), vi_set1(1)));
    const vf half = vf_fma(scale, near, vf_sub(scale, vf_set1(0.5f)));
    return vf_select(vf_lt(vf_abs(x), vf_set1(1e-8f)), x, vf_add(half, half)); /* keeps -0 and denormals */
}

/* x = 2^e * (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); returns log(1 + f). For finite x > 0; 6e-9. */
static inline vf vf_log_parts(vf x, vf *e)
{
    const vm tiny =
        vf_lt(x, vf_set1(1.17549435e-38f)); /* denormals have no exponent to read: scale them up */
    x = vf_select(tiny, vf_mul(x, vf_set1(8388608.0f)), x);
    /* Counted from sqrt(1/2), the exponent field is e and what is left the mantissa in the wanted interval.
     */
    const vi bits = vi_sub(vf_bits(x), vi_set1(0x3f3504f3));
    const vf f =
        vf_sub(vi_as_float(vi_add(vi_and(bits, vi_set1(0x007fffff)), vi_set1(0x3f3504f3))), vf_set1(1.0f));
    *e = vf_sub(vi_to_float(vi_sar(bits, 23)), vf_select(tiny, vf_set1(23.0f), vf_zero()));
    vf p = vf_set1(-7.63442991e-2f);
    p = vf_fma(p, f, vf_set1(1.27615504e-1f));
    p = vf_fma(p, f, vf_set1(-1.31601951e-1f));
    p = vf_fma(p, f, vf_set1(1.42017625e-1f));
    p = vf_fma(p, f, vf_set1(-1.66233565e-1f));
    p = vf_fma(p, f, vf_set1(2.00012267e-1f));
    p = vf_fma(p, f, vf_set1(-2.50008211e-1f));
    p = vf_fma(p, f, vf_set1(3.33333317e-1f));
    const vf square = vf_mul(f, f);
    return vf_add(f, vf_fma(vf_mul(square, f), p, vf_mul(square, vf_set1(-0.5f))));
}

/* What every logarithm is outside the finite positive numbers: y where x is one, else -inf at 0, inf at inf,
 * NaN. */
static inline vf vf_log_ends(vf x, vf y)
{
    y = vf_select(vf_eq(x, vf_set1(INFINITY)), x, y);
    y = vf_select(vf_eq(x, vf_zero()), vf_set1(-INFINITY), y);
    return vf_select(vf_le(vf_zero(), x), y,
                     vf_set1(NAN)); /* below 0, and NaN, which no comparison holds for */
}

static inline vf vf_log(vf x)
{
    vf e;
    const vf near = vf_log_parts(x, &e);
    const vf low = vf_fma(e, vf_set1(-2.12194440e-4f), near);
    return vf_log_ends(x, vf_fma(e, vf_set1(0.693359375f), low));
}

static inline vf vf_log2(vf x)
{
    vf e;
    const vf near = vf_log_parts(x, &e);
    return vf_log_ends(x, vf_fma(near, vf_set1(1.44269504f), e));
}

static inline vf vf_log10(vf x)
{
    vf e;
    const vf near = vf_log_parts(x, &e);
    const vf low = vf_fma(e, vf_set1(2.48745663e-4f), vf_mul(near, vf_set1(0.434294482f)));
    return vf_log_ends(x, vf_fma(e, vf_set1(0.30078125f), low)); /* 0.30078125 + 2.487e-4 = log10(2) */
}

/* log of the rounded sum u = 1 + x, plus what the rounding lost, to first order. */
static inline vf vf_log1p(vf x)
{
    const vf one = vf_set1(1.0f), u = vf_add(one, x);
    const vf lost = vf_div(vf_sub(x, vf_sub(u, one)), u);
    const vm plain = vf_lt(vf_abs(lost), one); /* not at u = 0 or inf, where `lost` is NaN or inf */
    const vf y = vf_add(vf_log(u), vf_select(plain, lost, vf_zero()));
    return vf_select(vf_lt(vf_abs(x), vf_set1(1e-8f)), x, y); /* keeps -0 and denormals */
}

/* (exp(2|x|) - 1) / (exp(2|x|) + 1), with x's sign; from 10 on it is 1. */
static inline vf vf_tanh(vf x)
{
    vf n;
    const vf a = vf_min(vf_set1(10.0f), vf_abs(x));
    const vf near = vf_expm1_near(vf_reduce_log2(vf_add(a, a), &n));
    const vf scale = vf_pow2(vf_to_int(n));
    const vf e = vf_fma(scale, near, vf_sub(scale, vf_set1(1.0f)));
    return vf_copysign(vf_div(e, vf_add(e, vf_set1(2.0f))), x);
}

/* By exp(-|x|), which never overflows: 1 / (1 + e) for x >= 0, e / (1 + e) below. */
static inline vf vf_sigmoid(vf x)
{
    const vf one = vf_set1(1.0f), e = vf_exp(vf_neg(vf_abs(x)));
    return vf_div(vf_select(vf_lt(x, vf_zero()), e, one), vf_add(one, e));
}

/* max(x, 0) + log(1 + e), e = exp(-|x|): 1 + e lies in [1, 2], where log has no special cases to mind. */
static inline vf vf_softplus(vf x)
{
    const vf one = vf_set1(1.0f), e = vf_exp(vf_neg(vf_abs(x))), u = vf_add(one, e);
    vf n;
    const vf near = vf_log_parts(u, &n); /* NaN comes back as some number: the sum below has x's */
    const vf lost = vf_div(vf_sub(e, vf_sub(u, one)), u);
    return vf_add(vf_max(vf_zero(), x), vf_fma(n, vf_set1(0.693147181f), vf_add(near, lost)));
}

/* Below 1 an odd polynomial (1e-9); from 1 on 1 - exp(-t q(t)), q fitted to -log(erfc(t)) / t (3e-9). */
static inline vf vf_erf(vf x)
{
    const vf a = vf_abs(x), s = vf_mul(x, x), one = vf_set1(1.0f);
    vf p = vf_set1(7.88911953e-5f);
    p = vf_fma(p, s, vf_set1(-8.02084128e-4f));
    p = vf_fma(p, s, vf_set1(5.18953534e-3f));
    p = vf_fma(p, s, vf_set1(-2.68544446e-2f));
    p = vf_fma(p, s, vf_set1(1.12836002e-1f));
    p = vf_fma(p, s, vf_set1(-3.76126271e-1f));
    p = vf_fma(p, s, vf_set1(1.28379166e-1f));
    const vf near = vf_fma(p, x, x);
    const vf t = vf_min(vf_set1(4.0f), a); /* from 3.92 on erf is 1 */
    vf q = vf_set1(-2.13985923e-4f);
    q = vf_fma(q, t, vf_set1(3.21496308e-3f));
    q = vf_fma(q, t, vf_set1(-2.28899865e-2f));
    q = vf_fma(q, t, vf_set1(1.05261875e-1f));
    q = vf_fma(q, t, vf_set1(6.35718292e-1f));
    q = vf_fma(q, t, vf_set1(1.12851437f));
    const vf far = vf_copysign(vf_sub(one, vf_exp(vf_neg(vf_mul(t, q)))), x);
    return vf_select(vf_lt(a, one), near, far);
}

/* The normal distribution's share below x, (1 + erf(x / sqrt 2)) / 2; *bell = exp(-x^2 / 2). On the far side of 0 the share
 * is bell * w * p(w) with w = 1 / (1 + 0.33 t), t = |x| (the form of Hastings, Approximations for Digital Computers,
 * 1955): 7e-9 of 1, and 7e-7 of the share itself where t < 4. */
static inline vf vf_normal_share(vf x, vf *bell)
{
    const vf one = vf_set1(1.0f), w = vf_div(one, vf_fma(vf_abs(x), vf_set1(0.33f), one));
    vf p = vf_set1(4.625116e-2f);
    p = vf_fma(p, w, vf_set1(-2.2387022e-1f));
    p = vf_fma(p, w, vf_set1(3.3756104e-1f));
    p = vf_fma(p, w, vf_set1(-9.573897e-2f));
    p = vf_fma(p, w, vf_set1(1.8469179e-1f));
    p = vf_fma(p, w, vf_set1(1.1835061e-1f));
    p = vf_fma(p, w, vf_set1(1.3275453e-1f));
    *bell = vf_exp_below_0(vf_mul(vf_mul(x, x), vf_set1(-0.5f)));
    const vf tail = vf_mul(vf_mul(w, *bell), p);
    return vf_select(vf_lt(x, vf_zero()), tail, vf_sub(one, tail));
}

/* The reduction below is exact while n has at most 13 bits; past that libm does each lane. */
#define FNN_TRIG_REACH 8192.0f

/* sin (quarter = 0) or cos (quarter = 1) for |x| < FNN_TRIG_REACH. 4e-9 and 1e-10. */
static inline vf vf_sin_quarter(vf x, int quarter)
{
    const vf n = vf_round(vf_mul(x, vf_set1(0.636619772f)));
    /* pi/2 in four parts, the first three of 8 to 11 bits, so that n times each is exact */
    vf r = vf_fnma(n, vf_set1(1.5703125f), x);
    r = vf_fnma(n, vf_set1(4.837512969970703125e-4f), r);
    r = vf_fnma(n, vf_set1(7.54953362047672271729e-8f), r);
    r = vf_fnma(n, vf_set1(2.56334406825708960298e-12f), r);
    const vi k = vi_add(vf_to_int(n), vi_set1(quarter));
    const vf s = vf_mul(r, r);
    vf sine = vf_set1(-1.95167768e-4f);
    sine = vf_fma(sine, s, vf_set1(8.33217441e-3f));
    sine = vf_fma(sine, s, vf_set1(-1.66666549e-1f));
    sine = vf_fma(vf_mul(s, r), sine, r);
    vf cosine = vf_set1(2.44378651e-5f);
    cosine = vf_fma(cosine, s, vf_set1(-1.38873626e-3f));
    cosine = vf_fma(cosine, s, vf_set1(4.16666468e-2f));
    cosine = vf_fma(vf_mul(s, s), cosine, vf_fma(s, vf_set1(-0.5f), vf_set1(1.0f)));
    const vm odd = vf_eq(vi_to_float(vi_and(k, vi_set1(1))), vf_set1(1.0f));
    const vi sign = vi_shl(vi_and(k, vi_set1(2)), 30);
    return vi_as_float(vi_xor(vf_bits(vf_select(odd, cosine, sine)), sign));
}

/* y, but with libm's values in the lanes that the reduction does not reach, NaN and inf among them. */
static inline vf vf_trig_far(vf x, vf y, float (*libm)(float))
{
    float from[VF_LANES], to[VF_LANES];
    vf_store(from, x);
    vf_store(to, y);
    for (int i = 0; i < VF_LANES; i++)
        if (!(fabsf(from[i]) < FNN_TRIG_REACH))
            to[i] = libm(from[i]);
    return vf_load(to);
}

static inline vf vf_sin(vf x)
{
    vf y = vf_sin_quarter(x, 0);
    if (!vm_all(vf_lt(vf_abs(x), vf_set1(FNN_TRIG_REACH))))
        y = vf_trig_far(x, y, sinf);
    return vf_select(vf_eq(x, vf_zero()), x, y); /* keeps -0 */
}

static inline vf vf_cos(vf x)
{
    const vf y = vf_sin_quarter(x, 1);
    return vm_all(vf_lt(vf_abs(x), vf_set1(FNN_TRIG_REACH))) ? y : vf_trig_far(x, y, cosf);
}
