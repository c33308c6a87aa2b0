"""Follow the regularised leader."""

from .. import ops
from ..engine.variable import convert
from ..initializers import Constant
from .optimizer import Optimizer


class Ftrl(Optimizer):
    """FTRL-Proximal, with sparse weights by its L1 term.

    Args:
        learning_rate_power: not above 0; -0.5 makes the rate fall with the root of the squared gradients' sum.
        initial_accumulator_value: what that sum starts from.
        l1_regularization_strength, l2_regularization_strength: of the objective.
        l2_shrinkage_regularization_strength: a penalty on the variable as it is, added to the gradient.
        beta: of McMahan et al.
        options: see Optimizer.
    Raises:
        ValueError: a strength or the initial value is negative, the power positive.
    Source: Keras 3 `optimizers.Ftrl`; McMahan et al., KDD 2013.
    """

    def __init__(
        self,
        learning_rate=0.001,
        learning_rate_power=-0.5,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        l2_shrinkage_regularization_strength=0.0,
        beta=0.0,
        weight_decay=None,
        **options,
    ):
        super().__init__(learning_rate, weight_decay, **options)
        if learning_rate_power > 0:
            raise ValueError(
                f"Ftrl: `learning_rate_power` must not be positive, received {learning_rate_power}"
            )
        self.learning_rate_power = learning_rate_power
        self.beta = beta
        for name, value in (
            ("initial_accumulator_value", initial_accumulator_value),
            ("l1_regularization_strength", l1_regularization_strength),
            ("l2_regularization_strength", l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength),
        ):
            if value < 0:
                raise ValueError(f"Ftrl: `{name}` must not be negative, received {value}")
            setattr(self, name, value)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._accumulators, self._linears = self.add_optimizer_variables(
            variables, ["accumulator", "linear"], [Constant(self.initial_accumulator_value), "zeros"]
        )

    def update_step(self, gradient, variable, learning_rate):
        rate, gradient = convert(learning_rate, dtype=variable.dtype), convert(gradient, dtype=variable.dtype)
        place = self._get_variable_index(variable)
        total, linear = self._accumulators[place], self._linears[place]
        ridge = self.l2_regularization_strength + self.beta / (2.0 * rate)
        pull = gradient + variable * (2 * self.l2_shrinkage_regularization_strength)
        new_total = total + ops.square(gradient)
        power = convert(-self.learning_rate_power, dtype=variable.dtype)
        grown = ops.power(new_total, power)
        slope = linear + pull - (grown - ops.power(total, power)) / rate * variable
        limit = self.l1_regularization_strength
        self.assign(linear, slope)
        self.assign(variable, (ops.clip(slope, -limit, limit) - slope) / (grown / rate + 2.0 * ridge))
        self.assign(total, new_total)

    def get_config(self):
        names = (
            "learning_rate_power",
            "initial_accumulator_value",
            "l1_regularization_strength",
            "l2_regularization_strength",
            "l2_shrinkage_regularization_strength",
            "beta",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
