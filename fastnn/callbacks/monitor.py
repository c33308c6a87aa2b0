"""Callbacks that watch one number and know which way is better."""

import operator
import warnings

from .callback import Callback


class MonitorCallback(Callback):
    """Watches the log `monitor`.

    mode: "min", "max", or "auto": down for losses; for a metric, the way it says itself.
    baseline: the value to beat at first, or None. min_delta: the least change that counts as better.
    """

    def __init__(self, monitor="val_loss", mode="auto", baseline=None, min_delta=0):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__}: `mode` must be 'auto', 'min' or 'max', received {mode!r}; "
                "'auto' is used",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self.monitor_op = None

    def _set_monitor_op(self):
        """Decide the direction; only possible once the model's metrics exist."""
        if self.mode == "min":
            self.monitor_op = operator.lt
        elif self.mode == "max":
            self.monitor_op = operator.gt
        else:
            name = self.monitor.removeprefix("val_")
            if name == "loss" or name.endswith("_loss"):
                self.monitor_op = operator.lt
            for metric in _leaf_metrics(getattr(self.model, "metrics", ())):
                direction = getattr(metric, "_direction", None)
                if direction and (metric.name == name or name.endswith(f"_{metric.name}")):
                    self.monitor_op = operator.gt if direction == "up" else operator.lt
                    if metric.name == name:
                        break
            if self.monitor_op is None:
                raise ValueError(
                    f"{type(self).__name__}: whether {self.monitor!r} should go up or down is not known; "
                    "pass mode='max' or mode='min'"
                )
        if self.monitor_op is operator.lt:
            self.min_delta = -abs(self.min_delta)  # twice makes no difference: a backup may have restored it

    def _is_improvement(self, value, reference):
        if reference is None:
            return True
        return bool(self.monitor_op(value - self.min_delta, reference))


def _leaf_metrics(metrics):
    """The metrics, containers of metrics opened."""
    for metric in metrics:
        inner = getattr(metric, "metrics", None)
        if inner:
            yield from _leaf_metrics(inner)
        else:
            yield metric
