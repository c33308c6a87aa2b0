"""EinsumDense: a dense layer over any axes, named by an equation."""

import math
import re

import numpy as np

from .. import activations, initializers, ops, regularizers
from .adapted_weight import Adaptable, MainWeight
from .input_spec import InputSpec
from .layer import Layer
from .weight_arguments import add_weight, set_weight_arguments, weight_config


class EinsumDense(Adaptable, Layer):
    """activation(einsum(equation, x, kernel) + bias).

    Args:
        equation: "X,Y->Z", "...X,Y->...Z" or "X...,Y->Z...": the axes of the input, the kernel and the
            output.
        output_shape: without the batch axis and what "..." stands for; None where an extent is the input's.
        activation: name or function; none by default.
        bias_axes: the output axes that the bias has; None: no bias.
        kernel_..., bias_...: initializer, regularizer, constraint of the weights.
    Raises:
        ValueError: an equation of another form; an axis of unknown extent in the kernel or the bias.
    Source: Keras 3 `layers.EinsumDense`.
    >>> EinsumDense("abc,cd->abd", output_shape=(None, 64)).compute_output_shape((8, 32, 128))
    (8, 32, 64)
    """

    kernel = MainWeight("kernel")
    quantizable = True

    def __init__(
        self,
        equation,
        output_shape,
        activation=None,
        bias_axes=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        gptq_unpacked_column_size=None,
        quantization_config=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.set_adapter_arguments(locals())
        self.equation = equation
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.bias_axes = bias_axes
        self.activation = activations.get(activation)
        set_weight_arguments(self, locals(), "kernel", "bias")
        self._axes = _Axes(equation)
        self.bias = None

    def build(self, input_shape):
        extents = self._extents(input_shape)
        axes = self._axes
        kernel_shape = self._known(axes.kernel, extents, "kernel", input_shape)
        self.input_spec = InputSpec(ndim=len(input_shape))
        initializer = self.kernel_initializer
        if isinstance(initializer, initializers.VarianceScaling) and (
            initializer.input_axes is None or initializer.output_axes is None
        ):
            fans = {
                "input_axes": [i for i, axis in enumerate(axes.kernel) if axis not in axes.output],
                "output_axes": [i for i, axis in enumerate(axes.kernel) if axis in axes.output],
            }
            initializer = type(initializer).from_config(
                {**initializer.get_config(), "seed": initializer.seed, **fans}
            )
        self.add_main_weight(
            kernel_shape, lambda: add_weight(self, "kernel", kernel_shape, initializer=initializer)
        )
        if self.bias_axes is not None:
            missing = [axis for axis in self.bias_axes if axis not in axes.output]
            if missing:
                raise ValueError(
                    f"EinsumDense {self.name!r}: `bias_axes` {self.bias_axes!r} names the axes {missing}, "
                    f"which the output of {self.equation!r} does not have"
                )
            self.bias = add_weight(self, "bias", self._bias_shape(extents, input_shape))
        self.add_adapter_if_asked()

    def scale_axes(self):
        """The weight's axes over which one scale holds, once it is quantized."""
        return tuple([i for i, axis in enumerate(self._axes.kernel) if axis in self._axes.summed])

    def _scale_as_stored(self, scale):
        """In the place of its axes in the output."""
        names, rank = self._axes.kernel, self.input_spec.ndim
        kept = sorted(
            (i for i in range(scale.ndim) if i not in self.scale_axes()),
            key=lambda i: self._axes.output.index(names[i]),
        )
        sizes = {names[i]: scale.shape[i] for i in kept}
        elided = [1] * (rank - len(self._axes.input))
        shape = [sizes.get(axis, 1) for axis in self._axes.output]
        shape = [*shape, *elided] if self._axes.elided == "right" else [*elided, *shape]
        return np.transpose(scale, [*self.scale_axes(), *kept]).reshape(shape)

    def _scale_as_weight(self, stored):
        names = [axis for axis in self._axes.output if axis in self._axes.kernel]
        sizes = dict(zip(self._axes.kernel, self._kernel.shape, strict=True))
        rows = ops.reshape(stored, [sizes[axis] for axis in names])
        order = [names.index(axis) for axis in self._axes.kernel if axis in names]
        shape = [1 if axis in self._axes.summed else sizes[axis] for axis in self._axes.kernel]
        return ops.reshape(ops.transpose(rows, order), shape)

    def _summed_of_input(self, inputs):
        """The input's axes that are summed over."""
        first = len(inputs.shape) - len(self._axes.input) if self._axes.elided == "left" else 0
        return tuple([first + i for i, axis in enumerate(self._axes.input) if axis not in self._axes.output])

    def call(self, inputs, training=None):
        axes, kernel = self._axes, self.weight_to_use()
        if self.quantization_mode is not None:
            inputs = self.inputs_to_use(inputs, self._summed_of_input(inputs))
        if axes.is_product and (self.bias is None or self.bias_axes == axes.made):
            lead = tuple(inputs.shape[: len(inputs.shape) - len(axes.summed)])
            made = tuple(kernel.shape[len(axes.summed) :])
            x = ops.reshape(inputs, (*lead, math.prod(inputs.shape[len(lead) :])))
            x = ops.matmul(x, ops.reshape(kernel, (x.shape[-1], math.prod(made))))
            if self.bias is not None:
                x = ops.add(x, ops.reshape(self.bias, (x.shape[-1],)))
            x = ops.reshape(x, (*lead, *made))
        else:
            x = ops.einsum(self.equation, inputs, kernel)
            if self.bias is not None:
                x = ops.add(x, self.bias)
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, input_shape):
        """The batch extent, the given ones, and the input's for what "..." stands for."""
        axes = self._axes
        elided = len(input_shape) - len(axes.input)
        if elided < 0 or (elided and axes.elided is None):
            raise ValueError(
                f"EinsumDense {self.name!r}: {self.equation!r} takes an input with "
                f"{len(axes.input)}{' or more' if axes.elided else ''} axes, received shape "
                f"{tuple(input_shape)}"
            )
        shape = [input_shape[0], *self.partial_output_shape]
        if axes.elided == "left" and elided:
            shape[1:1] = input_shape[1:elided]
        elif axes.elided == "right":
            shape += input_shape[len(input_shape) - elided :]
        first = self._first_input(input_shape)
        named = shape[first : first + len(axes.output)]
        if len(named) < len(axes.output):
            raise ValueError(
                f"EinsumDense {self.name!r}: the output of {self.equation!r} has more axes than "
                f"`output_shape` {self.partial_output_shape} gives (the batch axis is not named there)"
            )
        extents = dict(zip(axes.input, input_shape[first:], strict=False))
        for axis, extent in zip(axes.output, named, strict=False):
            if None not in (extents.get(axis), extent) and extents[axis] != extent:
                raise ValueError(
                    f"EinsumDense {self.name!r}: axis {axis!r} of {self.equation!r} is {extents[axis]} in "
                    f"the input of shape {tuple(input_shape)} and {extent} in `output_shape`"
                )
        return tuple(shape)

    def _first_input(self, input_shape):
        """Where the named axes begin, in the input as in the output."""
        return len(input_shape) - len(self._axes.input) if self._axes.elided == "left" else 0

    def _extents(self, input_shape):
        """{axis: extent} of all named axes."""
        output = self.compute_output_shape(input_shape)
        first = self._first_input(input_shape)
        extents = dict(zip(self._axes.output, output[first:], strict=False))
        return {**extents, **dict(zip(self._axes.input, input_shape[first:], strict=False))}

    def _known(self, names, extents, weight, input_shape):
        shape = tuple([extents[name] for name in names])
        if None in shape:
            raise ValueError(
                f"EinsumDense {self.name!r}: the {weight} of {self.equation!r} would have shape {shape} for "
                f"an input of shape {tuple(input_shape)}; give `output_shape`, or the Input that feeds this "
                "layer, the missing extents"
            )
        return shape

    def _bias_shape(self, extents, input_shape):
        """Of the axes from the first that the bias has: its own extents there, 1 for the others."""
        names = self._axes.output
        first = min(names.index(axis) for axis in self.bias_axes)
        known = self._known(self.bias_axes, extents, "bias", input_shape)
        sizes = dict(zip(self.bias_axes, known, strict=True))
        trailing = len(input_shape) - len(self._axes.input) if self._axes.elided == "right" else 0
        return (*[sizes.get(name, 1) for name in names[first:]], *[1] * trailing)

    def get_config(self):
        return {
            **super().get_config(),
            "output_shape": self.partial_output_shape,
            "equation": self.equation,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            **weight_config(self, "kernel", "bias"),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "quantization_config": None,
            **self.adapter_config(),
        }


class _Axes:
    """A parsed equation. input, kernel, output: axis names. elided: where "..." stands, "left", "right" or
    None.

    summed: the kernel axes that the output does not have; made: those it has. is_product: whether the
    equation is plain rows times a matrix, once summed axes and made axes are each taken as one.
    """

    def __init__(self, equation):
        forms = {
            None: r"([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)",
            "left": r"\.\.\.([a-zA-Z]+),([a-zA-Z]+)->\.\.\.([a-zA-Z]+)",
            "right": r"([a-zA-Z]{2,})\.\.\.,([a-zA-Z]+)->([a-zA-Z]+)\.\.\.",
        }
        fitting = {side: found for side, form in forms.items() if (found := re.fullmatch(form, equation))}
        if not fitting:
            raise ValueError(
                "EinsumDense: `equation` must have the form 'X,Y->Z', '...X,Y->...Z' or "
                f"'X...,Y->Z...', received {equation!r}"
            )
        ((side, found),) = fitting.items()
        self.input, self.kernel, self.output = found.groups()
        self.elided = side
        nowhere = [axis for axis in (*self.kernel, *self.output) if axis not in self.input + self.output] + [
            axis for axis in self.output if axis not in self.input + self.kernel
        ]
        if nowhere:
            raise ValueError(
                f"EinsumDense: the axis {nowhere[0]!r} of `equation` {equation!r} stands on one side only"
            )
        self.summed = "".join(axis for axis in self.kernel if axis not in self.output)
        self.made = "".join(axis for axis in self.kernel if axis in self.output)
        free = self.input[: len(self.input) - len(self.summed)]
        self.is_product = (
            side != "right"
            and bool(self.summed)
            and bool(self.made)
            and self.kernel == self.summed + self.made
            and self.input == free + self.summed
            and self.output == free + self.made
        )
