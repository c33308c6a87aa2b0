"""RemoteMonitor: each epoch's logs sent to a server."""

import json
import warnings

from .callback import Callback


class RemoteMonitor(Callback):
    """POSTs {"epoch": ..., name: value, ...} after each epoch; a server that cannot be reached is a warning.

    Args:
        root, path: the address, in two parts.
        field: the form's field that holds the JSON text.
        headers: a dict of HTTP headers.
        send_as_json: send the JSON itself, as application/json.
    It needs the `requests` package.
    Source: Keras 3 `callbacks.RemoteMonitor`.
    """

    def __init__(
        self,
        root="http://localhost:9000",
        path="/publish/epoch/end/",
        field="data",
        headers=None,
        send_as_json=False,
    ):
        super().__init__()
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = headers, send_as_json

    def on_epoch_end(self, epoch, logs=None):
        try:
            import requests
        except ImportError:
            raise ImportError("RemoteMonitor needs the `requests` package: pip install requests") from None
        sent = {"epoch": epoch}
        sent.update(
            {name: value.item() if hasattr(value, "item") else value for name, value in (logs or {}).items()}
        )
        try:
            if self.send_as_json:
                requests.post(self.root + self.path, json=sent, headers=self.headers)
            else:
                requests.post(self.root + self.path, {self.field: json.dumps(sent)}, headers=self.headers)
        except requests.exceptions.RequestException:
            warnings.warn(f"RemoteMonitor: the server {self.root} could not be reached", stacklevel=2)
