"""pip's own words, as pip 23.0.1, 23.2.1 and 26.3 print them, and the sentence that is made of them."""

from __future__ import annotations

import pytest

from footplate_local.pip_log import LAST_LINES, PipLog

NOT_FOUND = """\
Collecting tiny
ERROR: Could not find a version that satisfies the requirement tiny==9 (from versions: 1.0, 1.2)
ERROR: No matching distribution found for tiny==9
"""
CONFLICT = """\
ERROR: Cannot install tiny<1.2 and tiny==1.2 because these package versions have conflicting dependencies.

The conflict is caused by:
    The user requested tiny==1.2
    The user requested tiny<1.2

ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/dependency-resolution/
"""
NO_BUILD_TOOL = """\
Collecting chainer==7.8.1
  Downloading chainer-7.8.1.tar.gz (1.0 MB)
  Getting requirements to build wheel: started
  Getting requirements to build wheel: finished with status 'error'
  error: subprocess-exited-with-error

  × Getting requirements to build wheel did not run successfully.
  │ exit code: 1
  ╰─> [3 lines of output]
      Traceback (most recent call last):
        File "<string>", line 4, in <module>
      ModuleNotFoundError: No module named 'pkg_resources'
      [end of output]

  note: This error originates from a subprocess, and is likely not a problem with pip.
ERROR: Failed to build 'chainer' when getting requirements to build wheel
"""
NO_HEADER = """\
Collecting mpi4py
Building wheels for collected packages: bad
  Building wheel for bad (pyproject.toml): started
  Building wheel for bad (pyproject.toml): finished with status 'error'
  error: subprocess-exited-with-error

  × Building wheel for bad (pyproject.toml) did not run successfully.
  │ exit code: 1
  ╰─> [5 lines of output]
      running build_ext
      gcc -Wno-error: -c bad.c -o bad.o
      bad.c:1:10: fatal error: mpi.h: No such file or directory
      compilation terminated.
      error: command '/usr/bin/gcc' failed with exit code 1
      [end of output]

  note: This error originates from a subprocess, and is likely not a problem with pip.
  ERROR: Failed building wheel for bad
Failed to build bad
error: failed-wheel-build-for-install

× Failed to build installable wheels for some pyproject.toml based projects
╰─> bad
"""
NO_FRAMEWORK = """\
  Building wheel for horovod (setup.py): started
  error: subprocess-exited-with-error

  × python setup.py bdist_wheel did not run successfully.
  │ exit code: 1
  ╰─> [7 lines of output]
      -- Could NOT find Tensorflow
      CMake Error at /usr/share/cmake/Modules/FindPackageHandleStandardArgs.cmake:230 (message):
        Could NOT find Tensorflow (missing: Tensorflow_LIBRARIES)
      Call Stack (most recent call first):
      Traceback (most recent call last):
      subprocess.CalledProcessError: Command '['cmake', '..']' returned non-zero exit status 1.
      [end of output]

ERROR: Failed building wheel for horovod
"""


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (NOT_FOUND, "No matching distribution found for tiny==9"),
        (
            CONFLICT,
            "Cannot install tiny<1.2 and tiny==1.2 because these package versions have conflicting dependencies.",
        ),
        (
            NO_BUILD_TOOL,
            "Getting requirements to build wheel of chainer did not run successfully: "
            "ModuleNotFoundError: No module named 'pkg_resources'",
        ),
        (
            NO_HEADER,
            "Building wheel for bad (pyproject.toml) did not run successfully: "
            "bad.c:1:10: fatal error: mpi.h: No such file or directory",
        ),
        (
            NO_FRAMEWORK,
            "python setup.py bdist_wheel of horovod did not run successfully: "
            "CMake Error: Could NOT find Tensorflow (missing: Tensorflow_LIBRARIES)",
        ),
        ("Collecting tiny\nSuccessfully installed tiny-1.2\n", ""),
    ],
    ids=["not found", "conflict", "no build tool", "no header", "no framework", "no error"],
)
def test_why_pip_failed(said: str, cause: str) -> None:
    log = PipLog()
    for line in said.splitlines():
        log.add(line)
    assert log.cause == cause


def test_the_last_lines_are_those_that_say_something() -> None:
    log = PipLog()
    for line in [*(f"line {n}" for n in range(30)), "", "note: This error …", "hint: See above for details."]:
        log.add(line)
    assert log.last_lines == [f"line {n}" for n in range(30 - LAST_LINES, 30)]
