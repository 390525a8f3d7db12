"""The offline guard itself: a guard that lets something through would make every notebook run prove nothing."""

import os
import shutil
import socket
import subprocess
import sys
import threading

import nbformat
import pytest
from nbclient import NotebookClient

from tests.offline import offline, offline_environment

# TEST-NET-1 (RFC 5737): no machine has this address. A guard that fails open ends in a time-out, not in ENETUNREACH.
UNREACHABLE = "192.0.2.1"
CONNECT = f"import socket; socket.create_connection(({UNREACHABLE!r}, 80), timeout=1)"
LOOK_UP = "import urllib.request; urllib.request.urlopen('http://example.org', timeout=1)"
REFUSAL = "no network in this test"


def run(code, env):
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "code",
    [
        CONNECT,
        f"import socket; socket.socket().connect_ex(({UNREACHABLE!r}, 80))",
        f"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ({UNREACHABLE!r}, 53))",
        "import socket; socket.getaddrinfo('example.org', 80)",
        "import socket; socket.gethostbyname('example.org')",
        "import socket; socket.create_connection(('2001:db8::1', 80), timeout=1)",
        "import asyncio; asyncio.run(asyncio.open_connection('example.org', 80))",
    ],
)
def test_python_reaches_no_other_machine(code):
    result = run(code, offline_environment())
    assert result.returncode != 0
    assert REFUSAL in result.stderr


def test_the_refusal_is_not_there_without_the_guard():
    assert REFUSAL not in run("import socket; socket.getaddrinfo('localhost', 80)", None).stderr
    assert REFUSAL not in run(CONNECT, None).stderr


def test_a_download_fails_even_though_it_asks_the_proxy():
    result = run(LOOK_UP, offline_environment())
    assert result.returncode != 0
    assert "URLError" in result.stderr


def test_a_child_of_a_child_is_offline_too():
    code = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {CONNECT!r}]))"
    assert REFUSAL in run(code, offline_environment()).stderr


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_a_program_that_is_not_python_fails():
    command = ["curl", "--max-time", "5", "--silent", "http://example.org"]
    assert subprocess.run(command, env=offline_environment(), capture_output=True).returncode != 0


def test_loopback_still_works():
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = threading.Thread(target=lambda: server.accept()[0].sendall(b"hello"), daemon=True)
        answer.start()
        port = server.getsockname()[1]
        code = f"import socket; print(socket.create_connection(('localhost', {port}), timeout=5).recv(5))"
        result = run(code, offline_environment())
    assert result.stdout.strip() == "b'hello'", result.stderr


def test_a_kernel_runs_and_is_offline():
    refused = f"try:\n    {CONNECT}\nexcept OSError as error:\n    print(error)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in ("print(6 * 7)", refused)])
    with offline():
        NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    calculated, refusal = (cell.outputs[0].text for cell in notebook.cells)
    assert calculated == "42\n"
    assert REFUSAL in refusal


def test_offline_gives_the_environment_back(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "somewhere")
    before = dict(os.environ)
    with offline():
        assert os.environ["PYTHONPATH"].endswith(os.pathsep + "somewhere")
        assert os.environ["HTTPS_PROXY"] != before.get("HTTPS_PROXY")
    assert dict(os.environ) == before
