"""Films as files: the colors, times and sound that go in come out, and a film appears when it is whole."""

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.video import VideoError, open_film, pixels, read_frames, sound, writing
from course_lib.video.writing import check_suffix, join_parts, write_part
from tests.video.films import moving, write_film

COLORS = torch.tensor([[0.8, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.3, 0.9], [0.9, 0.9, 0.1], [0, 0, 0], [1, 1, 1]])
PICTURES = moving(10)
TIMES = [Fraction(number, 25) for number in range(10)]
END = Fraction(10, 25)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A film with sound."""
    return write_film(tmp_path_factory.mktemp("source") / "a.mp4", PICTURES, sound={"seconds": 0.4})


def make(folder, pictures, source, times=None, end=None, name="out.mp4", spans=((0, 4), (4, None))):
    """Write a film in two parts and join them."""
    film, parts = open_film(source), []
    for number, span in enumerate(spans):
        parts.append(folder / f"{number}.mp4")
        write_part(parts[-1], pictures[slice(*span)], film)
    times = times or [Fraction(number, 25) for number in range(len(pictures))]
    join_parts(parts, times, end or times[-1] + Fraction(1, 25), source, folder / name)
    return folder / name


def pictures_of(path):
    return torch.stack([frame.rgb for frame in read_frames(path)]).float() / 255


def times_of(path):
    return [frame.time for frame in read_frames(path)]


def packets_of(path):
    """Bytes and times of the packets of the first sound track."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return [(bytes(packet), packet.pts * packet.time_base) for packet in container.demux(stream) if packet.size]


def samples_of(path):
    """Decoded samples (channels, n) and the time of the first."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
        rate = container.streams.audio[0].rate
    blocks = [frame.to_ndarray() for frame in frames]
    return np.concatenate(blocks, axis=1), frames[0].pts * frames[0].time_base, rate


# ---- pixels


@pytest.mark.parametrize("size", [(48, 64), (47, 63), (48, 63), (47, 64)])
def test_flat_colors_come_back(tmp_path, size):
    flat = COLORS[:, :, None, None].expand(-1, -1, *size).contiguous()
    source = write_film(tmp_path / "a.mp4", flat, form="yuv444p")
    back = pictures_of(make(tmp_path, flat, source))
    assert back.shape == flat.shape
    assert (back - flat).abs().mean((1, 2, 3)).max() * 255 < 2


def test_colors_stay_where_they_are(tmp_path):
    """Color differences are halved and enlarged again without a shift: columns and rows to the left are like those to the right."""
    picture = torch.full((3, 48, 64), 0.4)
    picture[0, 16:32, 24:40] = 0.9
    source = write_film(tmp_path / "a.mp4", picture[None])
    back = pictures_of(make(tmp_path, picture[None], source, spans=((0, 1),)))[0]
    rows, columns = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing="ij")
    red = (back[0] - back[1]).clamp(min=0)
    assert (red * columns).sum() / red.sum() == pytest.approx(31.5, abs=0.1)
    assert (red * rows).sum() / red.sum() == pytest.approx(23.5, abs=0.1)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), st.sampled_from([(2, 2), (4, 6), (3, 5), (2, 3)]))
def test_frames_for_encoders_hold_each_color_within_rounding(color, size):
    picture = torch.tensor(color)[:, None, None].expand(3, *size).contiguous()
    frame = pixels.to_video_frame(picture)
    y, cb, cr = (float(np.frombuffer(bytes(plane), np.uint8)[0]) for plane in frame.planes)
    y, cb, cr = (y - 16) / 219, (cb - 128) / 224, (cr - 128) / 224
    red, blue = y + 1.5748 * cr, y + 1.8556 * cb  # BT.709-6, item 3.3
    green = (y - 0.2126 * red - 0.0722 * blue) / 0.7152
    assert torch.tensor([red, green, blue]).sub(torch.tensor(color)).abs().max() < 0.008
    assert 16 <= y * 219 + 16 <= 235
    assert (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc) == (1, 1, 1, 1)
    assert frame.format.name == ("yuv420p" if size[0] % 2 == size[1] % 2 == 0 else "yuv444p")


def test_films_are_tagged_and_can_be_played_everywhere(tmp_path, source):
    with av.open(str(make(tmp_path, PICTURES, source))) as container:
        context = container.streams.video[0].codec_context
        assert (context.color_range, context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1, 1)
        assert (context.name, context.pix_fmt, context.has_b_frames) == ("h264", "yuv420p", False)


def test_parts_follow_one_another_as_if_they_were_one(tmp_path, source):
    whole = pictures_of(make(tmp_path, PICTURES, source, spans=((0, None),)))
    parts = pictures_of(make(tmp_path, PICTURES, source, spans=((0, 1), (1, 2), (2, 7), (7, None))))
    assert len(parts) == 10
    assert (parts - PICTURES).abs().mean((1, 2, 3)).max() < 0.03
    assert (parts - whole).abs().mean() < 0.02


def test_parts_come_out_alike_in_each_run(tmp_path, source):
    film = open_film(source)
    for name in ("a.mp4", "b.mp4"):
        write_part(tmp_path / name, PICTURES, film)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_part_that_fails_leaves_nothing(tmp_path, source):
    def pictures():
        yield PICTURES[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_part(tmp_path / "a.mp4", pictures(), open_film(source))
    assert list(tmp_path.iterdir()) == []


def test_a_part_takes_its_name_when_it_is_complete(tmp_path, source, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", stop)
    with pytest.raises(KeyboardInterrupt):
        write_part(tmp_path / "a.mp4", PICTURES, open_film(source))
    assert list(tmp_path.iterdir()) == []


def test_the_shape_of_pixels_is_kept(tmp_path):
    source = write_film(tmp_path / "a.mp4", PICTURES, options={"x264-params": "sar=4/3"})
    assert open_film(make(tmp_path, PICTURES, source)).pixel_aspect == Fraction(4, 3)


# ---- times

VARIED = [Fraction(number, 12_800) for number in (6400, 6912, 7424, 9000, 9040, 12_800, 17_920, 19_200, 20_480, 20_737)]


@pytest.mark.parametrize("name", ["out.mp4", "out.mov"])
def test_times_are_kept_exactly(tmp_path, source, name):
    path = make(tmp_path, PICTURES, source, VARIED, VARIED[-1] + Fraction(1, 10), name)
    assert times_of(path) == VARIED


def test_times_in_matroska_are_kept_to_the_millisecond(tmp_path, source):
    silent = write_film(tmp_path / "silent.mp4", PICTURES)
    path = make(tmp_path, PICTURES, silent, VARIED, VARIED[-1] + Fraction(1, 10), "out.mkv")
    assert [float(time) for time in times_of(path)] == pytest.approx([float(time) for time in VARIED], abs=6e-4)
    path = make(tmp_path, PICTURES, source, VARIED, VARIED[-1] + Fraction(1, 10), "out.mkv")
    moved = float(times_of(path)[0] - VARIED[0])
    assert 0 <= moved < 0.025
    assert [float(time) - moved for time in times_of(path)] == pytest.approx(
        [float(time) for time in VARIED], abs=1.2e-3
    )


def test_a_rate_of_television_is_kept_exactly(tmp_path, source):
    times = [number * Fraction(1001, 30_000) for number in range(10)]
    path = make(tmp_path, PICTURES, source, times, 10 * Fraction(1001, 30_000))
    assert times_of(path) == times
    assert open_film(path).rate == Fraction(30_000, 1001)
    assert open_film(path).seconds == pytest.approx(10 * 1001 / 30_000, abs=1e-4)


def test_times_without_a_common_tick_are_rounded(tmp_path, source):
    times = list(
        itertools.accumulate(Fraction(1, prime) for prime in (101, 103, 107, 109, 113, 127, 131, 137, 139, 149))
    )
    path = make(tmp_path, PICTURES, source, times)
    assert max(abs(a - b) for a, b in zip(times_of(path), times, strict=True)) <= Fraction(1, 180_000)


def test_frames_that_rounding_brings_together_are_kept_apart(tmp_path, source):
    times = [Fraction(number, 2**31 + 11) for number in range(5)] + [Fraction(number, 25) for number in range(1, 6)]
    found = times_of(make(tmp_path, PICTURES, source, times))
    assert len(found) == 10
    assert found == sorted(set(found))
    assert max(abs(a - b) for a, b in zip(found, times, strict=True)) < Fraction(1, 20_000)


# ---- sound


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
def test_sound_is_copied(tmp_path, source, name):
    path = make(tmp_path, PICTURES, source, name=name)
    assert [content for content, _ in packets_of(path)] == [content for content, _ in packets_of(source)]
    before, after = samples_of(source)[0], samples_of(path)[0]
    delay = (
        after.shape[1] - before.shape[1]
    )  # what comes out of a decoder before the sound begins: MP4 says to leave it out
    assert delay == (1024 if name == "out.mkv" else 0)
    assert np.array_equal(before, after[:, delay:])


@pytest.mark.parametrize(("name", "start"), [("out.mp4", 0.3), ("out.mp4", 0.0), ("out.mkv", 0.3)])
def test_sound_stays_in_step_with_pictures_that_begin_late(tmp_path, name, start):
    times = [0.2 + number / 25 for number in range(10)]
    source = write_film(tmp_path / "a.mp4", PICTURES, times=times, sound={"start": start})
    path = make(tmp_path, PICTURES, source, times_of(source), name=name)
    before, after = packets_of(source), packets_of(path)
    gap_before, gap_after = before[0][1] - times_of(source)[0], after[0][1] - times_of(path)[0]
    assert float(gap_before) == pytest.approx(float(gap_after), abs=1e-3)
    assert float(times_of(path)[0]) == pytest.approx(0.2, abs=0.03)


def test_a_clock_that_begins_anywhere_begins_at_0(tmp_path):
    source = write_film(tmp_path / "a.ts", PICTURES, sound={}, container_options={"output_ts_offset": "100"})
    first = times_of(source)[0]
    assert first >= 100
    with av.open(str(source)) as container:
        heard = container.streams.audio[0].start_time * container.streams.audio[0].time_base
    path = make(tmp_path, PICTURES, source, times_of(source))
    assert min(times_of(path)[0], packets_of(path)[0][1]) == pytest.approx(0, abs=0.03)
    assert float(times_of(path)[0] - packets_of(path)[0][1]) == pytest.approx(float(first - heard), abs=1e-3)
    assert len(samples_of(path)[0][0]) == len(samples_of(source)[0][0])


@pytest.mark.parametrize(("codec", "suffix"), [("pcm_s16le", ".mkv"), ("mp2", ".mkv"), ("mp2", ".mpg")])
def test_sound_that_players_do_not_expect_is_encoded_again(tmp_path, codec, suffix):
    how = {"codec": codec, "rate": 44_100, "layout": "stereo", "seconds": 1}
    video = {"codec": "mpeg1video", "options": {"b": "2M"}} if suffix == ".mpg" else {}
    source = write_film(tmp_path / f"a{suffix}", moving(25), sound=how, **video)
    path = make(tmp_path, moving(25), source, times_of(source), spans=((0, None),))
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.rate, stream.channels) == ("aac", 44_100, 2)
    (before, start_before, _), (after, start_after, rate) = samples_of(source), samples_of(path)
    before = before.reshape(-1, 2).T / 32767 if before.dtype == np.int16 and len(before) == 1 else before
    skip = round((times_of(source)[0] - times_of(path)[0] + start_after - start_before) * rate)
    middle = slice(20_000, 30_000)
    moved = before[0, 20_000 + skip : 30_000 + skip]
    assert np.corrcoef(moved, after[0, middle])[0, 1] > 0.99


def test_all_tracks_and_their_languages_are_kept(tmp_path):
    source = tmp_path / "a.mkv"
    from tests.video.films import add_sound

    with av.open(str(write_film(tmp_path / "v.mkv", PICTURES))) as film, av.open(str(source), "w") as container:
        video = container.add_stream_from_template(film.streams.video[0], opaque=True)
        packets = add_sound(container, 0.4) + add_sound(container, 0.4, rate=44_100)
        container.streams.audio[1].metadata["language"] = "fra"
        for packet in film.demux(video=0):
            if packet.size:
                packet.stream = video
                container.mux(packet)
        for packet in packets:
            container.mux(packet)
    with av.open(str(make(tmp_path, PICTURES, source))) as container:
        assert [stream.rate for stream in container.streams.audio] == [48_000, 44_100]
        assert container.streams.audio[1].language == "fra"


def test_a_film_without_sound_has_none(tmp_path):
    source = write_film(tmp_path / "a.mp4", PICTURES)
    assert not open_film(make(tmp_path, PICTURES, source)).has_sound


def test_sound_is_never_all_in_memory(tmp_path, source, monkeypatch):
    """Packets of pictures and sound are written in the order of their times."""
    written = []
    packets = sound.Sound.packets

    def watched(self, *arguments):
        for time, packet in packets(self, *arguments):
            written.append(("sound", time))
            yield time, packet

    monkeypatch.setattr(sound.Sound, "packets", watched)
    pictures = writing._pictures

    def also_watched(*arguments):
        for time, packet in pictures(*arguments):
            written.append(("picture", time))
            yield time, packet

    monkeypatch.setattr(writing, "_pictures", also_watched)
    make(tmp_path, PICTURES, source)
    times = [time for _, time in written]
    assert len(times) > 20
    assert all(later >= earlier - Fraction(1, 10) for earlier, later in itertools.pairwise(times))


# ---- files


def test_only_films_are_written():
    for name in ("a.avi", "a.webm", "a", "a.png"):
        with pytest.raises(VideoError, match=r"\.mp4, \.mov, \.mkv"):
            check_suffix(name)
    for name in ("a.mp4", "a.MOV", "b/a.mkv"):
        check_suffix(name)


def test_a_film_that_cannot_be_finished_leaves_the_old_one(tmp_path, source, monkeypatch):
    (tmp_path / "out.mp4").write_text("old")

    def broken(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "_pictures", broken)
    with pytest.raises(OSError, match="No space left"):
        make(tmp_path, PICTURES, source)
    assert (tmp_path / "out.mp4").read_text() == "old"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
