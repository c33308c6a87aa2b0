"""Where a training run stands beside its weights: random numbers, place in the data, what callbacks remember.

BackupAndRestore keeps it in a file of its own. ModelCheckpoint puts it into the `.keras` file, so that
fit(initial_epoch=...) of a model that was loaded from there goes on with the same bits.
"""

import contextlib
import copy
import inspect
import random as python_random

import numpy as np

from ..data.random_state import numpy_random_state, plain_random_state

_WRITERS = (
    "History",
    "ProgbarLogger",
    "CSVLogger",
    "TensorBoard",
)  # what they were to write of an epoch is written
_NOT_STATE = {"params", "_model", "model", "others", "runs", "fresh"}


def callback_states(callbacks, fresh):
    """{"EarlyStopping:0": {attribute: value}, ...} of all that callbacks remember and files can hold.

    fresh: what this function gave with {} as training began. What is still as it was then is left out: arguments such
    as a patience or a path are what the program says when it runs again.
    """
    from ..saving.backup_file import is_plain

    return {
        key: {
            name: copy.deepcopy(value)
            for name, value in vars(callback).items()
            if name not in _NOT_STATE
            and is_plain(value)
            and not _same(value, fresh.get(key, {}).get(name, _same))
        }
        for key, callback in named(callbacks).items()
        if not key.startswith("ProgbarLogger:")
    }


def _same(one, other):
    """Whether two plain values are alike, in type too."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return one == other


def named(callbacks):
    """{"EarlyStopping:0": callback, ...}"""
    found, counts = {}, {}
    for callback in callbacks:
        kind = type(callback).__name__
        found[f"{kind}:{counts.setdefault(kind, 0)}"] = callback
        counts[kind] += 1
    return found


def random_states():
    """The states of all generators that are no layer's."""
    from .. import random

    version, numbers, gauss = python_random.getstate()
    return {
        "numpy": plain_random_state(np.random.get_state()),
        "python": [version, list(numbers), gauss],
        "fastnn": random.global_seed_generator().state.numpy(),
    }


def set_random_states(state):
    from .. import random

    np.random.set_state(numpy_random_state(state["numpy"]))
    version, numbers, gauss = state["python"]
    python_random.setstate((version, tuple(numbers), gauss))
    random.global_seed_generator().state.assign(np.asarray(state["fastnn"], np.uint32))


def runs_state(runs):
    """Where the runs over the data of training and validation stand."""
    return {name: run.get_state() for name, run in runs.items() if run is not None}


def set_runs_state(runs, state):
    """Have the runs stand where `runs_state` said."""
    for name, run in runs.items():
        if run is not None and name in state:
            run.set_state(state[name])


def align_first_draw(state, name):
    """Before run `name` of `state` looks at its first batch: have shuffles draw for it what they drew then."""
    if state is not None:
        # What is wrong with a damaged state, `go_on` says.
        with contextlib.suppress(KeyError, TypeError, IndexError, AttributeError, ValueError):
            number, first = state[name]["states"][0]
            if number == 0:
                np.random.set_state(numpy_random_state(first))


def tell_of_going_on(callbacks, epoch):
    """Tell callbacks that keep files of what is there already: `epoch` is the first that is trained now."""
    for callback in callbacks:
        if hasattr(callback, "go_on_from"):
            callback.go_on_from(epoch)


# ---- in the files of ModelCheckpoint


def checkpoint_state(checkpoint, epoch, logs):
    """The state at the end of an epoch, as ModelCheckpoint `checkpoint` sees it.

    The callbacks behind it have not been told of the epoch's end yet: they will be when the run goes on.
    """
    callbacks = checkpoint.others
    behind = callbacks[callbacks.index(checkpoint) + 1 :]
    return {
        "epoch": epoch + 1,
        "callbacks": callback_states(callbacks, checkpoint.fresh),
        "stopped": bool(checkpoint.model.stop_training),
        "behind": [
            key
            for key, callback in named(callbacks).items()
            if callback in behind and not key.startswith(_WRITERS)
        ],
        "logs": {name: float(value) for name, value in logs.items() if np.ndim(value) == 0},
        **runs_state(checkpoint.runs),
        "random": random_states(),
        "counters": [variable.numpy() for variable in _counters(checkpoint.model)],
    }


def _counters(model):
    """The variables that are no weights: layers' random generators."""
    weights = set(map(id, model.weights))
    return [variable for variable in model.variables if id(variable) not in weights]


def go_on(model, state, callbacks, runs, steps):
    """Set everything beside the weights to what `state`, read from a file, says.

    steps: of an epoch, where `fit` was told. Of callbacks only numbers and arrays are set, where they have
    such already: a file may come from anywhere.
    Raises:
        ValueError: a state that is damaged, or of another model.
    """
    counters = _counters(model)
    try:
        if [np.shape(array) for array in state["counters"]] != [variable.shape for variable in counters]:
            raise ValueError("it has other random generators")
        _check_places(runs, state, state["epoch"], steps)
        for variable, array in zip(counters, state["counters"]):
            variable.assign(array)
        mine = named(callbacks)
        for key, values in state["callbacks"].items():
            for name, value in values.items():
                if key in mine and _may_be_set(mine[key], name, value):
                    setattr(mine[key], name, value)
        set_runs_state(runs, state)
        set_random_states(state["random"])
        logs = {str(name): float(value) for name, value in state["logs"].items()}
        behind = [mine[key] for key in state["behind"] if key in mine]
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise ValueError(
            f"the state of training that model {model.name!r} was saved with does not fit, or is damaged ({error}); "
            "clone the model, or fit with initial_epoch=0, to train without it"
        ) from None
    tell_of_going_on(callbacks, state["epoch"])
    if state.get("stopped") is True and set(state["callbacks"]) <= set(mine):
        model.stop_training = True  # by one of these, before the file was written
    for callback in behind:
        callback.on_epoch_end(state["epoch"] - 1, dict(logs))


def _check_places(runs, state, epochs, steps=None):
    """Refuse places in the data that no run comes to in so many epochs: to go there could take forever."""
    for name in runs:
        place = state.get(name, {"events": ""})
        if len(place["events"]) > 2 * epochs + 1:
            raise ValueError("it has more passes than epochs")
        if steps and name == "train" and place.get("total", 0) > epochs * steps:
            raise ValueError("it has more steps than epochs have")


def _may_be_set(callback, name, value):
    own = vars(callback).get(name, _may_be_set)
    return name not in _NOT_STATE and _is_numeric(value) and (_is_numeric(own) or own == [])


def restore_callbacks(callbacks, state, runs, epochs):
    """Set all that `callback_states`, runs and generators left in a backup, `state`; epochs: begun by then.

    Other than a checkpoint's file, it may hold values of every kind. But what a callback's constructor was told in
    words (a file's name, an address) comes from the program alone.
    Raises:
        ValueError: attributes that are none, or of another kind; a damaged state.
    """
    mine = named(callbacks)
    for key, values in state["callbacks"].items():
        for name, value in values.items():
            if key in mine and not (name in _told(mine[key]) and not _is_numeric(value)):
                _check_kind(mine[key], key, name, value)
                setattr(mine[key], name, value)
    _check_places(runs, state, epochs)
    set_runs_state(runs, state)
    set_random_states(state["random"])


def _told(callback):
    """The names of arguments of fastnn's own classes among those of a callback."""
    own = [cls for cls in type(callback).__mro__ if cls.__module__.startswith("fastnn.")]
    return {name for cls in own for name in inspect.signature(cls.__init__).parameters}


def _check_kind(callback, key, name, value):
    now, by_class = vars(callback).get(name), getattr(type(callback), name, None)
    kinds = [int, float, np.generic, np.ndarray], [list, tuple], [dict], [str]
    both = [
        next((i for i, some in enumerate(kinds) if isinstance(x, tuple(some))), None) for x in (value, now)
    ]
    fits = value is None or now is None or both[0] == both[1]
    if name in _NOT_STATE or name.startswith("__") or callable(by_class) or not fits:
        raise ValueError(f"{key!r} has no such state as {name!r}, {str(value)[:100]!r}")


def _is_numeric(value):
    if isinstance(value, (list, tuple)):
        return all(isinstance(part, np.ndarray) for part in value)
    return value is None or isinstance(value, (bool, int, float, np.ndarray, np.generic))
