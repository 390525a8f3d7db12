"""A JupyterLab of its own for the browser tests: the course's options, no network, nothing of the user's settings."""

import json
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from course_lib.setup.lab import address, lab_command
from tests.offline import offline_environment

START_SECONDS = 60
SETTINGS = {
    # a notebook's cells are all in the page, seen or not, so that a test can ask for each of them
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


def _free_port():
    """A port that the system gives: two workers that start at the same moment get different ones."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LabServer:
    """JupyterLab over a copy of a folder with notebooks, from ``with`` to the end of its block.

    The copy keeps what tests do out of the repository. Kernels run without a network.
    """

    def __init__(self, notebooks):
        self.notebooks = Path(notebooks)
        self.token = secrets.token_hex(16)

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True)
        self.root = Path(self._folder.name) / "course"
        self._home = Path(self._folder.name) / "home"
        shutil.copytree(self.notebooks, self.root / "notebooks")
        self._write_settings()
        env = self._environment()
        self.port = _free_port()
        self._log = (self._home / "lab.log").open("w")
        self._process = subprocess.Popen(
            lab_command(sys.executable, self.port, self.root, env, browser=False),
            env=env,
            cwd=self.root,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()  # the server ends its kernels before itself
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._log.close()
        self._folder.cleanup()

    def url(self, notebook):
        """Return the address that opens ``notebook`` (a name without ending) in a fresh workspace."""
        return address(self.port, self.token, f"notebooks/{notebook}.ipynb") + "&reset"

    def code_cells(self, notebook):
        """Return the sources of the notebook's code cells."""
        content = json.loads((self.root / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8"))
        return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]

    def end_kernels(self):
        """End all kernels: one that is left over holds a few hundred megabytes."""
        for kernel in json.load(self._ask("GET", "kernels")):
            self._ask("DELETE", f"kernels/{kernel['id']}")

    def _ask(self, method, path):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/{path}", method=method)
        request.add_header("Authorization", f"token {self.token}")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return direct.open(request, timeout=10)

    def _wait_until_it_answers(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._ask("GET", "status")
                return
            except (urllib.error.URLError, OSError):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log = (self._home / "lab.log").read_text()
                    raise RuntimeError(f"JupyterLab did not start:\n{log[-3000:]}") from None
            time.sleep(0.2)

    def _write_settings(self):
        for name, values in SETTINGS.items():
            path = self._home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))

    def _environment(self):
        folders = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_RUNTIME_DIR": "run",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        env = offline_environment() | {name: str(self._home / folder) for name, folder in folders.items()}
        return env | {"JUPYTER_TOKEN": self.token}
