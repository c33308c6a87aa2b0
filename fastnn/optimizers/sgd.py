"""Stochastic gradient descent."""

from ..engine.variable import convert
from ..ops.optimizer_updates import momentum_update, sgd_update
from .optimizer import Optimizer


class FusedOptimizer(Optimizer):
    """An optimizer whose update record takes the weight decay off in the same pass over the variable."""

    # The update_step that does so; a subclass that writes its own gets the base's separate decay.
    fused_step = None

    def _decays_in_step(self):
        # The class's: a bound method is another object than its function.
        return type(self).update_step is type(self).fused_step

    def _apply_weight_decay(self, variables):
        if not self._decays_in_step():
            super()._apply_weight_decay(variables)

    def _decay(self, variable, rate):
        """(weight decay times learning rate, whether there is one): what the update records take."""
        decays = self.weight_decay is not None and self._decays_in_step() and self._use_weight_decay(variable)
        return (rate * self.weight_decay, True) if decays else (rate, False)

    def _write(self, variables, values):
        for variable, value in zip(variables, values):
            self.assign(variable, value)


class SGD(FusedOptimizer):
    """w = w - learning_rate * gradient; with momentum m = momentum * m - learning_rate * gradient, w = w + m.

    Args:
        momentum: in [0, 1]. nesterov: w = w + momentum * m - learning_rate * gradient, with the new m.
        options: see Optimizer.
    Source: Keras 3 `optimizers.SGD`.
    """

    updates_by_row = True

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=None, **options):
        super().__init__(learning_rate, weight_decay, **options)
        if isinstance(momentum, bool) or not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"SGD: `momentum` must be a float in [0, 1], received {momentum!r}")
        self.momentum = float(momentum)
        self.nesterov = nesterov

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum") if self.momentum else []

    def update_step(self, gradient, variable, learning_rate):
        rate = convert(learning_rate, dtype=variable.dtype)
        gradient = convert(gradient, dtype=variable.dtype)
        decay, decays = self._decay(variable, rate)
        if not self.momentum:
            self.assign(variable, sgd_update(variable.read(), gradient, rate, decay, decays=decays))
            return
        slot = self.momentums[self._get_variable_index(variable)]
        self._write(
            (variable, slot),
            momentum_update(
                variable.read(),
                gradient,
                rate,
                decay,
                slot.read(),
                momentum=self.momentum,
                nesterov=bool(self.nesterov),
                decays=decays,
            ),
        )

    fused_step = update_step

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
