#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The story of ./demo, told inside the test machine: a cell comes, beats, crashes, comes back, and goes.
. /share/lib.sh

cell=/org/jailhouse/Cell/cell/rtos
step='before the first step'

# A chapter of the story.
say() {
	step=$1
	printf '\n\033[1m%s\033[0m\n' "$1"
}

# Show a command, then run it.
show() {
	printf '\033[36m# %s\033[0m\n' "$*"
	"$@"
}

# The value of a property of the cell, as busctl prints it without its type.
property() {
	busctl get-property org.jailhouse.Cell "$cell" org.jailhouse.Cell "$1" | cut -d' ' -f2-
}

is_now() {
	[ "$(property "$1")" = "$2" ]
}

beats() {
	property HeartbeatCount
}

give_up() {
	status=$?
	if [ $status -ne 0 ]; then
		printf '\ndemo: failed at "%s"; the end of the journal:\n' "$step" >&2
		journalctl --no-pager --boot --lines=40 --output=short-monotonic >&2
	fi
}
trap give_up EXIT
set -e

say "This is Debian with its stock kernel, as the only owner of four CPUs."
show uname -sr
show cat /sys/devices/system/cpu/online

say "The hypervisor slides under the running Linux, and makes it the root cell."
show systemctl start jailhouse
show cellctl list

say "A cell takes one CPU and some RAM away from Linux, and runs an RTOS there."
show systemctl start cell@rtos
show cat /sys/devices/system/cpu/online
show cellctl list
show systemctl --no-pager --lines=0 status cell@rtos

say "It beats by writing memory. Linux counts the beats; the cell's CPU rarely leaves the cell for that."
before=$(beats)
show grep -H . /sys/devices/jailhouse/cells/*/statistics/vmexits_total
sleep 2
show grep -H . /sys/devices/jailhouse/cells/*/statistics/vmexits_total
printf 'beats: %s, two seconds later: %s\n' "$before" "$(beats)"
[ "$(beats)" -gt "$before" ]

say "Now the RTOS jumps off a cliff: a triple fault, ordered by a key on its serial port."
cell_key k
wait_for 60 is_now NRestarts 1
wait_for 60 is_now State '"running"'
show cellctl status rtos
show journalctl --no-pager --quiet --boot --output=short-monotonic --lines=12 --unit=cell@rtos --unit=celld

say "Linux did not notice, and celld has restarted the cell. Stopping it gives CPU and RAM back."
show systemctl stop cell@rtos
show cat /sys/devices/system/cpu/online

say "And without the hypervisor all is as it was."
show systemctl stop jailhouse
show cellctl list
no_splats

step=none
