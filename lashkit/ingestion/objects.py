"""Objects of other packages to bytes: PIL images, numpy arrays, matplotlib figures, IPython images.

Nothing here imports such a package unless an object of it is at hand, in which case it is imported already.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Any

from lashkit.errors import IngestError
from lashkit.ingestion.files import Opened, open_path, text_of_name
from lashkit.ingestion.reading import shown, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

__all__ = ["open_object"]

# How Pillow's modes become something that a PNG holds without loss. Premultiplied alpha is divided out again.
_PNG_MODES = {
    "1": "1",
    "L": "L",
    "LA": "LA",
    "La": "LA",
    "P": "P",
    "PA": "RGBA",
    "RGB": "RGB",
    "RGBX": "RGB",
    "RGBA": "RGBA",
    "RGBa": "RGBA",
    "I;16": "I;16",
}
_ROUNDING = 1e-6

# What two images of one size and mode must agree in to look alike.
_LOOKS: tuple[Callable[[Any], object], ...] = (
    lambda image: image.tobytes(),
    lambda image: image.getpalette(),
    lambda image: image.info.get("transparency"),
)


def open_object(source: Any) -> Opened | None:
    """`source` as bytes, if it is a PIL image, numpy array, matplotlib figure or IPython image; else `None`.

    Raises:
        IngestError: it is one, and cannot become an attachment as it is.
    """
    if _is_a(source, "PIL.Image", "Image"):
        return _open_image(source)
    if _is_a(source, "numpy", "ndarray"):
        return Opened.of_bytes(_png_of(_image_of_array(source)))
    if _is_a(source, "matplotlib.figure", "Figure"):
        return _open_figure(source)
    if _is_a(source, "IPython.core.display", "Image") or _is_a(source, "IPython.display", "Image"):
        return _open_ipython_image(source)
    return None


def _is_a(source: object, module: str, name: str) -> bool:
    """Whether `source` is an instance of `module.name`, without importing the module."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(source, kind)


def _open_image(image: Image.Image) -> Opened:
    """The file's own bytes where `image` is what its file shows; else a PNG of it, upright."""
    path = getattr(image, "filename", "")
    if isinstance(path, str | bytes) and path and _is_unchanged(image, path):
        return open_path(path)
    return Opened.of_bytes(_png_of(image))


def _is_unchanged(image: Any, path: str | bytes) -> bool:
    """Whether `path` still gives this picture: judged by its header until `image` is loaded, then by its pixels."""
    from PIL import Image

    if not hasattr(image, "tile") or (hasattr(image, "tell") and image.tell() != 0):
        return False
    try:
        with Image.open(path) as fresh:
            if (fresh.size, fresh.mode, fresh.format) != (image.size, image.mode, image.format):
                return False
            if image.tile:
                return True
            return all(look(fresh) == look(image) for look in _LOOKS)
    except Exception:  # noqa: BLE001  (the file is gone, damaged or something else now: the image in memory is what counts)
        return False


def _png_of(image: Any) -> bytes:
    """`image` as a PNG of the same pixels, turned upright; the same image always gives the same bytes."""
    from PIL import ImageOps

    if 0 in image.size:
        raise IngestError(f"the image has no pixels ({image.size[0]} x {image.size[1]}); give one of at least 1 x 1")
    try:
        upright = ImageOps.exif_transpose(image)
        output = io.BytesIO()
        _for_png(upright).save(output, format="PNG")
    except IngestError:
        raise
    except Exception as exc:
        # Loading a damaged file and encoding it fail in as many ways as there are formats.
        raise IngestError(f"the image cannot be encoded as PNG ({told(exc)}); put the original file instead") from exc
    return output.getvalue()


def _for_png(image: Any) -> Any:
    if image.mode.startswith("I;16") and image.mode != "I;16":
        image = image.convert("I")  # Pillow turns other byte orders into I;16 by way of 8 bits
    if image.mode == "I":
        low, high = image.getextrema()
        if low < 0 or high > 0xFFFF:
            raise IngestError(
                f"the image's values, {low} to {high}, do not fit a PNG's 16 bits; scale them to 0 .. 65535"
            )
        return image.convert("I;16")
    mode = _PNG_MODES.get(image.mode)
    if mode is None:
        raise IngestError(
            f"an image of mode {image.mode} does not fit a PNG without loss; "
            "convert it first, as in image.convert('RGB'), or put its file"
        )
    return image if image.mode == mode else image.convert(mode)


def _image_of_array(array: Any) -> Image.Image:
    """H x W, or H x W x 1, 3 or 4, of uint8, bool (black and white), or float from 0 to 1 (rounded to 8 bits)."""
    from PIL import Image

    shape = tuple(int(side) for side in array.shape)
    if array.ndim == 3 and shape[2] == 1:
        array = array[:, :, 0]
    if not (array.ndim == 2 or (array.ndim == 3 and shape[2] in (3, 4))):
        hint = (
            "; move its channels last, as in array.transpose(1, 2, 0)"
            if array.ndim == 3 and shape[0] in (1, 3, 4)
            else ""
        )
        raise IngestError(f"an array of shape {shape} is no picture; give H x W, H x W x 3 or H x W x 4{hint}")
    if 0 in shape:
        raise IngestError(f"an array of shape {shape} has no pixels; give one of at least 1 x 1")
    if _is_a(array, "numpy.ma", "MaskedArray"):
        raise IngestError("a masked array has no values where it is masked; fill it first, as in array.filled(0)")
    return Image.fromarray(_as_bytes(array))


def _as_bytes(array: Any) -> Any:
    import numpy as np

    if array.dtype == np.uint8 or array.dtype == np.bool_:
        return np.ascontiguousarray(array)
    if array.dtype.kind != "f":
        raise IngestError(
            f"an array of dtype {array.dtype} is no picture; give uint8, bool, or float from 0 to 1 "
            "(for integers from 0 to 255: array.astype('uint8'))"
        )
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise IngestError("the array holds NaN or infinity; replace them first, as in numpy.nan_to_num(array)")
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise IngestError(
            f"the array's values, {low:g} to {high:g}, are not all from 0 to 1; "
            "scale them, or cast to uint8 if they go to 255"
        )
    return np.rint(np.clip(array.astype(np.float64), 0, 1) * 255).astype(np.uint8)


def _open_figure(figure: Any) -> Opened:
    """A PNG of `figure` as it would be saved, without the version of matplotlib in it. The figure stays open."""
    output = io.BytesIO()
    try:
        figure.savefig(output, format="png", metadata={"Software": None})
    except Exception as exc:
        # Drawing runs artists, fonts and mathtext of the user's: any of them may object.
        raise IngestError(f"the figure cannot be drawn ({told(exc)}); see whether figure.savefig(...) works") from exc
    title = figure.get_label() or (figure.get_suptitle() if hasattr(figure, "get_suptitle") else "")
    return Opened.of_bytes(output.getvalue(), str(title))


def _open_ipython_image(image: Any) -> Opened:
    name = image.filename if isinstance(image.filename, str) else ""
    if isinstance(image.data, bytes):
        return Opened.of_bytes(image.data, text_of_name(name) if name else "")
    if name:
        return open_path(os.fspath(name))
    if image.url:
        raise IngestError(f"the IPython image only points to {shown(image.url)}; fetch it with lashkit.ingest_url")
    raise IngestError("the IPython image has no data; give Image(data=...) or Image(filename=...)")
