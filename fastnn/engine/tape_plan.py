"""The way back through a tape as a plan, where tapes alike come again and again: a training loop written by hand."""

from collections import OrderedDict

from .eager import form
from .op import OpCall
from .row_gradients import parts_of
from .step import Step
from .tensor import Spec, Tensor
from .variable import convert

_OFTEN_ENOUGH = 4  # a tape seen so often is worth the milliseconds of a trace
_MOST_KEPT = 16  # the least recently used goes first: plans hold memory for their intermediate values
_PLAIN = (bool, int, float, str, type(None))
_kept = OrderedDict()  # what tapes alike have in common -> _Kept


class _Kept:
    """Tapes alike: how often they were seen, and the Step of their gradients once that was often enough.

    places: for each source, its place among the Step's outputs, or None. never: op by op for good.
    """

    __slots__ = ("seen", "step", "places", "never")

    def __init__(self):
        self.seen = 0
        self.step = self.places = None
        self.never = False


def gradients(walk, calls, targets, sources, seeds):
    """walk(calls, targets, sources, seeds), as a plan where such a tape was seen before.

    walk: `tape.backpropagate`; nothing is being traced or taped around it. seeds: None, or tensors or None in the
    order of the targets.
    """
    if seeds is not None:
        seeds = [None if s is None else convert(s) for s in seeds]
    number, values, wiring = {}, [], []
    for call in calls:
        places = []
        for x in (*call.inputs, *call.outputs):
            key = id(x)
            at = number.get(key)
            if at is None:
                at = number[key] = len(values)
                values.append(x)
            places.append(at)
        attrs = call.attrs
        wiring.append((call.op, *places, *attrs.items()) if attrs else (call.op, *places))
    given = [x for x in values if isinstance(x, Tensor)]
    seeded = () if seeds is None else tuple([s is not None for s in seeds])
    given += [s for s in seeds or () if s is not None]
    wanted = tuple([number.get(id(s)) for s in sources])
    try:
        arrays = [x.array for x in given]
        key = (*wiring, tuple([number.get(id(t)) for t in targets]), wanted, seeded, form(arrays))
        kept = _kept.get(key)
    except TypeError:  # attributes that have no hash
        return walk(calls, targets, sources, seeds)
    if kept is None:
        kept = _kept[key] = _Kept()
        if len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    else:
        _kept.move_to_end(key)
    if kept.step is not None:
        outputs = kept.step.arrays(*arrays)
        return [None if place is None else Tensor(outputs[place]) for place in kept.places]
    results = walk(calls, targets, sources, seeds)
    kept.seen += 1
    if kept.seen >= _OFTEN_ENOUGH and not kept.never:
        # What a gradient was added up from is known of tensors alone that ops made one by one.
        rows = any(g is not None and parts_of(g) is not None for g in results)
        if rows or None in key[len(wiring)] or not all(_is_plain(call.attrs) for call in calls):
            kept.never = True
        else:
            _trace(kept, walk, calls, values, (targets, sources, seeds), number, given)
    return results


def _is_plain(value):
    """Whether attributes hold numbers and names only, no user's function among them."""
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return isinstance(value, _PLAIN) or (isinstance(value, tuple) and all(map(_is_plain, value)))


class _Stand:
    """In a variable's place, whose value no gradient rule looks at."""

    __slots__ = ("shape", "dtype")

    def __init__(self, variable):
        self.shape, self.dtype = variable.shape, variable.dtype


def _trace(kept, walk, calls, values, ends, number, given):
    """Give `kept` its Step."""
    targets, sources, seeds = ends
    at_targets = [number[id(t)] for t in targets]
    at_sources = [number.get(id(s)) for s in sources]
    like = [x if isinstance(x, Tensor) else _Stand(x) for x in values]
    recipe = [
        (c.op, [number[id(x)] for x in c.inputs], [number[id(y)] for y in c.outputs], c.attrs) for c in calls
    ]
    present = None if seeds is None else [s is not None for s in seeds]
    specs = [Spec(tuple(x.shape), x.dtype) for x in given]
    holds = [isinstance(x, Tensor) for x in like]
    like = [None if held else x for held, x in zip(holds, like)]

    def back(*tensors):
        left = iter(tensors)
        made = [next(left) if held else x for held, x in zip(holds, like)]
        taped = [
            OpCall(op, tuple([made[i] for i in i_]), tuple([made[i] for i in o_]), a)
            for op, i_, o_, a in recipe
        ]
        nowhere = _Stand(Spec((), "float32"))
        found = walk(
            taped,
            [made[i] for i in at_targets],
            [nowhere if i is None else made[i] for i in at_sources],
            None if present is None else [next(left) if one else None for one in present],
        )
        places = []
        for one in found:
            places.append(None if one is None else len(places) - places.count(None))
        kept.places = places
        return [one for one in found if one is not None]

    kept.step = Step(back, specs)


def forget():
    """Forget all tapes seen (`clear_session`)."""
    _kept.clear()
