"""ImageDataGenerator: pictures changed at random as they are fed, in the way of Keras 2's programs."""

import warnings

import numpy as np

from ..engine import settings
from .image_flows import DataFrameIterator, DirectoryIterator, NumpyArrayIterator
from .image_transforms import apply_affine_transform, apply_brightness_shift, apply_channel_shift

_TINY = 1e-6


class ImageDataGenerator:
    """Makes batches of pictures, each changed at random. The image layers (RandomFlip...) are the newer way.

    Args:
        featurewise_center, featurewise_std_normalization: subtract the mean of all pictures, divide by their deviation,
            a channel; `fit` finds both. samplewise_center, samplewise_std_normalization: the same for each by itself.
        zca_whitening, zca_epsilon: uncorrelated pixels; needs `fit`.
        rotation_range: degrees. shear_range: degrees. zoom_range: (low, high), or a number for (1 - it, 1 + it).
        width_shift_range, height_shift_range: below 1 a part of the side, else pixels; a whole number: whole pixels
            below it; a list: one of these, either way.
        brightness_range: (low, high) factors. channel_shift_range: what is added at most.
        fill_mode, cval: what stands beyond the edges, as in `apply_affine_transform`; interpolation_order: 0 or 1.
        horizontal_flip, vertical_flip: turn every second one round.
        rescale: a factor. preprocessing_function: of one picture, before `rescale`.
        data_format, dtype: of the batches. validation_split: the part that subset="validation" has.
    Raises:
        ValueError: ranges that are none, a split outside 0..1.
    Source: Keras 2 `preprocessing.image.ImageDataGenerator`; with a seed the same numbers are drawn.
    """

    def __init__(
        self,
        featurewise_center=False,
        samplewise_center=False,
        featurewise_std_normalization=False,
        samplewise_std_normalization=False,
        zca_whitening=False,
        zca_epsilon=1e-6,
        rotation_range=0,
        width_shift_range=0.0,
        height_shift_range=0.0,
        brightness_range=None,
        shear_range=0.0,
        zoom_range=0.0,
        channel_shift_range=0.0,
        fill_mode="nearest",
        cval=0.0,
        horizontal_flip=False,
        vertical_flip=False,
        rescale=None,
        preprocessing_function=None,
        data_format=None,
        validation_split=0.0,
        interpolation_order=1,
        dtype=None,
    ):
        self.featurewise_center = featurewise_center or zca_whitening or featurewise_std_normalization
        self.samplewise_center = samplewise_center or samplewise_std_normalization
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.brightness_range = _pair("brightness_range", brightness_range)
        if isinstance(zoom_range, (int, float)):
            zoom_range = (1 - zoom_range, 1 + zoom_range)
        self.zoom_range = _pair("zoom_range", zoom_range)
        self.channel_shift_range = channel_shift_range
        self.fill_mode, self.cval, self.interpolation_order = fill_mode, cval, interpolation_order
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.data_format = data_format or settings.image_data_format()
        if self.data_format not in ("channels_last", "channels_first"):
            raise ValueError(
                "ImageDataGenerator: `data_format` must be 'channels_last' or 'channels_first', received "
                f"{data_format!r}"
            )
        first = self.data_format == "channels_first"
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if first else (3, 1, 2)
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(
                f"ImageDataGenerator: `validation_split` must be between 0 and 1, received {validation_split!r}"
            )
        self._validation_split = validation_split
        self.dtype = dtype or settings.float_dtype()
        self.mean = self.std = self.zca_whitening_matrix = None

    # ---- batches

    def flow(
        self,
        x,
        y=None,
        batch_size=32,
        shuffle=True,
        sample_weight=None,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        ignore_class_split=False,
        subset=None,
    ):
        """Batches of an array (pictures, height, width, channels), of `y` and `sample_weight`.

        `x` may also be (pictures, [other arrays]), which go along unchanged.
        """
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            ignore_class_split=ignore_class_split,
        )

    def flow_from_directory(
        self,
        directory,
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
        """Batches of the files in a directory, which has a folder a class; see DirectoryIterator."""
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
        )

    def flow_from_dataframe(
        self,
        dataframe,
        directory=None,
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
        """Batches of the files that a pandas frame names; see DataFrameIterator."""
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            validate_filenames=validate_filenames,
            keep_aspect_ratio=keep_aspect_ratio,
        )

    # ---- one picture

    def get_random_transform(self, img_shape, seed=None):
        """What to do to a picture of this shape, drawn at random; `apply_transform` does it."""
        return self.draw(img_shape, np.random if seed is None else np.random.RandomState(seed))

    def draw(self, shape, random):
        """`get_random_transform` with numbers of `random`, a RandomState or np.random.

        The order of the draws is Keras 2's, so that its seeds give its pictures.
        """
        rows, cols = shape[self.row_axis - 1], shape[self.col_axis - 1]
        theta = random.uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0
        tx, ty = (
            _shift(reach, extent, random)
            for reach, extent in ((self.height_shift_range, rows), (self.width_shift_range, cols))
        )
        shear = random.uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        zx, zy = (1, 1) if tuple(self.zoom_range) == (1, 1) else random.uniform(*self.zoom_range, 2)
        flip_horizontal = (random.random_sample() < 0.5) * self.horizontal_flip
        flip_vertical = (random.random_sample() < 0.5) * self.vertical_flip
        reach, bright = self.channel_shift_range, self.brightness_range
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": flip_horizontal,
            "flip_vertical": flip_vertical,
            "channel_shift_intensity": random.uniform(-reach, reach) if reach else None,
            "brightness": None if bright is None else random.uniform(*bright),
        }

    def apply_transform(self, x, transform_parameters):
        """A picture with what `get_random_transform` drew; what is not in the dict is left out."""
        row, col, channel = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        get = transform_parameters.get
        moves = {name: get(name, 0) for name in ("theta", "tx", "ty", "shear")}
        moves |= {name: get(name, 1) for name in ("zx", "zy")}
        where = {"row_axis": row, "col_axis": col, "channel_axis": channel}
        x = apply_affine_transform(
            x, **moves, **where, fill_mode=self.fill_mode, cval=self.cval, order=self.interpolation_order
        )
        if get("channel_shift_intensity") is not None:
            x = apply_channel_shift(x, get("channel_shift_intensity"), channel)
        if get("flip_horizontal", False):
            x = np.flip(x, col)
        if get("flip_vertical", False):
            x = np.flip(x, row)
        if get("brightness") is not None:
            bright = apply_brightness_shift(np.moveaxis(x, channel, -1), get("brightness"), False)
            x = np.moveaxis(bright, -1, channel)
        return x

    def random_transform(self, x, seed=None):
        """A picture changed at random."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def standardize(self, x):
        """A picture (or a batch) scaled as the arguments say."""
        if self.preprocessing_function is not None:
            x = self.preprocessing_function(x)
        if self.rescale:
            x = x * self.rescale
        if self.samplewise_center:
            x = x - np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x = x / (np.std(x, keepdims=True) + _TINY)
        if self.featurewise_center and self._fitted("featurewise_center", self.mean):
            x = x - self.mean
        if self.featurewise_std_normalization and self._fitted("featurewise_std_normalization", self.std):
            x = x / (self.std + _TINY)
        if self.zca_whitening and self._fitted("zca_whitening", self.zca_whitening_matrix):
            x = (x.reshape(-1, np.prod(x.shape[-3:])) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def _fitted(self, name, found):
        if found is None:
            warnings.warn(
                f"ImageDataGenerator: `{name}` has no effect before fit(x) was called on some pictures",
                stacklevel=4,
            )
        return found is not None

    def fit(self, x, augment=False, rounds=1, seed=None):
        """Find the mean and deviation, and what whitening needs, of pictures (n, height, width, channels).

        augment: change them at random first, `rounds` times.
        """
        x = np.array(x, self.dtype)
        if x.ndim != 4:
            raise ValueError(f"ImageDataGenerator.fit: `x` must have 4 axes, received shape {x.shape}")
        random = np.random if seed is None else np.random.RandomState(seed)
        if augment:
            x = np.stack(
                [self.apply_transform(one, self.draw(one.shape, random)) for _ in range(rounds) for one in x]
            )
        across = 0, self.row_axis, self.col_axis
        if self.featurewise_center:
            self.mean = np.mean(x, axis=across, keepdims=True)[0]
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, axis=across, keepdims=True)[0]
            x /= self.std + _TINY
        if self.zca_whitening:
            u, s, _ = np.linalg.svd(x.reshape(len(x), -1).T, full_matrices=False)
            self.zca_whitening_matrix = (u * (np.sqrt(len(x)) / (s + self.zca_epsilon))) @ u.T


def _pair(name, given):
    if given is not None and len(given) != 2:
        raise ValueError(f"ImageDataGenerator: `{name}` must be two numbers (low, high), received {given!r}")
    return given


def _shift(reach, extent, random):
    """How many pixels to shift along a side of `extent`."""
    if not np.any(reach):
        return 0
    if isinstance(reach, float):
        far = random.uniform(-reach, reach)
    else:
        far = random.choice(reach) * random.choice([-1, 1])
    return far * extent if np.max(reach) < 1 else far
