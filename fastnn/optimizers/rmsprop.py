"""RMSprop."""

from ..engine.variable import convert
from ..ops.optimizer_updates import rmsprop_update
from .sgd import FusedOptimizer


class RMSprop(FusedOptimizer):
    """The gradient divided by the root of a moving average of its square.

    Args:
        rho: how much of the average stays at each step. momentum: of the step. epsilon: added under the root.
        centered: divide by the gradient's standard deviation instead.
        options: see Optimizer.
    Source: Keras 3 `optimizers.RMSprop`; Hinton, Neural Networks for Machine Learning, lecture 6e, 2012.
    """

    updates_by_row = True

    def __init__(
        self,
        learning_rate=0.001,
        rho=0.9,
        momentum=0.0,
        epsilon=1e-7,
        centered=False,
        weight_decay=None,
        **options,
    ):
        super().__init__(learning_rate, weight_decay, **options)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        self._momentums = self.add_optimizer_variables(variables, "momentum") if self.momentum > 0 else []
        self._average_gradients = (
            self.add_optimizer_variables(variables, "average_gradient") if self.centered else []
        )

    def update_step(self, gradient, variable, learning_rate):
        rate = convert(learning_rate, dtype=variable.dtype)
        gradient = convert(gradient, dtype=variable.dtype)
        decay, decays = self._decay(variable, rate)
        place = self._get_variable_index(variable)
        slots = [kind[place] for kind in (self._velocities, self._momentums, self._average_gradients) if kind]
        self._write(
            (variable, *slots),
            rmsprop_update(
                variable.read(),
                gradient,
                rate,
                decay,
                *[s.read() for s in slots],
                rho=self.rho,
                momentum=float(self.momentum),
                epsilon=self.epsilon,
                centered=bool(self.centered),
                decays=decays,
            ),
        )

    fused_step = update_step

    def get_config(self):
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
