// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI: configuration space of functions that belong to a cell, root included (abi 4.8, 4.9; register names as in the
 * PCI Local Bus Specification 3.0, chapter 6).
 *
 * Each function that root's configuration lists has one owner. Its BARs never move: owners see values of their own.
 * Messages are kept as the owner wrote them, and reach the hardware only while they name CPUs of the owner. Where a
 * function keeps them is its own word, not a configuration's.
 */
#include <hv/arch.h>
#include <hv/memory.h>
#include <hv/mmio.h>
#include <hv/pci.h>
#include <hv/pool.h>
#include <hv/print.h>

#define TYPE_DEVICE 1
#define TYPE_BRIDGE 2
#define NUM_BARS 6

#define REG_COMMAND 0x04
#define COMMAND_DECODE 0x0003 /**< I/O or memory */
#define COMMAND_MEMORY 0x0002
#define COMMAND_NO_INTX 0x0400
#define REG_STATUS 0x06
#define STATUS_CAPS 0x0010
#define REG_CACHE_LINE 0x0c
#define REG_BAR0 0x10
#define REG_BAR_END 0x28
#define REG_BRIDGE_IO 0x1c
#define REG_BRIDGE_WINDOWS 0x20
#define REG_BRIDGE_WINDOWS_END 0x34
#define REG_ROM 0x30
#define REG_CAPS 0x34
#define REG_INTERRUPT 0x3c
#define REG_HEADER_END 0x40

#define CONFIG_BYTES 0x1000
#define CAP_MSI 0x05
#define CAP_MSIX 0x11
#define MAX_CAPS 48
#define CAP_CONTROL 2 /**< offset of the 16-bit control register of both */
#define MSI_ENABLE 0x0001
#define MSI_64BIT 0x0080
#define MSI_ADDRESS 4 /**< offset of the message; 8 or 12 bytes with the data */
#define MSIX_ENABLE 0x8000
#define MSIX_MASKED 1

#define BDF "%04x:%02x:%02x.%u"
#define BDF_OF(d) (d)->domain, (d)->bdf >> 8, (d)->bdf >> 3 & 0x1f, (d)->bdf & 7

/* An entry of an MSI-X table (6.8.2.6 to 6.8.2.9). */
struct msix_entry {
	union {
		struct {
			u32 address, address_high, data, control;
		};
		u32 words[4];
	};
};

/* A function, from setup on. Owner and its configuration change while root and the cell are suspended. */
struct pci_function {
	const struct cell_pci_device *listed; /* by root's configuration */
	const struct cell *owner;
	const struct cell_pci_device *device; /* by the owner's */
	struct spinlock lock;
	u16 msi_cap, msix_cap; /* where the hardware has them; 0: nowhere */
	bool msi_64bit;
	u32 bars[NUM_BARS];	     /* as the owner sees them */
	u32 hardware_bars[NUM_BARS]; /* where they are */
	u32 msi[3];		     /* address, high half or data, data */
	struct msix_entry *msix;
};

static struct pci_function *functions;
static u32 num_functions;

static bool is_physical(const struct cell_pci_device *d)
{
	return d->type == TYPE_DEVICE || d->type == TYPE_BRIDGE;
}

#define for_each_device(d, config)                                                                                    \
	for ((d) = CONFIG_ARRAY(config, cell_pci_device, cell_config_pci_offset(config));                             \
	     (d) < CONFIG_ARRAY(config, cell_pci_device, cell_config_pci_offset(config)) + (config)->num_pci_devices; \
	     (d)++)

#define for_each_function(f) for ((f) = functions; (f) < functions + num_functions; (f)++)

static struct pci_function *find_function(u16 bdf)
{
	struct pci_function *f;

	for_each_function (f)
		if (f->listed->bdf == bdf)
			return f;
	return NULL;
}

/* The first entry of a cell for a function counts. */
static bool is_first(const struct cell *cell, const struct cell_pci_device *device)
{
	const struct cell_pci_device *d;

	for_each_device (d, cell->config)
		if (is_physical(d) && d->bdf == device->bdf)
			return d == device;
	return false;
}

bool pci_is_moderated(void)
{
	return num_functions > 0;
}

/* --- capabilities --- */

static const struct cell_pci_cap *caps_of(const struct pci_function *f)
{
	const struct cell_config *config = f->owner->config;

	return CONFIG_ARRAY(config, cell_pci_cap, cell_config_pci_cap_offset(config)) + f->device->caps_start;
}

/* The capability that has all bytes of an access, or NULL. */
static const struct cell_pci_cap *cap_at(const struct pci_function *f, u16 reg, u8 size)
{
	const struct cell_pci_cap *cap = caps_of(f);

	for (u32 i = 0; i < f->device->num_caps; i++, cap++)
		if (reg >= cap->start && (u32)reg + size <= (u32)cap->start + cap->len)
			return cap;
	return NULL;
}

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

/* --- bytes of a register of four --- */

static u32 byte_mask(u16 reg, u8 size)
{
	return (size == 4 ? 0xffffffffU : (1U << size * 8) - 1) << (reg & 3) * 8;
}

/* A register of four bytes after a write to some of them. */
static u32 merge(u32 old, u16 reg, u8 size, u32 value)
{
	u32 mask = byte_mask(reg, size);

	return (old & ~mask) | (value << (reg & 3) * 8 & mask);
}

static u32 extract(u32 word, u16 reg, u8 size)
{
	return (word & byte_mask(reg, size)) >> (reg & 3) * 8;
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

static void msi_program(const struct pci_function *f, u32 address)
{
	u16 reg = f->msi_cap + MSI_ADDRESS;

	arch_pci_write(f->listed->bdf, reg, 4, address);
	if (f->msi_64bit)
		arch_pci_write(f->listed->bdf, reg + 4, 4, f->msi[1]);
	arch_pci_write(f->listed->bdf, reg + 4 * (msi_words(f) - 1), 2, f->msi[msi_words(f) - 1]);
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
		msi_program(f, address);
	}
	set_control(f, f->msi_cap, control);
	return true;
}

/* To the control register or the message. */
static bool msi_write(struct pci_function *f, u16 reg, u8 size, u32 value)
{
	u16 control = control_of(f, f->msi_cap);
	int word = msi_word(f, reg);
	u32 before;

	if (word < 0) /* the control register is the upper half */
		return msi_update(f, merge((u32)control << 16, reg, size, value) >> 16);
	before = f->msi[word];
	f->msi[word] = merge(before, reg, size, value);
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

	msix_store(f, vector, 3, e->control | MSIX_MASKED);
	if (!allowed || e->control & MSIX_MASKED)
		return;
	msix_store(f, vector, 0, address);
	msix_store(f, vector, 1, e->address_high);
	msix_store(f, vector, 2, e->data);
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
static bool handle_msix(struct pcpu *cpu, const struct mmio_window *w, struct mmio_access *a)
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

/* --- configuration space --- */

static u32 read_owned(const struct pci_function *f, u16 reg, u8 size)
{
	int word = msi_word(f, reg);

	if (f->device->type == TYPE_DEVICE && reg >= REG_BAR0 && reg < REG_BAR_END)
		return extract(f->bars[(reg - REG_BAR0) / 4], reg, size);
	if (f->device->type == TYPE_DEVICE && (reg & ~3) == REG_ROM)
		return 0;
	if (word >= 0)
		return extract(f->msi[word], reg, size);
	return arch_pci_read(f->listed->bdf, reg, size);
}

/* What may be done with a register of the header. */
enum rule { FORBIDDEN, IGNORED, DIRECT, BAR };

static enum rule device_rule(u16 reg, u32 bytes)
{
	switch (reg & ~3) {
	case REG_COMMAND:
	case REG_CACHE_LINE:
		return DIRECT;
	case REG_ROM:
		return IGNORED;
	case REG_INTERRUPT:
		return bytes & ~0xffU ? FORBIDDEN : DIRECT;
	default:
		return reg >= REG_BAR0 && reg < REG_BAR_END ? BAR : FORBIDDEN;
	}
}

static enum rule bridge_rule(u16 reg, u32 bytes)
{
	switch (reg & ~3) {
	case REG_COMMAND:
	case REG_CACHE_LINE:
		return DIRECT;
	case REG_BRIDGE_IO:
		return bytes & 0xffff0000U ? FORBIDDEN : IGNORED;
	case REG_INTERRUPT:
		return bytes & 0xff00U ? FORBIDDEN : DIRECT;
	default:
		return reg >= REG_BRIDGE_WINDOWS && reg < REG_BRIDGE_WINDOWS_END ? IGNORED : FORBIDDEN;
	}
}

/* A reset that the function did itself, as by its power state, must not move it when it decodes again. */
static void restore_bars(const struct pci_function *f)
{
	u16 bdf = f->listed->bdf;

	for (unsigned int i = 0; i < NUM_BARS && f->listed->type == TYPE_DEVICE; i++)
		if (arch_pci_read(bdf, REG_BAR0 + 4 * i, 4) != f->hardware_bars[i]) {
			arch_pci_write(bdf, REG_COMMAND, 2, 0);
			arch_pci_write(bdf, REG_BAR0 + 4 * i, 4, f->hardware_bars[i]);
		}
}

static bool write_header(struct pci_function *f, u16 reg, u8 size, u32 value)
{
	u32 bytes = byte_mask(reg, size), bar = (reg - REG_BAR0) / 4, mask;

	switch (f->device->type == TYPE_BRIDGE ? bridge_rule(reg, bytes) : device_rule(reg, bytes)) {
	case IGNORED:
		return true;
	case DIRECT:
		if (reg == REG_COMMAND && value & COMMAND_DECODE)
			restore_bars(f);
		arch_pci_write(f->listed->bdf, reg, size, value);
		return true;
	case BAR:
		mask = f->device->bar_mask[bar];
		f->bars[bar] = (f->bars[bar] & ~mask) | (merge(f->bars[bar], reg, size, value) & mask);
		return true;
	default:
		return false;
	}
}

static bool write_owned(struct pci_function *f, u16 reg, u8 size, u32 value)
{
	const struct cell_pci_cap *cap;

	if (reg < REG_HEADER_END)
		return write_header(f, reg, size, value);
	cap = cap_at(f, reg, size);
	if (!cap || !(cap->flags & CELL_PCI_CAP_WRITE))
		return false;
	if (is_msi(f, reg))
		return msi_write(f, reg, size, value);
	/* Without its table on the list, messages could go anywhere. */
	if (f->msix_cap && (reg & ~3) == f->msix_cap && !f->msix && f->owner != &root_cell)
		return false;
	arch_pci_write(f->listed->bdf, reg, size, value);
	return true;
}

u32 pci_read(const struct cell *cell, u16 bdf, u16 reg, u8 size)
{
	struct pci_function *f = find_function(bdf);
	u32 value;

	if (!f || f->owner != cell)
		return byte_mask(0, size);
	spin_lock(&f->lock);
	value = read_owned(f, reg, size);
	spin_unlock(&f->lock);
	return value;
}

bool pci_write(const struct cell *cell, u16 bdf, u16 reg, u8 size, u32 value)
{
	struct pci_function *f = find_function(bdf);
	bool ok;

	if (!f || f->owner != cell)
		return false;
	spin_lock(&f->lock);
	ok = write_owned(f, reg, size, value);
	spin_unlock(&f->lock);
	return ok;
}

/* The memory-mapped form: 4 KiB per function (PCI Express Base Specification 3.0, 7.2.2). */
static bool handle_config(struct pcpu *cpu, const struct mmio_window *w, struct mmio_access *a)
{
	u64 offset = a->address - w->start;
	u16 bdf = offset >> 12, reg = offset & 0xfff;

	if (a->size > 4 || (reg & 3) + a->size > 4)
		return false;
	if (a->write)
		return pci_write(cpu->cell, bdf, reg, a->size, a->value);
	a->value = pci_read(cpu->cell, bdf, reg, a->size);
	return true;
}

/* --- life of cells --- */

/* Take a range that may be mapped out of a cell's tables and trap it instead. */
static int trap(struct cell *cell, u64 start, u64 size, mmio_handler *handler, const void *context)
{
	const struct mmio_window window = { start, size, handler, context };
	int err = paging_split(&cell->stage2, start, size);

	if (err)
		return refuse(err, "cell %s: cannot trap 0x%llx+0x%llx", cell->name, (unsigned long long)start,
			      (unsigned long long)size);
	paging_unmap(&cell->stage2, start, size);
	return mmio_add(cell, &window);
}

static int trap_config(struct cell *cell)
{
	if (!system_config->mmconfig_base)
		return 0;
	return trap(cell, system_config->mmconfig_base, (system_config->mmconfig_end_bus + 1UL) << 20, handle_config,
		    NULL);
}

static paddr_t msix_page(const struct cell_pci_device *d)
{
	return d->msix_address & PAGE_MASK;
}

static u64 msix_size(const struct cell_pci_device *d)
{
	u64 table = d->num_msix_vectors * sizeof(struct msix_entry);

	return PAGE_ALIGN(d->msix_address + MAX(table, d->msix_region_size)) - msix_page(d);
}

static int trap_msix(struct cell *cell, const struct pci_function *f)
{
	const struct cell_pci_device *d = f->listed;
	const char *reserved = d->msix_address ? arch_reserved(msix_page(d), msix_size(d)) : NULL;

	if (reserved)
		return refuse(-EINVAL, "cell %s: PCI device " BDF ": its MSI-X table touches the %s", cell->name,
			      BDF_OF(d), reserved);
	return d->msix_address ? trap(cell, msix_page(d), msix_size(d), handle_msix, f) : 0;
}

bool pci_reserved(paddr_t start, u64 size)
{
	const struct pci_function *f;

	for_each_function (f)
		if (f->listed->msix_address && ranges_overlap(start, size, msix_page(f->listed), msix_size(f->listed)))
			return true;
	return false;
}

static int check_device(const struct cell *cell, const struct cell_pci_device *d)
{
	const struct cell_config *config = cell->config;
	const struct cell_pci_cap *caps = CONFIG_ARRAY(config, cell_pci_cap, cell_config_pci_cap_offset(config));
	bool ok = (u32)d->caps_start + d->num_caps <= config->num_pci_caps;

	for (u32 i = 0; ok && i < d->num_caps; i++)
		ok = (u32)caps[d->caps_start + i].start + caps[d->caps_start + i].len <= CONFIG_BYTES;
	return ok ? 0
		  : refuse(-EINVAL, "cell %s: PCI device " BDF ": its capabilities cannot be", cell->name, BDF_OF(d));
}

/* What the hardware holds is root's. */
static void adopt(struct pci_function *f)
{
	u16 bdf = f->listed->bdf;

	f->msi_cap = find_capability(bdf, CAP_MSI);
	f->msix_cap = find_capability(bdf, CAP_MSIX);
	f->msi_64bit = f->msi_cap && control_of(f, f->msi_cap) & MSI_64BIT;
	for (unsigned int i = 0; i < NUM_BARS && f->listed->type == TYPE_DEVICE; i++)
		f->bars[i] = f->hardware_bars[i] = arch_pci_read(bdf, REG_BAR0 + 4 * i, 4);
	for (unsigned int i = 0; f->msi_cap && i < msi_words(f); i++)
		f->msi[i] = arch_pci_read(bdf, f->msi_cap + MSI_ADDRESS + 4 * i, 4);
	if (f->msi_cap)
		f->msi[msi_words(f) - 1] &= 0xffff;
	for (u32 v = 0; f->msix && v < f->listed->num_msix_vectors; v++)
		for (unsigned int i = 0; i < 4; i++)
			f->msix[v].words[i] =
				arch_pci_read(bdf, REG_COMMAND, 2) & COMMAND_MEMORY ? msix_load(f, v, i) : i == 3;
}

/* Room for all functions and, behind them, their MSI-X entries. */
static int alloc_functions(void)
{
	const struct cell_pci_device *d;
	u64 n = 0, vectors = 0, pages;
	struct msix_entry *entries;
	struct pci_function *f;

	for_each_device (d, root_cell.config) {
		n += is_physical(d);
		vectors += d->msix_address ? d->num_msix_vectors : 0;
	}
	if (!n)
		return 0;
	pages = PAGE_ALIGN(n * sizeof(*f) + vectors * sizeof(*entries)) / PAGE_SIZE;
	functions = pool_alloc(pages);
	if (!functions)
		return refuse(-ENOMEM, "no pages left for %u PCI devices", (u32)n);
	entries = (struct msix_entry *)(functions + n);
	f = functions;
	for_each_device (d, root_cell.config) {
		if (!is_physical(d) || !is_first(&root_cell, d))
			continue;
		*f = (struct pci_function){ .listed = d, .owner = &root_cell, .device = d };
		f->msix = d->msix_address ? entries : NULL;
		entries += d->msix_address ? d->num_msix_vectors : 0;
		f++;
	}
	num_functions = f - functions;
	return 0;
}

int pci_init(void)
{
	struct pci_function *f;
	int err = alloc_functions();

	for_each_function (f) {
		if (!err)
			err = check_device(&root_cell, f->listed);
		if (!err)
			err = trap_msix(&root_cell, f);
		if (!err)
			adopt(f);
	}
	return err || !num_functions ? err : trap_config(&root_cell);
}

static int check_owner(const struct cell *cell, const struct cell_pci_device *d)
{
	const struct pci_function *f = find_function(d->bdf);

	if (!f || f->owner != &root_cell || f->listed->domain != d->domain)
		return refuse(-EBUSY, "cell %s: PCI device " BDF " is not root's", cell->name, BDF_OF(d));
	if (f->listed->type != d->type || f->listed->msix_address != d->msix_address ||
	    f->listed->num_msix_vectors < d->num_msix_vectors)
		return refuse(-EINVAL, "cell %s: PCI device " BDF " differs from root's", cell->name, BDF_OF(d));
	return check_device(cell, d);
}

int pci_init_cell(struct cell *cell)
{
	const struct cell_pci_device *d;
	int err = trap_config(cell);

	for_each_device (d, cell->config) {
		if (!err && is_physical(d))
			err = check_owner(cell, d);
		if (!err && is_physical(d) && is_first(cell, d))
			err = trap_msix(cell, find_function(d->bdf));
	}
	return err;
}

/* abi 4.9: memory on, so that the table can be reached; then nothing. */
static void reset_function(struct pci_function *f)
{
	u16 bdf = f->listed->bdf;

	restore_bars(f);
	arch_pci_write(bdf, REG_COMMAND, 2, COMMAND_MEMORY);
	if (f->msi_cap)
		set_control(f, f->msi_cap, control_of(f, f->msi_cap) & ~MSI_ENABLE);
	if (f->msix_cap)
		set_control(f, f->msix_cap, control_of(f, f->msix_cap) & ~MSIX_ENABLE);
	for (u32 v = 0; f->msix && v < f->listed->num_msix_vectors; v++) {
		f->msix[v] = (struct msix_entry){ .control = MSIX_MASKED };
		msix_program(f, v, 0, false);
	}
	arch_pci_write(bdf, REG_COMMAND, 2, COMMAND_NO_INTX);
	for (unsigned int i = 0; i < NUM_BARS; i++)
		f->bars[i] = f->hardware_bars[i];
	f->msi[0] = f->msi[1] = f->msi[2] = 0;
}

void pci_reset(const struct cell *cell)
{
	struct pci_function *f;

	for_each_function (f)
		if (f->owner == cell && f->device->type == TYPE_DEVICE)
			reset_function(f);
}

/* Root's CPUs are others now, and so are those that its messages may reach. What stays as it is is not touched. */
static void apply_root(void)
{
	struct pci_function *f;

	for_each_function (f) {
		u32 address = f->msi[0];
		u16 control;

		if (f->owner != &root_cell)
			continue;
		control = f->msi_cap ? control_of(f, f->msi_cap) : 0;
		if (control & MSI_ENABLE && (!msi_allowed(f, &address) ||
					     address != arch_pci_read(f->listed->bdf, f->msi_cap + MSI_ADDRESS, 4)))
			msi_update(f, control);
		for (u32 v = 0; f->msix && v < f->listed->num_msix_vectors; v++)
			msix_apply(f, v);
	}
}

void pci_take(struct cell *cell)
{
	const struct cell_pci_device *d;

	for_each_device (d, cell->config) {
		struct pci_function *f = is_physical(d) && is_first(cell, d) ? find_function(d->bdf) : NULL;

		if (!f)
			continue;
		if (d->type == TYPE_DEVICE)
			reset_function(f);
		f->owner = cell;
		f->device = d;
	}
	apply_root();
}

void pci_give(const struct cell *cell)
{
	struct pci_function *f;

	for_each_function (f)
		if (f->owner == cell) {
			f->owner = &root_cell;
			f->device = f->listed;
		}
	apply_root();
}
