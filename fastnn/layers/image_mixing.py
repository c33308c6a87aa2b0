"""Images mixed with each other, or with several changed forms of themselves, while training."""

import numpy as np

from .. import ops, random
from ..engine.tensor import Traced
from ..engine.variable import convert
from .image_augmentation import RandomBrightness, RandomContrast, RandomRotation, RandomTranslation
from .image_colors import RandomColorDegeneration, RandomPosterization, RandomSharpness, Solarization
from .image_contrast import AutoContrast, Equalization
from .image_geometry import RandomShear, box_masks, crop_bounds
from .image_layer import RandomImageLayer, each, factor_range


class _Mixing(RandomImageLayer):
    """The base: the transformation holds `permutation_order`, whom each image is mixed with, and `mix_weight`."""

    def _order(self, count, seed):
        return random.shuffle(convert(np.arange(count, dtype="int32")), seed=seed)

    def transform_labels(self, labels, transformation=None, training=True):
        """Labels as numbers a class, mixed as the images are."""
        if not training or transformation is None:
            return labels
        labels = convert(labels, dtype=self._compute_dtype)
        weight = ops.reshape(convert(transformation["mix_weight"], dtype=labels.dtype), (-1, 1))
        return weight * labels + (1.0 - weight) * ops.take(
            labels, transformation["permutation_order"], axis=0
        )


class MixUp(_Mixing):
    """Each image, and its label, averaged with another of the batch.

    Args:
        alpha: of the Beta(alpha, alpha) that weights are drawn from: the smaller, the less is mixed.
    Source: Keras 3 `layers.MixUp`; Zhang et al., mixup, ICLR 2018.
    """

    saved = ("alpha", "seed")

    def __init__(self, alpha=0.2, data_format=None, seed=None, **kwargs):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.alpha = alpha

    def draw(self, shape, seed):
        order = self._order(shape[0], seed)
        weight = random.beta((shape[0],), self.alpha, self.alpha, seed=seed)
        return {"mix_weight": weight, "permutation_order": order}

    def change(self, images, transformation, interpolation=None):
        weight = each(transformation["mix_weight"], images)
        others = ops.take(images, transformation["permutation_order"], axis=0)
        return weight * images + (1.0 - weight) * others

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        """Each image's boxes, and those of the other image."""
        if not training:
            return bounding_boxes
        order = transformation["permutation_order"]
        both = {key: convert(bounding_boxes[key]) for key in ("boxes", "labels") if key in bounding_boxes}
        both = {key: ops.concatenate([x, ops.take(x, order, axis=0)], axis=1) for key, x in both.items()}
        return {**bounding_boxes, **both}

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        """Masks averaged as the images are."""
        if not training:
            return segmentation_masks
        return self.change(convert(segmentation_masks, dtype=self._compute_dtype), transformation)


class CutMix(_Mixing):
    """In each image a box replaced by what another image of the batch has there; labels mixed by the areas.

    Args:
        factor: of the Beta that areas are drawn from, one number (from 0), or (lower, upper).
    Source: Keras 3 `layers.CutMix`; Yun et al., CutMix, ICCV 2019.
    """

    saved = ("factor", "seed")
    moves = True

    def __init__(self, factor=1.0, seed=None, data_format=None, **kwargs):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = factor_range("CutMix", "factor", factor, least=0.0)

    def draw(self, shape, seed):
        rows, columns = shape[2:4] if self.data_format == "channels_first" else shape[1:3]
        alpha = self._uniform((), self.factor, seed) + 1e-6
        share = ops.sqrt(1.0 - random.beta((shape[0],), alpha, alpha, seed=seed))
        x, y = (crop_bounds(shape[0], extent, share, seed) for extent in (columns, rows))
        area = (x[1] - x[0]) * (y[1] - y[0]) / float(rows * columns)
        return {
            "permutation_order": self._order(shape[0], seed),
            "batch_masks": box_masks(shape, self.data_format, x, y),
            "mix_weight": ops.reshape(1.0 - area, (-1, 1, 1, 1)),
        }

    def change(self, images, transformation, interpolation=None):
        if transformation is None:
            return images
        others = ops.take(images, transformation["permutation_order"], axis=0)
        return ops.where(transformation["batch_masks"], others, images)


class _Several(RandomImageLayer):
    """The base of layers that draw among many: `_layers_by_name`, each made with the same factor."""

    moves = True

    def _make_layers(self, factor, value_range, interpolation, data_format, **kwargs):
        common = {"data_format": data_format, **kwargs}
        ranged = {"value_range": value_range, **common}
        warped = {"interpolation": interpolation, **common}
        bits = max(1, int(8 * factor[1]))
        self.random_shear = RandomShear(factor, factor, **warped)
        self.random_translation = RandomTranslation(factor, factor, **warped)
        self.random_rotation = RandomRotation(factor, **warped)
        self.random_brightness = RandomBrightness(factor, **ranged)
        self.random_color_degeneration = RandomColorDegeneration(factor, **ranged)
        self.random_contrast = RandomContrast(factor, **ranged)
        self.random_sharpness = RandomSharpness(factor, **ranged)
        self.random_posterization = RandomPosterization(bits, **ranged)
        self.solarization = Solarization(factor, factor, **ranged)
        self.auto_contrast = AutoContrast(**ranged)
        self.equalization = Equalization(**ranged)

    def _changed_by(self, name, images, transformation, interpolation):
        """Images changed by one of the layers; masks by those only that move pixels."""
        layer = getattr(self, name)
        if interpolation and not layer.moves:
            return images
        return layer.change(images, transformation, interpolation)


class RandAugment(_Several):
    """Images changed by `num_ops` of eleven ways, drawn for each batch: sheared, moved, turned, brightened, ...

    Args:
        value_range: the least and greatest value of the images.
        num_ops: how many changes, one after another.
        factor: how strong they are, from 0 to 1, or (lower, upper).
        interpolation: "bilinear" or "nearest".
    Source: Keras 3 `layers.RandAugment`; Cubuk et al., RandAugment, 2019.
    """

    saved = ("value_range", "num_ops", "factor", "interpolation", "seed")
    names = (
        "random_shear",
        "random_translation",
        "random_rotation",
        "random_brightness",
        "random_color_degeneration",
        "random_contrast",
        "random_sharpness",
        "random_posterization",
        "solarization",
        "auto_contrast",
        "equalization",
    )

    def __init__(
        self,
        value_range=(0, 255),
        num_ops=2,
        factor=0.5,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.value_range, self.num_ops, self.interpolation = value_range, num_ops, interpolation
        self.factor = factor_range("RandAugment", "factor", factor, least=0.0)
        self._make_layers(self.factor, value_range, interpolation, data_format)

    def draw(self, shape, seed):
        chosen = random.randint((self.num_ops,), 0, len(self.names), seed=seed)
        layers = {name: getattr(self, name) for name in self.names}
        drawn = {
            name: layer.draw(shape, seed) if isinstance(layer, RandomImageLayer) else None
            for name, layer in layers.items()
        }
        return {"transforms": drawn, "layer_idxes": chosen}

    def change(self, images, transformation, interpolation=None):
        if transformation is None:
            return images
        return self._by_chosen(
            transformation,
            images,
            lambda name, images, drawn: self._changed_by(name, images, drawn, interpolation),
        )

    def move_boxes(self, boxes, transformation, rows, columns):
        def moved_by(name, boxes, drawn):
            layer = getattr(self, name)
            return layer.move_boxes(boxes, drawn, rows, columns) if layer.moves else boxes

        return self._by_chosen(transformation, boxes, moved_by)

    def _by_chosen(self, transformation, x, change):
        """x changed, by change(name, x, what was drawn for that layer), in the ways that were chosen."""
        chosen = transformation["layer_idxes"]
        for i in range(self.num_ops):
            if isinstance(chosen, Traced):  # not known yet: all of them, and then the one
                for at, (name, drawn) in enumerate(transformation["transforms"].items()):
                    x = ops.where(ops.equal(chosen[i], at), change(name, x, drawn), x)
            else:
                name = list(transformation["transforms"])[int(chosen[i])]
                x = change(name, x, transformation["transforms"][name])
        return x


class AugMix(_Several):
    """Images averaged with several forms of themselves, each changed by a chain of ways drawn for the batch.

    Args:
        value_range: the least and greatest value of the images.
        num_chains: how many changed forms.
        chain_depth: the most changes of each.
        factor: how strong they are, from 0 to 1, or (lower, upper).
        alpha: of the Dirichlet and Beta that weights are drawn from.
        all_ops: also those that change brightness, colour, contrast and sharpness.
        interpolation: "bilinear" or "nearest".
    Source: Keras 3 `layers.AugMix`; Hendrycks et al., AugMix, ICLR 2020.
    """

    saved = (
        "value_range",
        "num_chains",
        "chain_depth",
        "factor",
        "alpha",
        "all_ops",
        "interpolation",
        "seed",
    )
    _few = (
        "random_shear",
        "random_translation",
        "random_rotation",
        "random_posterization",
        "solarization",
        "auto_contrast",
        "equalization",
    )

    def __init__(
        self,
        value_range=(0, 255),
        num_chains=3,
        chain_depth=3,
        factor=0.3,
        alpha=1.0,
        all_ops=True,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.value_range, self.num_chains, self.chain_depth = value_range, num_chains, chain_depth
        self.factor = factor_range("AugMix", "factor", factor, least=0.0)
        self.alpha, self.all_ops, self.interpolation = alpha, all_ops, interpolation
        self._names = RandAugment.names if all_ops else self._few
        self._choices = np.random.default_rng(seed)  # which ways: decided in Python, once a trace
        self._make_layers(self.factor, value_range, interpolation, data_format)

    def draw(self, shape, seed):
        weights = random.gamma((self.num_chains,), self.alpha, seed=seed)
        chains = []
        for _ in range(self.num_chains):
            picked = self._choices.integers(0, len(self._names) + 1, self.chain_depth)
            chain = []
            for name in [self._names[i] for i in picked if i < len(self._names)]:
                layer = getattr(self, name)
                drawn = layer.draw(shape, seed) if isinstance(layer, RandomImageLayer) else None
                chain.append({"layer_name": name, "transformation": drawn})
            chains.append(chain)
        return {
            "chain_mixing_weights": weights / ops.sum(weights),
            "weight_sample": random.beta((), self.alpha, self.alpha, seed=seed),
            "chain_transforms": chains,
        }

    def change(self, images, transformation, interpolation=None):
        if transformation is None:
            return images
        weights = convert(transformation["chain_mixing_weights"], dtype=images.dtype)
        share = convert(transformation["weight_sample"], dtype=images.dtype)
        mixed = ops.zeros_like(images)
        for i, chain in enumerate(transformation["chain_transforms"]):
            changed = images
            for step in chain:
                changed = self._changed_by(step["layer_name"], changed, step["transformation"], interpolation)
            mixed = mixed + changed * weights[i]
        mixed = share * images + (1.0 - share) * mixed
        return mixed if interpolation else ops.clip(mixed, *map(float, self.value_range))

    def move_boxes(self, boxes, transformation, rows, columns):
        return boxes  # the images stay among what they are averaged with
