"""Function: what leads from some symbolic tensors to others, as a callable."""

from ..engine import nest
from ..engine.symbolic import Operation
from .functional import Functional


class Function(Operation):
    """The operations between symbolic `inputs` and `outputs` (structures of KerasTensors), to be called on tensors.

    Unlike a Model it is no layer: it has no weights of its own and cannot be trained.
    Source: Keras 3 `Function`.
    """

    def __init__(self, inputs, outputs, name=None):
        for what, given in (("inputs", inputs), ("outputs", outputs)):
            if not nest.flatten(given):
                raise ValueError(f"Function: `{what}` must hold at least one tensor, received {given!r}")
        self._model = Functional(inputs, outputs, name=name)
        super().__init__(self._model.name)

    @property
    def inputs(self):
        """The symbolic inputs, a flat list."""
        return self._model.inputs

    @property
    def outputs(self):
        """The symbolic outputs, a flat list."""
        return self._model.outputs

    @property
    def operations(self):
        """The layers and ops between them."""
        return self._model.operations[:]

    def call(self, inputs):
        """The outputs for `inputs`, in the structure of `outputs`."""
        return self._model(inputs)

    def compute_output_shape(self, input_shape):
        """The outputs' shapes for inputs of a shape."""
        return self._model.compute_output_shape(input_shape)
