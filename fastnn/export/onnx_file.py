"""`Model.export`: a model's forward pass as an ONNX file that runs without fastnn."""

import os

from ..about import VERSION
from ..engine import nest
from ..engine.symbolic import KerasTensor
from ..saving.atomic import atomic_file
from .converters import TABLE
from .onnx_graph import OPSET, OnnxGraph, Unsayable
from .sizes import Varying
from .tracing import Value, trace

_IR_VERSION = 9  # of the file format: what runtimes of the year of OPSET read
_MOST_BYTES = 2**31 - 2**20  # protobuf's limit, and room for the graph
_ELSEWHERE = ("tf_saved_model", "openvino", "litert", "torch")


def export_model(model, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs):
    """See `Model.export`."""
    filepath = os.fspath(filepath)
    if format == "tf_saved_model" and filepath.endswith(".onnx"):
        format = "onnx"
    if format in _ELSEWHERE:
        raise ValueError(
            f"export: format {format!r} needs another framework to write it; fastnn writes format='onnx' (a file "
            "name that ends in '.onnx' says so too). For any other, save the model with "
            "model.save('model.keras'), load that in Keras and export it there"
        )
    if format != "onnx":
        raise ValueError(f"export: `format` must be 'onnx', received {format!r}")
    export_onnx(model, filepath, verbose, input_signature, **kwargs)


def export_onnx(model, filepath, verbose=None, input_signature=None, opset_version=None):
    """Write the forward pass of `model` (inference: training=False) as an ONNX file, whole or not at all.

    Unknown extents of the inputs, the batch's among them, stay unknown in the file.

    Args:
        verbose: False says nothing when it is done.
        input_signature: KerasTensors, InputSpecs or arrays of the inputs' shapes and dtypes, in a list, one for
            each argument of the model's call; made from what the model was built for by default.
        opset_version: 18, or None for that.
    Raises:
        ImportError: the `onnx` package is not installed.
        ValueError: an op that ONNX has no words for, with its layer; a model that is not built.
    """
    if opset_version not in (None, OPSET):
        raise ValueError(f"export: `opset_version` must be {OPSET}, received {opset_version!r}")
    if not model.built:
        raise ValueError(
            f"export: model {model.name!r} is not built, so its inputs are not known; call it on data first"
        )
    data = onnx_bytes(model.name, model, model_arguments(model, input_signature))
    with atomic_file(filepath) as target:
        target.write(data)
    if verbose or verbose is None:
        print(f"Saved artifact at '{filepath}'.")


def onnx_bytes(name, function, arguments):
    """The contents of an ONNX file that computes function(**arguments), a model's at inference.

    Args:
        name: the graph's.
        arguments: {name of an argument: structure of KerasTensors}.
    """
    onnx = _package()

    def call(given):
        if not hasattr(function, "trainable_weights"):
            return function(**given)
        first, *others = given
        return function(given[first], training=False, **{other: given[other] for other in others})

    inputs, calls, outputs = trace(call, arguments)
    own_names = getattr(function, "output_names", None)
    return _as_onnx(onnx, name, own_names, arguments, inputs, calls, outputs).SerializeToString()


def _package():
    try:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
    except ImportError:
        raise ImportError(
            "export to ONNX needs the onnx package: pip install 'fastnn[onnx]', or pip install onnx"
        ) from None
    return onnx


# ---- what goes in


def model_arguments(model, signature):
    """{name of an argument of the model's call: structure of KerasTensors}."""
    if signature is not None:
        specs = specs_of(signature)
        own = getattr(model, "inputs", None)
        if own is not None and len(specs) > 1 and len(own) == len(specs):
            specs = [specs]  # a list of all inputs, not of arguments
        names = (model._signature or model._read_signature()).names
        if len(specs) > len(names):
            raise ValueError(
                f"export: `input_signature` has {len(specs)} entries, the model's call takes {', '.join(names)}"
            )
        return dict(zip(names, specs))
    functional = getattr(model, "_functional", None) or model
    struct = getattr(functional, "_inputs_struct", None)
    if struct is not None:
        return {"inputs": struct}
    arguments = model._call_specs
    if not arguments:
        raise ValueError(
            f"export: what model {model.name!r} takes is not known: call it on data first, or give "
            "`input_signature`, for instance [keras.Input((None, 8))]"
        )
    return arguments


def specs_of(signature):
    """A signature as a list, one structure of KerasTensors for each argument."""
    given = signature if isinstance(signature, (list, tuple)) else [signature]
    return [nest.map_leaves(_spec, one) for one in given]


def _spec(leaf):
    """A leaf of a signature as a KerasTensor; of arrays, the first axis is unknown."""
    if isinstance(leaf, KerasTensor):
        return leaf
    shape, dtype = tuple(leaf.shape), getattr(leaf, "dtype", None)
    if hasattr(leaf, "__array__"):
        shape = (None, *shape[1:])
    dtype = getattr(dtype, "name", dtype)
    return KerasTensor(shape, dtype or "float32", name=getattr(leaf, "name", None))


def _input_names(arguments):
    """A name for each input, in order."""
    names = []
    for argument, value in arguments.items():
        if isinstance(value, dict) and all(isinstance(part, KerasTensor) for part in value.values()):
            names += sorted(value)
            continue
        leaves = [leaf for leaf in nest.flatten(value) if isinstance(leaf, KerasTensor)]
        for i, leaf in enumerate(leaves):
            plain = argument if len(leaves) == 1 else f"{argument}_{i}"
            names.append(leaf.name if leaf.name != "keras_tensor" else plain)
    return names


def _output_names(own, outputs):
    flat = nest.flatten(outputs)
    if isinstance(outputs, dict) and len(outputs) == len(flat):
        return sorted(outputs)
    if own and len(own) == len(flat):
        return list(own)
    return [f"output_{i}" for i in range(len(flat))]


# ---- the graph


def _as_onnx(onnx, title, own_names, arguments, inputs, calls, outputs):
    flat = nest.flatten(outputs)
    wanted = {id(value) for call in calls for value in call.inputs}
    wanted.update(id(value) for value in flat)
    graph = OnnxGraph(onnx, wanted)
    infos, symbols = [], {}
    for value, name in zip(inputs, _input_names(arguments)):
        name = graph.unique(name)
        infos.append(_info(onnx, graph, name, value, symbols))
        graph.bind(value, name)
    output_names = [graph.unique(name) for name in _output_names(own_names, outputs)]
    for call in calls:
        _convert(graph, call)
    results = []
    for value, name in zip(flat, output_names):
        if value is None:
            continue
        source = _named(graph, value, "the model's output", "")
        graph.nodes.append(onnx.helper.make_node("Identity", [source], [name], name=f"{name}:output"))
        results.append(_info(onnx, graph, name, value, symbols))
    nodes, initializers = _reached(graph, [info.name for info in results])
    size = sum(array.nbytes for array in initializers.values())
    if size > _MOST_BYTES:
        raise ValueError(f"export: the weights have {size} bytes, an ONNX file can hold {_MOST_BYTES}")
    made = onnx.helper.make_graph(
        nodes,
        title,
        infos,
        results,
        [onnx.numpy_helper.from_array(array, name) for name, array in initializers.items()],
    )
    file = onnx.helper.make_model(
        made,
        producer_name="fastnn",
        producer_version=VERSION,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
    )
    return file


def _convert(graph, call):
    graph.layer = call.layer
    converter = TABLE.get(call.op)
    where = f"layer {call.layer!r}" if call.layer else "the model itself"
    if converter is None:
        raise ValueError(
            f"export: ONNX has no words for the op {call.op!r} in {where}; take it out of the exported model (what "
            "prepares the inputs can run before it), or write it with other ops"
        )
    names = [_named(graph, value, f"an input of {call.op!r}", where) for value in call.inputs]
    try:
        made = converter(graph, call, *names)
    except Unsayable as error:
        raise ValueError(f"export: ONNX has no words for {error}: the op {call.op!r} in {where}") from None
    for value, name in zip(call.outputs, made if isinstance(made, list) else [made]):
        if name is not None:
            graph.bind(value, name)


def _named(graph, value, what, where):
    try:
        return graph.name(value)
    except Unsayable as error:
        raise ValueError(f"export: ONNX has no words for {error}: {what} in {where or 'the model'}") from None


def _info(onnx, graph, name, value: Value, symbols):
    """An input's or output's declaration; unknown extents by name where they are an input's."""
    shape = []
    for axis, extent in enumerate(value.shape):
        if not isinstance(extent, Varying):
            shape.append(extent)
            continue
        if extent not in symbols:
            symbols[extent] = "batch" if axis == 0 and "batch" not in symbols.values() else f"{name}_{axis}"
        shape.append(symbols[extent])
    return onnx.helper.make_tensor_value_info(name, graph.dtype(value.dtype), shape)


def _reached(graph, results):
    """(nodes, {name: array}) that the results depend on, in order."""
    wanted, nodes = set(results), []
    for node in reversed(graph.nodes):
        if wanted.intersection(node.output):
            nodes.append(node)
            wanted.update(node.input)
            for attribute in node.attribute:
                if attribute.HasField("g"):  # a body reads tensors from around it
                    wanted.update(name for inner in attribute.g.node for name in inner.input)
    return nodes[::-1], {name: array for name, array in graph.initializers.items() if name in wanted}
