/* isa_base.c - built with the compiler's baseline flags: plain C, the fallback and the first thing to read. */
#define FNN_BASE 1
#define FNN(name) fnn_##name##_base
#include "families.h"

extern const fnn_table fnn_table_base;
const fnn_table fnn_table_base = {"base", FNN(kernels)};
