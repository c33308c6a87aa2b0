"""Regular expressions for paths of layers and variables, which configurations may hold.

Python's `re` tries all ways in which a pattern can be read, and of some there are 2 to the power of the path's length:
such a pattern in a file would never let the file be loaded.
"""

import re

from .allowance import is_from_file

_MOST_REPEATS = 2  # of any number of characters: the time grows by a power of the path's length for each
_MOST_CHOICES = 8  # of two ways each
_LONGEST_PATH = 2_000  # characters


def check_pattern(pattern, who):
    """Refuse a pattern that a file gives `who`, where it may take without end; the program's own are its own concern.

    Raises:
        ValueError: it is no text or no pattern, repeats groups, or has more repeats and choices than names need.
    """
    if not is_from_file():
        return
    if not isinstance(pattern, str):
        raise ValueError(f"{who}: a pattern must be a text, received {pattern!r}")
    plain = re.sub(r"\\.|\[[^\]]*\]", "x", pattern, flags=re.DOTALL)  # what stands for one character
    repeats = len(re.findall(r"[*+{]", plain))
    if (
        re.search(r"\)[*+?{]", plain)
        or repeats > _MOST_REPEATS
        or len(re.findall(r"[?|]", plain)) > _MOST_CHOICES
    ):
        raise ValueError(
            f"{who}: the pattern {pattern[:100]!r} is refused, as it may take without end; in files a pattern "
            f"repeats no group, and has at most {_MOST_REPEATS} of * + {{ and {_MOST_CHOICES} of ? |"
        )
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{who}: {pattern[:100]!r} is no regular expression: {error}") from None


def fits(pattern, path):
    """Whether a pattern fits the whole of `path`."""
    return re.fullmatch(pattern, _bounded(path)) is not None


def occurs(pattern, path):
    """Whether a pattern fits a part of `path`."""
    return re.search(pattern, _bounded(path)) is not None


def _bounded(path):
    if len(path) > _LONGEST_PATH:
        raise ValueError(
            f"{path[:100]!r}... has {len(path)} characters, which is too long to be compared with patterns; give the "
            "layers shorter names"
        )
    return path
