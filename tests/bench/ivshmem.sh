#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The part of the ivshmem benchmark that runs in the test machine. Arguments: doorbells, MiB to stream.
. /share/lib.sh

EXAMPLES=/usr/share/doc/celld/examples

# start CELL SED-EXPRESSION
start() {
	mkdir -p /run/celld/cells
	sed "$2" "$EXAMPLES/$1.json" >"/run/celld/cells/$1.json"
	manager Reload >/dev/null
	systemctl start "cell@$1"
}

said() {
	tr -d '\r' </sys/devices/jailhouse/console | grep "$1"
}

# One row of Markdown: who, and the two lines that were printed.
row() {
	printf '%s\n' "$2" | awk -v who="$1" '
		/round trips/ { for (i = 1; i < NF; i++) if ($i ~ /^(min|p50|p90|p99|max)$/) rounds = rounds sprintf(" %.1f |", $(i + 1) / 1000) }
		/stream of/ { for (i = 1; i < NF; i++) if ($i == "of") bytes = $(i + 1); else if ($i == "in") usec = $(i + 1) }
		END { printf "| %s |%s %.1f |\n", who, rounds, bytes / usec }'
}

systemctl start jailhouse && wait_for 60 test -e /dev/uio0 || exit 1
start ivshmem 's/x/x/' || exit 1
root=$(/usr/libexec/cell-ivshmem await=1:2 "rounds=1:$1" "stream=1:$2") || exit 1
systemctl stop cell@ivshmem
start ivshmem 's/follow=0/follow=2/' && start ivshmem-peer "s/lead=1/lead=1 rounds=$1 mib=$2/" || exit 1
wait_for 300 said 'stream of' || exit 1
cells=$(said 'round trips\|stream of')

echo "| $1 round trips, $2 MiB | min us | p50 | p90 | p99 | max | MB/s |"
echo '|---|---|---|---|---|---|---|'
row 'root (a program, UIO) and a cell' "$root"
row 'two cells' "$cells"
