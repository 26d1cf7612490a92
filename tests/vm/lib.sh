# SPDX-License-Identifier: LGPL-2.1-or-later
# For scenario scripts inside the test machine: test cases that are reported as TAP, waiting, a look at the kernel log.
#
#   . /share/lib.sh
#   check "dbus answers" busctl status org.freedesktop.DBus
#   is "$(nproc)" 4 "four CPUs are online"
#   finish

tap_count=0
tap_failed=0
tap_listener=

# A line of explanation; reads standard input without arguments.
diag() {
	if [ $# -gt 0 ]; then
		printf '# %s\n' "$*"
	else
		sed 's/^/# /'
	fi
}

pass() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s\n' "$tap_count" "$1"
}

fail() {
	tap_count=$((tap_count + 1))
	tap_failed=1
	printf 'not ok %d - %s\n' "$tap_count" "$1"
}

# skip DESCRIPTION REASON
skip() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_count" "$1" "$2"
}

# check DESCRIPTION COMMAND...: the command succeeds; what it printed is shown if it does not. It runs in a subshell.
check() {
	tap_what=$1
	shift
	if tap_said=$("$@" 2>&1); then
		pass "$tap_what"
	else
		fail "$tap_what"
		diag "failed: $*"
		printf '%s\n' "$tap_said" | diag
		return 1
	fi
}

# refused DESCRIPTION COMMAND...: the command fails, and says so itself: a signal or a missing command is no refusal.
refused() {
	tap_what=$1
	shift
	tap_status=0
	tap_said=$("$@" 2>&1) || tap_status=$?
	if [ "$tap_status" -gt 0 ] && [ "$tap_status" -lt 126 ]; then
		pass "$tap_what"
	else
		fail "$tap_what"
		diag "exit status $tap_status: $*"
		printf '%s\n' "$tap_said" | diag
		return 1
	fi
}

# is GOT WANTED DESCRIPTION
is() {
	if [ "$1" = "$2" ]; then
		pass "$3"
	else
		fail "$3"
		diag "got:    $1"
		diag "wanted: $2"
		return 1
	fi
}

# status WANTED DESCRIPTION COMMAND...: it ends with this exit status.
status() {
	tap_wanted=$1
	tap_what=$2
	shift 2
	tap_status=0
	tap_said=$("$@" 2>&1) || tap_status=$?
	is "$tap_status" "$tap_wanted" "$tap_what: exit status $tap_wanted" || printf '%s\n' "$tap_said" | diag
}

# matches TEXT REGEX DESCRIPTION (grep -E)
matches() {
	if printf '%s\n' "$1" | grep -qE -e "$2"; then
		pass "$3"
	else
		fail "$3"
		diag "no match for: $2"
		printf '%s\n' "$1" | diag
		return 1
	fi
}

# wait_for SECONDS COMMAND...: until the command succeeds. Give it room: the host is slow; only a hang should end it.
wait_for() {
	tap_end=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$tap_end" ] || return 1
		sleep 0.1
	done
}

# Is there a night's time?
nightly() {
	[ -e /share/nightly ]
}

# The journal of a unit since boot, oldest first, messages only.
journal_of() {
	journalctl --no-pager --quiet --boot --output=cat --unit="$1"
}

# The end of the journal at this moment, for said_of. An entry of our own is there, as journalctl wants one to start at: behind
# a cursor whose entry does not match it leaves out the first that does.
journal_cursor() {
	echo "what follows is looked at" | systemd-cat --identifier=test
	journalctl --sync
	journalctl --boot --no-pager --quiet --lines=0 --show-cursor | sed -n 's/^-- cursor: //p'
}

# said_of CELL: what the journal has on it since $cursor, every field.
said_of() {
	journalctl --boot --no-pager --quiet --cursor="$cursor" --output=json CELL_NAME="$1"
}

# For a cell that prints TAP, and said NAME, of the scenario, which prints what it said. cell_has_ended NAME: its tests.
cell_has_ended() {
	said "$1" | grep -qE '^1\.\.'
}

# cell_cases NAME: its cases, as ours
cell_cases() {
	said "$1" | grep -E '^(not )?ok' >/tmp/cases
	while read -r verdict; do
		case $verdict in
		*"# SKIP"*) diag "$1: $verdict" ;;
		ok*) pass "$1: ${verdict#ok * - }" ;;
		*) fail "$1: ${verdict#not ok * - }" ;;
		esac
	done </tmp/cases
	is "$(grep -c . /tmp/cases)" "$(said "$1" | sed -n 's/^1\.\.//p')" "$1: it ran all of its cases"
}

# cell_starts FILE: how often the cell was started while cell_listen wrote, or less: it says so itself, on a UART that may
# lose a line on a busy host.
cell_starts() {
	started_lines=$(grep -c 'APIC ID' "$1")
	echo $((started_lines > 1 ? started_lines : 1))
}

# cell_listen FILE: what the cell says on its UART from now on, until finish. What cells have said to nobody waits in the cable.
cell_listen() {
	timeout 5 cat /dev/ttyS3 >/dev/null
	: >"$1"
	cat /dev/ttyS3 >>"$1" &
	tap_listener=$!
}

# cell_key KEYS: type at the UART of the cell (COM3, which is wired to COM4).
cell_key() {
	printf '%s' "$1" >/dev/ttyS3
}

BUS=org.jailhouse.Cell
ROOT=/org/jailhouse/Cell

# property NAME [CELL]: of a cell, without its type and quotes.
property() {
	busctl get-property $BUS "$ROOT/cell/${2:-rtos}" $BUS "$1" | cut -d' ' -f2- | tr -d '"'
}

# properties NAME...: of rtos, with slashes between.
properties() {
	busctl get-property $BUS $ROOT/cell/rtos $BUS "$@" | cut -d' ' -f2- | tr -d '"' | paste -sd/
}

# has NAME VALUE [CELL]: is that the property's value now?
has() {
	[ "$(property "$1" "$3")" = "$2" ]
}

# at_least NAME NUMBER [CELL]
at_least() {
	[ "$(property "$1" "$3")" -ge "$2" ]
}

# manager METHOD [SIGNATURE ARGUMENTS...]
manager() {
	busctl --timeout=120 call $BUS $ROOT $BUS.Manager "$@"
}

# cell_call CELL METHOD [SIGNATURE ARGUMENTS...]
cell_call() {
	tap_cell=$1
	shift
	busctl --timeout=120 call $BUS "$ROOT/cell/$tap_cell" $BUS "$@"
}

# configure CELL SED-EXPRESSION...: a definition in /run that differs from the shipped one and goes before it.
configure() {
	tap_cell=$1
	shift
	mkdir -p /run/celld/cells
	sed "$@" "/usr/lib/celld/cells/$tap_cell.json" >"/run/celld/cells/$tap_cell.json"
	manager Reload >/dev/null
}

unconfigure() {
	rm -f "/run/celld/cells/$1.json"
	manager Reload >/dev/null
}

# system_blob: the machine's configuration as the kernel module wants it.
system_blob() {
	cellctl export --system
}

# enable_blob FILE: hand a blob to the kernel module as it is.
enable_blob() {
	perl -e 'open(my $device, "+<", "/dev/jailhouse") or die; open(my $file, "<", $ARGV[0]) or die; local $/;
		ioctl($device, 0x40080000, <$file> . "\0" x 65536) or die "$!\n"' "$1"
}

# device CALL...: one call of /dev/jailhouse, see driver/device.pl.
device() {
	perl /share/driver/device.pl "$@"
}

# run_rtos [LINE]: load the cell rtos with a command line and start it, without celld.
run_rtos() {
	printf '%s\0' "${1:-}" >/tmp/line
	[ "$(device load rtos /usr/lib/celld/inmates/rtos.bin:0 /tmp/line:1000)/$(device start rtos)" = ok/ok ]
}

cpus_online() {
	cat /sys/devices/system/cpu/online
}

pool_used() {
	cat /sys/devices/jailhouse/mem_pool_used
}

unit_state() {
	systemctl is-active "$1" || true
}

# Work for Linux, which checks itself: the sum of the same bytes is always the same. work_checked stops it and judges.
work_start() {
	dd if=/dev/urandom of=/tmp/work bs=64k count=64 2>/dev/null
	md5sum </tmp/work >/tmp/work.sum
	: >/tmp/work.bad
	(
		while [ -e /tmp/work ]; do
			dd if=/dev/vda of=/dev/null bs=64k count=16 2>/dev/null
			md5sum </tmp/work >/tmp/work.now && cmp -s /tmp/work.now /tmp/work.sum || date >>/tmp/work.bad
			echo >>/tmp/work.rounds
		done
	) 2>/dev/null &
	work_pid=$!
}

work_checked() {
	is "$(cat /tmp/work.bad)" "" "Linux computed the same sum in $(wc -l </tmp/work.rounds) rounds"
	kill "$work_pid"
	wait "$work_pid" 2>/dev/null || true
}

SPLATS='WARNING:|BUG:|Oops|Call Trace|general protection|unable to handle|stalls? on CPU|self-detected stall|rcu.*stall'
SPLATS="$SPLATS|soft lockup|hard LOCKUP|blocked for more than|nobody cared|NMI received for unknown reason|Bad page"

no_splats() {
	! dmesg | grep -E "$SPLATS"
}

# Close the scenario: the kernel has nothing to complain about, and this many cases were run.
finish() {
	check "no kernel warning, oops or stall" no_splats || dmesg | tail -n 60 | diag
	[ -z "$tap_listener" ] || kill "$tap_listener" # or it takes what the next scenario should hear
	printf '1..%d\n' "$tap_count"
	exit "$tap_failed"
}
