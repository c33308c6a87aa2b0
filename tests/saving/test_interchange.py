"""Files between fastnn and Keras: what one writes the other loads, with equal predictions."""

import keras
import numpy as np
import pytest
from architectures import ARCHITECTURES, WITHOUT_H5, data_for

import fastnn

pytestmark = [pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
              pytest.mark.filterwarnings("ignore:.*HDF5 file via:UserWarning")]
FORMATS = [".keras", ".h5", ".weights.h5"]


def predicted(model, x):
    outputs = model.predict(x, verbose=0)
    return outputs if isinstance(outputs, dict) else {"": outputs}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["dense_stack", "convnet", "several_ends", "nested", "shared"])
@pytest.mark.parametrize("writer, reader", [(keras, fastnn), (fastnn, keras), (fastnn, fastnn)],
                         ids=["from_keras", "to_keras", "own"])
def test_predictions_survive(name, form, writer, reader, tmp_path):
    if name in WITHOUT_H5 and form == ".h5":
        return
    build = ARCHITECTURES[name][0]
    model = build(writer)
    x, _ = data_for(name)
    path = tmp_path / f"model{form}"
    if form == ".weights.h5":
        model.save_weights(path)
        loaded = build(reader)
        loaded.load_weights(path)
    else:
        model.save(path)
        loaded = reader.models.load_model(path, compile=reader is fastnn)
    want, got = predicted(model, x), predicted(loaded, x)
    for key in want:
        np.testing.assert_allclose(got[key], want[key], rtol=1e-5, atol=1e-5)
