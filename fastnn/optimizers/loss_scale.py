"""Loss scaling that finds its own factor."""

from functools import reduce

from .. import ops
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .optimizer import Optimizer

_SPENT = {
    "weight_decay": None,
    "clipnorm": None,
    "global_clipnorm": None,
    "clipvalue": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


class LossScaleOptimizer(Optimizer):
    """Another optimizer, on gradients of a loss that was multiplied by a large and changing scale.

    A step whose gradients hold an infinity or NaN is left out and halves the scale; `dynamic_growth_steps` good
    ones in a row double it.

    Args:
        inner_optimizer: the Optimizer that updates the variables.
        initial_scale: the scale to begin with; too large is found out fast, too small only slowly.
        dynamic_growth_steps: see above.
    Raises:
        ValueError: arguments that belong to the inner optimizer.
    Source: Keras 3 `optimizers.LossScaleOptimizer`; Micikevicius et al., "Mixed Precision Training", ICLR 2018.
    """

    def __init__(
        self, inner_optimizer, initial_scale=2.0**15, dynamic_growth_steps=2000, name=None, **kwargs
    ):
        if not isinstance(inner_optimizer, Optimizer):
            raise ValueError(
                f"LossScaleOptimizer: `inner_optimizer` must be an Optimizer, received {inner_optimizer!r}"
            )
        if not kwargs.pop("dynamic", True):
            raise ValueError(
                "LossScaleOptimizer: the scale is always dynamic; for a fixed one give the inner "
                "optimizer a `loss_scale_factor`"
            )
        for argument, default in _SPENT.items():  # older files hold these, at their defaults
            if kwargs.pop(argument, default) != default:
                raise ValueError(f"LossScaleOptimizer has no `{argument}`; give it to `inner_optimizer`")
        if kwargs:
            raise ValueError(
                f"LossScaleOptimizer: there is no argument {', '.join(map(repr, sorted(kwargs)))}; it "
                "takes inner_optimizer, initial_scale, dynamic_growth_steps and name"
            )
        self.inner_optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        inner_optimizer.loss_scale_factor = None  # or gradients would be divided twice
        super().__init__(learning_rate=0.0, name=name)

    def build(self, variables):
        self.step_counter = self._new_variable("step_counter", 0, (), "int32")
        self.dynamic_scale = self._new_variable("dynamic_scale", self.initial_scale, (), "float32")
        self.inner_optimizer.build(variables)
        super().build(variables)

    @property
    def variables(self):
        """Its own state, then the inner optimizer's."""
        return [*self._variables, *self.inner_optimizer.variables]

    def apply(self, grads, trainable_variables=None):
        grads = list(grads)
        if not grads:
            return
        variables = self._variables_for(grads, trainable_variables)
        finite = reduce(ops.logical_and, [ops.all(ops.isfinite(g)) for g in grads if g is not None])
        ops.cond(finite, lambda: self._apply_scaled(grads, variables), self._scale_down)

    def _apply_scaled(self, grads, variables):
        scale = self.dynamic_scale.read()
        self.inner_optimizer.apply(
            [
                g if g is None or v.overwrite_with_gradient else ops.divide(g, scale)
                for g, v in zip(grads, variables, strict=True)
            ],
            variables,
        )
        ops.cond(
            ops.equal(self.step_counter.read(), self.dynamic_growth_steps - 1),
            self._scale_up,
            lambda: self._count(ops.add(self.step_counter.read(), 1)),
        )

    def _scale_up(self):
        self._count(0)
        self.dynamic_scale.assign(ops.multiply(self.dynamic_scale.read(), 2.0))

    def _scale_down(self):
        self._count(0)
        self.dynamic_scale.assign(ops.multiply(self.dynamic_scale.read(), 0.5))

    def _count(self, steps):
        self.step_counter.assign(steps)

    @property
    def learning_rate(self):
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self):
        return self.inner_optimizer.iterations

    def scale_loss(self, loss):
        return ops.multiply(loss, self.dynamic_scale.read() if self.built else self.initial_scale)

    def finalize_variable_values(self, var_list):
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self):
        return {
            "name": self.name,
            "inner_optimizer": serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        inner = config.pop("inner_optimizer")
        return cls(
            deserialize_keras_object(inner, custom_objects) if isinstance(inner, dict) else inner, **config
        )
