"""Where a NaN came from: a step's forward pass again, layer by layer."""

import numpy as np

from ..data import unpack_x_y_sample_weight
from ..engine import nest
from ..engine.op import suspended
from ..engine.tensor import Tensor


class State:
    """A copy of all that a model's training steps change: weights, optimizer, metrics, random generators."""

    def __init__(self, model):
        variables = {
            id(v): v
            for v in [
                *model.variables,
                *(model.optimizer.variables if model.optimizer else ()),
                *(v for metric in model.metrics for v in metric.variables),
            ]
        }
        self.values = [(variable, variable.numpy()) for variable in variables.values()]

    def restore(self):
        """Put the copy back."""
        for variable, value in self.values:
            variable.assign(value)


def find_origin(model, batch, before):
    """Which layer first made NaN or infinity in a step on `batch` that started from the State `before`; a sentence."""
    after = State(model)
    before.restore()
    try:
        with suspended():
            return _search(model, unpack_x_y_sample_weight(batch))
    finally:
        after.restore()


def _search(model, batch):
    x, y, _ = batch
    for what, part in (("inputs", x), ("labels", y)):
        if not _finite(part):
            return f"the {what} of this batch hold NaN or infinity"
    spoilt = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if not layer._layers
        and any(
            not np.isfinite(v.numpy()).all() for v in layer.weights if v.dtype.startswith(("float", "bfloat"))
        )
    ]
    if spoilt:
        more = f" and of {len(spoilt) - 1} more layers" if len(spoilt) > 1 else ""
        return (
            f"the update of the step before made the weights of layer {spoilt[-1].name!r}{more} NaN or infinite; a "
            "smaller learning rate or clipnorm=1.0 in the optimizer may cure it"
        )
    found = []
    layers = model._flatten_layers(include_self=False)
    for layer in layers:
        _watch(layer, found)
    try:
        with np.errstate(all="ignore"):
            outputs = model(nest.map_leaves(_tensor, x), training=True)
    finally:
        for layer in layers:
            layer.__dict__.pop("call", None)
    if found:
        return (
            f"layer {found[0].name!r} ({type(found[0]).__name__}) first made NaN or infinity, of inputs that were "
            "finite"
        )
    if not _finite(outputs):
        return f"the model {model.name!r} made NaN or infinity of finite values, outside any layer"
    return (
        "the outputs of all layers are finite: the loss made it, for instance as the log of 0 or by overflow"
    )


def _watch(layer, found):
    """Note the layer in `found` when its call makes something not finite of finite inputs."""
    call = layer.call

    def watched(*args, **kwargs):
        outputs = call(*args, **kwargs)
        if not found and not _finite(outputs) and _finite((args, kwargs)):
            found.append(layer)
        return outputs

    object.__setattr__(layer, "call", watched)


def _tensor(leaf):
    return leaf if leaf is None else Tensor(leaf.astype(np.float32) if leaf.dtype == np.float64 else leaf)


def _finite(structure):
    for leaf in nest.flatten(structure):
        if isinstance(leaf, (Tensor, np.ndarray)):
            array = leaf.array if isinstance(leaf, Tensor) else leaf
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                return False
    return True
