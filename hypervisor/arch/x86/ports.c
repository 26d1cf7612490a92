// SPDX-License-Identifier: GPL-2.0-only
/* I/O ports: the permission maps of root and cells, and the few ports that are moderated. */
#include <image.h>
#include <hv/arch.h>
#include <hv/pci.h>
#include <hv/pool.h>
#include <hv/print.h>
#include <hv/string.h>
#include "asm.h"
#include "ports.h"
#include "vcpu.h"

#define IO_BITMAP_PAGES 3 /* AMD APM vol.2 15.10.1: 12 KiB, the last one for accesses that wrap around */
#define NUM_PORTS 0x10000
#define PORT_KBD 0x64
#define PORT_POST 0x80
#define PORT_PCI_ADDRESS 0xcf8
#define PORT_PCI_DATA 0xcfc
#define PM_TIMER_PORTS 4

static void trap_ports(u8 *bitmap, u32 base, u32 length, bool trap)
{
	for (u32 port = base; port < base + length && port <= 0xffff; port++) {
		if (trap)
			bitmap[port / 8] |= 1 << (port % 8);
		else
			bitmap[port / 8] &= ~(1 << (port % 8));
	}
}

static bool config_has_port(const struct cell_config *config, u32 port)
{
	const struct cell_pio *pio;

	for_each_pio (pio, config)
		if (port >= pio->base && port < (u32)pio->base + pio->length)
			return true;
	return false;
}

/* Ports that more than one cell may use because they are moderated or harmless. */
static bool port_is_common(u32 port)
{
	u16 pm_timer = system_config->x86.pm_timer_port;

	return port == PORT_KBD || port == PORT_POST || (port >= PORT_PCI_ADDRESS && port < PORT_PCI_DATA + 4) ||
	       (pm_timer && port >= pm_timer && port < (u32)pm_timer + PM_TIMER_PORTS);
}

static bool root_has_port(u32 port)
{
	return !(root_cell.arch.io_bitmap[port / 8] & 1 << (port % 8));
}

static int check_ports(const struct cell *cell)
{
	const struct cell_pio *pio;
	u32 total = 0;

	for_each_pio (pio, cell->config) {
		total += pio->length;
		if ((u32)pio->base + pio->length > NUM_PORTS || total > NUM_PORTS)
			return refuse(-EINVAL, "cell %s: ports 0x%x+0x%x: more than there are", cell->name, pio->base,
				      pio->length);
		for (u32 port = pio->base; port < (u32)pio->base + pio->length; port++)
			if (!port_is_common(port) && !root_has_port(port))
				return refuse(-EBUSY, "cell %s: port 0x%x is not root's", cell->name, port);
	}
	return 0;
}

int ports_init(struct cell *cell)
{
	u16 pm_timer = system_config->x86.pm_timer_port;
	const struct cell_pio *pio;
	u8 *bitmap;
	int err = cell == &root_cell ? 0 : check_ports(cell);

	if (err)
		return err;
	bitmap = pool_alloc(IO_BITMAP_PAGES);
	if (!bitmap)
		return refuse(-ENOMEM, "cell %s: no pages left for the port map", cell->name);
	cell->arch.io_bitmap = bitmap;
	memset(bitmap, 0xff, IO_BITMAP_PAGES * PAGE_SIZE);
	for_each_pio (pio, cell->config)
		trap_ports(bitmap, pio->base, pio->length, false);
	if (pm_timer)
		trap_ports(bitmap, pm_timer, PM_TIMER_PORTS, false);
	if (cell != &root_cell) {
		trap_ports(bitmap, PORT_KBD, 1, true);
		trap_ports(bitmap, PORT_POST, 1, true);
		trap_ports(bitmap, PORT_PCI_ADDRESS, 8, true);
	} else if (pci_is_trapped()) {
		trap_ports(bitmap, PORT_PCI_ADDRESS, 1, true);
		trap_ports(bitmap, PORT_PCI_DATA, 4, true);
	}
	return 0;
}

void ports_exit(struct cell *cell)
{
	pool_free(cell->arch.io_bitmap, IO_BITMAP_PAGES);
	cell->arch.io_bitmap = NULL;
}

void ports_take(const struct cell *cell)
{
	const struct cell_pio *pio;

	for_each_pio (pio, cell->config)
		for (u32 port = pio->base; port < (u32)pio->base + pio->length; port++)
			if (!port_is_common(port))
				trap_ports(root_cell.arch.io_bitmap, port, 1, true);
}

void ports_give(const struct cell *cell)
{
	const struct cell_pio *pio;

	for_each_pio (pio, cell->config)
		for (u32 port = pio->base; port < (u32)pio->base + pio->length; port++)
			if (config_has_port(root_cell.config, port))
				trap_ports(root_cell.arch.io_bitmap, port, 1, false);
}

static void set_result(struct vcpu_regs *regs, u8 size, u32 value)
{
	if (size == 4)
		regs->rax = value;
	else
		regs->rax = (regs->rax & ~((1UL << size * 8) - 1)) | (value & ((1UL << size * 8) - 1));
}

static u64 operand_bits(u8 size)
{
	return (1UL << size * 8) - 1;
}

/*
 * Config mechanism 1 (PCI Local Bus Specification 3.0, 3.2.2.3.2). Whatever is not 32 bits wide at its first port is
 * other registers of a PC: root's, if the ports are.
 */
static bool pci_port(struct pcpu *cpu, struct vcpu_regs *regs, const struct port_access *io)
{
	u32 *address = &cpu->cell->arch.pci_address, value = regs->rax & operand_bits(io->size);
	u16 bdf = *address >> 8, reg = (*address & 0xfc) | (io->port & 3);

	if (io->port == PORT_PCI_ADDRESS && io->size == 4) {
		if (io->in)
			regs->rax = *address;
		else
			*address = value;
		return true;
	}
	if (io->port < PORT_PCI_DATA || (io->port & 3) + io->size > 4)
		return false;
	if (!io->in)
		return pci_write(cpu->cell, bdf, reg, io->size, value);
	set_result(regs, io->size, pci_read(cpu->cell, bdf, reg, io->size));
	return true;
}

/* Root's ports around the two of PCI, which an access to the first of them would also have reached. */
static bool root_port(struct vcpu_regs *regs, const struct port_access *io)
{
	if (io->port != PORT_PCI_ADDRESS || io->size == 4)
		return false;
	if (io->in)
		set_result(regs, io->size, port_read(io->port, io->size));
	else
		port_write(io->port, io->size, (u32)regs->rax);
	return true;
}

/* The keyboard controller can reset the machine (0xfe) and switch A20 (0xd1). */
static bool kbd_port(const struct pcpu *cpu, struct vcpu_regs *regs, const struct port_access *io)
{
	u8 value = (u8)regs->rax;

	if (!config_has_port(cpu->cell->config, PORT_KBD) || io->size != 1)
		return false;
	if (io->in) {
		set_result(regs, 1, port_read8(PORT_KBD));
		return true;
	}
	if (value == 0xd1 || value >= 0xf0)
		return false;
	port_write8(PORT_KBD, value);
	return true;
}

bool handle_port(struct pcpu *cpu, struct vcpu_regs *regs, const struct port_access *io, struct violation *v)
{
	cpu->stats[CELL_STAT_X86_PIO]++;
	if (!io->string && cpu->cell != &root_cell) {
		if (io->port == PORT_POST && io->size == 1)
			return true;
		if (io->port == PORT_KBD && kbd_port(cpu, regs, io))
			return true;
	}
	if (!io->string && io->port >= PORT_PCI_ADDRESS && io->port < PORT_PCI_DATA + 4 &&
	    (cpu->cell != &root_cell || config_has_port(root_cell.config, io->port)) &&
	    (pci_port(cpu, regs, io) || (cpu->cell == &root_cell && root_port(regs, io))))
		return true;
	*v = (struct violation){ HV_CAUSE_PIO, io->size | (io->in ? 0 : HV_EVENT_WRITE), io->port,
				 io->in ? "read of a port" : "write to a port" };
	return false;
}
