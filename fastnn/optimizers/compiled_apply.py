"""An optimizer's step called from eager code, run as a plan: one pass over the weights in place of an op at a time."""

from ..engine.op import context, suspended
from ..engine.step import Step
from ..engine.tensor import Tensor
from ..engine.variable import Variable
from ..ops.table_rows import rows_of
from .schedules import LearningRateSchedule

_MOST_KEPT = 8


class Kept(dict):
    """{what a step depends on: Step}. A copy of its optimizer begins without any."""

    def __deepcopy__(self, memo):
        return Kept()

    def __reduce__(self):
        return Kept, ()


def can_compile(optimizer, grads):
    """Whether a step may be traced: no trace and no StatelessScope is around it, and no code of the user's in it."""
    rate = optimizer._learning_rate
    return (
        context.graph is None
        and context.stateless is None
        and type(optimizer).__module__.startswith("fastnn.")
        and isinstance(rate, (Variable, LearningRateSchedule))
        and type(rate).__module__.startswith("fastnn.")
        and not any(v.constraint is not None for v in optimizer._trainable_variables)
        and all(type(g) is Tensor and rows_of(g) is None for g in grads)  # rows: see row_updates.py
    )


def apply_compiled(optimizer, update, grads, variables):
    """update(grads, variables) as a plan that is kept for gradients and settings alike."""
    kept = optimizer._compiled
    key = (
        tuple([id(v) for v in variables]),
        tuple([(g.array.shape, g.array.dtype) for g in grads]),
        optimizer.clipnorm,
        optimizer.clipvalue,
        optimizer.global_clipnorm,
        optimizer.weight_decay,
        id(optimizer._learning_rate),
        optimizer.loss_scale_factor,
        optimizer.use_ema,
    )
    step = kept.get(key)
    with suspended():
        if step is None:
            if len(kept) >= _MOST_KEPT:
                kept.clear()
            step = kept[key] = Step(
                lambda *tensors: update(list(tensors), variables), [(g.shape, g.dtype) for g in grads]
            )
        step.arrays(*[g.array for g in grads])
