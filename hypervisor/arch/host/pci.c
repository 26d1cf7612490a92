// SPDX-License-Identifier: GPL-2.0-only
/* PCI of the pretend machine: configuration space is memory, and a message is a set of CPUs. */
#include <hv/arch.h>
#include <hv/string.h>
#include "fake.h"

#define MESSAGE_MASK 0xffU

static u8 space[FAKE_FUNCTIONS][PAGE_SIZE];

u8 *fake_pci(u16 bdf, u16 reg)
{
	if (bdf >= FAKE_FUNCTIONS || reg >= PAGE_SIZE)
		fake_fault("there is no register 0x%x of function 0x%x", reg, bdf);
	return &space[bdf][reg];
}

static void check(u16 reg, u8 size)
{
	if ((size != 1 && size != 2 && size != 4) || (reg & 3) + size > 4 || reg & (size - 1))
		fake_fault("PCI access to 0x%x, %u bytes", reg, size);
}

u32 arch_pci_read(u16 bdf, u16 reg, u8 size)
{
	u32 value = 0;

	check(reg, size);
	memcpy(&value, fake_pci(bdf, reg), size);
	return value;
}

void arch_pci_write(u16 bdf, u16 reg, u8 size, u32 value)
{
	check(reg, size);
	memcpy(fake_pci(bdf, reg), &value, size);
	if (fake.on_pci_write)
		fake.on_pci_write(bdf);
}

bool arch_pci_reserved(u16 bdf)
{
	return fake.pci_reserved && bdf == fake.pci_reserved;
}

bool arch_msi_allowed(const struct cell *cell, u32 *address, u32 address_high, u32 data)
{
	u32 cpus = *address & MESSAGE_MASK, allowed = cpus & cell->cpus.bits[0];

	if ((*address & ~MESSAGE_MASK) != fake_message(0) || address_high || data > 0xff || !allowed)
		return false;
	*address = fake_message(allowed);
	return cell == &root_cell || allowed == cpus;
}

void arch_msi_send(const struct cell *cell, u32 address, u32 address_high, u32 data)
{
	if (!arch_msi_allowed(cell, &address, address_high, data))
		return;
	fake.messages++;
	fake.message_cpus = address & MESSAGE_MASK;
	fake.message_data = data;
}

void arch_msi_remap(const struct cell *cell, const struct cell_pci_device *device, u32 index, u32 count,
		    struct msi_message *m)
{
	if (fake.on_msi_remap)
		fake.on_msi_remap(cell, device, index, count, m);
}
