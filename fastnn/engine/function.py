"""`function`: run a Python function of tensors as a plan, one trace a signature."""

import functools
import weakref
from collections import OrderedDict

import numpy as np

from . import nest
from .op import context
from .step import Step
from .tensor import Tensor
from .variable import Variable

_MOST_TRACES = 64  # the least recently used goes first


def function(target=None, **options):
    """Decorate a function of tensors: it is traced once for each signature and runs in C from then on.

    Tensors, arrays and nested lists, tuples and dicts of them are inputs; other arguments (numbers, strings, None)
    are part of the signature. Variables it assigns are updated. Options (`jit_compile`, `reduce_retracing`,
    `input_signature`, `autograph`) are accepted as in TensorFlow and change nothing.
    """
    if target is None:
        return lambda later: function(later, **options)
    return functools.wraps(target)(Compiled(target))


class Compiled:
    """A function with its traces: {signature: Step}, the latest last.

    As a method it has other traces for each object, which live as long as the object.
    """

    def __init__(self, target, steps=None):
        self.target = target
        self.steps = OrderedDict() if steps is None else steps
        self._steps_of = {}  # id(object) -> (a reference to it, its traces)

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        key = id(instance)
        entry = self._steps_of.get(key)
        if entry is None:
            try:
                reference = weakref.ref(instance, lambda _: self._steps_of.pop(key, None))
            except TypeError:  # an object that takes no weak references is kept
                reference = instance
            entry = self._steps_of[key] = reference, OrderedDict()
        return Compiled(functools.partial(self.target, instance), entry[1])

    def __call__(self, *args, **kwargs):
        if context.graph is not None or context.tapes:
            return self.target(*args, **kwargs)  # part of a larger trace, or taped op by op
        leaves = nest.flatten((args, kwargs))
        arrays, signature = [], [_form((args, kwargs))]
        for leaf in leaves:
            if isinstance(leaf, (Tensor, np.ndarray)):
                array = leaf.array if isinstance(leaf, Tensor) else leaf
                arrays.append(array)
                signature.append((array.shape, array.dtype.str))
            else:
                signature.append(id(leaf) if isinstance(leaf, Variable) else leaf)
        key = tuple(signature)
        step = self.steps.get(key)
        if step is None:
            step = self._trace(args, kwargs, leaves, arrays)
            self.steps[key] = step
            if len(self.steps) > _MOST_TRACES:
                self.steps.popitem(last=False)
        else:
            self.steps.move_to_end(key)
        return step(*arrays)

    def _trace(self, args, kwargs, leaves, arrays):
        def call(*tensors):
            given = iter(tensors)
            filled = [next(given) if isinstance(leaf, (Tensor, np.ndarray)) else leaf for leaf in leaves]
            new_args, new_kwargs = nest.pack((args, kwargs), filled)
            return self.target(*new_args, **new_kwargs)

        specs = [(array.shape, Tensor(array).dtype) for array in arrays]
        return Step(call, specs)


def _form(structure):
    """The structure without its leaves, hashable."""
    if isinstance(structure, dict):
        return ("dict", tuple((key, _form(structure[key])) for key in sorted(structure)))
    if isinstance(structure, (list, tuple)):
        return (type(structure).__name__, tuple(_form(part) for part in structure))
    return None
