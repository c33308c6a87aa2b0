"""An ONNX graph under construction: nodes, initializers, and extents that are only known when it runs."""

import numpy as np

from .sizes import Varying, VaryingArray, combined

OPSET = 18
_SMALL = 64  # constants of up to so many elements are looked for among those that are there


class Unsayable(Exception):
    """ONNX has no words for this."""


class OnnxGraph:
    """What converters write to. Tensors are named by strings; `name(value)` gives a Value's.

    wanted: the ids of the Values that somebody reads. prefix: of all names, for a graph inside another.
    """

    def __init__(self, onnx, wanted=(), prefix=""):
        self.onnx = onnx
        self.prefix = prefix
        self.wanted = wanted
        self.nodes = []
        self.initializers = {}  # name -> array
        self.layer = ""
        self._names = {}  # id(value) -> name
        self._used = set()
        self._known = {}  # Varying -> (tensor, axis) that has this extent
        self._sizes = {}  # Varying -> name of the int64 tensor (1,) with it
        self._constants = {}

    # ---- names

    def unique(self, stem):
        name, count = f"{self.prefix}{stem}", 0
        while name in self._used:
            count += 1
            name = f"{self.prefix}{stem}_{count}"
        self._used.add(name)
        return name

    def bind(self, value, name):
        """Note that the tensor `name` is `value`."""
        self._names[id(value)] = name
        for axis, extent in enumerate(value.shape):
            if isinstance(extent, Varying):
                self._known.setdefault(extent, (name, axis))

    def name(self, value):
        """The tensor that holds `value`; constants and variables are put in when they are first asked for."""
        name = self._names.get(id(value))
        if name is None:
            if isinstance(value.array, VaryingArray):
                name = self._varying(value.array)
            else:
                name = self.constant(value.array, value.name or "constant", always=value.name is not None)
            self._names[id(value)] = name
        return name

    def is_wanted(self, value):
        return id(value) in self.wanted

    # ---- nodes and constants

    def node(self, op, inputs, outputs=1, **attributes):
        """Add a node; its output's name, or a list of names. None among the attributes is left out, None among the
        inputs an input that is not there."""
        stem = f"{self.layer}/{op}" if self.layer else op
        name = self.unique(stem)
        made = [f"{name}:{i}" for i in range(outputs)]
        inputs = [x if x is not None else "" for x in inputs]
        while inputs and not inputs[-1]:
            inputs.pop()
        attributes = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(self.onnx.helper.make_node(op, inputs, made, name=name, **attributes))
        return made[0] if outputs == 1 else made

    def constant(self, array, stem="constant", always=False):
        """An initializer; the one that is there, for a small array."""
        array = np.asarray(array)
        key = None
        if not always and array.size <= _SMALL:
            key = (array.dtype.str, array.shape, array.tobytes())
            if key in self._constants:
                return self._constants[key]
        name = self.unique(stem)
        self.initializers[name] = array
        if key is not None:
            self._constants[key] = name
        return name

    def number(self, value, dtype):
        """A constant without axes."""
        return self.constant(np.asarray(value, dtype))

    def ints(self, values):
        return self.constant(np.asarray(values, np.int64))

    def array_of(self, name):
        """The array of an initializer; None for any other tensor."""
        return self.initializers.get(name)

    def folded(self, function, name, op, *inputs, **attributes):
        """function(array) as a constant where `name` is one, else the node op(name, *inputs)."""
        array = self.array_of(name)
        if array is None:
            return self.node(op, [name, *inputs], **attributes)
        return self.constant(np.ascontiguousarray(function(array)), f"{name}:turned")

    def transpose(self, name, axes):
        axes = list(axes)
        if axes == sorted(axes):
            return name
        return self.folded(lambda array: array.transpose(axes), name, "Transpose", perm=axes)

    def cast(self, name, dtype):
        return self.node("Cast", [name], to=self.dtype(dtype))

    def dtype(self, name):
        """ONNX's number of a dtype.

        Raises:
            Unsayable: it has none (that programs compute with).
        """
        if name.startswith("complex"):
            raise Unsayable(f"values of dtype {name}")
        return self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(name))

    # ---- extents

    def size(self, extent):
        """An int64 tensor of shape (1,) with an extent.

        Raises:
            Unsayable: it follows from no tensor's extent in a way that is understood.
        """
        if not isinstance(extent, Varying):
            return self.ints([extent])
        if extent not in self._sizes:
            self._sizes[extent] = self._derived(extent)
        return self._sizes[extent]

    def _derived(self, extent):
        if extent in self._known:
            tensor, axis = self._known[extent]
            return self.node("Shape", [tensor], start=axis, end=axis + 1)
        for known in list(self._known):
            line = _line(known, extent)
            if line is not None:
                scaled = self.size(known)
                if line[0] != 1:
                    scaled = self.node("Mul", [scaled, self.ints([line[0]])])
                return self.node("Add", [scaled, self.ints([line[1]])]) if line[1] else scaled
        for a in list(self._known):
            for b in list(self._known):
                factor = combined(lambda n, x, y: n // (x * y) if n % (x * y) == 0 else -1, extent, a, b)
                if isinstance(factor, int) and factor > 0:
                    product = self.node("Mul", [self.size(a), self.size(b)])
                    return self.node("Mul", [product, self.ints([factor])]) if factor != 1 else product
        raise Unsayable("a size that follows from an unknown extent in a way that is not understood")

    def shape(self, extents):
        """An int64 vector of extents."""
        if not any(isinstance(n, Varying) for n in extents):
            return self.ints(extents)
        return self.node("Concat", [self.size(n) for n in extents], axis=0)

    def reshape(self, name, before, after):
        """The tensor `name` of shape `before` in the shape `after`."""
        if tuple(before) == tuple(after):
            return name
        # 0 keeps the extent at this place, one -1 is what is left; neither where an extent is really 0
        if 0 not in after:
            wanted = [
                0 if isinstance(n, Varying) and i < len(before) and before[i] == n else n
                for i, n in enumerate(after)
            ]
            open_places = [i for i, n in enumerate(wanted) if isinstance(n, Varying)]
            if len(open_places) <= 1:
                wanted = [-1 if isinstance(n, Varying) else n for n in wanted]
                target = self.ints(wanted)
                if 0 not in wanted:
                    return self.folded(lambda array: array.reshape(wanted), name, "Reshape", target)
                return self.node("Reshape", [name, target])
        return self.node("Reshape", [name, self.shape(after)], allowzero=1 if 0 in after else None)

    def unsqueeze(self, name, axes):
        return self.node("Unsqueeze", [name, self.ints(list(axes))])

    def squeeze(self, name, axes):
        return self.node("Squeeze", [name, self.ints(list(axes))])

    def expand(self, name, shape):
        return self.node("Expand", [name, self.shape(shape)])

    def _varying(self, array):
        """A constant whose extents follow from unknown ones: the same along these axes, or counting up."""
        axes = [axis for axis, extent in enumerate(array.shape) if isinstance(extent, Varying)]
        small = [_first_along(one, axes) for one in array.arrays]
        if all(
            np.array_equal(one, small[0]) and np.array_equal(full, np.broadcast_to(one, full.shape))
            for one, full in zip(small, array.arrays)
        ):
            return self.expand(self.constant(small[0]), array.shape)
        if len(axes) == 1:
            counting = [_counting(one, axes[0]) for one in array.arrays]
            if counting[0] is not None and all(other == counting[0] for other in counting):
                start, step = counting[0]
                extent = self.size(array.shape[axes[0]])
                end = self.node("Mul", [self.squeeze(extent, [0]), self.number(step, np.int64)])
                end = self.node("Add", [end, self.number(start, np.int64)])
                row = self.node("Range", [self.number(start, np.int64), end, self.number(step, np.int64)])
                row = self.cast(row, array.dtype.name)
                column = [-1 if axis == axes[0] else 1 for axis in range(len(array.shape))]
                return self.expand(self.node("Reshape", [row, self.ints(column)]), array.shape)
        raise Unsayable("a constant whose values follow from an unknown extent")


def _line(known, extent):
    """(factor, addend) with extent = factor * known + addend in all traces, or None."""
    pairs = sorted(set(zip(known, extent)))
    if len({k for k, _ in pairs}) < 3 or len(pairs) != len({k for k, _ in pairs}):
        return None
    (k0, n0), (k1, n1) = pairs[:2]
    factor, rest = divmod(n1 - n0, k1 - k0)
    addend = n0 - factor * k0
    if rest or any(n != factor * k + addend for k, n in pairs):
        return None
    return factor, addend


def _first_along(array, axes):
    return array[tuple([slice(0, 1) if axis in axes else slice(None) for axis in range(array.ndim)])]


def _counting(array, axis):
    """(start, step), integers, of an array that counts along an axis and is the same along all others; or None."""
    lines = np.moveaxis(array, axis, -1).reshape(-1, array.shape[axis])
    line = lines[0]
    if array.dtype.kind not in "iuf" or len(line) < 2:
        return None
    start, step = int(line[0]), int(line[1]) - int(line[0])
    same = np.array_equal(lines, np.broadcast_to(start + step * np.arange(len(line)), lines.shape))
    return (start, step) if same and step else None
