"""The learning rate as a function of the epoch."""

import numpy as np

from .callback import Callback


class LearningRateScheduler(Callback):
    """Sets the learning rate to schedule(epoch, current rate) before each epoch.

    Args:
        schedule: a function (epoch from 0, rate) -> float, or (epoch) -> float.
        verbose: 1 prints the rate.
    Raises:
        ValueError: the function returned no float.
    Source: Keras 3 `callbacks.LearningRateScheduler`.
    """

    def __init__(self, schedule, verbose=0):
        super().__init__()
        if not callable(schedule):
            raise TypeError(
                "LearningRateScheduler: `schedule` must be a function (epoch, rate) -> rate, received "
                f"{schedule!r} of type {type(schedule).__name__}"
            )
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch, logs=None):
        optimizer = self.model.optimizer
        if not hasattr(optimizer, "learning_rate"):
            raise ValueError(f"LearningRateScheduler: the optimizer {optimizer!r} has no `learning_rate`")
        try:
            rate = self.schedule(epoch, float(np.asarray(optimizer.learning_rate)))
        except TypeError:  # a schedule of the epoch alone
            rate = self.schedule(epoch)
        if hasattr(rate, "numpy") and getattr(rate, "shape", None) == ():
            rate = float(rate)
        if not isinstance(rate, (float, np.floating)):
            raise ValueError(
                f"LearningRateScheduler: `schedule` must return a float, received {rate!r} of "
                f"type {type(rate).__name__} for epoch {epoch}"
            )
        optimizer.learning_rate = float(rate)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["learning_rate"] = float(np.asarray(self.model.optimizer.learning_rate))
