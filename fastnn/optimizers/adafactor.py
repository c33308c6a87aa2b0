"""Adafactor."""

from .. import ops
from ..engine.variable import Variable, convert
from .optimizer import Optimizer


class Adafactor(Optimizer):
    """Adam's second average kept as row and column means, so that state takes little memory.

    Args:
        beta_2_decay: the average's factor is 1 - step ^ beta_2_decay.
        epsilon_1: added to squared gradients. epsilon_2: the least scale of a variable.
        clip_threshold: root mean square of a step above which it is scaled down.
        relative_step: let the rate be at most 1 / sqrt(step).
        options: see Optimizer.
    Source: Keras 3 `optimizers.Adafactor`; Shazeer and Stern, ICML 2018.
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta_2_decay=-0.8,
        epsilon_1=1e-30,
        epsilon_2=1e-3,
        clip_threshold=1.0,
        relative_step=True,
        weight_decay=None,
        **options,
    ):
        super().__init__(learning_rate, weight_decay, **options)
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._r, self._c, self._v = [], [], []
        for variable in variables:
            if len(variable.shape) < 2:  # these have no rows; Keras saves two scalars in their place
                shapes = ((), ())
            else:
                shapes = (variable.shape[:-1], (*variable.shape[:-2], variable.shape[-1]))
            for slots, shape in zip((self._r, self._c), shapes):
                slots.append(self.add_variable(shape, dtype=variable.dtype, name=variable.name))
            self._v.append(self.add_variable_from_reference(variable, "velocity"))

    def update_step(self, gradient, variable, learning_rate):
        rate, gradient = convert(learning_rate, dtype=variable.dtype), convert(gradient, dtype=variable.dtype)
        step = convert(ops.add(self.iterations, 1), dtype=variable.dtype)
        bound = 1.0 / ops.sqrt(step)
        if isinstance(self._learning_rate, Variable) and self.relative_step:
            rate = ops.minimum(rate, bound)
        place = self._get_variable_index(variable)
        r, c, v = self._r[place], self._c[place], self._v[place]
        alpha = ops.maximum(_rms(variable), self.epsilon_2) * ops.minimum(rate, bound)
        squares = ops.square(gradient) + self.epsilon_1
        keep = 1.0 - ops.power(step, convert(self.beta_2_decay, dtype=variable.dtype))
        if len(variable.shape) >= 2:
            rows = keep * r + (1.0 - keep) * ops.mean(squares, axis=-1)
            cols = keep * c + (1.0 - keep) * ops.mean(squares, axis=-2)
            self.assign(r, rows)
            self.assign(c, cols)
            share = rows / ops.mean(rows, axis=-1, keepdims=True)
            average = ops.expand_dims(share, -1) * ops.expand_dims(cols, -2)
        else:
            average = keep * v + (1.0 - keep) * squares
        self.assign(v, average)
        update = gradient / ops.sqrt(average)
        update = update / ops.maximum(_rms(update) / self.clip_threshold, 1.0)
        self.assign_sub(variable, alpha * update)

    def get_config(self):
        names = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _rms(x):
    return ops.sqrt(ops.mean(ops.square(x)))
