/* part_products.c - matrix products. */
#include "families.h"

#include "gemm.c"

FNN_PART(products, FNN_GEMM_KERNELS FNN_GEMM_JOIN_KERNELS)
