"""Learning rate schedules: functions of the step, written with ops so that compiled steps can follow them."""

import math

from .. import ops
from ..engine import settings
from ..engine.variable import convert
from ..saving.serialization import deserialize_keras_object, serialize_keras_object


class LearningRateSchedule:
    """A function step -> learning rate; subclasses write `__call__` and `get_config`."""

    def __call__(self, step):
        raise NotImplementedError(f"{type(self).__name__} must implement __call__(self, step)")

    def get_config(self):
        raise NotImplementedError(f"{type(self).__name__} must implement get_config(self) to be saved")

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _positive(who, name, value):
    if value <= 0:
        raise ValueError(f"{who}: `{name}` must be positive, received {value}")
    return value


def _float(value):
    return convert(value, dtype=settings.float_dtype())


class ExponentialDecay(LearningRateSchedule):
    """initial_learning_rate * decay_rate ^ (step / decay_steps); the exponent rounded down with `staircase`."""

    def __init__(
        self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="ExponentialDecay"
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive(name, "decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step):
        return _float(self.initial_learning_rate) * ops.power(_float(self.decay_rate), self._elapsed(step))

    def _elapsed(self, step):
        periods = _float(step) / _float(self.decay_steps)
        return ops.floor(periods) if self.staircase else periods

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class InverseTimeDecay(ExponentialDecay):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps); the quotient rounded down with `staircase`."""

    def __init__(
        self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="InverseTimeDecay"
    ):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step):
        return _float(self.initial_learning_rate) / (_float(self.decay_rate) * self._elapsed(step) + 1.0)


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[i] up to and including step boundaries[i], then values[i + 1]; the last value from there on."""

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"{name}: `values` must have one entry more than `boundaries`, received {len(values)} and "
                f"{len(boundaries)}"
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step):
        step = convert(step)
        rate = _float(self.values[-1])
        for boundary, value in zip(reversed(self.boundaries), reversed(self.values[:-1])):
            rate = ops.where(ops.less_equal(step, convert(boundary, dtype=step.dtype)), _float(value), rate)
        return rate

    def get_config(self):
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


class PolynomialDecay(LearningRateSchedule):
    """From initial_learning_rate to end_learning_rate as (1 - step / decay_steps) ^ power, then constant.

    cycle: instead of staying constant, stretch decay_steps to its next multiple.
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        end_learning_rate=0.0001,
        power=1.0,
        cycle=False,
        name="PolynomialDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive(name, "decay_steps", decay_steps)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step):
        step, steps = _float(step), _float(self.decay_steps)
        if self.cycle:
            steps = steps * ops.where(ops.equal(step, 0.0), _float(1.0), ops.ceil(step / steps))
        else:
            step = ops.minimum(step, steps)
        start, end = _float(self.initial_learning_rate), _float(self.end_learning_rate)
        return (start - end) * ops.power(1.0 - step / steps, _float(self.power)) + end

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }


def _half_cosine(fraction):
    return (ops.cos(fraction * math.pi) + 1.0) * 0.5


class CosineDecay(LearningRateSchedule):
    """From initial_learning_rate to alpha times it along half a cosine of decay_steps steps, then constant.

    With `warmup_target`, first a straight line to that rate over `warmup_steps` steps; the cosine starts from it.
    Source: Loshchilov and Hutter, "SGDR", ICLR 2017.
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        alpha=0.0,
        name="CosineDecay",
        warmup_target=None,
        warmup_steps=0,
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive(name, "decay_steps", decay_steps)
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step, start = _float(step), _float(self.initial_learning_rate)
        if self.warmup_target is None:
            return self._decayed(step, start)
        peak, steps = _float(self.warmup_target), _float(self.warmup_steps)
        risen = (peak - start) * (step / ops.maximum(steps, 1.0)) + start
        return ops.where(ops.less(step, steps), risen, self._decayed(step - steps, peak))

    def _decayed(self, step, start):
        fraction = ops.minimum(step, _float(self.decay_steps)) / _float(self.decay_steps)
        return start * (_half_cosine(fraction) * (1.0 - self.alpha) + self.alpha)

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


class CosineDecayRestarts(LearningRateSchedule):
    """Half cosines one after the other: the first of first_decay_steps steps, each `t_mul` times as long and starting
    from `m_mul` times the rate of the one before; they end at alpha times initial_learning_rate.

    Source: Loshchilov and Hutter, "SGDR", ICLR 2017.
    """

    def __init__(
        self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name="SGDRDecay"
    ):
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _positive(name, "first_decay_steps", first_decay_steps)
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step):
        fraction = _float(step) / _float(self.first_decay_steps)
        if self.t_mul == 1.0:
            restarts = ops.floor(fraction)
            fraction = fraction - restarts
        else:
            growth = _float(self.t_mul)
            restarts = ops.floor(ops.log(1.0 - fraction * (1.0 - growth)) / ops.log(growth))
            length = ops.power(growth, restarts)
            fraction = (fraction - (1.0 - length) / (1.0 - growth)) / length
        height = _half_cosine(fraction) * ops.power(_float(self.m_mul), restarts)
        return _float(self.initial_learning_rate) * (height * (1.0 - self.alpha) + self.alpha)

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self.t_mul,
            "m_mul": self.m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }


_OBJECTS = {
    cls.__name__: cls
    for cls in (
        ExponentialDecay,
        InverseTimeDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
        CosineDecay,
        CosineDecayRestarts,
    )
}


def serialize(learning_rate_schedule):
    """A schedule's configuration, a dict."""
    return serialize_keras_object(learning_rate_schedule)


def deserialize(config, custom_objects=None):
    """The schedule that a configuration describes."""
    return deserialize_keras_object(config, custom_objects, module_objects=_OBJECTS)
