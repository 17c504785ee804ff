"""What the Dockerfiles of images/ say: their stages and instructions, and the files that their builds see."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Stage:
    """One stage: what it is made from, its name, and the instructions with their words in one line."""

    base: str
    name: str | None
    instructions: tuple[tuple[str, str], ...]

    def all(self, instruction: str) -> list[str]:
        return [words for name, words in self.instructions if name == instruction]


@dataclass(frozen=True)
class Dockerfile:
    arguments: tuple[str, ...]  # before the first stage
    stages: tuple[Stage, ...]

    @property
    def last(self) -> tuple[Stage, ...]:
        """The last stage and those that it is made from, the last one first."""
        named = {stage.name: stage for stage in self.stages}
        found = [self.stages[-1]]
        while found[-1].base in named:
            found.append(named[found[-1].base])
        return tuple(found)

    def copied(self) -> list[str]:
        """The paths of the repository that it copies."""
        words = [shlex.split(line) for stage in self.stages for line in stage.all("COPY")]
        return [source for line in words if not line[0].startswith("--from=") for source in line[:-1]]


def read_dockerfile(image: str) -> Dockerfile:
    text = (ROOT / "images" / image / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    before: list[str] = []
    stages: list[Stage] = []
    for line in joined.splitlines():
        name, _, words = line.partition(" ")
        if name == "FROM":
            base, _, stage = words.partition(" AS ")
            stages.append(Stage(base.strip(), stage.strip() or None, ()))
        elif stages:
            stages[-1] = Stage(stages[-1].base, stages[-1].name, (*stages[-1].instructions, (name, words.strip())))
        else:
            assert name == "ARG", f"{line!r} stands before the first stage"
            before.append(words)
    return Dockerfile(tuple(before), tuple(stages))


def files_of_build(path: str) -> list[Path]:
    """The files at a path of the repository that .dockerignore lets into a build."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    # Patterns are those of a .gitignore but for one thing: all begin at the root.
    rooted = [re.sub(r"^(!?)/?", r"\1/", line) for line in lines if line and not line.startswith("#")]
    ignored = GitIgnoreSpec.from_lines(rooted)
    place = ROOT / path
    files = [place] if place.is_file() else [file for file in place.rglob("*") if file.is_file()]
    return [file for file in files if not ignored.match_file(file.relative_to(ROOT))]
