"""Stop when the loss is no longer a number, and say where that came from."""

import math

from .callback import Callback
from .nan_origin import State, find_origin


class TerminateOnNaN(Callback):
    """Ends training with the step whose loss is NaN or infinite, and prints which layer first made it.

    Steps run many at a time as without this callback. When the loss turns out to be bad, the state from before these
    steps is put back and they are run again one by one, up to the first bad one.

    Args:
        raise_error: raise RuntimeError instead of setting `model.stop_training`.
    Source: Keras 3 `callbacks.TerminateOnNaN`.
    """

    per_chunk = True

    def __init__(self, raise_error=False):
        super().__init__()
        self.raise_error = raise_error
        self._before = None

    def listens(self, stage):
        """Never: `check_chunk` asks for the logs itself."""
        return False

    def on_chunk_begin(self, stage, run):
        """Before a chunk of steps: keep the state that they start from."""
        if stage == "train":
            self._before = State(self.model)

    def check_chunk(self, stage, run, first, steps):
        """After a chunk of `steps`, of which the first has the number `first`: whether to go on.

        Returns how many of the steps stand.
        """
        if stage != "train" or not _is_bad(self.model.running_logs(run)):
            return steps
        done = 1
        if steps > 1:
            self._before.restore()
            run.rewind(steps)
            for done in range(1, steps + 1):  # noqa: B007 - the number of the bad step is what is looked for
                self._before = State(self.model)
                run.run(1)
                if _is_bad(self.model.running_logs(run)):
                    break
        batch = first + done - 1
        origin = find_origin(self.model, run.last_batch(), self._before)
        if self.raise_error:
            raise RuntimeError(f"NaN or infinite loss found at batch {batch}: {origin}")
        print(f"Batch {batch}: Invalid loss, terminating training: {origin}")
        self.model.stop_training = True
        return done

    def on_train_batch_end(self, batch, logs=None):
        """Nothing: `check_chunk` has looked."""


def _is_bad(logs):
    loss = logs.get("loss") if isinstance(logs, dict) else None
    return loss is not None and not math.isfinite(float(loss))
