"""The public functions on tensors: Keras's `ops`. One file a family, each op whole in one place."""

from .reduction import (  # noqa: F401
    all,
    any,
    argmax,
    argmin,
    average,
    count_nonzero,
    max,
    mean,
    min,
    prod,
    ptp,
    std,
    sum,
    var,
)
from .softmax import log_softmax, logsumexp, softmax, sparsemax  # noqa: F401
