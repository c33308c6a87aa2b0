/* dispatch.c - looks at the CPU and picks a table; built with baseline flags only. */
#include "fnn.h"

#include <string.h>

extern const fnn_table fnn_table_base;
#if defined(__x86_64__)
extern const fnn_table fnn_table_avx2, fnn_table_avx512;
#endif

/* __builtin_cpu_supports also checks (XGETBV) that the operating system saves the wide registers. */
const fnn_table *fnn_table_for(const char *isa)
{
    if (strcmp(isa, "base") == 0)
        return &fnn_table_base;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (strcmp(isa, "avx2") == 0 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &fnn_table_avx2;
#if defined(FNN_EMULATE_AVX512) /* `make emulate`: the intrinsics are made of others */
    if (strcmp(isa, "avx512") == 0)
        return &fnn_table_avx512;
#endif
    if (strcmp(isa, "avx512") == 0 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"))
        return &fnn_table_avx512;
#endif
    return NULL;
}

const char *fnn_best_isa(void)
{
    if (fnn_table_for("avx512"))
        return "avx512";
    return fnn_table_for("avx2") ? "avx2" : "base";
}
