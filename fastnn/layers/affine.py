"""Affine: the learnt gamma and beta of normalisation layers."""

from .layer import Layer
from .weight_arguments import add_weight, set_weight_arguments, weight_config


class Affine(Layer):
    """The base of layers that multiply by gamma, if `scale`, and add beta, if `center`; None where there is none.

    Neither is converted to the compute dtype by itself: normalisation runs in float32 at least.
    """

    def _keep_affine(self, given):
        """Keep what the constructor was given: its `locals()`."""
        self.center = given["center"]
        self.scale = given["scale"]
        set_weight_arguments(self, given, "beta", "gamma")
        self.gamma = self.beta = None
        self.supports_masking = True

    def _add_affine(self, shape):
        if self.scale:
            self.gamma = add_weight(self, "gamma", shape, autocast=False)
        if self.center:
            self.beta = add_weight(self, "beta", shape, autocast=False)

    def _affine_config(self):
        return {"center": self.center, "scale": self.scale, **weight_config(self, "beta", "gamma")}
