"""Where a training run stands beside its weights: random numbers, place in the data, what callbacks remember.

BackupAndRestore keeps it in a file of its own. ModelCheckpoint puts it into the `.keras` file, so that
fit(initial_epoch=...) of a model that was loaded from there goes on with the same bits.
"""

import random as python_random

import numpy as np

_WRITERS = (
    "History",
    "ProgbarLogger",
    "CSVLogger",
    "TensorBoard",
)  # what they were to write of an epoch is written
_NOT_STATE = {"params", "_model", "model", "others", "run"}


def callback_states(callbacks):
    """{"EarlyStopping:0": {attribute: value}, ...} of all that callbacks remember and files can hold."""
    from ..saving.backup_file import is_plain

    return {
        key: {
            name: value
            for name, value in vars(callback).items()
            if name not in _NOT_STATE and is_plain(value)
        }
        for key, callback in named(callbacks).items()
        if not key.startswith("ProgbarLogger:")
    }


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
    from ..data.random_state import plain_random_state

    version, numbers, gauss = python_random.getstate()
    return {
        "numpy": plain_random_state(np.random.get_state()),
        "python": [version, list(numbers), gauss],
        "fastnn": random.global_seed_generator().state.numpy(),
    }


def set_random_states(state):
    from .. import random
    from ..data.random_state import numpy_random_state

    np.random.set_state(numpy_random_state(state["numpy"]))
    version, numbers, gauss = state["python"]
    python_random.setstate((version, tuple(numbers), gauss))
    random.global_seed_generator().state.assign(np.asarray(state["fastnn"], np.uint32))


# ---- in the files of ModelCheckpoint


def checkpoint_state(checkpoint, epoch, logs):
    """The state at the end of an epoch, as ModelCheckpoint `checkpoint` sees it.

    The callbacks behind it have not been told of the epoch's end yet: they will be when the run goes on.
    """
    callbacks = checkpoint.others
    behind = callbacks[callbacks.index(checkpoint) + 1 :]
    return {
        "epoch": epoch + 1,
        "callbacks": callback_states(callbacks),
        "behind": [
            key
            for key, callback in named(callbacks).items()
            if callback in behind and not key.startswith(_WRITERS)
        ],
        "logs": {name: float(value) for name, value in logs.items() if np.ndim(value) == 0},
        "run": checkpoint.run.get_state(),
        "random": random_states(),
        "counters": [variable.numpy() for variable in _counters(checkpoint.model)],
    }


def _counters(model):
    """The variables that are no weights: layers' random generators."""
    weights = set(map(id, model.weights))
    return [variable for variable in model.variables if id(variable) not in weights]


def go_on(model, state, callbacks, run):
    """Set everything beside the weights to what `state`, read from a file, says.

    Of callbacks only numbers and arrays are set, where they have such already: a file may come from anywhere.
    Raises:
        ValueError: a state that is damaged, or of another model.
    """
    counters = _counters(model)
    try:
        if [np.shape(array) for array in state["counters"]] != [variable.shape for variable in counters]:
            raise ValueError("it has other random generators")
        if not 0 <= state["run"]["count"] <= state["epoch"]:
            raise ValueError("it has more passes than epochs")
        for variable, array in zip(counters, state["counters"]):
            variable.assign(array)
        mine = named(callbacks)
        for key, values in state["callbacks"].items():
            for name, value in values.items():
                if key in mine and _may_be_set(mine[key], name, value):
                    setattr(mine[key], name, value)
        run.set_state(state["run"])
        set_random_states(state["random"])
        logs = {str(name): float(value) for name, value in state["logs"].items()}
        behind = [mine[key] for key in state["behind"] if key in mine]
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise ValueError(
            f"the state of training that model {model.name!r} was saved with does not fit, or is damaged ({error}); "
            "clone the model, or fit with initial_epoch=0, to train without it"
        ) from None
    for callback in behind:
        callback.on_epoch_end(state["epoch"] - 1, dict(logs))


def _may_be_set(callback, name, value):
    own = vars(callback).get(name, _may_be_set)
    return name not in _NOT_STATE and _is_numeric(value) and (_is_numeric(own) or own == [])


def _is_numeric(value):
    if isinstance(value, (list, tuple)):
        return all(isinstance(part, np.ndarray) for part in value)
    return value is None or isinstance(value, (bool, int, float, np.ndarray, np.generic))
