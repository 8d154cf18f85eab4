"""Laws about ids: what names an attachment, and what names nothing."""

from __future__ import annotations

from typing import Any

from lashkit.errors import AttachmentNotFound, InvalidAttachmentId, LashkitError
from lashkit.testing.harness import StoreCase
from lashkit.testing.laws import BrokenLaw, hold, shown
from lashkit.testing.store_laws.samples import META, SMALL, entries, must_be_absent, must_be_whole, sample, sha256
from lashkit.values import AttachmentId

__all__ = ["CANARY", "LAWS", "hostile_ids"]

CANARY = "lashkit-law-canary"
"""Harnesses that can see surroundings put a file of this name next to the store's data."""


def hostile_ids(stored: str) -> tuple[str, ...]:
    """Texts that are no ids, and that a careless store takes for the id `stored`, or for a path."""
    return (
        "",
        ".",
        "..",
        "/",
        "\x00",
        stored + "\x00",
        stored + "\n",
        stored + "0",
        stored + ".json",
        stored[:-1],
        stored[:-1] + "\x00",
        stored[:-1] + "\u0661",
        stored.upper(),
        f" {stored} ",
        f"sha256:{stored}",
        f"../{stored[:2]}/{stored}",
        f"./{stored}",
        "\uff10" * 64,
        "a" * 10_000,
        "../" * 21 + "x",
        *("../" * depth + CANARY for depth in range(1, 6)),
        *("..\\" * depth + CANARY for depth in range(1, 3)),
    )


async def the_id_is_the_sha256_of_the_bytes(case: StoreCase) -> None:
    """The id of a put's ref, and of the metadata read back, is the lower-case hex SHA-256 of the bytes."""
    store = await case.make()
    for data in (b"", b"abc", SMALL):
        ref = await store.put(data, META)
        hold(ref.id == sha256(data), f"put returned the id {shown(ref.id)}, not {sha256(data)}")
        stored = await store.get(AttachmentId(sha256(data)))
        hold(stored.meta.id == sha256(data), f"get returned the id {shown(stored.meta.id)}, not {sha256(data)}")


async def identical_bytes_share_one_id(case: StoreCase) -> None:
    """The same bytes put twice are one attachment: one id, one listing entry. Other bytes are another."""
    store = await case.make()
    first = await store.put(SMALL, META)
    again = await store.put(SMALL, META)
    hold(first.id == again.id, f"two puts of the same bytes returned {shown(first.id)} and {shown(again.id)}")
    listed = await entries(store)
    hold(len(listed) == 1, f"after two puts of the same bytes, list has {len(listed)} entries")
    other = await store.put(SMALL + b"!", META)
    hold(other.id != first.id, "other bytes got the same id")
    listed = await entries(store)
    hold(
        sorted(blob.id for blob in listed) == sorted([first.id, other.id]),
        f"after puts of two contents, list has {shown([blob.id for blob in listed])}",
    )


async def ids_that_are_given_out_are_safe(case: StoreCase) -> None:
    """Every id that leaves the store is an `AttachmentId`: 64 lower-case hex digits, checked when it was
    made, so always one safe path component; and every metadata that leaves it is of the value types, so
    checked as well."""
    store = await case.make()
    ref = await store.put(SMALL, META)
    stored = await store.get(ref.id)
    given_out = [("put", ref.id), ("get", stored.meta.id), ("head", (await store.head(ref.id)).id)]
    given_out += [("list", blob.id) for blob in await entries(store)]
    for source, value in given_out:
        hold(type(value) is AttachmentId, f"{source} gave out the id {shown(value)}, a {type(value).__name__}")


async def unknown_ids_are_not_found(case: StoreCase) -> None:
    """Reading what was never put is `AttachmentNotFound`, which names the id, from `get`, `head`, `meta` and
    (before its first chunk) `open`; in an empty store and in one with other attachments, whose ids may begin
    alike."""
    store = await case.make()
    unknown = AttachmentId(sha256(SMALL))
    await must_be_absent(store, unknown, "of an unknown id")
    await store.put(b"something else", META)
    alike = next(sample(9, seed) for seed in range(100_000) if sha256(sample(9, seed))[:2] == unknown[:2])
    await store.put(alike, META)
    await must_be_absent(store, unknown, "of an unknown id")


async def hostile_ids_touch_nothing(case: StoreCase) -> None:
    """A text that is no id cannot become an `AttachmentId`, and a store that is handed it as it is (types do
    not stop anyone at run time) says `AttachmentNotFound` or `InvalidAttachmentId`, or (in `delete`) nothing.
    It reads, changes and removes nothing, in the store or beside it: no `..`, no separator, no NUL, no upper
    case, no digit of another script, no trailing line end, no 10,000 characters."""
    store = await case.make()
    ref = await store.put(SMALL, META)
    surroundings = await case.surroundings(store)
    for text in hostile_ids(ref.id):
        try:
            AttachmentId(text)
        except InvalidAttachmentId:
            pass
        else:
            raise BrokenLaw(f"{shown(text)} became an AttachmentId")
        hostile: Any = text
        for name in ("get", "head", "meta", "open", "delete"):
            await _must_refuse(store, name, hostile)
        hold(await case.surroundings(store) == surroundings, f"{shown(text)} changed what lies beside the store")
    await must_be_whole(store, SMALL, "after calls with hostile ids", meta=META)


async def _must_refuse(store: Any, name: str, hostile: Any) -> None:
    method = getattr(store, name, None)
    if method is None:
        return
    what = f"{name}({shown(hostile, 60)})"
    try:
        result = await (anext(method(hostile)) if name == "open" else method(hostile))
    except (AttachmentNotFound, InvalidAttachmentId):
        return
    except Exception as exc:
        said = "" if isinstance(exc, LashkitError) else ", which is no error of lashkit's"
        raise BrokenLaw(f"{what} raised {shown(exc)}{said}") from exc
    hold(name == "delete", f"{what} returned {shown(result)}")


LAWS = (
    the_id_is_the_sha256_of_the_bytes,
    identical_bytes_share_one_id,
    ids_that_are_given_out_are_safe,
    unknown_ids_are_not_found,
    hostile_ids_touch_nothing,
)
