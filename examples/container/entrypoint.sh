#!/bin/sh
# Migrates, then becomes the application, so that signals reach it. MIGRATE=no: somebody else has done it.
set -eu
[ "${MIGRATE:-yes}" = no ] || trek migrate
exec "$@"
