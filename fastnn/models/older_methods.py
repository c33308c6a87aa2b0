"""What Keras 2's models could do under other names."""

import warnings

import numpy as np

from ..data.py_dataset import PyDataset

_WORKERS = ("workers", "use_multiprocessing", "max_queue_size")


def set_workers(method, x, given):
    """Give a PyDataset the workers that Keras 2 took as arguments of `fit` and its kin; other data has no use for them.

    Raises:
        TypeError: another argument.
    """
    unknown = [name for name in given if name not in _WORKERS]
    if unknown:
        raise TypeError(f"{method}: there is no argument {', '.join(map(repr, unknown))}")
    if isinstance(x, PyDataset):
        for name, value in given.items():
            setattr(x, name, value)


class OlderMethods:
    """Methods that a Model had in Keras 2, each with the word that does it now."""

    def fit_generator(self, generator, steps_per_epoch=None, epochs=1, verbose=1, callbacks=None, **options):
        """`fit` on a generator or PyDataset."""
        _say("fit_generator", "fit")
        return self.fit(
            generator,
            steps_per_epoch=steps_per_epoch,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            **options,
        )

    def evaluate_generator(self, generator, steps=None, callbacks=None, verbose=0, **options):
        """`evaluate` on a generator or PyDataset."""
        _say("evaluate_generator", "evaluate")
        return self.evaluate(generator, steps=steps, callbacks=callbacks, verbose=verbose, **options)

    def predict_generator(self, generator, steps=None, callbacks=None, verbose=0, **options):
        """`predict` on a generator or PyDataset."""
        _say("predict_generator", "predict")
        return self.predict(generator, steps=steps, callbacks=callbacks, verbose=verbose, **options)

    def predict_proba(self, x, batch_size=None, verbose=0):
        """`predict`."""
        _say("predict_proba", "predict")
        return self.predict(x, batch_size=batch_size, verbose=verbose)

    def predict_classes(self, x, batch_size=None, verbose=0):
        """The number of the likeliest class; of one output, whether it is over 0.5."""
        _say("predict_classes", "np.argmax(model.predict(x), axis=-1), or model.predict(x) > 0.5")
        scores = self.predict(x, batch_size=batch_size, verbose=verbose)
        return np.argmax(scores, axis=-1) if scores.shape[-1] > 1 else (scores > 0.5).astype("int32")


def _say(name, now):
    warnings.warn(f"`{name}` is Keras 2's; it is {now} now", DeprecationWarning, stacklevel=3)
