"""The base of all layers: its arguments, dtypes and configuration. What it does otherwise stands in building.py,
layer_state.py, layer_losses.py and layer_call.py."""

import inspect

import numpy as np

from .. import dtype_policies, regularizers
from ..engine import dtypes
from ..engine.symbolic import Operation, own_arguments, snake_case, unique_name
from ..engine.variable import Variable
from ..saving.lookup import nearest
from .building import Building, building
from .layer_call import LayerCall
from .layer_losses import LayerLosses
from .layer_state import LayerState
from .tracking import Tracker


class Layer(Building, LayerState, LayerLosses, LayerCall, Operation):
    """A function on tensors with state; subclasses write `build` (optional), `call` and `get_config`.

    Args:
        activity_regularizer: penalty on the outputs, divided by the batch size and added to `losses`.
        trainable: whether training changes its weights.
        dtype: a dtype's name or a DTypePolicy; float inputs are converted to its compute dtype.
        autocast: False leaves inputs in the dtype they come in.
        name: unique in a model; made from the class's name where it is None.

    Raises:
        ValueError: an argument that no layer has.
    Source: Keras 3 `layers.Layer`.
    """

    supports_jit = True  # as Keras asks; steps are compiled whatever it says
    rounds_products = True  # under "mixed_bfloat16"; not where a product serves another computation

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls, *args, **kwargs)
        own = self.__dict__
        own["_trainable_variables"], own["_non_trainable_variables"] = [], []
        own["_layers"], own["_metrics"], own["_seed_generators"] = [], [], []
        own["_tracker"] = Tracker(
            {
                "trainable_variables": (_is_trainable_variable, self._trainable_variables),
                "non_trainable_variables": (_is_variable, self._non_trainable_variables),
                "metrics": (_is_metric, self._metrics),
                "layers": (_is_layer, self._layers),
                "seed_generators": (_is_seed_generator, self._seed_generators),
            }
        )
        own["_initialized"] = own["built"] = own["_building"] = False
        return self

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = building(vars(cls)["build"])
        cls._signature = None

    def __init__(
        self, *, activity_regularizer=None, trainable=True, dtype=None, autocast=True, name=None, **kwargs
    ):
        if name is None:
            name = unique_name(snake_case(type(self).__name__))
        if not isinstance(name, str) or "/" in name:
            raise ValueError(f"{type(self).__name__}: `name` must be a string without '/', received {name!r}")
        Operation.__init__(self, name)
        self._initialized = True
        self.dtype_policy = dtype
        self.autocast = autocast
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._batch_input_shape = _legacy_input_shape(kwargs)  # Sequential makes an InputLayer of it
        if kwargs:
            raise ValueError(
                f"{type(self).__name__}: there is no argument {next(iter(kwargs))!r}"
                f"{_meant(type(self), next(iter(kwargs)))}; it was given "
                f"{', '.join(f'{k}={v!r}' for k, v in kwargs.items())}"
            )
        if not isinstance(trainable, (bool, np.bool_)):
            raise ValueError(
                f"{type(self).__name__}: `trainable` must be True or False, received {trainable!r}"
            )
        self._trainable = bool(trainable)
        self._losses = []
        self._input_spec = None
        self._accepted = None  # the shape of the last single input that was found to fit
        self._path = None
        self._build_shapes = None
        self.supports_masking = type(self).compute_mask is not Layer.compute_mask

    # ---- dtypes

    @property
    def dtype_policy(self):
        """The DTypePolicy; setting it takes a name too."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value):
        policy = dtype_policies.get(value)
        self._dtype_policy = policy
        self._compute_dtype = policy.tensor_dtype
        self._casts = dtypes.is_float(policy.tensor_dtype)
        self._precision = policy.precision if self.rounds_products else None

    @property
    def dtype(self):
        """The dtype of its weights."""
        return self.variable_dtype

    @property
    def variable_dtype(self):
        """The dtype of its weights."""
        return self._dtype_policy.variable_dtype

    @property
    def compute_dtype(self):
        """The dtype it computes in, by its policy; "bfloat16" means what `DTypePolicy` says."""
        return self._dtype_policy.compute_dtype

    @property
    def input_dtype(self):
        """The same, under the name that Keras has for it where inputs are meant."""
        return self._dtype_policy.compute_dtype

    @property
    def quantization_mode(self):
        """ "int8" of a layer that was quantized, else None."""
        return self._dtype_policy.quantization_mode

    def quantize(self, mode=None, type_check=True, config=None):
        """Keep weights as whole numbers of 8 bits; layers that can say how.

        Raises:
            NotImplementedError: this one cannot.
        """
        raise NotImplementedError(
            f"{type(self).__name__} {self.name!r} cannot be quantized; Dense, EinsumDense and Embedding can"
        )

    # ---- configuration

    def get_config(self):
        """The constructor's arguments, as plain values.

        Raises:
            NotImplementedError: a subclass whose constructor took what is no plain value, and that has no
            get_config.
        """
        self._check_initialized()
        config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": dtype_policies.serialize(self.dtype_policy),
        }
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return {**config, **own_arguments(self, Layer, {*config, "activity_regularizer"})}

    @classmethod
    def from_config(cls, config):
        """A layer from what `get_config` returned."""
        config = dict(config)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = dtype_policies.deserialize(config["dtype"])
        return cls(**config)

    def _check_initialized(self):
        if not self._initialized:
            raise RuntimeError(
                f"{type(self).__name__}.__init__ must call super().__init__() before anything else"
            )

    def __repr__(self):
        return f"<{type(self).__name__} name={self.__dict__.get('name')}, built={self.built}>"


def _is_trainable_variable(value):
    return isinstance(value, Variable) and value.trainable


def _is_variable(value):
    return isinstance(value, Variable)


def _is_metric(value):
    return hasattr(value, "update_state") and hasattr(value, "result")  # layers that adapt have the one


def _is_layer(value):
    return isinstance(value, Layer)


def _is_seed_generator(value):
    from ..random import SeedGenerator

    return isinstance(value, SeedGenerator)


def _legacy_input_shape(kwargs):
    """The batch shape in the old `input_shape`, `input_dim`, `batch_input_shape` arguments, or None."""
    batch_shape, shape, dim = (
        kwargs.pop(key, None) for key in ("batch_input_shape", "input_shape", "input_dim")
    )
    if dim is not None:
        shape = (dim,)
    if batch_shape is not None:
        return tuple(batch_shape)
    return None if shape is None else (None, *shape)


def _meant(cls, argument):
    """ " (did you mean ...?)" for a misspelt argument of a layer's constructor."""
    names = [
        name
        for base in cls.__mro__
        if "__init__" in vars(base)
        for name, parameter in inspect.signature(base.__init__).parameters.items()
        if name != "self" and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    near = nearest(argument, names)
    return f" (did you mean {near!r}?)" if near else ""
