"""Execute notebooks so that their saved form depends on nothing but their cells: `python .ci/notebooks.py NOTEBOOK...`

Each is run top to bottom in a fresh kernel with an empty home, a fixed clock zone and hash seed, in an empty working
directory; only then is the file written. What changes from run to run or from machine to machine is not saved.
"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FIXED = {"TZ": "UTC", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "COLUMNS": "80", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def executed(notebook: nbformat.NotebookNode, home: Path) -> nbformat.NotebookNode:
    """`notebook` with fresh outputs; raises `CellExecutionError` where a cell fails."""
    work = home / "work"
    work.mkdir()
    places = {f"JUPYTER_{name}_DIR": f"{home}/{name.lower()}" for name in ("CONFIG", "DATA", "RUNTIME")}
    env = {**os.environ, **FIXED, **places, "HOME": str(home), "IPYTHONDIR": f"{home}/ipython"}
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", record_timing=False, store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(work)}},
    )  # fmt: skip
    client.execute(env=env)
    return notebook


def normalised(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """`notebook` with the metadata that every run shares: the kernel's name, the language, and the cells' tags."""
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for cell in notebook.cells:
        cell.metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
    return notebook


def main() -> None:
    for name in sys.argv[1:]:
        path = Path(name)
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory(prefix="lashkit-notebook-") as home:
            executed(notebook, Path(home))
        nbformat.write(normalised(notebook), path)
        print(f"{path}: {len(notebook.cells)} cells, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
