"""What an ImageDataGenerator's `flow` and its kin return: batches of pictures from arrays, folders and frames."""

import os
import threading

import numpy as np

from ..data.py_dataset import PyDataset
from ..utils.folders import files_below
from ..utils.images import array_to_img, color, img_to_array, load_img, write_image

_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")
_CLASS_MODES = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)


class Iterator(PyDataset):
    """Batches of `n` pictures by number, for `fit`; or one after the other without end, by `next` and `for`.

    Attributes: n, batch_size, shuffle, seed, batch_index, total_batches_seen, image_shape.
    """

    def __init__(self, n, generator, batch_size, shuffle, seed, save_to_dir, save_prefix, save_format):
        super().__init__()
        self.n = self.samples = n
        self.image_data_generator = generator
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        self.dtype = generator.dtype
        self.batch_index = self.total_batches_seen = 0
        self._order = None
        self.lock = threading.Lock()  # `total_batches_seen` is counted by several workers

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "lock"}

    def __setstate__(self, state):
        self.__dict__.update(state, lock=threading.Lock())

    def __len__(self):
        return -(-self.n // self.batch_size)

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise ValueError(
                f"{type(self).__name__}: there are {len(self)} batches, asked for number {index}"
            )
        with self.lock:
            random = self._random()
            self.total_batches_seen += 1
            if self._order is None:
                self._draw_order(random)
            rows = self._order[self.batch_size * index : self.batch_size * (index + 1)]
        return self._batch(rows, random)

    def _random(self):
        """A batch's own random numbers: workers do not change each other's."""
        if self.seed is None:
            return np.random.RandomState(np.random.randint(2**31))
        return np.random.RandomState(self.seed + self.total_batches_seen)

    def _draw_order(self, random):
        self._order = random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def on_epoch_begin(self):
        """Have an order, before worker processes get copies."""
        if self._order is None:
            self._draw_order(self._random())

    def on_epoch_end(self):
        """Draw a new order."""
        self._draw_order(self._random())

    def reset(self):
        """Let `next` begin at the first batch again."""
        self.batch_index = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.batch_index >= len(self):
            self.reset()
            self._order = None
        self.batch_index += 1
        return self[self.batch_index - 1]

    next = __next__

    def _changed(self, pictures, random):
        """Pictures as the generator changes them at random, as one array; files of them where these are wanted."""
        made, generator = [], self.image_data_generator
        for x in pictures:
            x = generator.apply_transform(np.asarray(x, self.dtype), generator.draw(x.shape, random))
            made.append(generator.standardize(x))
        batch = np.stack(made).astype(self.dtype)
        if self.save_to_dir:
            for i, x in enumerate(batch):
                name = f"{self.save_prefix}_{i}_{random.randint(10**7)}.{self.save_format}"
                write_image(os.path.join(self.save_to_dir, name), array_to_img(x, generator.data_format))
        return batch


def _part(subset, split, count):
    """The slice of `count` samples that a subset has: the first ones are for validation."""
    if subset is None:
        return slice(None)
    if subset not in ("training", "validation"):
        raise ValueError(f"`subset` must be 'training' or 'validation', received {subset!r}")
    border = int(split * count)
    return slice(border, None) if subset == "training" else slice(border)


class NumpyArrayIterator(Iterator):
    """Batches of arrays; see `ImageDataGenerator.flow`."""

    def __init__(
        self,
        x,
        y,
        image_data_generator,
        batch_size=32,
        shuffle=False,
        sample_weight=None,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        ignore_class_split=False,
    ):
        x, others = (x[0], x[1]) if isinstance(x, (tuple, list)) else (x, [])
        others = [np.asarray(one) for one in (others if isinstance(others, (list, tuple)) else [others])]
        x = np.asarray(x)
        if x.ndim != 4:
            raise ValueError(
                "ImageDataGenerator.flow: pictures have 4 axes, (pictures, height, width, channels), received shape "
                f"{x.shape}"
            )
        y = None if y is None else np.asarray(y)
        weights = None if sample_weight is None else np.asarray(sample_weight)
        for name, one in (("y", y), ("sample_weight", weights), *(("x", other) for other in others)):
            if one is not None and len(one) != len(x):
                raise ValueError(
                    f"ImageDataGenerator.flow: there are {len(x)} pictures and {len(one)} rows in `{name}`"
                )
        split = image_data_generator._validation_split
        part = _part(subset, split, len(x))
        if subset is not None and y is not None and not ignore_class_split:
            border = int(split * len(x))
            if not np.array_equal(np.unique(y[:border]), np.unique(y[border:])):
                raise ValueError(
                    "ImageDataGenerator.flow: the training and validation parts hold different classes; shuffle the "
                    "data, or give ignore_class_split=True"
                )
        self.x, self.x_misc = x[part], [one[part] for one in others]
        self.y = None if y is None else y[part]
        self.sample_weight = None if weights is None else weights[part]
        super().__init__(
            len(self.x),
            image_data_generator,
            batch_size,
            shuffle,
            seed,
            save_to_dir,
            save_prefix,
            save_format,
        )

    def _batch(self, rows, random):
        x = self._changed(self.x[rows], random)
        x = [x, *(one[rows] for one in self.x_misc)] if self.x_misc else x
        if self.y is None:
            return x
        weights = () if self.sample_weight is None else (self.sample_weight[rows],)
        return (x, self.y[rows], *weights)


class _FileIterator(Iterator):
    """Batches of picture files.

    Attributes: filenames, filepaths, labels, class_mode, classes (each file's number), class_indices {name: number}.
    """

    def __init__(self, filepaths, generator, target_size, color_mode, class_mode, sampling, reading):
        if class_mode not in _CLASS_MODES:
            raise ValueError(
                f"`class_mode` must be one of {', '.join(map(repr, _CLASS_MODES))}, received {class_mode!r}"
            )
        super().__init__(len(filepaths), generator, **sampling)
        self.filepaths, self.class_mode = filepaths, class_mode
        self.target_size, self.color_mode = tuple(target_size), color_mode
        self._reading = reading
        channels, _ = color(color_mode)
        last = generator.data_format == "channels_last"
        self.image_shape = (*self.target_size, channels) if last else (channels, *self.target_size)

    sample_weight = None

    def _batch(self, rows, random):
        pictures = []
        for i in rows:
            image = load_img(self.filepaths[i], self.color_mode, self.target_size, **self._reading)
            pictures.append(img_to_array(image, self.image_data_generator.data_format))
        x = self._changed(pictures, random)
        if self.class_mode is None:
            return x
        weights = () if self.sample_weight is None else (self.sample_weight[rows],)
        return (x, self._targets(x, rows), *weights)

    def _targets(self, x, rows):
        if self.class_mode == "input":
            return x.copy()
        if self.class_mode == "multi_output":
            return [output[rows] for output in self.labels]
        if self.class_mode == "raw":
            return self.labels[rows]
        if self.class_mode in ("binary", "sparse"):
            return np.asarray(self.classes, self.dtype)[rows]
        codes = np.zeros((len(rows), len(self.class_indices)), self.dtype)
        for row, i in enumerate(rows):
            codes[row, self.classes[i]] = 1
        return codes


class DirectoryIterator(_FileIterator):
    """Batches of the files in a directory's folders, one folder a class; see `ImageDataGenerator.flow_from_directory`.

    Args:
        classes: the folders to take, in the order of their numbers; None: all, by name.
        class_mode: "categorical" (one-hot), "binary" and "sparse" (numbers), "input" (the pictures) or None.
        subset: "training" or "validation", of each folder. interpolation, keep_aspect_ratio: as in `load_img`.
    """

    def __init__(
        self,
        directory,
        image_data_generator,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
    ):
        self.directory = os.fspath(directory)
        folders = list(classes or ()) or sorted(
            name for name in os.listdir(directory) if os.path.isdir(os.path.join(directory, name))
        )
        self.class_indices = {name: i for i, name in enumerate(folders)}
        self.num_classes = len(folders)
        self.filenames, numbers = [], []
        for number, folder in enumerate(folders):
            found = files_below(os.path.join(directory, folder), _ENDINGS, follow_links)
            found = [os.path.relpath(path, directory) for path in found]
            found = found[_part(subset, image_data_generator._validation_split, len(found))]
            self.filenames += found
            numbers += [number] * len(found)
        self.classes = self.labels = np.array(numbers, "int32")
        print(f"Found {len(numbers)} images belonging to {len(folders)} classes.")
        super().__init__(
            [os.path.join(directory, name) for name in self.filenames],
            image_data_generator,
            target_size,
            color_mode,
            class_mode,
            {
                "batch_size": batch_size,
                "shuffle": shuffle,
                "seed": seed,
                "save_to_dir": save_to_dir,
                "save_prefix": save_prefix,
                "save_format": save_format,
            },
            {"interpolation": interpolation, "keep_aspect_ratio": keep_aspect_ratio},
        )


class DataFrameIterator(_FileIterator):
    """Batches of the files that a pandas frame names; see `ImageDataGenerator.flow_from_dataframe`.

    Args:
        directory: what the names are relative to; None: nothing.
        x_col, y_col, weight_col: the columns of names, classes (or, of class_mode "raw" and "multi_output", numbers:
            also a list of columns) and weights. A class may also be a list of several.
        validate_filenames: leave out files that are not there.
        Others as in DirectoryIterator.
    """

    def __init__(
        self,
        dataframe,
        directory=None,
        image_data_generator=None,
        x_col="filename",
        y_col="class",
        weight_col=None,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        validate_filenames=True,
        keep_aspect_ratio=False,
    ):
        names = [os.fspath(name) for name in dataframe[x_col]]
        rows = [
            i
            for i, name in enumerate(names)
            if not validate_filenames
            or name.lower().endswith(_ENDINGS)
            and os.path.isfile(os.path.join(directory or "", name))
        ]
        given = dataframe.iloc[rows]
        coded = class_mode in ("binary", "categorical", "sparse")
        if coded:
            labels = [list(one) if isinstance(one, (list, tuple)) else [one] for one in given[y_col].tolist()]
            if not all(isinstance(one, str) for label in labels for one in label):
                raise ValueError(
                    f"flow_from_dataframe: with class_mode={class_mode!r} the column {y_col!r} must hold strings; "
                    "dataframe[y_col].astype(str) makes them, class_mode='raw' takes numbers"
                )
            known = list(classes or ()) or sorted({one for label in labels for one in label})
            if class_mode == "binary" and len(known) != 2:
                raise ValueError(
                    f"flow_from_dataframe: class_mode='binary' takes two classes, received {known}"
                )
            self.class_indices = {name: i for i, name in enumerate(known)}
            kept = [i for i, label in enumerate(labels) if set(label) <= set(known)]
            given, labels = given.iloc[kept], [labels[i] for i in kept]
        part = _part(subset, image_data_generator._validation_split, len(given))
        given = given.iloc[part]
        self.filenames = [os.fspath(name) for name in given[x_col]]
        self.sample_weight = given[weight_col].to_numpy() if weight_col else None
        if coded:
            numbers = [[self.class_indices[one] for one in label] for label in labels[part]]
            self.classes = [label[0] if len(label) == 1 else label for label in numbers]
            print(
                f"Found {len(given)} validated image filenames belonging to {len(self.class_indices)} classes."
            )
        else:
            if class_mode == "multi_output":
                self.labels = [np.stack(given[column].to_list()) for column in y_col]
            elif class_mode == "raw":
                self.labels = given[y_col].to_numpy()
            print(f"Found {len(given)} validated image filenames.")
        super().__init__(
            [os.path.join(directory or "", name) for name in self.filenames],
            image_data_generator,
            target_size,
            color_mode,
            class_mode,
            {
                "batch_size": batch_size,
                "shuffle": shuffle,
                "seed": seed,
                "save_to_dir": save_to_dir,
                "save_prefix": save_prefix,
                "save_format": save_format,
            },
            {"interpolation": interpolation, "keep_aspect_ratio": keep_aspect_ratio},
        )
