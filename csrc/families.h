/* families.h - what every kernel family stands on. The part_<name>.c files gather the families into a few units, each
 * compiled once for each instruction set with -DFNN_ISA=<isa> and, but for base, -DFNN_AVX2 or -DFNN_AVX512.
 * A family file ends with FNN_<FAMILY>_KERNELS, its entries, each made with FNN_KERNEL(name, work). */
#define FNN_PASTE(name, isa) fnn_##name##_##isa
#define FNN_NAME(name, isa) FNN_PASTE(name, isa)
#define FNN(name) FNN_NAME(name, FNN_ISA)
#define FNN_TEXT(name) #name
#define FNN_ENTRY(name, work) {FNN_TEXT(name), FNN(name), FNN(work)},
#define FNN_KERNEL(name, work) FNN_ENTRY(name, work)
/* A part's table of kernels; parts include other parts' families where they call their functions. */
#define FNN_PART(name, kernels)                                                                              \
    extern const fnn_kernel FNN(name)[];                                                                     \
    const fnn_kernel FNN(name)[] = {kernels{NULL, NULL, NULL}};
#pragma GCC diagnostic ignored "-Wunused-function" /* of the families included for a function or two */

#include "fnn.h"
#include "simd.h"
#include "vecmath.h"
#include "tile.h"
