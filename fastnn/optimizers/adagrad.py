"""Adagrad and Adadelta."""

from .. import ops
from ..engine.variable import convert
from ..initializers import Constant
from .optimizer import Optimizer


class Adagrad(Optimizer):
    """The gradient divided by the root of the sum of all its squares so far.

    Args:
        initial_accumulator_value: what the sum starts from. epsilon: added under the root.
        options: see Optimizer.
    Source: Keras 3 `optimizers.Adagrad`; Duchi et al., JMLR 2011.
    """

    updates_by_row = True

    def __init__(
        self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, weight_decay=None, **options
    ):
        super().__init__(learning_rate, weight_decay, **options)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._accumulators = self.add_optimizer_variables(
            variables, "accumulator", Constant(self.initial_accumulator_value)
        )

    def update_step(self, gradient, variable, learning_rate):
        rate, gradient = convert(learning_rate, dtype=variable.dtype), convert(gradient, dtype=variable.dtype)
        slot = self._accumulators[self._get_variable_index(variable)]
        total = slot + ops.square(gradient)
        self.assign(slot, total)
        self.assign_sub(variable, rate * gradient / ops.sqrt(total + self.epsilon))

    def get_config(self):
        return {
            **super().get_config(),
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }


class Adadelta(Optimizer):
    """The gradient times the root mean square of past steps over that of past gradients.

    Args:
        rho: how much of both averages stays at each step. epsilon: added under the roots.
        options: see Optimizer.
    Source: Keras 3 `optimizers.Adadelta`; Zeiler, arXiv 1212.5701.
    """

    updates_by_row = True

    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7, weight_decay=None, **options):
        super().__init__(learning_rate, weight_decay, **options)
        self.rho = rho
        self.epsilon = epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._accumulated_grads, self._accumulated_delta_vars = self.add_optimizer_variables(
            variables, ["accumulated_grad", "accumulated_delta_var"]
        )

    def update_step(self, grad, variable, learning_rate):
        rate, grad = convert(learning_rate, dtype=variable.dtype), convert(grad, dtype=variable.dtype)
        place = self._get_variable_index(variable)
        grads, steps = self._accumulated_grads[place], self._accumulated_delta_vars[place]
        squares = grads * self.rho + ops.square(grad) * (1 - self.rho)
        step = -(ops.sqrt(steps + self.epsilon) * grad / ops.sqrt(squares + self.epsilon))
        self.assign(grads, squares)
        self.assign(steps, steps * self.rho + ops.square(step) * (1 - self.rho))
        self.assign_add(variable, rate * step)

    def get_config(self):
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}
