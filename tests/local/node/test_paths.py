"""Where mountPaths are rewritten, and where they only look like one."""

from __future__ import annotations

from pathlib import Path

import pytest

from footplate_local.node.paths import Rewriter, inside

REWRITER = Rewriter(
    {
        "/footplate": Path("/pod/v/footplate"),
        "/footplate/launch": Path("/pod/v/launch"),
        "/dev/termination-log": Path("/pod/term"),
        "/data/": Path("/pod/v/data"),
    }
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/footplate", "/pod/v/footplate"),
        ("/footplate/", "/pod/v/footplate/"),
        ("/footplate/bin/run.pyz --x", "/pod/v/footplate/bin/run.pyz --x"),
        ("--data=/data/train", "--data=/pod/v/data/train"),
        (
            "exec python /footplate/a; cat '/data/b' \"/data\"",
            "exec python /pod/v/footplate/a; cat '/pod/v/data/b' \"/pod/v/data\"",
        ),
        ("/usr/bin:/footplate/bin:/bin", "/usr/bin:/pod/v/footplate/bin:/bin"),
        ('{"path": "/data"}', '{"path": "/pod/v/data"}'),
        ("/footplate/launch/launch.json", "/pod/v/launch/launch.json"),
        ("echo >/dev/termination-log", "echo >/pod/term"),
        ("file:///footplate/store", "file:///pod/v/footplate/store"),
        # Not meant: longer names, other folders, parts of other paths, results of substitutions.
        ("/footplates /footplate-2 /footplate.txt", "/footplates /footplate-2 /footplate.txt"),
        ("/home/ada/.footplate/store", "/home/ada/.footplate/store"),
        ("/home/ada/footplate /home/footplate/x", "/home/ada/footplate /home/footplate/x"),
        ("file:///home/footplate/x", "file:///home/footplate/x"),
        ("s3://bucket/data/x https://host/footplate", "s3://bucket/data/x https://host/footplate"),
        ("$(root)/data ${ROOT}/data ~/data ./data ../data", "$(root)/data ${ROOT}/data ~/data ./data ../data"),
        ("nothing", "nothing"),
    ],
)
def test_rewriting(text: str, wanted: str) -> None:
    assert REWRITER.rewrite(text) == wanted


def test_what_has_been_rewritten_is_not_rewritten_again() -> None:
    assert Rewriter({"/a": Path("/b"), "/b": Path("/a")}).rewrite("/a /b") == "/b /a"


def test_a_mount_at_the_root_is_left_alone() -> None:
    assert Rewriter({"/": Path("/pod/v")}).rewrite("/bin/sh") == "/bin/sh"


def test_the_place_of_a_path() -> None:
    assert REWRITER.place("/footplate/launch/x") == Path("/pod/v/launch/x")
    assert REWRITER.place("/footplate") == Path("/pod/v/footplate")
    assert REWRITER.place("/footplates") is None


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd"])
def test_names_from_a_spec_cannot_leave_their_folder(path: str) -> None:
    with pytest.raises(ValueError, match="must be relative"):
        inside(Path("/base"), path)
