"""The program of an example with something put into it, for what the example itself does not do."""

from __future__ import annotations

from framework_environment import EXAMPLES


def changed(example: str, before: str, inserted: str) -> str:
    """`examples/<example>/train.py` with more lines before the one line that has `before`, indented as that is."""
    code = (EXAMPLES / example / "train.py").read_text()
    assert code.count(before) == 1
    line_start = code.rindex("\n", 0, code.index(before)) + 1
    indent = code[line_start : code.index(before)]
    lines = "".join(f"{indent}{line}\n" for line in inserted.splitlines())
    return code[:line_start] + lines + code[line_start:]
