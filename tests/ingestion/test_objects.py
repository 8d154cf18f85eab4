"""Objects of Pillow, numpy, matplotlib and IPython become pictures without loss, or are refused with the way out."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageOps

from lashkit.errors import IngestError
from lashkit.ingestion import ingest

np = pytest.importorskip("numpy", reason="pip install numpy")


def _refused(source: object, *parts: str) -> None:
    with pytest.raises(IngestError) as caught:
        ingest(source)
    for part in parts:
        assert part in str(caught.value)


def _noise(mode: str = "RGB", size: tuple[int, int] = (20, 10)) -> Image.Image:
    return Image.effect_noise(size, 80).convert(mode)


def _stored(source: object) -> Image.Image:
    taken = ingest(source)
    assert taken.meta.media_type == "image/png"
    picture = Image.open(io.BytesIO(taken.read()))
    picture.load()
    assert (taken.meta.width, taken.meta.height) == picture.size
    return picture


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    _noise().save(path, quality=80)
    return path


@pytest.mark.parametrize("loaded", [False, True])
def test_an_unchanged_image_stores_the_bytes_of_its_file(photo: Path, loaded: bool) -> None:
    with Image.open(photo) as image:
        if loaded:
            image.load()
        taken = ingest(image)
    assert taken.read() == photo.read_bytes()
    assert (taken.meta.media_type, taken.meta.label) == ("image/jpeg", "photo.jpg")


def test_an_animated_image_at_its_first_frame_stores_its_file_and_at_another_that_frame(tmp_path: Path) -> None:
    path = tmp_path / "moving.gif"
    frames = [_noise("P"), _noise("P").transpose(Image.Transpose.ROTATE_180)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with Image.open(path) as image:
        assert ingest(image).read() == path.read_bytes()
        image.seek(1)
        assert _stored(image).convert("RGB").tobytes() == image.convert("RGB").tobytes()
        image.seek(0)
        assert ingest(image).read() == path.read_bytes()


@pytest.mark.parametrize("change", ["drawn", "replaced", "gone", "draft", "other palette", "transparent"])
def test_a_changed_image_is_stored_as_it_is_now(change: str, tmp_path: Path) -> None:
    path = tmp_path / ("photo.jpg" if change == "draft" else "photo.png")
    _noise("P" if change in ("other palette", "transparent") else "RGB", (64, 32)).save(path)
    with Image.open(path) as image:
        if change == "draft":
            image.draft("RGB", (16, 8))
        else:
            image.load()
        if change == "drawn":
            ImageDraw.Draw(image).line((0, 0, 9, 9), fill="red")
        elif change == "replaced":
            _noise("RGB", (64, 32)).save(path)
        elif change == "gone":
            path.unlink()
        elif change == "other palette":
            image.putpalette(bytes(range(256)) * 3)
        elif change == "transparent":
            image.info["transparency"] = 0
        stored = _stored(image)
        assert stored.convert("RGBA").tobytes() == image.convert("RGBA").tobytes()
        assert ingest(image).meta.label is None


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBX", "RGBA", "I", "I;16", "I;16B"])
def test_an_image_of_each_mode_that_a_png_holds_comes_back_pixel_for_pixel(mode: str) -> None:
    if mode.startswith("I"):
        deep = np.linspace(0, 65535, 200).astype("int32").reshape(10, 20)
        image = Image.fromarray(deep if mode == "I" else deep.astype(">u2" if mode == "I;16B" else "<u2"))
        assert image.mode == mode
        assert np.array_equal(np.asarray(_stored(image)).astype("int32"), deep)
        return
    image = _noise("P").convert("PA") if mode == "PA" else _noise(mode)
    same = "RGBA" if mode in ("PA", "P", "LA", "RGBA") else "RGB"
    assert _stored(image).convert(same).tobytes() == image.convert(same).tobytes()


def test_premultiplied_alpha_is_divided_out() -> None:
    image = Image.new("RGBA", (4, 4), (200, 100, 50, 255))
    assert _stored(image.convert("RGBa")).getpixel((0, 0)) == (200, 100, 50, 255)
    assert _stored(Image.new("LA", (4, 4), (90, 255)).convert("La")).getpixel((0, 0)) == (90, 255)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "LAB", "F"])
def test_an_image_that_a_png_cannot_hold_is_refused(mode: str) -> None:
    image = Image.new(mode, (4, 4))
    _refused(image, f"mode {mode}", "convert('RGB')")


def test_integers_beyond_16_bits_are_refused() -> None:
    _refused(Image.new("I", (2, 2), 70000), "70000", "scale them")
    _refused(Image.new("I", (2, 2), -1), "-1", "scale them")


def test_images_without_pixels_or_with_damaged_ones_are_refused() -> None:
    _refused(Image.new("RGB", (0, 5)), "no pixels (0 x 5)")
    output = io.BytesIO()
    _noise("RGB", (300, 200)).save(output, "JPEG")
    with Image.open(io.BytesIO(output.getvalue()[:9000])) as damaged:
        _refused(damaged, "cannot be encoded", "put the original file")


def test_the_same_image_gives_the_same_bytes_and_keeps_its_colour_profile() -> None:
    image = _noise()
    image.info["icc_profile"] = b"a profile"
    image.info["dpi"] = (72, 72)
    assert ingest(image).read() == ingest(image.copy()).read()
    assert _stored(image).info["icc_profile"] == b"a profile"


def test_an_image_is_stored_upright() -> None:
    tags = Image.Exif()
    tags[0x0112] = 6
    output = io.BytesIO()
    _noise().save(output, "JPEG", exif=tags)
    with Image.open(io.BytesIO(output.getvalue())) as image:
        upright = ImageOps.exif_transpose(image)
        assert upright.size == (10, 20)
        assert _stored(image).tobytes() == upright.tobytes()


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 1), (3, 5, 3), (3, 5, 4), (1, 1)])
def test_arrays_of_bytes_come_back_value_for_value(shape: tuple[int, ...]) -> None:
    array = (np.arange(np.prod(shape)) * 7 % 256).astype("uint8").reshape(shape)
    assert np.array_equal(np.asarray(_stored(array)), array.squeeze(2) if shape[2:] == (1,) else array)
    assert ingest(array).meta.label is None


def test_arrays_of_fractions_are_rounded_to_bytes() -> None:
    for dtype in ("float16", "float32", "float64", ">f4"):
        array = np.array([[0.0, 0.5, 1.0], [0.2, 0.4, 1.0]], dtype)
        assert np.asarray(_stored(array)).tolist() == [[0, 128, 255], [51, 102, 255]]
    assert np.asarray(_stored(np.array([[-1e-9, 1 + 1e-9]]))).tolist() == [[0, 255]]


def test_arrays_of_truth_values_are_black_and_white() -> None:
    stored = _stored(np.array([[True, False, True]]))
    assert np.asarray(stored).tolist() == [[True, False, True]]
    assert stored.mode == "1"


def test_slices_and_transposed_arrays_are_stored_as_they_look() -> None:
    array = np.arange(60, dtype="uint8").reshape(5, 4, 3)
    assert np.array_equal(np.asarray(_stored(array[::-2, ::-1])), array[::-2, ::-1])
    assert np.array_equal(np.asarray(_stored(np.asfortranarray(array))), array)


@pytest.mark.parametrize(
    ("array", "parts"),
    [
        (np.zeros(5, "uint8"), ("(5,)", "H x W")),
        (np.zeros((2, 2, 2), "uint8"), ("(2, 2, 2)", "H x W x 4")),
        (np.zeros((3, 9, 9), "uint8"), ("(3, 9, 9)", "transpose(1, 2, 0)")),
        (np.zeros((1, 2, 3, 4), "uint8"), ("(1, 2, 3, 4)", "H x W")),
        (np.zeros((0, 4), "uint8"), ("(0, 4)", "no pixels")),
        (np.zeros((2, 2), "int64"), ("int64", "astype('uint8')")),
        (np.zeros((2, 2), "complex64"), ("complex64", "uint8")),
        (np.zeros((2, 2), "U3"), ("<U3", "uint8")),
        (np.zeros((2, 2), object), ("object", "uint8")),
        (np.array([[0.0, np.nan]]), ("NaN", "nan_to_num")),
        (np.array([[0.0, np.inf]]), ("infinity", "nan_to_num")),
        (np.array([[0.0, 255.0]]), ("0 to 255", "cast to uint8")),
        (np.array([[-0.5, 0.0]]), ("-0.5 to 0", "scale them")),
        (np.ma.masked_array(np.zeros((2, 2), "uint8"), True), ("masked", "filled(0)")),
        (np.uint8(7), ("numpy.uint8", "give a path")),
    ],
)
def test_arrays_that_are_no_picture_are_refused(array: object, parts: tuple[str, ...]) -> None:
    _refused(array, *parts)


def test_a_figure_is_stored_as_the_same_png_each_time_and_stays_open() -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="pip install matplotlib")
    pyplot.switch_backend("agg")
    figure, axes = pyplot.subplots(figsize=(3, 2), dpi=50)
    try:
        axes.plot([1, 3, 2])
        figure.suptitle("Three points")
        first, second = ingest(figure), ingest(figure)
        assert (first.meta.media_type, first.meta.width, first.meta.height) == ("image/png", 150, 100)
        assert first.meta.label == "Three points"
        assert first.read() == second.read()
        assert b"matplotlib" not in first.read().lower()
        assert pyplot.fignum_exists(figure.number)
        figure.set_label("named")
        assert ingest(figure).meta.label == "named"
    finally:
        pyplot.close(figure)


def test_a_figure_that_cannot_be_drawn_is_refused() -> None:
    figures = pytest.importorskip("matplotlib.figure", reason="pip install matplotlib")
    figure = figures.Figure()
    figure.text(0.5, 0.5, r"$\nonsense{$")
    _refused(figure, "cannot be drawn", "savefig")


def test_an_ipython_image_gives_its_data_or_its_file(photo: Path) -> None:
    display = pytest.importorskip("IPython.display", reason="pip install ipython")
    data = photo.read_bytes()
    assert ingest(display.Image(data=data)).read() == data
    assert ingest(display.Image(data=data)).meta.label is None
    embedded = ingest(display.Image(filename=os.fspath(photo)))
    assert (embedded.read(), embedded.meta.label) == (data, "photo.jpg")
    linked = display.Image(filename=os.fspath(photo))
    linked.data = None
    assert (ingest(linked).read(), ingest(linked).meta.label) == (data, "photo.jpg")


def test_an_ipython_image_without_data_is_refused(photo: Path) -> None:
    display = pytest.importorskip("IPython.display", reason="pip install ipython")
    _refused(display.Image(url="https://example.org/cat.png"), "example.org", "ingest_url")
    empty = display.Image(data=photo.read_bytes())
    empty.data = None
    _refused(empty, "no data", "Image(data=...)")


def test_taking_an_image_makes_no_warning_of_its_own(photo: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Image.open(photo) as image:
            ingest(image)
        ingest(np.zeros((2, 2), "uint8"))
