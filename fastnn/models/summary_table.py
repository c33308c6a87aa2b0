"""`model.summary()`: the layers as a table."""

import math
import re
import shutil

from ..engine.dtypes import NUMPY
from ..layers import Layer

_MOST_WIDE = {False: 88, True: 108}  # without and with the column of connections


def print_summary(
    model,
    line_length=None,
    positions=None,
    print_fn=None,
    expand_nested=False,
    show_trainable=False,
    layer_range=None,
):
    """Print the table; see `Model.summary` for the arguments."""
    text = summary_text(model, line_length, positions, expand_nested, show_trainable, layer_range)
    if print_fn is None:
        print(text)
    else:
        print_fn(text + "\n")


def summary_text(
    model, line_length=None, positions=None, expand_nested=False, show_trainable=False, layer_range=None
):
    """The table as text."""
    connected = _needs_connections(model)
    header, align = ["Layer (type)", "Output Shape", "Param #"], ["<", "<", ">"]
    positions = list(positions) if positions else ([0.3, 0.56, 0.74, 1.0] if connected else [0.45, 0.80, 1.0])
    if connected:
        header.append("Connected to")
        align.append("<")
    most = _MOST_WIDE[connected]
    if show_trainable:
        header.append("Trainable")
        align.append("^")
        positions = [p * 0.90 for p in positions] + [1.0]
        most += 12
    length = line_length or max(40, min(most, shutil.get_terminal_size().columns - 4))
    widths = _widths(positions, length)
    operations = getattr(model, "operations", None) or model.layers
    rows = []
    for operation in _in_range(operations, layer_range):
        rows += _rows(operation, model, connected, show_trainable, expand_nested, 0)
    lines = [f'Model: "{model.name}"', *_table(header, rows, widths, align), *_totals(model)]
    return "\n".join(lines)


def _needs_connections(model):
    """Whether the layers are no plain row: several inputs of a call, several calls at one depth or of one
    layer."""
    graph = getattr(model, "_graph", None)
    if graph is None:
        return False
    if any(len(nodes) > 1 or len(nodes[0].input_tensors) > 1 for nodes in graph.nodes_by_depth.values()):
        return True
    return any(len(graph.node_indices(operation)) > 1 for operation in graph.operations)


def _widths(positions, length):
    """The columns' widths, a space either side of the text included, bars not.

    The columns end where `positions` say; what spaces and bars take is taken from all of them alike, as in Keras.
    """
    ends = [int(p * length) if p <= 1 else int(p) for p in positions]
    widths = [end - start for start, end in zip([0, *ends], ends)]
    spare = sum(widths) - (length - len(widths) - 1)
    for i, width in enumerate(widths):
        taken = round(spare / (len(widths) - i))
        widths[i] = width - taken
        spare -= taken
    if min(widths) < 4:
        raise ValueError(f"summary: a line of {length} characters is too narrow for {len(positions)} columns")
    return widths


def _in_range(operations, layer_range):
    if layer_range is None:
        return operations
    if len(layer_range) != 2 or not all(isinstance(name, str) for name in layer_range):
        raise ValueError(
            f"summary: `layer_range` must be two layer names or patterns, received {layer_range!r}"
        )
    found = [[i for i, op in enumerate(operations) if re.match(pattern, op.name)] for pattern in layer_range]
    if not all(found):
        raise ValueError(
            f"summary: `layer_range`={layer_range!r} matches no layers; there are "
            f"{[op.name for op in operations]}"
        )
    first, last = min(found[0]), max(found[1])
    if first > last:
        first, last = min(found[1]), max(found[0])
    return operations[first : last + 1]


def _rows(operation, model, connected, show_trainable, expand_nested, depth):
    mark = "   " * depth + "└ " if depth else ""
    row = [
        f"{mark}{operation.name} ({_type_name(operation)})",
        _output_shape(operation),
        _parameters(operation),
    ]
    if connected:
        row.append(_connections(operation, model))
    if show_trainable:
        row.append("-" if not getattr(operation, "weights", None) else "Y" if operation.trainable else "N")
    rows = [row]
    if expand_nested:
        for inner in getattr(operation, "layers", None) or ():
            rows += _rows(inner, model, connected, show_trainable, True, depth + 1)
    return rows


def _type_name(operation):
    function = getattr(operation, "function", None)  # an op's: it goes by that name, as in Keras
    if function is not None and type(operation).__module__.startswith(("fastnn.engine", "fastnn.models")):
        return "".join(part.capitalize() for part in function.__name__.split("_"))
    return type(operation).__name__


def _output_shape(operation):
    nodes = getattr(operation, "inbound_nodes", ())
    if nodes:
        shapes = [str(tuple(t.shape)) for t in nodes[-1].output_tensors]
        return shapes[0] if len(shapes) == 1 else f"[{', '.join(shapes)}]"
    shapes = getattr(operation, "_build_shapes", None)
    if not shapes or not _tells_shapes(operation):
        return "?"
    try:
        shape = operation.compute_output_shape(*shapes.values())
    except (NotImplementedError, TypeError, ValueError):
        return "?"
    return str(shape)


def _tells_shapes(operation):
    """Whether a layer that was called on tensors alone says what comes out: not a user's own without
    compute_output_shape(), which may give anything for a next input."""
    kind = type(operation)
    known = next(
        base for base in kind.__mro__ if base.__module__.partition(".")[0] == __name__.partition(".")[0]
    )
    return (
        known.__name__ not in ("Layer", "Model")
        or kind.compute_output_shape is not Layer.compute_output_shape
    )


def _parameters(operation):
    if not hasattr(operation, "built"):
        return "0"
    return f"{operation.count_params():,}" if operation.built else "0 (unbuilt)"


def _connections(operation, model):
    sources = []
    for i in model._graph.node_indices(operation):
        for x in operation.inbound_nodes[i].input_tensors:
            made_by = x.node.operation
            sources.append(f"{made_by.name}[{made_by.inbound_nodes.index(x.node)}][{x.index}]")
    return ", ".join(sources) or "-"


def _table(header, rows, widths, align):
    lines = [_rule("┏━┳┓", widths), *_cells(header, widths, align, "┃"), _rule("┡━╇┩", widths)]
    for i, row in enumerate(rows):
        if i:
            lines.append(_rule("├─┼┤", widths))
        lines += _cells(row, widths, align, "│")
    lines.append(_rule("└─┴┘", widths))
    return lines


def _rule(marks, widths):
    left, line, middle, right = marks
    return left + middle.join(line * width for width in widths) + right


def _cells(row, widths, align, bar):
    columns = [_wrap(text, width - 2) for text, width in zip(row, widths)]
    height = max(map(len, columns))
    lines = []
    for i in range(height):
        parts = [
            f" {(column[i] if i < len(column) else ''):{side}{width - 2}} "
            for column, width, side in zip(columns, widths, align)
        ]
        lines.append(bar + bar.join(parts) + bar)
    return lines


def _wrap(text, width):
    """Lines of at most `width` characters, broken at spaces; of a longer word the beginning."""
    lines = [""]
    for word in re.findall(r"\s*\S+\s*", text):
        if lines[-1] and len(lines[-1]) + len(word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    lines = [line.rstrip() for line in lines]
    return [line if len(line) <= width else line[: width - 1] + "…" for line in lines]


def _totals(model):
    trainable, frozen = model.trainable_weights, model.non_trainable_weights
    optimizer = getattr(model, "optimizer", None)
    slots = (
        optimizer.variables
        if getattr(model, "compiled", False) and optimizer is not None and getattr(optimizer, "built", False)
        else None
    )
    lines = [
        _total("Total", [*trainable, *frozen, *(slots or [])]),
        _total("Trainable", trainable),
        _total("Non-trainable", frozen),
    ]
    if slots is not None:
        lines.append(_total("Optimizer", slots))
    return lines


def _total(what, variables):
    count = sum(math.prod(v.shape) for v in variables)
    nbytes = sum(math.prod(v.shape) * NUMPY[v.dtype].itemsize for v in variables)
    return f" {what} params: {count:,} ({_memory(nbytes)})"


def _memory(nbytes):
    for unit in ("B", "KB", "MB", "GB"):
        if nbytes < 1024:
            return f"{nbytes:.2f} {unit}"
        nbytes /= 1024
    return f"{nbytes:.2f} TB"
