"""Stop when the loss is no longer a number."""

import math

from .callback import Callback


class TerminateOnNaN(Callback):
    """Ends training once the loss is NaN or infinite; looks after each chunk of steps (some 50 ms).

    raise_error: raise RuntimeError instead of setting `model.stop_training`.
    Source: Keras 3 `callbacks.TerminateOnNaN`.
    """

    per_chunk = True

    def __init__(self, raise_error=False):
        super().__init__()
        self.raise_error = raise_error

    def listens(self, stage):
        return stage == "train"

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"NaN or infinite loss found at batch {batch}")
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
