"""Epoch logs as a CSV file."""

import csv
import os

import numpy as np

from .callback import Callback


class CSVLogger(Callback):
    """Writes a row of logs after each epoch.

    Args:
        filename: the file; separator: between values.
        append: add to a file that exists instead of replacing it.
    Source: Keras 3 `callbacks.CSVLogger`.
    """

    def __init__(self, filename, separator=",", append=False):
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.csv_file = None
        self.writer = None
        self.keys = None

    def on_train_begin(self, logs=None):
        self._close()
        self.csv_file = open(self.filename, "a" if self.append else "w", newline="")
        self.writer = self.keys = None

    def go_on_from(self, epoch):
        """Training goes on with this epoch: the rows of it and later ones at the file's end are of a run that was ended
        before it could save where it stood, and are written anew."""
        with open(self.filename, "r+", newline="") as file:
            lines = file.readlines()
            kept = len(lines)
            while kept and _epoch_of(lines[kept - 1], self.sep) >= epoch:
                kept -= 1
            file.seek(0)
            file.writelines(lines[:kept])
            file.truncate()

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if self.writer is None:
            self.keys = self.keys or sorted(logs)
            if self.keys and not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]  # validation may come in a later epoch
            self.writer = csv.DictWriter(self.csv_file, ["epoch", *self.keys], delimiter=self.sep)
            if not os.path.getsize(self.filename):
                self.writer.writeheader()
            elif _is_cut(self.filename):
                self.csv_file.write("\r\n")  # else the first row would join one that a full disk cut short
        self.writer.writerow({"epoch": epoch, **{key: _cell(logs.get(key, "NA")) for key in self.keys}})
        self.csv_file.flush()

    def on_train_end(self, logs=None):
        self._close()

    def _close(self):
        if self.csv_file is not None:
            self.csv_file.close()
            self.csv_file = None


def _is_cut(filename):
    with open(filename, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def _epoch_of(row, separator):
    """The number of a row's epoch; -1 where it has none, infinity where the row was cut short."""
    first = row.split(separator)[0]
    if not row.endswith("\n"):
        return float("inf")
    return int(first) if first.isdigit() else -1


def _cell(value):
    if isinstance(value, str) or np.ndim(value) == 0:
        return value
    return f'"[{", ".join(map(str, np.ravel(value)))}]"'
