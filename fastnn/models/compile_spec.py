"""What `compile` was told about losses and metrics, fitted to the model's outputs once these are known."""

from .. import losses as losses_module
from .. import metrics as metrics_module
from .. import ops
from ..engine import nest
from ..engine.symbolic import snake_case

_BY_SHAPE = ("accuracy", "acc", "crossentropy", "ce")  # names whose meaning follows from the shapes


def output_names_of(y_pred, model_names):
    """A name for each output in `nest` order, None where there is none to be had."""
    leaves = nest.flatten(y_pred)
    if isinstance(y_pred, dict) and len(y_pred) == len(leaves):
        return sorted(y_pred)
    if model_names is not None and len(model_names) == len(leaves):
        return list(model_names)
    return [None] * len(leaves)


def by_output(values, y_pred, names, what):
    """`values` (a structure, or a dict by output name) as a flat list with one entry an output; missing
    ones None."""
    count = len(nest.flatten(y_pred))
    if isinstance(values, dict):
        unknown = [key for key in values if key not in names]
        if not unknown:
            return [values.get(name) for name in names]
        if isinstance(y_pred, dict) or count > 1 or len(values) > 1 or all(names):
            raise ValueError(
                f"`{what}` has the key(s) {unknown}, the model's outputs are called {names}; use those names"
            )
    flat = nest.flatten(values)
    if len(flat) != count:
        raise ValueError(
            f"`{what}` has {len(flat)} entries, the model has {count} output(s)"
            + (f", {names}" if any(names) else "")
            + "; give one for each, None where there is "
            "none"
        )
    return flat


def _chosen_by_shape(kinds, y_true, y_pred):
    """Of (binary, sparse categorical, categorical) the one that fits the shapes of labels and outputs."""
    binary, sparse, dense = kinds
    if y_pred.shape and y_pred.shape[-1] == 1:
        return binary
    if len(y_true.shape) < len(y_pred.shape) or (y_true.shape[-1] == 1 and y_pred.shape[-1] > 1):
        return sparse
    return dense


def resolve_loss(identifier, y_true, y_pred):
    """A Loss object for a name, a function or an object; "crossentropy" and "ce" go by the shapes."""
    if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce"):
        loss = _chosen_by_shape(
            (
                losses_module.binary_crossentropy,
                losses_module.sparse_categorical_crossentropy,
                losses_module.categorical_crossentropy,
            ),
            y_true,
            y_pred,
        )
    else:
        loss = losses_module.get(identifier)
    if isinstance(loss, losses_module.Loss):
        return loss
    return losses_module.LossFunctionWrapper(
        loss, name=identifier if isinstance(identifier, str) else _name_of(loss)
    )


def resolve_metric(identifier, y_true, y_pred):
    """A Metric object for a name, a function or an object; "accuracy" and "crossentropy" go by the shapes."""
    m = metrics_module
    if isinstance(identifier, str) and identifier.lower() in ("accuracy", "acc"):
        kinds = m.BinaryAccuracy, m.SparseCategoricalAccuracy, m.CategoricalAccuracy
        return _chosen_by_shape(kinds, y_true, y_pred)(name=identifier)
    if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce"):
        kinds = m.BinaryCrossentropy, m.SparseCategoricalCrossentropy, m.CategoricalCrossentropy
        return _chosen_by_shape(kinds, y_true, y_pred)(name=identifier)
    metric = m.get(identifier)
    if not isinstance(metric, m.Metric):
        metric = m.MeanMetricWrapper(metric, name=_name_of(metric))
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


def _name_of(function):
    """What logs call a function or an object that was given for a loss or metric."""
    if isinstance(getattr(function, "name", None), str):
        return function.name
    if not hasattr(function, "__name__") and hasattr(function, "func"):
        return _name_of(function.func)  # functools.partial
    return snake_case(getattr(function, "__name__", type(function).__name__))


def match_labels(y_true, y_pred, names, wanted):
    """The labels as a flat list with one entry an output, None for outputs that have none.

    wanted: the outputs that a loss or metric needs, by position; labels may be given for these alone.
    """
    count = len(nest.flatten(y_pred))
    if isinstance(y_true, dict):
        if all(name in y_true for i, name in enumerate(names) if i in wanted):
            return [y_true.get(name) for name in names]
        flat = nest.flatten(y_true)
        if len(flat) != count or (all(names) and count > 1 and not isinstance(y_pred, dict)):
            unknown = [key for key in y_true if key not in names]
            raise ValueError(
                f"`y` has the key(s) {unknown or sorted(y_true)}, the model's outputs are called {names}; use those "
                "names"
            )
        return flat
    flat = nest.flatten(y_true)
    if len(flat) == count:
        return flat
    if len(flat) == len(wanted):
        given = dict(zip(sorted(wanted), flat))
        return [given.get(i) for i in range(count)]
    raise ValueError(
        f"`y` has {len(flat)} array(s), the model has {count} output(s)"
        + (f" ({', '.join(names)})" if all(names) else "")
        + "; give one array for each"
    )


class _FittedToOutputs:
    """What losses and metrics share: they are fitted to labels and outputs at the first that they see.

    `metrics`: those that hold their state. A `build` sets `names`, of the outputs, and `wanted`, those looked at.
    """

    built = False

    @property
    def variables(self):
        """The state of `metrics`."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def _matched(self, y_true, y_pred, sample_weight):
        """(outputs, labels, weights), flat lists with one entry an output."""
        if not self.built:
            self.build(y_true, y_pred)
        outputs = nest.flatten(y_pred)
        labels = match_labels(y_true, y_pred, self.names, self.wanted)
        return outputs, labels, spread_weights(sample_weight, outputs, y_pred, self.names, self.wanted)


class CompiledLoss(_FittedToOutputs):
    """The losses of all outputs and their weighted sum.

    entries, once built: [(output's position, Loss, weight or None, name)]. metrics: a Mean for each entry,
    where there are several.
    """

    def __init__(self, loss, loss_weights=None, output_names=None):
        if loss_weights is not None and not isinstance(loss_weights, (list, tuple, dict, float, int)):
            raise ValueError(
                "compile: `loss_weights` must be a number, a list or a dict by output name, "
                f"received {loss_weights!r}"
            )
        for identifier in nest.flatten(loss):  # a misspelt name is told at compile
            if isinstance(identifier, str) and identifier.lower() not in _BY_SHAPE[2:]:
                losses_module.get(identifier)
            elif identifier is not None and not callable(identifier) and not isinstance(identifier, str):
                raise ValueError(
                    "compile: `loss` must be a name, a function or a Loss (or a list or dict of "
                    f"them), received {identifier!r}"
                )
        self.loss = loss
        self.loss_weights = loss_weights
        self.output_names = output_names
        self.entries = []
        self.metrics = []

    def build(self, y_true, y_pred):
        """Fit the losses to labels and outputs (shapes are enough)."""
        outputs = nest.flatten(y_pred)
        names = output_names_of(y_pred, self.output_names)
        losses, weights = self._per_output(y_pred, names)
        wanted = {i for i, loss in enumerate(losses) if loss is not None}
        labels = match_labels(y_true, y_pred, names, wanted)
        self.names, self.wanted, entries = names, wanted, []
        for i in self._order(y_pred):
            some, weight = losses[i], weights[i]
            for one in some if isinstance(some, (list, tuple)) else [some]:
                if one is None:
                    continue
                if labels[i] is None:
                    raise ValueError(
                        f"`y` is missing for output {names[i] or i}, which has the loss "
                        f"{one!r}; pass its labels, or give it no loss (None)"
                    )
                loss = resolve_loss(one, labels[i], outputs[i])
                entries.append((i, loss, weight, names[i] or loss.name))
        self.entries = entries
        if len(entries) > 1:
            self.metrics = [
                metrics_module.Mean(name=name) for name in _unique([f"{name}_loss" for *_, name in entries])
            ]
        self.built = True

    def _order(self, y_pred):
        """The outputs' positions as evaluate() lists their losses: by a dict of losses, if there is one."""
        if isinstance(self.loss, dict) and isinstance(y_pred, dict):
            given = list(self.loss)
            return sorted(range(len(self.names)), key=lambda i: (given + self.names).index(self.names[i]))
        return range(len(self.names))

    def _per_output(self, y_pred, names):
        count = len(nest.flatten(y_pred))
        loss, weights = self.loss, self.loss_weights
        if not isinstance(loss, (list, tuple, dict)):
            losses = [loss] * count
        elif count == 1 and isinstance(loss, (list, tuple)) and len(loss) > 1:
            losses = [list(loss)]  # several losses of one output are added
        else:
            losses = by_output(loss, y_pred, names, "loss")
        if weights is None:
            weights = [None] * count
        elif isinstance(weights, (int, float)):
            weights = [weights] * count
        else:
            weights = by_output(weights, y_pred, names, "loss_weights")
        return losses, weights

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The weighted sum of the losses, a scalar; notes each loss on its own where there are several."""
        outputs, labels, weights = self._matched(y_true, y_pred, sample_weight)
        total = None
        for k, (i, loss, weight, _) in enumerate(self.entries):
            value = loss(labels[i], outputs[i], weights[i])
            if self.metrics:
                self.metrics[k].update_state(value, sample_weight=outputs[i].shape[0])
            if weight is not None:
                value = ops.multiply(value, weight)
            total = value if total is None else ops.add(total, value)
        return total


def spread_weights(sample_weight, outputs, y_pred, names, wanted):
    """Sample weights as a flat list with one entry an output."""
    if sample_weight is None:
        return [None] * len(outputs)
    flat = nest.flatten(sample_weight)
    if len(flat) == 1 and not isinstance(sample_weight, dict):
        return flat * len(outputs)
    return match_labels(sample_weight, y_pred, names, wanted)


def _unique(names):
    """Names with _1, _2, ... after those that came before."""
    seen, unique = {}, []
    for name in names:
        count = seen.get(name, 0)
        seen[name] = count + 1
        unique.append(name if count == 0 else f"{name}_{count}")
    return unique


class CompiledMetrics(_FittedToOutputs, metrics_module.Metric):
    """The metrics of all outputs as one: `result` is a dict by log name.

    entries, once built: [(output's position, Metric, log name, weighted)].
    """

    def __init__(self, metrics, weighted_metrics=None, output_names=None):
        super().__init__(name="compile_metrics")
        for what, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if given and not isinstance(given, (list, tuple, dict)):
                raise ValueError(
                    f"compile: `{what}` must be a list, tuple or dict, received {given!r}; "
                    f"write {what}=[{given!r}]"
                )
            for identifier in nest.flatten(given or []):
                if isinstance(identifier, str) and identifier.lower() not in _BY_SHAPE[:2]:
                    metrics_module.get(identifier)
        self._given = metrics, weighted_metrics
        self.output_names = output_names
        self.entries = []

    @property
    def metrics(self):
        """The Metrics, in the order of the logs."""
        return [metric for _, metric, _, _ in self.entries]

    @property
    def log_names(self):
        """Their names in the logs."""
        return [log for _, _, log, _ in self.entries]

    def build(self, y_true, y_pred):
        """Fit the metrics to labels and outputs (shapes are enough)."""
        outputs = nest.flatten(y_pred)
        names = output_names_of(y_pred, self.output_names)
        chosen = []  # (output's position, identifier, weighted)
        for weighted, given, what in (
            (False, self._given[0], "metrics"),
            (True, self._given[1], "weighted_metrics"),
        ):
            for i, some in enumerate(_metrics_by_output(given, y_pred, names, what)):
                chosen += [(i, one, weighted) for one in some]
        self.names, self.wanted = names, {i for i, _, _ in chosen}
        labels = match_labels(y_true, y_pred, names, self.wanted)
        entries, counts = [], {}
        for i, identifier, weighted in chosen:
            if labels[i] is None:
                raise ValueError(
                    f"`y` is missing for output {names[i] or i}, which has the metric {identifier!r}"
                )
            metric = resolve_metric(identifier, labels[i], outputs[i])
            prefix = f"{names[i]}_" if len(outputs) > 1 and names[i] else ""
            log = prefix + metric.name
            if log in counts and weighted:
                log = f"{prefix}weighted_{metric.name}"
            count = counts[log] = counts.get(log, -1) + 1
            entries.append((i, metric, log if count == 0 else f"{log}_{count}", weighted))
        self.entries = entries
        self.built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        outputs, labels, weights = self._matched(y_true, y_pred, sample_weight)
        for i, metric, _, weighted in self.entries:
            if weighted:
                metric.update_state(labels[i], outputs[i], weights[i])
            else:
                metric.update_state(labels[i], outputs[i])

    def reset_state(self):
        for metric in self.metrics:
            metric.reset_state()

    def result(self):
        return {log: metric.result() for _, metric, log, _ in self.entries}


def _metrics_by_output(given, y_pred, names, what):
    """A list of metric identifiers for each output."""
    count = len(nest.flatten(y_pred))
    if not given:
        return [[] for _ in range(count)]
    if isinstance(given, dict):
        unknown = [key for key in given if key not in names]
        if unknown and count == 1:
            return [[one for some in given.values() for one in _listed(some)]]
        if unknown:
            raise ValueError(
                f"`{what}` has the key(s) {unknown}, the model's outputs are called {names}; use those names"
            )
        return [_listed(given.get(name)) for name in names]
    if count == 1:
        return [[one for one in nest.flatten(given) if one is not None]]
    if len(given) != count:
        raise ValueError(
            f"`{what}` must have one entry (or list of entries) for each of the {count} outputs "
            f"{names}, received {len(given)}: {given!r}"
        )
    return [_listed(some) for some in given]


def _listed(some):
    if some is None:
        return []
    return [one for one in some if one is not None] if isinstance(some, (list, tuple)) else [some]
