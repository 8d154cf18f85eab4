"""One self-contained HTML page of cards: what the command line writes."""

from __future__ import annotations

from collections.abc import Sequence

from lashkit.display.escaping import cut, escaped

__all__ = ["page"]

_STYLE = """
:root { color-scheme: light dark; }
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 60rem; padding: 2.5rem 1.25rem 4rem; background: #ffffff; color: #1b1f24;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
header { margin: 0 0 1.75rem; padding: 0 0 1rem; border-bottom: 1px solid #80808066; }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25; letter-spacing: -0.01em; overflow-wrap: anywhere; }
header p { margin: 0.35rem 0 0; opacity: 0.75; }
section { margin: 0 0 1rem; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.scroll { overflow-x: auto; margin: 0 0 1.75rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.35rem 1.25rem 0.35rem 0; text-align: left; white-space: nowrap; }
th, td { border-bottom: 1px solid #80808040; }
th { font-weight: 600; opacity: 0.75; }
@media (prefers-color-scheme: dark) { body { background: #14171a; color: #e6e8ea; } }
"""


def page(
    title: str,
    bodies: Sequence[str],
    *,
    subtitle: str = "",
    table: Sequence[Sequence[str]] = (),
) -> str:
    """A whole HTML document that loads nothing, in the reader's light or dark theme.

    Args:
        title: plain text; so is `subtitle`.
        bodies: pieces of HTML that are safe already, such as cards.
        table: rows of plain text shown before the bodies; the first holds the column names.
    """
    name = escaped(cut(title, 200))
    below = f"<p>{escaped(cut(subtitle, 400))}</p>" if subtitle else ""
    sections = "\n".join(f"<section>{body}</section>" for body in bodies)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; media-src data:; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{name}</h1>{below}</header>\n{_table(table)}{sections}\n</body>\n</html>\n"
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escaped(cut(cell, 80))}</th>" for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escaped(cut(cell, 80))}</td>" for cell in row) + "</tr>" for row in rows[1:])
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>\n'
