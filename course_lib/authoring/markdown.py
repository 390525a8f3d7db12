"""Headings and plain words of Markdown: what a rule about prose may look at."""

from itertools import pairwise

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

# Left out of prose: code spans and blocks, math, link targets and pictures' addresses never reach a "text" token.
PARSER = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin)


def headings(source):
    """``(level, text, line within source from 0)`` of each heading."""
    tokens = PARSER.parse(source)
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            yield int(token.tag[1:]), inline.content.strip(), token.map[0]


def prose(source):
    """``(text, line within source from 0)`` of each run of words."""
    for token in PARSER.parse(source):
        if token.type == "inline":
            words = [child.content if child.type == "text" else " " for child in token.children]
            yield "".join(words), token.map[0]
