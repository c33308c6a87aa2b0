"""What layers that learn from data before training share: batches of any source, and calls on plain lists."""

import numpy as np

from ..engine import dtypes, nest
from ..engine.symbolic import KerasTensor, _Leaf
from ..engine.tensor import Spec, Tensor
from .layer import Layer


class Adapting(Layer):
    """A layer that is called on arrays, tensors or lists of values, and may have an `adapt(data)`.

    reads_strings: whether it makes numbers of strings, `found_dtype` being theirs.
    """

    reads_strings = False

    def found_specs(self, inputs):
        if self.reads_strings and any(x.dtype == dtypes.STRING for x in nest.flatten(inputs)):
            shapes = [x.shape for x in inputs] if isinstance(inputs, (list, tuple)) else inputs.shape
            return _Leaf(Spec(tuple(self.compute_output_shape(shapes)), self.found_dtype))
        return super().found_specs(inputs)

    def __call__(self, inputs, *args, **kwargs):
        if isinstance(inputs, (list, tuple)) and not any(
            isinstance(x, (Tensor, KerasTensor)) for x in inputs
        ):
            inputs = np.asarray(inputs)
        return super().__call__(inputs, *args, **kwargs)


def batches_of(data, what, steps=None):
    """The inputs in each batch of `data` as arrays: of one array, or of a source of batches x, (x, y) or (x, y, w).

    Raises:
        TypeError: neither.
        ValueError: no batch at all.
    """
    if hasattr(data, "__array__"):
        from ..data.arrays import as_array  # brings threads and processes in, which layers alone do without

        data = as_array(data, "data")
    if isinstance(data, np.ndarray) or (isinstance(data, (list, tuple)) and data and np.ndim(data[0]) == 0):
        batches = [np.asarray(data)]
    elif hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, (list, tuple)):
        batches = (data[i] for i in range(len(data)))
    elif hasattr(data, "__iter__"):
        batches = data
    else:
        raise TypeError(
            f"{what}: adapt() takes an array or a source of batches, received {type(data).__name__}"
        )
    found = False
    for i, batch in enumerate(batches):
        if steps is not None and i >= steps:
            break
        found = True
        yield np.asarray(batch[0] if isinstance(batch, (tuple, list)) and np.ndim(batch[0]) else batch)
    if not found:
        raise ValueError(f"{what}: adapt() was given no batch")
