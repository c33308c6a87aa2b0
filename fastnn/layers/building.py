"""Building: making a layer's weights once its input's shape is known."""

import functools
import inspect

from ..engine.op import suspended
from .call_state import state


def building(build):
    """Wrap a class's `build` method: it runs unrecorded, inside the layer's name, and leaves the layer built."""
    signature = inspect.signature(build)

    @functools.wraps(build)
    def wrapped(self, *args, **kwargs):
        if self._building:  # super().build(...) inside a subclass's build
            return build(self, *args, **kwargs)
        self._check_initialized()
        shapes = dict(list(signature.bind(self, *args, **kwargs).arguments.items())[1:])
        self._building = True
        state.stack.append(self)
        try:
            self._path = state.path()
            with suspended():  # an initializer must run now, not become part of a graph being traced
                build(self, *args, **kwargs)
        finally:
            state.stack.pop()
            self._building = False
        self._build_shapes = shapes
        if not self.trainable:  # said before there were weights
            for variable in self._trainable_variables:
                variable.trainable = False
        self._finish_building()

    return wrapped


class Building:
    """The part of a Layer that is about being built."""

    @building
    def build(self, input_shape):
        """Make the weights for inputs of this shape (or structure of shapes); nothing to make by default.

        Sublayers that a subclass does not build here build themselves when `call` reaches them.
        """

    def _finish_building(self):
        self.built = True
        if type(self).build is not Building.build:
            self._tracker.locked = (
                f"{type(self).__name__} {self.name!r} is built already: make variables and sublayers in "
                "__init__ or in build(), not afterwards"
            )

    def _build_at_init(self):
        """Mark a layer without weights as built, in its constructor, unless a subclass has its own `build`."""
        if type(self).build is Building.build:
            self.built = True

    @property
    def path(self):
        """ "outer/layer", known once it is built; None before."""
        return self._path

    def get_build_config(self):
        """What `build_from_config` needs to make the weights again; None for a layer that was not built by shapes."""
        if not self._build_shapes:
            return None
        if len(self._build_shapes) == 1:
            return {"input_shape": next(iter(self._build_shapes.values()))}
        return {"shapes_dict": dict(self._build_shapes)}

    def build_from_config(self, config):
        """Build with the shapes that `get_build_config` noted."""
        if "input_shape" in config:
            self.build(_tuples(config["input_shape"]))
        elif "shapes_dict" in config:
            self.build(**{name: _tuples(shape) for name, shape in config["shapes_dict"].items()})


def _tuples(shape):
    """A shape read from JSON, where tuples are lists, as a tuple; structures of shapes keep their form."""
    if isinstance(shape, dict):
        return {key: _tuples(part) for key, part in shape.items()}
    if isinstance(shape, (list, tuple)):
        if all(n is None or isinstance(n, int) for n in shape):
            return tuple(shape)
        return [_tuples(part) for part in shape]
    return shape
