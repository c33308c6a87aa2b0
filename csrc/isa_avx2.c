/* isa_avx2.c - built with -mavx2 -mfma. */
#define FNN_AVX2 1
#define FNN(name) fnn_##name##_avx2
#include "families.h"

extern const fnn_table fnn_table_avx2;
const fnn_table fnn_table_avx2 = {"avx2", FNN(kernels)};
