"""Layers of several inputs: Add, Multiply, Concatenate, Dot and the like, and their functional forms."""

import functools
import math

from .. import ops
from ..engine import masks
from ..engine.variable import convert
from .layer import Layer


class _Merge(Layer):
    """The base: takes a list of tensors whose shapes broadcast; axis 0 is the batch in all.

    Tensors of fewer axes get axes of extent 1 after the batch axis.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        self._check_list(input_shape)
        self.compute_output_shape(input_shape)

    def _check_list(self, shapes, exactly=None):
        given = len(shapes) if isinstance(shapes, (list, tuple)) else 0
        if not given or not all(isinstance(shape, (list, tuple)) for shape in shapes):
            raise ValueError(
                f"{type(self).__name__} {self.name!r} takes a list of tensors, received one of "
                f"shape {tuple(shapes)}; put them in brackets: {type(self).__name__}()([a, b])"
            )
        if exactly is not None and given != exactly:
            raise ValueError(f"{type(self).__name__} {self.name!r} takes {exactly} tensors, received {given}")
        batches = {shape[0] for shape in shapes if shape} - {None}
        if len(batches) > 1:
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: its inputs must have the same batch "
                f"size, received shapes {[tuple(shape) for shape in shapes]}"
            )

    def call(self, inputs):
        most = max(len(x.shape) for x in inputs)
        return self.merge([x if len(x.shape) == most else _with_axes(x, most) for x in inputs])

    def merge(self, inputs):
        """Merge tensors of equal rank."""
        return functools.reduce(self.pair, inputs)

    def compute_output_shape(self, input_shape):
        shapes = [tuple(shape) for shape in input_shape]
        rest = functools.reduce(self._broadcast, [shape[1:] for shape in shapes])
        batches = {shape[0] for shape in shapes} - {None}
        return (batches.pop() if batches else None, *rest)

    def _broadcast(self, a, b):
        if len(a) < len(b):
            a, b = b, a
        b = (1,) * (len(a) - len(b)) + b
        out = []
        for m, n in zip(a, b):
            if m is not None and n is not None and m != n and 1 not in (m, n):
                raise ValueError(
                    f"{type(self).__name__} {self.name!r}: the shapes of its inputs do not match, (batch, "
                    f"{', '.join(map(str, a))}) and (batch, {', '.join(map(str, b))})"
                )
            out.append(None if None in (m, n) else max(m, n) if 0 not in (m, n) else 0)
        return tuple(out)

    def compute_mask(self, inputs, mask=None):
        if mask is None or any(m is None for m in mask):
            return None
        return functools.reduce(ops.logical_or, mask)


class Add(_Merge):
    """The sum of its inputs. Source: Keras 3 `layers.Add`."""

    pair = staticmethod(ops.add)


class Subtract(_Merge):
    """The first of its two inputs minus the second. Source: Keras 3 `layers.Subtract`."""

    pair = staticmethod(ops.subtract)

    def build(self, input_shape):
        self._check_list(input_shape, exactly=2)
        super().build(input_shape)


class Average(_Merge):
    """The mean of its inputs. Source: Keras 3 `layers.Average`."""

    pair = staticmethod(ops.add)

    def merge(self, inputs):
        total = super().merge(inputs)
        return ops.divide(total, convert(float(len(inputs)), dtype=total.dtype))


class Multiply(_Merge):
    """The product of its inputs; where masks are given, masked elements count as 1.

    Source: Keras 3 `layers.Multiply`.
    """

    pair = staticmethod(ops.multiply)

    def merge(self, inputs):
        found = [masks.get_mask(x) if masks.table else None for x in inputs]
        if all(mask is None for mask in found):
            return super().merge(inputs)
        kept = [None if mask is None else _over(mask, x) for mask, x in zip(found, inputs)]
        product = super().merge(
            [
                x if mask is None else ops.where(mask, x, convert(1.0, dtype=x.dtype))
                for mask, x in zip(kept, inputs)
            ]
        )
        if any(mask is None for mask in kept):
            return product
        return ops.where(functools.reduce(ops.logical_or, kept), product, convert(0.0, dtype=product.dtype))


class _Extreme(_Merge):
    """The base of Maximum and Minimum; where masks are given, masked elements do not count."""

    def merge(self, inputs):
        if not masks.table:
            return super().merge(inputs)
        result = known = None
        for i, x in enumerate(inputs):
            mask = masks.get_mask(x)
            mask = None if mask is None else _over(mask, x)
            if i == 0:
                result, known = x, mask
                continue
            if mask is not None:
                x = ops.where(mask, x, result)
            if known is not None:
                result = ops.where(known, result, x)
            known = ops.logical_or(known, mask) if known is not None and mask is not None else None
            result = self.pair(result, x)
        return result


class Maximum(_Extreme):
    """The largest of its inputs, element by element. Source: Keras 3 `layers.Maximum`."""

    pair = staticmethod(ops.maximum)


class Minimum(_Extreme):
    """The smallest of its inputs, element by element. Source: Keras 3 `layers.Minimum`."""

    pair = staticmethod(ops.minimum)


class Concatenate(_Merge):
    """Its inputs one after the other along `axis`.

    Raises:
        ValueError: the inputs differ along another axis.
    Source: Keras 3 `layers.Concatenate`.
    >>> Concatenate()([ops.zeros((2, 3)), ops.zeros((2, 4))]).shape
    (2, 7)
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def _check_list(self, shapes, exactly=None):
        if self.axis == 0:  # then batches may differ
            shapes = [(None, *shape[1:]) if isinstance(shape, (list, tuple)) else shape for shape in shapes]
        super()._check_list(shapes, exactly)

    def call(self, inputs):
        return ops.concatenate(inputs, axis=self.axis)

    def compute_output_shape(self, input_shape):
        shapes = [tuple(shape) for shape in input_shape]
        ranks = {len(shape) for shape in shapes}
        axis = self.axis + len(shapes[0]) if self.axis < 0 else self.axis
        if len(ranks) > 1 or not 0 <= axis < len(shapes[0]):
            raise ValueError(
                f"Concatenate {self.name!r}: its inputs must have equally many axes, axis "
                f"{self.axis} among them, received shapes {shapes}"
            )
        out = []
        for i, extents in enumerate(zip(*shapes)):
            if i == axis:
                out.append(None if None in extents else sum(extents))
                continue
            known = set(extents) - {None}
            if len(known) > 1:
                raise ValueError(
                    f"Concatenate {self.name!r}: its inputs must agree along every axis but "
                    f"{self.axis}, received shapes {shapes}, which differ along axis {i}"
                )
            out.append(known.pop() if known else None)
        return tuple(out)

    def compute_mask(self, inputs, mask=None):
        if mask is None or all(m is None for m in mask):
            return None
        whole = [
            ops.ones(x.shape, "bool") if m is None else m if len(m.shape) == len(x.shape) else _over(m, x)
            for x, m in zip(inputs, mask)
        ]
        return ops.any(ops.concatenate(whole, axis=self.axis), axis=-1)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


class Dot(_Merge):
    """The product of two tensors, sample by sample, summed over one axis of each.

    Args:
        axes: the axes summed over, an int for both or one each; not 0, the batch.
        normalize: divide by the norms first, which gives cosines.

    Raises:
        ValueError: the two axes differ in extent.
    Source: Keras 3 `layers.Dot`.
    >>> Dot(axes=(1, 2))([ops.zeros((2, 3, 5)), ops.zeros((2, 10, 3))]).shape
    (2, 5, 10)
    """

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        several = isinstance(axes, (list, tuple))
        if not all(isinstance(axis, int) for axis in (axes if several else [axes])) or (
            several and len(axes) != 2
        ):
            raise (ValueError if several else TypeError)(
                f"Dot: `axes` must be an int or two ints, received {axes!r}"
            )
        self.axes = axes
        self.normalize = normalize

    def build(self, input_shape):
        self._check_list(input_shape, exactly=2)
        self._axes_of(*input_shape)

    def _axes_of(self, a, b):
        axes = self.axes if isinstance(self.axes, (list, tuple)) else (self.axes, self.axes)
        i, j = (axis + len(shape) if axis < 0 else axis for axis, shape in zip(axes, (a, b)))
        if not 0 < i < len(a) or not 0 < j < len(b):
            raise ValueError(
                f"Dot {self.name!r}: `axes` {self.axes} are not axes, other than the batch, of "
                f"inputs of shapes {tuple(a)} and {tuple(b)}"
            )
        if a[i] is not None and b[j] is not None and a[i] != b[j]:
            raise ValueError(
                f"Dot {self.name!r}: axis {i} of shape {tuple(a)} and axis {j} of shape "
                f"{tuple(b)} must be equally long, they are {a[i]} and {b[j]}"
            )
        return i, j

    def call(self, inputs):
        a, b = inputs
        i, j = self._axes_of(a.shape, b.shape)
        if self.normalize:
            a, b = (ops.normalize(x, axis=axis, order=2) for x, axis in ((a, i), (b, j)))
        rest_a = tuple([n for k, n in enumerate(a.shape) if k not in (0, i)])
        rest_b = tuple([n for k, n in enumerate(b.shape) if k not in (0, j)])
        batch, summed = a.shape[0], a.shape[i]
        a = ops.reshape(ops.moveaxis(a, i, -1), (batch, math.prod(rest_a), summed))
        b = ops.reshape(ops.moveaxis(b, j, 1), (batch, summed, math.prod(rest_b)))
        return ops.reshape(ops.matmul(a, b), (batch, *(rest_a + rest_b or (1,))))

    def compute_output_shape(self, input_shape):
        a, b = input_shape
        i, j = self._axes_of(a, b)
        rest = [n for k, n in enumerate(a) if k not in (0, i)] + [
            n for k, n in enumerate(b) if k not in (0, j)
        ]
        return (a[0] if a[0] is not None else b[0], *(rest or [1]))

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def _with_axes(x, rank):
    return ops.reshape(x, (x.shape[0], *[1] * (rank - len(x.shape)), *x.shape[1:]))


def _over(mask, x):
    """A (batch, steps) mask in the shape of `x`."""
    return ops.broadcast_to(ops.expand_dims(mask, -1), x.shape)


def add(inputs, **kwargs):
    """Add(**kwargs)(inputs)."""
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """Subtract(**kwargs)(inputs)."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """Multiply(**kwargs)(inputs)."""
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    """Average(**kwargs)(inputs)."""
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """Maximum(**kwargs)(inputs)."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """Minimum(**kwargs)(inputs)."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    """Concatenate(axis, **kwargs)(inputs)."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs, axes=-1, **kwargs):
    """Dot(axes, **kwargs)(inputs)."""
    return Dot(axes=axes, **kwargs)(inputs)
