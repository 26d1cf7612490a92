#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The part of the exits benchmark that runs in the test machine. Argument: seconds to count for.
. /share/lib.sh

statistics=/sys/devices/jailhouse/cells/0/statistics

# What a build does: short processes by the hundred, pipes, files that are read, compressed and written.
build() {
	while :; do
		for file in /usr/bin/[a-d]*; do
			gzip -1 -c "$file" | md5sum >/tmp/build.$1
			perl -e 'my %h; $h{$_ % 997} .= $_ for 1..20000' && sh -c 'cat "$1" | sort >/dev/null' sh "$0"
		done
	done
}

counters() {
	read -r now _ </proc/uptime
	echo "$now"
	for file in "$statistics"/vmexits_*; do
		read -r value <"$file"
		echo "${file##*vmexits_} $value"
	done
}

# count NAME: the counters per second of the machine's own time. Reading them takes a hypercall each; a program for it would
# add to what is measured, so sh does it alone.
count() {
	counters >/tmp/before
	sleep "$seconds"
	counters >/tmp/after
	awk -v name="$1" 'NR == FNR { if (FNR == 1) start = $1; else old[$1] = $2; next }
		FNR == 1 { time = $1 - start; next }
		$2 - old[$1] { printf "| %s | %s | %.1f |\n", name, $1, ($2 - old[$1]) / time }' /tmp/before /tmp/after
}

seconds=$1
systemctl start jailhouse cell@rtos || exit 1
sleep 5
echo '| Linux | Cause | Exits per second, on all of its CPUs |'
echo '|---|---|---|'
count idle
for cpu in 1 2 3; do
	build $cpu &
done
count loaded
