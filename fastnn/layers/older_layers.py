"""Layers of Keras 2 that Keras 3 has no more: what they are made with now, or what to use in their places."""

import inspect

from .activation import ReLU
from .gru import GRU
from .lstm import LSTM


def _on_any_machine(kind, name):
    """Keras 2's layer `name` for GPUs: a function that makes the `kind` that computes the same."""

    def make(*args, time_major=False, **kwargs):
        given = dict(
            zip(_ARGUMENTS if kind is LSTM else [a for a in _ARGUMENTS if a != "unit_forget_bias"], args)
        )
        if time_major:
            raise ValueError(
                f"{name}: `time_major` must be False: sequences are (batch, time, features); put "
                "Permute((2, 1)) or ops.swapaxes before the layer"
            )
        return kind(**given, **kwargs)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = (
        f"{name}(units, ...): a {kind.__name__} with Keras 2's order of arguments. Its old files load."
    )
    return make


_NOT_ITS_OWN = (
    "activation recurrent_activation use_bias dropout recurrent_dropout seed unroll use_cudnn kwargs".split()
)
_ARGUMENTS = [name for name in inspect.signature(LSTM).parameters if name not in _NOT_ITS_OWN]


def _thresholded_relu(theta=1.0, **kwargs):
    """x where x > theta, else 0: ReLU(threshold=theta)."""
    return ReLU(threshold=float(theta), **kwargs)


MADE_NOW = {
    "CuDNNLSTM": _on_any_machine(LSTM, "CuDNNLSTM"),
    "CuDNNGRU": _on_any_machine(GRU, "CuDNNGRU"),
    "ThresholdedReLU": _thresholded_relu,
}
_INSTEAD = {
    "LocallyConnected1D": "Conv1D, whose kernel is the same at all places; or a layer of your own, with "
    "ops.extract_sequences and an einsum with a kernel for each place",
    "LocallyConnected2D": "Conv2D, whose kernel is the same at all places; or a layer of your own, with "
    "ops.image.extract_patches and an einsum with a kernel for each place",
    "DenseFeatures": "utils.FeatureSpace",
    "SequenceFeatures": "utils.FeatureSpace",
    "RandomHeight": "RandomZoom or RandomCrop",
    "RandomWidth": "RandomZoom or RandomCrop",
    "MaxoutDense": "Dense(units * k), Reshape((units, k)) and ops.max over the last axis",
    "Highway": "Dense layers and Multiply",
    "AbstractRNNCell": "a Layer with `state_size`, `output_size` and call(inputs, states)",
}


def older_layer(name):
    """What makes a layer that only Keras 2 had; for one that is gone, a function that says what to use in its place.

    Raises:
        KeyError: there was none of that name.
    """
    if name in MADE_NOW:
        return MADE_NOW[name]
    instead = _INSTEAD[name]

    def gone(*args, **kwargs):
        raise ValueError(f"layers.{name} was Keras 2's; neither Keras 3 nor fastnn has it. Use {instead}")

    gone.__name__ = gone.__qualname__ = name
    return gone
