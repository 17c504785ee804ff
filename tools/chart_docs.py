"""README.md and values.schema.json of the chart, from values.yaml: `python tools/chart_docs.py [--check] [CHART]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from chart_schema import schema
from chart_values import UndocumentedError, Value, documented

CHART = Path(__file__).parents[1] / "charts" / "footplate"
BEGIN, END = "<!-- begin values: made by `make chart-docs` -->\n", "<!-- end values -->\n"


def files(chart: Path) -> dict[Path, str]:
    """What the files made from values.yaml should contain. Raises UndocumentedError and LookupError."""
    values = documented((chart / "values.yaml").read_text(encoding="utf-8"))
    readme = (chart / "README.md").read_text(encoding="utf-8")
    before, found, rest = readme.partition(BEGIN)
    if not found or END not in rest:
        raise LookupError(f"README.md needs the lines {BEGIN.strip()} and {END.strip()}")
    return {
        chart / "README.md": before + BEGIN + table(values) + END + rest.partition(END)[2],
        chart / "values.schema.json": json.dumps(schema(values), indent=2, ensure_ascii=False) + "\n",
    }


def table(values: Iterable[Value]) -> str:
    """A row for each value, and one for each section."""
    rows = ["| Value | Default | |", "| --- | --- | --- |"]
    for value in values:
        name = f"**`{value.name}`**" if value.section else f"`{value.name}`"
        default = "" if value.section else f"`{json.dumps(value.default, ensure_ascii=False)}`"
        rows.append(" | ".join((f"| {name}", default.replace("|", "\\|"), value.text.replace("|", "\\|"))) + " |")
    return "\n".join(rows) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the files, or with --check tells which are stale and returns 1."""
    parser = argparse.ArgumentParser(description="Write the chart's README.md and values.schema.json from values.yaml.")
    parser.add_argument("chart", nargs="?", type=Path, default=CHART, help="the chart's folder")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the files that are stale")
    asked = parser.parse_args(arguments)
    try:
        wanted = files(asked.chart)
    except (UndocumentedError, LookupError) as error:
        print(f"chart_docs: {error}", file=sys.stderr)
        return 1
    stale = {path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text}
    if asked.check:
        for path in stale:
            print(f"{path} is not what values.yaml says: run `make chart-docs` and commit it", file=sys.stderr)
        return 1 if stale else 0
    for path, text in stale.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
