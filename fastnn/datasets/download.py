"""What the downloaded data sets share: where they come from, splitting, and reading arrays without running code."""

import io
import pickle
import zipfile

import numpy as np

from ..utils.get_file import get_file

_FOLDER = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def fetch(name, file_hash, origin=None, **options):
    """The path of a data set's file, downloaded once and checked."""
    return get_file(name, origin=_FOLDER + (origin or name), file_hash=file_hash, **options)


def shuffled_split(x, y, test_split, seed):
    """(x_train, y_train), (x_test, y_test): rows shuffled by a seed, the last `test_split` of them for testing."""
    if not 0 <= test_split < 1:
        raise ValueError(f"`test_split` must lie in 0..1, 1 excluded; received {test_split}")
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y = x[order], y[order]
    at = int(len(x) * (1 - test_split))
    return (x[:at].copy(), y[:at].copy()), (x[at:].copy(), y[at:].copy())


# All that arrays of lists of numbers are made of.
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
}


class ArrayUnpickler(pickle.Unpickler):
    """Reads pickles of arrays, lists and dicts; refuses whatever else, so that no code runs.

    Raises:
        pickle.UnpicklingError: the file names anything but what arrays are made of.
    """

    def find_class(self, module, name):
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(
                f"the file holds {module}.{name}, which is no part of an array; it is not the "
                "data set it should be"
            )
        return super().find_class(module, name)


def load_lists(path):
    """{name: array} of an .npz file, arrays of lists included."""
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            file = io.BytesIO(archive.read(name))
            version = np.lib.format.read_magic(file)
            read_header = (
                np.lib.format.read_array_header_1_0
                if version[0] == 1
                else (np.lib.format.read_array_header_2_0)
            )
            _, _, dtype = read_header(file)
            if dtype.hasobject:
                array = ArrayUnpickler(file).load()
            else:
                file.seek(0)
                array = np.lib.format.read_array(file, allow_pickle=False)
            arrays[name.removesuffix(".npy")] = array
    return arrays
