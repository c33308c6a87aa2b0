/* isa_avx512.c - built with -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma. */
#define FNN_AVX512 1
#define FNN(name) fnn_##name##_avx512
#include "families.h"

extern const fnn_table fnn_table_avx512;
const fnn_table fnn_table_avx512 = {"avx512", FNN(kernels)};
