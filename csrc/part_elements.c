/* part_elements.c - what goes element by element: chains, copies, whole numbers, classes, random numbers, updates, batches fed. */
#include "families.h"

#include "reduce.c"
#include "eltwise.c"
#include "copy.c"
#include "reduce_int.c"
#include "classes.c"
#include "random.c"
#include "optim.c"
#include "feed.c"

FNN_PART(elements, FNN_ELTWISE_KERNELS FNN_COPY_KERNELS FNN_REDUCE_INT_KERNELS FNN_CLASSES_KERNELS
                       FNN_RANDOM_KERNELS FNN_OPTIM_KERNELS FNN_FEED_KERNELS)
