"""Model: a layer that can be trained, saved and summarised."""

import inspect
import io
import json
import re

import numpy as np

from ..data import fill
from ..data.arrays import plan_dtype
from ..engine import masks, nest
from ..engine.op import context
from ..engine.symbolic import KerasTensor, infer
from ..layers import Layer
from ..layers.call_signature import known_shape
from ..layers.call_state import holders, state
from .fitting import Fitting
from .plain_batch import plain_key
from .programs import MOST_KEPT
from .trainer import set_untracked

_INFERENCE = {"training": False}  # what model(x) means where nothing else is said


class Model(Fitting, Layer):
    """A network: Model(inputs, outputs) from symbolic tensors, or a subclass with layers as attributes and a
    `call`.

    Args:
        inputs, outputs: KerasTensors, or lists, tuples or dicts of them.
        name: made from the class's name where it is None.
        trainable: whether training changes its weights.
    Source: Keras 3 `Model`.
    """

    def __new__(cls, *args, **kwargs):
        if _is_functional_call(args, kwargs) and cls is Model:
            from .functional import Functional

            return Functional.__new__(Functional, *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args, **kwargs):
        from .functional import Functional, become_functional

        if _is_functional_call(args, kwargs) and not isinstance(self, Functional):
            become_functional(type(self))
            Functional.__init__(self, *args, **kwargs)
            return
        Layer.__init__(self, *args, **kwargs)
        self._init_model()

    def _init_model(self):
        # _forward: plain_key of an input -> Step of a call model(input), or None
        set_untracked(self, _forward={}, _call_specs=None)
        self._init_trainer()
        holders.add(self)

    # ---- calling

    def __call__(self, *args, **kwargs):
        if (
            len(args) == 1
            and (not kwargs or kwargs == _INFERENCE)
            and context.graph is None
            and not context.tapes
            and context.stateless is None
            and not state.stack
        ):
            arrays = []
            key = plain_key(args[0], arrays)
            if key:
                if kwargs:  # what the graph's own calls say of training counts in the other case alone
                    key = (key, "inference")
                try:
                    step = self._forward[key]
                except KeyError:
                    step = self._compile_call(args[0], arrays, key, kwargs)
                if step is not None and not masks.table:
                    return step(*arrays)
        return super().__call__(*args, **kwargs)

    def _compile_call(self, inputs, arrays, key, kwargs):
        """The step that computes model(inputs), kept for inputs alike; None where it must run as Python.

        It must where a user's code could look at values, or where the caller could see more than the outputs:
        masks, and losses added on the way.
        """
        if not self._initialized or not self._is_pure() or not self.built:
            return None
        from ..engine.step import Step

        if not arrays or not all(array.dtype.kind in "fiub" and array.ndim for array in arrays):
            return None
        specs = [
            (array.shape, given or plan_dtype(array.dtype, self._compute_dtype))
            for array, given in zip(arrays, self.input_dtypes_for(inputs))
        ]
        template = nest.map_leaves(lambda leaf: None if leaf is None else True, inputs)
        seen = {}

        def forward(*tensors):
            outputs = Layer.__call__(self, fill(template, tensors), **kwargs)
            seen["masked"] = any(masks.get_mask(leaf) is not None for leaf in nest.flatten(outputs))
            seen["losses"] = any(layer._own_losses() for layer in self._flatten_layers())
            return outputs

        step = Step(forward, specs)
        if seen["masked"] or seen["losses"]:
            step = None
        if len(self._forward) >= MOST_KEPT:
            self._forward.pop(next(iter(self._forward)))
        self._forward[key] = step
        return step

    def _is_pure(self):
        """Whether all layers are fastnn's own, so that a trace computes all there is to a call."""
        return False

    def _forget_programs(self):
        super()._forget_programs()
        self._forward.clear()

    def reset_state(self):
        """Set the states of all stateful recurrent layers back to 0."""
        for layer in self._flatten_layers(include_self=False):
            if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
                layer.reset_state()

    reset_states = reset_state

    # ---- building

    def build(self, input_shape):
        """Make all weights for inputs of this shape (a tuple, or a structure of tuples; None for the
        batch)."""
        inputs = _symbolic(input_shape, self._compute_dtype)
        given = inputs if isinstance(inputs, tuple) else (inputs,)
        infer(self._call_inferred, given, {})
        names = (self._signature or self._read_signature()).names
        set_untracked(self, _call_specs=dict(zip(names, given)))

    def _build_from(self, arguments):
        set_untracked(self, _call_specs=nest.map_leaves(_symbol_of, arguments))
        if type(self).build is not Model.build:
            super()._build_from(arguments)
            return
        # The call that is under way makes the weights; only the shapes are noted, for files.
        shapes = {
            name: nest.map_leaves(lambda x: None if x is None else (None, *known_shape(x)[1:]), value)
            for name, value in arguments.items()
        }
        self._path = state.path_of(self, "").rstrip("/")
        set_untracked(self, _build_shapes=shapes)
        self.built = True

    def _finish_building(self):
        self.built = True  # a model stays open for more layers

    # ---- looking

    @property
    def layers(self):
        """The layers directly inside this model."""
        return self._flatten_layers(include_self=False, recursive=False)

    @layers.setter
    def layers(self, _):
        raise AttributeError("`layers` is made by the model itself; use another name for your attribute")

    def get_layer(self, name=None, index=None):
        """The layer of this name or at this place in `layers`.

        Raises:
            ValueError: there is none, or not exactly one of both is given.
        """
        layers = self.layers
        if (name is None) == (index is None):
            raise ValueError(f"get_layer: give `name` or `index`, received name={name!r}, index={index!r}")
        if index is not None:
            if index >= len(layers):
                raise ValueError(f"get_layer: there is no layer {index}; {self.name!r} has {len(layers)}")
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"get_layer: no layer is called {name!r}; there are {[layer.name for layer in layers]}"
        )

    def summary(
        self,
        line_length=None,
        positions=None,
        print_fn=None,
        expand_nested=False,
        show_trainable=False,
        layer_range=None,
    ):
        """Print a table of the layers, their output shapes and numbers of parameters.

        Args:
            line_length: characters a line; what the terminal has, 88 at most (108 with connections), by
                default.
            positions: where the columns end, as fractions of the line.
            print_fn: called with the text in place of `print`.
            expand_nested: show the layers inside models too.
            show_trainable: a column that says which layers are trained.
            layer_range: (first, last) layer by name or pattern.
        """
        from .summary_table import print_summary

        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    def quantize(self, mode=None, config=None, filters=None, **kwargs):
        """Quantize every layer that can be: Dense, EinsumDense, Embedding, alone or inside others.

        Args:
            mode: "int8"; may be left out with a `config`.
            config: an Int8QuantizationConfig, for all layers.
            filters: a regular expression or a list of them, found in the names or paths of the layers meant; or a
                function of a layer that says whether it is meant.
        """
        check = kwargs.pop("type_check", True)
        if kwargs:
            raise ValueError(f"quantize: there is no argument {next(iter(kwargs))!r}")
        meant = _chooser(filters)
        for layer in self._flatten_layers(include_self=False):
            if getattr(layer, "quantizable", False) and not layer._layers and meant(layer):
                layer.quantize(mode, type_check=check, config=config)
        self._forget_programs()

    # ---- files

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Save the model (configuration, weights, optimizer) as `.keras`, or as `.h5`."""
        from .. import saving

        return saving.save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath, overwrite=True, max_shard_size=None):
        """Save the weights as `.weights.h5`."""
        from .. import saving

        return saving.save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Load weights that `save_weights`, or Keras's, wrote."""
        from .. import saving

        return saving.load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def export(self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs):
        """Write the forward pass as an ONNX file, for any program that runs those. Needs the `onnx` package.

        Args:
            filepath: ends in `.onnx`, or any name with format="onnx".
            format: "onnx". Keras's others need other frameworks: save the model, and export it from Keras.
            verbose: False says nothing when it is done.
            input_signature: KerasTensors, InputSpecs or arrays of the inputs' shapes and dtypes, where the model
                was not built for those it shall take.
            opset_version: 18.
        Raises:
            ValueError: another format, or an op that ONNX has no words for, with its layer.
        """
        from ..export import export_model

        export_model(self, filepath, format, verbose, input_signature, **kwargs)

    def to_json(self, **kwargs):
        """The configuration as a JSON string; `kwargs` go to json.dumps."""
        from ..saving.serialization import serialize_sharing

        return json.dumps(serialize_sharing(self), **kwargs)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A model from what `get_config` returned."""
        from .functional import Functional, has_functional_constructor
        from .functional_config import functional_from_config

        if {"name", "layers", "input_layers", "output_layers"} <= set(config) and (
            cls in (Model, Functional) or has_functional_constructor(cls)
        ):
            return functional_from_config(cls, config, custom_objects)
        try:
            return cls(**config)
        except TypeError as error:
            raise TypeError(
                f"{cls.__name__} cannot be made from its configuration {config}: {error}. Write "
                "get_config(self) so that it returns the constructor's arguments, or from_config(cls, config)"
            ) from None

    def __reduce__(self):
        """Pickled and copied as the bytes of a `.keras` file, with the classes of layers beside them."""
        from ..saving.model_file import write_keras

        file = io.BytesIO()
        write_keras(self, file)
        kinds = {
            type(layer).__name__: type(layer)
            for layer in self._flatten_layers()
            if not type(layer).__module__.startswith("fastnn.")
        }
        return _from_bytes, (file.getvalue(), kinds)

    def __deepcopy__(self, memo):
        make, arguments = self.__reduce__()
        memo[id(self)] = twin = make(*arguments)
        return twin

    # ---- state as a tree

    def get_state_tree(self, value_format="backend_tensor"):
        """All variables as nested dicts by path: trainable, non-trainable, the optimizer's and the
        metrics'."""
        if value_format not in ("backend_tensor", "numpy_array"):
            raise ValueError(
                "get_state_tree: `value_format` must be 'backend_tensor' or 'numpy_array', "
                f"received {value_format!r}"
            )
        tree = {}
        for part, variables in self._state_parts().items():
            tree[part] = {}
            for variable in variables:
                *folders, name = variable.path.split("/")
                place = tree[part]
                for folder in folders:
                    place = place.setdefault(folder, {})
                if name in place:
                    raise ValueError(
                        f"two variables have the path {variable.path!r}; give the layers unique names"
                    )
                place[name] = variable.numpy() if value_format == "numpy_array" else variable.value
        return tree

    def set_state_tree(self, state_tree):
        """Set the variables from what `get_state_tree` returned."""
        parts = self._state_parts()
        for part, tree in state_tree.items():
            if part not in parts:
                raise ValueError(f"set_state_tree: there is no part {part!r}; there are {list(parts)}")
            by_path = {variable.path: variable for variable in parts[part]}
            for path, value in _paths(tree):
                if path in by_path:
                    by_path[path].assign(value)

    def _state_parts(self):
        optimizer = self.optimizer.variables if self.optimizer is not None else []
        metrics = [v for metric in self.metrics for v in metric.variables]
        return {
            "trainable_variables": self.trainable_variables,
            "non_trainable_variables": self.non_trainable_variables,
            "optimizer_variables": optimizer,
            "metrics_variables": metrics,
        }


def model_from_json(json_string, custom_objects=None):
    """A model from `Model.to_json`'s string, with weights drawn anew.

    Raises:
        ValueError: no JSON, or no model's; names that are neither built in nor in `custom_objects`.
    """
    from ..saving.model_file import model_of_entry, parse_json
    from ..saving.object_registration import CustomObjectScope
    from ..saving.serialization import sharing_objects

    with sharing_objects(), CustomObjectScope(custom_objects):
        return model_of_entry(parse_json(json_string, "the string"), "the string")


def _chooser(filters):
    """`Model.quantize`'s `filters` as a function of a layer."""
    if filters is None:
        return lambda layer: True
    if callable(filters):
        return filters
    patterns = [filters] if isinstance(filters, str) else filters
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(one, str) for one in patterns):
        raise ValueError(
            f"quantize: `filters` must be a regular expression, a list of them or a function, received {filters!r}"
        )
    return lambda layer: any(
        re.search(one, layer.path or "") or re.search(one, layer.name) for one in patterns
    )


def _from_bytes(data, kinds):
    """A model from what `Model.__reduce__` gave."""
    from ..saving.model_file import load_keras

    return load_keras(io.BytesIO(data), "a pickled model", kinds)


def _paths(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{key}/")
        else:
            yield prefix + key, value


def _is_functional_call(args, kwargs):
    """Whether Model(...) was given inputs and outputs."""
    return (
        len(args) == 2
        or (len(args) == 1 and "outputs" in kwargs)
        or ("inputs" in kwargs and "outputs" in kwargs)
    )


def _symbolic(shape, dtype):
    """A KerasTensor of a shape, or a structure of them."""
    if isinstance(shape, dict):
        return {key: _symbolic(part, dtype) for key, part in shape.items()}
    if all(n is None or isinstance(n, (int, np.integer)) for n in shape):
        return KerasTensor(tuple(shape), dtype)
    return [_symbolic(part, dtype) for part in shape]


def _symbol_of(x):
    """A tensor's KerasTensor, with an unknown batch; other leaves as they are."""
    return KerasTensor((None, *x.shape[1:]), x.dtype) if hasattr(x, "dtype") and x.shape else x


def constructor_arguments(cls):
    """The names of a class's constructor's arguments; None if it takes any."""
    spec = inspect.getfullargspec(cls.__init__)
    return None if spec.varargs is not None and spec.varkw is not None else spec.args[1:]
