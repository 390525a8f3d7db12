"""Downloads against a server on this machine that fails in every way that servers do, and one that attacks."""

import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from course_lib.data import downloads, manifests
from course_lib.data.downloads import DataMissing, DownloadFailed, examine, fetch, is_here, read_verified
from course_lib.data.manifests import read_manifest
from tests.data.server import (
    archive,
    hang_up,
    member,
    running,
    send,
    send_without_length,
    status,
)
from tests.offline import offline_environment

ARCHIVE = "/someone/set/archive/0123.tar.gz"
NAMES = [f"{kind}/{number:02}.jpg" for kind in ("cat", "dog") for number in range(20)]
CONTENT = {name: random.Random(name).randbytes(20_000 + 100 * place) for place, name in enumerate(NAMES)}
PATH = {name: f"all pictures #1/{name.replace('/', '-')}" for name in NAMES}
IN_ARCHIVE = {"README.md": b"not wanted", **{PATH[name]: CONTENT[name] for name in NAMES}}


def single(name):
    return f"/someone/set/0123/{PATH[name].replace(' ', '%20').replace('#', '%23')}"


@pytest.fixture
def server():
    with running() as server:
        server.answers[ARCHIVE] = [send_without_length(archive(IN_ARCHIVE))]
        server.answers |= {single(name): [send(CONTENT[name])] for name in NAMES}
        yield server


@pytest.fixture(autouse=True)
def pets(tmp_path, monkeypatch, server):
    """The set "pets" of 40 files, published on ``server`` and not here yet. Returns the folder that downloads go to."""
    rows = [
        f"{name}\t{hashlib.sha256(CONTENT[name]).hexdigest()}\t{len(CONTENT[name])}\t{PATH[name]}" for name in NAMES
    ]
    head = ["# what\tcats and dogs", "# repository\tsomeone/set", "# commit\t0123", "# folder\tall pictures #1"]
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "pets.tsv").write_text("\n".join(head + rows) + "\n")
    monkeypatch.setattr(manifests, "MANIFESTS", tmp_path / "manifests")
    monkeypatch.setattr(downloads, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(downloads, "ARCHIVE", server.address + "/{repository}/archive/{commit}.tar.gz")
    monkeypatch.setattr(downloads, "SINGLE", server.address + "/{repository}/{commit}/{path}")
    monkeypatch.setattr(downloads, "WAITS", (0, 0, 0))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    return tmp_path / "cache" / "pets"


@pytest.fixture
def waits(monkeypatch):
    """The seconds that were waited for, without waiting."""
    seconds = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


def files_in(folder):
    """{relative name: content} of all files below a folder, hidden ones too."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def put(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(CONTENT[name])


def test_many_files_come_with_one_request(pets, server):
    assert not is_here("pets")
    used, wrong = fetch("pets")
    assert (used, wrong) == ({pets: 40}, [])
    assert files_in(pets) == CONTENT
    assert server.asked == [ARCHIVE]
    assert is_here("pets")


def test_a_complete_set_asks_for_nothing(pets, server):
    put(pets, NAMES)
    assert fetch("pets") == ({pets: 40}, [])
    assert server.asked == []


def test_few_missing_files_are_asked_for_singly(pets, server):
    put(pets, NAMES[3:])
    fetch("pets")
    assert files_in(pets) == CONTENT
    assert server.asked == [single(name) for name in NAMES[:3]]


def test_a_file_with_two_names_arrives_once_and_is_written_twice(pets, server, tmp_path):
    text = (tmp_path / "manifests" / "pets.tsv").read_text()
    row = next(line for line in text.splitlines() if line.startswith("cat/00.jpg"))
    (tmp_path / "manifests" / "pets.tsv").write_text(text + row.replace("cat/00.jpg", "dog/twin.jpg") + "\n")
    manifests._read.cache_clear()
    put(pets, NAMES[1:])
    fetch("pets")
    assert files_in(pets) == CONTENT | {"dog/twin.jpg": CONTENT["cat/00.jpg"]}
    assert server.asked == [single("cat/00.jpg")]


@pytest.mark.parametrize(
    "trouble", [status(503), status(429), status(500), hang_up], ids=["503", "429", "500", "hang up"]
)
@pytest.mark.parametrize("address", [ARCHIVE, single(NAMES[0])], ids=["archive", "single"])
def test_trouble_that_passes_is_tried_again(pets, server, trouble, address):
    put(pets, NAMES[1:] if address != ARCHIVE else [])
    server.answers[address] = [trouble, trouble, *server.answers[address]]
    fetch("pets")
    assert files_in(pets) == CONTENT
    assert server.asked == [address] * 3


def test_waits_grow_and_a_server_may_ask_for_longer_ones_within_reason(pets, server, waits, monkeypatch):
    monkeypatch.setattr(downloads, "WAITS", (1, 2, 4, 8))
    asks = [status(503), status(503), status(429, Retry_After="20"), status(429, Retry_After="86400")]
    server.answers[ARCHIVE] = [*asks, *server.answers[ARCHIVE]]
    fetch("pets")
    assert waits == [1, 2, 20, 60]


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (status(503), "127.0.0.1 answered 503"),
        (hang_up, "no connection to 127.0.0.1"),
        (send(b"<html>Log in to this network</html>"), "127.0.0.1 sent is incomplete or damaged"),
        (send_without_length(archive(IN_ARCHIVE)[:100]), "127.0.0.1 sent is incomplete or damaged"),
        (send(archive(IN_ARCHIVE), part=9), "connection to 127.0.0.1 broke off"),
    ],
    ids=["503", "hang up", "log-in page", "cut short", "cut short of its length"],
)
def test_trouble_that_stays_ends_in_one_sentence(pets, server, trouble, reason):
    server.answers[ARCHIVE] = [trouble]
    with pytest.raises(DownloadFailed) as failure:
        fetch("pets")
    assert len(server.asked) == 1 + len(downloads.WAITS)
    assert reason in str(failure.value)
    assert "python -m course_lib.data pets again, or set COURSE_DATA to a folder that has pets/" in str(failure.value)
    assert failure.value._render_traceback_() == [str(failure.value)]
    assert not pets.exists()


@pytest.mark.parametrize("code", [404, 410, 403, 204])
def test_what_has_gone_is_not_asked_for_again(server, code):
    server.answers[ARCHIVE] = [status(code)]
    with pytest.raises(DownloadFailed, match=rf"tar\.gz answered {code}: .* has gone or moved\. .*COURSE_DATA"):
        fetch("pets")
    assert server.asked == [ARCHIVE]


def test_redirections_are_followed(pets, server):
    server.answers["/elsewhere"] = server.answers[ARCHIVE]
    server.answers[ARCHIVE] = [status(302, Location=server.address + "/elsewhere")]
    fetch("pets")
    assert files_in(pets) == CONTENT


def test_no_connection_is_said_so(server, monkeypatch):
    monkeypatch.setattr(downloads, "ARCHIVE", "http://127.0.0.1:9/nobody-listens")
    with pytest.raises(DownloadFailed, match=r"no connection to 127\.0\.0\.1\. .*Connect to the Internet"):
        fetch("pets")


UNPLUGGED = """
import sys
from pathlib import Path
from course_lib.data import downloads
downloads.CACHE, downloads.WAITS = Path(sys.argv[1]), ()
downloads.fetch("historical")
"""


def test_an_unplugged_cable_is_said_so(tmp_path):
    environment = {name: value for name, value in offline_environment().items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, "-c", UNPLUGGED, str(tmp_path)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert "historical could not be downloaded: no connection to github.com." in result.stderr.splitlines()[-1]


def test_an_archive_that_breaks_off_leaves_what_came_and_goes_on_with_the_rest(pets, server, monkeypatch):
    whole = archive(IN_ARCHIVE)
    server.answers[ARCHIVE] = [send(whole, part=len(whole) // 2), send(whole, part=len(whole) * 3 // 4), send(whole)]
    monkeypatch.setattr(downloads, "FEW", 0)
    came = []
    monkeypatch.setattr(
        time, "sleep", lambda _: came.append({path: path.stat().st_mtime_ns for path in pets.rglob("*.jpg")})
    )
    fetch("pets")
    assert 5 < len(came[0]) < len(came[1]) < 40
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in came[1].items())  # not written again
    assert came[0].items() <= came[1].items()
    assert files_in(pets) == CONTENT
    assert server.asked == [ARCHIVE] * 3


def test_when_few_are_missing_after_a_break_they_are_asked_for_singly(pets, server):
    whole = archive(IN_ARCHIVE)
    server.answers[ARCHIVE] = [send(whole, part=len(whole) * 3 // 4)]
    fetch("pets")
    assert files_in(pets) == CONTENT
    assert server.asked[0] == ARCHIVE
    assert set(server.asked[1:]) < {single(name) for name in NAMES}
    assert len(server.asked) < 30


def test_a_long_download_may_break_off_more_often_than_it_may_fail(pets, server, monkeypatch):
    whole = archive(IN_ARCHIVE)
    cuts = [send(whole, part=len(whole) * eighths // 8) for eighths in range(2, 8)]
    server.answers[ARCHIVE] = [*cuts, send(whole)]
    monkeypatch.setattr(downloads, "FEW", 0)
    fetch("pets")
    assert files_in(pets) == CONTENT
    assert len(server.asked) == 7 > 1 + len(downloads.WAITS)


def test_a_server_that_stops_in_the_middle_is_given_up_after_the_time_out(pets, server, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT", (5, 0.2))
    whole = archive(IN_ARCHIVE)
    server.answers[ARCHIVE] = [send(whole, part=len(whole) // 2, then="wait"), send(whole)]
    start = time.monotonic()
    fetch("pets")
    assert files_in(pets) == CONTENT
    assert time.monotonic() - start < 10
    server.answers[single(NAMES[0])] = [send(CONTENT[NAMES[0]], part=10, then="wait")]
    (pets / NAMES[0]).unlink()
    with pytest.raises(DownloadFailed, match=r"127\.0\.0\.1 does not answer"):
        fetch("pets")


def test_a_damaged_file_is_never_used_and_asked_for_again(pets, server):
    put(pets, NAMES[1:])
    damaged = bytes([CONTENT[NAMES[0]][0] ^ 1]) + CONTENT[NAMES[0]][1:]
    server.answers[single(NAMES[0])] = [send(damaged), send(CONTENT[NAMES[0]][:-1]), send(CONTENT[NAMES[0]] + b"x")]
    with pytest.raises(DownloadFailed, match=r"all pictures #1/cat-00\.jpg did not arrive as it was published"):
        fetch("pets")
    assert server.asked == [single(NAMES[0])] * 4
    assert set(files_in(pets)) == set(NAMES[1:])
    server.answers[single(NAMES[0])] = [send(damaged), send(CONTENT[NAMES[0]])]
    fetch("pets")
    assert files_in(pets) == CONTENT


def test_files_that_are_damaged_in_the_archive_are_left_out_and_asked_for_singly(pets, server):
    damaged = {PATH[name]: CONTENT[name][:-1] + b"?" for name in NAMES[10:13]}
    server.answers[ARCHIVE] = [send(archive(IN_ARCHIVE | damaged))]
    fetch("pets")
    assert files_in(pets) == CONTENT
    assert server.asked == [ARCHIVE, *(single(name) for name in NAMES[10:13])]


def test_an_archive_of_something_else_is_not_asked_for_again(pets, server):
    server.answers[ARCHIVE] = [send(archive({path: content[::-1] for path, content in IN_ARCHIVE.items()}))]
    with pytest.raises(DownloadFailed, match="no longer what was published: 40 files are missing or different"):
        fetch("pets")
    assert server.asked == [ARCHIVE]
    assert not pets.exists()


def test_a_file_that_was_damaged_here_is_replaced(pets, server):
    put(pets, NAMES)
    (pets / NAMES[5]).write_bytes(b"?" * len(CONTENT[NAMES[5]]))
    (pets / NAMES[6]).write_bytes(b"")
    assert fetch("pets") == ({pets: 40}, [pets / NAMES[5], pets / NAMES[6]])
    assert files_in(pets) == CONTENT


def hostile_members(tmp_path):
    """Everything that an archive can try to write somewhere else, under wanted names and unwanted ones."""
    first, size = PATH[NAMES[0]], len(CONTENT[NAMES[0]])
    return [
        (member("../evil.jpg", 4), b"evil"),
        (member("set-0123/../../evil.jpg", 4), b"evil"),
        (member(f"{tmp_path}/evil.jpg", 4), b"evil"),
        (member(f"../{first}", 4), b"evil"),
        (member(f"set-0123/{first}", size, tarfile.SYMTYPE, str(tmp_path / "evil.jpg")), b""),
        (member(f"set-0123/{first}", size, tarfile.LNKTYPE, "../../manifests/pets.tsv"), b""),
        (member(f"set-0123/{first}", 0, tarfile.FIFOTYPE), b""),
        (member(f"set-0123/{first}", 0, tarfile.CHRTYPE), b""),
        (member(f"set-0123/{first}", 0, tarfile.DIRTYPE), b""),
        (member(f"set-0123/{first}", 4), b"evil"),
        (member(f"set-0123/{first}/", 0, tarfile.DIRTYPE), b""),
    ]


def test_an_archive_cannot_write_anywhere_else(pets, server, tmp_path):
    good = [(member(f"set-0123/{path}", len(content)), content) for path, content in IN_ARCHIVE.items()]
    server.answers[ARCHIVE] = [send(archive(hostile_members(tmp_path) + good + hostile_members(tmp_path)))]
    before = files_in(tmp_path)
    fetch("pets")
    assert files_in(pets) == CONTENT
    assert files_in(tmp_path) == before | {f"cache/pets/{name}": content for name, content in CONTENT.items()}
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]
    assert not (tmp_path.parent / "evil.jpg").exists()


def test_an_archive_that_grows_without_end_is_dropped(pets, server, monkeypatch):
    monkeypatch.setattr(downloads, "MAX_UNPACKED", 10**6)
    zeros = bytes(3 * 10**6)
    bomb = archive([(member("set-0123/zeros", len(zeros)), zeros)])
    assert len(bomb) < 50_000
    server.answers[ARCHIVE] = [send(bomb)]
    with pytest.raises(DownloadFailed, match=r"unpacks to more than 0\.001 GB"):
        fetch("pets")
    assert server.asked == [ARCHIVE]


def test_a_wanted_name_with_another_size_is_not_read(pets, server, monkeypatch):
    large = bytes(3 * 10**6)
    reads = []
    original = tarfile.TarFile.extractfile
    monkeypatch.setattr(
        tarfile.TarFile, "extractfile", lambda tar, info: (reads.append(info.size), original(tar, info))[1]
    )
    server.answers[ARCHIVE] = [send(archive(IN_ARCHIVE | {PATH[NAMES[0]]: large}))]
    fetch("pets")
    assert files_in(pets) == CONTENT
    assert sorted(reads) == sorted(len(CONTENT[name]) for name in NAMES[1:])


def test_a_single_file_without_end_is_not_taken_in(pets, server):
    put(pets, NAMES[1:])
    sent = []

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(2000):
            handler.wfile.write(bytes(10**5))
            sent.append(10**5)

    server.answers[single(NAMES[0])] = [endless]
    with pytest.raises(DownloadFailed, match="did not arrive as it was published"):
        fetch("pets")
    assert sum(sent) < 4 * 50 * 10**6  # four attempts, and what the system buffers of each


KILLED = """
import sys
from pathlib import Path
from course_lib.data import downloads, manifests
manifests.MANIFESTS, downloads.CACHE = Path(sys.argv[1], "manifests"), Path(sys.argv[1], "cache")
downloads.ARCHIVE = sys.argv[2] + "/{repository}/archive/{commit}.tar.gz"
downloads.fetch("pets")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_download_goes_on_where_it_was(pets, server, tmp_path):
    whole = archive(IN_ARCHIVE)
    server.answers[ARCHIVE] = [send(whole, part=len(whole) // 2, then="wait"), send(whole)]
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), server.address])
    end = time.monotonic() + 60
    while not (pets.exists() and len(files_in(pets)) > 5) and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    came = {name for name in files_in(pets) if not Path(name).name.startswith(".")}
    assert 5 < len(came) < 40
    assert all((pets / name).read_bytes() == CONTENT[name] for name in came)
    assert not is_here("pets")
    stamps = {name: (pets / name).stat().st_mtime_ns for name in came}
    fetch("pets")
    assert {name: (pets / name).read_bytes() for name in NAMES} == CONTENT
    assert {name: (pets / name).stat().st_mtime_ns for name in came} == stamps  # not written again


def test_a_reader_never_sees_a_part_of_a_file(pets, monkeypatch):
    seen = []

    def watched(source, target, replace=os.replace):
        seen.append(
            (Path(target).exists(), Path(source).read_bytes() == CONTENT[Path(target).relative_to(pets).as_posix()])
        )
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    fetch("pets")
    assert seen == [(False, True)] * 40  # whole under another name first, then this name in one step


def test_a_full_disk_is_said_so_and_not_tried_again(pets, server, monkeypatch):
    def no_room(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(downloads, "write_atomic", no_room)
    with pytest.raises(DownloadFailed, match=r"cat/00\.jpg cannot be written: No space left on device\. Make room"):
        fetch("pets")
    assert server.asked == [ARCHIVE]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A person's own folder with the whole set, named by COURSE_DATA."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "own"))
    put(tmp_path / "own" / "pets", NAMES)
    return tmp_path / "own" / "pets"


def test_course_data_is_used_as_it_is(own, pets, server):
    assert is_here("pets")
    assert fetch("pets") == ({own: 40}, [])
    assert server.asked == []
    assert not pets.exists()


def test_what_is_wrong_or_missing_in_course_data_comes_into_the_cache(own, pets, server):
    (own / NAMES[0]).write_bytes(CONTENT[NAMES[0]][::-1])
    (own / NAMES[1]).unlink()
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in own.rglob("*.jpg")}
    first = read_manifest("pets").files[0]
    with pytest.raises(DataMissing, match=r"cat/00\.jpg is not the published file.*leaves COURSE_DATA as it is"):
        read_verified("pets", first)
    assert not is_here("pets")
    assert fetch("pets") == ({own: 38, pets: 2}, [own / NAMES[0]])
    assert server.asked == [single(NAMES[0]), single(NAMES[1])]
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in own.rglob("*.jpg")} == before
    assert files_in(pets) == {name: CONTENT[name] for name in NAMES[:2]}
    assert is_here("pets")
    assert read_verified("pets", first) == CONTENT[NAMES[0]]
    places, wrong = examine("pets")
    assert [places[file] for file in read_manifest("pets").files[:3]] == [pets, pets, own]
    assert wrong == [own / NAMES[0]]


def test_course_data_may_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("COURSE_DATA", "~/own")
    put(tmp_path / "own" / "pets", NAMES)
    assert is_here("pets")


def test_without_the_set_the_sentence_says_what_to_do(server, monkeypatch):
    with pytest.raises(DataMissing) as missing:
        read_verified("pets", read_manifest("pets").files[0])
    assert str(missing.value) == (
        "The data set pets is not on this machine. Download it once with: python -m course_lib.data pets (1 MB to keep). "
        "Or set COURSE_DATA to a folder that has pets/."
    )
    monkeypatch.setenv("COURSE_DATA", "/mistyped")
    with pytest.raises(DataMissing, match=r"\(COURSE_DATA is /mistyped, and not all of it is there\)"):
        read_verified("pets", read_manifest("pets").files[0])
    assert server.asked == []


def test_an_unknown_set_is_refused_with_the_names_that_there_are():
    with pytest.raises(ValueError, match=r"no data set 'pet'\. There are pets\."):
        fetch("pet")
