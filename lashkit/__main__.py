"""`python -m lashkit` is the command `lashkit`."""

from lashkit.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    raise SystemExit(main())
