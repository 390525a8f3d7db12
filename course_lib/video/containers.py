"""Whether a file with a film is all there, told from its outline, without decoding anything.

References
----------
ISO/IEC 14496-12, section 4.2 (boxes of MP4 and MOV). RFC 8794, sections 4 to 6, and RFC 9559 (EBML and Matroska). Microsoft, RIFF (AVI).
"""

import struct

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_MOST_BOXES = 100_000  # a fragmented film has two a second or so


def is_cut_off(path):
    """Whether the outline of a file promises more bytes than there are.

    Known of MP4, MOV, Matroska, WebM and AVI. Other formats have no outline that could tell: the answer is False.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(12)
        if start[:4] == b"RIFF" and len(start) == 12:
            return 8 + struct.unpack("<I", start[4:8])[0] > size
        if start[:4] == _EBML.to_bytes(4, "big"):
            return _segment_end(file) > size
        if start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            return _boxes_end(file, size) > size
    return False


def _boxes_end(file, size):
    """Where the last box on the top level ends."""
    place = 0
    for _ in range(_MOST_BOXES):
        file.seek(place)
        header = file.read(16)
        if len(header) < 8:
            break  # the end, or padding
        length, shortest = struct.unpack(">I", header[:4])[0], 8
        if length == 1 and len(header) == 16:
            length, shortest = struct.unpack(">Q", header[8:])[0], 16
        if length < shortest:
            break  # 0: up to the end of the file, whatever that is
        place += length
        if place > size:
            break
    return place


def _segment_end(file):
    """Where the segment, which is nearly all of a Matroska file, ends; 0 where that is not known."""
    file.seek(4)
    length = _read_length(file)
    if length is None:
        return 0
    file.seek(length, 1)
    if file.read(4) != _SEGMENT.to_bytes(4, "big"):
        return 0
    length = _read_length(file)
    return 0 if length is None else file.tell() + length


def _read_length(file):
    """A length of EBML: the first byte says how many bytes it has; all bits set means unknown, None."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    count = 9 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (2 ** (8 - count) - 1)]) + file.read(count - 1), "big")
    return None if value == 2 ** (7 * count) - 1 else value
