"""Adam and AdamW."""

from ..engine.variable import convert
from ..ops.optimizer_updates import adam_rate, adam_update
from .sgd import FusedOptimizer


class Adam(FusedOptimizer):
    """A moving average of the gradient divided by the root of one of its square, both freed of their start at 0.

    Args:
        beta_1, beta_2: how much of the two averages stays at each step. epsilon: added to the root.
        amsgrad: divide by the largest second average so far.
        options: see Optimizer.
    Source: Keras 3 `optimizers.Adam`; Kingma and Ba, ICLR 2015; Reddi et al., ICLR 2018.
    """

    updates_by_row = True

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        weight_decay=None,
        **options,
    ):
        super().__init__(learning_rate, weight_decay, **options)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        self._velocity_hats = self.add_optimizer_variables(variables, "velocity_hat") if self.amsgrad else []

    def update_step(self, gradient, variable, learning_rate):
        rate = convert(learning_rate, dtype=variable.dtype)
        gradient = convert(gradient, dtype=variable.dtype)
        decay, decays = self._decay(variable, rate)
        alpha = adam_rate(rate, convert(self.iterations), beta_1=self.beta_1, beta_2=self.beta_2)
        place = self._get_variable_index(variable)
        slots = [kind[place] for kind in (self._momentums, self._velocities, self._velocity_hats) if kind]
        self._write(
            (variable, *slots),
            adam_update(
                variable.read(),
                gradient,
                alpha,
                decay,
                *[s.read() for s in slots],
                beta_1=self.beta_1,
                beta_2=self.beta_2,
                epsilon=self.epsilon,
                decays=decays,
            ),
        )

    fused_step = update_step

    def get_config(self):
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


class AdamW(Adam):
    """Adam with weight decay apart from the gradient. Source: Loshchilov and Hutter, ICLR 2019."""

    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=0.004,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        **options,
    ):
        if weight_decay is None:
            raise ValueError("AdamW: `weight_decay` must be a float, received None; use Adam for none")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, **options)
