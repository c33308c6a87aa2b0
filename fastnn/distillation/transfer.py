"""What a student shall have in common with its teacher, as losses of their outputs."""

from .. import losses, ops, tree
from ..saving.serialization import deserialize_keras_object, serialize_keras_object


class DistillationLoss:
    """The base; a subclass defines `compute_loss`, and `get_config` if it is to be saved.

    Source: Keras 3 `distillation.DistillationLoss`.
    """

    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        """How far the student is from its teacher, a scalar tensor.

        Args:
            teacher_outputs, student_outputs: tensors, or structures of them that are alike.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define compute_loss(teacher_outputs, student_outputs)"
        )

    def validate_outputs(self, teacher_outputs, student_outputs):
        """Raise ValueError for outputs that cannot be compared; here: structures that differ."""
        tree.assert_same_structure(teacher_outputs, student_outputs)

    def validate_model_compatibility(self, teacher, student):
        """Raise ValueError for models that this cannot be computed of."""

    @classmethod
    def from_config(cls, config):
        """One from what `get_config` returned."""
        return cls(**config)


class _OfOutputs(DistillationLoss):
    """A loss, or a structure of losses as that of the outputs; None for an output that is left alone."""

    def __init__(self, loss):
        self.loss = tree.map_structure(losses.get, loss)
        if all(one is None for one in tree.flatten(self.loss)):
            raise ValueError(f"{type(self).__name__}: `loss` is None for each output, so nothing is taught")

    def validate_outputs(self, teacher_outputs, student_outputs):
        super().validate_outputs(teacher_outputs, student_outputs)
        try:
            tree.assert_same_structure(self.loss, teacher_outputs)
        except ValueError as error:
            raise ValueError(
                f"{type(self).__name__}: `loss` must be a structure like that of the outputs; {error}"
            ) from None

    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        values = [
            ops.mean(self._compared(loss, teacher, student))
            for loss, teacher, student in zip(
                *map(tree.flatten, (self.loss, teacher_outputs, student_outputs)), strict=True
            )
            if loss is not None
        ]
        return sum(values[1:], values[0])

    def _compared(self, loss, teacher, student):
        return loss(teacher, student)

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": deserialize_keras_object(config["loss"])})


class FeatureDistillation(_OfOutputs):
    """The student shall have its teacher's features: the outputs of layers within, or those of the models.

    Args:
        loss: a name, a function or a Loss of (teacher's, student's); for layers or models with several outputs a
            structure of them, None for an output that is left alone.
        teacher_layer_name, student_layer_name: whose outputs are compared; None: the model's own.
    Raises:
        ValueError: no loss at all.
    Source: Keras 3 `distillation.FeatureDistillation`; Romero et al., FitNets, ICLR 2015.
    """

    def __init__(self, loss="mse", teacher_layer_name=None, student_layer_name=None):
        super().__init__(loss)
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name

    def validate_model_compatibility(self, teacher, student):
        for who, model, name in (
            ("teacher", teacher, self.teacher_layer_name),
            ("student", student, self.student_layer_name),
        ):
            if name is None:
                continue
            if getattr(model, "inputs", None) is None:
                raise ValueError(
                    f"FeatureDistillation: the {who} {model.name!r} has no symbolic inputs, as a subclassed or an "
                    f"unbuilt model, so layer {name!r} cannot be looked into; give a functional model or a built "
                    f"Sequential, or leave {who}_layer_name out to compare the models' outputs"
                )
            try:
                model.get_layer(name=name)
            except ValueError as error:
                raise ValueError(f"FeatureDistillation: in the {who}: {error}") from None

    def get_config(self):
        return {
            "loss": serialize_keras_object(self.loss),
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
        }


class LogitsDistillation(_OfOutputs):
    """The student shall be as sure and as unsure of each class as its teacher.

    Both models' outputs are logits, and are divided by `temperature` before they are compared. For the
    Kullback-Leibler divergence, softmax makes probabilities of them, and the loss is multiplied with
    `temperature` squared, as its gradients shrink by that.

    Args:
        temperature: positive; above 1 makes more of improbable classes.
        loss: a name, a function or a Loss of (teacher's, student's); for models with several outputs a structure of
            them, None for an output that is left alone. The divergence is known as a function, too, and by its name
            (Keras 3.15 knows it as a `losses.KLDivergence()` alone, and else takes logits for probabilities).
    Raises:
        ValueError: a temperature that is no positive number; no loss at all.
    Source: Keras 3 `distillation.LogitsDistillation`; Hinton et al., arXiv 1503.02531.
    """

    def __init__(self, temperature=3.0, loss="kl_divergence"):
        super().__init__(loss)
        if isinstance(temperature, bool) or not isinstance(temperature, (int, float)) or not temperature > 0:
            raise ValueError(
                f"LogitsDistillation: `temperature` must be a positive number, received {temperature!r}"
            )
        self.temperature = temperature

    def _compared(self, loss, teacher, student):
        teacher, student = (ops.divide(logits, self.temperature) for logits in (teacher, student))
        if loss is losses.kl_divergence or isinstance(loss, losses.KLDivergence):
            return ops.multiply(loss(ops.softmax(teacher), ops.softmax(student)), self.temperature**2)
        return loss(teacher, student)

    def get_config(self):
        return {"temperature": self.temperature, "loss": serialize_keras_object(self.loss)}
