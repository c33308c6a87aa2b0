"""Layers of one known cell: where its arguments allow, the whole sequence is one op."""

from .rnn import RNN


def without_cudnn(layer, use_cudnn):
    """The argument `use_cudnn`, checked: there is no GPU here."""
    if use_cudnn not in ("auto", False):
        raise ValueError(f"{layer}: `use_cudnn` must be 'auto' or False, received {use_cudnn!r}; fastnn runs on CPUs")
    return use_cudnn


class FusedRNN(RNN):
    """The base of SimpleRNN, LSTM and GRU."""

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        return cls(**config)
