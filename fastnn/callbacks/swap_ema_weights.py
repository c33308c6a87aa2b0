"""Evaluate with the moving averages of the weights."""

from .callback import Callback


class SwapEMAWeights(Callback):
    """Exchanges the weights for the optimizer's moving averages while the model is evaluated or predicts.

    swap_on_epoch: exchange at the end of an epoch too, so that callbacks after this one (ModelCheckpoint) see the
        averages, and back at the beginning of the next.
    Raises:
        ValueError: the optimizer keeps no averages; it needs use_ema=True.
    Source: Keras 3 `callbacks.SwapEMAWeights`.
    """

    def __init__(self, swap_on_epoch=False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._ema_weights_in_model = False

    def on_epoch_begin(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._put(False)

    def on_epoch_end(self, epoch, logs=None):
        if self.swap_on_epoch and not self._ema_weights_in_model:
            self._put(True)
            if epoch == self.params["epochs"] - 1:
                # fit ends by assigning the averages to the weights: both are the averages now.
                for variable, average in self._pairs():
                    average.assign(variable)

    def on_test_begin(self, logs=None):
        self._put(True)

    def on_test_end(self, logs=None):
        self._put(False)

    def on_predict_begin(self, logs=None):
        self._put(True)

    def on_predict_end(self, logs=None):
        self._put(False)

    def _pairs(self):
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        averages = getattr(optimizer, "_averages", None)
        if not averages:
            raise ValueError(
                f"SwapEMAWeights: the optimizer {optimizer.name!r} keeps no moving averages; make it with "
                "use_ema=True"
            )
        return [
            pair for pair in zip(optimizer._trainable_variables, averages, strict=True) if pair[1] is not None
        ]

    def _put(self, averages):
        """Have the averages, or the weights themselves, in the model."""
        if averages == self._ema_weights_in_model:
            return
        for variable, average in self._pairs():
            value = variable.numpy()
            variable.assign(average)
            average.assign(value)
        self._ema_weights_in_model = averages
