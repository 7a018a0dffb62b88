"""SVG is drawn as it looks; what would not be whole, or would never end, is refused in one sentence."""

import base64
import gzip
import io
import os
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from generator.decode import TRANSPARENT, Color, Decoded, DecodeError, decode
from train.data import renderer as process
from train.data import vectors
from train.data.vectors import Renderer, is_vector

WHITE = (255, 255, 255)
HEAD = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
FILLED = '<rect width="100%" height="100%" fill="red"/>'
RED = '<rect width="8" height="8" fill="red"/>'


def svg(body: str, frame: str = 'viewBox="0 0 8 8"', prolog: str = "") -> str:
    return f"{prolog}<svg {HEAD} {frame}>{body}</svg>"


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer() as renderer:
        yield renderer


def drawn(renderer: Renderer, text: str, background: Color = TRANSPARENT, size: int = 64) -> Decoded:
    return renderer.draw(text.encode(), size=size, background=background, name="x.svg")


def pixels(renderer: Renderer, text: str, background: Color = TRANSPARENT, size: int = 64) -> NDArray[np.uint8]:
    return drawn(renderer, text, background, size).pixels


def refusal(renderer: Renderer, text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(DecodeError) as caught:
        renderer.draw(data, size=64, background=WHITE, name="x.svg")
    assert str(caught.value) == f"x.svg: {caught.value.reason}"
    return caught.value.reason


def test_shapes_stand_where_they_are_drawn(renderer: Renderer) -> None:
    icon = drawn(renderer, svg('<rect width="4" height="4" fill="#12aa56"/>'))
    assert (icon.mode, icon.width, icon.height, icon.frames) == ("SVG", 64, 64, 1)
    assert np.abs(icon.pixels[:31, :31].astype(int) - (0x12, 0xAA, 0x56, 255)).max() <= 9  # the filter's ringing
    assert (icon.pixels[:24, :24] == (0x12, 0xAA, 0x56, 255)).all()
    assert (icon.pixels[33:] == 0).all()
    assert (icon.pixels[:, 33:] == 0).all()


def test_opacity_is_kept_premultiplied_or_put_on_the_background(renderer: Renderer) -> None:
    half = svg('<rect width="8" height="8" fill="#ff0000" opacity=".5"/>')
    assert np.abs(pixels(renderer, half)[32, 32].astype(int) - (128, 0, 0, 128)).max() <= 1
    assert np.abs(pixels(renderer, half, WHITE)[32, 32].astype(int) - (255, 127, 127)).max() <= 1
    assert np.abs(pixels(renderer, half, (0, 0, 255))[32, 32].astype(int) - (128, 0, 127)).max() <= 1


def test_a_gradient_runs_evenly(renderer: Renderer) -> None:
    stops = '<stop offset="0" stop-color="black"/><stop offset="1" stop-color="white"/>'
    body = f'<linearGradient id="g">{stops}</linearGradient><rect width="8" height="8" fill="url(#g)"/>'
    wanted = (np.arange(64) + 0.5) * 255 / 64
    assert np.abs(pixels(renderer, svg(body), WHITE)[10, :, 0] - wanted).max() <= 3


def test_edges_are_as_smooth_as_those_of_a_large_picture(renderer: Renderer) -> None:
    """A disc, against its exact coverage of each pixel."""
    icon = pixels(renderer, svg('<circle cx="4" cy="4" r="3.3"/>'))
    fine = (np.arange(64 * 16) + 0.5) / (64 * 2)
    exact = (np.hypot(fine[:, None] - 4, fine - 4) < 3.3).reshape(64, 16, 64, 16).mean(axis=(1, 3)) * 255
    assert np.abs(icon[..., 3] - exact).max() < 30
    assert np.abs(icon[..., 3] - exact).mean() < 1


@pytest.mark.parametrize(
    ("frame", "width", "height"),
    [
        ('viewBox="0 0 8 4"', 64, 32),
        ('viewBox="0 0 4 8"', 32, 64),
        ('width="100%" height="100%" viewBox="0 0 4 8"', 32, 64),
        ('width="20" viewBox="0 0 8 4"', 64, 32),
        ('width="16" height="4"', 64, 16),
        ('width="1e9" height="1e9" viewBox="0 0 8 8"', 64, 64),
        ('width="1000000" height="1"', 64, 1),
        ('width="3mm" height="6mm" viewBox="0 0 4 8"', 32, 64),
        ("width='.5in' data-x='>' height = '96pt'", 24, 64),
        ('viewBox="0 0 1.5 1"', 64, 43),
        ('viewBox="0,0 0.25 1"', 16, 64),
        ('viewBox="0 0 1 1.2"', 53, 64),
        ('height="30" viewBox="0 0 4 8"', 32, 64),
        ('x="5" y="-3" width="40" height="20"', 64, 32),
    ],
)
def test_other_frames_are_fitted_as_pictures_are(renderer: Renderer, frame: str, width: int, height: int) -> None:
    icon = drawn(renderer, svg(FILLED, frame), WHITE)
    assert (icon.width, icon.height) == (width, height)
    picture = io.BytesIO()
    Image.new("RGB", (width * 4, height * 4), "red").save(picture, "PNG")
    wanted = decode(picture.getvalue(), size=64, background=WHITE).pixels
    assert np.abs(icon.pixels.astype(int) - wanted).max() <= 2


def test_without_a_frame_the_content_is_one(renderer: Renderer) -> None:
    icon = drawn(renderer, svg('<rect x="5" y="7" width="30" height="15" fill="red"/>', ""), WHITE)
    assert (icon.width, icon.height) == (64, 40)
    assert (icon.pixels[32, 16] == (255, 0, 0)).all()


@settings(max_examples=100, deadline=None)
@given(st.floats(0.01, 1000), st.floats(0.05, 20), st.sampled_from(["", "px", "mm", "in"]))
def test_a_frame_of_any_size_is_filled(renderer: Renderer, width: float, ratio: float, unit: str) -> None:
    """Fractions of a pixel in width and height cost no edge and add none."""
    frames = [f'viewBox="0 0 {width} {width * ratio}"', f'width="{width}{unit}" height="{width * ratio}{unit}"']
    for frame in frames:
        icon = drawn(renderer, svg(FILLED, frame))
        assert icon.height / icon.width == pytest.approx(ratio, abs=ratio / min(icon.width, icon.height))
        assert np.count_nonzero(icon.pixels[..., 3] > 240) == icon.width * icon.height


def test_the_current_color_is_black_unless_it_is_set(renderer: Renderer) -> None:
    body = '<rect width="8" height="8" fill="currentColor"/>'
    assert (pixels(renderer, svg(body))[32, 32] == (0, 0, 0, 255)).all()
    assert (pixels(renderer, svg(body, 'viewBox="0 0 8 8" color="#0000ff"'))[32, 32] == (0, 0, 255, 255)).all()


def test_styles_nested_drawings_and_uses_are_drawn(renderer: Renderer) -> None:
    assert (pixels(renderer, svg(f"<style>rect {{ fill: #00ff00 }}</style>{RED}"))[32, 32] == (0, 255, 0, 255)).all()
    use = '<defs><rect id="r" width="4" height="8" fill="red"/></defs><use xlink:href="#r" x="4"/>'
    assert (pixels(renderer, svg(use))[32, [16, 48], 3] == (0, 255)).all()
    picture = io.BytesIO()
    Image.new("RGB", (4, 4), "blue").save(picture, "PNG")
    code = base64.b64encode(picture.getvalue()).decode()
    embedded = svg(f'<image width="8" height="8" xlink:href="data:image/png;base64,{code}"/>')
    assert (pixels(renderer, embedded)[32, 32] == (0, 0, 255, 255)).all()


def test_what_is_harmless_is_no_reason_to_refuse(renderer: Renderer) -> None:
    """What real editors write: document types, entities of addresses, links, empty texts, a web page with a branch."""
    doctype = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"'
    entity = ' [<!ENTITY ns_extend "http://ns.adobe.com/Extensibility/1.0/">]>'
    body = (
        f'<title>Text &amp; more</title><a href="https://example.org">{RED}</a><text> </text>'
        '<switch><foreignObject requiredExtensions="&ns_extend;"/><g/></switch><image width="1" xlink:href=""/>'
    )
    assert (pixels(renderer, svg(body, prolog=doctype + entity))[32, 32] == (255, 0, 0, 255)).all()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1", "shift-jis"])
def test_texts_in_other_encodings_are_read(renderer: Renderer, encoding: str) -> None:
    name = "é" if encoding == "iso-8859-1" else "絵"
    text = svg(f'<g id="{name}">{RED}</g><use xlink:href="#{name}"/>')
    text = text if encoding.startswith("utf") else f'<?xml version="1.0" encoding="{encoding}"?>{text}'
    icon = renderer.draw(text.encode(encoding), size=16, background=WHITE, name="x.svg")
    assert (icon.pixels == (255, 0, 0)).all()
    assert is_vector(text.encode(encoding))


def test_packed_drawings_are_read(renderer: Renderer) -> None:
    data = gzip.compress(svg(RED).encode())
    assert is_vector(data)
    assert (renderer.draw(data, size=16, background=WHITE, name="x.svgz").pixels == (255, 0, 0)).all()
    assert refusal(renderer, data[:20] + b"????" + data[24:]) == "the packed drawing (svgz) is damaged"
    bomb = gzip.compress(bytes(process.TEXT_LIMIT + 1))
    assert refusal(renderer, bomb) == "more than the limit of 16 MiB for one drawing"


UNFOLDING = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
USES = "".join(f'<g id="a{n}">{f"""<use xlink:href="#a{n - 1}"/>""" * 10}</g>' for n in range(1, 10))
PATTERNS = "".join(
    f'<pattern id="p{n}" width=".1" height=".1">{f"""<path d="M0 0H8V8" fill="url(#p{n - 1})"/>""" * 2}</pattern>'
    for n in range(1, 40)
)
ELSEWHERE = "is not read: embed it"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<svg", "not well-formed XML"),
        ("<html><svg/></html>", "not an SVG drawing, but <html>"),
        (svg(RED, 'width="-3" height="3"'), "cannot be drawn (SVG has an invalid size)"),
        (svg("&nowhere;"), "not well-formed XML (undefined entity, line 1)"),
        (svg("<text>a</text>"), "text in it takes a font: convert it to paths"),
        (svg("<script>fetch('https://example.org')</script>"), "a script in it is not run"),
        (svg("<foreignObject/>"), "a web page in it (foreignObject) is not drawn"),
        (
            svg('<image href="/etc/hostname.png"/>'),
            f"it points to another file ('/etc/hostname.png'), which {ELSEWHERE}",
        ),
        (svg('<image xlink:href="file:///etc/x.png"/>'), ELSEWHERE),
        (svg('<image xlink:href=" https://example.org/x.png"/>'), ELSEWHERE),
        (svg('<use xlink:href="other.svg#a"/>'), ELSEWHERE),
        (svg('<filter id="f"><feImage href="x.png"/></filter>'), ELSEWHERE),
        (svg("<style>@import 'x.css';</style>"), ELSEWHERE),
        (svg(RED, prolog='<?xml-stylesheet href="x.css"?>'), ELSEWHERE),
        (svg("<title>&a;</title>", prolog='<!DOCTYPE svg [<!ENTITY a SYSTEM "/etc/hostname">]>'), ELSEWHERE),
        (svg("&a9;", prolog=f'<!DOCTYPE svg [<!ENTITY a0 "<g/>">{UNFOLDING}]>'), "its entities unfold"),
        (svg("&a;" * 9, prolog=f'<!DOCTYPE svg [<!ENTITY a "{"x" * 9999}">]>'), "its entities unfold"),
        (svg(f'<g id="a0">{RED}</g>{USES}'), "its elements repeat each other without end"),
        (svg("<g>" * 100_000 + "</g>" * 100_000), "elements are nested more than 200 deep"),
        (svg(f'{PATTERNS}<rect width="8" height="8" fill="url(#p39)"/>'), "takes more memory to draw, or nests deeper"),
        (svg(f'<g id="é">{RED}</g>').encode("latin-1"), "its text is not utf-8"),
        (b"\xff\xfe<", "its text is not utf-16"),
        (b'<?xml version="1.0" encoding="klingon"?><svg/>', "its text is not klingon"),
    ],
)
def test_what_cannot_be_drawn_whole_is_refused(renderer: Renderer, text: str | bytes, reason: str) -> None:
    assert reason in refusal(renderer, text)
    assert (pixels(renderer, svg(RED)) == (255, 0, 0, 255)).all()  # the next one is drawn


def test_endless_drawings_are_ended_and_not_tried_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is of processor time, which the system counts, however busy it is."""
    noise = '<feTurbulence baseFrequency="1" numOctaves="1000000"/>'
    endless = svg(f'<filter id="f">{noise}</filter><g filter="url(#f)">{RED}</g>')
    monkeypatch.setattr(vectors, "_SLOW_LIMIT", 1)
    with Renderer() as renderer:
        assert refusal(renderer, endless) == "takes longer than 5 seconds to draw, as only a bomb does"
        assert refusal(renderer, svg(RED)).startswith("not drawn: ")


def test_the_deepest_drawing_that_is_let_through_is_drawn(renderer: Renderer) -> None:
    levels = process.DEPTH_LIMIT - 2
    assert (pixels(renderer, svg("<g opacity='.999'>" * levels + RED + "</g>" * levels))[32, 32, 3]) > 200
    assert "nested" in refusal(renderer, svg("<g>" * (levels + 2) + RED + "</g>" * (levels + 2)))


def test_the_system_lets_it_open_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a drawing that came past the check."""
    Image.new("RGB", (4, 4), "red").save(tmp_path / "x.png")
    monkeypatch.setattr(process, "check", lambda _: process.Root({}, 0))
    text = svg(f'<image width="8" height="8" xlink:href="{tmp_path}/x.png"/>')
    assert not decode(process.draw(text.encode(), 64), background=TRANSPARENT).pixels.any()
    monkeypatch.setattr(process, "without_files", nullcontext)
    assert decode(process.draw(text.encode(), 64), background=TRANSPARENT).pixels.any()


def test_the_process_ends_with_the_reading() -> None:
    with Renderer() as renderer:
        drawn(renderer, svg(RED))
        number = renderer._fence.pid or 0
        os.kill(number, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
    with renderer:  # and may begin again
        assert drawn(renderer, svg(RED)).width == 64


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=5), st.integers(0, 400))
def test_damage_is_a_sentence_or_a_picture(renderer: Renderer, changes: list[tuple[int, int]], length: int) -> None:
    data = bytearray(svg('<g transform="scale(2)"><path d="M0 0L4 4H1z" fill="#f00" style="opacity:.5"/></g>').encode())
    for position, value in changes:
        data[position % len(data)] = value
    with suppress(DecodeError):
        icon = renderer.draw(bytes(data[: length or None]), size=16, background=WHITE, name="x.svg")
        assert icon.pixels.shape == (16, 16, 3)


@pytest.mark.parametrize("data", [b"\x89PNG", b"GIF89a", b"P6 1 1 255", b"/* XPM */", b"BM", b"", b"text"])
def test_pictures_of_pixels_are_no_vectors(data: bytes) -> None:
    assert not is_vector(data)
