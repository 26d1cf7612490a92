/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * PCI configuration space by ports (PCI Local Bus Specification 3.0, 3.2.2.3.2).
 */
#include "inmate/apic.h"
#include "inmate/asm.h"
#include "inmate/pci.h"

#define PORT_ADDRESS 0xcf8
#define PORT_DATA 0xcfc
#define ADDRESS_ENABLE 0x80000000U
#define FUNCTIONS 256
#define REG_CAPS 0x34
#define MAX_CAPS 48
#define MESSAGE(apic_id) (0xfee00000U | (apic_id) << 12)

u32 pci_read(u32 bdf, u32 reg)
{
	outl(PORT_ADDRESS, ADDRESS_ENABLE | bdf << 8 | reg);
	return inl(PORT_DATA);
}

void pci_write(u32 bdf, u32 reg, u32 value)
{
	outl(PORT_ADDRESS, ADDRESS_ENABLE | bdf << 8 | reg);
	outl(PORT_DATA, value);
}

u32 pci_find(u16 vendor, u16 device, u32 bdf)
{
	for (; bdf < FUNCTIONS; bdf++)
		if (pci_read(bdf, 0) == ((u32)device << 16 | vendor))
			return bdf;
	return PCI_NONE;
}

u32 pci_find_cap(u32 bdf, u8 id)
{
	u32 at = pci_read(bdf, REG_CAPS) & 0xfc;

	for (unsigned int i = 0; at && i < MAX_CAPS; i++) {
		u32 header = pci_read(bdf, at);

		if ((header & 0xff) == id)
			return at;
		at = header >> 8 & 0xfc;
	}
	return 0;
}

void pci_msix_set(volatile u32 *table, unsigned int index, u8 vector)
{
	volatile u32 *entry = table + 4 * index;

	entry[0] = MESSAGE(apic_id());
	entry[1] = 0;
	entry[2] = vector;
	entry[3] = 0;
}
