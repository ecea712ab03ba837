"""A real Jupyter server with our extension, as an installation configures it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.integration.parts import DEADLINE_S, Reply, clean_environment, eventually, free_port

CONFIG = Path(__file__).resolve().parents[2] / "extension" / "jupyter_server_config.json"


class JupyterServer:
    """``jupyter server`` below a base URL, as a JupyterHub starts it."""

    base_url = "/user/x/"
    token = "of-jupyter"

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        enabled = folder / "config" / "jupyter_server_config.d"
        enabled.mkdir(parents=True)
        shutil.copy(CONFIG, enabled / "nexapod.json")
        self.log = folder / "jupyter.out"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser",
                    f"--port={self.port}", "--ServerApp.port_retries=0", "--ip=127.0.0.1",
                    f"--ServerApp.base_url={self.base_url}", f"--ServerApp.root_dir={folder}",
                    f"--IdentityProvider.token={self.token}",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=clean_environment(
                    JUPYTER_CONFIG_DIR=str(folder / "config"),
                    JUPYTER_RUNTIME_DIR=str(folder / "runtime"),
                    **environment,
                ),
            )  # fmt: skip

    def start(self) -> JupyterServer:
        def answers() -> bool:
            assert self._process.poll() is None, self.log.read_text()
            try:
                return self.ask("GET", "info").status == 200
            except OSError:
                return False

        eventually(answers, "the Jupyter server answers")
        return self

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)

    def ask(
        self, method: str, path: str, body: Any = None, token: str | None = token, **headers: str
    ) -> Reply:
        """One request under ``<base_url>/nexapod/``."""
        if token is not None:
            headers["Authorization"] = f"token {token}"
        raw = None if body is None else json.dumps(body).encode()
        connection = self.connection()
        try:
            connection.request(method, f"{self.base_url}nexapod/{path}", raw, headers)
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())  # type: ignore[arg-type]
        finally:
            connection.close()

    def coordinators(self) -> dict[str, Any]:
        """What the list says, by name."""
        reply = self.ask("GET", "coordinators")
        assert reply.status == 200, reply
        return {row["name"]: row for row in reply.json}

    def end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(DEADLINE_S)


@contextmanager
def jupyter_server(folder: Path, **environment: str) -> Iterator[JupyterServer]:
    """One that ends with the test."""
    assert os.environ.get("XDG_DATA_HOME"), "coordinators of the tests' own home alone"
    server = JupyterServer(folder, **environment)
    try:
        yield server.start()
    finally:
        server.end()
