"""Data sets of files in folders, one folder a class."""

import os
import wave

import numpy as np

from ..data import Dataset
from .images import color, opened_image, pillow, resize

_IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


def image_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    color_mode="rgb",
    batch_size=32,
    image_size=(256, 256),
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    interpolation="bilinear",
    follow_links=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    data_format=None,
    format="tf",
    verbose=True,
):
    """A Dataset of batches of images (batch, height, width, channels), float32 in 0..255, and labels.

    Args:
        directory: with a folder a class, unless labels are given.
        labels: "inferred" from the folders, None, or a list of numbers in the order of the files' names.
        label_mode: "int", "categorical" (one-hot), "binary" (0.0 or 1.0, shape (1,)) or None.
        class_names: the folders, in the order of their numbers.
        color_mode: "rgb", "rgba" or "grayscale". image_size: (height, width).
        batch_size: None for one by one.
        validation_split, subset: the fraction at the end for validation, and which part: "training", "validation" or
            "both".
        crop_to_aspect_ratio, pad_to_aspect_ratio: cut or fill up instead of squeezing.
    Returns:
        A Dataset with `class_names` and `file_paths`; a list of two for subset="both".
    Raises:
        ValueError: no such files, or arguments that do not go together.
    Source: Keras 3 `utils.image_dataset_from_directory`.
    """
    given = locals()
    channels, mode = color(color_mode)
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2:
        raise ValueError(
            f"image_dataset_from_directory: `image_size` must be (height, width), received {image_size!r}"
        )
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(
            "image_dataset_from_directory: only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can "
            "be set"
        )
    pillow("image_dataset_from_directory")

    def load(path):
        with opened_image(str(path)) as file:
            image = np.asarray(file.convert(mode), np.float32).reshape(file.height, file.width, channels)
        image = resize(image, size, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio).astype(
            np.float32
        )
        return image.transpose(2, 0, 1) if data_format == "channels_first" else image

    return _from_directory("image", load, _IMAGES, **given)


def text_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    batch_size=32,
    max_length=None,
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    follow_links=False,
    format="tf",
    verbose=True,
):
    """A Dataset of batches of texts (arrays of strings) from .txt files in UTF-8, and labels.

    max_length: longer texts are cut. The rest as in `image_dataset_from_directory`.
    Source: Keras 3 `utils.text_dataset_from_directory`.
    """
    given = locals()

    def load(path):
        try:
            with open(str(path), encoding="utf-8", newline="") as file:
                return np.asarray(file.read(-1 if max_length is None else max_length))
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is no text in UTF-8: {error}") from None

    return _from_directory("text", load, (".txt",), **given)


def audio_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    batch_size=32,
    sampling_rate=None,
    output_sequence_length=None,
    ragged=False,
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    follow_links=False,
    verbose=True,
):
    """A Dataset of batches of sounds (batch, samples, channels), float32 from -1 to 1, from .wav files of 16 bits.

    Args:
        sampling_rate: samples a second that all files must have; None: any.
        output_sequence_length: to how many samples sounds are cut or filled with 0; None: the longest of the batch.
    The rest as in `image_dataset_from_directory`.
    Raises:
        ValueError: `ragged` batches; a file of another form or sampling rate.
    Source: Keras 3 `utils.audio_dataset_from_directory`.
    """
    given = locals()
    if ragged:
        raise ValueError(
            "audio_dataset_from_directory: `ragged` batches are not there; give `output_sequence_length`, or let short "
            "sounds be filled up"
        )

    def load(path):
        width, rate, sound = _sound(path)
        if width != 2:
            raise ValueError(f"{path}: sounds must have 16 bits a sample, this has {8 * width}")
        if sampling_rate not in (None, rate):
            raise ValueError(
                f"{path}: has {rate} samples a second, `sampling_rate` is {sampling_rate}; convert the files first"
            )
        sound = sound[:output_sequence_length].astype(np.float32) / 32768
        missing = (output_sequence_length or len(sound)) - len(sound)
        return np.pad(sound, ((0, missing), (0, 0)))

    return _from_directory("audio", load, (".wav",), **given)


def _sound(path):
    """(bytes a sample, samples a second, (samples, channels) int16 if those are 2) of a .wav file."""
    try:
        with wave.open(str(path), "rb") as file:
            width, channels = file.getsampwidth(), file.getnchannels()
            data = file.readframes(file.getnframes())
            data = data[: len(data) // (2 * channels) * 2 * channels]  # where the file was cut short
            return width, file.getframerate(), np.frombuffer(data, "<i2").reshape(-1, channels)
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path} is no .wav file that can be read, or is damaged: {error}") from None


def _from_directory(
    kind,
    load,
    endings,
    *,
    directory,
    labels,
    label_mode,
    class_names,
    batch_size,
    shuffle,
    seed,
    validation_split,
    subset,
    follow_links,
    verbose,
    **_,
):
    """The data set of the files that end so; `load(path)` gives an element. The others are the public functions'
    arguments; what is not named here is of no concern."""
    _check(kind, labels, label_mode, class_names, validation_split, subset, shuffle, seed)
    if labels is None or label_mode is None:
        labels = label_mode = None
    paths, numbers, names = _index(os.fspath(directory), labels, endings, class_names, follow_links)
    if label_mode == "binary" and len(names) != 2:
        raise ValueError(f"label_mode='binary' needs two classes, {directory} has {len(names)}: {names}")
    if verbose:
        print(
            f"Found {len(paths)} files"
            + (f" belonging to {len(names)} classes." if labels is not None else ".")
        )
    seed = np.random.randint(10**6) if seed is None else seed
    if shuffle:
        order = np.random.RandomState(seed).permutation(len(paths))
        paths, numbers = [paths[i] for i in order], None if numbers is None else numbers[order]
    kept = int((validation_split or 0) * len(paths))
    parts = {
        None: slice(None),
        "training": slice(None, len(paths) - kept),
        "validation": slice(len(paths) - kept, None),
    }
    made = []
    for part in ("training", "validation") if subset == "both" else (subset,):
        chosen = paths[parts[part]]
        if not chosen:
            raise ValueError(
                f"no {kind} files{f' for {part}' if part else ''} in {directory}; endings that count: "
                f"{', '.join(endings)}"
            )
        if part and verbose:
            print(f"Using {len(chosen)} files for {part}.")
        dataset = _dataset(
            load,
            chosen,
            None if numbers is None else _encoded(numbers[parts[part]], label_mode, len(names)),
            batch_size,
            shuffle and part != "validation",
            seed,
            padded=kind == "audio",
        )
        dataset.class_names, dataset.file_paths = names, chosen
        made.append(dataset)
    return made if subset == "both" else made[0]


def _dataset(load, paths, labels, batch_size, shuffle, seed, padded):
    places = Dataset.from_tensor_slices(np.arange(len(paths)))
    if shuffle:
        places = places.shuffle(1024 if batch_size is None else 8 * batch_size, seed=seed)

    def element(i):
        return load(paths[i]) if labels is None else (load(paths[i]), labels[i])

    dataset = places.map(element, num_parallel_calls=-1)
    if batch_size is not None:
        dataset = dataset.padded_batch(batch_size) if padded else dataset.batch(batch_size)
    return dataset.prefetch(2)


def _encoded(numbers, label_mode, classes):
    if label_mode == "binary":
        return numbers.astype(np.float32)[:, None]
    return np.eye(classes, dtype=np.float32)[numbers] if label_mode == "categorical" else numbers


def _check(kind, labels, label_mode, class_names, validation_split, subset, shuffle, seed):
    if labels not in ("inferred", None) and not isinstance(labels, (list, tuple)):
        raise ValueError(
            f"`labels` must be 'inferred', None or a list of numbers, one a file, received {labels!r}"
        )
    if labels != "inferred" and class_names:
        raise ValueError("`class_names` can be given with labels='inferred' only")
    if label_mode not in ("int", "categorical", "binary", None):
        raise ValueError(
            f"`label_mode` must be 'int', 'categorical', 'binary' or None, received {label_mode!r}"
        )
    if validation_split and not 0 < validation_split < 1:
        raise ValueError(f"`validation_split` must lie between 0 and 1, received {validation_split}")
    if bool(validation_split) != bool(subset):
        raise ValueError("`validation_split` and `subset` must be given together")
    if subset not in ("training", "validation", "both", None):
        raise ValueError(f"`subset` must be 'training', 'validation' or 'both', received {subset!r}")
    if validation_split and shuffle and seed is None:
        raise ValueError(
            "a `seed` is needed with `validation_split` and `shuffle`, or the parts would overlap"
        )


def files_below(folder, endings, follow_links):
    """The paths of the files that end so, in the order of their folders, then of their names.

    Pipes and devices, to which reading has no end, are passed by; so are links to folders that were gone through.
    """
    found, met = [], set()
    for root, folders, names in os.walk(folder, followlinks=follow_links):
        if follow_links:
            place = os.stat(root)
            if (place.st_dev, place.st_ino) in met:
                folders.clear()
                continue
            met.add((place.st_dev, place.st_ino))
        paths = [os.path.join(root, name) for name in sorted(names) if name.lower().endswith(endings)]
        found.append((root, [path for path in paths if os.path.isfile(path)]))
    return [path for _, paths in sorted(found) for path in paths]


def _index(directory, labels, endings, class_names, follow_links):
    """(paths, numbers of their classes or None, names of the classes or None), in the order of the names."""
    folders = [""]
    if labels == "inferred":
        there = sorted(
            name
            for name in os.listdir(directory)
            if os.path.isdir(os.path.join(directory, name)) and not name.startswith(".")
        )
        if class_names is not None and not set(class_names) <= set(there):
            raise ValueError(
                f"`class_names` {list(class_names)} are not all folders of {directory}, which are {there}"
            )
        folders = list(class_names or there)
    paths, numbers = [], []
    for number, folder in enumerate(folders):
        found = files_below(os.path.join(directory, folder), endings, follow_links)
        paths += found
        numbers += [number] * len(found)
    if labels is None:
        return paths, None, None
    if labels == "inferred":
        return paths, np.array(numbers, np.int32), folders
    if len(labels) != len(paths):
        raise ValueError(f"`labels` has {len(labels)} entries, {directory} holds {len(paths)} files")
    return paths, np.array(labels, np.int32), [str(label) for label in sorted(set(labels))]
