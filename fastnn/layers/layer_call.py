"""LayerCall: the part of a Layer that is about being called: on tensors of every kind, and on shapes alone."""

import warnings

import numpy as np

from ..engine import dtypes, masks, nest
from ..engine.allowance import spend_call
from ..engine.op import context
from ..engine.stateless import StatelessScope, checked_pairs
from ..engine.symbolic import KerasTensor, _Leaf, infer, refuse_strings
from ..engine.tensor import Spec, StringTensor, Tensor, Traced, check_array, holds_strings
from ..engine.variable import Variable, convert
from .call_signature import CallSignature, shapes_for
from .call_state import state
from .input_spec import check_inputs, describe


class LayerCall:
    """From a call's arguments to `call`: inputs checked and converted, the layer built, masks and the training flag
    handed on, errors told where they happened."""

    _signature = None  # a CallSignature, made at the first call of a class

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
        """The call, by the name that all operations of a layer graph have."""
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
            if kind is np.ndarray:
                self._check_initialized()
                x = self._as_tensor(x)
                kind = Tensor
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
                        + (", or call that layer first" if isinstance(leaf, LayerCall) else "")
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
            try:
                return self._as_tensors(np.asarray(arg, np.float32 if self._casts else None))
            except ValueError:
                raise ValueError(
                    f"{describe(self)}: rows of a list in the place of a tensor have unequal lengths; pad them first, "
                    "for instance with utils.pad_sequences"
                ) from None
        if (
            isinstance(arg, (list, tuple))
            and arg
            and all(isinstance(text, str) for text in nest.flatten(arg))
        ):
            return StringTensor(np.asarray(arg))
        return nest.map_leaves(self._as_tensor, arg)

    def _as_tensor(self, x):
        if isinstance(x, KerasTensor) or x is None or isinstance(x, (bool, int, float, str)):
            return x
        if not isinstance(x, (Tensor, Variable)):
            if not hasattr(x, "__array__"):
                return x
            x = np.asarray(x)
            if x.dtype not in dtypes.NAME:
                if not (holds_strings(x) and self._may_read_strings()):
                    check_array(x, f"{describe(self)}: the input")  # raises
                return StringTensor(x)
            x = Tensor(x)
        wanted = self._compute_dtype
        if self.autocast and self._casts and dtypes.is_float(x.dtype) and x.dtype != wanted:
            return convert(x, wanted)
        return convert(x)

    def _may_read_strings(self):
        """Whether its `call` may do something with strings: a user's, or one with other layers inside."""
        own = type(self).__module__.startswith("fastnn.layers.")
        return not own or bool(self._layers) or getattr(self, "reads_strings", False)

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
        outer, outer_precision = state.training, context.precision
        if training is None:
            training = outer if outer is not None else signature.training_default
        if signature.has_training:
            kwargs["training"] = training
        if state.losses_exist and not state.stack:
            self._clear_losses()
        spend_call()
        state.training, context.precision = training, self._precision
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
            state.training, context.precision = outer, outer_precision
        if mask is not None or signature.makes_masks:
            self._mask_outputs(first, outputs, mask)
        return outputs

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

    def stateless_call(
        self, trainable_variables, non_trainable_variables, *args, return_losses=False, **kwargs
    ):
        """The call, had the variables these values: (outputs, non-trainable values after it), and the losses with
        `return_losses`. Nothing is changed.

        Raises:
            ValueError: the layer is not built, or there are more or fewer values than variables.
        """
        if not self.built:
            raise ValueError(
                f"{describe(self)}: stateless_call needs a layer that is built; call it on data first"
            )
        changing = self.non_trainable_variables
        pairs = checked_pairs(
            describe(self),
            (self.trainable_variables, trainable_variables, "trainable_variables"),
            (changing, non_trainable_variables, "non_trainable_variables"),
        )
        with StatelessScope(pairs) as scope:
            outputs = self(*args, **kwargs)
            losses = self.losses if return_losses else None
        after = [scope.get_current_value(v) for v in changing]
        return (outputs, after, losses) if return_losses else (outputs, after)

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

    def found_specs(self, *args, **kwargs):
        """The outputs' shapes and dtypes for symbolic inputs: as the class's compute_output_shape says, or by tracing
        `call`."""
        kind = type(self)
        if kind.compute_output_shape is not LayerCall.compute_output_shape:
            signature = self._signature or self._read_signature()
            bound = signature.bind(self, args, {k: v for k, v in kwargs.items() if k in signature.names})
            tensors = {name: value for name, value in bound.items() if _holds_tensors(value)}
            refuse_strings(nest.flatten(list(tensors.values())))
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
        outputs = self._compute(signature, args, kwargs, bound.get(signature.first), training, None)
        if outputs is None:
            raise ValueError(f"{describe(self)}: its call method returned None; let it return the outputs")
        return outputs

    @classmethod
    def _read_signature(cls):
        cls._signature = CallSignature(cls.call, cls.compute_mask is not LayerCall.compute_mask)
        return cls._signature


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
