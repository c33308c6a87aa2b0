"""How a layer's `call`, `build` and `compute_output_shape` take their arguments; read once a class."""

import functools
import inspect

from ..engine import nest


class CallSignature:
    """What the caller of `call` must know of it.

    first: the name of its first argument. names: all of them. has_training, has_mask: whether it takes those.
    makes_masks: whether outputs may get a mask from unmasked inputs.
    """

    def __init__(self, call, makes_masks):
        self.signature = inspect.signature(call)
        parameters = list(self.signature.parameters.values())[1:]
        self.names = tuple([p.name for p in parameters])
        self.first = self.names[0] if self.names else None
        self.has_training = "training" in self.names
        self.has_mask = "mask" in self.names
        self.training_default = None
        if self.has_training:
            default = self.signature.parameters["training"].default
            self.training_default = None if default is inspect.Parameter.empty else default
        self.makes_masks = makes_masks

    def bind(self, layer, args, kwargs):
        """{argument name: value} of a call, without `self`.

        Raises:
            TypeError: arguments that `call` does not take; names the layer.
        """
        try:
            bound = self.signature.bind_partial(layer, *args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(
                f"{type(layer).__name__} {layer.name!r}: {error}; its call method is call{self.signature}"
            ) from None
        values = dict(list(bound.items())[1:])
        for parameter in self.signature.parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD and parameter.name in values:
                values.update(values.pop(parameter.name))
        return values


@functools.cache
def _parameters(function):
    kinds = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    return [p for p in list(inspect.signature(function).parameters.values())[1:] if p.kind in kinds]


def known_shape(x):
    """A tensor's shape; None where a stand-in stands for an extent that is not known yet. The last one is kept:
    weights are made for it."""
    if x is None or not x.shape:
        return None if x is None else ()
    unknown = getattr(getattr(x, "graph", None), "unknown", None)
    shape = tuple(x.shape)
    if unknown is None:
        return shape
    return (*[None if n == unknown else n for n in shape[:-1]], shape[-1])


def shapes_for(layer, function, tensors):
    """Keyword arguments with shapes for `build` or `compute_output_shape`.

    A function of one argument gets the shape(s) of the first tensor argument of `call`; one of several gets,
    for each of its arguments `name_shape`, the shape of `call`'s argument `name`.
    """
    shapes = {name: nest.map_leaves(known_shape, value) for name, value in tensors.items() if name != "mask"}
    parameters = _parameters(function)
    if not parameters:
        return {}
    if len(parameters) == 1:
        return {parameters[0].name: next(iter(shapes.values()), None)}
    found = {}
    for parameter in parameters:
        name = parameter.name.removesuffix("_shape")
        if name == parameter.name or (name not in shapes and parameter.default is parameter.empty):
            known = ", ".join(f"{key}_shape" for key in shapes)
            wanted = inspect.signature(type(layer).call).parameters.get(name)
            if wanted is not None and wanted.default is wanted.empty:
                raise TypeError(
                    f"{type(layer).__name__} {layer.name!r}: the argument {name!r} is missing; its call method is "
                    f"call{inspect.signature(type(layer).call)}"
                )
            raise ValueError(
                f"{type(layer).__name__} {layer.name!r}: argument {parameter.name!r} of "
                f"{function.__name__}() matches no tensor that call() was given; the ones that do are {known}"
            )
        if name in shapes:
            found[parameter.name] = shapes[name]
    return found
