"""The base of all layers: state, building from shapes, calling on tensors of every kind, configuration."""

import inspect
import math
import warnings
import weakref

import numpy as np

from .. import constraints, dtype_policies, initializers, ops, regularizers
from ..engine import dtypes, masks, nest
from ..engine.op import context
from ..engine.symbolic import KerasTensor, Operation, _Leaf, infer, snake_case, unique_name
from ..engine.tensor import Spec, Tensor, Traced, check_array
from ..engine.variable import Variable, convert
from ..saving.lookup import nearest
from .building import Building, building
from .call_signature import CallSignature, shapes_for
from .call_state import state
from .input_spec import check_inputs, describe
from .tracking import Tracker


class Layer(Building, Operation):
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

    _signature = None  # a CallSignature, made at the first call of a class

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
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
        own["_init_arguments"] = (args, kwargs)
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

    # ---- state

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
        dtype = dtypes.standardize(dtype) if dtype is not None else self.variable_dtype
        if state.weights_left is not None:
            state.spend(math.prod(shape) * dtypes.NUMPY[dtype].itemsize, describe(self), shape)
            if type(self).save_own_variables is Layer.save_own_variables:
                initializer = (
                    "zeros"  # the file has the values: drawing others first takes longer than reading
                )
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        variable = Variable(
            initializers.get(initializer),
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
        if isinstance(value, (Variable, Layer)):
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
        return [v for v in self.variables if v.trainable] if self.trainable else []

    @property
    def non_trainable_variables(self):
        return [v for v in self.variables if not v.trainable] if self.trainable else self.variables

    @property
    def trainable_weights(self):
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self):
        return [v for v in self.weights if not v.trainable] if self.trainable else self.weights

    @property
    def metrics(self):
        """Metrics assigned to attributes here and in sublayers."""
        return [*self._metrics, *(metric for layer in self._layers for metric in layer.metrics)]

    @property
    def metrics_variables(self):
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
        """Put this layer's own variables into the mapping `store`, under "0", "1", ..."""
        for i, variable in enumerate([*self._trainable_variables, *self._non_trainable_variables]):
            store[str(i)] = variable.numpy()

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
            array = np.asarray(store[str(i)])
            if array.shape != variable.shape:
                raise ValueError(
                    f"{describe(self)}: {variable.path!r} has shape {variable.shape}, the saved "
                    f"file holds an array of shape {array.shape} for it"
                )
            variable.assign(array)

    # ---- dtypes

    @property
    def dtype_policy(self):
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value):
        policy = dtype_policies.get(value)
        self._dtype_policy = policy
        self._compute_dtype = policy.compute_dtype
        self._casts = dtypes.is_float(policy.compute_dtype)

    @property
    def dtype(self):
        """The dtype of its weights."""
        return self.variable_dtype

    @property
    def variable_dtype(self):
        return self._dtype_policy.variable_dtype

    @property
    def compute_dtype(self):
        """The dtype it computes in."""
        return self._compute_dtype

    @property
    def input_dtype(self):
        return self._compute_dtype

    # ---- losses

    def add_loss(self, loss):
        """Add a scalar (or several) to what training minimises; for use inside `call`.

        Raises:
            ValueError: something that is no tensor.
        """
        for one in nest.flatten(loss):
            if not isinstance(one, Tensor):
                raise ValueError(
                    f"{describe(self)}: add_loss takes scalar tensors computed inside call(), "
                    f"received {one!r}"
                )
            # A traced loss lives as long as its graph: a strong reference here would keep a whole trace in
            # memory.
            self._losses.append(weakref.ref(one) if type(one) is Traced else one)
        state.losses_exist = True

    def _own_losses(self):
        found = []
        for entry in self._losses:
            loss = entry() if type(entry) is weakref.ref else entry
            if loss is not None and (type(loss) is not Traced or loss.graph is context.graph):
                found.append(loss)
        return found

    def _clear_losses(self):
        for layer in self._flatten_layers():
            layer._losses.clear()

    @property
    def losses(self):
        """Scalars to add to the loss: from `add_loss` in the latest call, and the weights' penalties.

        While a function is traced, only what was added in this trace counts.
        """
        found = [loss for layer in self._flatten_layers() for loss in layer._own_losses()]
        for variable in self.trainable_weights:
            if variable.regularizer is not None:
                found.append(variable.regularizer(variable))
        return found

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

    # ---- calling

    @property
    def input_spec(self):
        """An InputSpec, a structure of them for several inputs, or None."""
        return self._input_spec

    @input_spec.setter
    def input_spec(self, value):
        self._input_spec = value
        self._accepted = None

    def input_advice(self, shape, spec):
        """What to add to the error for an input of `shape` that does not fit `spec`."""
        if spec.ndim is not None and len(shape) == spec.ndim - 1:
            return ". Perhaps the batch axis is missing: x[None, ...] adds one"
        if spec.min_ndim is not None and len(shape) == spec.min_ndim - 1:
            return ". Perhaps the batch axis is missing: x[None, ...] adds one"
        return ""

    def call(self, *args, **kwargs):
        """What the layer computes; to be written by subclasses."""
        raise NotImplementedError(f"{type(self).__name__} has no call() method: write call(self, inputs)")

    def run(self, *args, **kwargs):
        return self(*args, **kwargs)

    def compute_mask(self, inputs, previous_mask):
        """The outputs' mask; the inputs' by default."""
        return previous_mask

    def __call__(self, *args, **kwargs):
        signature = self._signature or self._read_signature()
        # One tensor, the common case, takes a short way: no binding of arguments, no walks through
        # structures.
        if len(args) == 1 and (not kwargs or (len(kwargs) == 1 and "training" in kwargs)):
            x = args[0]
            kind = type(x)
            if kind is Tensor or kind is Traced:
                dtype = x.dtype
                if dtype != self._compute_dtype and self._casts and self.autocast and dtypes.is_float(dtype):
                    x = convert(x, self._compute_dtype)
                if x.shape != self._accepted or not self.built:
                    self._admit(x)
                mask = masks.get_mask(x) if masks.table else None
                if mask is not None and signature.has_mask:
                    return self._compute(signature, (x,), {"mask": mask}, x, kwargs.get("training"), mask)
                return self._compute(signature, (x,), {}, x, kwargs.get("training"), mask)
        return self._call_with_any(signature, args, kwargs)

    def _admit(self, x):
        """Check one tensor against the input spec, and build from its shape."""
        self._check_initialized()
        if self._input_spec is not None:
            check_inputs(self._input_spec, x, self)
        if not self.built:
            self._build_from({self._signature.first: x})
            if self._input_spec is not None:
                check_inputs(self._input_spec, x, self)
        self._accepted = x.shape

    def _build_from(self, arguments):
        self.build(**shapes_for(self, type(self).build, arguments))

    def _call_with_any(self, signature, args, kwargs):
        """A call with several arguments, structures, arrays, or symbolic tensors."""
        self._check_initialized()
        given_args, given_kwargs = args, dict(kwargs)
        training = kwargs.pop("training", None)
        args = tuple([self._as_tensors(arg) for arg in args])
        kwargs = {name: self._as_tensors(arg) for name, arg in kwargs.items()}
        for arg in args:
            for leaf in nest.flatten(arg):
                if leaf is not None and not isinstance(leaf, (Tensor, KerasTensor)):
                    raise ValueError(
                        f"{describe(self)}: only tensors may be passed by position, received "
                        f"{leaf!r} (of type {type(leaf).__name__}); pass it by keyword"
                        + (", or call that layer first" if isinstance(leaf, Layer) else "")
                    )
        bound = signature.bind(self, args, kwargs)
        first = bound.get(signature.first)
        if self._input_spec is not None:
            check_inputs(self._input_spec, first, self)
        tensors = {name: value for name, value in bound.items() if _holds_tensors(value)}
        if not self.built:
            self._build_from(tensors)
            if self._input_spec is not None:
                check_inputs(self._input_spec, first, self)
        leaves = [leaf for value in tensors.values() for leaf in nest.flatten(value)]
        if any(isinstance(leaf, KerasTensor) for leaf in leaves):
            return self.symbolic_call(*given_args, **given_kwargs)
        previous = None
        if masks.table:
            previous = self._fill_masks(signature, tensors, bound, kwargs)
        return self._compute(signature, args, kwargs, first, training, previous)

    def _as_tensors(self, arg):
        """`arg` with arrays, and lists of numbers, as tensors in the compute dtype; other leaves as they are."""
        if (
            isinstance(arg, (list, tuple))
            and arg
            and all(isinstance(n, (int, float)) for n in nest.flatten(arg))
        ):
            return self._as_tensors(np.asarray(arg, np.float32 if self._casts else None))
        return nest.map_leaves(self._as_tensor, arg)

    def _as_tensor(self, x):
        if isinstance(x, KerasTensor) or x is None or isinstance(x, (bool, int, float, str)):
            return x
        if not isinstance(x, (Tensor, Variable)):
            if not hasattr(x, "__array__"):
                return x
            x = Tensor(check_array(np.asarray(x), f"{describe(self)}: the input"))
        wanted = self._compute_dtype
        if self.autocast and self._casts and dtypes.is_float(x.dtype) and x.dtype != wanted:
            return convert(x, wanted)
        return convert(x)

    def _fill_masks(self, signature, tensors, bound, kwargs):
        """Put the masks of tensors into the call's mask arguments; the mask of the first argument."""
        if len(tensors) == 1:
            if signature.has_mask and bound.get("mask") is None:
                (value,) = tensors.values()
                mask = nest.map_leaves(masks.get_mask, value)
                if any(m is not None for m in nest.flatten(mask)):
                    kwargs["mask"] = mask
        else:
            for name, value in tensors.items():
                if f"{name}_mask" in signature.names and bound.get(f"{name}_mask") is None:
                    mask = nest.map_leaves(masks.get_mask, value)
                    if any(m is not None for m in nest.flatten(mask)):
                        kwargs[f"{name}_mask"] = mask
        if kwargs.get("mask") is not None:
            return kwargs["mask"]
        mask = nest.map_leaves(masks.get_mask, bound.get(signature.first))
        return mask if any(m is not None for m in nest.flatten(mask)) else None

    def _compute(self, signature, args, kwargs, first, training, mask):
        """Run `call` with the training flag found: the caller's, else the outer layer's, else the default."""
        outer = state.training
        if training is None:
            training = outer if outer is not None else signature.training_default
        if signature.has_training:
            kwargs["training"] = training
        if state.losses_exist and not state.stack:
            self._clear_losses()
        state.training = training
        state.stack.append(self)
        try:
            outputs = self.call(*args, **kwargs)
            if self.activity_regularizer is not None:
                self._add_activity_losses(outputs)
        except (ValueError, TypeError) as error:
            _name_layer(error, self, first)
            raise
        finally:
            state.stack.pop()
            state.training = outer
        if mask is not None or signature.makes_masks:
            self._mask_outputs(first, outputs, mask)
        return outputs

    def _add_activity_losses(self, outputs):
        for output in nest.flatten(outputs):
            if isinstance(output, Tensor):
                loss = self.activity_regularizer(output)
                if output.shape:
                    loss = ops.divide(loss, convert(float(max(output.shape[0], 1)), dtype=loss.dtype))
                self.add_loss(loss)

    def _mask_outputs(self, first, outputs, mask):
        if not self.supports_masking:
            if mask is not None:
                warnings.warn(
                    f"{describe(self)} does not know masks: the mask of its input ends here, and "
                    "layers after it will treat masked steps like others",
                    stacklevel=4,
                )
            return
        computed = self.compute_mask(first, mask)
        if computed is None:
            return
        for output, one in zip(nest.flatten(outputs), nest.flatten(computed)):
            if one is not None and output is not None and masks.get_mask(output) is None:
                masks.set_mask(output, one)

    # ---- symbolic calls

    def compute_output_shape(self, *args, **kwargs):
        """The outputs' shapes for inputs of a shape (None for unknown extents), found by tracing `call`.

        A layer that is not built yet is built for that.
        """

        def symbolic(shape):
            return KerasTensor(shape, self._compute_dtype)

        arguments = [_map_shapes(symbolic, arg) for arg in args]
        named = {name.removesuffix("_shape"): _map_shapes(symbolic, arg) for name, arg in kwargs.items()}
        if list(named) == ["input"]:
            arguments, named = [named["input"]], {}
        if not self.built:
            bound = (self._signature or self._read_signature()).bind(self, arguments, named)
            self._build_from({name: value for name, value in bound.items() if _holds_tensors(value)})
        specs = self.output_specs(*arguments, **named)
        return nest.map_leaves(lambda leaf: leaf.spec.shape, specs)

    def output_specs(self, *args, **kwargs):
        kind = type(self)
        if hasattr(kind, "compute_output_spec"):
            return nest.map_leaves(_leaf_of, self.compute_output_spec(*args, **kwargs))
        if kind.compute_output_shape is not Layer.compute_output_shape:
            signature = self._signature or self._read_signature()
            bound = signature.bind(self, args, {k: v for k, v in kwargs.items() if k in signature.names})
            tensors = {name: value for name, value in bound.items() if _holds_tensors(value)}
            shapes = self.compute_output_shape(**shapes_for(self, kind.compute_output_shape, tensors))
            return _map_shapes(lambda shape: _Leaf(Spec(shape, self._compute_dtype)), shapes)
        try:
            return infer(self._call_inferred, args, kwargs)
        except (ValueError, TypeError) as error:
            _name_layer(error, self, args[0] if args else None)
            raise

    def _call_inferred(self, *args, **kwargs):
        signature = self._signature or self._read_signature()
        training = kwargs.pop("training", None)
        args = nest.map_leaves(self._as_tensor, args)
        bound = signature.bind(self, args, kwargs)
        return self._compute(signature, args, kwargs, bound.get(signature.first), training, None)

    @classmethod
    def _read_signature(cls):
        cls._signature = CallSignature(cls.call, cls.compute_mask is not Layer.compute_mask)
        return cls._signature

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
        if type(self).get_config is Layer.get_config and type(self).__init__ is not Layer.__init__:
            config.update(self._config_from_arguments(known=config))
        return config

    def _config_from_arguments(self, known):
        args, kwargs = self._init_arguments
        parameters = inspect.signature(type(self).__init__)
        bound = parameters.bind(self, *args, **kwargs)
        bound.apply_defaults()
        values = dict(list(bound.arguments.items())[1:])
        for name, parameter in parameters.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                values.update(values.pop(name, {}))
            elif parameter.kind is parameter.VAR_POSITIONAL and values.pop(name, ()):
                values[name] = object()  # cannot be given back by keyword
        values = {
            name: value
            for name, value in values.items()
            if name not in known and name != "activity_regularizer"
        }
        for name, value in values.items():
            if not all(isinstance(leaf, (str, int, float, bool, type(None))) for leaf in nest.flatten(value)):
                raise NotImplementedError(
                    f"{type(self).__name__} was made with {name}={value!r}, which is no plain value: write "
                    "get_config(self), returning {**super().get_config(), " + f"{name!r}: ...}}"
                )
        return values

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
    return hasattr(value, "update_state") and hasattr(value, "reset_state")


def _is_layer(value):
    return isinstance(value, Layer)


def _is_seed_generator(value):
    from ..random import SeedGenerator

    return isinstance(value, SeedGenerator)


def _once(variables):
    """The list without repetitions; by identity, as == on variables compares their values."""
    return list({id(v): v for v in variables}.values())


def _holds_tensors(value):
    leaves = nest.flatten(value)
    return any(isinstance(leaf, (Tensor, KerasTensor)) for leaf in leaves)


def _map_shapes(function, structure):
    if structure is None:
        return None
    if isinstance(structure, dict):
        return {key: _map_shapes(function, part) for key, part in structure.items()}
    if all(n is None or isinstance(n, (int, np.integer)) for n in structure):
        return function(tuple(structure))
    return type(structure)(_map_shapes(function, part) for part in structure)


def _leaf_of(spec):
    return spec if spec is None or isinstance(spec, _Leaf) else _Leaf(Spec(tuple(spec.shape), spec.dtype))


def _name_layer(error, layer, first):
    """Say, in the message of an error from inside `call`, which layer it was and on what; the innermost one says it."""
    if getattr(error, "layer_named", False) or not error.args or not isinstance(error.args[0], str):
        return
    shapes = [tuple(x.shape) for x in nest.flatten(first) if hasattr(x, "shape")]
    received = shapes[0] if len(shapes) == 1 else shapes
    error.args = (
        f"{error.args[0]}\n(in layer {describe(layer)}, called on input of shape {received})",
        *error.args[1:],
    )
    error.layer_named = True


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
