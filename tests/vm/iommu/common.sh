# SPDX-License-Identifier: LGPL-2.1-or-later
# The test itself, for each make of IOMMU. Set before: UNIT, the unit as the configuration lists it; LIMIT, what else it
# needs under "x86", or empty; unit_registers(), which prints what it was programmed to do; MUTE, why the emulated unit does
# not tell of what it blocks, or empty.
#
# Two of QEMU's "edu" devices: one for a cell, and one that stays root's, which Linux programs by hand. Pages of root that
# they may and may not reach are in memory that is reserved for cells.

EDU=/sys/bus/pci/devices/0000:00:10.0
ROOTS=/sys/bus/pci/devices/0000:00:11.0
ROOT_PAGE=0x3e000000
COPY_PAGE=0x3e001000
GUARD_PAGE=0x3b300000 # where the inmate has its canary
HYPERVISOR=0x3a001000 # code
CANARY=$((0xca9a4e11))

poke() {
	/usr/libexec/vm-poke "$@"
}

page() {
	dd if=/dev/mem bs=2048 count=1 skip=$(($1 >> 11)) 2>/dev/null
}

# The canary: words that count up.
canary() {
	perl -e 'print pack("V*", map { $ARGV[0] + $_ } 0 .. 511)' $CANARY
}

fill() {
	canary | dd of=/dev/mem bs=2048 count=1 seek=$(($1 >> 11)) conv=notrunc 2>/dev/null
}

whole() {
	[ "$(page "$1" | md5sum)" = "$(canary | md5sum)" ]
}

# root_dma SOURCE TARGET DIRECTION: by root's device, as much as the inmate moves; see QEMU's docs/specs/edu.txt.
root_dma() {
	poke $ROOTS/resource0 0x80 "$1"
	poke $ROOTS/resource0 0x88 "$2"
	poke $ROOTS/resource0 0x90 2048
	poke $ROOTS/resource0 0x98 "$3"
	wait_for 30 sh -c "[ \$((\$(/usr/libexec/vm-poke $ROOTS/resource0 0x98) & 1)) = 0 ]"
}

root_load() {
	root_dma "$1" 0x40000 1
}

root_store() {
	root_dma 0x40000 "$1" 3
}

# master DEVICE: let it access memory
master() {
	perl -e 'open(my $f, "+<", $ARGV[0]) or die; sysseek($f, 4, 0); syswrite($f, pack("v", 0x406)) == 2 or die' "$1/config"
}

# define NAME CPU PHYS COMMAND-LINE MORE: 1M at 0 and 2M at 2M of guest-physical memory
define() {
	cat >"/run/celld/cells/$1.json" <<END
{
  "name": "$1",
  "architecture": "x86",
  "flags": ["console-permitted", "console-active"],
  "cpus": "$2",
  "memory": [
    { "phys": "$3", "virt": "0x0", "size": "1M", "flags": ["read", "write", "execute", "dma", "loadable"] },
    { "virt": "0x100000", "size": "4K", "flags": ["read", "write", "comm-region"] },
    { "phys": "$(printf '0x%x' $(($3 + 0x200000)))", "virt": "0x200000", "size": "2M",
      "flags": ["read", "write", "dma"] }$5
  "images": [{ "path": "/usr/lib/celld/inmates/dma.bin" }],
  "command_line": "$4",
  "supervision": { "Restart": "no" }
}
END
}

listed() {
	tr '\n' ' ' </run/celld/system.json | grep -oE "\{ \"type\": \"device\", \"address\": \"$1\"[^}]*\}"
}

# The journal has the cell's lines apart from the hypervisor's, which tells of faults in between.
said() {
	journalctl --boot --no-pager --quiet --cursor="$cursor" --output=cat CELL_NAME=dma
}

# told CELL DEVICE ADDRESS: the journal has a blocked access
told() {
	said_of "$1" | grep -F "\"CELL_FAULT_DEVICE\":\"$2\"" | grep -qF "\"CELL_FAULT_ADDRESS\":\"$3\""
}

# names CELL DEVICE ADDRESS: a test case
names() {
	if [ "$MUTE" ]; then
		skip "the journal names $1, $2 and $3" "$MUTE"
	else
		check "the journal names $1, $2 and $3" wait_for 30 told "$@"
	fi
}

mkdir -p /run/celld/cells
perl /share/devices/root.pl </usr/lib/celld/system.json |
	sed "s/  \"x86\": {/  \"iommu\": [$UNIT],\n&$LIMIT/" >/run/celld/system.json
define guard 2 0x3b000000 "" "],"
bar=$(sed -n '1s/ .*//p' $EDU/resource)
define dma 3 0x3a600000 "edu=0x80 root=$ROOT_PAGE hypervisor=$HYPERVISOR guard=$GUARD_PAGE" ",
    { \"phys\": \"$bar\", \"virt\": \"$bar\", \"size\": \"1M\", \"flags\": [\"read\", \"write\"] }],
  \"pci_devices\": [$(listed 0000:00:10.0)],
  $(tr '\n' ' ' </run/celld/system.json | sed 's/.*\("pci_caps": .*\), "ports":.*/\1/'),"
manager Reload >/dev/null
master $ROOTS
registers=$(unit_registers)
cursor=$(journal_cursor)
work_start
check "the configurations are valid" cellctl check /run/celld/system.json
check "the hypervisor starts" systemctl start jailhouse || journal_of jailhouse | tail -n 3 | diag
pool=$(pool_used)

fill $ROOT_PAGE
check "root's device reads root's memory" root_load $ROOT_PAGE
check "and writes it" root_store $COPY_PAGE
check "without a change" whole $COPY_PAGE
check "root's device ends a write to the hypervisor" root_store $HYPERVISOR
check "the hypervisor lives" cellctl list
names RootCell 00:11.0 $HYPERVISOR

check "a cell with a canary starts" systemctl start cell@guard || journal_of cell@guard | tail -n 5 | diag
check "it beats" wait_for 30 at_least HeartbeatCount 3 guard
check "root's device ends a write to the cell" root_store $GUARD_PAGE
beats=$(property HeartbeatCount guard)
check "its canary is alive" wait_for 30 at_least HeartbeatCount $((beats + 3)) guard
names RootCell 00:11.0 $GUARD_PAGE
fill $COPY_PAGE

check "a cell with a device starts" systemctl start cell@dma || journal_of cell@dma | tail -n 5 | diag
check "the cell ends its tests" wait_for 120 cell_has_ended cell || said cell | diag
cell_cases cell
check "root's page is whole" whole $ROOT_PAGE
beats=$(property HeartbeatCount guard)
check "the other cell's canary is alive" wait_for 30 at_least HeartbeatCount $((beats + 3)) guard
is "$(property State guard)" running "the other cell runs"
for address in $ROOT_PAGE $HYPERVISOR $GUARD_PAGE; do
	names dma 00:10.0 $address
done

systemctl stop cell@dma
systemctl stop cell@guard
is "$(pool_used)" "$pool" "the hypervisor's pages are back"
is "$(od -An -tx4 -N4 $EDU/config | tr -d ' ')" 11e81234 "Linux has the device"
ROOTS=$EDU
master $EDU
fill $ROOT_PAGE
page 0x3a600000 | dd of=/dev/mem bs=2048 count=1 seek=$((COPY_PAGE >> 11)) conv=notrunc 2>/dev/null
check "it copies root's memory" eval 'root_load $ROOT_PAGE && root_store $COPY_PAGE'
check "without a change" whole $COPY_PAGE
work_checked
systemctl stop jailhouse
is "$(unit_registers)" "$registers" "the unit is as Linux had it"
rm /run/celld/cells/dma.json /run/celld/cells/guard.json /run/celld/system.json
manager Reload >/dev/null
is "$(cpus_online)" 0-3 "all CPUs are back"
finish
