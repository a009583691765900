"""The processes of the contestants: one each, alive for the whole comparison, asleep while others run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import fastmlp
from bench.peers import AVX2, PEERS

ROOT = Path(__file__).resolve().parents[1]


def installed(name: str) -> str | None:
    """The version of a contestant's library, or `None` if something that it needs is not there."""
    try:
        versions = [version(package) for package in PEERS[name].needs]
    except PackageNotFoundError:
        return None
    return versions[0] if versions else fastmlp.__version__


class Contestant:
    """A child process that runs `bench/worker.py`.

    Args:
        name: A key of `PEERS`.
        avx2: Whether it may not use wider instructions.
        log: Where what it prints is kept.
    """

    def __init__(self, name: str, avx2: bool = False, log: Path | None = None) -> None:
        self.name = name
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, **PEERS[name].environment}
        if avx2:
            environment.update(AVX2)
        self._log = open(log or os.devnull, "a")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=ROOT,
            env=environment,
        )

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Sends one request and waits for the answer.

        Raises:
            RuntimeError: It failed, or the process ended.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **request}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name}: its process ended while it was asked to {do}.")
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise RuntimeError(f"{self.name}, asked to {do}:\n{answer['failed']}")
        return answer

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._log.close()


@contextmanager
def started(
    names: Iterable[str], avx2: bool = False, log: Path | None = None
) -> Iterator[dict[str, Contestant]]:
    """Contestants by name, ended at the end."""
    contestants: dict[str, Contestant] = {}
    try:
        for name in names:
            contestants[name] = Contestant(name, avx2, log)
        yield contestants
    finally:
        for contestant in contestants.values():
            contestant.close()
