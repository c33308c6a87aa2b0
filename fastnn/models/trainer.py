"""Training, evaluation and prediction: what `compile`, `fit` and their kin do for any model."""

import inspect
import warnings

import numpy as np

from .. import metrics as metrics_module
from .. import ops, optimizers
from ..data import checks, fill, leaves_of, pack_x_y_sample_weight, unpack_x_y_sample_weight
from ..engine import dtypes, nest, settings
from ..engine.dtypes import STRING
from ..engine.graph import Graph
from ..engine.stateless import StatelessScope, checked_pairs
from ..engine.symbolic import KerasTensor
from ..engine.tape import GradientTape
from ..engine.tensor import TraceError
from .compile_spec import CompiledLoss, CompiledMetrics, match_labels
from .eager_step import first_batch
from .programs import Program, Programs, batch_specs, make_step, runs_as_python, signature_of


def _are_metrics(given):
    """Whether what stands in the place of `loss_weights` is a list of metrics."""
    return isinstance(given, (list, tuple)) and any(
        isinstance(one, (str, metrics_module.Metric)) or callable(one) for one in given
    )


# Names that are there once: the interpreter's caches keep each new string that an attribute was looked up by.
_STEPS = {stage: f"{stage}_step" for stage in ("train", "test", "predict")}


class Trainer:
    """What a Model knows of training; see `fitting.Fitting` for the loops.

    Source: Keras 3 `Trainer`.
    """

    def _init_trainer(self):
        self.compiled = False
        self.optimizer = None
        self.loss = None
        self.stop_training = False
        self.training_state = None  # beside the weights, from the file that it was loaded from: see run_state
        self.run_eagerly = False
        self.jit_compile = True
        self.steps_per_execution = 1
        self._compile_loss = self._compile_metrics = self._loss_tracker = None
        self._compile_config = None
        self._programs = Programs()
        self._quick = {}  # plain signatures of the *_on_batch calls and predict -> Program
        self._output_like = None  # the outputs' structure, KerasTensors for leaves
        self._class_limits = ()  # (place among the labels' leaves, how many classes they may number), where so checked
        parameters = inspect.signature(self.compute_loss).parameters
        self._compute_loss_has_training_arg = "training" in parameters

    # ---- compile

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
        auto_scale_loss=True,
    ):
        """Choose how to train.

        Args:
            optimizer: a name or an Optimizer.
            loss: a name, a Loss or a function (y_true, y_pred) -> a loss a sample; with several outputs also
                a list, or a dict by output name; None for an output without a loss.
            loss_weights: numbers the losses are multiplied with before they are added, in the same form.
            metrics: a list of names, Metrics or functions; with several outputs a list of such lists or a
                dict.
            weighted_metrics: the same, and weighted by `sample_weight` or `class_weight`.
            run_eagerly: run steps as Python, op by op, to look at values.
            steps_per_execution: how many steps come between two calls of callbacks' batch hooks.
            jit_compile, auto_scale_loss: accepted as in Keras; steps are always compiled.
        Raises:
            ValueError: an unknown name, or losses that do not fit the outputs.
        """
        if metrics is None and _are_metrics(loss_weights):  # Keras 2's order of arguments
            loss_weights, metrics = None, loss_weights
        if isinstance(steps_per_execution, bool) or int(steps_per_execution) < 1:
            raise ValueError(
                f"compile: `steps_per_execution` must be a positive integer, received {steps_per_execution!r}"
            )
        names = getattr(self, "output_names", None)
        compile_loss = None if loss is None else CompiledLoss(loss, loss_weights, names)
        compile_metrics = None
        if metrics or weighted_metrics:
            compile_metrics = CompiledMetrics(metrics, weighted_metrics, names)
        set_untracked(
            self,
            optimizer=optimizers.get(optimizer),
            loss=loss,
            _compile_loss=compile_loss,
            _class_limits=(),
            _compile_metrics=compile_metrics,
            _loss_tracker=metrics_module.Mean(name="loss"),
        )
        self.run_eagerly = bool(run_eagerly)
        self.jit_compile = not run_eagerly if jit_compile == "auto" else bool(jit_compile)
        self.steps_per_execution = int(steps_per_execution)
        self.stop_training = False
        self.compiled = True
        self._forget_programs()
        set_untracked(
            self,
            _trainable_at_compile=self._trainable_state(),
            _compile_config=dict(
                optimizer=self.optimizer,
                loss=loss,
                loss_weights=loss_weights,
                metrics=metrics,
                weighted_metrics=weighted_metrics,
                run_eagerly=self.run_eagerly,
                steps_per_execution=self.steps_per_execution,
                jit_compile=self.jit_compile,
            ),
        )

    def _forget_programs(self):
        """Trace anew from now on: what steps do has changed."""
        self._programs.clear()
        self._quick.clear()

    def _trainable_state(self):
        return {id(layer): layer.trainable for layer in self._flatten_layers()}

    def get_compile_config(self):
        """`compile`'s arguments in the form of Keras's files; an empty dict before `compile`."""
        if not self.compiled or self._compile_config is None:
            return {}
        from ..saving.serialization import serialize_keras_object

        return {key: serialize_keras_object(value) for key, value in self._compile_config.items()}

    def compile_from_config(self, config):
        """Call `compile` with what `get_compile_config` returned."""
        if type(self).compile is not Trainer.compile:
            warnings.warn(
                f"{type(self).__name__} has its own compile(), so it was not called while loading; "
                "write compile_from_config(config) as well, or call compile() yourself",
                stacklevel=2,
            )
            return
        from ..saving.serialization import deserialize_keras_object

        self.compile(**deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    def _assert_compiled(self, method):
        if not self.compiled:
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: compile() must be called before "
                f"{method}(); for instance model.compile(optimizer='adam', loss='mse')"
            )
        before = getattr(self, "_trainable_at_compile", None)
        if before is not None and before != self._trainable_state() and self.built:
            changed = [
                layer.name
                for layer in self._flatten_layers()
                if before.get(id(layer), layer.trainable) != layer.trainable
            ]
            if changed and not self.trainable_weights:
                return  # see _weights_to_train
            if changed:
                warnings.warn(
                    f"`trainable` of {', '.join(changed)} was changed after compile(); call "
                    "compile() again for the change to count",
                    stacklevel=3,
                )
            set_untracked(self, _trainable_at_compile=self._trainable_state())

    def _weights_to_train(self):
        """`trainable_weights`; of a model that was frozen as a whole after compile(), those of compile().

        So a discriminator goes on learning by its own steps once it is frozen for the GAN that it is a part of, as in
        Keras 2. Keras 3's step would change nothing.
        """
        before = getattr(self, "_trainable_at_compile", None)
        weights = self.trainable_weights
        if weights or self.trainable or not before:
            return weights
        return [
            variable
            for layer in self._flatten_layers()
            if before.get(id(layer))
            for variable in layer._trainable_variables
        ]

    # ---- metrics

    @property
    def metrics(self):
        """The loss's mean, the compiled metrics, the outputs' losses, then metrics held by this model and its
        layers."""
        found = []
        if self.compiled:
            found += [metric for metric in (self._loss_tracker, self._compile_metrics) if metric is not None]
            if self._compile_loss is not None:
                found += self._compile_loss.metrics
        found += self._metrics
        for layer in self._flatten_layers(include_self=False):
            if not isinstance(layer, Trainer):
                found += layer._metrics
        return found

    @property
    def metrics_names(self):
        """The names of what `evaluate` returns, in its order; metrics are known once there was data."""
        names = []
        for metric in self.metrics:
            names += metric.log_names if isinstance(metric, CompiledMetrics) else [metric.name]
        return self._log_order(names)

    def reset_metrics(self):
        """Set the state of all metrics to their beginning."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self):
        """{log name: value} of all metrics, as tensors."""
        results = {}
        for metric in self.metrics:
            result = metric.result()
            if isinstance(result, dict):
                results.update(result)
            else:
                results[metric.name] = result
        return results

    # ---- the step, in parts that may be overridden

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The total loss, a scalar tensor: the compiled losses, and what layers and regularizers add.

        Raises:
            ValueError: there is nothing to compute.
        """
        losses = []
        if self._compile_loss is not None:
            loss = self._compile_loss(y, y_pred, sample_weight)
            if loss is not None:
                losses.append(loss)
        for loss in self.losses:
            loss = loss if dtypes.is_float(loss.dtype) else ops.cast(loss, settings.float_dtype())
            losses.append(ops.sum(loss) if tuple(loss.shape) else loss)
        if not losses:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} has no loss: give `loss` to compile(), "
                "for instance loss='mse', or override compute_loss()"
            )
        total = losses[0]
        for loss in losses[1:]:
            total = ops.add(total, loss)
        return total

    def _compute_loss(self, x, y, y_pred, sample_weight, training):
        if self._compute_loss_has_training_arg:
            return self.compute_loss(x, y, y_pred, sample_weight, training=training)
        return self.compute_loss(x, y, y_pred, sample_weight)

    def stateless_compute_loss(
        self,
        trainable_variables,
        non_trainable_variables,
        metrics_variables,
        x=None,
        y=None,
        y_pred=None,
        sample_weight=None,
        training=True,
    ):
        """(loss, (trainable, non-trainable, metrics' values after it)), had the variables these values."""
        state = self.non_trainable_variables
        pairs = checked_pairs(
            f"{type(self).__name__} {self.name!r}",
            (self.trainable_variables, trainable_variables, "trainable_variables"),
            (state, non_trainable_variables, "non_trainable_variables"),
            (self.metrics_variables, metrics_variables, "metrics_variables"),
        )
        with StatelessScope(pairs) as scope:
            loss = self._compute_loss(x, y, y_pred, sample_weight, training)
        after = [[scope.value_or_own(v) for v in some] for some in (state, self.metrics_variables)]
        return loss, (list(trainable_variables), *after)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Update the compiled metrics; {log name: value} of all metrics."""
        if self._compile_metrics is not None:
            self._compile_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def train_step(self, data):
        """One step of training on a batch: x, (x, y) or (x, y, sample_weight). Returns the logs.

        Override it for a training of your own; it is traced and compiled the same way.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self._compute_loss(x, y, y_pred, sample_weight, True)
            scaled = loss if self.optimizer is None else self.optimizer.scale_loss(loss)
        self._loss_tracker.update_state(loss, sample_weight=leaves_of(x)[0].shape[0])
        weights = self._weights_to_train()
        if not weights:
            warnings.warn(
                f"{type(self).__name__} {self.name!r} has no trainable weights, so nothing is learnt",
                stacklevel=2,
            )
        else:
            self.optimizer.apply(tape.gradient(scaled, weights), weights)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data):
        """One step of evaluation on a batch. Returns the logs."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        loss = self._compute_loss(x, y, y_pred, sample_weight, False)
        self._loss_tracker.update_state(loss, sample_weight=leaves_of(x)[0].shape[0])
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data):
        """The outputs for a batch."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self(x, training=False)

    def make_train_function(self, force=False):
        """Trace training steps anew (`force`); they are traced by themselves when they are first run."""
        if force:
            self._forget_programs()

    make_test_function = make_predict_function = make_train_function

    # ---- programs

    def input_dtypes_for(self, x):
        """The dtype each leaf of an input structure is fed as, None where the data's own kind decides."""
        return [None] * len(leaves_of(x))

    def look_ups_of(self, x):
        """[(place among the leaves of x, layer)]: the layers that look rows up by an input's very values."""
        return []

    def program_for(self, kind, data, rows=None):
        """The Program of a kind ("train", "test", "predict", ...) for batches like `data`; made where there
        is none.

        kind: "once" at its end sets the metrics to their beginning first and always returns the logs.
        """
        specs = batch_specs(self, data, rows)
        key = signature_of(kind, data, specs)
        program = self._programs.get(key)
        if program is None:
            self._prepare(kind, data, specs)
            program = self._programs.keep(key, self._trace(kind, data, specs))
        return program

    def plan(self, stage="train"):
        """The compiled plan that `fit` ("train"), `evaluate` ("test") or `predict` ("predict") used last: its
        `describe()` is the list of its instructions as text, its `profile()` times them.

        Raises:
            ValueError: nothing was compiled for that stage yet, or the model runs eagerly.
        """
        program = self._programs.latest(stage)
        if program is None or not hasattr(program.step, "plan"):
            raise ValueError(
                f"plan: {type(self).__name__} {self.name!r} has compiled nothing for {stage!r} yet; call fit, "
                "evaluate or predict first (without run_eagerly=True)"
            )
        return program.step.plan

    def _trace(self, kind, data, specs):
        if kind == "predict":
            return Program(
                make_step(self, lambda batch: self.predict_step(pack_x_y_sample_weight(*batch)), data, specs)
            )
        stage, _, once = kind.partition(" ")
        step = self.train_step if stage == "train" else self.test_step
        # Default steps leave their logs to the metrics' variables, which Python reads when it wants them; so
        # metrics with a costly result (AUC) cost nothing a step.
        plain = self._has_plain_step(stage) and type(self).compute_metrics is Trainer.compute_metrics
        keeps_logs = bool(once) or not plain

        def body(batch):
            if once:
                self.reset_metrics()
            logs = step(pack_x_y_sample_weight(*batch))
            return logs if keeps_logs else None

        known = self._metric_variables()
        traced = make_step(self, body, data, specs)
        if once and known != self._metric_variables():  # made on a first batch: the reset did not reach them
            traced = make_step(self, body, data, specs)
        return Program(traced, keeps_logs)

    def _metric_variables(self):
        return [id(variable) for metric in self.metrics for variable in metric.variables]

    def _prepare(self, kind, data, specs):
        """Build whatever is not built, so that no variable has to be made inside a trace."""
        stage = kind.split(" ")[0]
        unbuilt = [layer for layer in self._flatten_layers() if not layer.built]
        loss, metrics = self._compile_loss, self._compile_metrics
        training = stage != "predict"
        fit_to_outputs = training and any(part is not None and not part.built for part in (loss, metrics))
        if unbuilt or fit_to_outputs:
            try:
                self._build_by_calling(data, specs, stage)
            except NotImplementedError:
                # A model without call() whose own train_step uses its parts: these are built as that is traced.
                if self._has_plain_step(stage):
                    raise
        if stage == "train" and self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self._weights_to_train())

    def _has_plain_step(self, stage):
        """Whether the steps of "train", "test" or "predict" are the Trainer's own."""
        name = _STEPS[stage]
        return getattr(getattr(self, name), "__func__", None) is getattr(Trainer, name)

    def _knows_labels(self, stage):
        """Whether a stage's labels must be what compile()'s loss takes: a step or compute_loss() that a user wrote may
        read anything else from them, and none at all."""
        return self._has_plain_step(stage) and type(self).compute_loss is Trainer.compute_loss

    def _build_by_calling(self, data, specs, stage):
        """Call the model once: on traced tensors, which computes nothing and changes no state; on the first rows where
        it reads strings, or looks at values, as it may if steps run as Python."""
        if not any(dtype == STRING for _, dtype in specs):
            graph = Graph()
            try:
                with graph:
                    given = [graph.input(shape, dtype) for shape, dtype in specs]
                    self._build_parts(fill(data, given), stage)
                return
            except TraceError:
                if not runs_as_python(self, specs):
                    raise
        self._build_parts(fill(data, first_batch(leaves_of(data), specs)), stage)

    def _build_parts(self, batch, stage):
        """Build the model, and its losses and metrics, from a batch (x, y, sample_weight) of tensors."""
        x, y, _ = batch
        y_pred = self(x, training=False)
        for part in (self._compile_metrics, self._compile_loss) if stage != "predict" else ():
            if part is None or part.built:
                continue
            known = self._knows_labels(stage)
            if y is not None:
                try:
                    part.build(y, y_pred)
                except (TypeError, ValueError):
                    if known:
                        raise
            elif known:
                raise ValueError(
                    "`y` is None, but compile() was given a loss or metrics: pass "
                    "the labels, fit(x, y); a source of batches must yield (x, y)"
                )
        set_untracked(
            self, _output_like=nest.map_leaves(lambda t: KerasTensor((None, *t.shape[1:]), t.dtype), y_pred)
        )

    # ---- checks of labels, once a fit

    def check_targets_of(self, stage, y):
        """`check_targets` where the stage's step makes of labels what compile() says."""
        if self._knows_labels(stage):
            self.check_targets(y)
        else:
            set_untracked(self, _class_limits=())

    def check_targets(self, y, what="y"):
        """Raise ValueError for labels that cannot be right: none, NaN, or no class of the outputs."""
        if self._compile_loss is None:
            return
        if y is None:
            raise ValueError(
                f"`{what}` is None, but compile() was given loss={self.loss!r}; pass the labels: fit(x, y)"
            )
        checks.check_no_nan(y, what)
        like = self._outputs_like()
        if like is None:
            return
        loss = self._compile_loss
        if not loss.built:
            loss.build(y, like)
        labels = match_labels(y, like, loss.names, loss.wanted)
        outputs = nest.flatten(like)
        places = {id(leaf): place for place, leaf in enumerate(leaves_of(y))}
        limits = [
            (places[id(labels[i])], checks.class_limit(one, outputs[i].shape))
            for i, one, _, _ in loss.entries
            if id(labels[i]) in places
        ]
        set_untracked(self, _class_limits=[(place, limit) for place, limit in limits if limit is not None])
        for i, one, _, name in loss.entries:
            several = len(outputs) > 1
            checks.check_labels(
                one,
                labels[i],
                outputs[i].shape,
                f"{what}[{name}]" if several else what,
                f"output {name!r}" if several else "the model's output",
            )

    def check_next_targets(self, stage, y):
        """The check of a further batch's labels, after that of the first: quick where they are right."""
        limits = self._class_limits
        if not limits or y is None:
            return
        leaves = (y,) if type(y) is np.ndarray else leaves_of(y)
        for place, limit in limits:
            if place >= len(leaves) or not _are_classes(np.asarray(leaves[place]), limit):
                self.check_targets_of(
                    stage, nest.map_leaves(np.asarray, y)
                )  # raises, or finds labels of another form
                return

    def _outputs_like(self):
        return self._output_like

    # ---- logs

    def running_logs(self, run):
        """The logs after a run's last step: what the step returned, or else the metrics' results."""
        return run.results() if run.program.keeps_logs else self.get_metrics_result()

    def _pass_logs(self, run):
        """The logs of a pass: the metrics' results where the step's own logs have the same names, else
        those."""
        results = self.get_metrics_result()
        if run.program is None or not run.program.keeps_logs:
            return results
        logs = run.results()
        return results if isinstance(logs, dict) and set(logs) == set(results) else logs

    def _logs_in_order(self, logs):
        """Logs as `evaluate` returns them, in order; one alone bare."""
        values = [logs[name] for name in self._log_order(logs)]
        return values[0] if len(values) == 1 else values

    def _log_order(self, logs):
        """Names of logs as Keras orders them: loss first, metrics in their order, then others by name."""
        names = []
        for metric in self.metrics:
            names += (
                [m.name for m in metric.metrics] if isinstance(metric, CompiledMetrics) else [metric.name]
            )
        return [*(name for name in names if name in logs), *sorted(key for key in logs if key not in names)]


def _are_classes(labels, limit):
    """Whether all of an array's numbers lie in 0 .. limit - 1."""
    if not labels.size:
        return True
    if labels.dtype.kind == "i":  # one look instead of two: as unsigned numbers, negative ones are large
        return labels.view(f"u{labels.dtype.itemsize}").max() < limit
    return labels.max() < limit and labels.min() >= 0


def to_numpy(structure):
    """Tensors of a structure as NumPy arrays that may be written to."""
    return nest.map_leaves(lambda t: t.array if hasattr(t, "array") else t, structure)


def set_untracked(model, **values):
    """Set attributes without the model's tracker taking them (or what is in them) for its own layers and
    metrics."""
    for name, value in values.items():
        object.__setattr__(model, name, value)
