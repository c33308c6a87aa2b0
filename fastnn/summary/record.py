"""Summaries of every kind: each goes to the default writer, and nowhere where there is none."""

import json

import numpy as np

from .encode import png, wav
from .writer import current, should_record_summaries


def scalar(name, data, step=None, description=None):
    """A number. Returns whether it was written, as all of these do."""
    if not should_record_summaries():
        return False
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb

    value = np.asarray(data)
    if value.size != 1:
        raise ValueError(f"summary.scalar({name!r}): one number is expected, received shape {value.shape}")
    return _write(scalar_pb(name, float(value.reshape(())), description), step, name)


def histogram(name, data, step=None, buckets=None, description=None):
    """How the numbers of `data`, of any shape, are spread over `buckets` (30) intervals of equal width."""
    if not should_record_summaries():
        return False
    from tensorboard.plugins.histogram.summary_v2 import histogram_pb

    values = np.asarray(data, np.float64).reshape(-1)
    return _write(histogram_pb(name, values[np.isfinite(values)], buckets, description), step, name)


def image(name, data, step=None, max_outputs=3, description=None):
    """Images (n, height, width, channels): grey, RGB or RGBA; floats in 0..1, or uint8. At most `max_outputs`."""
    if not should_record_summaries():
        return False
    from tensorboard.plugins.image.metadata import create_summary_metadata

    images = np.asarray(data)
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
        raise ValueError(
            f"summary.image({name!r}): shape (n, height, width, 1, 3 or 4) is expected, received "
            f"{images.shape}; x[None, ..., None] makes it of one grey image"
        )
    if images.dtype.kind == "f":
        images = np.round(np.clip(np.nan_to_num(images), 0, 1) * 255).astype(np.uint8)
    else:
        images = np.clip(images, 0, 255).astype(np.uint8)
    strings = [
        str(images.shape[2]).encode(),
        str(images.shape[1]).encode(),
        *[png(one) for one in images[:max_outputs]],
    ]
    metadata = create_summary_metadata(display_name="", description=description or "")
    return write(name, strings, step, metadata)


def text(name, data, step=None, description=None):
    """A text in Markdown, or a list (or table) of texts."""
    if not should_record_summaries():
        return False
    from tensorboard.plugins.text.summary_v2 import text_pb

    return _write(
        text_pb(
            name, data if isinstance(data, (str, bytes)) else np.asarray(data, dtype=object), description
        ),
        step,
        name,
    )


def audio(name, data, sample_rate, step=None, max_outputs=3, encoding=None, description=None):
    """Sounds (n, frames, channels), floats in -1..1; at most `max_outputs`."""
    if not should_record_summaries():
        return False
    from tensorboard.plugins.audio import metadata as audio_metadata

    sounds = np.asarray(data, np.float32)
    if sounds.ndim != 3 or encoding not in (None, "wav"):
        raise ValueError(
            f"summary.audio({name!r}): shape (n, frames, channels) in encoding 'wav' is expected, "
            f"received shape {sounds.shape}, encoding {encoding!r}"
        )
    rows = [[wav(one, int(sample_rate)), b""] for one in sounds[:max_outputs]]
    metadata = audio_metadata.create_summary_metadata(
        display_name="", description=description or "", encoding=audio_metadata.Encoding.Value("WAV")
    )
    return write(name, np.array(rows, dtype=object).reshape(len(rows), 2), step, metadata)


def graph(graph_data):
    """The layers of a Functional or Sequential model as a graph."""
    if not should_record_summaries():
        return False
    from tensorboard.compat.proto.summary_pb2 import SummaryMetadata
    from tensorboard.plugins.graph.keras_util import keras_model_to_graph_def

    config = graph_data.to_json()
    current.writer.add(graph_def=keras_model_to_graph_def(json.loads(config)).SerializeToString())
    plugin = SummaryMetadata.PluginData(plugin_name="graph_keras_model", content=b"1")
    return write("keras", config, 0, SummaryMetadata(plugin_data=plugin))


def write(tag, tensor, step=None, metadata=None, name=None):
    """Any tensor, or strings, with the metadata of a plugin of TensorBoard."""
    if not should_record_summaries():
        return False
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.util.tensor_util import make_tensor_proto

    summary = Summary()
    summary.value.add(tag=tag, metadata=metadata, tensor=make_tensor_proto(tensor))
    return _write(summary, step, tag)


def flush(writer=None, name=None):
    """Put on disk what was written to `writer`, the default one where it is None."""
    writer = writer or current.writer
    if writer is not None:
        writer.flush()


def _write(summary, step, name):
    step = current.step if step is None else step
    if step is None:
        raise ValueError(
            f"the summary {name!r} has no step; pass step=..., or give one to writer.as_default(step)"
        )
    current.writer.add(int(np.asarray(step)), summary=summary)
    return True
