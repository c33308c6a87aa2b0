"""Models drawn as graphs. Needs pydot and Graphviz."""

import os

from ..engine import nest
from ..layers import InputLayer
from ..saving.atomic import atomic_file


def model_to_dot(
    model,
    show_shapes=False,
    show_dtype=False,
    show_layer_names=True,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    subgraph=False,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
    **kwargs,
):
    """A pydot.Dot of a model's layers; arguments as in `plot_model`, `subgraph` for a pydot.Cluster.

    Raises:
        ValueError: the model is not built. ImportError: pydot is not installed.
    Source: Keras 3 `utils.model_to_dot`.
    """
    pydot = _pydot()
    kwargs.pop("layer_range", None)
    if kwargs:
        raise ValueError(f"plot_model: there is no argument {', '.join(map(repr, kwargs))}")
    if not model.built:
        raise ValueError(
            f"{model.name!r} is not built, so its layers' shapes are not known; call build(input_shape) or "
            "fit first"
        )
    show = {
        "shapes": show_shapes,
        "dtype": show_dtype,
        "names": show_layer_names,
        "activations": show_layer_activations,
        "trainable": show_trainable,
    }
    options = dict(rankdir=rankdir, splines=splines, dpi=dpi)
    drawing = _Drawing(pydot, show, expand_nested, options)
    if subgraph:
        graph = pydot.Cluster(graph_name=_quoted(model.name), label=_quoted(model.name), style="dashed")
    else:
        graph = pydot.Dot(graph_type="digraph", concentrate=True, **options)
        graph.set_node_defaults(shape="record")
    drawing.draw(model, graph, "")
    return graph


def plot_model(
    model,
    to_file="model.png",
    show_shapes=False,
    show_dtype=False,
    show_layer_names=False,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
    **kwargs,
):
    """Draw a model into a file (PNG, SVG, PDF ... by its ending); in a notebook, show it.

    Args:
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable: what a box says.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: draw the layers of models inside.
    Raises:
        ImportError: pydot, or the program `dot` of Graphviz, is not installed.
    Source: Keras 3 `utils.plot_model`.
    """
    graph = model_to_dot(
        model,
        show_shapes,
        show_dtype,
        show_layer_names,
        rankdir,
        expand_nested,
        dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
        **kwargs,
    )
    to_file = os.fspath(to_file)
    ending = os.path.splitext(to_file)[1][1:] or "png"
    to_file = to_file if os.path.splitext(to_file)[1] else f"{to_file}.png"
    with atomic_file(to_file) as file:
        file.write(_drawn(graph, ending))
    if ending != "pdf":
        try:
            from IPython import display
        except ImportError:
            return None
        return display.SVG(filename=to_file) if ending == "svg" else display.Image(filename=to_file)
    return None


def _drawn(graph, form):
    """The contents of a file of this form."""
    if form == "raw":
        return graph.to_string().encode()
    try:
        return graph.create(format=form)
    except (OSError, AssertionError) as error:
        raise ImportError(
            "plot_model needs the program `dot`: install Graphviz (apt install graphviz, see "
            f"https://graphviz.org/download). It was not found, or cannot write {form!r}: {error}"
        ) from None


def _pydot():
    try:
        import pydot
    except ImportError:
        raise ImportError(
            "plot_model needs pydot (pip install 'fastnn[plot]') and Graphviz (https://graphviz.org)"
        ) from None
    return pydot


class _Drawing:
    """Draws models into graphs of pydot. `show`: what boxes say."""

    def __init__(self, pydot, show, expand, options):
        self.pydot, self.show, self.expand, self.options = pydot, show, expand, options

    def draw(self, model, graph, prefix):
        """Add the model's layers to `graph`; (names of the first boxes, names of the last ones)."""
        inner = getattr(model, "_functional", None) or model
        if not hasattr(inner, "_graph"):
            return self._draw_row(model.layers, graph, prefix)
        ends = {}
        for operation in inner.operations:
            ends[id(operation)] = self._box(operation, graph, prefix)
        drawn = set()
        for node in inner._graph.nodes:
            for tensor in node.input_tensors:
                pairs = [
                    (a, b) for a in ends[id(tensor.node.operation)][1] for b in ends[id(node.operation)][0]
                ]
                for pair in pairs:
                    if pair not in drawn:
                        drawn.add(pair)
                        graph.add_edge(self.pydot.Edge(*pair))
        return (
            [name for x in inner.inputs for name in ends[id(x.node.operation)][0]],
            [name for y in inner.outputs for name in ends[id(y.node.operation)][1]],
        )

    def _draw_row(self, layers, graph, prefix):
        """Layers of a subclassed model: boxes without edges, as what flows between them is Python's business."""
        ends = [self._box(layer, graph, prefix) for layer in layers]
        return ends[0][0] if ends else [], ends[-1][1] if ends else []

    def _box(self, layer, graph, prefix):
        name = f"{prefix}{layer.name}"
        if self.expand and hasattr(layer, "layers") and getattr(layer, "built", False):
            cluster = self.pydot.Cluster(graph_name=_quoted(name), label=_quoted(layer.name), style="dashed")
            ends = self.draw(layer, cluster, f"{name}/")
            graph.add_subgraph(cluster)
            return ends
        graph.add_node(self.pydot.Node(_quoted(name), label=self._label(layer)))
        return [_quoted(name)], [_quoted(name)]

    def _label(self, layer):
        rows = [f"{layer.name} ({type(layer).__name__})" if self.show["names"] else type(layer).__name__]
        if self.show["activations"] and getattr(layer, "activation", None) is not None:
            activation = layer.activation
            rows.append(
                f"Activation: {getattr(activation, '__name__', getattr(activation, 'name', activation))}"
            )
        cells = []
        if self.show["shapes"]:
            cells += [f"Input shape: {_shapes(layer, 'input')}", f"Output shape: {_shapes(layer, 'output')}"]
        if self.show["dtype"]:
            cells.append(f"Output dtype: {_dtypes(layer)}")
        if self.show["trainable"] and hasattr(layer, "weights"):
            cells.append("Trainable" if layer.trainable else "Non-trainable")
        if cells:
            rows.append("{" + "|".join(_escaped(cell) for cell in cells) + "}")
        body = "|".join(row if row.startswith("{") else _escaped(row) for row in rows)
        return '"{' + body + '}"'


def _calls(layer):
    return getattr(layer, "inbound_nodes", None) or []


def _tensors(layer, end):
    nodes = _calls(layer)
    if not nodes:
        return []
    return (
        nodes[-1].output_tensors
        if end == "output" or isinstance(layer, InputLayer)
        else nodes[-1].input_tensors
    )


def _shapes(layer, end):
    shapes = [tuple(tensor.shape) for tensor in nest.flatten(list(_tensors(layer, end)))]
    return "?" if not shapes else str(shapes[0] if len(shapes) == 1 else shapes)


def _dtypes(layer):
    names = [tensor.dtype for tensor in _tensors(layer, "output")]
    return ", ".join(names) or "?"


def _escaped(text):
    for mark in '\\{}|<>"':
        text = text.replace(mark, f"\\{mark}")
    return text


def _quoted(name):
    return '"' + name.replace('"', "'") + '"'
