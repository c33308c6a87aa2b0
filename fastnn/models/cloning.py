"""Copies of models: the same layers anew, with new weights."""

from ..engine import nest
from ..layers import InputLayer, Layer
from .functional import Functional
from .layer_graph import is_input_node
from .sequential import Sequential


def clone_model(
    model, input_tensors=None, clone_function=None, call_function=None, recursive=False, **kwargs
):
    """A model of the same layers, made anew from their configurations, with freshly drawn weights.

    Args:
        model: a Functional or Sequential (a subclassed model: one with `get_config`).
        input_tensors: symbolic tensors to build on, in place of new Inputs.
        clone_function: layer -> layer; from the configuration by default.
        call_function: (layer, *args, **kwargs) -> outputs, in place of calling the new layer.
        recursive: clone the layers inside nested models with `clone_function` too.
    Source: Keras 3 `models.clone_model`.
    """
    if kwargs:
        raise TypeError(f"clone_model has no argument {', '.join(kwargs)}")
    make = clone_function or _again
    if recursive:
        inner = make

        def make(layer):
            if isinstance(layer, (Functional, Sequential)):
                return clone_model(
                    layer, clone_function=clone_function, call_function=call_function, recursive=True
                )
            return inner(layer)

    if isinstance(model, Sequential):
        return _clone_sequential(model, input_tensors, make)
    if isinstance(model, Functional):
        return _clone_functional(model, input_tensors, make, call_function)
    if clone_function is not None or input_tensors is not None:
        raise ValueError(
            "clone_model: `clone_function` and `input_tensors` work for Functional and "
            f"Sequential models, received a {type(model).__name__}"
        )
    return type(model).from_config(model.get_config())


def _again(layer):
    return type(layer).from_config(layer.get_config())


def _clone_sequential(model, input_tensors, make):
    layers = [make(layer) for layer in model.layers]
    if input_tensors is not None:
        layers.insert(0, nest.flatten(input_tensors)[0])
    elif model._stack and isinstance(model._stack[0], InputLayer):
        layers.insert(0, _again(model._stack[0]))
    return type(model)(layers, name=model.name)


def _clone_functional(model, input_tensors, make, call_function):
    made = {}
    for operation in model.operations:
        if isinstance(operation, Layer) and not isinstance(operation, InputLayer):
            made[id(operation)] = make(operation)
    given = None if input_tensors is None else nest.flatten(input_tensors)
    if given is not None and len(given) != len(model.inputs):
        raise ValueError(
            f"clone_model: the model has {len(model.inputs)} inputs, `input_tensors` has {len(given)}"
        )
    values = {}
    for i, x in enumerate(model.inputs):
        values[id(x)] = _again(x.node.operation).output if given is None else given[i]
    for node in model._replayed:
        if is_input_node(node):
            continue
        args, kwargs = node.arguments(values)
        layer = made.get(id(node.operation), node.operation)
        outputs = layer(*args, **kwargs) if call_function is None else call_function(layer, *args, **kwargs)
        for old, new in zip(node.output_tensors, nest.flatten(outputs)):
            values[id(old)] = new
    swap = lambda x: values[id(x)]  # noqa: E731
    return type(model)(
        nest.map_leaves(swap, model._inputs_struct),
        nest.map_leaves(swap, model._outputs_struct),
        name=model.name,
    )
