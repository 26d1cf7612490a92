# SPDX-License-Identifier: LGPL-2.1-or-later
# For scenarios with a cell that has parts of devices (inmates/tests/devices.c), behind lib.sh. The machine must have an
# edu, a virtio-rng behind a bridge and an e1000e at the places below.

EDU=/sys/bus/pci/devices/0000:00:10.0
RNG=/sys/bus/pci/devices/0000:01:00.0
NIC=/sys/bus/pci/devices/0000:00:12.0

# bar DEVICE NUMBER: where it is
bar() {
	sed -n "$(($2 + 1))s/ .*//p" "$1/resource"
}

driver_of() {
	basename "$(readlink "$1/driver" || echo none)"
}

# A function of root's configuration as the cell wants it, behind the capabilities of those before it.
listed() {
	tr '\n' ' ' </run/celld/system.json | grep -oE "\{ \"type\": \"device\", \"address\": \"$1\"[^}]*\}"
}

# define COMMAND-LINE [FLAG]: the flag is for its RAM
define() {
	flags="\"read\", \"write\", \"execute\", \"loadable\"${2:+, \"$2\"}"
	cat >/run/celld/cells/devices.json <<END
{
  "name": "devices",
  "architecture": "x86",
  "flags": ["console-permitted", "console-active"],
  "cpus": "3",
  "memory": [
    { "phys": "0x3a600000", "virt": "0x0", "size": "1M", "flags": [$flags] },
    { "virt": "0x100000", "size": "4K", "flags": ["read", "write", "comm-region"] },
    { "phys": "0x3a800000", "virt": "0x200000", "size": "2M", "flags": [$flags] },
    { "phys": "0xfed00140", "virt": "0xfed00140", "size": "0x20", "flags": ["read", "write", "io-32"] },
    { "phys": "$(bar $EDU 0)", "virt": "$(bar $EDU 0)", "size": "1M", "flags": ["read", "write"] },
    { "phys": "$(bar $NIC 0)", "virt": "$(bar $NIC 0)", "size": "128K", "flags": ["read", "write"] }
  ],
  "irqchips": [{ "address": "0xfec00000", "id": "0xff00", "pins": "4,20" }],
  "ports": ["0x3e8-0x3ef"],
  "pci_devices": [$(listed 0000:00:10.0), $(listed 0000:01:00.0), $(listed 0000:00:12.0)],
  $(tr '\n' ' ' </run/celld/system.json | sed 's/.*\("pci_caps": .*\), "ports":.*/\1/'),
  "images": [{ "path": "/usr/lib/celld/inmates/devices.bin" }],
  "command_line": "edu=0x80 nic=0x90 far=0x100 $1",
  "supervision": { "Restart": "no" }
}
END
	manager Reload >/dev/null
}

# machine [EDIT]: the machine's configuration with all of its PCI functions, edited by sed
machine() {
	perl /share/devices/root.pl </usr/lib/celld/system.json | sed "${1:-}" >/run/celld/system.json
	manager Reload >/dev/null
}

# What the cell has printed since it was started last.
said() {
	journal_of cell@devices | awk '/^TAP/ { text = ""; next } { text = text $0 "\n" } END { printf "%s", text }'
}

parked() {
	said_of devices |
		grep -F "\"CELL_FAULT_CAUSE\":\"$1\"" | grep -qF "\"CELL_FAULT_ADDRESS\":\"$2"
}

# violation NAME CAUSE ADDRESS DESCRIPTION
violation() {
	cursor=$(journal_cursor)
	define "violate=$1"
	systemctl start cell@devices || journal_of cell@devices | tail -n 3 | diag
	check "$4 parks the CPU: $2 $3" wait_for 60 parked "$2" "$3" || tail -c 600 /sys/devices/jailhouse/console | diag
	systemctl stop cell@devices 2>/dev/null
	systemctl reset-failed cell@devices 2>/dev/null
}

# forget: no configuration of this boot is left
forget() {
	rm /run/celld/cells/devices.json /run/celld/system.json
	manager Reload >/dev/null
}

mkdir -p /run/celld/cells
