"""Functional and Sequential models to the configurations of Keras 3's files, and back."""

import copy

from ..engine import nest
from ..engine.symbolic import KerasTensor, OpOperation
from ..layers import InputLayer
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .op_config import call_arguments, is_op_config, op_config, op_from_config


def functional_config(model):
    """The configuration of a Functional: its layers, each with the calls that belong to the model."""
    graph = model._graph
    layers = []
    for operation in graph.operations:
        entry = (
            op_config(operation, graph)
            if isinstance(operation, OpOperation)
            else serialize_keras_object(operation)
        )
        entry["name"] = operation.name
        calls = [operation.inbound_nodes[i] for i in graph.node_indices(operation)]
        entry["inbound_nodes"] = [_call_config(node, graph) for node in calls if node.input_tensors]
        layers.append(entry)
    place = lambda tensor: _place(tensor, graph)  # noqa: E731
    return copy.deepcopy(
        {
            "name": model.name,
            "trainable": model.trainable,
            "layers": layers,
            "input_layers": nest.map_leaves(place, model._inputs_struct),
            "output_layers": nest.map_leaves(place, model._outputs_struct),
        }
    )


def _call_config(node, graph):
    args, kwargs = node.args, node.kwargs
    if isinstance(node.operation, OpOperation):
        args, kwargs = call_arguments(node)
    serialize = lambda x: _tensor_config(x, graph) if isinstance(x, KerasTensor) else x  # noqa: E731
    args, kwargs = nest.map_leaves(serialize, args), nest.map_leaves(serialize, kwargs)
    return {"args": _serialized(args), "kwargs": _serialized(kwargs)}


class _Done(dict):
    """A configuration that is ready: containers around it are still to be gone through, it is not."""


def _serialized(structure):
    if isinstance(structure, _Done):
        return dict(structure)
    if isinstance(structure, dict):
        return {key: _serialized(part) for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        parts = [_serialized(part) for part in structure]
        return tuple(parts) if isinstance(structure, tuple) else parts
    return serialize_keras_object(structure)


def _tensor_config(tensor, graph):
    """A symbolic tensor, with the number of its call among those of this model."""
    operation = tensor.node.operation
    index = graph.node_indices(operation).index(operation.inbound_nodes.index(tensor.node))
    return _Done(
        class_name="__keras_tensor__",
        config={
            "shape": tensor.shape,
            "dtype": tensor.dtype,
            "keras_history": [operation.name, index, tensor.index],
        },
    )


def _place(tensor, graph):
    """[layer's name, number of its call, number of the output]. Keras counts a Functional's calls from 1."""
    from .functional import Functional

    operation = tensor.node.operation
    index = graph.node_indices(operation).index(operation.inbound_nodes.index(tensor.node))
    return [operation.name, index + isinstance(operation, Functional), tensor.index]


def functional_from_config(cls, config, custom_objects=None):
    """A model of class `cls` from the configuration of a Functional.

    Raises:
        ValueError: calls that refer to each other in a circle or to layers that are not there.
    """
    config = copy.deepcopy(config)
    entries = config.pop("layers")
    inputs, outputs = config.pop("input_layers"), config.pop("output_layers")
    name, trainable = config.pop("name", None), config.pop("trainable", None)
    config.pop("dtype", None)
    made, waiting = _Layers(), []
    for entry in entries:
        layer = made[entry["name"]] = _make_layer(entry, custom_objects)
        waiting += [(layer, call) for call in entry.get("inbound_nodes") or ()]
    for key, layer in made.items():
        made.before[key] = 0 if isinstance(layer, InputLayer) else len(layer.inbound_nodes)
    while waiting:
        blocked = []
        stuck = set()  # a layer's calls keep their order: what is behind a blocked one waits too
        for layer, call in waiting:
            arguments = None if id(layer) in stuck else _arguments(call, made, custom_objects)
            if arguments is None:
                stuck.add(id(layer))
                blocked.append((layer, call))
            else:
                layer(*arguments[0], **arguments[1])
        if len(blocked) == len(waiting):
            raise ValueError(
                "the configuration's calls cannot be put in order: those of "
                f"{sorted({layer.name for layer, _ in blocked})} wait for tensors that none makes"
            )
        waiting = blocked

    def tensor(place):
        from .functional import Functional

        layer_name, node, index = place
        layer = made[layer_name]
        node += made.before[layer_name] - isinstance(layer, Functional)
        return layer.inbound_nodes[node].output_tensors[index]

    return cls(
        inputs=_map_places(tensor, inputs),
        outputs=_map_places(tensor, outputs),
        name=name,
        **({} if trainable is None else {"trainable": trainable}),
        **config,
    )


class _Layers(dict):
    """{name: layer} of a model that is being made; before: {name: how many calls models inside this one made of it}."""

    def __init__(self):
        super().__init__()
        self.before = {}


def _make_layer(entry, custom_objects):
    if is_op_config(entry):
        return op_from_config(entry)
    if "module" not in entry:  # the older form, of .h5 files
        from ..saving.model_file import known_by_name

        return deserialize_keras_object(entry, custom_objects=custom_objects, module_objects=known_by_name())
    return deserialize_keras_object(entry, custom_objects=custom_objects)


def _map_places(function, places):
    """function(place) in each place's place; a place is [layer's name, int, int]."""
    if isinstance(places, dict):
        return {key: _map_places(function, part) for key, part in places.items()}
    if len(places) == 3 and isinstance(places[0], str):
        return function(places)
    return [_map_places(function, part) for part in places]


def _arguments(call, made, custom_objects):
    """(args, kwargs) of a call, or None while a tensor it needs is not there yet."""
    if isinstance(call, list):
        return _older_arguments(call, made)
    args = deserialize_keras_object(call["args"], custom_objects=custom_objects)
    kwargs = deserialize_keras_object(call["kwargs"], custom_objects=custom_objects)
    missing = []

    def revive(x):
        history = getattr(x, "saved_history", None)
        if history is None:
            return x
        found = _find_tensor(history, made)
        if found is None:
            missing.append(x)
        return found

    args, kwargs = nest.map_leaves(revive, args), nest.map_leaves(revive, kwargs)
    return None if missing else (args, kwargs)


def _older_arguments(call, made):
    """The arguments in the older form: [[layer's name, call, output, kwargs], ...]."""
    if call and isinstance(call[0], str):
        call = [call]
    tensors = [_find_tensor(place[:3], made) for place in call]
    if any(tensor is None for tensor in tensors):
        return None
    kwargs = call[0][3] if len(call[0]) > 3 else {}
    return [tensors[0] if len(tensors) == 1 else tensors], kwargs


def _find_tensor(place, made):
    name, node, index = place
    if name not in made:
        raise ValueError(
            f"the configuration refers to a layer {name!r} that it does not hold; it holds {list(made)}"
        )
    nodes = made[name].inbound_nodes[made.before[name] :]
    return nodes[node].output_tensors[index] if node < len(nodes) else None


def sequential_config(model):
    """The configuration of a Sequential."""
    from .model import Model

    config = {
        **super(Model, model).get_config(),
        "layers": [serialize_keras_object(layer) for layer in model._stack],
    }
    if model._functional is not None:
        config["build_input_shape"] = model._stack[0].batch_shape
    return copy.deepcopy(config)


def sequential_from_config(cls, config, custom_objects=None):
    """A model of class `cls` from the configuration of a Sequential."""
    if "layers" not in config:
        raise ValueError(
            f"{cls.__name__}.from_config: the configuration must hold 'name' and 'layers', "
            f"received the keys {sorted(config)}"
        )
    model = cls(name=config.get("name"))
    for entry in config["layers"]:
        model.add(_make_layer(entry, custom_objects), rebuild=False)
    shape = config.get("build_input_shape")
    if model._stack:
        model._rebuild()
        if (
            model._functional is None
            and shape
            and (len(model._stack) > 1 or not isinstance(model._stack[0], InputLayer))
        ):
            model.build(tuple(shape))
    if config.get("trainable") is False:
        model._trainable = False  # which of its layers would train otherwise, their own configurations say
    return model
