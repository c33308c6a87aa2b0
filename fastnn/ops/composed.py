"""Gradients of fused records by way of the plain ops they stand for."""

from ..engine.op import context
from ..engine.tape import GradientTape, backpropagate


def gradient_of(compose):
    """A `grad` rule that writes the op out as `compose(*inputs, **attrs)` and differentiates that.

    For gradients of gradients: rare, so not worth a kernel, and right by construction. `compose` returns one
    tensor an output, made with ops of its arguments alone.
    """

    def grad(call, *douts):
        tape = GradientTape()
        outer, context.tapes = context.tapes, (*context.tapes, tape)
        try:
            outputs = compose(*call.inputs, **call.attrs)
        finally:
            context.tapes = outer
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        return backpropagate(tape.calls, list(outputs), list(call.inputs), list(douts))

    return grad
