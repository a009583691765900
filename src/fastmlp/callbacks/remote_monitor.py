"""The logs of a training, sent to a server."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fastmlp._spelling import accepts_old
from fastmlp.callbacks.callback import Callback, Logs
from fastmlp.errors import bad_argument, warn_user

_TIMEOUT = 10.0  # seconds; a server that does not answer must not hold up a training


class RemoteMonitor(Callback):
    """Sends the logs of each epoch to a server, by HTTP POST.

    A server that cannot be reached is a warning; the training goes on.

    Args:
        root: Address of the server.
        path: Path on the server.
        field: Field of the form that holds the logs as JSON.
        headers: Further HTTP headers.
        send_as_json: Whether to send the JSON itself, without a form.

    Raises:
        ValueError: `root` does not begin with `http://` or `https://`.

    Example:

    >>> RemoteMonitor("localhost:9000")
    Traceback (most recent call last):
    ...
    ValueError: RemoteMonitor: expected an address http://… or https://…. Received: root='loc...
    """

    @accepts_old
    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        if not isinstance(root, str) or not root.startswith(("http://", "https://")):
            raise bad_argument("RemoteMonitor", "an address http://… or https://…", "root", root)
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        import json
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.parse import urlencode
        from urllib.request import Request, urlopen

        values = {"epoch": epoch, **(logs or {})}
        text = json.dumps({k: v.item() if isinstance(v, _NUMPY) else v for k, v in values.items()})
        kind = "application/x-www-form-urlencoded"
        if self.send_as_json:
            kind = "application/json"
        else:
            text = urlencode({self.field: text})
        request = Request(
            self.root + self.path,
            text.encode(),
            {"Content-Type": kind, **(self.headers or {})},
            method="POST",
        )
        try:
            with urlopen(request, timeout=_TIMEOUT):
                pass
        except HTTPError as error:  # it was reached, and did not like what it got
            error.close()
        except (OSError, HTTPException):
            warn_user(f"Could not reach RemoteMonitor root server at {self.root}")


_NUMPY = (np.ndarray, np.generic)
