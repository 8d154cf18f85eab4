"""Attachments to show: real pictures, sounds and texts, made on the spot."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from lashkit import AttachmentMeta, StoredAttachment, content_id

Store = Callable[..., StoredAttachment]


@pytest.fixture(scope="session")
def stored() -> Store:
    """From bytes, a media type and facts to the attachment as a store would give it back."""

    def stored(data: bytes, media_type: str, **facts: Any) -> StoredAttachment:
        meta = AttachmentMeta(id=content_id(data), media_type=media_type, byte_len=len(data), **facts)
        return StoredAttachment(meta, data)

    return stored


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    """From a PIL image to the bytes of a file in a format."""

    def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
        out = io.BytesIO()
        image.save(out, form, **options)
        return out.getvalue()

    return encoded


@pytest.fixture(scope="session")
def noise() -> Callable[..., Image.Image]:
    """Pictures that no encoder can make small, the same each time."""

    def noise(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
        import random

        return Image.frombytes(mode, (width, height), random.Random(seed).randbytes(width * height * len(mode)))

    return noise


@pytest.fixture(scope="session")
def beep() -> bytes:
    """A WAV file of a tenth of a second."""
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(bytes(128 + (40 if i // 9 % 2 else -40) for i in range(800)))
    return out.getvalue()
