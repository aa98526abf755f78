#!/bin/sh
# The container's first process: makes a node in the volume if there is none, and becomes it. Ports and the name can be set:
# SHOAL_NAME, SHOAL_LISTEN, SHOAL_API_LISTEN; all else by SHOAL__SECTION__KEY or in the volume's node/shoal.toml.
set -eu
folder=${SHOAL_FOLDER:-/var/lib/shoal}/node
[ -e "$folder/shoal.toml" ] ||
  shoal init "$folder" --name "${SHOAL_NAME:-$(uname -n)}" --listen "${SHOAL_LISTEN:-0.0.0.0:7420}" \
    --api "${SHOAL_API_LISTEN:-0.0.0.0:7421}"
exec shoal run --config "$folder/shoal.toml"
