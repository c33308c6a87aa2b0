"""Config: settings with dots and brackets."""

import json

from ..saving.lookup import nearest


class Config:
    """Settings by name, as attributes and as items: `config.rate` is `config["rate"]`.

    Frozen, it refuses changes. Source: Keras 3 `utils.Config`.
    >>> config = Config(rate=0.1)
    >>> config.layers = 3
    >>> config.as_dict()
    {'rate': 0.1, 'layers': 3}
    """

    def __init__(self, **kwargs):
        object.__setattr__(self, "_config", kwargs)
        object.__setattr__(self, "_frozen", False)

    @property
    def frozen(self):
        """Whether it refuses changes."""
        return self._frozen

    def freeze(self):
        """Refuse changes from now on."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self):
        """Take changes again."""
        object.__setattr__(self, "_frozen", False)

    def _changing(self):
        if self._frozen:
            raise ValueError("Config: it is frozen; call unfreeze() to change it")
        return self._config

    def as_dict(self):
        """A dict of the settings."""
        return dict(self._config)

    def to_json(self):
        """The settings as a JSON string."""
        return json.dumps(self._config)

    def keys(self):
        """The names."""
        return self._config.keys()

    def values(self):
        """The values."""
        return self._config.values()

    def items(self):
        """(name, value) of each."""
        return self._config.items()

    def get(self, keyname, value=None):
        """The setting, or `value` where there is none."""
        return self._config.get(keyname, value)

    def pop(self, *args):
        """Take a setting out."""
        return self._changing().pop(*args)

    def update(self, *args, **kwargs):
        """Change several at once."""
        self._changing().update(*args, **kwargs)

    def __setattr__(self, name, value):
        if hasattr(type(self), name):
            raise AttributeError(
                f"Config: {name!r} is a method; write config[{name!r}] for a setting of that name"
            )
        self._changing()[name] = value

    def __getattr__(self, name):  # reached for what is no attribute of its own
        config = self.__dict__.get("_config", {})
        if name in config:
            return config[name]
        near = nearest(name, config) if config else None
        raise AttributeError(
            f"Config has no setting {name!r}" + (f" (did you mean {near!r}?)" if near else "")
        )

    def __setitem__(self, key, item):
        self._changing()[key] = item

    def __getitem__(self, key):
        return self._config[key]

    def __delitem__(self, key):
        del self._changing()[key]

    def __contains__(self, item):
        return item in self._config

    def __iter__(self):
        return iter(sorted(self._config))

    def __len__(self):
        return len(self._config)

    def __repr__(self):
        return f"<Config {self._config}>"
