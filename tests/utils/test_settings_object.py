"""utils.Config."""

import pytest

from fastnn.utils import Config


def test_dots_and_brackets():
    config = Config(rate=0.5, layers=2)
    config.units = 3
    config["layers"] = 4
    assert config.rate == config["rate"] == 0.5 and config.get("none", 1) == 1
    assert config.as_dict() == {"rate": 0.5, "layers": 4, "units": 3} and list(config) == [
        "layers",
        "rate",
        "units",
    ]
    assert "units" in config and len(config) == 3 and config.pop("units") == 3
    config.update(rate=1)
    assert config.to_json() == '{"rate": 1, "layers": 4}'
    del config["rate"]
    with pytest.raises(AttributeError, match="no setting 'layer'.*did you mean 'layers'"):
        config.layer  # noqa: B018
    config.freeze()
    for change in (lambda: setattr(config, "a", 1), lambda: config.update(a=1), lambda: config.pop("layers")):
        with pytest.raises(ValueError, match="frozen"):
            change()
    config.unfreeze()
    config.a = 1
    assert config.a == 1 and not config.frozen
