/* part_rows.c - what goes along rows: reductions, softmax, cross-entropy, normalisation, rows of tables. */
#include "families.h"

#include "reduce.c"
#include "softmax.c"
#include "crossentropy.c"
#include "norm.c"
#include "table_rows.c"

FNN_PART(rows,
         FNN_REDUCE_KERNELS FNN_SOFTMAX_KERNELS FNN_CROSSENTROPY_KERNELS FNN_NORM_KERNELS FNN_ROWS_KERNELS)
