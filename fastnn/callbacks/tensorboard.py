"""Logs for TensorBoard."""

import numbers
import operator
import os
import time
import warnings

import numpy as np

from .. import summary
from ..saving.atomic import atomic_file
from ..summary.writer import create_file_writer, needs_tensorboard, record_if
from .callback import Callback
from .step_trace import StepTrace


class TensorBoard(Callback):
    """Writes event files that TensorBoard reads, into `train` and `validation` inside `log_dir`.

    Needs the package tensorboard (pip install 'fastnn[tensorboard]'), no TensorFlow.

    Args:
        log_dir: a folder; one a run.
        histogram_freq: every so many epochs, write each weight's histogram; 0 for never.
        write_graph: write the graph of layers of a Functional or Sequential model.
        write_images: write weights as images beside their histograms.
        write_steps_per_second: write how fast it trains.
        update_freq: "epoch", "batch", or every how many batches the running logs are written.
        profile_batch: a batch, or (first, last), counted from 1 over all epochs, whose steps' instructions are timed
            into `train/plugins/profile/<time>/host.trace.json.gz`, a trace in Chrome's format; 0 for none.
        embeddings_freq: every so many epochs, write the vectors of Embedding layers for the projector; 0 for never.
        embeddings_metadata: a file with the rows' labels, or {layer name: file}.
        write_grads: accepted as in Keras 2; changes nothing.
    Raises:
        ImportError: tensorboard is not installed.
    Source: Keras 3 `callbacks.TensorBoard`.
    """

    def __init__(
        self,
        log_dir="logs",
        histogram_freq=0,
        write_graph=True,
        write_images=False,
        write_steps_per_second=False,
        update_freq="epoch",
        profile_batch=0,
        embeddings_freq=0,
        embeddings_metadata=None,
        write_grads=False,
    ):
        super().__init__()
        needs_tensorboard("callbacks.TensorBoard")
        if update_freq not in ("batch", "epoch") and (
            isinstance(update_freq, (bool, str)) or update_freq < 1
        ):
            raise ValueError(
                f"TensorBoard: `update_freq` must be 'epoch', 'batch' or a number of batches, received "
                f"{update_freq!r}"
            )
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._writers = {}
        self._contexts = []
        self._train_batch = self._test_batch = 0
        self._first_profiled, self._last_profiled = _batches_of(profile_batch)
        self._trace = None
        self._graph_is_due = False

    def wants_batches(self, stage):
        if stage == "train" and self._train_batch < self._last_profiled:
            return True
        return stage != "predict" and self.update_freq != "epoch"

    def set_model(self, model):
        super().set_model(model)
        self._writers = {}
        self._graph_is_due = self.write_graph and type(model).__name__ in ("Functional", "Sequential")
        self._write_graph_if_due()
        if self.embeddings_freq:
            self._configure_projector()

    # ---- batches

    def on_train_begin(self, logs=None):
        self._train_batch = 0
        self._enter("train", 0)

    def on_train_end(self, logs=None):
        self._leave()
        self._end_trace()
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def on_test_begin(self, logs=None):
        self._enter("validation", self._test_batch)

    def on_test_end(self, logs=None):
        optimizer = self.model.optimizer
        if optimizer is not None and logs:
            with self._writer("validation").as_default():
                for name, value in logs.items():
                    summary.scalar(
                        f"evaluation_{name}_vs_iterations", value, step=int(np.asarray(optimizer.iterations))
                    )
            self._writer("validation").flush()
        self._leave()

    def on_train_batch_begin(self, batch, logs=None):
        self._train_batch += 1
        self._leave()
        self._enter("train", self._train_batch)
        if self._train_batch == self._first_profiled:
            self._trace = StepTrace()
        if self._trace is not None:
            self._trace.begin(self.model)
        self._batch_start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        seconds = time.perf_counter() - self._batch_start
        if self._trace is not None:
            self._trace.end(self._train_batch)
            if self._train_batch >= self._last_profiled:
                self._end_trace()
        if self.write_steps_per_second:
            summary.scalar("batch_steps_per_second", 1 / seconds, step=self._train_batch)
        for name, value in (logs or {}).items():
            summary.scalar(f"batch_{name}", value, step=self._train_batch)

    def on_test_batch_begin(self, batch, logs=None):
        self._test_batch += 1
        self._leave()
        self._enter("validation", self._test_batch)

    def _end_trace(self):
        if self._trace is not None:
            self._trace.write(os.path.join(self.log_dir, "train"))
        self._trace = None

    def _enter(self, run, step):
        """Send summaries that users' code makes in steps to this run's file."""
        if self.update_freq != "epoch":
            contexts = self._writer(run).as_default(step), record_if(step % self.update_freq == 0)
            for context in contexts:
                context.__enter__()
            self._contexts.append(contexts)

    def _leave(self):
        if self._contexts:
            for context in reversed(self._contexts.pop()):
                context.__exit__(None, None, None)

    # ---- epochs

    def on_epoch_begin(self, epoch, logs=None):
        if self.write_steps_per_second:
            self._epoch_start = time.perf_counter(), int(np.asarray(self.model.optimizer.iterations))

    def on_epoch_end(self, epoch, logs=None):
        self._write_graph_if_due()
        if logs:
            self._write_scalars(epoch, logs)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings()

    def _write_scalars(self, epoch, logs):
        train = {name: value for name, value in logs.items() if not name.startswith("val_")}
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        for one in getattr(optimizer, "optimizers", ()):
            train[f"learning_rate_{one.name}"] = float(np.asarray(one.learning_rate))
        if not hasattr(optimizer, "optimizers") and hasattr(optimizer, "learning_rate"):
            train["learning_rate"] = float(np.asarray(optimizer.learning_rate))
        if self.write_steps_per_second:
            start, before = self._epoch_start
            steps = int(np.asarray(self.model.optimizer.iterations)) - before
            train["steps_per_second"] = steps / (time.perf_counter() - start)
        validation = {
            name.removeprefix("val_"): value for name, value in logs.items() if name.startswith("val_")
        }
        for run, values in (("train", train), ("validation", validation)):
            if values:
                with self._writer(run).as_default(), record_if(True):
                    for name, value in values.items():
                        summary.scalar(f"epoch_{name}", value, step=epoch)

    def _write_weights(self, epoch):
        with self._writer("train").as_default(), record_if(True):
            for layer in self.model.layers:
                for weight in layer.weights:
                    values = weight.numpy()
                    summary.histogram(f"{weight.path}/histogram", values, step=epoch)
                    picture = _as_images(values) if self.write_images else None
                    if picture is not None:
                        summary.image(f"{weight.path}/image", picture, step=epoch)
        self._writer("train").flush()

    # ---- the model and its embeddings

    def _write_graph_if_due(self):
        """Write the graph of the model's layers, once: as soon as it is built."""
        if self._graph_is_due and self.model.built:
            self._graph_is_due = False
            self._write_model(self.model)

    def _write_model(self, model):
        with self._writer("train").as_default():
            try:
                summary.graph(model)
            except OSError:  # no room, or a closed folder: all that follows would fail as well
                raise
            except Exception as error:  # a model that cannot be described trains all the same
                warnings.warn(
                    f"TensorBoard: the graph of {model.name!r} could not be written: {error}", stacklevel=3
                )

    def _embeddings(self):
        return [
            layer
            for layer in self.model.layers
            if any(kind.__name__ == "Embedding" for kind in type(layer).__mro__)
        ]

    def _configure_projector(self):
        labels = self.embeddings_metadata
        names = [layer.name for layer in self._embeddings()]
        unknown = sorted(set(labels) - set(names)) if isinstance(labels, dict) else []
        if unknown:
            raise ValueError(
                f"TensorBoard: `embeddings_metadata` names {unknown}; the Embedding layers are {names}"
            )
        os.makedirs(self.log_dir, exist_ok=True)
        with atomic_file(os.path.join(self.log_dir, "projector_config.pbtxt")) as file:
            for name in names:
                path = labels.get(name) if isinstance(labels, dict) else labels
                entry = f'  tensor_name: "{name}"\n  tensor_path: "{name}.tsv"\n'
                entry += f'  metadata_path: "{os.fspath(path)}"\n' if path else ""
                file.write(f"embeddings {{\n{entry}}}\n".encode())

    def _write_embeddings(self):
        for layer in self._embeddings():
            with atomic_file(os.path.join(self.log_dir, f"{layer.name}.tsv")) as file:
                np.savetxt(file, layer.get_weights()[0], "%.7g", delimiter="\t")

    def _writer(self, run):
        if run not in self._writers:
            self._writers[run] = create_file_writer(os.path.join(self.log_dir, run))
        return self._writers[run]


def _batches_of(profile_batch):
    """(first, last) of the batches to profile, from 1; (0, 0) for none."""
    given = profile_batch
    try:
        if isinstance(given, str):
            given = [int(part) for part in given.split(",")]
        pair = (given, given) if isinstance(given, numbers.Integral) else tuple(given)
        pair = pair * 2 if len(pair) == 1 else pair
        first, last = map(operator.index, pair)
    except (TypeError, ValueError):
        first, last = 1, 0
    if not 0 <= first <= last or (first == 0 and last):
        raise ValueError(
            "TensorBoard: `profile_batch` must be a batch's number from 1, a pair (first, last), or 0 for none, "
            f"received {profile_batch!r}"
        )
    return first, last


def _as_images(weight):
    """A weight as grey images (n, height, width, 1), its values spread over 0..1; None where it has too many axes."""
    values = np.squeeze(weight)
    if values.ndim == 1:
        values = values[None, :, None, None]
    elif values.ndim == 2:
        values = (values.T if values.shape[0] > values.shape[1] else values)[None, :, :, None]
    elif values.ndim == 3:
        values = values.transpose(2, 0, 1)[..., None]
    elif values.ndim != 4 or values.shape[-1] not in (1, 3, 4):
        return None
    low, high = values.min(initial=0), values.max(initial=0)
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
