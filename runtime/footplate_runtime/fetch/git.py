"""A git repository at one revision, by the ``git`` program. Url and revision are data and never options.

Everything is fetched as shallowly as the server allows: one commit, or all branches and tags where a commit cannot
be asked for.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from footplate_runtime.fetch.errors import Refused, Unreachable
from footplate_runtime.store import without_password

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ABBREVIATED = re.compile(r"[0-9a-f]{7,63}")
# git check-ref-format, the part of it that matters here: no option, no range, no refspec, no control character.
_REVISION = re.compile(r"(?![-/.])(?!.*(\.\.|@\{|//|\.lock$))[^\x00-\x20\x7f~^:?*\[\\]+")
_NOT_THERE = ("not found", "does not exist", "not appear to be a git repository", "access denied", "permission denied")
_NOT_ALLOWED = ("authentication failed", "could not read username", "terminal prompts disabled")
_LONG_SECONDS = 1800


class Repository:
    """A remote repository; ``folder`` is an empty one for its objects."""

    def __init__(self, url: str, folder: Path, env: Mapping[str, str]) -> None:
        if not url or url.startswith("-") or any(ord(c) < 33 for c in url):
            raise Refused(f"{url!r} is not the url of a git repository.")
        self._url = url
        self._name = without_password(url) if "://" in url else url
        self._folder = folder
        self._env = {
            **env,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file",  # never ext::, which runs commands
            "GIT_SSH_COMMAND": env.get("GIT_SSH_COMMAND", "ssh -oBatchMode=yes"),
            "LC_ALL": "C",
        }

    def resolve(self, revision: str | None) -> str:
        """The full commit of a branch, tag or commit; None is the default branch. Raises ``Refused`` or
        ``Unreachable``."""
        if revision is None:
            wanted = ["HEAD"]
        elif not _REVISION.fullmatch(revision):
            raise Refused(f"{revision!r} is not a branch, tag or commit.")
        elif _COMMIT.fullmatch(revision):
            return revision
        else:
            # A tag that is an object of its own is listed twice; the second is the commit it points to.
            wanted = [f"refs/heads/{revision}", f"refs/tags/{revision}^{{}}", f"refs/tags/{revision}"]
        listed = self._git("ls-remote", "--quiet", "--", self._url, *wanted)
        commits = {name: commit for commit, _, name in (line.partition("\t") for line in listed.splitlines())}
        for name in wanted:
            if name in commits:
                return commits[name]
        if revision and _ABBREVIATED.fullmatch(revision):
            return self._expand(revision)
        raise Refused(f"{self._name} has no branch, tag or commit {revision or 'HEAD'}; correct source.git.revision.")

    def check_out(self, commit: str) -> Path:
        """Get the files of a commit; returns their folder, without git's own. Raises ``Refused`` or ``Unreachable``."""
        self._init()
        try:
            self._git("fetch", "--quiet", "--depth=1", "--no-tags", "--", self._url, commit)
        except Refused:
            self._fetch_all()  # some servers give branches and tags only
        try:
            self._git("-c", "advice.detachedHead=false", "checkout", "--quiet", "--force", "--detach", commit, "--")
        except Refused as error:
            raise Refused(f"{self._name} has no commit {commit}; correct source.git.revision.") from error
        return self._folder

    def _expand(self, abbreviated: str) -> str:
        self._init()
        self._fetch_all()
        try:
            return self._git("rev-parse", "--verify", "--quiet", f"{abbreviated}^{{commit}}").strip()
        except Refused as error:
            raise Refused(f"{self._name} has no commit {abbreviated}; correct source.git.revision.") from error

    def _init(self) -> None:
        if not (self._folder / ".git").exists():
            self._git("init", "--quiet", "--template=", "--", str(self._folder), within=False)

    def _fetch_all(self) -> None:
        unshallow = ["--unshallow"] if (self._folder / ".git" / "shallow").exists() else []
        refs = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
        self._git("fetch", "--quiet", *unshallow, "--", self._url, *refs)

    def _git(self, *arguments: str, within: bool = True) -> str:
        place = ["-C", str(self._folder)] if within and (self._folder / ".git").exists() else []
        try:
            done = subprocess.run(
                ["git", *place, *arguments],
                env=self._env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_LONG_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise Refused("There is no git program in the runtime image.") from error
        except subprocess.TimeoutExpired as error:
            raise Unreachable(f"{self._name} was not fetched within {_LONG_SECONDS} s.") from error
        if done.returncode == 0:
            return done.stdout.decode("utf-8", "replace")
        said = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        raise self._error(said)

    def _error(self, said: list[str]) -> Exception:
        fatal = next(
            (line for line in said if line.startswith(("fatal:", "ERROR:", "error:"))), said[-1] if said else ""
        )
        reason = fatal.partition(": ")[2] or fatal or "git failed"
        text = " ".join(said).lower()
        sentence = f"The git repository {self._name} is not available: {reason.strip().rstrip('.')}.".replace(
            self._url, self._name
        )
        if any(words in text for words in _NOT_ALLOWED):
            return Refused(f"{sentence} Give it a url that can be read without a password, or credentials.")
        if any(words in text for words in _NOT_THERE) or "couldn't find remote ref" in text:
            return Refused(sentence)
        if any(
            words in text
            for words in (
                "could not resolve host",
                "timed out",
                "connection",
                "early eof",
                "hung up",
                "rpc failed",
                "returned error: 5",
                "returned error: 429",
            )
        ):
            return Unreachable(sentence)
        return Refused(sentence)


def subfolder(checkout: Path, path: str | None) -> Path:
    """The folder of a checkout that ``source.git.path`` names, itself without one.

    Raises ``Refused`` when it is not there or leads out of the checkout.
    """
    real = Path(os.path.realpath(checkout))
    folder = Path(os.path.realpath(real / (path or ".").lstrip("/")))
    if not folder.is_relative_to(real) or ".git" in folder.relative_to(real).parts:
        raise Refused(f"source.git.path {path!r} leads out of the repository.")
    if not folder.is_dir():
        raise Refused(f"The repository has no folder {path!r}; correct source.git.path.")
    return folder
