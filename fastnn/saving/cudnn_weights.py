"""Weights of Keras 2's CuDNNLSTM and CuDNNGRU in the form of LSTM's and GRU's.

cuDNN has a bias for the inputs and one for the states, one behind the other, and each gate's matrices transposed:
those of the inputs so that their shape is kept but their elements run down the columns.
"""

import numpy as np

from .safe_h5 import read_dataset


def in_our_form(variables, datasets):
    """`datasets`, with arrays in the places of those that a cuDNN layer left for (kernel, recurrent_kernel, bias) of
    `variables`: told by a bias twice as long."""
    found = list(datasets)
    for i in range(len(variables) - 2):
        three = variables[i : i + 3]
        if [v.name for v in three] != ["kernel", "recurrent_kernel", "bias"]:
            continue
        units, bias = three[1].shape[0], three[2].shape
        gates = three[0].shape[-1] // units
        if tuple(datasets[i + 2].shape) != (2 * gates * units,) or bias not in (
            (gates * units,),
            (2, gates * units),
        ):
            continue
        if any(tuple(datasets[i + k].shape) != three[k].shape for k in (0, 1)):
            continue
        kernel, recurrent, biases = (read_dataset(datasets[i + k]) for k in range(3))
        found[i] = np.hstack([one.T.reshape(one.shape, order="F") for one in np.hsplit(kernel, gates)])
        found[i + 1] = np.hstack([one.T for one in np.hsplit(recurrent, gates)])
        biases = biases.reshape(2, -1)
        found[i + 2] = biases if bias == biases.shape else biases.sum(0)
    return found
