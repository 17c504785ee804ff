#!/bin/sh
# Runs in the build stage of both images: puts an environment without pip at /opt/footplate, with the versions of
# constraints.txt and nothing else, and links /opt/footplate/app, the project's own code, into it.
#
#   install.sh REQUIREMENTS [PATH...]    paths under site-packages that the image does without
set -eu
requirements=$1
shift
here=$(dirname "$0")

python3 -m venv "$here/with-pip"
python3 -m venv --without-pip /opt/footplate
pip() { "$here/with-pip/bin/python" -m pip --python /opt/footplate/bin/python --disable-pip-version-check "$@"; }

# Wheels alone: there is no compiler. What lies in images/wheels is found without an index.
pip install --quiet --no-cache-dir --no-compile --only-binary :all: --find-links "$here/wheels" \
    --constraint "$here/constraints.txt" --requirement "$requirements"
if pip freeze --all | grep --invert-match --ignore-case --line-regexp --fixed-strings --file "$here/constraints.txt"; then
    echo "install.sh: constraints.txt does not name the version of the packages above; add them" >&2
    exit 1
fi

packages=$(echo /opt/footplate/lib/python3*/site-packages)
for path in "$@"; do
    test -e "$packages/$path" || { echo "install.sh: there is no $path to leave out; correct the Dockerfile" >&2; exit 1; }
    rm -r "${packages:?}/$path"
done
find /opt/footplate/bin -mindepth 1 ! -name 'python*' -delete
echo /opt/footplate/app > "$packages/footplate.pth"
