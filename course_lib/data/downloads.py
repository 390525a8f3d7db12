"""Published data sets on this machine: found, verified, and downloaded when asked to.

A file counts only if its SHA-256 is the manifest's, wherever it comes from. It is looked for in ``COURSE_DATA/NAME``,
which is only ever read, and then in ``data/cache/NAME``, where downloads go. So a set may lie in both: what is missing
or wrong in ``COURSE_DATA`` is taken from the cache.

Nothing here uses the network but `fetch`. It takes many files from the repository's archive at the pinned commit, which
is unpacked while it arrives: each file is verified in memory, then written under its name in one step, and what has
arrived stays when the transfer breaks. A few missing files are asked for one by one; GitHub lets nobody have many that way.
"""

import gzip
import hashlib
import os
import tarfile
import time
import zlib
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from course_lib.data.manifests import Source, read_manifest
from course_lib.data.progress import Progress
from course_lib.files import write_atomic

CACHE = Path(__file__).resolve().parents[2] / "data" / "cache"
ARCHIVE = "https://github.com/{repository}/archive/{commit}.tar.gz"
SINGLE = "https://raw.githubusercontent.com/{repository}/{commit}/{path}"
FEW = 30  # missing files up to which single ones are asked for: GitHub's limit is some 60 an hour
TIMEOUT = (10, 30)  # seconds until a connection stands, and between two packets
WAITS = (1, 2, 4, 8)  # seconds before each further attempt; the count starts anew when files have arrived
LONGEST_WAIT = 60  # seconds that a server may ask us to wait
MAX_UNPACKED = 2 * 10**9  # bytes that an archive may grow to


class DataMissing(Exception):
    """A data set is not on this machine, or not as published. The message says what to do."""

    def _render_traceback_(self):
        """Show the sentence alone when the error reaches a notebook cell (IPython calls this method)."""
        return [str(self)]


class DownloadFailed(DataMissing):
    """A data set could not be downloaded. What has arrived is kept. The message says what to do."""


class _Broken(Exception):
    """A transfer went wrong in a way that may pass; ``wait`` is what the server asked for, in seconds."""

    def __init__(self, reason, wait=0):
        super().__init__(reason)
        self.wait = wait


def folders(name):
    """Where the files of a set may lie, in the order in which they are looked for."""
    given = os.environ.get("COURSE_DATA")
    return [Path(given).expanduser() / name, CACHE / name] if given else [CACHE / name]


def is_here(name):
    """Whether a set is on this machine: every file is there in the right size. Takes less than 0.1 s for 6,000 files."""
    places = [str(place) for place in folders(name)]
    files = read_manifest(name).files
    return all(any(_size(os.path.join(place, file.name)) == file.bytes for place in places) for file in files)


def make_sure(name, download):
    """Raise `DataMissing` unless the set is here, after having downloaded it if that was asked for."""
    if download:
        fetch(name)
    elif not is_here(name):
        raise DataMissing(how_to_get(name))


def read_verified(name, file):
    """The bytes of a file of a set, from the first place that has it as published.

    Raises
    ------
    DataMissing
        No place has it, or only with other content.
    """
    return _find(name, file)[1]


def find_verified(name, file):
    """The path of a file of a set in the first place that has it as published; raises as `read_verified` does."""
    return _find(name, file)[0]


def _find(name, file):
    wrong = []
    for folder in folders(name):
        content = _read(folder / file.name)
        if content is not None and _is_published(content, file):
            return folder / file.name, content
        if content is not None:
            wrong.append(folder / file.name)
    if wrong:
        raise DataMissing(f"{wrong[0]} is not the published file: its SHA-256 differs. {_mend(name)}")
    raise DataMissing(how_to_get(name))


def examine(name):
    """Read and verify every file of a set: some 0.7 s for 6,000 small ones.

    Returns
    -------
    places : dict from file to folder
        Where each file is, as published. Files that are nowhere are left out.
    wrong : list of Path
        What was found under the name of a file, with other content.
    """
    places, wrong = {}, []
    for file in read_manifest(name).files:
        for folder in folders(name):
            content = _read(folder / file.name)
            if content is None:
                continue
            if _is_published(content, file):
                places[file] = folder
                break
            wrong.append(folder / file.name)
    return places, wrong


def fetch(name):
    """Make a set complete: verify what is here, download what is missing or wrong into ``data/cache/NAME``.

    Returns
    -------
    used : Counter
        How many files are used from which folder; all of them are verified.
    wrong : list of Path
        Files with other content than published. Those in the cache have been replaced; those in ``COURSE_DATA`` are left
        as they are, and not used.

    Raises
    ------
    DownloadFailed
        No connection, or the server does not give what was published. Calling again goes on where this ended.
    """
    manifest = read_manifest(name)
    places, wrong = examine(name)
    needed = [file for file in manifest.files if file not in places]
    if needed:
        _download(manifest, needed)
    return Counter(places.get(file, CACHE / name) for file in manifest.files), wrong


def how_to_get(name):
    """The sentence for someone who does not have a set."""
    manifest = read_manifest(name)
    given = os.environ.get("COURSE_DATA")
    there = f" (COURSE_DATA is {given}, and not all of it is there)" if given else ""
    return (
        f"The data set {name} is not on this machine{there}. Download it once with: python -m course_lib.data {name} "
        f"({manifest.megabytes} MB to keep). Or set COURSE_DATA to a folder that has {name}/."
    )


def _mend(name):
    return f"python -m course_lib.data {name} downloads it into data/cache and leaves COURSE_DATA as it is."


def _size(path):
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _read(path):
    """The content of a file, or None if there is none that can be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def _is_published(content, file):
    return len(content) == file.bytes and hashlib.sha256(content).hexdigest() == file.sha256


def _download(manifest, needed):
    """Bring ``needed`` into the cache, attempt after attempt as long as files arrive."""
    import requests  # takes 0.1 s, and most who import this module download nothing

    wanted = {}  # source -> path in its repository -> the files of the set that have its content
    for file in needed:
        wanted.setdefault(file.source, {}).setdefault(file.path, []).append(file)
    total = len(manifest.files)
    what = f"Downloading {manifest.name}"
    with (
        requests.Session() as session,
        Progress(what, total, total - len(needed), f"Downloaded {manifest.name}.") as progress,
    ):
        for source, of_source in wanted.items():
            _receive(session, _Order(manifest.name, source), of_source, progress)


class _Order(NamedTuple):
    """What is asked for: the set, and the `Source` of some of its files."""

    name: str
    source: Source


def _receive(session, order, wanted, progress):
    """Bring what is wanted from one repository, attempt after attempt as long as files arrive."""
    failures = 0
    while wanted:
        before = len(wanted)
        try:
            (_receive_archive if before > FEW else _receive_singly)(session, order, wanted, progress)
        except _Broken as broken:
            failures = 1 if len(wanted) < before else failures + 1
            if failures > len(WAITS):
                raise DownloadFailed(_gave_up(order.name, broken)) from broken
            wait = max(WAITS[failures - 1], min(broken.wait, LONGEST_WAIT))
            progress.note(f"{broken}: again in {wait} s")
            time.sleep(wait)


def _gave_up(name, reason):
    return (
        f"{name} could not be downloaded: {reason}. What has arrived is kept. Connect to the Internet and run "
        f"python -m course_lib.data {name} again, or set COURSE_DATA to a folder that has {name}/."
    )


def _receive_archive(session, order, wanted, progress):
    """Unpack what is wanted from the archive of the commit while it arrives.

    Names in the archive only select: a file is written under the manifest's name and nowhere else.
    """
    address = ARCHIVE.format(**order.source._asdict())
    with (
        _transfer(session, address) as response,
        gzip.GzipFile(fileobj=response.raw) as unpacked,
        tarfile.open(fileobj=_Limited(unpacked, address), mode="r|") as archive,
    ):
        for member in archive:
            path = member.name.partition("/")[2]  # all lies in one folder, called after repository and commit
            if path in wanted and member.isreg() and member.size == wanted[path][0].bytes:
                _keep(order.name, path, archive.extractfile(member).read(), wanted, progress)
            if not wanted:
                return
    if len(wanted) > FEW:
        raise DownloadFailed(
            f"{address} has no longer what was published: {len(wanted):,} files are missing or different, for example "
            f"{next(iter(wanted))}. Set COURSE_DATA to a folder that has {order.name}/."
        )


def _receive_singly(session, order, wanted, progress):
    for path, files in list(wanted.items()):
        address = SINGLE.format(**order.source._asdict(), path=quote(path))
        with _transfer(session, address) as response:
            content = response.raw.read(files[0].bytes + 1)  # never more than it takes to see that it is too much
        if not _keep(order.name, path, content, wanted, progress):
            raise _Broken(f"{path} did not arrive as it was published")


def _keep(name, path, content, wanted, progress):
    """Write content that is as published under every name that it has in the set. Returns whether it is."""
    if not _is_published(content, wanted[path][0]):
        return False
    for file in wanted[path]:
        target = CACHE / name / file.name
        try:
            write_atomic(target, content)
        except OSError as error:
            reason = error.strerror or error
            raise DownloadFailed(f"{target} cannot be written: {reason}. Make room, then run it again.") from error
        progress.advance()
    del wanted[path]
    return True


@contextmanager
def _transfer(session, address):
    """The response to a request; whatever the network does to it in the block becomes `_Broken`."""
    import requests
    import urllib3

    host = urlsplit(address).hostname
    try:
        headers = {"Accept-Encoding": "identity"}
        with session.get(address, stream=True, timeout=TIMEOUT, headers=headers) as response:
            _check_status(response, address)
            yield response
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise _Broken(f"{host} does not answer") from error
    except requests.ConnectionError as error:
        raise _Broken(f"no connection to {host}") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _Broken(f"the connection to {host} broke off") from error
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise _Broken(f"what {host} sent is incomplete or damaged") from error


def _check_status(response, address):
    status = response.status_code
    if status in (408, 429) or status >= 500:
        asked = response.headers.get("Retry-After", "")
        raise _Broken(f"{urlsplit(address).hostname} answered {status}", int(asked) if asked.isdigit() else 0)
    if status != 200:
        raise DownloadFailed(
            f"{address} answered {status}: what was published there has gone or moved. Look for a newer version of the "
            "course, or set COURSE_DATA to a folder that has the data set."
        )


class _Limited:
    """A stream that gives at most `MAX_UNPACKED` bytes: an archive may unpack to a thousand times its size."""

    def __init__(self, stream, address):
        self.stream, self.address, self.left = stream, address, MAX_UNPACKED

    def read(self, size):
        content = self.stream.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise DownloadFailed(f"{self.address} unpacks to more than {MAX_UNPACKED / 1e9:g} GB: it was not used.")
        return content
