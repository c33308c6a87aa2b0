/* peak.c - what this machine can do at most; built and called by peak.py. */
#include <omp.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
typedef float lanes __attribute__((vector_size(4 * LANES)));
enum { CHAINS = 12 }; /* independent, to hide the latency of a multiply-add */

/* Seconds for `rounds` rounds of CHAINS fused multiply-adds on each thread; their floating-point operations in *flops. */
double fma_seconds(int threads, long rounds, double *flops)
{
    float sink = 0.0f;
    const double start = omp_get_wtime();
#pragma omp parallel num_threads(threads) reduction(+ : sink)
    {
        lanes sum[CHAINS], by, plus;
        for (int i = 0; i < LANES; i++)
            by[i] = 0.999f, plus[i] = 1e-3f;
        for (int c = 0; c < CHAINS; c++)
            sum[c] = plus * (float)c;
        for (long r = 0; r < rounds; r++)
#pragma GCC unroll 12
            for (int c = 0; c < CHAINS; c++)
                sum[c] = sum[c] * by + plus;
        for (int c = 0; c < CHAINS; c++)
            sink += sum[c][0];
    }
    *flops = 2.0 * LANES * CHAINS * (double)rounds * threads + (sink == 1.0f);
    return omp_get_wtime() - start;
}

/* Seconds to read `bytes` of memory once, shared by the threads. */
double read_seconds(int threads, const char *memory, ptrdiff_t bytes)
{
    float sink = 0.0f;
    const double start = omp_get_wtime();
#pragma omp parallel num_threads(threads) reduction(+ : sink)
    {
        const ptrdiff_t words = bytes / (ptrdiff_t)sizeof(lanes) / 8;
        const ptrdiff_t from = words * omp_get_thread_num() / omp_get_num_threads();
        const ptrdiff_t to = words * (omp_get_thread_num() + 1) / omp_get_num_threads();
        const lanes *at = (const lanes *)memory;
        lanes sum[8] = {{0}};
        for (ptrdiff_t w = from; w < to; w++)
#pragma GCC unroll 8
            for (int i = 0; i < 8; i++)
                sum[i] += at[8 * w + i];
        for (int i = 0; i < 8; i++)
            sink += sum[i][0];
    }
    return omp_get_wtime() - start + (sink == 1.0f);
}
