"""Files of their own that objects keep beside their weights in `.keras` files: vocabularies and the like.

They lie under "assets", then the object's path. fastnn's own layers tell theirs as {name: bytes}
(`get_assets`, `set_assets`), so that nothing touches the disk. A class that has `save_assets(folder)` and
`load_assets(folder)`, as Keras's have, is given a temporary folder with its files alone.
"""

import os
import pathlib
import tempfile

from .state_tree import saveables

FOLDER = "assets"


def assets_of(model):
    """(name in the archive, contents) of all files of all objects."""
    for path, thing in saveables(model):
        place = f"{FOLDER}/{path}" if path else FOLDER
        if hasattr(thing, "get_assets"):
            for name, data in thing.get_assets().items():
                yield f"{place}/{name}", data
        elif hasattr(thing, "save_assets"):
            with tempfile.TemporaryDirectory() as folder:
                thing.save_assets(folder)
                for file in sorted(pathlib.Path(folder).rglob("*")):
                    if file.is_file() and not file.is_symlink():
                        yield f"{place}/{file.relative_to(folder).as_posix()}", file.read_bytes()


def load_assets(model, names, read, what):
    """Give all objects their files.

    Args:
        names: of the files that are there. read: function (name) -> contents.
    Raises:
        ValueError: a name that leads elsewhere, contents that are none of such a file.
    """
    for path, thing in saveables(model):
        prefix = f"{FOLDER}/{path}/" if path else f"{FOLDER}/"
        own = [name for name in names if name.startswith(prefix) and name != prefix]
        if not own:
            continue
        try:
            if hasattr(thing, "set_assets"):
                thing.set_assets(
                    {name[len(prefix) :]: read(name) for name in own if "/" not in name[len(prefix) :]}
                )
            elif hasattr(thing, "load_assets"):
                with tempfile.TemporaryDirectory() as folder:
                    for name in own:
                        _put(folder, name[len(prefix) :], read(name), what)
                    thing.load_assets(folder)
        except (UnicodeDecodeError, OverflowError, TypeError, OSError) as error:
            raise ValueError(f"{what} is damaged: the files of {path!r} cannot be used ({error})") from None


def _put(folder, name, data, what):
    parts = name.split("/")
    if any(part in ("", ".", "..") or set(part) & set("\\:\0") for part in parts):
        raise ValueError(f"{what} is refused: {name!r} is no name of a file in it")
    target = os.path.join(folder, *parts)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "xb") as file:
        file.write(data)
