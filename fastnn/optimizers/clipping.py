"""Gradients cut to a norm."""

from .. import ops


def clip_by_norm(gradient, norm):
    """`gradient`, scaled down to this L2 norm where its own is larger."""
    length = ops.sqrt(ops.sum(ops.square(gradient)))
    return gradient * norm / ops.maximum(length, norm)


def global_norm(gradients):
    """The L2 norm of all gradients' elements together."""
    squares = [ops.sum(ops.square(g)) for g in gradients if g is not None]
    return ops.sqrt(ops.sum(ops.stack(squares)))


def clip_by_global_norm(gradients, norm):
    """All gradients, scaled down by one factor to this common norm where theirs is larger; NaN where it is none."""
    length = global_norm(gradients)
    scale = norm * ops.minimum(1.0 / length, 1.0 / norm)
    # An infinite norm must not become a factor of 0: inf - inf is NaN, which shows what happened.
    scale = scale + (length - length)
    return [g if g is None else g * scale for g in gradients]
