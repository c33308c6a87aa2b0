"""Discretization: numbers as the bins they fall into."""

import numpy as np

from .. import ops
from ..engine.variable import convert
from .adapting import Adapting, batches_of
from .category_encoding import checked_mode, checked_sparse, encode, encoded_shape


class Discretization(Adapting):
    """The number of the bin that each input falls into, or that number as a vector.

    Args:
        bin_boundaries: where one bin ends and the next begins, in order.
        num_bins: in place of boundaries: how many bins `adapt` makes, with about as many values in each.
        epsilon: how finely `adapt` keeps the distribution of what it saw, as a share.
        output_mode: "int", "one_hot", "multi_hot" or "count", see CategoryEncoding.
    Raises:
        ValueError: both or none of boundaries and `num_bins`; an unknown mode.
    Source: Keras 3 `layers.Discretization`.
    """

    def __init__(
        self,
        bin_boundaries=None,
        num_bins=None,
        epsilon=0.01,
        output_mode="int",
        sparse=False,
        dtype=None,
        name=None,
    ):
        super().__init__(name=name, dtype=dtype)
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(
                f"Discretization: give `bin_boundaries`, or `num_bins` and call adapt(); received "
                f"bin_boundaries={bin_boundaries}, num_bins={num_bins}"
            )
        if num_bins is not None and num_bins < 0:
            raise ValueError(f"Discretization: `num_bins` must be at least 0, received {num_bins}")
        self.bin_boundaries = None if bin_boundaries is None else list(bin_boundaries)
        self.num_bins = num_bins
        self.epsilon = epsilon
        self.output_mode = checked_mode("Discretization", output_mode)
        self.sparse = checked_sparse("Discretization", sparse)
        self.autocast = False
        self.reset_state()

    def adapt(self, data, steps=None):
        """Find boundaries that share `data` (an array, or a source of batches) among `num_bins` bins."""
        if self.num_bins is None:
            raise ValueError(
                f"Discretization {self.name!r} has fixed `bin_boundaries`; make it with `num_bins` to adapt"
            )
        self.reset_state()
        for batch in batches_of(data, f"Discretization {self.name!r}", steps):
            self.update_state(batch)
        self.finalize_state()

    def reset_state(self):
        """Forget the data seen by `update_state`."""
        self.summary = np.zeros((2, 0), "float32")  # values in order, and how many elements each stands for

    def update_state(self, data):
        """Take the distribution of more data into account."""
        values = np.sort(np.asarray(data, "float32").reshape(-1))
        step = max(values.size * self.epsilon, 1)
        kept = values[int(step - 1) :: int(step)]
        both = np.concatenate([np.stack([kept, np.full_like(kept, step)]), self.summary], axis=1)
        self.summary = _thinned(both[:, np.argsort(both[0])], self.epsilon)

    def finalize_state(self):
        """Make boundaries of what was seen."""
        if self.num_bins is not None:
            self.bin_boundaries = _thinned(self.summary, 1 / self.num_bins)[0, :-1].tolist()

    def call(self, inputs):
        if self.bin_boundaries is None:
            raise ValueError(
                f"Discretization {self.name!r} has no bins yet: call adapt(data) first, or give "
                "`bin_boundaries`"
            )
        bins = ops.digitize(convert(inputs, dtype="float32"), np.asarray(self.bin_boundaries, "float32"))
        dtype = "int32" if self.output_mode == "int" else self._compute_dtype
        return encode(bins, self.output_mode, self._depth, dtype)

    @property
    def _depth(self):
        return self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape, self.output_mode, self._depth)

    def load_own_variables(self, store):
        """Older files hold the summary; newer ones nothing."""
        if len(store.keys()) == 1:
            self.summary = np.asarray(store["0"])

    def get_config(self):
        return {
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.dtype,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        if config.get("bin_boundaries") is None or config.get("num_bins") is None:
            return cls(**config)
        config = dict(config)  # adapted: it has both, which the constructor refuses
        boundaries = config.pop("bin_boundaries")
        layer = cls(**config)
        layer.bin_boundaries = boundaries
        return layer


def _thinned(summary, share):
    """A summary (values, weights) at steps of `share` of its weight; itself where it has fewer values than that."""
    if summary.shape[1] * share < 1:
        return summary
    shares = share + np.arange(0.0, 1.0, share)
    total = summary[1].cumsum()
    values = np.interp(shares, total / total[-1], summary[0])
    weights = np.diff(np.interp(shares, total / total[-1], total), prepend=0.0)
    return np.stack([values, weights]).astype("float32")
