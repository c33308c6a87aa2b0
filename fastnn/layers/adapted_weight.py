"""What Dense, EinsumDense, Embedding and the convolutions can do with their main weight: train a low-rank adapter in
its place (`enable_lora`), or keep it as whole numbers of 8 bits (`quantize`)."""

import numpy as np

from .. import dtype_policies, initializers, ops, quantizers
from ..engine.variable import Variable
from ..saving.serialization import serialize_keras_object
from .call_state import structure_changed
from .input_spec import describe
from .layer_state import keeping_all


class MainWeight:
    """The attribute `kernel` or `embeddings`: the variable; with an adapter, what the two come to."""

    def __init__(self, name):
        self.name = name

    def __get__(self, layer, kind=None):
        if layer is None:
            return self
        variable = layer.__dict__.get(f"_{self.name}")
        if variable is None:
            raise AttributeError(self.name)
        return layer._with_adapter(variable) if layer.lora_enabled else variable

    def __set__(self, layer, value):
        layer.__dict__[f"_{self.name}"] = value


class Adaptable:
    """The part of a layer that is about its `main_weight`.

    Subclasses say `main_weight`, and where they can be quantized `scale_axes`, over which one scale of it holds.
    Source: Hu et al., "LoRA", ICLR 2022; Keras 3 `Dense.enable_lora`, `Dense.quantize`.
    """

    main_weight = "kernel"
    quantizable = False
    quantization_config = None  # how it is quantized; None of a quantized layer: as by default
    lora_enabled = False
    lora_rank = lora_alpha = None

    def set_adapter_arguments(self, given):
        """Keep the constructor's `lora_rank`, `lora_alpha` and `quantization_config`."""
        config = given.get("quantization_config")
        if config is not None:
            self.quantization_config = quantizers.resolved(
                f"{type(self).__name__}: `quantization_config`", None, config
            )
        rank = given["lora_rank"]
        if rank is not None and (
            isinstance(rank, bool) or not isinstance(rank, (int, np.integer)) or rank < 1
        ):
            raise ValueError(
                f"{type(self).__name__}: `lora_rank` must be an integer of at least 1, received {rank!r}"
            )
        self.lora_rank = rank
        self.lora_alpha = given["lora_alpha"] if given["lora_alpha"] is not None else rank

    # ---- building

    def add_main_weight(self, shape, add):
        """Make the weight by `add()`, or what a quantized layer has in its place. After the layer's other weights are
        made, `add_adapter_if_asked` makes the adapter."""
        if isinstance(self.dtype_policy, dtype_policies.DTypePolicyMap):
            self.dtype_policy = self.dtype_policy[self.path]
        if self.quantization_mode == "int8":
            self._add_int8(shape)
        else:
            setattr(self, self.main_weight, add())

    def add_adapter_if_asked(self):
        """The adapter that the constructor was asked for."""
        if self.lora_rank is not None and not self.lora_enabled:
            self._add_adapter(self.lora_rank, self.lora_alpha, "he_uniform", "zeros")

    def enable_lora(self, rank, lora_alpha=None, a_initializer="he_uniform", b_initializer="zeros"):
        """Freeze the main weight and train a product of two thin matrices beside it. Compile again to train.

        Args:
            rank: the extent between the two, at least 1.
            lora_alpha: the product counts lora_alpha / rank times; `rank` by default.
            a_initializer, b_initializer: of the two matrices; the second is zeros by default, so nothing changes yet.
        Raises:
            ValueError: the layer is not built, has an adapter already, or a constraint on the weight.
        """
        if not self.built:
            raise ValueError(
                f"{describe(self)}: enable_lora needs a layer that is built; call it on data first"
            )
        if self.lora_enabled:
            raise ValueError(f"{describe(self)}: it has an adapter already, of rank {self.lora_rank}")
        self.set_adapter_arguments({"lora_rank": rank, "lora_alpha": lora_alpha})
        locked, self._tracker.locked = self._tracker.locked, None
        self._add_adapter(rank, self.lora_alpha, a_initializer, b_initializer)
        self._tracker.locked = locked
        structure_changed()

    def _add_adapter(self, rank, alpha, a_initializer, b_initializer):
        name = self.main_weight
        if getattr(self, f"{name}_constraint"):
            raise ValueError(
                f"{describe(self)}: a low-rank adapter cannot keep the constraint of the weight; leave out "
                f"`{name}_constraint`"
            )
        variable = getattr(self, f"_{name}")
        for end, shape, initializer in (
            ("a", (*variable.shape[:-1], rank), a_initializer),
            ("b", (rank, variable.shape[-1]), b_initializer),
        ):
            made = self.add_weight(
                name=f"lora_{name}_{end}",
                shape=shape,
                initializer=initializers.get(initializer),
                dtype="float32",
                regularizer=getattr(self, f"{name}_regularizer"),
            )
            setattr(self, f"lora_{name}_{end}", made)
        variable.trainable = False
        self.lora_rank, self.lora_alpha, self.lora_enabled = rank, alpha, True

    def _with_adapter(self, weight):
        a, b = (getattr(self, f"lora_{self.main_weight}_{end}") for end in "ab")
        if self.quantization_mode is not None:
            weight = self._as_floats()
        return ops.add(weight, ops.multiply(ops.matmul(a, b), self.lora_alpha / self.lora_rank))

    # ---- quantization

    def quantize(self, mode=None, type_check=True, config=None):
        """Keep the main weight as int8 with one float scale a column (a row, of a table): a quarter of the memory. Its
        inputs are rounded to 8 bits too, as in Keras; sums are in float32. For inference; an adapter can be trained.

        Args:
            mode: "int8"; may be left out with a `config`.
            config: an Int8QuantizationConfig; the constructor's `quantization_config`, or its defaults, otherwise.
        Raises:
            ValueError: another mode than "int8"; a layer that is not built.
        """
        if not self.quantizable or (type_check and not type(self).__module__.startswith("fastnn.")):
            super().quantize(mode, type_check, config)
        config = self.quantization_config if config is None else config
        config = quantizers.resolved(f"{describe(self)}: quantize", mode, config)
        if not self.built:
            raise ValueError(f"{describe(self)}: quantize needs a layer that is built; call it on data first")
        if self.quantization_mode is not None:
            return
        self.quantization_config = config
        name = self.main_weight
        weight = getattr(self, f"_{name}")
        values, scale = self._whole(weight.numpy())
        locked, self._tracker.locked = self._tracker.locked, None
        self._tracker.untrack(weight)
        self.dtype_policy = dtype_policies.QuantizedDTypePolicy("int8", self.dtype_policy.name)
        self._add_int8(weight.shape)
        getattr(self, f"_{name}").assign(values)
        stored = getattr(self, f"{name}_scale")
        stored.assign(np.asarray(self._scale_as_stored(np.asarray(scale))).reshape(stored.shape))
        self._tracker.locked = locked
        structure_changed()

    def _whole(self, weight):
        """(whole numbers, scale) of the weight."""
        chosen = self.quantization_config and self.quantization_config.weight_quantizer
        if chosen is None:
            return quantizers.abs_max_quantize(weight, axis=self.scale_axes())
        if getattr(chosen, "axis", ()) is None:
            return chosen(weight, axis=self.scale_axes())
        return chosen(weight)

    def _add_int8(self, shape):
        name = self.main_weight
        ones = np.ones([1 if i in self.scale_axes() else n for i, n in enumerate(shape)], "float32")
        kept = {"dtype": "int8", "trainable": False, "initializer": "zeros"}
        setattr(self, name, self.add_weight(name=name, shape=shape, **kept))
        scale_shape = self._scale_as_stored(ones).shape
        scale = self.add_weight(name=f"{name}_scale", shape=scale_shape, initializer="ones", trainable=False)
        setattr(self, f"{name}_scale", scale)

    def _scale_as_stored(self, scale):
        """A scale of the weight's rank in the shape that Keras's files have it in."""
        return np.squeeze(scale, self.scale_axes())

    def _scale_as_weight(self, stored):
        """The reverse, on tensors."""
        shape = [
            1 if i in self.scale_axes() else n
            for i, n in enumerate(getattr(self, f"_{self.main_weight}").shape)
        ]
        return ops.reshape(stored, shape)

    def _as_floats(self):
        name = self.main_weight
        scale = self._scale_as_weight(getattr(self, f"{name}_scale"))
        return ops.divide(ops.cast(getattr(self, f"_{name}"), self._compute_dtype), scale)

    def weight_to_use(self):
        """The main weight as `call` computes with it."""
        if self.quantization_mode is not None and not self.lora_enabled:
            return self._as_floats()
        return getattr(self, self.main_weight)

    def inputs_to_use(self, inputs, axes):
        """The inputs; of a quantized layer rounded to 8 bits, one scale over `axes`, with the gradient of the
        inputs."""
        config = self.quantization_config
        if self.quantization_mode is None or (config is not None and config.activation_quantizer is None):
            return inputs
        round_them = quantizers.abs_max_quantize if config is None else config.activation_quantizer
        values, scale = round_them(inputs, axis=axes)
        rounded = ops.divide(ops.cast(values, inputs.dtype), scale)
        return ops.add(inputs, ops.stop_gradient(ops.subtract(rounded, inputs)))

    # ---- files: an adapter is saved as part of the weight

    def _stored_variables(self):
        adapter = (
            {id(getattr(self, f"lora_{self.main_weight}_{end}")) for end in "ab"} if self.lora_enabled else ()
        )
        main, scale = (
            self.__dict__.get(key) for key in (f"_{self.main_weight}", f"{self.main_weight}_scale")
        )
        last = [scale] if isinstance(scale, Variable) else []
        others = [
            v
            for v in [*self._trainable_variables, *self._non_trainable_variables]
            if v is not main and v is not scale and id(v) not in adapter
        ]
        return [main, *others, *last]

    def save_own_variables(self, store):
        if not self.lora_enabled and self.quantization_mode is None:
            super().save_own_variables(store)
            return
        values = self._stored_variables()
        if self.lora_enabled:
            values[0] = np.asarray(getattr(self, self.main_weight))
            if self.quantization_mode is not None:
                whole, scale = self._whole(values[0])
                values[0], values[-1] = np.asarray(whole), self._scale_as_stored(np.asarray(scale))
        for i, value in enumerate(values):
            store[str(i)] = value

    def load_own_variables(self, store):
        if not self.lora_enabled and self.quantization_mode is None:
            super().load_own_variables(store)
            return
        variables = self._stored_variables()
        if len(store.keys()) != len(variables):
            raise ValueError(
                f"{describe(self)} has {len(variables)} arrays to load, {[v.name for v in variables]}, the saved file "
                f"holds {len(store.keys())} for it"
            )
        for i, variable in enumerate(variables):
            variable.assign_stored(store, str(i))
        if self.lora_enabled:
            for end in "ab":
                adapter = getattr(self, f"lora_{self.main_weight}_{end}")
                adapter.assign(np.zeros(adapter.shape, "float32"))

    def adapter_config(self):
        """What the adapter adds to `get_config`."""
        asked = {} if self.lora_rank is None else {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha}
        if self.quantization_config is not None:
            asked["quantization_config"] = serialize_keras_object(self.quantization_config)
        return asked


keeping_all.add(Adaptable.save_own_variables)  # what it leaves out, a loaded adapter, begins with zeros
