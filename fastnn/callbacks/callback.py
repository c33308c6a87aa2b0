"""What every callback is: hooks that training, evaluation and prediction call."""

_BATCH_HOOKS = {
    stage: tuple(f"on_{name}_{when}" for name in names for when in ("begin", "end"))
    for stage, names in {
        "train": ("train_batch", "batch"),
        "test": ("test_batch",),
        "predict": ("predict_batch",),
    }.items()
}


def _default(method):
    """Mark a hook that does nothing, so that it can be told from one that a user wrote."""
    method.is_default_hook = True
    return method


class Callback:
    """Base class of callbacks; override the hooks you need. `self.model` is the model, `self.params` a dict
    with `verbose`, `epochs` and `steps`.

    `logs` holds Python floats: the metrics' running values in batch hooks, an epoch's results (validation's
    with the prefix `val_`) in `on_epoch_end`. A callback with batch hooks makes `fit` come back to Python
    after each step; without any, many steps run in C at a time.
    Source: Keras 3 `callbacks.Callback`.
    """

    # Batch hooks that only look from time to time set this: they are called after each chunk of steps
    # instead.
    per_chunk = False

    def __init__(self):
        self.params = None
        self._model = None

    @property
    def model(self):
        """The model that is trained, evaluated or asked for predictions."""
        return self._model

    def set_params(self, params):
        self.params = params

    def set_model(self, model):
        self._model = model

    def wants_batches(self, stage):
        """Whether a batch hook of `stage` ("train", "test" or "predict") has been written and must see each
        batch."""
        if self.per_chunk:
            return False
        return any(not getattr(getattr(self, name), "is_default_hook", False) for name in _BATCH_HOOKS[stage])

    @_default
    def on_batch_begin(self, batch, logs=None):
        """An older name of `on_train_batch_begin`."""

    @_default
    def on_batch_end(self, batch, logs=None):
        """An older name of `on_train_batch_end`."""

    @_default
    def on_train_batch_begin(self, batch, logs=None):
        """Before a training step; `batch` counts from 0 in each epoch."""
        self.on_batch_begin(batch, logs=logs)

    @_default
    def on_train_batch_end(self, batch, logs=None):
        """After a training step."""
        self.on_batch_end(batch, logs=logs)

    @_default
    def on_test_batch_begin(self, batch, logs=None):
        """Before an evaluation step, of validation too."""

    @_default
    def on_test_batch_end(self, batch, logs=None):
        """After an evaluation step, of validation too."""

    @_default
    def on_predict_batch_begin(self, batch, logs=None):
        """Before a prediction step."""

    @_default
    def on_predict_batch_end(self, batch, logs=None):
        """After a prediction step; `logs` has the step's "outputs"."""

    def on_epoch_begin(self, epoch, logs=None):
        """Before an epoch of training; `epoch` counts from 0."""

    def on_epoch_end(self, epoch, logs=None):
        """After an epoch of training and its validation."""

    def on_train_begin(self, logs=None):
        """Once, before `fit` trains."""

    def on_train_end(self, logs=None):
        """Once, after `fit` trained; `logs` are the last epoch's."""

    def on_test_begin(self, logs=None):
        """Before an evaluation."""

    def on_test_end(self, logs=None):
        """After an evaluation."""

    def on_predict_begin(self, logs=None):
        """Before a prediction."""

    def on_predict_end(self, logs=None):
        """After a prediction."""
