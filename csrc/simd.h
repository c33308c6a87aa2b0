/* simd.h - our vector words, one block per instruction set; every kernel is written with these.
 *
 * vf: VF_LANES floats.  vi: as many int32.  vm: a mask, one truth a lane.
 * vf_load_n / vf_store_n touch only the first n lanes (0 <= n <= VF_LANES); the rest load as 0.
 * `base` has one lane: plain C, no intrinsics, the first thing to read.
 */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(FNN_AVX512)
#include <immintrin.h>
#define VF_LANES 16
typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm;
static inline vm vm_first(ptrdiff_t n) { return (vm)((1u << n) - 1u); }
static inline vf vf_zero(void) { return _mm512_setzero_ps(); }
static inline vf vf_set1(float a) { return _mm512_set1_ps(a); }
static inline vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vf_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
static inline vf vf_load_n(const float *p, ptrdiff_t n) { return _mm512_maskz_loadu_ps(vm_first(n), p); }
static inline void vf_store_n(float *p, vf a, ptrdiff_t n) { _mm512_mask_storeu_ps(p, vm_first(n), a); }
static inline vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static inline vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }   /* a * b + c */
static inline vf vf_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); } /* c - a * b */
/* If either operand is NaN the result is the second: put the value whose NaN must survive there. */
static inline vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf vf_sqrt(vf a) { return _mm512_sqrt_ps(a); }
static inline vf vf_round(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vf vf_floor(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
static inline vf vf_ceil(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
static inline vf vf_trunc(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
static inline vf vf_abs(vf a) { return _mm512_abs_ps(a); }
static inline vm vf_lt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline vm vf_le(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
static inline vm vf_eq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
static inline vm vm_and(vm a, vm b) { return (vm)(a & b); }
static inline vm vm_or(vm a, vm b) { return (vm)(a | b); }
static inline vm vm_not(vm a) { return (vm)~a; }
static inline int vm_all(vm a) { return a == 0xffff; }
static inline vf vf_select(vm m, vf yes, vf no) { return _mm512_mask_blend_ps(m, no, yes); }
static inline vi vf_bits(vf a) { return _mm512_castps_si512(a); }
static inline vf vi_as_float(vi a) { return _mm512_castsi512_ps(a); }
static inline vi vf_to_int(vf a) { return _mm512_cvtps_epi32(a); } /* rounds to nearest even */
static inline vf vi_to_float(vi a) { return _mm512_cvtepi32_ps(a); }
static inline vi vi_set1(int32_t a) { return _mm512_set1_epi32(a); }
static inline vi vi_load(const int32_t *p) { return _mm512_loadu_si512((const void *)p); }
static inline void vi_store(int32_t *p, vi a) { _mm512_storeu_si512((void *)p, a); }
static inline vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
static inline vi vi_sub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
static inline vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
static inline vi vi_or(vi a, vi b) { return _mm512_or_si512(a, b); }
static inline vi vi_xor(vi a, vi b) { return _mm512_xor_si512(a, b); }
#define vi_shl(a, bits) _mm512_slli_epi32(a, bits)
#define vi_shr(a, bits) _mm512_srli_epi32(a, bits) /* fills with zeros */
#define vi_sar(a, bits) _mm512_srai_epi32(a, bits) /* fills with the sign */
/* The 64-bit products of unsigned lanes with b: the high words; the low ones in *low. */
static inline vi vi_mul_wide(vi a, uint32_t b, vi *low)
{
    const vi m = _mm512_set1_epi32((int32_t)b);
    const vi even = _mm512_mul_epu32(a, m), odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), m);
    *low = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
    return _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
}
/* Rows become columns: lane j of r[i] and lane i of r[j] change places. */
static inline void vf_transpose(vf r[VF_LANES])
{
    vf t[VF_LANES];
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) { /* 4 x 4 blocks inside each 128-bit quarter */
        const vf ab = _mm512_unpacklo_ps(r[i], r[i + 1]), AB = _mm512_unpackhi_ps(r[i], r[i + 1]);
        const vf cd = _mm512_unpacklo_ps(r[i + 2], r[i + 3]), CD = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);
        t[i] = _mm512_shuffle_ps(ab, cd, 0x44), t[i + 1] = _mm512_shuffle_ps(ab, cd, 0xee);
        t[i + 2] = _mm512_shuffle_ps(AB, CD, 0x44), t[i + 3] = _mm512_shuffle_ps(AB, CD, 0xee);
    }
    /* then the quarters: quarter c of t[4 q + i] holds column 4 c + i of rows 4 q to 4 q + 3 */
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const vf even01 = _mm512_shuffle_f32x4(t[i], t[4 + i], 0x88);
        const vf odd01 = _mm512_shuffle_f32x4(t[i], t[4 + i], 0xdd);
        const vf even23 = _mm512_shuffle_f32x4(t[8 + i], t[12 + i], 0x88);
        const vf odd23 = _mm512_shuffle_f32x4(t[8 + i], t[12 + i], 0xdd);
        r[i] = _mm512_shuffle_f32x4(even01, even23, 0x88);
        r[8 + i] = _mm512_shuffle_f32x4(even01, even23, 0xdd);
        r[4 + i] = _mm512_shuffle_f32x4(odd01, odd23, 0x88);
        r[12 + i] = _mm512_shuffle_f32x4(odd01, odd23, 0xdd);
    }
}
/* Lane i of the result: the sum of r[i]'s lanes. */
static inline vf vf_sums(const vf r[VF_LANES])
{
    vf t[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) /* pairs of vectors, then pairs of pairs, inside each 128-bit quarter */
        t[i] = _mm512_add_ps(_mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]),
                             _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]));
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        t[i] = _mm512_add_ps(_mm512_shuffle_ps(t[2 * i], t[2 * i + 1], 0x44),
                             _mm512_shuffle_ps(t[2 * i], t[2 * i + 1], 0xee));
    /* quarter c of t[q] holds, for r[4 q] to r[4 q + 3], the sum of their quarters c */
    const vf a =
        _mm512_add_ps(_mm512_shuffle_f32x4(t[0], t[1], 0x88), _mm512_shuffle_f32x4(t[0], t[1], 0xdd));
    const vf b =
        _mm512_add_ps(_mm512_shuffle_f32x4(t[2], t[3], 0x88), _mm512_shuffle_f32x4(t[2], t[3], 0xdd));
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}
/* Lane l of r[i]: from[l * ld + i]. */
static inline void vf_load_turned(const float *from, ptrdiff_t ld, vf r[VF_LANES])
{
#pragma GCC unroll 16
    for (int l = 0; l < VF_LANES; l++)
        r[l] = vf_load(from + l * ld);
    vf_transpose(r);
}

#elif defined(FNN_AVX2)
#include <immintrin.h>
#define VF_LANES 8
typedef __m256 vf;
typedef __m256i vi;
typedef __m256 vm;
static const int32_t FNN(lane_mask)[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
static inline __m256i FNN(first)(ptrdiff_t n)
{
    return _mm256_loadu_si256((const __m256i *)(FNN(lane_mask) + 8 - n));
}
static inline vf vf_zero(void) { return _mm256_setzero_ps(); }
static inline vf vf_set1(float a) { return _mm256_set1_ps(a); }
static inline vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void vf_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
static inline vf vf_load_n(const float *p, ptrdiff_t n) { return _mm256_maskload_ps(p, FNN(first)(n)); }
/* By parts, not _mm256_maskstore_ps: that takes AMD's Zen cores 12 cycles, and no load is forwarded from it. */
static inline void vf_store_n(float *p, vf a, ptrdiff_t n)
{
    if (n & 8) {
        _mm256_storeu_ps(p, a);
        return;
    }
    __m128 part = _mm256_castps256_ps128(a);
    if (n & 4) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps(a, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)p, part);
        part = _mm_movehl_ps(part, part);
        p += 2;
    }
    if (n & 1)
        _mm_store_ss(p, part);
}
static inline vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static inline vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
static inline vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
static inline vf vf_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
static inline vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
static inline vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static inline vf vf_sqrt(vf a) { return _mm256_sqrt_ps(a); }
static inline vf vf_round(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vf vf_floor(vf a) { return _mm256_floor_ps(a); }
static inline vf vf_ceil(vf a) { return _mm256_ceil_ps(a); }
static inline vf vf_trunc(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
static inline vf vf_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
static inline vm vf_lt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
static inline vm vf_le(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
static inline vm vf_eq(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
static inline vm vm_and(vm a, vm b) { return _mm256_and_ps(a, b); }
static inline vm vm_or(vm a, vm b) { return _mm256_or_ps(a, b); }
static inline vm vm_not(vm a) { return _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(-1))); }
static inline int vm_all(vm a) { return _mm256_movemask_ps(a) == 0xff; }
static inline vf vf_select(vm m, vf yes, vf no) { return _mm256_blendv_ps(no, yes, m); }
static inline vi vf_bits(vf a) { return _mm256_castps_si256(a); }
static inline vf vi_as_float(vi a) { return _mm256_castsi256_ps(a); }
static inline vi vf_to_int(vf a) { return _mm256_cvtps_epi32(a); }
static inline vf vi_to_float(vi a) { return _mm256_cvtepi32_ps(a); }
static inline vi vi_set1(int32_t a) { return _mm256_set1_epi32(a); }
static inline vi vi_load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
static inline void vi_store(int32_t *p, vi a) { _mm256_storeu_si256((__m256i *)p, a); }
static inline vi vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
static inline vi vi_sub(vi a, vi b) { return _mm256_sub_epi32(a, b); }
static inline vi vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
static inline vi vi_or(vi a, vi b) { return _mm256_or_si256(a, b); }
static inline vi vi_xor(vi a, vi b) { return _mm256_xor_si256(a, b); }
#define vi_shl(a, bits) _mm256_slli_epi32(a, bits)
#define vi_shr(a, bits) _mm256_srli_epi32(a, bits)
#define vi_sar(a, bits) _mm256_srai_epi32(a, bits)
static inline vi vi_mul_wide(vi a, uint32_t b, vi *low)
{
    const vi m = _mm256_set1_epi32((int32_t)b);
    const vi even = _mm256_mul_epu32(a, m), odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), m);
    *low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
    return _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
}
static inline void vf_transpose(vf r[VF_LANES])
{
    vf t[VF_LANES];
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) {
        const vf ab = _mm256_unpacklo_ps(r[i], r[i + 1]), AB = _mm256_unpackhi_ps(r[i], r[i + 1]);
        const vf cd = _mm256_unpacklo_ps(r[i + 2], r[i + 3]), CD = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
        t[i] = _mm256_shuffle_ps(ab, cd, 0x44), t[i + 1] = _mm256_shuffle_ps(ab, cd, 0xee);
        t[i + 2] = _mm256_shuffle_ps(AB, CD, 0x44), t[i + 3] = _mm256_shuffle_ps(AB, CD, 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(t[i], t[4 + i], 0x20);
        r[4 + i] = _mm256_permute2f128_ps(t[i], t[4 + i], 0x31);
    }
}
static inline vf vf_sums(const vf r[VF_LANES])
{
    vf t[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        t[i] = _mm256_add_ps(_mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]),
                             _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]));
    const vf a = _mm256_add_ps(_mm256_shuffle_ps(t[0], t[1], 0x44), _mm256_shuffle_ps(t[0], t[1], 0xee));
    const vf b = _mm256_add_ps(_mm256_shuffle_ps(t[2], t[3], 0x44), _mm256_shuffle_ps(t[2], t[3], 0xee));
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}
/* The halves that vf_transpose exchanges last are put in place by the loads: a third fewer shuffles. */
static inline void vf_load_turned(const float *from, ptrdiff_t ld, vf r[VF_LANES])
{
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        vf t[4];
#pragma GCC unroll 4
        for (int l = 0; l < 4; l++)
            t[l] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(from + l * ld + 4 * h)),
                                        _mm_loadu_ps(from + (l + 4) * ld + 4 * h), 1);
        const vf ab = _mm256_unpacklo_ps(t[0], t[1]), AB = _mm256_unpackhi_ps(t[0], t[1]);
        const vf cd = _mm256_unpacklo_ps(t[2], t[3]), CD = _mm256_unpackhi_ps(t[2], t[3]);
        r[4 * h] = _mm256_shuffle_ps(ab, cd, 0x44), r[4 * h + 1] = _mm256_shuffle_ps(ab, cd, 0xee);
        r[4 * h + 2] = _mm256_shuffle_ps(AB, CD, 0x44), r[4 * h + 3] = _mm256_shuffle_ps(AB, CD, 0xee);
    }
}

#else
#define VF_LANES 1
typedef float vf;
typedef int32_t vi;
typedef int vm;
static inline vf vf_zero(void) { return 0.0f; }
static inline vf vf_set1(float a) { return a; }
static inline vf vf_load(const float *p) { return *p; }
static inline void vf_store(float *p, vf a) { *p = a; }
static inline vf vf_load_n(const float *p, ptrdiff_t n) { return n > 0 ? *p : 0.0f; }
static inline void vf_store_n(float *p, vf a, ptrdiff_t n)
{
    if (n > 0)
        *p = a;
}
static inline vf vf_add(vf a, vf b) { return a + b; }
static inline vf vf_sub(vf a, vf b) { return a - b; }
static inline vf vf_mul(vf a, vf b) { return a * b; }
static inline vf vf_div(vf a, vf b) { return a / b; }
static inline vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
static inline vf vf_fnma(vf a, vf b, vf c) { return c - a * b; }
static inline vf vf_min(vf a, vf b) { return a < b ? a : b; }
static inline vf vf_max(vf a, vf b) { return a > b ? a : b; }
static inline vf vf_sqrt(vf a) { return sqrtf(a); }
static inline vf vf_round(vf a) { return rintf(a); }
static inline vf vf_floor(vf a) { return floorf(a); }
static inline vf vf_ceil(vf a) { return ceilf(a); }
static inline vf vf_trunc(vf a) { return truncf(a); }
static inline vf vf_abs(vf a) { return fabsf(a); }
static inline vm vf_lt(vf a, vf b) { return a < b; }
static inline vm vf_le(vf a, vf b) { return a <= b; }
static inline vm vf_eq(vf a, vf b) { return a == b; }
static inline vm vm_and(vm a, vm b) { return a & b; }
static inline vm vm_or(vm a, vm b) { return a | b; }
static inline vm vm_not(vm a) { return !a; }
static inline int vm_all(vm a) { return a; }
static inline vf vf_select(vm m, vf yes, vf no) { return m ? yes : no; }
static inline vi vf_bits(vf a)
{
    vi b;
    memcpy(&b, &a, sizeof b);
    return b;
}
static inline vf vi_as_float(vi a)
{
    vf b;
    memcpy(&b, &a, sizeof b);
    return b;
}
static inline vi vf_to_int(vf a)
{
    return a >= -2147483648.0f && a < 2147483648.0f ? (vi)rintf(a) : INT32_MIN;
}
static inline vf vi_to_float(vi a) { return (float)a; }
static inline vi vi_set1(int32_t a) { return a; }
static inline vi vi_load(const int32_t *p) { return *p; }
static inline void vi_store(int32_t *p, vi a) { *p = a; }
static inline vi vi_add(vi a, vi b) { return (vi)((uint32_t)a + (uint32_t)b); }
static inline vi vi_sub(vi a, vi b) { return (vi)((uint32_t)a - (uint32_t)b); }
static inline vi vi_and(vi a, vi b) { return a & b; }
static inline vi vi_or(vi a, vi b) { return a | b; }
static inline vi vi_xor(vi a, vi b) { return a ^ b; }
#define vi_shl(a, bits) ((vi)((uint32_t)(a) << (bits)))
#define vi_shr(a, bits) ((vi)((uint32_t)(a) >> (bits)))
#define vi_sar(a, bits) ((vi)(a) >> (bits))
static inline vi vi_mul_wide(vi a, uint32_t b, vi *low)
{
    const uint64_t product = (uint64_t)(uint32_t)a * b;
    *low = (vi)(uint32_t)product;
    return (vi)(uint32_t)(product >> 32);
}
static inline void vf_load_turned(const float *from, ptrdiff_t ld, vf r[VF_LANES]) { (void)ld, r[0] = *from; }
static inline void vf_transpose(vf r[VF_LANES]) { (void)r; }
#endif

/* The lanes' sum and maximum, by halves: lane i with lane i + half, and so on. A NaN stays. */
#if VF_LANES > 1
static inline __m128 vf_larger4(__m128 a, __m128 b) /* _mm_max_ps yields b if either is NaN: put a's back */
{
    return _mm_blendv_ps(_mm_max_ps(a, b), a, _mm_cmpunord_ps(a, a));
}
static inline __m256 vf_larger8(__m256 a, __m256 b)
{
    return _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}
static inline float vf_sum8(__m256 a)
{
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}
static inline float vf_peak8(__m256 a)
{
    __m128 b = vf_larger4(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = vf_larger4(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(vf_larger4(b, _mm_movehdup_ps(b)));
}
#if VF_LANES == 16
static inline float vf_sum(vf a)
{
    return vf_sum8(_mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1)));
}
static inline float vf_peak(vf a)
{
    return vf_peak8(vf_larger8(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1)));
}
#else
static inline float vf_sum(vf a) { return vf_sum8(a); }
static inline float vf_peak(vf a) { return vf_peak8(a); }
#endif
#else
static inline float vf_sum(vf a) { return a; }
static inline float vf_peak(vf a) { return a; }
#endif

static inline ptrdiff_t fnn_min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t fnn_max(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static inline ptrdiff_t fnn_ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }
