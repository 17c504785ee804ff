#!/bin/sh
# Runs in the last stage of both images, on what the base brings: no pip for who gets in, and byte code of the standard
# library where the base has none, since nothing can write it later.
set -eu
installed=$(dpkg-query --show --showformat '${Package} ' 'python3*-venv' 'python3-pip*' 'python3-setuptools*' python3-wheel \
    2> /dev/null || true)
if [ -n "$installed" ]; then
    dpkg --purge --force-depends $installed
fi
python3 - << 'PYTHON'
import pathlib, shutil, sysconfig

packages, programs = pathlib.Path(sysconfig.get_path("purelib")), pathlib.Path(sysconfig.get_path("scripts"))
names = ("pip", "pip-*", "setuptools*", "pkg_resources", "_distutils_hack", "distutils-precedence.pth", "wheel", "wheel-*")
found = [*programs.glob("pip*"), *programs.glob("wheel*"), *(path for name in names for path in packages.glob(name))]
for path in [pathlib.Path(sysconfig.get_path("stdlib"), "ensurepip"), *found]:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
PYTHON
PYTHONHASHSEED=0 python3 -m compileall -q --invalidation-mode timestamp \
    -x '/(test|tests|idlelib|lib2to3|tkinter|turtledemo|pydoc_data|site-packages|dist-packages)/' \
    "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
rm -rf /var/log/dpkg.log
