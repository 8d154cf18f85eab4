"""A progress bar on work that takes long, and no trace of it on work that does not."""

from __future__ import annotations

from typing import Self

__all__ = ["Progress"]

_DELAY_S = 1.0


class Progress:
    """A text bar on standard error (never a widget: a saved notebook stays small). It vanishes when the work is done.

    Args:
        wanted: `True` from the start, `False` never, `None` only if the work takes longer than a second.
        what: the work, as a verb: "putting".
        total: how many steps, or bytes, there are; `None` where nobody knows yet.
        in_bytes: whether steps are bytes.
    """

    def __init__(self, wanted: bool | None, what: str, *, total: int | None, in_bytes: bool = False) -> None:
        self._bar = None
        if wanted is not False:
            from tqdm.std import tqdm

            self._bar = tqdm(
                desc=what,
                total=total,
                delay=0 if wanted else _DELAY_S,
                leave=False,
                unit="B" if in_bytes else "it",
                unit_scale=in_bytes,
                unit_divisor=1024 if in_bytes else 1000,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, steps: int = 1) -> None:
        """So many more steps are done."""
        if self._bar is not None:
            self._bar.update(steps)
