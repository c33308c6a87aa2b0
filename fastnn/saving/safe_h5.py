"""Reading HDF5 files that may be damaged or hostile: hard links only, no other files, nothing that unpacks
without bound."""

import contextlib
import math

import numpy as np

from .heap_check import check_heaps

_MOST_EXPANSION = 1000  # gzip's own limit is about 1030
_ROOM = 2**20  # an array may always unpack to so many bytes
_FILTERS = {1, 2, 3, 4, 5, 6, 32000}  # HDF5's own and LZF; for another it would look for a library to load
_unchecked = {}  # number of an open file -> (what it was opened from, its name), until its heaps were checked


def h5py_module():
    """h5py, imported when the first HDF5 file is touched."""
    try:
        import h5py
    except ImportError:
        raise ImportError("saving and loading weights needs h5py: pip install h5py") from None
    return h5py


@contextlib.contextmanager
def open_h5(file, what):
    """The HDF5 file `file` (a path or a binary file), for reading, in a `with` block.

    Raises:
        ValueError: no HDF5 file, or one that is cut short or damaged, told now or at a later read.
    """
    h5py = h5py_module()
    try:
        opened = h5py.File(file, "r")
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError, ValueError, OverflowError, MemoryError) as error:
        raise ValueError(f"{what} is no HDF5 file, or was cut short while it was copied: {error}") from None
    with opened:
        number = None
        try:
            number = _number(opened)
            _unchecked[number] = file, what
            yield opened
        except (
            OSError,
            RuntimeError,
            OverflowError,
            MemoryError,
        ) as error:  # how HDF5 tells of what it cannot read
            raise ValueError(f"{what} is damaged: {error}") from None
        except KeyError as error:
            if "nable to" not in str(error):  # a key of ours
                raise
            raise ValueError(f"{what} is damaged: {error}") from None
        finally:
            _unchecked.pop(number, None)


def _number(item):
    """What tells the file of `item` from other open ones."""
    return h5py_module().h5o.get_info(item.id).fileno


def attribute(item, name):
    """The value of an attribute; None if there is none."""
    if name not in item.attrs:
        return None
    if item.attrs.get_id(name).dtype.kind == "O":  # it lies in a heap
        source, what = _unchecked.pop(_number(item), (None, None))
        if hasattr(source, "read"):
            check_heaps(source, what)
        elif source is not None:
            with open(source, "rb") as file:
                check_heaps(file, what)
    return item.attrs[name]


def get_group(parent, path):
    """The group at `path` ("a/b/c") below `parent`, or None if there is none.

    Raises:
        ValueError: a link on the way that leads elsewhere, or no group at its end.
    """
    h5py = h5py_module()
    for name in path.split("/"):
        if not _is_there(parent, name):
            return None
        parent = _opened(parent, name)
        if not isinstance(parent, h5py.Group):
            raise ValueError(f"the file is refused: {parent.name!r} should be a group of weights")
    return parent


def is_dataset(group, name):
    """Whether the member `name` of a group is a dataset; an error if it is a link to another place or file."""
    return _is_there(group, name) and isinstance(_opened(group, name), h5py_module().Dataset)


def get_dataset(group, path):
    """The dataset at `path` below `group`, not read yet.

    Raises:
        KeyError: there is none.
        ValueError: a link that leads elsewhere, contents in other files, or out of proportion to what is
            stored.
    """
    h5py = h5py_module()
    folder, _, name = path.rpartition("/")
    if folder:
        group = get_group(group, folder)
    if group is None or not _is_there(group, name):
        raise KeyError(path)
    dataset = _opened(group, name)
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"the file is refused: {dataset.name!r} should be an array")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"the file is refused: the contents of {dataset.name!r} lie in other files")
    if dataset.shape is None:
        raise ValueError(f"the file is refused: {dataset.name!r} is empty")
    size = math.prod(dataset.shape) * dataset.dtype.itemsize
    if size > _ROOM and size > _MOST_EXPANSION * dataset.id.get_storage_size():
        raise ValueError(
            f"the file is refused: {dataset.name!r} would unpack from "
            f"{dataset.id.get_storage_size()} to {size} bytes"
        )
    if dataset.chunks is not None:
        _check_chunks(dataset, size)
    return dataset


def _check_chunks(dataset, size):
    """Refuse pieces that are unpacked one by one, but are far larger than the whole array of `size` bytes, and pieces
    packed by a filter that HDF5 would have to load."""
    piece = math.prod(dataset.chunks) * dataset.dtype.itemsize
    if piece > max(_ROOM, 4 * size):
        raise ValueError(
            f"the file is refused: {dataset.name!r} has {size} bytes, and lies in pieces that unpack to {piece} each"
        )
    plan = dataset.id.get_create_plist()
    filters = {plan.get_filter(i)[0] for i in range(plan.get_nfilters())}
    if not filters <= _FILTERS:
        raise ValueError(
            f"the file is refused: {dataset.name!r} is packed by the filters {sorted(filters - _FILTERS)}, which are "
            "not HDF5's own; write it again with gzip, or unpacked"
        )


def is_bfloat16(dataset):
    """Whether a dataset holds bfloat16.

    Keras 3 says so beside it; in `.h5` files of whole models it writes two bytes of no type, which it cannot read back.
    """
    return dataset.dtype.itemsize == 2 and (
        dataset.dtype.kind == "V" or attribute(dataset, "dtype") == "bfloat16"
    )


def read_dataset(dataset):
    """The array that a dataset holds; bfloat16 as float32.

    Raises:
        ValueError: elements that are neither numbers nor booleans.
    """
    if is_bfloat16(dataset):
        bits = np.asarray(dataset[()]).view(np.uint16).astype(np.uint32) << 16
        return bits.view(np.float32).reshape(dataset.shape)
    if dataset.dtype.kind not in "fiubc":
        raise ValueError(f"the file is refused: {dataset.name!r} holds elements of type {dataset.dtype}")
    return np.asarray(dataset[()])


def read_dataset_into(dataset, array):
    """Read what a dataset holds into `array`, contiguous and of its shape; whether it was of a kind that can be.

    What is in the array is of no use where the file turns out to be damaged on the way.
    """
    plain = dataset.dtype.kind in "fiub" and not is_bfloat16(dataset)
    plain = plain and array.dtype.kind in "fiub"
    if not plain or not array.size or not array.ndim or tuple(dataset.shape) != array.shape:
        return False
    dataset.read_direct(array)
    return True


def _opened(group, name):
    try:
        return group[name]
    except (KeyError, TypeError, UnicodeDecodeError) as error:  # it is there, but cannot be opened
        raise ValueError(f"the file is damaged: {group.name}/{name} cannot be read ({error})") from None


def _is_there(group, name):
    """Whether `name` is a member; an error if it is a link to another place or file."""
    if name in ("", ".", ".."):
        raise ValueError(f"the file is refused: {name!r} is no name of a group")
    try:
        link = group.get(name, getlink=True)
    except (TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"the file is damaged: {group.name} cannot be read ({error})") from None
    if link is None:
        return False
    if not isinstance(link, h5py_module().HardLink):
        raise ValueError(f"the file is refused: {group.name}/{name} is a link ({type(link).__name__})")
    return True


def text(value):
    """An attribute's text, stored as bytes or as a string.

    Raises:
        ValueError: no text, or bytes that are none.
    """
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError("the file is damaged: a name in it is no text") from None
    if not isinstance(value, str):
        raise ValueError(f"the file is damaged: a text was expected, it holds {type(value).__name__}")
    return value


def names_in(group, listed):
    """The names in the attribute `listed`; an empty list where there is none.

    Raises:
        ValueError: something else.
    """
    if listed not in group.attrs:
        return []
    kind = group.attrs.get_id(listed).dtype
    if kind.kind == "f":  # how an empty list was stored
        return []
    if kind.kind != "S" and h5py_module().check_string_dtype(kind) is None:
        raise ValueError(f"the file is refused: {listed!r} holds elements of type {kind}, not names")
    return [text(bytes(name) if kind.kind == "S" else name) for name in np.ravel(attribute(group, listed))]
