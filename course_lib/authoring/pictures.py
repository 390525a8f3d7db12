"""Pictures inside outputs: their alt texts and those of films, and whether two pictures look the same.

`course_lib.widgets.show` puts a figure into HTML as ``<img alt="..." src="data:image/png;base64,...">``, because JupyterLab
drops the alt text of plain image outputs.
"""

import base64
import io
import re
from dataclasses import dataclass
from html.parser import HTMLParser

import numpy as np
from PIL import Image

DATA = re.compile(r"data:image/[a-z+]+;base64,([A-Za-z0-9+/=]+)")
LEVELS = 8  # a picture whose pixels all stay within 8 of 255 levels is the same picture


@dataclass(frozen=True)
class Shown:
    """A picture (``img``) or a film (``video``) in a piece of HTML: its alt text, '' where there is none.

    ``restless`` is a film that starts by itself or has no controls to stop it.
    """

    tag: str
    alt: str
    restless: bool = False


def shown(html):
    """What each ``<img>`` and each ``<video>`` in ``html`` says to those who cannot see it, in their order."""
    parser = _Parser()
    parser.feed(html)
    return parser.found


class _Parser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "img":
            self.found.append(Shown(tag, (attributes.get("alt") or "").strip()))
        elif tag == "video":
            restless = "autoplay" in attributes or "controls" not in attributes
            self.found.append(Shown(tag, (attributes.get("aria-label") or "").strip(), restless))


def without_pictures(html):
    """``html`` with the bytes of its pictures left out."""
    return DATA.sub("PICTURE", html)


def same_pictures(new, old):
    """Whether the pictures in two pieces of HTML look the same, one by one."""
    new, old = DATA.findall(new), DATA.findall(old)
    return len(new) == len(old) and all(map(same_picture, new, old))


def same_picture(new, old):
    """Whether two base64-encoded pictures have the same size and no pixel that differs visibly."""
    if new == old:
        return True
    new, old = _pixels(new), _pixels(old)
    return new.shape == old.shape and bool(np.abs(new - old).max() <= LEVELS)


def _pixels(encoded):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGBA"), dtype=np.int16)
