"""Every public name of Keras is here with the same signature; what is still missing is listed in names_missing.json.

`python tests/test_names.py` writes that list anew: it may only become shorter. `wrappers` needs scikit-learn, so it is
left to tests/peers.
"""

import importlib
import inspect
import json
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "numpy")

import keras  # noqa: E402
import pytest  # noqa: E402

LIST = Path(__file__).parent / "names_missing.json"
WHOLE = (
    "losses",
    "metrics",
    "optimizers.schedules",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
    "random",
    "datasets",
    "models",
)  # nothing may be missing in these
SPACES = (
    *WHOLE,
    "",
    "layers",
    "ops",
    "utils",
    "optimizers",
    "callbacks",
    "saving",
    "tree",
    "config",
    "backend",
    "dtype_policies",
    "applications",
    "preprocessing",
    "distribution",
    "quantizers",
    "mixed_precision",
    "visualization",
    "export",
    "distillation",
)


def module(library, space):
    return importlib.import_module(f"{library}.{space}" if space else library)


def public_names(space):
    return [
        name
        for name in dir(module("keras", space))
        if not name.startswith("_") and name not in ("src", "legacy")
    ]


def same(a, b):
    """Whether two defaults mean the same: 1 and (1, 1) do, and any two functions."""
    if isinstance(a, tuple) and len(set(a)) == 1:
        a = a[0]
    if isinstance(b, tuple) and len(set(b)) == 1:
        b = b[0]
    return a == b or (callable(a) and callable(b)) or str(a) == str(b)


def differs(ours, theirs):
    """How a signature differs from Keras's, or None. Ours may go on where Keras's ends."""
    try:
        got, want = inspect.signature(ours).parameters.values(), inspect.signature(theirs).parameters.values()
    except (TypeError, ValueError):
        return None
    named = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    got, want = [p for p in got if p.kind in named], [p for p in want if p.kind in named]
    if [p.name for p in got[: len(want)]] != [p.name for p in want]:
        return f"({', '.join(p.name for p in got)}), Keras's is ({', '.join(p.name for p in want)})"
    for mine, other in zip(got, want, strict=False):
        if not same(mine.default, other.default):
            return f"{mine.name}={mine.default!r}, Keras's is {other.default!r}"
    return None


def look(space):
    """(missing names, {name: how its signature differs}) of a module."""
    try:
        ours = module("fastnn", space)
    except ModuleNotFoundError:
        return public_names(space), {}
    missing, other = [], {}
    for name in public_names(space):
        theirs = getattr(module("keras", space), name)
        if not hasattr(ours, name):
            missing.append(name)
        elif callable(theirs):
            difference = differs(getattr(ours, name), theirs)
            if difference:
                other[name] = difference
    return missing, other


@pytest.mark.parametrize("space", SPACES, ids=[space or "keras" for space in SPACES])
def test_nothing_is_missing_that_is_not_listed(space):
    listed = json.loads(LIST.read_text())
    missing, other = look(space)
    assert set(missing) <= set(listed["missing"].get(space, [])), "missing, and not on the list"
    news = {name: how for name, how in other.items() if name not in listed["signatures"].get(space, [])}
    assert not news, "signatures that differ, and are not on the list"


def test_the_small_modules_are_whole():
    assert not set(WHOLE) & set(json.loads(LIST.read_text())["missing"])


def write():
    listed = {"missing": {}, "signatures": {}}
    for space in SPACES:
        missing, other = look(space)
        if missing:
            listed["missing"][space] = missing
        if other:
            listed["signatures"][space] = sorted(other)
            for name, how in other.items():
                print(f"{space}.{name}: {how}")
    LIST.write_text(json.dumps(listed, indent=1) + "\n")


if __name__ == "__main__":
    print(keras.__version__)
    write()
