/* part_bf16.c - matrix products and convolutions of bfloat16 operands with float32 sums, from the same sources as the
 * float32 ones (words.h). */
#define FNN_BF16
#include "families.h"

#include "gemm.c"
#include "gemm_update.h"
#include "conv.c"
#include "conv_grad.c"

FNN_PART(bf16, FNN_GEMM_KERNELS FNN_GEMM_UPDATE_KERNELS FNN_CONV_KERNELS FNN_CONV_GRAD_KERNELS)
