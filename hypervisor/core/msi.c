// SPDX-License-Identifier: GPL-2.0-only
/*
 * Message-signalled interrupts of PCI functions (PCI Local Bus Specification 3.0, 6.8).
 *
 * Messages are kept as the owner wrote them, and reach the hardware only while they name CPUs of the owner. Where a
 * function keeps them is its own word, not a configuration's.
 */
#include <hv/arch.h>
#include "pci.h"

#define REG_STATUS 0x06
#define STATUS_CAPS 0x0010
#define REG_CAPS 0x34
#define CAP_MSI 0x05
#define CAP_MSIX 0x11
#define MAX_CAPS 48
#define CAP_CONTROL 2 /* offset of the 16-bit control register of both */
#define MSI_ENABLE 0x0001
#define MSI_COUNT(control) (1U << ((control) >> 4 & 7))
#define MSI_64BIT 0x0080
#define MSI_ADDRESS 4 /* offset of the message; 8 or 12 bytes with the data */
#define MSIX_ENABLE 0x8000
#define MSIX_MASKED 1

/* The hardware's own list (6.7), of which no more than fits is looked at. */
static u16 find_capability(u16 bdf, u8 id)
{
	u16 at = arch_pci_read(bdf, REG_STATUS, 2) & STATUS_CAPS ? arch_pci_read(bdf, REG_CAPS, 1) & ~3 : 0;

	for (unsigned int i = 0; i < MAX_CAPS && at >= REG_HEADER_END; i++) {
		if (arch_pci_read(bdf, at, 1) == id)
			return at;
		at = arch_pci_read(bdf, at + 1, 1) & ~3;
	}
	return 0;
}

/* --- MSI --- */

static unsigned int msi_words(const struct pci_function *f)
{
	return f->msi_64bit ? 3 : 2;
}

/* May the owner's message be sent, perhaps less widely? *address is changed to what may. */
static bool msi_allowed(const struct pci_function *f, u32 *address)
{
	return arch_msi_allowed(f->owner, address, f->msi_64bit ? f->msi[1] : 0, f->msi[msi_words(f) - 1]);
}

static u16 control_of(const struct pci_function *f, u16 cap)
{
	return arch_pci_read(f->listed->bdf, cap + CAP_CONTROL, 2);
}

static void set_control(const struct pci_function *f, u16 cap, u16 value)
{
	arch_pci_write(f->listed->bdf, cap + CAP_CONTROL, 2, value);
}

static void msi_program(const struct pci_function *f, u32 address, u16 control)
{
	struct msi_message m = { address, f->msi_64bit ? f->msi[1] : 0, f->msi[msi_words(f) - 1] };
	u16 reg = f->msi_cap + MSI_ADDRESS;

	arch_msi_remap(f->owner, f->device, 0, MSI_COUNT(control), &m);
	arch_pci_write(f->listed->bdf, reg, 4, m.address);
	if (f->msi_64bit)
		arch_pci_write(f->listed->bdf, reg + 4, 4, m.address_high);
	arch_pci_write(f->listed->bdf, reg + 4 * (msi_words(f) - 1), 2, m.data);
}

/* Which word of the message a register is, or -1; the one before the first has the control register. */
static int msi_word(const struct pci_function *f, u16 reg)
{
	int word = (reg - f->msi_cap - MSI_ADDRESS) / 4;

	return f->msi_cap && reg >= f->msi_cap + MSI_ADDRESS && word < (int)msi_words(f) ? word : -1;
}

/* Enable or change; what root may not send is not enabled, a cell violates. */
static bool msi_update(const struct pci_function *f, u16 control)
{
	u32 address = f->msi[0];
	bool allowed = !(control & MSI_ENABLE) || msi_allowed(f, &address);

	if (!allowed && f->owner != &root_cell)
		return false;
	if (!allowed)
		control &= ~MSI_ENABLE;
	if (control & MSI_ENABLE) {
		set_control(f, f->msi_cap, control & ~MSI_ENABLE);
		msi_program(f, address, control);
	}
	set_control(f, f->msi_cap, control);
	return true;
}

static bool write_msi(struct pci_function *f, u16 reg, u8 size, u32 value)
{
	u16 control = control_of(f, f->msi_cap);
	int word = msi_word(f, reg);
	u32 before;

	if (word < 0) /* the control register is the upper half */
		return msi_update(f, pci_merge((u32)control << 16, reg, size, value) >> 16);
	before = f->msi[word];
	f->msi[word] = pci_merge(before, reg, size, value);
	f->msi[msi_words(f) - 1] &= 0xffff; /* the data */
	if (!(control & MSI_ENABLE) || msi_update(f, control))
		return true;
	f->msi[word] = before;
	return false;
}

static bool is_msi(const struct pci_function *f, u16 reg)
{
	return f->msi_cap && ((reg & ~3) == f->msi_cap || msi_word(f, reg) >= 0);
}

bool msi_covers(const struct pci_function *f, u16 reg)
{
	return is_msi(f, reg) || (f->msix_cap && (reg & ~3) == f->msix_cap);
}

bool msi_write(struct pci_function *f, u16 reg, u8 size, u32 value)
{
	if (is_msi(f, reg))
		return write_msi(f, reg, size, value);
	/* Without its table on the list, messages could go anywhere. */
	if (!f->msix && f->owner != &root_cell)
		return false;
	arch_pci_write(f->listed->bdf, reg, size, value);
	return true;
}

bool msi_read(const struct pci_function *f, u16 reg, u8 size, u32 *ret_value)
{
	int word = msi_word(f, reg);

	if (word >= 0)
		*ret_value = pci_extract(f->msi[word], reg, size);
	return word >= 0;
}

/* --- MSI-X --- */

static paddr_t msix_address(const struct pci_function *f, u32 vector, unsigned int word)
{
	return f->listed->msix_address + vector * sizeof(struct msix_entry) + word * 4;
}

static void msix_store(const struct pci_function *f, u32 vector, unsigned int word, u32 value)
{
	struct mmio_access a = { .size = 4, .write = true, .value = value };

	mmio_forward(msix_address(f, vector, word), &a);
}

static u32 msix_load(const struct pci_function *f, u32 vector, unsigned int word)
{
	struct mmio_access a = { .size = 4 };

	mmio_forward(msix_address(f, vector, word), &a);
	return a.value;
}

/* Masked while it changes, and for good if it may not be sent. */
static void msix_program(const struct pci_function *f, u32 vector, u32 address, bool allowed)
{
	const struct msix_entry *e = &f->msix[vector];
	struct msi_message m = { address, e->address_high, e->data };

	msix_store(f, vector, 3, e->control | MSIX_MASKED);
	if (!allowed || e->control & MSIX_MASKED)
		return;
	arch_msi_remap(f->owner, f->device, vector, 1, &m);
	msix_store(f, vector, 0, m.address);
	msix_store(f, vector, 1, m.address_high);
	msix_store(f, vector, 2, m.data);
	msix_store(f, vector, 3, e->control);
}

static bool msix_write(struct pci_function *f, u32 vector, unsigned int word, u32 value)
{
	struct msix_entry *e = &f->msix[vector];
	u32 before = e->words[word], address;
	bool allowed;

	e->words[word] = word == 3 ? value & MSIX_MASKED : value;
	address = e->address;
	allowed = e->control & MSIX_MASKED || arch_msi_allowed(f->owner, &address, e->address_high, e->data);
	if (!allowed && f->owner != &root_cell) {
		e->words[word] = before;
		return false;
	}
	msix_program(f, vector, address, allowed);
	return true;
}

/* The owner's CPUs have changed. */
static void msix_apply(const struct pci_function *f, u32 vector)
{
	const struct msix_entry *e = &f->msix[vector];
	u32 address = e->address;
	bool allowed;

	if (e->control & MSIX_MASKED)
		return;
	allowed = arch_msi_allowed(f->owner, &address, e->address_high, e->data);
	if (!allowed || msix_load(f, vector, 0) != address || msix_load(f, vector, 3) != e->control)
		msix_program(f, vector, address, allowed);
}

/* Entries are what the owner wrote; behind them, where the pending bits may be, it may read. */
bool msix_handle(struct pcpu *cpu, const struct mmio_window *w, struct mmio_access *a)
{
	struct pci_function *f = (struct pci_function *)w->context;
	u64 offset = a->address - f->listed->msix_address;
	bool ok = true;

	if (f->owner != cpu->cell || a->address < f->listed->msix_address || a->size != 4 || offset & 3)
		return false;
	if (offset >= f->device->num_msix_vectors * sizeof(struct msix_entry)) {
		if (!a->write)
			mmio_forward(a->address, a);
		return !a->write;
	}
	spin_lock(&f->lock);
	if (a->write)
		ok = msix_write(f, offset / 16, offset / 4 % 4, a->value);
	else
		a->value = f->msix[offset / 16].words[offset / 4 % 4];
	spin_unlock(&f->lock);
	return ok;
}

/* --- life of the function --- */

/* With memory decoding off the table is out of reach; then it is as after reset. */
static void adopt_table(struct pci_function *f)
{
	bool decodes = arch_pci_read(f->listed->bdf, REG_COMMAND, 2) & COMMAND_MEMORY;

	for (u32 v = 0; f->msix && v < f->listed->num_msix_vectors; v++) {
		f->msix[v] = (struct msix_entry){ .control = MSIX_MASKED };
		for (unsigned int i = 0; decodes && i < ARRAY_SIZE(f->msix[v].words); i++)
			f->msix[v].words[i] = msix_load(f, v, i);
	}
}

void msi_adopt(struct pci_function *f)
{
	u16 bdf = f->listed->bdf;

	f->msi_cap = find_capability(bdf, CAP_MSI);
	f->msix_cap = find_capability(bdf, CAP_MSIX);
	f->msi_64bit = f->msi_cap && control_of(f, f->msi_cap) & MSI_64BIT;
	for (unsigned int i = 0; f->msi_cap && i < msi_words(f); i++)
		f->msi[i] = arch_pci_read(bdf, f->msi_cap + MSI_ADDRESS + 4 * i, 4);
	f->msi[msi_words(f) - 1] &= 0xffff;
	adopt_table(f);
}

void msi_reset(struct pci_function *f)
{
	if (f->msi_cap)
		set_control(f, f->msi_cap, control_of(f, f->msi_cap) & ~MSI_ENABLE);
	if (f->msix_cap)
		set_control(f, f->msix_cap, control_of(f, f->msix_cap) & ~MSIX_ENABLE);
	for (u32 v = 0; f->msix && v < f->listed->num_msix_vectors; v++) {
		f->msix[v] = (struct msix_entry){ .control = MSIX_MASKED };
		msix_program(f, v, 0, false);
	}
	f->msi[0] = f->msi[1] = f->msi[2] = 0;
}

void msi_apply(struct pci_function *f)
{
	u16 control = f->msi_cap ? control_of(f, f->msi_cap) : 0;
	u32 address = f->msi[0];

	if (control & MSI_ENABLE &&
	    (!msi_allowed(f, &address) || address != arch_pci_read(f->listed->bdf, f->msi_cap + MSI_ADDRESS, 4)))
		msi_update(f, control);
	for (u32 v = 0; f->msix && v < f->listed->num_msix_vectors; v++)
		msix_apply(f, v);
}
