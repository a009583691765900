"""Callbacks that write the logs of a training somewhere: a file, a server."""

from __future__ import annotations

import copy
import csv
import json
import pickle
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import numpy as np
import pytest

from fastmlp import Input, Sequential, callbacks, layers


def fit(hook: callbacks.Callback, epochs: int = 3) -> callbacks.History:
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.eye(2, dtype="float32")
    return model.fit(x, x[:, 0], epochs=epochs, verbose=0, callbacks=[hook])


def test_the_table_holds_the_history(tmp_path):
    path = tmp_path / "log.csv"
    history = fit(callbacks.CSVLogger(path))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2]
    assert [float(row["loss"]) for row in rows] == history.history["loss"]
    assert {row["val_loss"] for row in rows} == {"NA"}


def test_a_folder_that_is_not_there_is_told_before_training(tmp_path):
    with pytest.raises(FileNotFoundError):
        fit(callbacks.CSVLogger(tmp_path / "missing" / "log.csv"))


def test_each_line_is_written_when_its_epoch_ends(tmp_path):
    path = tmp_path / "log.csv"
    seen = []

    class Look(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(path.read_text().count("\n"))
            if epoch == 1:
                raise KeyboardInterrupt

    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    hooks = [callbacks.CSVLogger(path), Look()]
    with pytest.raises(KeyboardInterrupt):
        model.fit(np.eye(2), np.ones(2), epochs=3, verbose=0, callbacks=hooks)
    assert seen == [2, 3]


def test_a_logger_that_is_writing_is_copied_without_its_file(tmp_path):
    logger = callbacks.CSVLogger(tmp_path / "log.csv")
    logger.on_train_begin()
    for twin in (copy.deepcopy(logger), pickle.loads(pickle.dumps(logger))):
        assert twin.csv_file is None and twin.filename == logger.filename
    logger.on_train_end()


@pytest.fixture
def server() -> Iterator[tuple[str, list[tuple[str, str, bytes, str]]]]:
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kind, key = self.headers["Content-Type"], self.headers.get("X-Key", "")
            received.append((self.path, kind, body, key))
            self.send_response(500 if self.path == "/broken/" else 200)
            self.end_headers()

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", received
        listening.shutdown()
        thread.join()


def test_a_server_gets_the_logs_of_each_epoch(server):
    root, received = server
    history = fit(callbacks.RemoteMonitor(root, headers={"X-Key": "7"}, send_as_json=True))
    losses = [json.loads(body) for _, _, body, _ in received]
    assert losses == [{"epoch": e, "loss": loss} for e, loss in enumerate(history.history["loss"])]
    assert {(path, kind, key) for path, kind, _, key in received} == {
        ("/publish/epoch/end/", "application/json", "7")
    }


def test_without_json_the_logs_are_a_field_of_a_form(server):
    root, received = server
    fit(callbacks.RemoteMonitor(root, path="/here", field="logs"), epochs=1)
    path, kind, body, _ = received[0]
    assert (path, kind) == ("/here", "application/x-www-form-urlencoded")
    assert json.loads(parse_qs(body.decode())["logs"][0])["epoch"] == 0


def test_a_server_that_answers_with_an_error_was_reached(server):
    root, received = server
    fit(callbacks.RemoteMonitor(root, path="/broken/"), epochs=1)
    assert len(received) == 1


def test_a_server_that_is_not_there_is_a_warning():
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server at http://127"):
        fit(callbacks.RemoteMonitor("http://127.0.0.1:9"), epochs=1)


def test_only_http_is_spoken():
    with pytest.raises(ValueError, match="expected an address http"):
        callbacks.RemoteMonitor("file:///tmp")
