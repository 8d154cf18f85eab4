"""A clock that stands still until a test moves it."""

from __future__ import annotations

__all__ = ["ManualClock"]


class ManualClock:
    """A `Clock` that only `advance_ms` moves, so that tests of grace periods and expiries never sleep.

    Args:
        start_epoch_ms: the first reading, in milliseconds since the Unix epoch.

    >>> clock = ManualClock(start_epoch_ms=1_000)
    >>> clock.advance_ms(250)
    1250
    >>> clock.timestamp_ms()
    1250
    """

    __slots__ = ("_now_epoch_ms",)

    def __init__(self, start_epoch_ms: int = 0) -> None:
        self._now_epoch_ms = start_epoch_ms

    def timestamp_ms(self) -> int:
        """Milliseconds since the Unix epoch: the same answer until the next `advance_ms`."""
        return self._now_epoch_ms

    def advance_ms(self, elapsed_ms: int) -> int:
        """Move by `elapsed_ms` milliseconds, backwards too (real clocks jump), and return the new reading."""
        self._now_epoch_ms += elapsed_ms
        return self._now_epoch_ms

    def __repr__(self) -> str:
        return f"ManualClock(start_epoch_ms={self._now_epoch_ms})"
