/* families.h - every kernel family, and the one table they fill; included by each isa_<isa>.c, nowhere else.
 * A family file ends with FNN_<FAMILY>_KERNELS, its entries, each made with FNN_KERNEL(name, work). */
#include "fnn.h"
#include "simd.h"

#define FNN_KERNEL(name, work) {#name, FNN(name), FNN(work)},

#include "vecmath.h"
#include "tile.h"

#include "gemm.c"
#include "conv.c"
#include "conv_grad.c"
#include "winograd.c"
#include "depthwise.c"
#include "pool.c"
#include "reduce.c"
#include "eltwise.c"
#include "copy.c"
#include "reduce_int.c"
#include "classes.c"
#include "softmax.c"
#include "crossentropy.c"
#include "norm.c"
#include "recurrent.h"
#include "recurrent.c"
#include "recurrent_grad.c"
#include "random.c"
#include "attention.c"
#include "optim.c"
#include "feed.c"

static const fnn_kernel FNN(kernels)[] = {
    FNN_GEMM_KERNELS FNN_CONV_KERNELS FNN_CONV_GRAD_KERNELS FNN_WINOGRAD_KERNELS FNN_DEPTHWISE_KERNELS
    FNN_POOL_KERNELS FNN_ELTWISE_KERNELS FNN_COPY_KERNELS FNN_REDUCE_KERNELS FNN_REDUCE_INT_KERNELS
    FNN_CLASSES_KERNELS FNN_SOFTMAX_KERNELS FNN_CROSSENTROPY_KERNELS FNN_NORM_KERNELS FNN_RECURRENT_KERNELS
    FNN_RECURRENT_GRAD_KERNELS FNN_RANDOM_KERNELS FNN_ATTENTION_KERNELS FNN_OPTIM_KERNELS FNN_FEED_KERNELS
    {NULL, NULL, NULL}};
