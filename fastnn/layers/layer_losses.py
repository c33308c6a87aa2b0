"""LayerLosses: the part of a Layer that is about what it adds to the loss."""

import weakref

from .. import ops
from ..engine import nest
from ..engine.loops import InnerGraph
from ..engine.op import context
from ..engine.tensor import Tensor, Traced
from ..engine.variable import convert
from .call_state import state
from .input_spec import describe


class LayerLosses:
    """Losses that are noted while `call` runs, and the penalties on weights and outputs."""

    def add_loss(self, loss):
        """Add a scalar (or several) to what training minimises; for use inside `call`.

        Raises:
            ValueError: something that is no tensor.
        """
        for one in nest.flatten(loss):
            if not isinstance(one, Tensor):
                raise ValueError(
                    f"{describe(self)}: add_loss takes scalar tensors computed inside call(), "
                    f"received {one!r}"
                )
            # A traced loss lives as long as its graph: a strong reference here would keep a whole trace in
            # memory.
            if isinstance(context.graph, InnerGraph):  # in a loop: what all steps add
                context.graph.tallies.append((one, self.add_loss))
                continue
            self._losses.append(weakref.ref(one) if type(one) is Traced else one)
        state.losses_exist = True

    def add_metric(self, value, name=None, aggregation="mean"):
        """Keras 2's way to log the mean of a tensor over an epoch, under `name`; for use inside `call`.

        In Keras 3: make a metrics.Mean in `__init__` and call its update_state in `call`.
        Raises:
            ValueError: no name, or a value that is no tensor.
        """
        if not isinstance(name, str) or aggregation not in ("mean", None):
            raise ValueError(
                f"{describe(self)}: add_metric takes a `name` and aggregation='mean', received name={name!r}, "
                f"aggregation={aggregation!r}"
            )
        if not isinstance(value, Tensor):
            raise ValueError(
                f"{describe(self)}: add_metric takes a tensor computed inside call(), received {value!r}. For a "
                "functional model put the computation into a Layer whose call() adds the metric and returns its input"
            )
        metric = next((one for one in self._metrics if one.name == name), None)
        if metric is None:
            from ..metrics import Mean

            locked, self._tracker.locked = self._tracker.locked, None
            metric = self._tracker.track(Mean(name=name))
            self._tracker.locked = locked
        metric.update_state(value)

    def _own_losses(self):
        found = []
        for entry in self._losses:
            loss = entry() if type(entry) is weakref.ref else entry
            if loss is not None and (type(loss) is not Traced or loss.graph is context.graph):
                found.append(loss)
        return found

    def _clear_losses(self):
        for layer in self._flatten_layers():
            layer._losses.clear()

    @property
    def losses(self):
        """Scalars to add to the loss: from `add_loss` in the latest call, and the weights' penalties.

        While a function is traced, only what was added in this trace counts.
        """
        found = [loss for layer in self._flatten_layers() for loss in layer._own_losses()]
        for variable in self.trainable_weights:
            if variable.regularizer is not None:
                found.append(variable.regularizer(variable))
        return found

    def _add_activity_losses(self, outputs):
        for output in nest.flatten(outputs):
            if isinstance(output, Tensor):
                loss = self.activity_regularizer(output)
                if output.shape:
                    loss = ops.divide(loss, convert(float(max(output.shape[0], 1)), dtype=loss.dtype))
                self.add_loss(loss)
