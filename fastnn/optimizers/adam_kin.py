"""Adam's relatives: Adamax, Nadam, Lamb, and AdamW without a schedule."""

from .. import ops
from ..engine import dtypes, settings
from ..engine.variable import convert
from .optimizer import Optimizer


class AdamLike(Optimizer):
    """Two moving averages with factors beta_1 and beta_2, and an epsilon."""

    slots = ("momentum", "velocity")

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=None, **options
    ):
        super().__init__(learning_rate, weight_decay, **options)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(variables, list(self.slots))

    def _step(self, variable, ahead=1):
        """The number of this step, from 1, as a float of the variable's dtype."""
        return convert(ops.add(self.iterations, ahead), dtype=variable.dtype)

    def _power(self, base, exponent):
        return ops.power(convert(base, dtype=exponent.dtype), exponent)

    def _rest(self, beta, dtype):
        """1 - beta as `dtype` computes it, which some of Keras's formulas do: for 0.999 it is not 0.001 in float32."""
        one = dtypes.NUMPY[dtype].type
        return float(one(1) - one(beta))

    def _moved(self, gradient, variable, rest):
        """(m, v): both averages after this gradient, assigned; `rest` is what 1 - beta_1 and 1 - beta_2 count as."""
        place = self._get_variable_index(variable)
        m, v = self._momentums[place], self._velocities[place]
        new_m = m + (gradient - m) * rest[0]
        new_v = v + (ops.square(gradient) - v) * rest[1]
        self.assign(m, new_m)
        self.assign(v, new_v)
        return new_m, new_v

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class Adamax(AdamLike):
    """Adam with the largest gradient, forgotten slowly, in place of the root of the mean square.

    Source: Keras 3 `optimizers.Adamax`; Kingma and Ba, ICLR 2015, section 7.1.
    """

    updates_by_row = True
    slots = ("momentum", "norm")

    def update_step(self, gradient, variable, learning_rate):
        rate, gradient = convert(learning_rate, dtype=variable.dtype), convert(gradient, dtype=variable.dtype)
        place = self._get_variable_index(variable)
        m, u = self._momentums[place], self._velocities[place]
        new_m = m + (gradient - m) * (1 - self.beta_1)
        new_u = ops.maximum(u * self.beta_2, ops.abs(gradient))
        self.assign(m, new_m)
        self.assign(u, new_u)
        correction = 1.0 - self._power(self.beta_1, self._step(variable))
        self.assign_sub(variable, rate * new_m / (correction * (new_u + self.epsilon)))


class Nadam(AdamLike):
    """Adam with Nesterov's momentum. Source: Keras 3 `optimizers.Nadam`; Dozat, 2016."""

    updates_by_row = True

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        dtype = variables[0].dtype if variables else settings.float_dtype()
        self._u_product = self._new_variable("variable", 1.0, (), dtype)

    def _schedule(self, step):
        """The momentum factor of a step."""
        return (1.0 - self._power(0.96, step) * 0.5) * self.beta_1

    def _update_all(self, grads, variables, learning_rate):
        self.assign(self._u_product, self._u_product * self._schedule(self._step(self._u_product)))
        super()._update_all(grads, variables, learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        rate, gradient = convert(learning_rate, dtype=variable.dtype), convert(gradient, dtype=variable.dtype)
        step = self._step(variable)
        u, ahead = self._schedule(step), self._schedule(self._step(variable, 2))
        product = convert(self._u_product, dtype=variable.dtype)
        m, v = self._moved(
            gradient, variable, [self._rest(b, variable.dtype) for b in (self.beta_1, self.beta_2)]
        )
        mean = ahead * m / (1.0 - product * ahead) + (1.0 - u) * gradient / (1.0 - product)
        square = v / (1.0 - self._power(self.beta_2, step))
        self.assign_sub(variable, mean * rate / (ops.sqrt(square) + self.epsilon))


class Lamb(AdamLike):
    """Adam with each variable's step scaled to the variable's own norm.

    Source: Keras 3 `optimizers.Lamb`; You et al., ICLR 2020.
    """

    def update_step(self, gradient, variable, learning_rate):
        rate, gradient = convert(learning_rate, dtype=variable.dtype), convert(gradient, dtype=variable.dtype)
        step = self._step(variable)
        m, v = self._moved(gradient, variable, (1 - self.beta_1, 1 - self.beta_2))
        mean = m / (1.0 - self._power(self.beta_1, step))
        root = ops.sqrt(v / (1.0 - self._power(self.beta_2, step))) + self.epsilon
        update = mean / root
        weight = ops.sqrt(ops.sum(ops.square(variable)))
        length = ops.sqrt(ops.sum(ops.square(update)))
        ratio = ops.where(ops.logical_and(weight > 0.0, length > 0.0), ops.divide_no_nan(weight, length), 1.0)
        self.assign_sub(variable, ratio * rate * update)


class ScheduleFreeAdamW(AdamLike):
    """AdamW on a sequence that is averaged as it goes, in place of a learning rate schedule.

    Args:
        warmup_steps: over which the learning rate rises from 0.
    Source: Keras 3 `optimizers.ScheduleFreeAdamW`; Defazio et al., NeurIPS 2024.
    """

    def __init__(
        self,
        learning_rate=0.0025,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        warmup_steps=0,
        weight_decay=None,
        **options,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, weight_decay, **options)
        self.warmup_steps = warmup_steps

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        for slot, variable in zip(self._momentums, variables):
            if slot is not None:
                slot.assign(variable.read())

    def update_step(self, gradient, variable, learning_rate):
        rate, gradient = convert(learning_rate, dtype=variable.dtype), convert(gradient, dtype=variable.dtype)
        step = self._step(variable)
        if self.warmup_steps > 0:
            rate = rate * ops.minimum(step / float(self.warmup_steps), 1.0)
        place = self._get_variable_index(variable)
        slot, velocity = self._momentums[place], self._velocities[place]
        before = slot.read()
        rest = self._rest(self.beta_1, variable.dtype)
        square = velocity + (ops.square(gradient) - velocity) * self._rest(self.beta_2, variable.dtype)
        root = ops.sqrt(square / (1.0 - self._power(self.beta_2, step))) + self.epsilon
        leading = before - rate * gradient / root
        share = 1.0 / step
        average = (variable - before * rest) / self.beta_1  # the variable lies between the two
        average = (1.0 - share) * average + share * leading
        self.assign(velocity, square)
        self.assign(slot, leading)
        self.assign(variable, leading * rest + average * self.beta_1)

    def get_config(self):
        return {**super().get_config(), "warmup_steps": self.warmup_steps}
