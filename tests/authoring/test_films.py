"""Films in outputs: each needs a text and a way to stop it, and one that shows the same as the stored one is not written again."""

import re

import nbformat
import pytest
import torch

from course_lib.authoring.films import DATA, same_film, without_films
from course_lib.authoring.outputs import output_problems, text_of
from course_lib.authoring.same import keep_equal_outputs
from course_lib.widgets.film_player import film_html

ALT = "A bright square moves from the left to the right and back again."


def moving_square(frames=6, size=(48, 64), level=0.9, top=16):
    """A film (T, 3, H, W) of a square that moves by 6 pixels from frame to frame."""
    film = torch.full((frames, 3, *size), 0.2)
    for time in range(frames):
        film[time, :, top : top + 16, 6 * time : 6 * time + 16] = level
    return film


def output(html):
    return nbformat.v4.new_output("display_data", {"text/html": html, "text/plain": ALT})


def notebook(*outputs):
    cell = nbformat.v4.new_code_cell("play(frames, 12, alt)", id="film", execution_count=1, outputs=list(outputs))
    return nbformat.v4.new_notebook(cells=[cell])


def problems(*outputs):
    return [problem.message for problem in output_problems(notebook(*outputs), "lesson.md")]


FILM = film_html(moving_square(), 12, ALT)


def test_what_the_player_gives_is_accepted():
    assert problems(output(FILM)) == []


WRONG = {
    "no text": (re.sub(' aria-label="[^"]*"', "", FILM), "shows a film without alt text: show it with play("),
    "an empty text": (FILM.replace(f'aria-label="{ALT}"', 'aria-label=" "'), "shows a film without alt text"),
    "a short text": (FILM.replace(ALT, "A square moves."), "has an alt text of 15 characters, at least 30 are needed"),
    "a file": (FILM.replace(ALT, f"{ALT} See square.mp4."), "names a file in its alt text"),
    "it starts by itself": (FILM.replace(" loop", " loop autoplay"), "shows a film that starts by itself"),
    "it cannot be stopped": (FILM.replace(" controls", ""), "shows a film that starts by itself or cannot be stopped"),
    "two films, one without a text": (FILM + "<video controls></video>", "shows a film without alt text"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_film_that_leaves_readers_out_is_refused(name):
    html, message = WRONG[name]
    (found,) = problems(output(html))
    assert message in found


def test_a_film_that_is_an_output_of_its_own_kind_has_no_text():
    (found,) = problems(nbformat.v4.new_output("display_data", {"video/mp4": "AAAA", "text/plain": ALT}))
    assert "shows a film without alt text" in found


def test_a_figure_is_still_asked_for_its_own_text():
    (found,) = problems(output('<img src="data:image/png;base64,AAAA">' + FILM))
    assert found == "shows a figure without alt text: show it with show(figure, alt=...)"


def test_the_bytes_of_a_film_are_no_text():
    assert ALT in text_of(output(FILM))
    assert len(text_of(output(FILM))) < 1000 < len(FILM)
    assert without_films(FILM).count("FILM") == 1


# ---- the same film

NOISE = 0.01 * torch.randn(6, 3, 48, 64, generator=torch.Generator().manual_seed(0))
STORED = film_html((moving_square() + NOISE).clamp(0, 1), 12, ALT)
OTHER = {
    "another color": film_html(moving_square(level=0.8), 12, ALT),
    "a square at another place": film_html(moving_square(top=24), 12, ALT),
    "one frame less": film_html(moving_square()[:-1], 12, ALT),
    "one frame more": film_html(moving_square(7), 12, ALT),
    "another size": film_html(moving_square(size=(48, 66)), 12, ALT),
    "another rate": film_html(moving_square(), 24, ALT),
    "another text": FILM.replace(ALT, ALT.replace("bright", "white")),
    "another player": FILM.replace("max-width: 100%", "width: 300px; max-width: 100%"),
    "damaged": FILM.replace(DATA.search(FILM)[1], DATA.search(FILM)[1][:400] + "===="),
}


def kept(new, old):
    """The HTML that stays when ``new`` was built over ``old``."""
    built = notebook(output(new))
    keep_equal_outputs(built, notebook(output(old)))
    return built.cells[0].outputs[0].data["text/html"]


def test_a_film_that_differs_by_less_than_can_be_seen_is_not_written_again():
    assert STORED != FILM
    assert kept(FILM, STORED) == STORED
    assert kept(FILM, FILM) == FILM


@pytest.mark.parametrize("name", OTHER)
def test_a_film_that_differs_is_written(name):
    assert kept(OTHER[name], FILM) == OTHER[name]
    assert kept(FILM, OTHER[name]) == FILM


def test_one_block_of_one_frame_that_differs_is_seen():
    changed = moving_square(12)
    changed[7, :, 40:48, 48:56] = 0.35
    new, old = (DATA.search(film_html(film, 12, ALT))[1] for film in (changed, moving_square(12)))
    assert not same_film(new, old)
