from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from footplate_runtime.store.keys import check_key, key_of_path, path_of_key

_NAMES = st.binary(min_size=1, max_size=12).filter(
    lambda b: b"\x00" not in b and b not in (b".", b"..") and b"/" not in b
)
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map(b"/".join)


@given(_PATHS)
def test_every_name_of_a_file_comes_back(path: bytes) -> None:
    key = key_of_path(path)

    assert path_of_key(key) == path
    key.encode("utf-8")
    check_key(key)
    assert not any(ord(c) < 32 or c in "\x7f\\" for c in key)


@given(_PATHS, _PATHS)
def test_two_files_never_share_a_key(one: bytes, other: bytes) -> None:
    assert (key_of_path(one) == key_of_path(other)) == (one == other)


def test_ordinary_names_stay_as_they_are() -> None:
    for name in ("model.pt", "schön/epoch 3.bin", "100%", "50% off", "a#1"):
        assert key_of_path(name.encode()) == name


def test_what_a_store_cannot_take_is_encoded() -> None:
    assert key_of_path(b"a\nb") == "a%0Ab"
    assert key_of_path(b"a%0Ab") == "a%250Ab"
    assert key_of_path(b"\xff\\") == "%FF%5C"
