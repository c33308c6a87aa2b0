"""The engine: tensors, op records, tapes, traces, passes and plans. It alone imports the binding."""


def __getattr__(name):
    # Keras 2's programs took these from here: from keras.engine import Layer, InputSpec
    if name in ("Input", "InputLayer", "InputSpec", "Layer"):
        from .. import layers

        return getattr(layers, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
