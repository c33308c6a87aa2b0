/* part_sequences.c - recurrent layers and attention. */
#include "families.h"

#include "gemm.c"
#include "reduce.c"
#include "softmax.c"
#include "random.c"
#include "recurrent.h"
#include "recurrent.c"
#include "recurrent_grad.c"
#include "attention.c"
#include "attention_grad.c"

FNN_PART(sequences,
         FNN_RECURRENT_KERNELS FNN_RECURRENT_GRAD_KERNELS FNN_ATTENTION_KERNELS FNN_ATTENTION_GRAD_KERNELS)
