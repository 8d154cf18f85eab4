from __future__ import annotations

import io
import os
import random
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageOps

from lashkit import AttachmentMeta, content_id
from lashkit.display.thumbnails import Thumbnail, ThumbnailCache, Undrawable, cached_thumbnail, thumbnail

BOX, BUDGET = 256, 12_000


def drawn(data: bytes, *, box_px: int = BOX, byte_budget: int = BUDGET, label: str | None = None) -> Thumbnail:
    outcome = attempted(data, box_px=box_px, byte_budget=byte_budget, label=label)
    assert isinstance(outcome, Thumbnail), outcome
    return outcome


def attempted(
    data: bytes, *, box_px: int = BOX, byte_budget: int = BUDGET, label: str | None = None
) -> Thumbnail | Undrawable:
    facts = AttachmentMeta(id=content_id(data), media_type="image/png", byte_len=len(data), label=label)
    return thumbnail(facts, data, box_px=box_px, byte_budget=byte_budget)


def pixels(made: Thumbnail) -> Image.Image:
    picture = Image.open(io.BytesIO(made.webp))
    picture.load()
    assert picture.format == "WEBP"
    assert picture.size == (made.width, made.height)
    return picture


def near(found: object, wanted: tuple[int, ...], slack: int = 12) -> bool:
    assert isinstance(found, tuple)
    return len(found) == len(wanted) and all(abs(a - b) <= slack for a, b in zip(found, wanted, strict=True))


def test_a_picture_fits_its_box_and_keeps_its_shape(encoded: Callable[..., bytes]) -> None:
    made = drawn(encoded(Image.new("RGB", (800, 400), "red")))
    assert (made.width, made.height) == (256, 128)
    assert (made.source_width, made.source_height) == (800, 400)
    assert near(pixels(made).getpixel((100, 60)), (254, 0, 0))


@pytest.mark.parametrize("size", [(1, 1), (24, 24), (256, 256), (256, 3)])
def test_a_small_picture_is_not_enlarged_and_stays_exact(size: tuple[int, int], encoded: Callable[..., bytes]) -> None:
    image = Image.new("RGB", size, (12, 200, 99))
    image.putpixel((0, 0), (255, 1, 2))
    made = drawn(encoded(image))
    assert pixels(made).convert("RGB").tobytes() == image.tobytes()


@pytest.mark.parametrize("size", [(5000, 1), (1, 5000)])
def test_a_thread_thin_picture_keeps_one_pixel(size: tuple[int, int], encoded: Callable[..., bytes]) -> None:
    made = drawn(encoded(Image.new("L", size, 128)))
    assert (made.width, made.height) == (min(size[0], 256), min(size[1], 256))


@pytest.mark.parametrize("box_px", [160, 256, pytest.param(1024, marks=pytest.mark.slow)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_noise_keeps_within_the_byte_budget(
    box_px: int, mode: str, noise: Callable[..., Image.Image], encoded: Callable[..., bytes]
) -> None:
    budget = {160: 6_000, 256: 12_000, 1024: 85_000}[box_px]
    made = drawn(encoded(noise(1100, 1030, mode), compress_level=1), box_px=box_px, byte_budget=budget)
    assert len(made.webp) <= budget
    assert max(made.width, made.height) > box_px / 4


def test_a_budget_that_nothing_meets_is_said(encoded: Callable[..., bytes]) -> None:
    outcome = attempted(encoded(Image.new("RGB", (9, 9))), byte_budget=10)
    assert outcome == Undrawable("cannot be decoded: one pixel takes more than 10 bytes")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_is_shown_upright(orientation: int, form: str, encoded: Callable[..., bytes]) -> None:
    upright = Image.new("RGB", (640, 320), "white")
    ImageDraw.Draw(upright).rectangle((0, 0, 159, 159), fill=(255, 0, 0))
    ImageDraw.Draw(upright).rectangle((480, 160, 639, 319), fill=(0, 0, 255))
    # Lay it down so that the tag turns it back: each turn's inverse, 6 and 8 being each other's.
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    exif = Image.Exif()
    exif[0x0112] = inverse
    laid = Image.open(io.BytesIO(encoded(upright, "PNG", exif=exif)))
    exif[0x0112] = orientation
    data = encoded(ImageOps.exif_transpose(laid), form, exif=exif)

    made = drawn(data)

    shown = pixels(made)
    assert (made.source_width, made.source_height) == (640, 320)
    assert shown.size == (256, 128)
    assert near(shown.getpixel((20, 20)), (254, 0, 0), 20)
    assert near(shown.getpixel((236, 108)), (0, 0, 254), 20)


def test_a_jpeg_is_drafted_and_looks_like_the_whole(encoded: Callable[..., bytes]) -> None:
    image = Image.linear_gradient("L").resize((2048, 1024)).convert("RGB")
    made = drawn(encoded(image, "JPEG", quality=95))
    whole = image.resize((256, 128), Image.Resampling.LANCZOS)
    shown = pixels(made).convert("RGB")
    assert (made.source_width, made.source_height) == (2048, 1024)
    assert all(near(shown.getpixel(xy), whole.getpixel(xy), 8) for xy in [(3, 3), (128, 64), (250, 120)])  # type: ignore[arg-type]


def test_transparency_is_kept_and_opaque_alpha_is_dropped(encoded: Callable[..., bytes]) -> None:
    clear = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    ImageDraw.Draw(clear).rectangle((0, 0, 149, 299), fill=(0, 128, 0, 255))
    made = drawn(encoded(clear))
    assert made.transparent
    assert near(pixels(made).getpixel((30, 30)), (0, 128, 0, 255))
    assert pixels(made).getpixel((200, 30))[3] == 0  # type: ignore[index]
    assert not drawn(encoded(Image.new("RGBA", (300, 300), (9, 9, 9, 255)))).transparent


def grey16(value: int) -> bytes:
    """A 16-bit grey PNG of 8 x 8 pixels, written by hand."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = (b"\0" + struct.pack(">8H", *[value] * 8)) * 8
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("value", "grey"), [(0, 0), (0x8000, 128), (0xFFFF, 255), (0x0123, 1)])
def test_16_bit_grey_is_scaled_and_not_clipped(value: int, grey: int) -> None:
    assert near(pixels(drawn(grey16(value))).getpixel((4, 4)), (grey,) * 3, 1)


@pytest.mark.parametrize(
    ("values", "greys"),
    [([0.0, 0.5, 1.0], [0, 128, 255]), ([-10.0, 0.0, 30.0], [0, 64, 255]), ([7.0, 7.0, 7.0], [0, 0, 0])],
)
def test_floats_keep_the_scale_of_0_to_1_and_others_are_stretched(
    values: list[float], greys: list[int], encoded: Callable[..., bytes]
) -> None:
    image = Image.new("F", (3, 1))
    for x, value in enumerate(values):
        image.putpixel((x, 0), value)
    shown = pixels(drawn(encoded(image, "TIFF"))).convert("RGB")
    assert all(near(shown.getpixel((x, 0)), (grey,) * 3, 1) for x, grey in enumerate(greys))


def test_32_bit_integers_are_stretched(encoded: Callable[..., bytes]) -> None:
    image = Image.new("I", (2, 1))
    image.putpixel((0, 0), -100_000)
    image.putpixel((1, 0), 900_000)
    shown = pixels(drawn(encoded(image, "TIFF"))).convert("RGB")
    assert [shown.getpixel((x, 0)) for x in range(2)] == [(0, 0, 0), (255, 255, 255)]


@pytest.mark.parametrize(
    ("mode", "form", "colour", "shown"),
    [
        ("1", "PNG", 1, (255, 255, 255)),
        ("L", "PNG", 77, (77, 77, 77)),
        ("LA", "PNG", (77, 128), (77, 77, 77, 128)),
        ("P", "GIF", 0, (0, 0, 0)),
        ("CMYK", "JPEG", (0, 255, 255, 0), (254, 0, 0)),
        ("YCbCr", "JPEG", (76, 85, 255), (254, 0, 0)),
        ("RGBA", "TIFF", (1, 2, 3, 100), (1, 2, 3, 100)),
    ],
)
def test_every_mode_has_its_colours(
    mode: str, form: str, colour: int | tuple[int, ...], shown: tuple[int, ...], encoded: Callable[..., bytes]
) -> None:
    made = drawn(encoded(Image.new(mode, (20, 20), colour), form))
    assert near(pixels(made).getpixel((10, 10)), shown, 6)


def test_an_animation_shows_its_first_frame(encoded: Callable[..., bytes]) -> None:
    frames = [Image.new("RGB", (40, 30), name) for name in ("red", "lime", "blue")]
    made = drawn(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert near(pixels(made).convert("RGB").getpixel((20, 15)), (255, 0, 0))


def test_profiles_and_tags_of_the_source_are_not_carried_along(encoded: Callable[..., bytes]) -> None:
    data = encoded(Image.new("RGB", (400, 400), "navy"), "JPEG", icc_profile=bytes(50_000), exif=_described(4_000))
    assert len(drawn(data).webp) < 1_000


def _described(byte_len: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = "x" * byte_len
    return exif


def test_the_same_bytes_give_the_same_thumbnail(noise: Callable[..., Image.Image]) -> None:
    from lashkit.display import thumbnails

    data = io.BytesIO()
    noise(500, 400).save(data, "PNG")
    first = thumbnails._draw(data.getvalue(), None, BOX, BUDGET)
    assert first == thumbnails._draw(data.getvalue(), None, BOX, BUDGET)


@pytest.mark.slow
def test_every_picture_of_the_installed_packages_has_a_thumbnail_or_a_reason(installed_pictures: list[Path]) -> None:
    chosen = random.Random(1).sample(installed_pictures, min(60, len(installed_pictures)))
    for path in chosen:
        outcome = attempted(path.read_bytes(), label=path.name)
        if isinstance(outcome, Thumbnail):
            with Image.open(path) as opened:
                assert (outcome.source_width, outcome.source_height) == ImageOps.exif_transpose(opened).size, path.name
            assert len(outcome.webp) <= BUDGET
        else:
            assert outcome.reason.startswith("cannot be decoded: "), path.name


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "TIFF"])
def test_a_truncated_picture_has_a_reason(
    form: str, noise: Callable[..., Image.Image], encoded: Callable[..., bytes]
) -> None:
    data = encoded(noise(90, 90), form)
    outcome = attempted(data[: len(data) // 2])
    assert isinstance(outcome, Undrawable)
    assert outcome.reason.startswith("cannot be decoded: it is damaged (")


def test_what_is_no_picture_has_a_reason() -> None:
    outcome = attempted(b"certainly no picture")
    assert isinstance(outcome, Undrawable)
    assert outcome.reason.startswith("cannot be decoded: it is no picture")


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_bomb_is_refused_and_says_its_size(form: str, encoded: Callable[..., bytes]) -> None:
    data = bytearray(encoded(Image.new("L", (8, 8)), form))
    if form == "PNG":
        data[16:24] = struct.pack(">II", 60_000, 50_000)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    else:
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", 50_000, 60_000)
    outcome = attempted(bytes(data))
    assert isinstance(outcome, Undrawable)
    assert "60000 x 50000 pixels" in outcome.reason


def test_a_format_without_a_signature_is_known_by_its_label(encoded: Callable[..., bytes]) -> None:
    data = encoded(Image.new("RGB", (30, 20), "teal"), "TGA", compression="tga_rle")[:-26]
    assert isinstance(attempted(data), Undrawable)
    assert isinstance(attempted(data, label="notes.txt"), Undrawable)
    assert (drawn(data, label="scan.tga").width, drawn(data, label="scan.TGA").height) == (30, 20)


def test_an_outcome_is_found_again_by_content_box_and_budget(encoded: Callable[..., bytes]) -> None:
    data = encoded(Image.new("RGB", (31, 17), "olive"))
    facts = AttachmentMeta(id=content_id(data), media_type="image/png", byte_len=len(data))
    assert cached_thumbnail(facts, box_px=64, byte_budget=999) is None
    made = thumbnail(facts, data, box_px=64, byte_budget=999)
    assert cached_thumbnail(facts, box_px=64, byte_budget=999) is made
    assert thumbnail(facts, b"not looked at again", box_px=64, byte_budget=999) is made
    assert cached_thumbnail(facts, box_px=65, byte_budget=999) is None


def sized(byte_len: int) -> Thumbnail:
    return Thumbnail(bytes(byte_len), 1, 1, 1, 1, transparent=False)


def key(name: str) -> tuple[str, int, int, str]:
    return name, 1, 1, ""


def test_the_cache_forgets_what_was_not_used_for_longest() -> None:
    cache = ThumbnailCache(10_000)
    for name in "abc":
        cache.put(key(name), sized(2_500))
    assert cache.get(key("a")) is not None
    cache.put(key("d"), sized(2_500))
    assert [name for name in "abcd" if cache.get(key(name))] == ["a", "c", "d"]
    assert cache.byte_len <= 10_000


def test_replacing_an_outcome_counts_it_once() -> None:
    cache = ThumbnailCache(10_000)
    for _ in range(9):
        cache.put(key("a"), sized(4_000))
        cache.put(key("b"), Undrawable("no"))
    assert cache.get(key("a")) is not None
    assert cache.get(key("b")) == Undrawable("no")


def test_an_outcome_larger_than_the_cache_is_not_kept() -> None:
    cache = ThumbnailCache(1_000)
    cache.put(key("a"), sized(2_000))
    assert cache.get(key("a")) is None
    assert cache.byte_len == 0


def test_threads_share_the_cache() -> None:
    cache = ThumbnailCache(50_000)
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            dice = random.Random(seed)
            for _ in range(2_000):
                name = key(str(dice.randrange(60)))
                if cache.get(name) is None:
                    cache.put(name, sized(dice.randrange(3_000)))
        except BaseException as exc:
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert 0 < cache.byte_len <= 50_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this kernel has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_forked_while_the_cache_was_in_use_does_not_hang() -> None:
    cache = ThumbnailCache(10_000)
    cache.put(key("a"), sized(10))
    with cache._lock:
        child = os.fork()
        if child == 0:
            cache.put(key("b"), sized(10))
            os._exit(0 if cache.get(key("b")) and cache.get(key("a")) is None else 1)
    assert os.waitpid(child, 0)[1] == 0
