"""The record of a training run."""

from .callback import Callback


class History(Callback):
    """What `fit` returns: `history` maps each log's name to its values by epoch; `epoch` lists the epochs.

    Source: Keras 3 `callbacks.History`.
    """

    def __init__(self):
        super().__init__()
        self.history = {}
        self.epoch = []

    def on_train_begin(self, logs=None):
        self.epoch = []

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self
