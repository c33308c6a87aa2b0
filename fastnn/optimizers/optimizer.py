"""The base of all optimisers: learning rate, clipping, decay, averages; subclasses write the update."""

import inspect
import re
import warnings

import numpy as np

from .. import ops
from ..engine.stateless import StatelessScope, checked_pairs
from ..engine.symbolic import snake_case, unique_name
from ..engine.tensor import Tensor
from ..engine.variable import Variable, convert
from ..ops.control import cond
from ..ops.optimizer_updates import count_up
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .clipping import clip_by_global_norm, clip_by_norm
from .compiled_apply import Kept, apply_compiled, can_compile
from .optimizer_state import OptimizerState
from .row_updates import on_rows, row_gradient
from .schedules import LearningRateSchedule


class Optimizer(OptimizerState):
    """Updates variables by their gradients.

    A subclass writes `build(variables)` (calling this one's, then `add_optimizer_variables`) and
    `update_step(gradient, variable, learning_rate)`, with `assign` for every change, so that it can be compiled.

    Args:
        learning_rate: a float, a LearningRateSchedule, or a function without arguments that gives a rate.
        weight_decay: each step first takes this share, times the learning rate, off the variables; None: none.
        clipnorm: cut each gradient to this norm. clipvalue: cut its elements to +-this. global_clipnorm: cut all
            gradients to this common norm. At most one of the three.
        use_ema: keep a moving average of the variables, with momentum `ema_momentum`; every
            `ema_overwrite_frequency` steps (None: only by `finalize_variable_values`) it replaces them.
        loss_scale_factor: the loss was multiplied by this, so gradients are divided by it.
        gradient_accumulation_steps: update only at every so many steps, with the mean of their gradients.
        name: optional.
    Raises:
        ValueError: an argument out of range; several ways of clipping; an unknown argument.
    Source: Keras 3 `optimizers.Optimizer`.
    """

    # Whether `update_step` works element by element, so that some rows of a table can be updated alone: row_updates.
    updates_by_row = False

    def __init__(
        self,
        learning_rate,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        **kwargs,
    ):
        who = type(self).__name__
        if "lr" in kwargs:  # what Keras 2 called it
            learning_rate = kwargs.pop("lr")
        if kwargs.pop("decay", None) is not None:
            warnings.warn(
                f"{who}: the argument `decay` has no effect; use a learning rate schedule", stacklevel=3
            )
        if kwargs:
            names = list(inspect.signature(type(self).__init__).parameters)[1:]
            raise ValueError(
                f"{who}: there is no argument {', '.join(map(repr, sorted(kwargs)))}; it takes "
                f"{', '.join(name for name in names if name not in ('options', 'kwargs'))} and those of "
                "every optimizer (clipnorm, weight_decay, ...)"
            )
        if sum(c is not None for c in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                f"{who}: at most one of `clipnorm`, `clipvalue` and `global_clipnorm` may be given, received "
                f"{clipnorm}, {clipvalue} and {global_clipnorm}"
            )
        if gradient_accumulation_steps is not None and gradient_accumulation_steps < 2:
            raise ValueError(
                f"{who}: `gradient_accumulation_steps` must be an integer of at least 2 or None, received "
                f"{gradient_accumulation_steps}"
            )
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ValueError(f"{who}: `ema_momentum` must lie in [0, 1], received {ema_momentum}")
        if (
            use_ema
            and ema_overwrite_frequency is not None
            and (not isinstance(ema_overwrite_frequency, int) or ema_overwrite_frequency < 1)
        ):
            raise ValueError(
                f"{who}: `ema_overwrite_frequency` must be a positive integer or None, received "
                f"{ema_overwrite_frequency}"
            )
        super().__init__(name or unique_name(snake_case(who)))
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._undecayed, self._undecayed_names = set(), None
        self._compiled = Kept()
        self._iterations = self._new_variable("iteration", 0, (), "int32")
        if callable(learning_rate):
            self._learning_rate = learning_rate
        else:
            self._learning_rate = self._new_variable("learning_rate", _rate(who, learning_rate), (), None)

    def __init_subclass__(cls, **kwargs):
        """Show the arguments behind a subclass's `**options`, which are this class's, in its signature."""
        super().__init_subclass__(**kwargs)
        own = list(inspect.signature(cls.__init__).parameters.values())[1:]
        if own and own[-1].name == "options" and own[-1].kind is own[-1].VAR_KEYWORD:
            known = {parameter.name for parameter in own}
            common = list(inspect.signature(Optimizer.__init__).parameters.values())[1:]
            own[-1:] = [parameter for parameter in common if parameter.name not in known]
        cls.__signature__ = inspect.Signature(own)

    # ---- the learning rate ----

    @property
    def learning_rate(self):
        """The current rate: the variable, or what the schedule (or function) gives now."""
        if isinstance(self._learning_rate, Variable):
            return self._learning_rate
        if isinstance(self._learning_rate, LearningRateSchedule):
            return self._learning_rate(self._iterations)
        return self._learning_rate()

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        before = self._learning_rate
        if callable(learning_rate):
            self._learning_rate = learning_rate
            if isinstance(before, Variable):
                self._variables = [v for v in self._variables if v is not before]
        elif isinstance(before, Variable):
            before.assign(learning_rate)
        else:
            raise TypeError(
                f"{self.name}: the learning rate is a schedule or a function, so no number can be assigned; "
                "make the optimizer with a float, or assign another schedule"
            )

    @property
    def lr(self):
        """`learning_rate`, by the name that it had in Keras 2."""
        return self.learning_rate

    @lr.setter
    def lr(self, learning_rate):
        self.learning_rate = learning_rate

    # ---- applying gradients ----

    def assign(self, variable, value):
        """variable = value"""
        variable.assign(value)

    def assign_add(self, variable, value):
        """variable += value"""
        variable.assign_add(value)

    def assign_sub(self, variable, value):
        """variable -= value"""
        variable.assign_sub(value)

    def update_step(self, gradient, variable, learning_rate):
        """Change `variable` (by `assign`) as the rule says for this gradient; subclasses write it."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement update_step(self, gradient, variable, learning_rate)"
        )

    def apply_gradients(self, grads_and_vars):
        """`apply` for (gradient, variable) pairs; returns the iteration count."""
        grads, variables = zip(*grads_and_vars)
        self.apply(grads, variables)
        return self._iterations

    def apply(self, grads, trainable_variables=None):
        """Update the variables by their gradients; those whose gradient is None are left, with a warning.

        Args:
            grads: gradients, one for each variable.
            trainable_variables: the variables; by default those the optimizer was built with.
        Raises:
            ValueError: no gradient at all; a variable the optimizer was not built for; not as many gradients.
        """
        grads = list(grads)
        if not grads:
            return
        variables = self._variables_for(grads, trainable_variables)
        grads, variables = self._with_gradient(grads, variables)
        if can_compile(self, grads):
            apply_compiled(self, self._update_variables, grads, variables)
        else:
            self._update_variables(grads, variables)

    def _update_variables(self, grads, variables):
        """One step, op by op: run as it stands, or traced."""
        grads, variables = self._overwrite(grads, variables)
        if grads:
            if self.loss_scale_factor is not None:
                grads = [g / self.loss_scale_factor for g in grads]
            self._apply(grads, variables)
            for variable in variables:
                if variable.constraint is not None:
                    variable.assign(variable.constraint(variable.read()))
        self._iterations.assign(count_up(self._iterations.read()))

    def _variables_for(self, grads, variables):
        if variables is None:
            if not self.built:
                raise ValueError(
                    f"{self.name}: apply without variables needs a built optimizer; call "
                    "build(trainable_variables) first"
                )
            variables = self._trainable_variables
        variables = list(variables)
        if not self.built:
            self.build(variables)
        if self._awaited:
            self._settle()
        unknown = [v.path for v in variables if id(v) not in self._places]
        if unknown:
            raise ValueError(
                f"{self.name}: the variables {', '.join(unknown)} are not among those the optimizer was "
                "built for; make a new optimizer, or compile the model again, after changing what is "
                "trainable"
            )
        if len(grads) != len(variables):
            raise ValueError(f"{self.name}: received {len(grads)} gradients for {len(variables)} variables")
        return variables

    def _with_gradient(self, grads, variables):
        kept = [(g, v) for g, v in zip(grads, variables) if g is not None]
        if not kept:
            raise ValueError(
                f"{self.name}: there is no gradient for any variable; the loss does not depend on them"
            )
        if len(kept) < len(variables):
            without = [v.path for g, v in zip(grads, variables) if g is None]
            warnings.warn(
                f"no gradient reaches the variables {', '.join(without)}: the loss does not depend on them",
                stacklevel=4,
            )
        return [g for g, _ in kept], [v for _, v in kept]

    def _overwrite(self, grads, variables):
        """Variables marked `overwrite_with_gradient` (scales of quantised layers) take their gradient as value."""
        rest = []
        for gradient, variable in zip(grads, variables):
            if not variable.overwrite_with_gradient:
                rest.append((gradient, variable))
            elif self.gradient_accumulation_steps:
                largest = self._accumulated[self._get_variable_index(variable)]
                now = ops.maximum(gradient, largest)
                due = self._update_is_due()
                variable.assign(ops.where(due, now, variable.read()))
                largest.assign(ops.where(due, ops.zeros_like(now), now))
            else:
                variable.assign(gradient)
        return [g for g, _ in rest], [v for _, v in rest]

    def _update_is_due(self):
        return ops.equal(ops.mod(count_up(self._iterations.read()), self.gradient_accumulation_steps), 0)

    def _apply(self, grads, variables):
        if not self.gradient_accumulation_steps:
            self._clip_and_update(grads, variables)
        else:
            sums = [self._accumulated[self._get_variable_index(v)] for v in variables]
            totals = [g + s.read() for g, s in zip(grads, sums)]

            def update():
                self._clip_and_update([t / self.gradient_accumulation_steps for t in totals], variables)
                for s in self._accumulated:
                    s.assign(ops.zeros_like(s))

            def collect():
                for s, total in zip(sums, totals):
                    s.assign(total)

            cond(self._update_is_due(), update, collect)
        if self.use_ema:
            self._update_averages()
            if self.ema_overwrite_frequency:
                due = ops.equal(ops.mod(ops.add(self.iterations, 1), self.ema_overwrite_frequency), 0)
                cond(due, lambda: self.finalize_variable_values(self._trainable_variables), lambda: None)

    def _clip_and_update(self, grads, variables):
        grads = self._clip_gradients(grads)
        self._apply_weight_decay(variables)
        self._update_all(grads, variables, self.learning_rate)

    def _update_all(self, grads, variables, learning_rate):
        for gradient, variable in zip(grads, variables):
            part = row_gradient(self, gradient, variable)
            if part is None:
                self.update_step(gradient, variable, learning_rate)
            else:
                rows, gradient = part
                with on_rows(self, variable, rows) as some:
                    self.update_step(gradient, some, learning_rate)

    def _clip_gradients(self, grads):
        if self.clipnorm and self.clipnorm > 0:
            return [clip_by_norm(g, self.clipnorm) for g in grads]
        if self.global_clipnorm and self.global_clipnorm > 0:
            return clip_by_global_norm(grads, self.global_clipnorm)
        if self.clipvalue and self.clipvalue > 0:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        return grads

    # ---- weight decay ----

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Spare these variables, and those in whose name one of the patterns `var_names` is found."""
        if self.built:
            raise ValueError(
                f"{self.name}: exclude_from_weight_decay must be called before the optimizer is built"
            )
        self._undecayed = {id(v) for v in var_list or ()}
        self._undecayed_names = re.compile("|".join(sorted(set(var_names)))) if var_names else None

    def _use_weight_decay(self, variable):
        if id(variable) in self._undecayed:
            return False
        return self._undecayed_names is None or self._undecayed_names.search(variable.name) is None

    def _apply_weight_decay(self, variables):
        if self.weight_decay is None:
            return
        for variable in variables:
            if self._use_weight_decay(variable):
                rate = convert(self.learning_rate, dtype=variable.dtype)
                variable.assign(variable - variable * self.weight_decay * rate)

    # ---- moving averages ----

    def _update_averages(self):
        for variable, average in zip(self._trainable_variables, self._averages):
            if average is not None:
                started = convert(ops.not_equal(self.iterations, 0), dtype=variable.dtype)
                momentum = started * self.ema_momentum  # the first step copies the variable
                average.assign(momentum * average + (1.0 - momentum) * variable)

    def finalize_variable_values(self, var_list):
        """Replace the variables by their moving averages, where there are any; training calls it at its end."""
        if not self.use_ema:
            return
        if len(var_list) != len(self._averages):
            raise ValueError(
                f"{self.name}: there are averages of {len(self._averages)} variables, received "
                f"{len(var_list)}"
            )
        for variable, average in zip(var_list, self._averages):
            if average is not None:
                variable.assign(average)

    # ---- losses, statelessness, configuration ----

    def scale_loss(self, loss):
        """The loss times `loss_scale_factor`, where there is one."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def stateless_apply(self, optimizer_variables, grads, trainable_variables):
        """What `apply` would make of these values: (new trainable values, new state); nothing is changed."""
        if not self.built:
            raise ValueError(
                f"{self.name}: stateless_apply needs a built optimizer; call build(trainable_variables) first"
            )
        pairs = checked_pairs(
            f"{self.name}.stateless_apply",
            (self._trainable_variables, trainable_variables, "trainable_variables"),
            (self.variables, optimizer_variables, "optimizer_variables"),
        )
        with StatelessScope(pairs) as scope:
            self.apply(grads)
        results = [scope.get_current_value(variable) for variable, _ in pairs]
        count = len(self._trainable_variables)
        return results[:count], results[count:]

    def get_config(self):
        """The arguments that make this optimizer again, with the learning rate it has now."""
        if isinstance(self._learning_rate, Variable):
            rate = float(self._learning_rate.numpy())
        else:
            rate = serialize_keras_object(self._learning_rate)
        return {
            "name": self.name,
            "learning_rate": rate,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = deserialize_keras_object(config["learning_rate"], custom_objects)
        return cls(**config)


def _rate(who, learning_rate):
    if isinstance(learning_rate, (Tensor, Variable, np.ndarray)):
        learning_rate = np.asarray(learning_rate).item()
    if isinstance(learning_rate, bool) or not isinstance(learning_rate, (int, float, np.number)):
        raise ValueError(
            f"{who}: `learning_rate` must be a float, a LearningRateSchedule or a function without "
            f"arguments, received {learning_rate!r}"
        )
    return float(learning_rate)
