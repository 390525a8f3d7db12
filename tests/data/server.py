"""A web server on this machine that answers as it is told: well, badly, half, slowly or never."""

import io
import tarfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Answers each path with the next of its ``answers``, the last one again and again.

    An answer is a function that gets the request handler. ``asked`` lists the paths in the order of the requests.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.asked, self.released = {}, [], threading.Event()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        """Say nothing of clients that hang up: some are meant to."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        answers = self.server.answers.get(self.path, [status(404)])
        self.server.asked.append(self.path)
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, *_):
        pass


@contextmanager
def running():
    """A `Server` for a block."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()


def send(content, part=None, claim=None, then=None):
    """Send ``content``, or its first ``part`` bytes, claiming ``claim`` bytes; ``then`` wait for ``server.released`` or end."""

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content) if claim is None else claim))
        handler.end_headers()
        handler.wfile.write(content[:part])
        handler.wfile.flush()
        if then == "wait":
            handler.server.released.wait(30)

    return answer


def send_without_length(content):
    """Send ``content`` as generated archives come: its end is where the connection ends."""

    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def status(code, **headers):
    """Answer with a status alone."""

    def answer(handler):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def hang_up(handler):
    """End the connection without a word."""
    handler.close_connection = True
    handler.connection.close()


def archive(members, folder="set-0123"):
    """A .tar.gz as GitHub makes it. Members: {path: content}, or a list of (TarInfo, content) put in as they are."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        if isinstance(members, dict):
            members = [(member(f"{folder}/{path}", len(content)), content) for path, content in members.items()]
        for info, content in members:
            tar.addfile(info, io.BytesIO(content) if content else None)
    return buffer.getvalue()


def member(name, size=0, kind=tarfile.REGTYPE, link=""):
    """The head of an archive's member."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info
