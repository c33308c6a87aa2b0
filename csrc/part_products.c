/* part_products.c - matrix products. */
#include "families.h"

#include "gemm.c"
#include "gemm_update.h"

FNN_PART(products, FNN_GEMM_KERNELS FNN_GEMM_UPDATE_KERNELS FNN_GEMM_JOIN_KERNELS)
