"""Something of every kind to put in: real pictures that installed packages ship, and the rest made here.

What is made here is the same byte for byte in every run (of one Pillow and one matplotlib).
"""

from __future__ import annotations

import importlib.util
import io
import math
import struct
import time
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["drawn_plot", "real_pictures", "samples"]

# In packages that people who try lashkit are likely to have; importing them is not needed.
_SHIPPED = (
    ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/rocket.jpg"),
    ("networkx", "drawing/tests/baseline/test_display_shortest_path.png"),
    ("networkx", "drawing/tests/baseline/test_house_with_colors.png"),
)
_REAL_LIMIT = 3

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 120" width="240" height="240">
  <rect x="6" y="6" width="108" height="108" rx="26" fill="#2a6f77"/>
  <path d="M44 38v38a16 16 0 0 0 32 0V40a10 10 0 0 0-20 0v35a4 4 0 0 0 8 0V44" fill="none"
        stroke="#f4f1ea" stroke-width="6" stroke-linecap="round" stroke-linejoin="round"/>
</svg>
"""
_NOTES = """\
# Notes

- an attachment is bytes plus metadata, addressed by content
- the same bytes are stored once, whatever they are called
- what comes back is what went in, or an error: never something else

Accents and scripts survive: naïve café, Ελληνικά, 日本語.
"""


def samples() -> list[tuple[str, Any]]:
    """A label and a source for each sample. Every call makes them anew."""
    pictures: list[tuple[str, Any]] = [(path.name, path) for path in real_pictures()]
    return [
        *(pictures or [("hills.png", _as_bytes(_hills(), "PNG"))]),
        ("plot.png", _plot()),
        ("orbit.gif", _orbit()),
        ("turned-by-exif.jpg", _turned()),
        ("report.pdf", _report()),
        ("chime.wav", _chime()),
        ("clip.svg", _SVG.encode()),
        ("notes.md", _NOTES.encode()),
    ]


def real_pictures() -> list[Path]:
    """A few pictures that the installed packages ship; none where none of those packages is installed."""
    found = []
    for package, name in _SHIPPED:
        spec = importlib.util.find_spec(package)
        for folder in spec.submodule_search_locations or () if spec else ():
            path = Path(folder, name)
            if path.is_file():
                found.append(path)
    return found[:_REAL_LIMIT]


def _as_bytes(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _wave_at(x: float, phase: float) -> float:
    return math.exp(-x / 5) * math.cos(2 * x - phase)


def _plot() -> Any:
    """A matplotlib figure, where matplotlib is installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return drawn_plot()
    figure = Figure(figsize=(4, 3), dpi=160, layout="tight")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    xs = [index / 20 for index in range(201)]
    for phase, colour in ((0.0, "#2a6f77"), (1.0, "#d9822b"), (2.0, "#8a3b5c")):
        axes.plot(xs, [_wave_at(x, phase) for x in xs], color=colour, linewidth=2.5, label=f"phase {phase:g}")
    axes.set_title("A plot, drawn just now")
    axes.set_xlabel("seconds")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def drawn_plot() -> bytes:
    """The same curves without matplotlib: a PNG of 640 x 480 pixels."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (640, 480), "white")
    draw = ImageDraw.Draw(image)
    for fraction in range(5):
        draw.line((40, 40 + 100 * fraction, 600, 40 + 100 * fraction), fill="#dddddd")
    for phase, colour in ((0.0, "#2a6f77"), (1.0, "#d9822b"), (2.0, "#8a3b5c")):
        points = [(40 + 56 * x / 10, 240 - 200 * _wave_at(x / 10, phase)) for x in range(101)]
        draw.line(points, fill=colour, width=4, joint="curve")
    return _as_bytes(image, "PNG")


def _orbit() -> bytes:
    """An animated GIF of 24 frames, 240 x 180 pixels."""
    from PIL import Image, ImageDraw

    frames = []
    for index in range(24):
        frame = Image.new("RGB", (240, 180), "#10202b")
        draw = ImageDraw.Draw(frame)
        draw.ellipse((30, 30, 210, 150), outline="#3d5a68", width=2)
        draw.ellipse((104, 74, 136, 106), fill="#f2b134")
        angle = index / 24 * 2 * math.pi
        x, y = 120 + 90 * math.cos(angle), 90 + 60 * math.sin(angle)
        draw.ellipse((x - 11, y - 11, x + 11, y + 11), fill="#5fb3bf")
        frames.append(frame.quantize(8))
    return _as_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=60, loop=0)


def _hills() -> Image.Image:
    """A drawn landscape of 360 x 480 pixels in which up is up."""
    from PIL import Image, ImageDraw

    image = Image.linear_gradient("L").resize((360, 480))
    picture = Image.composite(Image.new("RGB", image.size, "#f6d7a7"), Image.new("RGB", image.size, "#4f86b8"), image)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((230, 60, 310, 140), fill="#fff3c4")
    for base, height, colour in ((330, 60, "#5b8a72"), (390, 45, "#3f6b57"), (440, 25, "#274a3c")):
        ridge = [(x, base - height * math.sin(x / 57 + base)) for x in range(0, 361, 4)]
        draw.polygon([(0, 480), *ridge, (360, 480)], fill=colour)
    draw.polygon([(90, 60), (135, 125), (105, 125), (105, 210), (75, 210), (75, 125), (45, 125)], fill="#ffffff")
    return picture


def _turned() -> bytes:
    """The landscape as a camera held sideways stores it: 480 x 360 pixels, and a tag that says to turn them."""
    from PIL import ExifTags, Image

    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    return _as_bytes(_hills().transpose(Image.Transpose.ROTATE_90), "JPEG", quality=88, exif=exif)


def _report() -> bytes:
    """A PDF of two A4 pages."""
    from PIL import Image, ImageDraw, ImageFont

    pages = []
    for number in (1, 2):
        page = Image.new("RGB", (595, 842), "white")
        draw = ImageDraw.Draw(page)
        draw.text((60, 60), f"Report, page {number}", fill="#1b1f24", font=ImageFont.load_default(size=28))
        for line in range(18):
            draw.rectangle((60, 130 + 32 * line, 535 - 61 * (line * number % 5), 142 + 32 * line), fill="#d5dade")
        pages.append(page)
    moment = time.gmtime(0)
    return _as_bytes(
        pages[0], "PDF", save_all=True, append_images=pages[1:], title="Report", creationDate=moment, modDate=moment
    )


def _chime() -> bytes:
    """A WAV of 1.5 seconds: three notes that fade, one channel, 16 bits, 11,025 samples a second."""
    rate, length_s = 11_025, 1.5
    frames = bytearray()
    for index in range(int(rate * length_s)):
        now = index / rate
        level = sum(
            math.exp(-4 * (now - start)) * math.sin(2 * math.pi * hertz * (now - start))
            for start, hertz in ((0.0, 523.25), (0.22, 659.25), (0.44, 783.99))
            if now >= start
        )
        frames += struct.pack("<h", int(9_000 * level))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(bytes(frames))
    return file.getvalue()
