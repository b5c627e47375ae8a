# Installs the peers that a bench compares with, where they are not there yet. As root on Debian or Ubuntu.
# A peer is its command's name, and after a colon its package's where that is another.
set -eu
missing=""
for peer in "$@"; do
    command -v "${peer%:*}" >/dev/null || missing="$missing ${peer#*:}"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing:$missing; install them, and run this again" >&2
    exit 1
fi
apt-get update -q
# shellcheck disable=SC2086 # one word each
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
