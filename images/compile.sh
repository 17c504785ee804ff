#!/bin/sh
# Runs in the build stage of both images, last: byte code for all that is in /opt/footplate, since nothing can write it
# later, and the same modes and times whatever the checkout had. The byte code is taken without a look at its source
# (PEP 552), so it does not matter which times an engine gives to the files.
set -eu
chmod -R u=rwX,go=rX /opt/footplate
# Of the thousand models of the Kubernetes client a few are loaded, if any.
PYTHONHASHSEED=0 /opt/footplate/bin/python -m compileall -q --invalidation-mode unchecked-hash \
    -x '/kubernetes/(aio/)?client/models/' /opt/footplate/lib /opt/footplate/app
find /opt/footplate -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH:-0}" {} +
