// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI on PCs: how configuration space is reached, and where a message-signalled interrupt goes (Intel SDM, "Message
 * Signalled Interrupts").
 */
#include <hv/arch.h>
#include <hv/lock.h>
#include <hv/mmio.h>
#include "apic.h"
#include "asm.h"
#include "iommu.h"

#define PORT_ADDRESS 0xcf8
#define PORT_DATA 0xcfc
#define ADDRESS_ENABLE 0x80000000U
#define ONE_BY_PORTS 0x100 /**< registers that the ports can reach */

#define MESSAGE_BASE 0xfee00000U
#define MESSAGE_BASE_MASK 0xfff00000U
#define MESSAGE_DEST(address) ((address) >> 12 & 0xff)
#define MESSAGE_DEST_MASK 0x000ff000U
#define MESSAGE_LOGICAL 0x4
#define MESSAGE_REMAPPED 0x10 /* Intel VT-d 5.1.5.2: the rest is an index into a table of root's */
#define MESSAGE_MODE(data) ((data) >> 8 & 7)
#define MESSAGE_MODE_LOWEST 1

/* Of the two ports. Root's own accesses to them are trapped wherever ours happen. */
static struct spinlock ports_lock;

static bool is_mapped(u16 bdf)
{
	return system_config->mmconfig_base && bdf >> 8 <= system_config->mmconfig_end_bus;
}

static paddr_t mapped_register(u16 bdf, u16 reg)
{
	return system_config->mmconfig_base + ((u64)bdf << 12) + reg;
}

static void select_register(u16 bdf, u16 reg)
{
	port_write32(PORT_ADDRESS, ADDRESS_ENABLE | (u32)bdf << 8 | (reg & 0xfc));
}

u32 arch_pci_read(u16 bdf, u16 reg, u8 size)
{
	struct mmio_access a = { .size = size };
	u32 value;

	if (is_mapped(bdf)) {
		mmio_forward(mapped_register(bdf, reg), &a);
		return a.value;
	}
	if (system_config->pci_is_virtual || reg >= ONE_BY_PORTS)
		return size == 4 ? 0xffffffffU : (1U << size * 8) - 1;
	spin_lock(&ports_lock);
	select_register(bdf, reg);
	value = port_read(PORT_DATA + (reg & 3), size);
	spin_unlock(&ports_lock);
	return value;
}

void arch_pci_write(u16 bdf, u16 reg, u8 size, u32 value)
{
	struct mmio_access a = { .size = size, .write = true, .value = value };

	if (is_mapped(bdf)) {
		mmio_forward(mapped_register(bdf, reg), &a);
		return;
	}
	if (system_config->pci_is_virtual || reg >= ONE_BY_PORTS)
		return;
	spin_lock(&ports_lock);
	select_register(bdf, reg);
	port_write(PORT_DATA + (reg & 3), size, value);
	spin_unlock(&ports_lock);
}

bool arch_msi_allowed(const struct cell *cell, u32 *address, u32 address_high, u32 data)
{
	u32 wanted = MESSAGE_DEST(*address), dest = wanted;
	bool root = cell == &root_cell;

	if ((*address & MESSAGE_BASE_MASK) != MESSAGE_BASE || address_high)
		return false;
	if (*address & MESSAGE_REMAPPED)
		return root;
	if (MESSAGE_MODE(data) > MESSAGE_MODE_LOWEST || !apic_narrow(cell, *address & MESSAGE_LOGICAL, &dest))
		return false;
	*address = (*address & ~MESSAGE_DEST_MASK) | dest << 12;
	return root || dest == wanted;
}

void arch_msi_send(const struct cell *cell, u32 address, u32 address_high, u32 data)
{
	struct iommu_target t;

	if (!arch_msi_allowed(cell, &address, address_high, data))
		return;
	if (!(address & MESSAGE_REMAPPED))
		apic_send_message(cell, MESSAGE_DEST(address), address & MESSAGE_LOGICAL, data);
	else if (iommu_root_message(address, data, &t))
		apic_send_message(cell, t.dest, t.logical, t.data);
}
