"""What a layer asks of its inputs, and the errors for inputs that do not fit."""

from ..engine import dtypes, nest


class InputSpec:
    """Rank, shape and dtype a layer expects of one input; whatever is None is free.

    Args:
        dtype: its dtype.
        shape: the whole shape, batch axis included; None for free extents.
        ndim, max_ndim, min_ndim: the number of axes.
        axes: {axis: extent}.
        allow_last_axis_squeeze: a last axis of extent 1 may be missing or there.
        name: the key of this input where inputs come as a dict.
        optional: None may be passed.
    """

    def __init__(
        self,
        dtype=None,
        shape=None,
        ndim=None,
        max_ndim=None,
        min_ndim=None,
        axes=None,
        allow_last_axis_squeeze=False,
        name=None,
        optional=False,
    ):
        self.dtype = None if dtype is None else dtypes.standardize(dtype)
        self.shape = None if shape is None else tuple(shape)
        self.ndim = ndim if shape is None else len(self.shape)
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name
        self.optional = optional
        try:
            self.axes = {int(axis): extent for axis, extent in (axes or {}).items()}
        except (AttributeError, TypeError, ValueError):
            raise TypeError(
                f"InputSpec: `axes` must be a dict with integer keys, received {axes!r}"
            ) from None
        most = self.ndim or self.max_ndim
        if self.axes and most and max(self.axes) >= most:
            raise ValueError(
                f"InputSpec: `axes` names axis {max(self.axes)}, but there are at most {most} axes"
            )

    def get_config(self):
        return {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes,
            "optional": self.optional,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        shown = ", ".join(f"{key}={value}" for key, value in self.get_config().items() if value)
        return f"InputSpec({shown})"

    def complaint(self, shape, dtype):
        """What is wrong with an input of this shape and dtype: "expected ..., received ...", or None."""
        ndim = len(shape)
        if self.ndim is not None and ndim != self.ndim and not self.allow_last_axis_squeeze:
            return f"expected {self.ndim} axes, received {ndim}"
        if self.max_ndim is not None and ndim > self.max_ndim:
            return f"expected at most {self.max_ndim} axes, received {ndim}"
        if self.min_ndim is not None and ndim < self.min_ndim:
            return f"expected at least {self.min_ndim} axes, received {ndim}"
        if self.dtype is not None and dtype != self.dtype:
            return f"expected dtype {self.dtype}, received {dtype}"
        for axis, extent in self.axes.items():
            if extent is not None and -ndim <= axis < ndim and shape[axis] not in (extent, None):
                return f"expected {extent} elements along axis {axis}, received {shape[axis]}"
        if self.shape is not None:
            wanted, got = self.shape, shape
            if self.allow_last_axis_squeeze:
                wanted = wanted[:-1] if wanted and wanted[-1] == 1 else wanted
                got = got[:-1] if got and got[-1] == 1 else got
            if len(wanted) != len(got) or any(
                a is not None and b is not None and a != b for a, b in zip(wanted, got)
            ):
                return f"expected shape {self.shape}"
        return None


def check_inputs(spec, inputs, layer):
    """Raise a ValueError that names `layer` where `inputs` do not fit `spec` (an InputSpec or a structure of them)."""
    specs = [spec] if isinstance(spec, InputSpec) else nest.flatten(spec)
    if isinstance(inputs, dict) and specs and all(s is not None and s.name for s in specs):
        missing = [s.name for s in specs if s.name not in inputs]
        if missing:
            raise ValueError(
                f"{describe(layer)} takes a dict with the keys {[s.name for s in specs]}; "
                f"{missing[0]!r} is missing from {list(inputs)}"
            )
        inputs = [inputs[s.name] for s in specs]
    leaves = nest.flatten(inputs)
    if len(leaves) != len(specs):
        raise ValueError(
            f"{describe(layer)} takes {len(specs)} input(s), received {len(leaves)}: "
            f"shapes {[tuple(x.shape) if hasattr(x, 'shape') else x for x in leaves]}"
        )
    for i, (x, one) in enumerate(zip(leaves, specs)):
        if one is None or (x is None and one.optional):
            continue
        if not hasattr(x, "shape"):
            raise ValueError(
                f"{describe(layer)} takes tensors, received {x!r} (of type {type(x).__name__})"
                + ("; call that layer on a tensor and pass its output" if callable(x) else "")
            )
        complaint = one.complaint(tuple(x.shape), x.dtype)
        if complaint:
            which = "its input" if len(specs) == 1 else f"input {i}"
            raise ValueError(
                f"{describe(layer)}: {complaint} in {which} of shape {tuple(x.shape)}"
                + layer.input_advice(tuple(x.shape), one)
            )


def describe(layer):
    """How errors call a layer: its class, and its name where that says more."""
    return f"{type(layer).__name__} {layer.name!r}"
