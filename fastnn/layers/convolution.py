"""Convolution layers: Conv1D to Conv3D, their transposes, depthwise and separable ones."""

from .. import activations, ops, regularizers
from ..engine.constructor_arguments import named_arguments
from .adapted_weight import Adaptable, MainWeight
from .data_format import bias_shaped, checked_padding, join_shape, per_axis, split_shape, window_extents
from .input_spec import InputSpec
from .spatial import Spatial
from .weight_arguments import add_weight, checked_count, known_extent, set_weight_arguments, weight_config


class _Windowed(Spatial):
    """What all convolution layers share: their window, bias and activation. `rank`: the number of spatial
    axes. `weight_names`: the weights that have arguments.

    given: the constructor's `locals()`.
    """

    paddings = ("valid", "same")
    weight_names = ("kernel", "bias")

    def __init__(self, given, /):
        super().__init__(
            given["data_format"], activity_regularizer=given["activity_regularizer"], **given["kwargs"]
        )
        name = type(self).__name__
        for argument in ("kernel_size", "strides", "dilation_rate"):
            setattr(self, argument, per_axis(name, argument, given[argument], self.rank))
        self.padding = checked_padding(name, given["padding"], self.paddings)
        self.activation = activations.get(given["activation"])
        self.use_bias = given["use_bias"]
        set_weight_arguments(self, given, *self.weight_names)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{name}: `strides` and `dilation_rate` cannot both be over 1, received "
                f"{self.strides} and {self.dilation_rate}"
            )

    @property
    def _channel_axis(self):
        return -1 if self.data_format == "channels_last" else 1

    @property
    def _window(self):
        """The arguments that all ops on windows have."""
        names = ("strides", "padding", "data_format", "dilation_rate")
        return {name: getattr(self, name) for name in names}

    def _input_channels(self, input_shape):
        """The input's channels, noted in the input spec."""
        channels = known_extent(self, input_shape, self._channel_axis)
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})
        self.compute_output_shape(input_shape)  # raises where the window does not fit
        return channels

    def _add_bias(self, channels):
        if self.use_bias:
            self.bias = add_weight(self, "bias", (channels,))

    def _finish(self, outputs):
        if self.use_bias:
            outputs = ops.add(outputs, bias_shaped(self.bias, self.data_format, self.rank))
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape):
        spatial = window_extents(
            self,
            input_shape,
            self.data_format,
            self.kernel_size,
            self.strides,
            self.padding,
            self.dilation_rate,
        )
        return join_shape(input_shape[0], spatial, self._output_channels(input_shape), self.data_format)

    def _output_channels(self, input_shape):
        return self.filters

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            **weight_config(self, *self.weight_names),
        }


class _Conv(Adaptable, _Windowed):
    """Convolution over `rank` spatial axes: activation(conv(x, kernel) + bias).

    Args:
        filters: output channels.
        kernel_size, strides, dilation_rate: an int, or one a spatial axis.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; the configured one by default.
        groups: input channels and filters are split into so many parts that do not see each other.
        activation: name or function; none by default.
        kernel_..., bias_...: initializer, regularizer, constraint of the weights.

    Raises:
        ValueError: an argument out of range; an input without channel axis, or too small for the window.
    """

    kernel = MainWeight("kernel")

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        lora = {name: kwargs.pop(name, None) for name in ("lora_rank", "lora_alpha")}
        super().__init__(locals())
        self.set_adapter_arguments(lora)
        name = type(self).__name__
        self.filters = checked_count(name, "filters", filters)
        self.groups = checked_count(name, "groups", groups)
        if self.filters % self.groups:
            raise ValueError(
                f"{name}: `filters` must be a multiple of `groups`, received filters={filters}, "
                f"groups={groups}"
            )

    def build(self, input_shape):
        channels = self._input_channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: the input's channels must be a multiple of `groups`, "
                f"{self.groups}; its input of shape {tuple(input_shape)} has {channels}"
            )
        self.kernel = add_weight(self, "kernel", (*self.kernel_size, channels // self.groups, self.filters))
        self._add_bias(self.filters)
        self.add_adapter_if_asked()

    def convolution_op(self, inputs, kernel):
        """The convolution alone; a subclass may do something with the kernel first."""
        return ops.conv(inputs, kernel, **self._window)

    def call(self, inputs):
        return self._finish(self.convolution_op(inputs, self.kernel))

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "groups": self.groups,
            **self.adapter_config(),
        }


class Conv1D(_Conv):
    """Convolution over (batch, steps, channels). `padding` may also be "causal": outputs see no later step.

    Source: Keras 3 `layers.Conv1D`.
    >>> Conv1D(8, 3).compute_output_shape((None, 10, 4))
    (None, 8, 8)
    """

    __doc__ += _Conv.__doc__.split("\n", 1)[1]
    rank = 1
    paddings = ("valid", "same", "causal")


class Conv2D(_Conv):
    """Convolution over (batch, height, width, channels).

    Source: Keras 3 `layers.Conv2D`.
    >>> Conv2D(8, 3, padding="same").compute_output_shape((None, 28, 28, 1))
    (None, 28, 28, 8)
    """

    __doc__ += _Conv.__doc__.split("\n", 1)[1]
    rank = 2


class Conv3D(_Conv):
    """Convolution over (batch, depth, height, width, channels).

    Source: Keras 3 `layers.Conv3D`.
    """

    __doc__ += _Conv.__doc__.split("\n", 1)[1]
    rank = 3


class _ConvTranspose(_Windowed):
    """The transpose of a convolution as a linear map: makes images larger where `strides` is over 1.

    Args:
        filters: output channels.
        output_padding: extends the output, an int or one a spatial axis, less than `strides`; None: as
            TensorFlow.
        The others are as in Conv2D.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(locals())
        name = type(self).__name__
        self.filters = checked_count(name, "filters", filters)
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = per_axis(name, "output_padding", output_padding, self.rank, least=0)
            if any(extra >= stride for extra, stride in zip(self.output_padding, self.strides)):
                raise ValueError(
                    f"{name}: `output_padding` must be less than `strides` along each axis, "
                    f"received {self.output_padding} and {self.strides}"
                )

    def build(self, input_shape):
        channels = self._input_channels(input_shape)
        self.kernel = add_weight(self, "kernel", (*self.kernel_size, self.filters, channels))
        self._add_bias(self.filters)

    def call(self, inputs):
        return self._finish(
            ops.conv_transpose(inputs, self.kernel, **self._window, output_padding=self.output_padding)
        )

    def compute_output_shape(self, input_shape):
        batch, spatial, _ = split_shape(input_shape, self.data_format)
        extra = self.output_padding or (None,) * self.rank
        extents = [
            self._extent(*each)
            for each in zip(spatial, self.kernel_size, self.strides, self.dilation_rate, extra)
        ]
        return join_shape(batch, extents, self.filters, self.data_format)

    def _extent(self, n, size, stride, dilation, extra):
        if n is None:
            return None
        reach = (size - 1) * dilation + 1
        if extra is None:
            return n * stride if self.padding == "same" else n * stride + max(reach - stride, 0)
        if self.padding == "same":
            return (n - 1) * stride + reach - 2 * (reach // 2) + extra
        return (n - 1) * stride + reach + extra

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "output_padding": self.output_padding}


class Conv1DTranspose(_ConvTranspose):
    """The transpose of Conv1D. Source: Keras 3 `layers.Conv1DTranspose`."""

    __doc__ += "\n\n    " + _ConvTranspose.__doc__
    rank = 1


class Conv2DTranspose(_ConvTranspose):
    """The transpose of Conv2D. Source: Keras 3 `layers.Conv2DTranspose`."""

    __doc__ += "\n\n    " + _ConvTranspose.__doc__
    rank = 2


class Conv3DTranspose(_ConvTranspose):
    """The transpose of Conv3D. Source: Keras 3 `layers.Conv3DTranspose`, which has `data_format` before
    `output_padding` here.
    """

    __doc__ += "\n\n    " + _ConvTranspose.__doc__
    rank = 3

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        output_padding=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(**named_arguments(locals()))


class _DepthwiseConv(_Windowed):
    """Convolution of each channel by itself, with `depth_multiplier` filters a channel; arguments as in Conv2D."""

    weight_names = ("depthwise", "bias")

    def __init__(
        self,
        kernel_size,
        strides=1,
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(locals())
        self.depth_multiplier = checked_count(type(self).__name__, "depth_multiplier", depth_multiplier)

    def build(self, input_shape):
        channels = self._input_channels(input_shape)
        self.kernel = add_weight(
            self, "kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise"
        )
        self._add_bias(channels * self.depth_multiplier)

    def call(self, inputs):
        return self._finish(ops.depthwise_conv(inputs, self.kernel, **self._window))

    def _output_channels(self, input_shape):
        channels = input_shape[self._channel_axis]
        return None if channels is None else channels * self.depth_multiplier

    def get_config(self):
        return {**super().get_config(), "depth_multiplier": self.depth_multiplier}


class DepthwiseConv1D(_DepthwiseConv):
    """Convolution of each channel of a series by itself. Source: Keras 3 `layers.DepthwiseConv1D`."""

    rank = 1


class DepthwiseConv2D(_DepthwiseConv):
    """Convolution of each channel of an image by itself. Source: Keras 3 `layers.DepthwiseConv2D`."""

    rank = 2


class _SeparableConv(_Windowed):
    """A depthwise convolution, then a 1x1 convolution to `filters` channels; arguments as in Conv2D."""

    weight_names = ("depthwise", "pointwise", "bias")

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(locals())
        self.filters = checked_count(type(self).__name__, "filters", filters)
        self.depth_multiplier = checked_count(type(self).__name__, "depth_multiplier", depth_multiplier)

    def build(self, input_shape):
        channels = self._input_channels(input_shape)
        between = channels * self.depth_multiplier
        self.depthwise_kernel = add_weight(
            self, "depthwise_kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise"
        )
        self.pointwise_kernel = add_weight(
            self, "pointwise_kernel", (*[1] * self.rank, between, self.filters), "pointwise"
        )
        self._add_bias(self.filters)

    def call(self, inputs):
        return self._finish(
            ops.separable_conv(inputs, self.depthwise_kernel, self.pointwise_kernel, **self._window)
        )

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "depth_multiplier": self.depth_multiplier}


class SeparableConv1D(_SeparableConv):
    """Depthwise, then 1x1 convolution over a series. Source: Keras 3 `layers.SeparableConv1D`."""

    rank = 1


class SeparableConv2D(_SeparableConv):
    """Depthwise, then 1x1 convolution over images. Source: Keras 3 `layers.SeparableConv2D`; Chollet, CVPR 2017."""

    rank = 2
