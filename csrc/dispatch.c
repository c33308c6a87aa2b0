/* dispatch.c - looks at the CPU and picks a table; built with baseline flags only. */
#define _GNU_SOURCE /* syscall */
#include "fnn.h"

#include <string.h>
#if defined(FNN_HAS_AMX) && !defined(FNN_EMULATE_AVX512)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* The tables: the same parts, compiled once for each instruction set; products of bfloat16 for further ones. */
#define TABLE(isa, rest)                                                                                     \
    extern const fnn_kernel fnn_products_##rest[], fnn_images_##rest[], fnn_rows_##rest[],                   \
        fnn_elements_##rest[], fnn_sequences_##rest[], fnn_bf16_##isa[];                                     \
    static const fnn_kernel *const parts_##isa[] = {fnn_products_##rest,                                     \
                                                    fnn_images_##rest,                                       \
                                                    fnn_rows_##rest,                                         \
                                                    fnn_elements_##rest,                                     \
                                                    fnn_sequences_##rest,                                    \
                                                    fnn_bf16_##isa,                                          \
                                                    NULL};                                                   \
    static const fnn_table table_##isa = {#isa, parts_##isa};
TABLE(base, base)
#if defined(__x86_64__)
TABLE(avx2, avx2)
TABLE(avx512, avx512)
#if defined(FNN_HAS_AVX512BF16)
TABLE(avx512bf16, avx512)
#endif
#if defined(FNN_HAS_AMX)
TABLE(amx, avx512)
#endif

/* __builtin_cpu_supports also checks (XGETBV) that the operating system saves the wide registers. */
static int runs_avx512(void)
{
#if defined(FNN_EMULATE_AVX512) /* `make emulate`: the intrinsics are made of others */
    return 1;
#else
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("fma");
#endif
}

#if defined(FNN_HAS_AVX512BF16)
static int runs_avx512bf16(void)
{
#if defined(FNN_EMULATE_AVX512)
    return 1;
#else
    return runs_avx512() && __builtin_cpu_supports("avx512bf16");
#endif
}
#endif

#if defined(FNN_HAS_AMX)
/* Linux keeps a process from the tiles' large state until it asks (arch_prctl), once, for all its threads. */
static int runs_amx(void)
{
#if defined(FNN_EMULATE_AVX512)
    return 1;
#else
    enum {
        AMX_BF16 = 1 << 22,
        AMX_TILE = 1 << 24,
        TILE_STATES = 3 << 17,
        ARCH_REQ_XCOMP_PERM = 0x1023,
        TILE_DATA = 18
    };
    unsigned a, b, c, d, states, high;
    if (!runs_avx512() || !__builtin_cpu_supports("avx512bf16") || !__get_cpuid_count(7, 0, &a, &b, &c, &d) ||
        (d & (AMX_BF16 | AMX_TILE)) != (AMX_BF16 | AMX_TILE))
        return 0;
    __asm__("xgetbv" : "=a"(states), "=d"(high) : "c"(0)); /* AVX-512's presence says that this is allowed */
    return (states & TILE_STATES) == TILE_STATES &&
           syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0;
#endif
}
#endif
#endif

const fnn_table *fnn_table_for(const char *isa)
{
    if (strcmp(isa, "base") == 0)
        return &table_base;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (strcmp(isa, "avx2") == 0 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &table_avx2;
    if (strcmp(isa, "avx512") == 0 && runs_avx512())
        return &table_avx512;
#if defined(FNN_HAS_AVX512BF16)
    if (strcmp(isa, "avx512bf16") == 0 && runs_avx512bf16())
        return &table_avx512bf16;
#endif
#if defined(FNN_HAS_AMX)
    if (strcmp(isa, "amx") == 0 && runs_amx())
        return &table_amx;
#endif
#endif
    return NULL;
}

const char *fnn_best_isa(void)
{
    static const char *const fastest[] = {"amx", "avx512bf16", "avx512", "avx2"};
    for (int i = 0; i < (int)(sizeof fastest / sizeof *fastest); i++)
        if (fnn_table_for(fastest[i]))
            return fastest[i];
    return "base";
}
