/* avx512_emulation.h - the AVX-512 table on a CPU without AVX-512 (slow): `make emulate`.
 *
 * The intrinsics come from SIMDe (Debian's libsimde-dev); those that its version 0.7 lacks, or gets wrong,
 * stand here.
 */
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <string.h>

static inline __m512 emulated_maskz_loadu_ps(unsigned mask, const float *from)
{
    float lanes[16] = {0};
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1)
            lanes[i] = from[i];
    __m512 word;
    memcpy(&word, lanes, sizeof word);
    return word;
}

static inline void emulated_mask_storeu_ps(float *to, unsigned mask, __m512 word)
{
    float lanes[16];
    memcpy(lanes, &word, sizeof word);
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1)
            to[i] = lanes[i];
}

#define EMULATE_HALVES(name, from, to, half, type_from, type_to)                                                      \
    static inline to emulated_##name(from word)                                                                       \
    {                                                                                                                 \
        type_from in[2];                                                                                              \
        type_to out[2];                                                                                               \
        to result;                                                                                                    \
        memcpy(in, &word, sizeof in);                                                                                 \
        out[0] = half(in[0]), out[1] = half(in[1]);                                                                   \
        memcpy(&result, out, sizeof out);                                                                             \
        return result;                                                                                                \
    }
EMULATE_HALVES(cvtepi32_ps, __m512i, __m512, _mm256_cvtepi32_ps, __m256i, __m256)
EMULATE_HALVES(cvtps_epi32, __m512, __m512i, _mm256_cvtps_epi32, __m256, __m256i)

static inline __m512i emulated_srai_epi32(__m512i word, int bits)
{
    int32_t lanes[16];
    memcpy(lanes, &word, sizeof lanes);
    for (int i = 0; i < 16; i++)
        lanes[i] >>= bits;
    memcpy(&word, lanes, sizeof word);
    return word;
}

static inline __m256 emulated_extractf32x8_ps(__m512 word, int which)
{
    __m256 halves[2];
    memcpy(halves, &word, sizeof halves);
    return halves[which];
}

/* Whole numbers only: a scale of 0. */
#define EMULATED_ROUND(half) _mm256_round_ps(half, EMULATED_MODE)
#define EMULATED_MODE (_MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)
EMULATE_HALVES(floor_ps, __m512, __m512, EMULATED_ROUND, __m256, __m256)
#undef EMULATED_MODE
#define EMULATED_MODE (_MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC)
EMULATE_HALVES(ceil_ps, __m512, __m512, EMULATED_ROUND, __m256, __m256)
#undef EMULATED_MODE
#define EMULATED_MODE (_MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC)
EMULATE_HALVES(trunc_ps, __m512, __m512, EMULATED_ROUND, __m256, __m256)
#undef EMULATED_MODE
#define EMULATED_MODE (_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
EMULATE_HALVES(nearest_ps, __m512, __m512, EMULATED_ROUND, __m256, __m256)

static inline __m512 emulated_roundscale_ps(__m512 word, int mode)
{
    switch (mode & 3) {
    case _MM_FROUND_TO_NEG_INF: return emulated_floor_ps(word);
    case _MM_FROUND_TO_POS_INF: return emulated_ceil_ps(word);
    case _MM_FROUND_TO_ZERO: return emulated_trunc_ps(word);
    default: return emulated_nearest_ps(word);
    }
}

static inline __m512 emulated_shuffle_f32x4(__m512 a, __m512 b, int choice)
{
    float from[2][16], lanes[16];
    memcpy(from[0], &a, sizeof a);
    memcpy(from[1], &b, sizeof b);
    for (int quarter = 0; quarter < 4; quarter++)
        memcpy(lanes + 4 * quarter, from[quarter / 2] + 4 * (choice >> 2 * quarter & 3), 16);
    memcpy(&a, lanes, sizeof a);
    return a;
}

#undef _mm512_roundscale_ps
#define _mm512_roundscale_ps(word, mode) emulated_roundscale_ps(word, mode)
#undef _mm512_shuffle_f32x4
#define _mm512_shuffle_f32x4(a, b, choice) emulated_shuffle_f32x4(a, b, choice)
#undef _mm512_extractf32x8_ps
#undef _mm512_cvtps_epi32
#undef _mm512_srai_epi32
#define _mm512_maskz_loadu_ps(mask, from) emulated_maskz_loadu_ps(mask, from)
#define _mm512_mask_storeu_ps(to, mask, word) emulated_mask_storeu_ps(to, mask, word)
#define _mm512_cvtepi32_ps(word) emulated_cvtepi32_ps(word)
#define _mm512_cvtps_epi32(word) emulated_cvtps_epi32(word)
#define _mm512_srai_epi32(word, bits) emulated_srai_epi32(word, bits)
#define _mm512_extractf32x8_ps(word, which) emulated_extractf32x8_ps(word, which)

/* ---- AVX512_BF16, as Intel's manual gives it: subnormal operands and results are 0. Not inlined, or compiling the
 * unrolled tiles takes minutes. ---- */

#define EMULATED_CALL static __attribute__((noinline, unused))

static inline float emulated_flushed(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= bits & 0x7f800000u ? ~0u : 0x80000000u;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint16_t emulated_rounded(float x)
{
    uint32_t bits;
    x = emulated_flushed(x);
    memcpy(&bits, &x, sizeof bits);
    return x == x ? (bits + 0x7fff + (bits >> 16 & 1)) >> 16 : bits >> 16 | 0x40;
}

static inline float emulated_widened(uint16_t half)
{
    const uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return emulated_flushed(x);
}

EMULATED_CALL __m512 emulated_cvtne2ps_pbh(__m512 high, __m512 low)
{
    float from[32];
    uint16_t halves[32];
    memcpy(from, &low, sizeof low);
    memcpy(from + 16, &high, sizeof high);
    for (int i = 0; i < 32; i++)
        halves[i] = emulated_rounded(from[i]);
    memcpy(&low, halves, sizeof low);
    return low;
}

/* sums[i] += a[2 i + 1] b[2 i + 1], then a[2 i] b[2 i], `count` of them. */
static inline void emulated_dots(int count, float *sums, const uint16_t *a, const uint16_t *b)
{
    for (int i = 0; i < count; i++) {
        const float odd = __builtin_fmaf(emulated_widened(a[2 * i + 1]), emulated_widened(b[2 * i + 1]),
                                         emulated_flushed(sums[i]));
        sums[i] = emulated_flushed(
            __builtin_fmaf(emulated_widened(a[2 * i]), emulated_widened(b[2 * i]), emulated_flushed(odd)));
    }
}

EMULATED_CALL __m512 emulated_dpbf16_ps(__m512 c, __m512 a, __m512 b)
{
    float sums[16];
    uint16_t first[32], second[32];
    memcpy(sums, &c, sizeof c);
    memcpy(first, &a, sizeof a);
    memcpy(second, &b, sizeof b);
    emulated_dots(16, sums, first, second);
    memcpy(&c, sums, sizeof c);
    return c;
}

#undef _mm512_cvtne2ps_pbh
#undef _mm512_dpbf16_ps
#define _mm512_cvtne2ps_pbh(high, low) emulated_cvtne2ps_pbh(high, low)
#define _mm512_dpbf16_ps(c, a, b) emulated_dpbf16_ps(c, (__m512)(a), (__m512)(b))

/* ---- AMX-BF16: eight tiles of up to 16 rows of up to 64 bytes, a set for each thread ---- */

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} emulated_tile_config;

static __thread emulated_tile_config emulated_config;
static __thread unsigned char emulated_tiles[8][16][64];

static inline void emulated_tile_loadconfig(const void *config)
{
    memcpy(&emulated_config, config, sizeof emulated_config);
    memset(emulated_tiles, 0, sizeof emulated_tiles);
}

static inline void emulated_tile_release(void) { memset(&emulated_config, 0, sizeof emulated_config); }

EMULATED_CALL void emulated_tile_zero(int tile) { memset(emulated_tiles[tile], 0, sizeof emulated_tiles[tile]); }

EMULATED_CALL void emulated_tile_loadd(int tile, const void *from, ptrdiff_t step)
{
    emulated_tile_zero(tile);
    for (int i = 0; i < emulated_config.rows[tile]; i++)
        memcpy(emulated_tiles[tile][i], (const char *)from + i * step, emulated_config.row_bytes[tile]);
}

EMULATED_CALL void emulated_tile_stored(int tile, void *to, ptrdiff_t step)
{
    for (int i = 0; i < emulated_config.rows[tile]; i++)
        memcpy((char *)to + i * step, emulated_tiles[tile][i], emulated_config.row_bytes[tile]);
}

EMULATED_CALL void emulated_tile_dpbf16ps(int c, int a, int b)
{
    for (int i = 0; i < emulated_config.rows[c]; i++)
        for (int p = 0; p < emulated_config.row_bytes[a] / 4; p++) {
            uint16_t pair[2], pairs[32], repeated[32];
            float sums[16];
            memcpy(pair, emulated_tiles[a][i] + 4 * p, sizeof pair);
            memcpy(pairs, emulated_tiles[b][p], sizeof pairs);
            memcpy(sums, emulated_tiles[c][i], sizeof sums);
            for (int l = 0; l < 32; l++)
                repeated[l] = pair[l % 2];
            emulated_dots(16, sums, repeated, pairs);
            memcpy(emulated_tiles[c][i], sums, sizeof sums);
        }
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#define _tile_loadconfig emulated_tile_loadconfig
#define _tile_release emulated_tile_release
#define _tile_zero emulated_tile_zero
#define _tile_loadd emulated_tile_loadd
#define _tile_stored emulated_tile_stored
#define _tile_dpbf16ps emulated_tile_dpbf16ps
