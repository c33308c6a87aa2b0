"""Muon."""

import math

from .. import ops
from ..engine.patterns import check_pattern, occurs
from ..engine.variable import convert
from ..ops.optimizer_updates import adam_rate, adam_update
from .optimizer import Optimizer

_MOST_STEPS = 100  # each is part of every step of training that is compiled; after ten little changes


class Muon(Optimizer):
    """For matrices, momentum made orthogonal by Newton and Schulz's iteration; AdamW for everything else.

    Args:
        adam_beta_1, adam_beta_2, epsilon, adam_weight_decay, adam_lr_ratio: of the AdamW part; the last multiplies
            the learning rate.
        weight_decay: of the matrices.
        exclude_layers: patterns; a variable whose path one of them is found in goes to AdamW.
        exclude_embeddings: send variables with "embedding" in their path to AdamW.
        muon_a, muon_b, muon_c: the iteration's coefficients. ns_steps: how often it runs.
        momentum, nesterov: of the matrices.
        rms_rate: the step's root mean square is about this; None leaves its scale.
        options: see Optimizer.
    Source: Keras 3 `optimizers.Muon`; Jordan et al., 2024; Liu et al., arXiv 2502.16982.
    """

    def __init__(
        self,
        learning_rate=0.001,
        adam_beta_1=0.9,
        adam_beta_2=0.999,
        adam_weight_decay=0.004,
        epsilon=1e-7,
        weight_decay=0.004,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        exclude_layers=None,
        exclude_embeddings=True,
        muon_a=3.4445,
        muon_b=-4.7750,
        muon_c=2.0315,
        adam_lr_ratio=1,
        momentum=0.95,
        ns_steps=5,
        nesterov=True,
        rms_rate=0.2,
        **kwargs,
    ):
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        if isinstance(ns_steps, bool) or not isinstance(ns_steps, int) or not 0 <= ns_steps <= _MOST_STEPS:
            raise ValueError(
                f"Muon: `ns_steps` must be an integer from 0 to {_MOST_STEPS}, received {ns_steps!r}"
            )
        self.exclude_layers = exclude_layers or []
        for pattern in self.exclude_layers:
            check_pattern(pattern, "Muon: `exclude_layers`")
        self.exclude_embeddings = exclude_embeddings
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate

    def _should_use_adamw(self, variable):
        if len(variable.shape) != 2 or (self.exclude_embeddings and "embedding" in variable.path.lower()):
            return True
        return any(occurs(pattern, variable.path) for pattern in self.exclude_layers)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums, self.adam_velocities = [], []
        for variable in variables:
            plain = not variable.overwrite_with_gradient
            self.momentums.append(self.add_variable_from_reference(variable, "momentum") if plain else None)
            self.adam_velocities.append(
                self.add_variable_from_reference(variable, "velocity")
                if plain and self._should_use_adamw(variable)
                else None
            )

    def update_step(self, gradient, variable, learning_rate):
        rate, gradient = convert(learning_rate, dtype=variable.dtype), convert(gradient, dtype=variable.dtype)
        place = self._get_variable_index(variable)
        slot, velocity = self.momentums[place], self.adam_velocities[place]
        if velocity is not None:
            alpha = adam_rate(
                rate * self.adam_lr_ratio,
                convert(self.iterations),
                beta_1=self.adam_beta_1,
                beta_2=self.adam_beta_2,
            )
            values = adam_update(
                variable.read(),
                gradient,
                alpha,
                rate,
                slot.read(),
                velocity.read(),
                beta_1=self.adam_beta_1,
                beta_2=self.adam_beta_2,
                epsilon=self.epsilon,
                decays=False,
            )
            for target, value in zip((variable, slot, velocity), values):
                self.assign(target, value)
            return
        moved = slot * self.momentum + gradient
        self.assign(slot, moved)
        update = rate * self._orthogonal(gradient + moved * self.momentum if self.nesterov else moved)
        if self.rms_rate is not None:
            update = update * (math.sqrt(max(variable.shape)) * self.rms_rate)
        self.assign_sub(variable, update)

    def _orthogonal(self, x):
        """Nearly the orthogonal factor of the matrix `x`: its singular values brought near 1."""
        tall = x.shape[0] > x.shape[1]
        x = ops.transpose(x) if tall else x
        x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)  # now its largest singular value is at most 1
        for _ in range(self.ns_steps):
            square = ops.matmul(x, ops.transpose(x))
            x = x * self.muon_a + ops.matmul(
                square * self.muon_b + ops.matmul(square, square) * self.muon_c, x
            )
        return ops.transpose(x) if tall else x

    def _apply_weight_decay(self, variables):
        for variable in variables:
            decay = self.adam_weight_decay if self._should_use_adamw(variable) else self.weight_decay
            if decay is not None and self._use_weight_decay(variable):
                rate = convert(self.learning_rate, dtype=variable.dtype)
                variable.assign(variable - variable * decay * rate)

    def get_config(self):
        names = (
            "adam_beta_1",
            "adam_beta_2",
            "adam_weight_decay",
            "epsilon",
            "exclude_layers",
            "exclude_embeddings",
            "muon_a",
            "muon_b",
            "muon_c",
            "adam_lr_ratio",
            "momentum",
            "ns_steps",
            "nesterov",
            "rms_rate",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
