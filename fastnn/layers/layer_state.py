"""LayerState: the part of a Layer that is about its variables, and those of its sublayers."""

import math

import numpy as np

from .. import constraints, initializers, regularizers
from ..engine import dtypes
from ..engine.allowance import is_from_file, spend_bytes
from ..engine.symbolic import unique_name
from ..engine.tensor import check_array
from ..engine.variable import Variable, blank
from .call_state import state
from .input_spec import describe


class LayerState:
    """What is assigned to attributes is tracked: variables, sublayers, metrics, seed generators (tracking.py)."""

    def add_weight(
        self,
        shape=None,
        initializer=None,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        aggregation="none",
        overwrite_with_gradient=False,
        name=None,
    ):
        """Make a Variable that belongs to this layer.

        Args:
            shape: tuple of ints; () by default.
            initializer: name, object or function; "glorot_uniform" for floats, else "zeros", by default.
            dtype: the layer's variable dtype by default.
            regularizer, constraint: names, objects or functions.
        """
        self._check_initialized()
        if isinstance(shape, str):
            raise ValueError(
                f"{describe(self)}: add_weight takes the name by keyword: "
                f"add_weight(shape=..., name={shape!r})"
            )
        shape = () if shape is None else tuple(shape)
        if any(not isinstance(n, (int, np.integer)) for n in shape):
            raise ValueError(
                f"{describe(self)}: weight {name!r} would have shape {shape}. Every extent must "
                "be known to make it: give the Input that feeds this layer a full shape"
            )
        dtype = dtypes.standardize(self.variable_dtype if dtype is None else dtype)
        if is_from_file():
            size = math.prod(shape) * dtypes.NUMPY[dtype].itemsize
            spend_bytes(size, describe(self), f"a weight of shape {shape}")
            if type(self).save_own_variables in keeping_all:
                initializer = blank  # the file has the values; to draw others takes longer than reading
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        variable = Variable(
            initializer if initializer is blank else initializers.get(initializer),
            shape=shape,
            dtype=dtype,
            trainable=trainable,
            autocast=autocast,
            aggregation=aggregation,
            name=name or unique_name("variable"),
        )
        variable.path = state.path_of(self, variable.name)
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._tracker.track(variable)
        return variable

    add_variable = add_weight

    def __setattr__(self, name, value):
        object.__setattr__(self, name, self._tracker.track(value))

    def __getattr__(self, name):  # reached only where there is no such attribute
        kind = type(self).__name__
        own = object.__getattribute__(self, "__dict__")
        hint = ""
        if "_tracker" in own and not own["_initialized"]:
            hint = f". {kind}.__init__ must call super().__init__() before anything else"
        elif not own.get("built", True):
            hint = (
                ". The layer is not built, so it has no weights yet: call it on data, or call "
                f"{own.get('name', 'layer')}.build(input_shape)"
            )
        raise AttributeError(f"{kind} {own.get('name')!r} has no attribute {name!r}{hint}")

    def __delattr__(self, name):
        value = getattr(self, name)
        if isinstance(value, (Variable, LayerState)):
            self._tracker.untrack(value)
        object.__delattr__(self, name)

    @property
    def trainable(self):
        """Whether training changes this layer's weights; setting it sets the sublayers' too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        value = bool(value)
        self._trainable = value
        for variable in self._trainable_variables:
            variable.trainable = value
        for layer in self._layers:
            layer.trainable = value

    @property
    def variables(self):
        """All state: weights and the states of random generators, sublayers' included."""
        found = [*self._trainable_variables, *self._non_trainable_variables]
        found += [generator.state for generator in self._seed_generators]
        for layer in self._layers:
            found += layer.variables
        return _once(found)

    @property
    def weights(self):
        """Trainable, then other weights of this layer, then those of its sublayers in the order they were assigned."""
        found = [*self._trainable_variables, *self._non_trainable_variables]
        for layer in self._layers:
            found += layer.weights
        return _once(found)

    @property
    def trainable_variables(self):
        """The `variables` that training changes; none where the layer is frozen."""
        return [v for v in self.variables if v.trainable] if self.trainable else []

    @property
    def non_trainable_variables(self):
        """The other `variables`; all where the layer is frozen."""
        return [v for v in self.variables if not v.trainable] if self.trainable else self.variables

    @property
    def trainable_weights(self):
        """The `weights` that training changes; none where the layer is frozen."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self):
        """The other `weights`; all where the layer is frozen."""
        return [v for v in self.weights if not v.trainable] if self.trainable else self.weights

    @property
    def metrics(self):
        """Metrics assigned to attributes here and in sublayers."""
        return [*self._metrics, *(metric for layer in self._layers for metric in layer.metrics)]

    @property
    def metrics_variables(self):
        """The state of all `metrics`."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def get_weights(self):
        """The values of `weights`, a list of NumPy arrays."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights):
        """Set `weights` from a list of arrays of the same shapes.

        Raises:
            ValueError: another number of arrays, or another shape.
        """
        own = self.weights
        if len(own) != len(weights):
            unbuilt = (
                ""
                if self.built
                else f" It is not built yet: call {type(self).__name__}.build(input_shape) first."
            )
            raise ValueError(
                f"{describe(self)}: set_weights takes {len(own)} arrays, one for each of "
                f"{[v.path for v in own]}, received {len(weights)}.{unbuilt}"
            )
        arrays = [np.asarray(value) for value in weights]
        for variable, array in zip(own, arrays):
            if array.shape != variable.shape:
                raise ValueError(
                    f"{describe(self)}: set_weights was given an array of shape {array.shape} "
                    f"for {variable.path!r}, which has shape {variable.shape}"
                )
        for variable, array in zip(own, arrays):
            variable.assign(check_array(array, f"the array for {variable.path!r}"))

    def count_params(self):
        """How many numbers `weights` hold.

        Raises:
            ValueError: the layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"{describe(self)} is not built, so it has no weights to count; call it on "
                "data, or call build(input_shape)"
            )
        return sum(variable.size for variable in self.weights)

    def save_own_variables(self, store):
        """Put this layer's own variables, themselves, into the mapping `store`, under "0", "1", ..."""
        for i, variable in enumerate([*self._trainable_variables, *self._non_trainable_variables]):
            store[str(i)] = variable

    def load_own_variables(self, store):
        """Set this layer's own variables from `store`, as `save_own_variables` left it.

        Raises:
            ValueError: another number of arrays, or another shape.
        """
        own = [*self._trainable_variables, *self._non_trainable_variables]
        if len(store.keys()) != len(own):
            unbuilt = (
                "" if self.built else " The layer is not built: its build() must make all of its weights."
            )
            raise ValueError(
                f"{describe(self)} has {len(own)} variables {[v.name for v in own]}, the saved "
                f"file holds {len(store.keys())} for it.{unbuilt}"
            )
        for i, variable in enumerate(own):
            if not hasattr(store, "read_into"):  # which looks at shapes itself
                shape = np.shape(store[str(i)])
                if shape != variable.shape:
                    raise ValueError(
                        f"{describe(self)}: {variable.path!r} has shape {variable.shape}, the saved "
                        f"file holds an array of shape {shape} for it"
                    )
            variable.assign_stored(store, str(i))

    def _flatten_layers(self, include_self=True, recursive=True):
        found, seen, waiting = [self] if include_self else [], set(), list(self._layers)
        while waiting:
            layer = waiting.pop(0)
            if id(layer) not in seen:
                seen.add(id(layer))
                found.append(layer)
                if recursive:
                    waiting[:0] = layer._layers
        return found


keeping_all = {LayerState.save_own_variables}  # the ones that leave no variable out of files


def _once(variables):
    """The list without repetitions; by identity, as == on variables compares their values."""
    return list({id(v): v for v in variables}.values())
