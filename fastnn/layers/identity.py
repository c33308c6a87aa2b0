"""Identity and ActivityRegularization: layers that pass their input on."""

from .. import regularizers
from ..engine import nest
from ..engine.symbolic import KerasTensor
from .activation import Elementwise


class Identity(Elementwise):
    """Its input. Source: Keras 3 `layers.Identity`."""

    def call(self, inputs):
        return inputs

    def compute_output_spec(self, inputs):
        return nest.map_leaves(lambda x: KerasTensor(x.shape, x.dtype), inputs)


class ActivityRegularization(Elementwise):
    """Its input, on which it puts a penalty: l1 * sum(|x|) + l2 * sum(x^2), divided by the batch size.

    Source: Keras 3 `layers.ActivityRegularization`.
    """

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1 = l1
        self.l2 = l2

    def call(self, inputs):
        return inputs

    def get_config(self):
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return {**config, "l1": self.l1, "l2": self.l2}
