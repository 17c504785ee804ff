"""Getting the code, by fetch as a process: git repositories, archives, a ConfigMap as the kubelet mounts it."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from http_files import HttpFiles
from replica import Replica


class GitRepository:
    """A real repository with two commits on main, a branch and tags."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._git("init", "-q", "-b", "main")
        self.first = self.commit("train.py", "print(1)\n")
        self._git("tag", "light", self.first)
        self._git("tag", "-a", "heavy", "-m", "a tag object", self.first)
        self._git("branch", "feature/x", self.first)
        self.second = self.commit("train.py", "print(2)\n")

    def commit(self, path: str, content: str) -> str:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        self._git("add", ".")
        self._git("commit", "-q", "-m", "change")
        return self._git("rev-parse", "HEAD").strip()

    def symlink(self, path: str, target: str) -> str:
        (self.folder / path).symlink_to(target)
        self._git("add", ".")
        self._git("commit", "-q", "-m", "link")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        done = subprocess.run(
            ["git", "-C", str(self.folder), *identity, *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "repository")


def _fetched(replica: Replica, source: dict[str, Any] | None) -> dict[str, Any]:
    replica.source = source
    replica.write_orders()
    done = replica.fetch()
    assert done.returncode == 0, done.stderr
    return replica.termination()


def _refused(replica: Replica, source: dict[str, Any]) -> str:
    replica.source = source
    replica.write_orders()
    done = replica.fetch()
    assert done.returncode == 1, done.stdout
    error = replica.termination()["error"]
    assert error["reason"] == "SourceUnavailable"
    assert "Traceback" not in done.stderr
    return str(error["message"])


def _mount(replica: Replica, files: dict[str, str]) -> None:
    """As the kubelet does: ``..data`` leads to a folder with the time in its name, each key is a link through it."""
    mount = replica.root / "source"
    data = mount / "..2026_11_21_11_00_00.1"
    data.mkdir(parents=True)
    (mount / "..data").symlink_to(data.name)
    for name, content in files.items():
        (data / name).write_text(content)
        (mount / name).symlink_to(f"..data/{name}")


def test_a_config_map(replica: Replica) -> None:
    _mount(replica, {"train.py": "print(1)", "util.py": "x = 1"})

    said = _fetched(replica, {"configMap": {"name": "digits-code"}})

    code = replica.root / "code"
    assert sorted(p.name for p in code.iterdir()) == ["logs", "outputs", "train.py", "util.py"]
    assert not (code / "train.py").is_symlink()
    assert (code / "train.py").read_text() == "print(1)"
    assert said["source"]["revision"].startswith("sha256:")
    assert replica.json("source.json") == said["source"]


def test_the_tree_is_ready_for_the_program(replica: Replica) -> None:
    _mount(replica, {"train.py": ""})
    _fetched(replica, {"configMap": {"name": "c"}})

    assert os.access(replica.root / "bin/footplate-run.pyz", os.X_OK)
    (replica.root / "code/outputs/model").write_text("m")
    (replica.root / "code/logs/x").write_text("l")
    assert (replica.root / "outputs/model").read_text() == "m"
    assert (replica.root / "logs/x").read_text() == "l"
    assert sorted(p.name for p in replica.root.iterdir()) == [
        "bin", "code", "inputs", "launch", "logs", "metrics", "outputs", "source", "state",
    ]  # fmt: skip


def test_fetch_may_run_again(replica: Replica) -> None:
    _mount(replica, {"train.py": "print(1)"})
    first = _fetched(replica, {"configMap": {"name": "c"}})

    assert _fetched(replica, {"configMap": {"name": "c"}}) == first


def test_a_config_map_that_changed_since_the_run_began(replica: Replica) -> None:
    _mount(replica, {"train.py": "print(1)"})
    _fetched(replica, {"configMap": {"name": "digits-code"}})
    later = Replica(replica.base, replica.run_uri, attempt=2)
    _mount(later, {"train.py": "print(2)"})

    assert "digits-code has changed since the run began" in _refused(later, {"configMap": {"name": "digits-code"}})


def test_a_config_map_that_is_not_there(replica: Replica) -> None:
    assert "The ConfigMap c of the source is not mounted" in _refused(replica, {"configMap": {"name": "c"}})


@pytest.mark.parametrize("source", [None, {"image": {"path": "/app"}}])
def test_code_in_the_image(replica: Replica, source: dict[str, Any] | None) -> None:
    assert _fetched(replica, source)["source"] == {"revision": None}
    assert replica.keys() == []


@pytest.mark.parametrize(
    ("revision", "wanted"),
    [("main", "second"), (None, "second"), ("light", "first"), ("heavy", "first"), ("feature/x", "first")],
)
@pytest.mark.parametrize("form", ["path", "file"])
def test_git_revisions(replica: Replica, repository: GitRepository, revision: str, wanted: str, form: str) -> None:
    url = str(repository.folder) if form == "path" else repository.folder.as_uri()

    said = _fetched(replica, {"git": {"url": url, "revision": revision}})

    assert said["source"]["revision"] == getattr(repository, wanted)
    expected = "print(1)\n" if wanted == "first" else "print(2)\n"
    assert (replica.root / "code/train.py").read_text() == expected
    assert not (replica.root / "code/.git").exists()


@pytest.mark.parametrize("length", [40, 10])
def test_git_commits(replica: Replica, repository: GitRepository, length: int) -> None:
    revision = repository.first[:length]

    said = _fetched(replica, {"git": {"url": str(repository.folder), "revision": revision}})

    assert said["source"]["revision"] == repository.first
    assert (replica.root / "code/train.py").read_text() == "print(1)\n"


def test_a_branch_that_moves_is_resolved_once_a_run(replica: Replica, repository: GitRepository) -> None:
    source = {"git": {"url": str(repository.folder), "revision": "main"}}
    _fetched(replica, source)
    repository.commit("train.py", "print(3)\n")
    later = Replica(replica.base, replica.run_uri, attempt=2)

    assert _fetched(later, source)["source"]["revision"] == repository.second
    assert (later.root / "code/train.py").read_text() == "print(2)\n"


def test_replicas_that_race_agree(tmp_path: Path, repository: GitRepository) -> None:
    """Each sees another commit at the tip of the branch; the store decides."""
    run_uri = (tmp_path / "store").as_uri() + "/"
    source = {"git": {"url": str(repository.folder), "revision": "main"}}
    replicas = [Replica(tmp_path, run_uri, index=i, source=source) for i in range(4)]
    codes: list[int] = []
    threads = [threading.Thread(target=lambda r=r: codes.append(r.fetch().returncode)) for r in replicas]
    for i, thread in enumerate(threads):
        thread.start()
        repository.commit("train.py", f"print({i + 10})\n")
    for thread in threads:
        thread.join()

    assert codes == [0, 0, 0, 0]
    assert len({r.termination()["source"]["revision"] for r in replicas}) == 1
    assert len({(r.root / "code/train.py").read_text() for r in replicas}) == 1


def test_a_folder_of_the_repository(replica: Replica, repository: GitRepository) -> None:
    repository.commit("jobs/digits/train.py", "print('deep')\n")

    _fetched(replica, {"git": {"url": str(repository.folder), "revision": "main", "path": "jobs/digits"}})

    assert sorted(p.name for p in (replica.root / "code").iterdir()) == ["logs", "outputs", "train.py"]


def test_paths_that_leave_the_repository(replica: Replica, repository: GitRepository) -> None:
    repository.symlink("way-out", "/etc")
    git = {"url": str(repository.folder), "revision": "main"}

    for path in ("../..", "way-out", "jobs/../../x", ".git"):
        assert "leads out of the repository" in _refused(replica, {"git": {**git, "path": path}})
    assert "has no folder 'nowhere'" in _refused(replica, {"git": {**git, "path": "nowhere"}})


def test_git_takes_no_options_and_no_commands(replica: Replica, repository: GitRepository, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    url = str(repository.folder)

    for bad in (f"--upload-pack=touch {proof}", f"ext::sh -c 'touch {proof}'", f"-u touch {proof}"):
        _refused(replica, {"git": {"url": bad, "revision": "main"}})
    for bad in (f"--upload-pack=touch {proof}", "-x", "a..b", "main:refs/heads/evil", "a b", "@{-1}", "*"):
        assert "is not a branch, tag or commit" in _refused(replica, {"git": {"url": url, "revision": bad}})
    assert not proof.exists()


def test_git_that_has_it_not(replica: Replica, repository: GitRepository, tmp_path: Path) -> None:
    url = str(repository.folder)

    assert "has no branch, tag or commit nope" in _refused(replica, {"git": {"url": url, "revision": "nope"}})
    assert "has no commit " + "0" * 40 in _refused(replica, {"git": {"url": url, "revision": "0" * 40}})
    assert "does not" in _refused(replica, {"git": {"url": str(tmp_path / "none"), "revision": "main"}})


def _tar(files: dict[str, bytes], change: Callable[[tarfile.TarInfo], None] = lambda info: None) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            change(info)
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


@pytest.mark.parametrize("pack", [_tar, _zip])
@pytest.mark.parametrize("scheme", ["http", "file"])
def test_archives(replica: Replica, web: HttpFiles, pack: Callable[[dict[str, bytes]], bytes], scheme: str) -> None:
    data = pack({"train.py": b"print(1)", "pkg/util.py": b"x = 1"})
    web.files["/code.bin"] = data
    local = replica.base / "code.bin"
    local.write_bytes(data)
    uri = f"{web.url}/code.bin" if scheme == "http" else local.as_uri()

    said = _fetched(replica, {"archive": {"uri": uri, "sha256": hashlib.sha256(data).hexdigest()}})

    assert (replica.root / "code/pkg/util.py").read_bytes() == b"x = 1"
    assert said["source"]["revision"] == f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_an_archive_with_another_sha256(replica: Replica, web: HttpFiles) -> None:
    web.files["/code.tgz"] = _tar({"train.py": b""})

    message = _refused(replica, {"archive": {"uri": f"{web.url}/code.tgz", "sha256": "0" * 64}})

    assert f"has the sha256 {hashlib.sha256(web.files['/code.tgz']).hexdigest()}, not {'0' * 64}" in message
    assert not (replica.root / "code").exists()
    assert len(web.ranges) == 1, "a wrong checksum is not tried again"


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/tmp/evil-footplate"])
@pytest.mark.parametrize("pack", [_tar, _zip])
def test_members_that_leave_the_folder(replica: Replica, pack: Callable[[dict[str, bytes]], bytes], name: str) -> None:
    packed = replica.base / "code"
    packed.write_bytes(pack({"train.py": b"", name: b"evil"}))
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()

    if pack is _tar and name.startswith("/"):
        # PEP 706: the leading slash is dropped and the member stays inside.
        _fetched(replica, {"archive": {"uri": packed.as_uri(), "sha256": digest}})
        assert (replica.root / "code" / name.lstrip("/")).exists()
    else:
        assert "refused" in _refused(replica, {"archive": {"uri": packed.as_uri(), "sha256": digest}})
    assert not [p for p in replica.base.rglob("*evil*") if "code" not in p.relative_to(replica.base).parts]
    assert not Path("/tmp/evil-footplate").exists()


def test_links_of_an_archive_that_leave_the_folder(replica: Replica) -> None:
    def link(info: tarfile.TarInfo) -> None:
        info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0

    packed = replica.base / "code.tgz"
    packed.write_bytes(_tar({"passwd": b""}, link))
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()

    assert "refused" in _refused(replica, {"archive": {"uri": packed.as_uri(), "sha256": digest}})


def test_what_is_no_archive(replica: Replica) -> None:
    packed = replica.base / "code.tgz"
    packed.write_bytes(b"hello")
    digest = hashlib.sha256(b"hello").hexdigest()

    assert "is neither a tar nor a zip" in _refused(replica, {"archive": {"uri": packed.as_uri(), "sha256": digest}})
