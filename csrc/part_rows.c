/* part_rows.c - what goes along rows: reductions, softmax, cross-entropy, normalisation. */
#include "families.h"

#include "reduce.c"
#include "softmax.c"
#include "crossentropy.c"
#include "norm.c"

FNN_PART(rows, FNN_REDUCE_KERNELS FNN_SOFTMAX_KERNELS
         FNN_CROSSENTROPY_KERNELS FNN_NORM_KERNELS)
