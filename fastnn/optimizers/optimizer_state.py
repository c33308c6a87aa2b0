"""What an optimizer keeps from step to step: variables of its own, and how files hold them."""

import warnings

import numpy as np

from .. import initializers, ops
from ..engine.variable import Variable


class OptimizerState:
    """Variables that are made for the trainable ones, counted, saved and loaded; the base of `Optimizer`.

    A subclass has `use_ema` and `gradient_accumulation_steps`, which say what state `build` makes for all rules alike.
    """

    def __init__(self, name):
        self.name = name
        self.built = False
        self._awaited = {}  # state that was loaded before there was anything to set it to
        self._variables = []
        self._trainable_variables = []
        self._places = {}  # id(variable) -> its place among the trainable variables
        self._slot_lists = []  # one a kind of state, with a variable for each trainable one

    def _new_variable(self, name, initial, shape, dtype):
        variable = Variable(initial, shape=shape, dtype=dtype, trainable=False, name=name)
        variable.path = f"{self.name}/{name}"
        self._variables.append(variable)
        return variable

    def add_variable(
        self, shape, initializer="zeros", dtype=None, aggregation="none", layout=None, name=None
    ):
        """A new variable of this optimizer's state, saved with it."""
        return self._new_variable(name or "variable", initializers.get(initializer), tuple(shape), dtype)

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros"):
        """A new state variable of the shape and dtype of another, named after it."""
        path = getattr(reference_variable, "path", reference_variable.name).replace("/", "_")
        return self.add_variable(
            reference_variable.shape, initializer, reference_variable.dtype, name=f"{path}_{name or 'var'}"
        )

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        """A list of state variables, one for each trainable one; for a list of names, a list of lists."""
        names = [name] if isinstance(name, str) else list(name)
        kinds = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        if len(kinds) != len(names):
            raise ValueError(
                f"add_optimizer_variables: as many initializers as names are needed, received {initializer} "
                f"for {name}"
            )
        made = [[] for _ in names]
        for variable in trainable_variables:  # a variable's slots lie together, as in Keras's files
            for slots, label, kind in zip(made, names, kinds):
                slots.append(
                    None
                    if variable.overwrite_with_gradient
                    else self.add_variable_from_reference(variable, label, kind)
                )
        self._slot_lists += made
        return made[0] if isinstance(name, str) else made

    def build(self, variables):
        """Make the state for these variables; the first `apply` does it otherwise."""
        variables = list(variables)
        if self.use_ema:
            self._averages = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulated = [
                self.add_variable_from_reference(v, "gradient_accumulator") for v in variables
            ]
        self._places = {id(v): i for i, v in enumerate(variables)}
        self._trainable_variables = variables
        self.built = True

    @property
    def variables(self):
        """All state, in the order it is saved in: iteration, learning rate, then what `build` made."""
        if self._awaited and self.built:
            self._settle()
        return list(self._variables)

    @property
    def iterations(self):
        """How many updates were made: a variable, or a tensor where gradients are accumulated."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    def _get_variable_index(self, variable):
        return self._places[id(variable)]

    def set_weights(self, weights):
        """Set all `variables` from a list of arrays."""
        if not self.built:
            raise ValueError(
                f"{self.name}: set_weights needs a built optimizer; call build(trainable_variables) first"
            )
        if len(weights) != len(self.variables):
            raise ValueError(
                f"{self.name}: set_weights takes {len(self.variables)} arrays, received {len(weights)}"
            )
        for variable, weight in zip(self.variables, weights, strict=True):
            variable.assign(weight)

    def save_own_variables(self, store):
        """Put the state's variables, themselves, into a mapping: under "0", "1", ..."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable
        store.update(self._awaited)

    def load_own_variables(self, store):
        """Read the state from such a mapping; with a warning, not at all where the numbers of variables differ.

        An optimizer that is not built yet, as those of a training step of one's own, keeps it until it is.
        """
        self._awaited = {}
        keys = list(store.keys())
        if not self.built and len(keys) > len(self.variables) and getattr(store, "as_large_as_stored", True):
            self._awaited = {key: np.array(store[key]) for key in keys}
            return
        if len(keys) != len(self.variables):
            self._tell_of_skipping(len(keys))
            return
        for i, variable in enumerate(self.variables):
            variable.assign_stored(store, str(i))

    def _settle(self):
        """Set the state that was loaded before it was built: the arrays themselves, as a trace may be under way."""
        awaited, self._awaited = self._awaited, {}
        variables = self.variables
        if len(awaited) != len(variables):
            self._tell_of_skipping(len(awaited))
            return
        for i, variable in enumerate(variables):
            array = awaited.get(str(i))
            if np.shape(array) != variable.shape:
                raise ValueError(
                    f"{self.name}: the state that was loaded for {variable.path!r} has shape {np.shape(array)}, "
                    f"the optimizer was built for {variable.shape}"
                )
            variable.storage[...] = array
            variable.snapshot = None

    def _tell_of_skipping(self, count):
        cure = "" if self.built else "; it is not built yet, so it has no slots"
        warnings.warn(
            f"the saved state of optimizer {self.name!r} is skipped: it has {count} variables, "
            f"the optimizer has {len(self.variables)}{cure}",
            stacklevel=3,
        )
