"""Lion."""

from .. import ops
from ..engine.variable import convert
from .optimizer import Optimizer


class Lion(Optimizer):
    """The sign of a moving average of the gradient.

    Args:
        beta_1: how much of the average counts beside the gradient. beta_2: how much of it stays.
        options: see Optimizer.
    Raises:
        ValueError: `beta_1` outside (0, 1].
    Source: Keras 3 `optimizers.Lion`; Chen et al., NeurIPS 2023.
    """

    updates_by_row = True

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, weight_decay=None, **options):
        super().__init__(learning_rate, weight_decay, **options)
        if not 0 < beta_1 <= 1:
            raise ValueError(
                f"Lion: `beta_1` must lie in (0, 1], received {beta_1}; at 0 only gradients' signs count"
            )
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient, variable, learning_rate):
        rate, gradient = convert(learning_rate, dtype=variable.dtype), convert(gradient, dtype=variable.dtype)
        m = self._momentums[self._get_variable_index(variable)].read()
        self.assign_sub(variable, rate * ops.sign(m * self.beta_1 + gradient * (1.0 - self.beta_1)))
        self.assign(
            self._momentums[self._get_variable_index(variable)],
            m * self.beta_2 + gradient * (1.0 - self.beta_2),
        )

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
