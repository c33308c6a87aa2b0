/* words.h - what products and convolutions multiply: 32-bit words along the axis that is summed.
 *
 * In the float32 kernels a word is a float, and all of this is loads. In the bfloat16 kernels (part_bf16.c, FNN_BF16) every
 * operand is rounded to bfloat16, to nearest even, while it is packed, and sums stay float32:
 *
 *     with AVX512_BF16 or AMX (FNN_PAIRS) a word is a pair, elements p and p + 1 of the sum, p in the low half: one
 *         instruction multiplies both with another pair's and adds both products. A pair is moved, broadcast and turned as
 *         the float in whose place it lies, so the tiles are the float32 ones with half as many steps, and panels half as
 *         large. The missing half of a last pair is 0, on both sides.
 *     elsewhere a word is the rounded float: the same sums, in another order.
 *
 * The float32 tile of 8 rows by 3 vectors suits vdpbf16ps as it does the FMA: 24 sums are chains enough for a latency of
 * 6 cycles and two a cycle, and a step of it, 24 products of 16 pairs, takes 12 cycles, in which 3 vectors of B come from
 * the second-level cache (16 bytes a cycle) and 8 pairs of A are broadcast from the first: 11 loads where there is room
 * for 24. 14 rows by 2 would load 16 times for 28 products, 6 by 4 10 times for 24 and a third more from the second
 * level. What a product loses against twice float32's speed is packing, which is not halved: A must be rounded too, once
 * for each chunk of columns. So the operand of which every thread packs all is the smaller one (gemm_choose).
 *
 * AVX512_BF16 takes subnormal operands for 0, and flushes subnormal results; the other tables keep both.
 *
 * Who packs gives a pair's elements in one of two ways: `along` memory, where they lie side by side, or `across` it, an
 * element of one row with the one at its place in another.
 */
#if defined(FNN_PAIRS)
#define WORD_DEPTH 2 /* elements of a word */
#else
#define WORD_DEPTH 1
#endif

/* Words of n elements. */
static inline ptrdiff_t FNN(words)(ptrdiff_t n) { return fnn_ceil_div(n, WORD_DEPTH); }

/* The bits of x rounded; a NaN stays one. */
static inline uint32_t FNN(round_bits)(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return x == x ? (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u : (bits | 0x00400000u) & 0xffff0000u;
}

/* The same in each lane, as floats. */
static inline vf vf_rounded(vf x)
{
    const vi bits = vf_bits(x), odd = vi_and(vi_shr(bits, 16), vi_set1(1));
    const vi up = vi_and(vi_add(bits, vi_add(odd, vi_set1(0x7fff))), vi_set1((int32_t)0xffff0000u));
    return vf_select(vf_eq(x, x), vi_as_float(up), x);
}
#if defined(FNN_AVX512) || defined(FNN_AVX2)
#define tv_rounded vf_rounded
#else
static inline tv tv_rounded(tv x)
{
    for (int l = 0; l < TILE_LANES; l++)
        x[l] = vf_rounded(x[l]);
    return x;
}
#endif

#if !defined(FNN_BF16)
#define PRODUCT(name) name##_f32
enum { FNN(rounded) = 0 };
#define vf_dot vf_fma
#define tv_dot tv_fma
static inline vf FNN(words_of)(vf first, vf second) { return (void)second, first; }
static inline vf FNN(words_of_run)(vf low, vf high) { return (void)high, low; }
static inline float FNN(word_of)(float first, float second) { return (void)second, first; }

#else
#define PRODUCT(name) name##_bf16
enum { FNN(rounded) = 1 };

/* One word. */
static inline float FNN(word_of)(float first, float second)
{
    uint32_t bits = FNN(round_bits)(first);
    if (WORD_DEPTH == 2)
        bits = bits >> 16 | FNN(round_bits)(second);
    float word;
    memcpy(&word, &bits, sizeof word);
    return word;
}

#if defined(FNN_PAIRS)
/* c + the products of a's and b's pairs. */
static inline vf vf_dot(vf a, vf b, vf c) { return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b); }
/* Lane l: the pair of first[l] and second[l]. */
static inline vf FNN(words_of)(vf first, vf second)
{
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23,
                                           7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return (vf)_mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(second, first));
}
/* The pairs of low's elements, then high's. */
static inline vf FNN(words_of_run)(vf low, vf high) { return (vf)_mm512_cvtne2ps_pbh(high, low); }
#else
static inline vf FNN(words_of)(vf x, vf second) { return (void)second, vf_rounded(x); }
static inline vf FNN(words_of_run)(vf low, vf high) { return FNN(words_of)(low, high); }
#define vf_dot vf_fma
#endif
#if defined(FNN_AVX512) || defined(FNN_AVX2)
#define tv_dot vf_dot
#else
#define tv_dot tv_fma
#endif
#endif

/* The first n elements, n of any size; zeros behind them. */
static inline vf FNN(words_part)(const float *at, ptrdiff_t n)
{
    return n >= VF_LANES ? vf_load(at) : vf_load_n(at, fnn_max(n, 0));
}

/* A vector of words from n elements side by side; zeros behind them. */
static inline vf FNN(words_along)(const float *at, ptrdiff_t n)
{
    const vf low = FNN(words_part)(at, n);
    return FNN(words_of_run)(
        low, WORD_DEPTH == 2 && n > VF_LANES ? FNN(words_part)(at + VF_LANES, n - VF_LANES) : vf_zero());
}

/* A vector of words from n elements of two rows; next: NULL for zeros. */
static inline vf FNN(words_across)(const float *at, const float *next, ptrdiff_t n)
{
    const vf first = FNN(words_part)(at, n);
    return FNN(words_of)(first, WORD_DEPTH == 2 && next ? FNN(words_part)(next, n) : vf_zero());
}

/* The same as a tile's word. */
static inline tv FNN(tile_across)(const float *at, const float *next, ptrdiff_t n)
{
#if defined(FNN_BF16) && (defined(FNN_AVX512) || defined(FNN_AVX2))
    return FNN(words_across)(at, next, n);
#else
    tv word = n >= TILE_LANES ? tv_load(at) : tv_load_n(at, n);
#if defined(FNN_BF16)
    for (int l = 0; l < TILE_LANES; l++)
        word[l] = FNN(word_of)(word[l], 0.0f);
#endif
    (void)next;
    return word;
#endif
}

/* to = the words of n elements side by side. */
static void FNN(words_copy_along)(ptrdiff_t n, const float *at, float *to)
{
    if (!FNN(rounded)) {
        memcpy(to, at, (size_t)n * sizeof *to);
        return;
    }
    const ptrdiff_t count = FNN(words)(n);
    for (ptrdiff_t w = 0; w < count; w += VF_LANES) {
        const vf word = FNN(words_along)(at + w * WORD_DEPTH, n - w * WORD_DEPTH);
        if (w + VF_LANES <= count)
            vf_store(to + w, word);
        else
            vf_store_n(to + w, word, count - w);
    }
}

/* to = the n words of two rows; next: NULL for zeros. */
static void FNN(words_copy_across)(ptrdiff_t n, const float *at, const float *next, float *to)
{
    for (ptrdiff_t w = 0; w < n; w += VF_LANES) {
        const vf word = FNN(words_across)(at + w, next ? next + w : NULL, n - w);
        if (w + VF_LANES <= n)
            vf_store(to + w, word);
        else
            vf_store_n(to + w, word, n - w);
    }
}
