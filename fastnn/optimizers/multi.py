"""Different optimizers for different variables."""

from collections.abc import MutableMapping

from ..engine.patterns import check_pattern, fits
from ..ops.optimizer_updates import count_up
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .loss_scale import LossScaleOptimizer
from .optimizer import Optimizer


class OptimizerMap(MutableMapping):
    """Optimizers by variable path: an exact path, or a regular expression for whole paths; else the default.

    Args:
        default_optimizer: for variables that no key fits.
        optimizer_map: {path or pattern: Optimizer}.
    Raises:
        TypeError: values that are no optimizers.
        ValueError: a key that is there already or is no string; on look-up, several patterns that fit.
    Source: Keras 3 `optimizers.OptimizerMap`.
    """

    def __init__(self, default_optimizer, optimizer_map=None):
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(
                f"OptimizerMap: `default_optimizer` must be an Optimizer, received {default_optimizer!r}"
            )
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f"OptimizerMap: `optimizer_map` must be a dict, received {optimizer_map!r}")
        self._default = default_optimizer
        self._optimizers = optimizer_map or {}
        for pattern in self._optimizers:
            check_pattern(pattern, "OptimizerMap")

    @property
    def default_optimizer(self):
        return self._default

    def __getitem__(self, key):
        if key in self._optimizers:
            return self._optimizers[key]
        fitting = [pattern for pattern in self._optimizers if fits(pattern, key)]
        if len(fitting) > 1:
            raise ValueError(
                f"OptimizerMap: the patterns {fitting} all fit the variable {key!r}; make them exclude "
                "each other"
            )
        return self._optimizers[fitting[0]] if fitting else self._default

    def __setitem__(self, key, optimizer):
        if key in self._optimizers:
            raise ValueError(
                f"OptimizerMap: the key {key!r} is there already, with {self._optimizers[key]!r}; delete "
                "it first"
            )
        if not isinstance(key, str):
            raise ValueError(f"OptimizerMap: a key must be a path or a pattern, received {key!r}")
        _check_plain(optimizer, f"the key {key!r}")
        self._optimizers[key] = optimizer

    def __delitem__(self, key):
        del self._optimizers[key]

    def __len__(self):
        return len(self._optimizers)

    def __iter__(self):
        return iter(self._optimizers)

    def __call__(self, variable):
        return self[variable.path]

    def get_config(self):
        return {
            "default_optimizer": serialize_keras_object(self._default),
            "optimizer_map": serialize_keras_object(self._optimizers),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(*(_made(config[part], custom_objects) for part in ("default_optimizer", "optimizer_map")))


class MultiOptimizer(Optimizer):
    """Hands each variable to the optimizer that is chosen for it; `optimizers` lists those.

    Learning rates are those optimizers' own.

    Args:
        optimizer_map: an OptimizerMap, or a function variable -> Optimizer.
        loss_scale_factor: takes the place of the optimizers' own.
    Raises:
        ValueError: something that is no optimizer, or wraps others itself.
    Source: Keras 3 `optimizers.MultiOptimizer`.
    """

    def __init__(self, optimizer_map, loss_scale_factor=None, name=None):
        self._inner, self._scale = [], None
        super().__init__(learning_rate=0.0, loss_scale_factor=loss_scale_factor, name=name)
        if not callable(optimizer_map):
            raise ValueError(
                "MultiOptimizer: `optimizer_map` must be an OptimizerMap or a function variable -> "
                f"Optimizer, received {optimizer_map!r}"
            )
        self._chooser = optimizer_map
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map.values(), optimizer_map.default_optimizer):
                self._position(optimizer)

    def _position(self, optimizer):
        for i, known in enumerate(self._inner):
            if known is optimizer:
                return i
        optimizer.loss_scale_factor = self.loss_scale_factor
        self._inner.append(optimizer)
        return len(self._inner) - 1

    def build(self, variables):
        if self.built:
            return
        variables = list(variables)
        self._owner = {}  # id(variable) -> its optimizer's position
        for variable in variables:
            optimizer = self._chooser(variable)
            _check_plain(optimizer, f"the variable {variable.path!r}")
            self._owner[id(variable)] = self._position(optimizer)
        for i, optimizer in enumerate(self._inner):
            own = [v for v in variables if self._owner[id(v)] == i]
            if own:
                optimizer.build(own)
        super().build(variables)

    @property
    def optimizers(self):
        return self._inner

    @property
    def variables(self):
        return [*self._variables, *(v for optimizer in self._inner for v in optimizer.variables)]

    @property
    def learning_rate(self):
        raise AttributeError("a MultiOptimizer has no learning rate; look at those of `optimizers`")

    @learning_rate.setter
    def learning_rate(self, value):
        raise AttributeError("a MultiOptimizer has no learning rate; set those of `optimizers`")

    @property
    def loss_scale_factor(self):
        return self._scale

    @loss_scale_factor.setter
    def loss_scale_factor(self, value):
        self._scale = value
        for optimizer in self._inner:
            optimizer.loss_scale_factor = value

    @property
    def iterations(self):
        return self._iterations

    def apply(self, grads, trainable_variables=None):
        grads = list(grads)
        if not grads:
            return
        pairs = list(zip(grads, self._variables_for(grads, trainable_variables), strict=True))
        for i, optimizer in enumerate(self._inner):
            own = [(g, v) for g, v in pairs if self._owner[id(v)] == i]
            if own:
                optimizer.apply([g for g, _ in own], [v for _, v in own])
        self._iterations.assign(count_up(self._iterations.read()))

    def finalize_variable_values(self, var_list):
        for i, optimizer in enumerate(self._inner):
            own = [v for v in var_list if self._owner[id(v)] == i]
            if own:
                optimizer.finalize_variable_values(own)

    def get_config(self):
        return {
            "optimizer_map": serialize_keras_object(self._chooser),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**{**config, "optimizer_map": _made(config["optimizer_map"], custom_objects)})


def _made(config, custom_objects):
    return deserialize_keras_object(config, custom_objects) if isinstance(config, dict) else config


def _check_plain(optimizer, what):
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"MultiOptimizer: {what} must get an Optimizer, received {optimizer!r}")
    if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
        raise ValueError(
            f"MultiOptimizer: {what} cannot get a {type(optimizer).__name__}, which wraps others itself"
        )
