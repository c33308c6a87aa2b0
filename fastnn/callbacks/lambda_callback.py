"""A callback made of functions."""

from .callback import Callback


class LambdaCallback(Callback):
    """Hooks given as functions: epoch hooks take (epoch, logs), batch hooks (batch, logs), train hooks
    (logs).

    Any other hook of `Callback` may be given by its name too.
    Source: Keras 3 `callbacks.LambdaCallback`.
    """

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_train_begin=None,
        on_train_end=None,
        on_train_batch_begin=None,
        on_train_batch_end=None,
        **kwargs,
    ):
        super().__init__()
        hooks = dict(
            on_epoch_begin=on_epoch_begin,
            on_epoch_end=on_epoch_end,
            on_train_begin=on_train_begin,
            on_train_end=on_train_end,
            on_train_batch_begin=on_train_batch_begin,
            on_train_batch_end=on_train_batch_end,
            **kwargs,
        )
        for name, function in hooks.items():
            if function is not None:
                setattr(self, name, function)
