"""Start JupyterLab at the first lesson, on an address that only this machine reaches."""

import os
import secrets
import socket
import sys
from pathlib import Path

from course_lib.setup.errors import SetupError

FIRST_LESSON = "notebooks/00_start_here.ipynb"
DEFAULT_PORT = 8888
PORTS_TRIED = 100
# An upload over tornado's default of 10 MB vanishes without a word; photographs are larger than that.
MESSAGE_BYTES = 200 * 2**20


def choose_port(asked=None):
    """Return ``asked`` if it is free, or else, when no port was asked for, the first free one from 8888 up.

    Raises SetupError when the port that was asked for is in use.
    """
    if asked is not None:
        if not is_free(asked):
            raise SetupError(
                f"Port {asked} is in use by another program: name another one with --port or COURSE_PORT, "
                "or name none and a free one is chosen."
            )
        return asked
    for port in range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED):
        if is_free(port):
            if port != DEFAULT_PORT:
                print(f"Port {DEFAULT_PORT} is in use, so JupyterLab runs on {port}.", flush=True)
            return port
    raise SetupError(f"Ports {port - PORTS_TRIED + 1} to {port} are all in use: name a free one with --port.")


def is_free(port):
    """Whether a server could listen on ``port`` of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":  # a port that was closed a moment ago is free; on Windows the option means something else
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def parse_port(text):
    """Return the number in ``text``; raise SetupError unless it is a port that a user may listen on."""
    if not (text.isdecimal() and 1024 <= int(text) <= 65535):
        raise SetupError(f"{text!r} is not a port: use a number from 1024 to 65535.")
    return int(text)


def server_options(port, root, env):
    """Return JupyterLab's options, for a server that runs in the environment ``env``.

    They are: one address, no questions about news, large messages, a quiet log.
    """
    options = [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}",
        f"--ServerApp.tornado_settings={{'websocket_max_message_size': {MESSAGE_BYTES}}}",
        "--ServerApp.answer_yes=True",  # Ctrl+C ends it without a question
        "--ServerApp.log_level=ERROR",
        "--LabApp.log_level=ERROR",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if _files_as_sockets(env):
        options.append("--KernelManager.transport=ipc")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # a container: Jupyter refuses root unless told otherwise
        options.append("--allow-root")
    return options


def _files_as_sockets(env):
    """Whether kernels can talk through socket files, which other users of this machine cannot read.

    Windows has none, and elsewhere the system takes no path of more than 103 characters.
    """
    data = Path.home() / ("Library/Jupyter" if sys.platform == "darwin" else ".local/share/jupyter")
    folder = env.get("JUPYTER_RUNTIME_DIR") or str(data / "runtime")
    name = "/kernel-00000000-0000-0000-0000-000000000000-ipc-1"
    return sys.platform != "win32" and len(folder + name) <= 103


def address(port, token, path=FIRST_LESSON):
    """Return the address that opens ``path`` in JupyterLab."""
    return f"http://localhost:{port}/lab/tree/{path}?token={token}"


def lab_command(python, port, root, env, browser=True):
    """Return the command that serves the course, and opens the browser at the first lesson unless told not to."""
    command = [str(python), "-m", "jupyterlab", *server_options(port, root, env)]
    return [*command, str(Path(root) / FIRST_LESSON)] if browser else [*command, "--no-browser"]


# Threads that wait for each other by spinning bring training to a crawl as soon as another program wants the processor: two
# trainings side by side on 2 cores took 6 times as long as with threads that sleep. Alone, sleeping costs a third.
PATIENT_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}


def lab_environment():
    """Return environment variables with the token, which the command line would show to other users of this machine."""
    token = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(16)
    return dict(PATIENT_THREADS, **dict(os.environ, JUPYTER_TOKEN=token))
