"""An environment without a network, for everything that must work offline after set-up.

``offline_environment()`` returns environment variables. A process started with them, and every process that it starts,
reaches no address but its own machine:

- Python processes (Jupyter kernels too) load ``guard/sitecustomize.py`` before any other code. It refuses look-ups and
  connections with ``OSError`` ENETUNREACH, the error of an unplugged cable. Loopback and Unix sockets keep working,
  so that a kernel still talks to its client.
- Programs that are not Python (git, curl) are given a proxy on a loopback port on which nothing listens.

It needs no privileges and works on every system. What it cannot stop is compiled code inside a Python process that
opens a socket past Python's ``socket`` module and ignores proxies.

    env = offline_environment()            # for subprocess.run(..., env=env)
    with offline():                        # for kernels started from this process
        NotebookClient(notebook).execute()
"""

import os
from contextlib import contextmanager
from pathlib import Path

_GUARD = Path(__file__).parent / "guard"
_PROXY_NAMES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy")
_DEAD_PROXY = "http://127.0.0.1:9"  # port 9, "discard": no machine listens there by default
_LOOPBACK = "localhost,127.0.0.1,::1"


def offline_environment(base=None):
    """Return a copy of ``base`` (default: ``os.environ``) under which processes reach nothing but their own machine."""
    env = dict(os.environ if base is None else base)
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_GUARD), env.get("PYTHONPATH")]))
    for name in _PROXY_NAMES:
        env[name] = env[name.upper()] = _DEAD_PROXY
    env["no_proxy"] = env["NO_PROXY"] = _LOOPBACK
    return env


@contextmanager
def offline():
    """Set ``offline_environment()`` in ``os.environ`` for a block: kernels and processes started in it are offline."""
    before = dict(os.environ)
    os.environ.update(offline_environment())
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
