"""Pictures inside outputs: their alt texts, and whether two of them look the same.

`course_lib.widgets.show` puts a figure into HTML as ``<img alt="..." src="data:image/png;base64,...">``, because JupyterLab
drops the alt text of plain image outputs.
"""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
from PIL import Image

DATA = re.compile(r"data:image/[a-z+]+;base64,([A-Za-z0-9+/=]+)")
LEVELS = 8  # a picture whose pixels all stay within 8 of 255 levels is the same picture


def alt_texts(html):
    """The alt text of each ``<img>`` in ``html``, '' where there is none."""
    parser = _AltParser()
    parser.feed(html)
    return parser.alts


class _AltParser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.alts = []

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.alts.append((dict(attributes).get("alt") or "").strip())


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
