"""ops.image: each function against Keras, gradients against finite differences."""

import keras
import numpy as np
import pytest
from support import check_function

from fastnn import ops

KERAS = keras.ops
SHIFT = np.float32([[0.9, 0.2, 1.0, -0.1, 1.1, -0.5, 0, 0], [1, 0, 2.3, 0, 1, -1.2, 0, 0]])
CORNERS = np.float32([[0, 0], [6, 0], [0, 5], [6, 5]])
MOVED = np.float32([[0.5, 0.2], [5.5, 0.4], [0.1, 4.8], [6.2, 5.1]])


def _images(r, *shape):
    return r.random(shape or (2, 6, 7, 3), "float32")


CALLS = {
    **{
        f"resize {how}": lambda o, r, how=how: o.image.resize(_images(r), (9, 4), interpolation=how)
        for how in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
    },
    "resize antialias": lambda o, r: o.image.resize(_images(r), (3, 3), antialias=True),
    "resize first": lambda o, r: o.image.resize(_images(r, 2, 3, 6, 7), (4, 9), data_format="channels_first"),
    "resize one": lambda o, r: o.image.resize(_images(r, 6, 7, 3), (12, 14)),
    "resize crop": lambda o, r: o.image.resize(_images(r), (8, 4), crop_to_aspect_ratio=True),
    "resize pad": lambda o, r: o.image.resize(
        _images(r, 2, 7, 6, 3), (4, 8), pad_to_aspect_ratio=True, fill_value=0.5
    ),
    "resize integers": lambda o, r: o.image.resize(r.integers(0, 255, (2, 6, 7, 3)).astype("uint8"), (9, 4)),
    "scale_and_translate": lambda o, r: o.image.scale_and_translate(
        _images(r), (2, 8, 8, 3), np.float32([1.5, 0.7]), np.float32([0.3, 1.0]), (1, 2), "linear"
    ),
    "crop": lambda o, r: o.image.crop_images(
        _images(r), top_cropping=1, left_cropping=2, target_height=3, target_width=4
    ),
    "pad": lambda o, r: o.image.pad_images(
        _images(r), top_padding=1, left_padding=2, target_height=9, target_width=11
    ),
    "patches": lambda o, r: o.image.extract_patches(_images(r), (2, 3)),
    "patches same": lambda o, r: o.image.extract_patches(_images(r), 3, strides=2, padding="same"),
    "patches 3d": lambda o, r: o.image.extract_patches_3d(_images(r, 1, 4, 4, 4, 2), 2),
    "grey": lambda o, r: o.image.rgb_to_grayscale(_images(r)),
    "hsv": lambda o, r: o.image.rgb_to_hsv(_images(r)),
    "rgb": lambda o, r: o.image.hsv_to_rgb(_images(r)),
    "rgb first": lambda o, r: o.image.hsv_to_rgb(_images(r, 2, 3, 4, 5), data_format="channels_first"),
    "map 0": lambda o, r: o.image.map_coordinates(_images(r, 5, 6), r.random((2, 9), "float32") * 5, 0),
    **{
        f"map {mode}": lambda o, r, mode=mode: o.image.map_coordinates(
            _images(r, 5, 6), r.random((2, 9), "float32") * 12 - 4, 1, mode, 0.3
        )
        for mode in ("constant", "nearest", "mirror", "reflect")
    },
    "affine": lambda o, r: o.image.affine_transform(_images(r), SHIFT),
    "affine nearest": lambda o, r: o.image.affine_transform(
        _images(r, 6, 7, 3), SHIFT[0] + np.float32([0, 0, 0.13, 0, 0, 0.17, 0, 0]), "nearest", "reflect"
    ),
    "perspective": lambda o, r: o.image.perspective_transform(_images(r), CORNERS, MOVED),
    "blur": lambda o, r: o.image.gaussian_blur(_images(r), (3, 5), (1.0, 2.0)),
    "sobel": lambda o, r: o.image.sobel_edges(_images(r)),
    "ssim": lambda o, r: o.image.ssim(_images(r, 2, 16, 16, 3), _images(r, 2, 16, 16, 3)),
}


@pytest.mark.parametrize("name", CALLS)
def test_as_in_keras(name):
    got, want = (CALLS[name](module, np.random.default_rng(3)) for module in (ops, KERAS))
    assert np.shape(got) == np.shape(want)
    np.testing.assert_allclose(
        np.asarray(got), np.asarray(want), rtol=1e-4, atol=1 if name == "resize integers" else 1e-4
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda x: ops.image.resize(x, (5, 3), "bicubic"),
        lambda x: ops.image.affine_transform(x, SHIFT[0]),
        lambda x: ops.image.extract_patches(x, 2, padding="same"),
        lambda x: ops.image.gaussian_blur(x),
    ],
)
def test_gradient(function, rng):
    check_function(function, [rng.standard_normal((2, 4, 4, 2))], rng=rng, rtol=1e-5, atol=1e-7)


def test_colours_return(rng):
    x = rng.random((3, 4, 3), "float32")
    np.testing.assert_allclose(ops.image.hsv_to_rgb(ops.image.rgb_to_hsv(x)), x, atol=1e-5)


def test_elastic_transform_keeps_an_even_image(rng):
    x = np.full((1, 8, 8, 1), 0.25, "float32")
    np.testing.assert_allclose(ops.image.elastic_transform(x, seed=1), x, rtol=1e-5)


def test_mistakes_are_named():
    with pytest.raises(
        ValueError,
        match=r"resize: `images` must be an image of 3 axes or a batch of 4, received shape \(2, 2\)",
    ):
        ops.image.resize(np.zeros((2, 2)), (4, 4))
    with pytest.raises(ValueError, match="resize: `interpolation` must be one of"):
        ops.image.resize(np.zeros((2, 2, 1)), (4, 4), "cubicle")
    with pytest.raises(ValueError, match="crop_images: exactly two of"):
        ops.image.crop_images(np.zeros((4, 4, 1)), top_cropping=1, target_height=2, target_width=2)
