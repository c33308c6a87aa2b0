/* dispatch.c - looks at the CPU and picks a table; built with baseline flags only. */
#include "fnn.h"

#include <string.h>

/* The tables: the same parts, compiled once for each instruction set. */
#define TABLE(isa)                                                                                           \
    extern const fnn_kernel fnn_products_##isa[], fnn_images_##isa[], fnn_rows_##isa[],                      \
        fnn_elements_##isa[], fnn_sequences_##isa[];                                                         \
    static const fnn_kernel *const parts_##isa[] = {fnn_products_##isa, fnn_images_##isa,    fnn_rows_##isa, \
                                                    fnn_elements_##isa, fnn_sequences_##isa, NULL};          \
    static const fnn_table table_##isa = {#isa, parts_##isa};
TABLE(base)
#if defined(__x86_64__)
TABLE(avx2)
TABLE(avx512)
#endif

/* __builtin_cpu_supports also checks (XGETBV) that the operating system saves the wide registers. */
const fnn_table *fnn_table_for(const char *isa)
{
    if (strcmp(isa, "base") == 0)
        return &table_base;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (strcmp(isa, "avx2") == 0 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &table_avx2;
#if defined(FNN_EMULATE_AVX512) /* `make emulate`: the intrinsics are made of others */
    if (strcmp(isa, "avx512") == 0)
        return &table_avx512;
#endif
    if (strcmp(isa, "avx512") == 0 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"))
        return &table_avx512;
#endif
    return NULL;
}

const char *fnn_best_isa(void)
{
    if (fnn_table_for("avx512"))
        return "avx512";
    return fnn_table_for("avx2") ? "avx2" : "base";
}
