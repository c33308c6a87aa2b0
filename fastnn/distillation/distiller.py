"""Distiller: a model that trains a student on labels and on what its teacher says of the inputs."""

from .. import losses, metrics, ops, tree
from ..models import Model
from ..saving.serialization import deserialize_keras_object, serialize_keras_object


class Distiller(Model):
    """Trains `student`, on the labels and to be like `teacher`; called, and in `predict`, it is the student.

    The total is `student_loss_weight` times the student's loss (`compile`'s `loss`; penalties of its layers are not
    part of it) plus 1 - `student_loss_weight` times the weighted sum of the distillation losses. Logs hold all three.

    Args:
        teacher: a trained model; it is frozen.
        student: the model to train, with inputs and outputs of the same shapes and dtypes.
        distillation_losses: a DistillationLoss, or a list of them.
        distillation_loss_weights: a number for each of the list; 1 by default.
        student_loss_weight: from 0 to 1.
    Raises:
        ValueError: no models, or models that do not fit each other or the losses; weights out of range, or too many.
    Source: Keras 3 `distillation.Distiller`.
    """

    def __init__(
        self,
        teacher,
        student,
        distillation_losses,
        distillation_loss_weights=None,
        student_loss_weight=0.5,
        name="distiller",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        _check_alike(teacher, student)
        if not isinstance(student_loss_weight, (int, float)) or not 0 <= student_loss_weight <= 1:
            raise ValueError(
                f"Distiller: `student_loss_weight` must be a number from 0 to 1, received {student_loss_weight!r}"
            )
        if distillation_losses is None:
            raise ValueError(
                "Distiller: `distillation_losses` is None; give one, for instance LogitsDistillation(), or a list"
            )
        if not isinstance(distillation_losses, (list, tuple)):
            distillation_losses = [distillation_losses]
        if distillation_loss_weights is None:
            distillation_loss_weights = [1.0] * len(distillation_losses)
        if len(distillation_loss_weights) != len(distillation_losses):
            raise ValueError(
                f"Distiller: there are {len(distillation_losses)} distillation losses, but "
                f"{len(distillation_loss_weights)} `distillation_loss_weights`"
            )
        for one in distillation_losses:
            one.validate_model_compatibility(teacher, student)
        self.teacher = teacher
        self.student = student
        self.student_loss_weight = student_loss_weight
        self.distillation_losses = list(distillation_losses)
        self.distillation_loss_weights = list(distillation_loss_weights)
        self._teacher_feature_extractor = self._extractor(teacher, "teacher_layer_name")
        self._student_feature_extractor = self._extractor(student, "student_layer_name")
        self.teacher.trainable = False
        self.student_loss_tracker = metrics.Mean(name="student_loss")
        self.distillation_loss_tracker = metrics.Mean(name="distillation_loss")
        self.total_loss_tracker = metrics.Mean(name="total_loss")
        self.built = teacher.built and student.built

    def _extractor(self, model, attribute):
        """A model {"final_output": its output, layer's name: that layer's output, ...}; None if no layer is named."""
        names = dict.fromkeys(getattr(one, attribute, None) for one in self.distillation_losses)
        names = [name for name in names if name is not None]
        if not names:
            return None
        outputs = {name: model.get_layer(name=name).output for name in names}
        return Model(
            model.inputs,
            {"final_output": model.output, **outputs},
            name=f"{model.name}_multi_feature_extractor",
        )

    def compile(self, optimizer="adam", loss=None, metrics=None, **kwargs):
        """Choose how the student is trained.

        Args:
            optimizer, metrics, kwargs: as for Model.compile.
            loss: the student's, on the labels: a name, a function or a Loss; for several outputs a structure of them.
        Raises:
            ValueError: no loss; metrics that are not in a list.
        """
        if loss is None:
            raise ValueError("Distiller: give `loss` to compile(), the student's own on the labels")
        if metrics is not None and not isinstance(metrics, (list, tuple)):
            raise ValueError(f"Distiller: `metrics` must be a list, received {metrics!r}")
        self._student_loss = tree.map_structure(_as_loss, loss)
        super().compile(optimizer=optimizer, loss=None, metrics=metrics, **kwargs)
        self._compile_config["loss"] = loss

    def compile_from_config(self, config):
        config = deserialize_keras_object(config)
        if config["loss"] is not None:  # files that Keras wrote do not say it
            self.compile(**config)
            if self.built and self.optimizer is not None:
                self.optimizer.build(self.trainable_variables)

    def call(self, inputs, training=None, **kwargs):
        return self.student(inputs, training=training, **kwargs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The total, a scalar tensor; the three losses' means are updated.

        Args:
            y: labels; None: the student's own loss counts as 0.
            sample_weight: weighs the student's own loss.
        """
        if y_pred is None:
            y_pred = self(x, training=training)
        own = ops.convert_to_tensor(0.0)
        if self.student_loss_weight > 0 and y is not None:
            own = self._own_loss(y, y_pred, sample_weight)
        taught = ops.convert_to_tensor(0.0)
        if self.student_loss_weight < 1:
            taught = self._taught_loss(x, y_pred, training)
        total = self.student_loss_weight * own + (1.0 - self.student_loss_weight) * taught
        self.student_loss_tracker.update_state(own)
        self.distillation_loss_tracker.update_state(taught)
        self.total_loss_tracker.update_state(total)
        return total

    def _own_loss(self, y, y_pred, sample_weight):
        parts = [tree.flatten(part) for part in (self._student_loss, y, y_pred)]
        weights = (
            tree.flatten(sample_weight) if tree.is_nested(sample_weight) else [sample_weight] * len(parts[0])
        )
        counts = [len(part) for part in (*parts, weights)]
        if len(set(counts)) > 1:
            raise ValueError(
                "Distiller: `loss`, the labels, the student's outputs and sample weights given one an output must be "
                f"structures alike; they have {counts} leaves"
            )
        values = [
            ops.mean(loss(labels, outputs, sample_weight=weight))
            for loss, labels, outputs, weight in zip(*parts, weights)
            if loss is not None
        ]
        return sum(values[1:], values[0])

    def _taught_loss(self, x, y_pred, training):
        from_teacher = self._teacher_feature_extractor
        taught = from_teacher or self.teacher
        taught = taught(x, training=False)
        theirs = taught if from_teacher else {"final_output": taught}
        learnt = {"final_output": y_pred}
        if self._student_feature_extractor:
            learnt = {**self._student_feature_extractor(x, training=training), **learnt}
        total = ops.convert_to_tensor(0.0)
        for loss, weight in zip(self.distillation_losses, self.distillation_loss_weights):
            teacher, student = (
                features[getattr(loss, attribute, None) or "final_output"]
                for features, attribute in ((theirs, "teacher_layer_name"), (learnt, "student_layer_name"))
            )
            loss.validate_outputs(teacher, student)
            value = loss.compute_loss(teacher, student)
            if tuple(getattr(value, "shape", ())):
                raise ValueError(
                    f"Distiller: compute_loss of {type(loss).__name__} must return a scalar, it returned shape "
                    f"{tuple(value.shape)}"
                )
            total = total + weight * value
        return total

    def get_config(self):
        return {
            **super().get_config(),
            "teacher": serialize_keras_object(self.teacher),
            "student": serialize_keras_object(self.student),
            "distillation_losses": [serialize_keras_object(one) for one in self.distillation_losses],
            "distillation_loss_weights": list(self.distillation_loss_weights),
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        parts = ("teacher", "student", "distillation_losses")
        return cls(
            **{**config, **{key: deserialize_keras_object(config[key], custom_objects) for key in parts}}
        )


def _as_loss(given):
    """A Loss of a name, a function or a Loss, so that it takes sample weights."""
    loss = losses.get(given)
    if loss is None or isinstance(loss, losses.Loss):
        return loss
    return losses.LossFunctionWrapper(loss)


def _check_alike(teacher, student):
    for who, model in (("teacher", teacher), ("student", student)):
        if not isinstance(model, Model):
            raise ValueError(f"Distiller: `{who}` must be a Model, received {model!r}")
    for what in ("inputs", "outputs"):
        theirs, ours = (getattr(model, what, None) for model in (teacher, student))
        if theirs is None or ours is None:  # subclassed models: seen once they are called
            continue
        forms = [[(tuple(x.shape), x.dtype) for x in tree.flatten(some)] for some in (theirs, ours)]
        if len(forms[0]) != len(forms[1]) or not all(map(_fit, *forms)):
            raise ValueError(
                f"Distiller: teacher and student must have {what} of the same shapes and dtypes; the teacher's are "
                f"{forms[0]}, the student's {forms[1]}"
            )


def _fit(one, other):
    (shape, dtype), (other_shape, other_dtype) = one, other
    return (
        dtype == other_dtype
        and len(shape) == len(other_shape)
        and all(a is None or b is None or a == b for a, b in zip(shape, other_shape))
    )
