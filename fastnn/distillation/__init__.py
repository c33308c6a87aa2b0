"""Small models taught by large ones: Keras 3's `distillation`."""

from .distiller import Distiller
from .transfer import DistillationLoss, FeatureDistillation, LogitsDistillation

__all__ = ["DistillationLoss", "Distiller", "FeatureDistillation", "LogitsDistillation"]
