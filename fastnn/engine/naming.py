"""Names made from other names: snake case, and unique names for what was given none."""

import difflib
import re

from .symbolic import unique_name


def to_snake_case(name):
    """"MeanSquaredError" -> "mean_squared_error", "F1Score" -> "f1_score"."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(class_name):
    """A name for an object of this class that was given none: "dense", then "dense_1", ..."""
    return unique_name(to_snake_case(class_name))


def object_name(thing):
    """What a loss or metric given as an object, function or class is called in logs."""
    name = getattr(thing, "name", None)
    if name is not None:
        return name
    return to_snake_case(getattr(thing, "__name__", type(thing).__name__))


def unknown_name(kind, name, known):
    """The message for a name that is not among `known`, with the nearest one that is."""
    folded = {to_snake_case(k).replace("_", ""): k for k in sorted(known, reverse=True)}
    near = difflib.get_close_matches(to_snake_case(name).replace("_", ""), folded, n=1, cutoff=0.6)
    cure = f"Did you mean {folded[near[0]]!r}?" if near else f"Known names: {', '.join(sorted(known))}"
    return f"there is no {kind} called {name!r}. {cure}"
