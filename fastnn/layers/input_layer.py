"""Input: where a model's data comes in."""

from ..engine import dtypes
from ..engine.symbolic import KerasTensor, Node
from .layer import Layer


class InputLayer(Layer):
    """The layer behind `Input`: it holds the symbolic tensor that a model starts from.

    Args:
        shape: the shape without the batch axis; None for free extents.
        batch_size: the batch extent, if it is fixed.
        dtype: "float32" by default; "string" for texts, which a layer like TextVectorization must make numbers of.
        batch_shape: the shape with the batch axis, in place of `shape` and `batch_size`.
        input_tensor: a KerasTensor to use in place of a new one.
        optional: None may be fed.

    Raises:
        ValueError: no shape, two shapes, or a shape with extents below 1.
    Source: Keras 3 `layers.InputLayer`.
    """

    def __init__(
        self,
        shape=None,
        batch_size=None,
        dtype=None,
        sparse=None,
        ragged=None,
        batch_shape=None,
        input_tensor=None,
        optional=False,
        name=None,
        **kwargs,
    ):
        super().__init__(name=name)
        shape = kwargs.pop("input_shape", shape)
        batch_shape = kwargs.pop("batch_input_shape", batch_shape)
        if kwargs:
            raise ValueError(f"Input: there is no argument {next(iter(kwargs))!r}")
        if sparse or ragged:
            raise ValueError("Input: sparse and ragged inputs are not there in fastnn; feed dense arrays")
        if input_tensor is not None:
            batch_shape, dtype = _checked_tensor(input_tensor, shape, batch_size, batch_shape, dtype)
        elif batch_shape is None:
            if shape is None:
                raise ValueError("Input: `shape` is needed, for instance Input(shape=(28, 28, 1))")
            batch_shape = (batch_size, *_checked_shape("shape", shape))
        elif shape is not None or batch_size is not None:
            raise ValueError(
                "Input: `batch_shape` is the whole shape; give it without `shape` and `batch_size`, received "
                f"batch_shape={batch_shape}, shape={shape}, batch_size={batch_size}"
            )
        self.batch_shape = _checked_shape("batch_shape", batch_shape)
        self._input_dtype = dtype if dtype == dtypes.STRING else dtypes.standardize(dtype)
        self.sparse = self.ragged = False
        self.optional = optional
        self.built = True
        node = Node(self, (), {}, KerasTensor(self.batch_shape, self._input_dtype))
        if input_tensor is not None:
            input_tensor.node, input_tensor.index = node, 0
            node.output_tensors, node.outputs = [input_tensor], input_tensor

    @property
    def dtype(self):
        """The dtype of what is fed."""
        return self._input_dtype

    def call(self, inputs=None):
        return inputs

    def get_config(self):
        return {
            "batch_shape": tuple(self.batch_shape),
            "dtype": self.dtype,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


def Input(
    shape=None,
    batch_size=None,
    dtype=None,
    sparse=None,
    ragged=None,
    batch_shape=None,
    name=None,  # noqa: N802
    tensor=None,
    optional=False,
):
    """A symbolic tensor of this shape, to build a model from; see InputLayer for the arguments.

    >>> Input((28, 28, 1)).shape
    (None, 28, 28, 1)
    """
    return InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    ).output


def _checked_shape(argument, shape):
    if isinstance(shape, (int, str)):
        raise ValueError(
            f"Input: `{argument}` must be a tuple, received {shape!r}; a tuple of one is ({shape},)"
        )
    try:
        shape = tuple([None if n is None else int(n) for n in shape])
    except (TypeError, ValueError):
        raise ValueError(
            f"Input: `{argument}` must be a tuple of ints and None, received {shape!r}"
        ) from None
    if any(n is not None and n < 0 for n in shape):
        raise ValueError(
            f"Input: `{argument}` must hold extents of at least 0 (None where free), received {shape}"
        )
    return shape


def _checked_tensor(tensor, shape, batch_size, batch_shape, dtype):
    if not isinstance(tensor, KerasTensor):
        raise ValueError(f"Input: `tensor` must be a KerasTensor, received {tensor!r}")
    wanted = (
        ("shape", shape, tensor.shape[1:]),
        ("batch_size", batch_size, tensor.shape[0] if tensor.shape else None),
        ("batch_shape", batch_shape, tensor.shape),
        ("dtype", dtype, tensor.dtype),
    )
    for argument, given, own in wanted:
        if given is not None and (tuple(given) if isinstance(given, list) else given) != own:
            raise ValueError(f"Input: `{argument}` is {given}, which disagrees with the given tensor's {own}")
    return tensor.shape, tensor.dtype
