"""The base of metrics: numbers gathered over batches, in variables that compiled plans update in place."""

import math

import numpy as np

from ..engine import dtypes
from ..engine.allowance import spend_bytes
from ..engine.op import suspended
from ..engine.stateless import StatelessScope, checked_pairs
from ..engine.symbolic import snake_case, unique_name
from ..engine.variable import Variable


class Metric:
    """Base of metrics. A subclass makes its state in `__init__` with `add_variable` and defines `update_state` and
    `result`; `update_state` must work on traced tensors, as it becomes part of the compiled step.

    Args:
        dtype: of the state and results (a name or a policy); `floatx` by default.
        name: what logs call it; the class's name in snake case by default.
    Source: Keras 3 `metrics.Metric`.
    """

    _direction = None  # "up" or "down": which way is better, where that is known

    def __new__(cls, *args, **kwargs):
        metric = super().__new__(cls)
        metric._variables = []  # here, so that a forgotten super().__init__() gives an error that says so
        metric._metrics = []
        return metric

    def __init__(self, dtype=None, name=None):
        self.name = name or unique_name(snake_case(type(self).__name__))
        self._dtype = dtypes.standardize(getattr(dtype, "compute_dtype", dtype))

    @property
    def dtype(self):
        """The dtype of its state, a name."""
        return self._dtype

    @property
    def variables(self):
        """The state: this metric's own variables in the order they were made, then those of metrics inside it."""
        return [*self._variables, *(v for metric in self._metrics for v in metric.variables)]

    def __setattr__(self, name, value):
        if isinstance(value, Metric) and name != "_metrics" and not any(value is m for m in self._metrics):
            self._metrics.append(value)
        elif isinstance(value, Variable) and not any(value is v for v in self._variables):
            self._variables.append(value)
        object.__setattr__(self, name, value)

    def add_variable(self, shape, initializer=None, dtype=None, aggregation="sum", name=None):
        """A new variable of the state, set by `initializer` (zeros by default) and never trained."""
        if not hasattr(self, "_dtype"):
            raise RuntimeError(
                f"{type(self).__name__}: call super().__init__() in __init__() before add_variable()"
            )
        shape = tuple(shape)
        dtype = dtypes.standardize(dtype)
        size = math.prod(shape) * dtypes.NUMPY[dtype].itemsize
        spend_bytes(size, f"{type(self).__name__} {self.name!r}", f"a variable of shape {shape}")
        if initializer in (None, "zeros"):
            initializer = np.zeros(shape, dtypes.NUMPY[dtype])
        elif isinstance(initializer, (str, dict)):
            from .. import initializers

            initializer = initializers.get(initializer)
        with suspended():  # a metric may meet its first batch, and so its shapes, inside a trace
            variable = Variable(
                initializer,
                shape=shape,
                dtype=dtype,
                trainable=False,
                aggregation=aggregation,
                synchronization="on_read",
                name=name,
            )
        variable.path = f"{self.name.replace('/', '>')}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_weight(self, shape=(), initializer=None, dtype=None, name=None):
        """Another name of `add_variable`."""
        return self.add_variable(shape=shape, initializer=initializer, dtype=dtype, name=name)

    def reset_states(self):
        """Keras 2's name of `reset_state`."""
        self.reset_state()

    def reset_state(self):
        """Set the state to zero."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape, dtypes.NUMPY[variable.dtype]))

    def update_state(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__}: a Metric defines update_state()")

    def result(self):
        raise NotImplementedError(f"{type(self).__name__}: a Metric defines result()")

    def __call__(self, *args, **kwargs):
        """Update the state, then the result so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def stateless_update_state(self, metric_variables, *args, **kwargs):
        """The `variables` after `update_state`, had they the values `metric_variables`; nothing is changed."""
        return self._stateless(self.update_state, metric_variables, args, kwargs)[1]

    def stateless_result(self, metric_variables):
        """The `result`, had the `variables` the values `metric_variables`."""
        return self._stateless(self.result, metric_variables, (), {})[0]

    def stateless_reset_state(self):
        """The `variables` after `reset_state`; nothing is changed."""
        return self._stateless(self.reset_state, self.variables, (), {})[1]

    def _stateless(self, function, values, args, kwargs):
        """(function(*args, **kwargs), the variables' values after it), begun with `values`."""
        who = f"{type(self).__name__} {self.name!r}"
        pairs = checked_pairs(who, (self.variables, values, "metric_variables"))
        with StatelessScope(pairs) as scope:
            result = function(*args, **kwargs)
        return result, [scope.get_current_value(v) for v in self.variables]

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"
