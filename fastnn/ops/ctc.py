"""Connectionist temporal classification: the loss, and the labels behind a network's outputs.

Source: Graves et al., "Connectionist Temporal Classification", ICML 2006.
"""

import numpy as np

from ..engine.op import define_op
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from .arithmetic import negative
from .casting import cast
from .class_codes import one_hot
from .logic import less
from .reduction import argmax
from .shape import expand_dims

_NEVER = (
    -1e5
)  # the logarithm of a chance of 0, kept finite as Keras does: an impossible alignment costs about this


def _log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


class _Lattice:
    """The paths that stand for each row's labels: states are blank, label, blank, label, ..., blank.

    emit (steps, batch, states): the log chances of the states' classes. ends (batch, states): where a path
    may end.
    """

    def __init__(self, labels, logits, label_lengths, lengths, blank):
        self.batch, self.steps, self.classes = logits.shape
        self.lengths = lengths
        self.log_chances = _log_softmax(logits)
        states = 2 * labels.shape[1] + 1
        self.symbols = np.full((self.batch, states), blank)
        self.symbols[:, 1::2] = labels
        self.emit = np.take_along_axis(np.swapaxes(self.log_chances, 0, 1), self.symbols[None], axis=2)
        # States entered from two before: another label than that.
        self.skips = np.zeros((self.batch, states), bool)
        self.skips[:, 3::2] = self.symbols[:, 3::2] != self.symbols[:, 1:-2:2]
        at = np.arange(states)
        last = 2 * label_lengths[:, None]
        self.ends = (at == last) | (at == last - 1)

    def forward(self):
        """(steps, batch, states): the log chance of all beginnings of paths that are in a state after a
        step."""
        alpha = np.full_like(self.emit, _NEVER)
        for t in range(self.steps):
            if t == 0:
                now = np.full_like(self.emit[0], _NEVER)
                now[:, :2] = self.emit[0][:, :2]
            else:
                before = alpha[t - 1]
                now = np.logaddexp(before, _shifted(before, 1))
                now = np.where(self.skips, np.logaddexp(now, _shifted(before, 2)), now) + self.emit[t]
                now = np.where(t < self.lengths[:, None], now, before)
            alpha[t] = now
        return alpha

    def backward(self):
        """(steps, batch, states): the log chance of all endings of paths after a step in a state."""
        beta = np.full_like(self.emit, _NEVER)
        final = np.where(self.ends, 0, _NEVER).astype(self.emit.dtype)
        for t in range(self.steps)[::-1]:
            if t + 1 == self.steps:
                beta[t] = final
                continue
            later = beta[t + 1] + self.emit[t + 1]
            now = np.logaddexp(later, _shifted(later, -1))
            now = np.logaddexp(now, _shifted(np.where(self.skips, later, _NEVER), -2))
            beta[t] = np.where(t + 1 < self.lengths[:, None], now, final)
        return beta

    def total(self, alpha):
        """(batch,): the log chance of the labels."""
        if self.steps == 0:
            ends = np.where(self.ends & (np.arange(self.ends.shape[1]) == 0), 0, _NEVER)
            return ends.max(1).astype(self.emit.dtype)
        return np.logaddexp.reduce(np.where(self.ends, alpha[-1], _NEVER), axis=1)


def _shifted(x, by):
    """x[:, s - by] at s; never where there is none."""
    out = np.full_like(x, _NEVER)
    if by > 0:
        out[:, by:] = x[:, :-by]
    else:
        out[:, :by] = x[:, -by:]
    return out


def _loss_shape(labels, logits, label_lengths, lengths, *, mask_index):
    if len(labels.shape) != 2 or len(logits.shape) != 3 or labels.shape[0] != logits.shape[0]:
        raise ValueError(
            "ctc_loss: `target` must have shape (batch, labels) and `output` (batch, steps, classes), "
            f"received {tuple(labels.shape)} and {tuple(logits.shape)}"
        )
    for name, x in (("target_length", label_lengths), ("output_length", lengths)):
        if tuple(x.shape) != (labels.shape[0],):
            raise ValueError(
                f"ctc_loss: `{name}` must have shape (batch,), here ({labels.shape[0]},), received "
                f"{tuple(x.shape)}"
            )
    if not 0 <= mask_index < logits.shape[2]:
        raise ValueError(
            f"ctc_loss: `mask_index` must be one of the {logits.shape[2]} classes, received {mask_index}"
        )
    return Spec((labels.shape[0],), logits.dtype)


def _loss_reference(labels, logits, label_lengths, lengths, *, mask_index):
    lattice = _Lattice(labels, logits, label_lengths, lengths, mask_index)
    return -lattice.total(lattice.forward())


def _loss_grad_reference(labels, logits, label_lengths, lengths, dloss, *, mask_index):
    lattice = _Lattice(labels, logits, label_lengths, lengths, mask_index)
    alpha, beta = lattice.forward(), lattice.backward()
    share = np.exp(alpha + beta - lattice.total(alpha)[:, None])  # of all paths, those in a state at a step
    expected = np.zeros_like(logits)
    rows = np.arange(lattice.batch)
    for s in range(lattice.symbols.shape[1]):
        np.add.at(
            expected,
            (rows[:, None], np.arange(lattice.steps)[None], lattice.symbols[:, s, None]),
            share[:, :, s].T,
        )
    used = np.arange(lattice.steps)[None, :, None] < lengths[:, None, None]
    return np.where(used, np.exp(lattice.log_chances) - expected, 0) * dloss[:, None, None]


def _no_second(call, *douts):
    raise NotImplementedError("ctc_loss has no second derivatives")


_loss_grad_op = define_op(
    "ctc_loss_grad",
    shape=lambda labels, logits, *rest, mask_index: Spec(logits.shape, logits.dtype),
    reference=_loss_grad_reference,
    grad=_no_second,
)
_loss_op = define_op(
    "ctc_loss",
    shape=_loss_shape,
    reference=_loss_reference,
    grad=lambda call, dy: [None, _loss_grad_op(*call.inputs, dy, mask_index=call.mask_index), None, None],
)


@public
def ctc_loss(target, output, target_length, output_length, mask_index=0):
    """The negative log chance of each row's labels, (batch,), summed over all ways to align them with the
    steps.

    Args:
        target: class numbers, (batch, labels).
        output: logits, (batch, steps, classes).
        target_length, output_length: how many labels and steps of each row count, (batch,).
        mask_index: the class that stands for no label.
    """
    output = convert(output)
    if not output.dtype.startswith("float"):
        output = convert(output, dtype="float32")
    return _loss_op(
        convert(target, dtype="int32"),
        output,
        convert(target_length, dtype="int32"),
        convert(output_length, dtype="int32"),
        mask_index=int(mask_index),
    )


# ---- decoding ----


def _decode_shape(logits, lengths, *, beam_width, top_paths, merge_repeated, mask_index):
    batch, steps, _ = logits.shape
    paths = top_paths if beam_width else 1
    return Spec((paths, batch, steps), "int32"), Spec((batch, paths), logits.dtype)


def _greedy(logits, lengths, merge_repeated, blank):
    """The likeliest class of each step, repetitions merged, blanks left out; minus the sum of their
    scores."""
    batch, steps, _ = logits.shape
    paths = np.full((1, batch, steps), -1, np.int32)
    scores = np.zeros((batch, 1), logits.dtype)
    for b in range(batch):
        rows = logits[b, : lengths[b]]
        best = rows.argmax(-1) if rows.size else np.zeros(0, int)
        scores[b, 0] = -rows.max(-1).sum() if rows.size else 0
        kept = best != blank
        if merge_repeated:
            kept[1:] &= best[1:] != best[:-1]
        paths[0, b, : kept.sum()] = best[kept]
    return paths, scores


def _beam_search(log_chances, width, blank):
    """[(labels, log chance)], the likeliest first: prefix search, paths that end in blank or not kept
    apart."""
    beams = {
        (): (0.0, -np.inf)
    }  # labels -> log chances of the paths that end in blank, and in the last label
    for row in log_chances:
        grown = {}

        def add(labels, at, chance, grown=grown):
            pair = list(grown.get(labels, (-np.inf, -np.inf)))
            pair[at] = np.logaddexp(pair[at], chance)
            grown[labels] = tuple(pair)

        for labels, (blanks, label) in beams.items():
            whole = np.logaddexp(blanks, label)
            add(labels, 0, whole + row[blank])
            for k in range(len(row)):
                if k == blank:
                    continue
                if labels and labels[-1] == k:
                    add(labels, 1, label + row[k])
                    add((*labels, k), 1, blanks + row[k])
                else:
                    add((*labels, k), 1, whole + row[k])
        ranked = sorted(grown.items(), key=lambda item: -np.logaddexp(*item[1]))
        beams = dict(ranked[:width])
    return [
        (labels, np.logaddexp(*pair))
        for labels, pair in sorted(beams.items(), key=lambda item: -np.logaddexp(*item[1]))
    ]


def _decode_reference(logits, lengths, *, beam_width, top_paths, merge_repeated, mask_index):
    if not beam_width:
        return _greedy(logits, lengths, merge_repeated, mask_index)
    batch, steps, _ = logits.shape
    log_chances = _log_softmax(logits)
    paths = np.full((top_paths, batch, steps), -1, np.int32)
    scores = np.full((batch, top_paths), -np.inf, logits.dtype)
    for b in range(batch):
        with np.errstate(invalid="ignore"):  # chances of 0 beside chances of 0
            found = _beam_search(log_chances[b, : lengths[b]], beam_width, mask_index)
        for i, (labels, chance) in enumerate(found[:top_paths]):
            paths[i, b, : len(labels)] = labels
            scores[b, i] = chance
    return paths, scores


def _decode_grad(call, dlabels, dscores):
    """A greedy score is minus the sum of each step's greatest logit."""
    if call.beam_width:
        raise NotImplementedError(
            "ctc_decode: scores of a beam search have no gradient; train with ops.ctc_loss, or use strategy='greedy'"
        )
    logits, lengths = call.inputs
    steps, classes = logits.shape[1:]
    best = one_hot(argmax(logits, -1), classes, dtype=logits.dtype)
    valid = cast(less(np.arange(steps, dtype="int32"), expand_dims(lengths, -1)), logits.dtype)
    return [negative(expand_dims(dscores, -1) * best * expand_dims(valid, -1)), None]


_decode_op = define_op("ctc_decode", shape=_decode_shape, reference=_decode_reference, grad=_decode_grad)


@public
def ctc_decode(
    inputs,
    sequence_lengths,
    strategy="greedy",
    beam_width=100,
    top_paths=1,
    merge_repeated=True,
    mask_index=0,
):
    """The likeliest labels of each row: (labels, scores).

    Args:
        inputs: logits, (batch, steps, classes).
        sequence_lengths: how many steps of each row count, (batch,).
        strategy: "greedy": labels (1, batch, steps), scores (batch, 1), minus the sum of the likeliest
            classes' logits; or "beam_search": labels (top_paths, batch, steps), scores (batch, top_paths),
            log chances.
        beam_width: how many prefixes a beam search follows.
        merge_repeated: greedy: whether a class that follows itself is one label.
        mask_index: the class that stands for no label.
    Labels are int32, filled up with -1.
    """
    if strategy not in ("greedy", "beam_search"):
        raise ValueError(f"ctc_decode: `strategy` must be 'greedy' or 'beam_search', received {strategy!r}")
    inputs = convert(inputs)
    if not inputs.dtype.startswith("float"):
        inputs = convert(inputs, dtype="float32")
    if len(inputs.shape) != 3:
        raise ValueError(
            f"ctc_decode: `inputs` must have shape (batch, steps, classes), received {tuple(inputs.shape)}"
        )
    index = inputs.shape[2] - 1 if mask_index is None else int(mask_index)
    return _decode_op(
        inputs,
        convert(sequence_lengths, dtype="int32"),
        top_paths=int(top_paths),
        beam_width=int(beam_width) if strategy == "beam_search" else 0,
        merge_repeated=bool(merge_repeated),
        mask_index=index,
    )
