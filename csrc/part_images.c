/* part_images.c - convolutions and pooling. */
#include "families.h"

#include "gemm.c"
#include "conv.c"
#include "conv_grad.c"
#include "winograd.c"
#include "depthwise.c"
#include "pool.c"

FNN_PART(images, FNN_CONV_KERNELS FNN_CONV_GRAD_KERNELS FNN_CONV_SUM_KERNELS FNN_WINOGRAD_KERNELS
                     FNN_DEPTHWISE_KERNELS FNN_POOL_KERNELS)
