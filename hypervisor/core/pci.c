// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI: configuration space of functions that belong to a cell, root included (abi 4.8, 4.9; register names as in the
 * PCI Local Bus Specification 3.0, chapter 6).
 *
 * Each function that root's configuration lists has one owner. Its BARs never move: owners see values of their own.
 */
#include <hv/arch.h>
#include <hv/ivshmem.h>
#include <hv/memory.h>
#include <hv/mmio.h>
#include <hv/pci.h>
#include <hv/pool.h>
#include <hv/print.h>
#include "pci.h"

#define REG_CACHE_LINE 0x0c
#define REG_BRIDGE_IO 0x1c
#define REG_BRIDGE_WINDOWS 0x20
#define REG_BRIDGE_WINDOWS_END 0x34
#define REG_ROM 0x30

#define CONFIG_BYTES 0x1000

static struct pci_function *functions;
static u32 num_functions;

static bool is_physical(const struct cell_pci_device *d)
{
	return d->type == TYPE_DEVICE || d->type == TYPE_BRIDGE;
}

#define for_each_function(f) for ((f) = functions; (f) < functions + num_functions; (f)++)

static struct pci_function *find_function(u16 bdf)
{
	struct pci_function *f;

	for_each_function (f)
		if (f->listed->bdf == bdf)
			return f;
	return NULL;
}

/* The first entry of a cell for a function counts; a virtual device is none. */
static bool is_first(const struct cell *cell, const struct cell_pci_device *device)
{
	const struct cell_pci_device *d;

	for_each_device (d, cell->config)
		if (is_physical(d) && d->bdf == device->bdf)
			return d == device;
	return false;
}

/* Asked for before there are functions. Virtual devices alone leave root its physical ones. */
bool pci_is_moderated(void)
{
	const struct cell_pci_device *d;

	for_each_device (d, root_cell.config)
		if (is_physical(d))
			return true;
	return false;
}

bool pci_is_trapped(void)
{
	const struct cell_pci_device *d;

	for_each_device (d, root_cell.config)
		if (is_physical(d) || d->type == TYPE_IVSHMEM)
			return true;
	return false;
}

const struct cell *pci_owner(u16 bdf)
{
	const struct pci_function *f = find_function(bdf);

	return f ? f->owner : &root_cell;
}

static bool is_direct(const struct cell *cell)
{
	return cell == &root_cell && !num_functions && !system_config->pci_is_virtual;
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

/* --- configuration space --- */

static u32 read_owned(const struct pci_function *f, u16 reg, u8 size)
{
	u32 value;

	if (f->device->type == TYPE_DEVICE && reg >= REG_BAR0 && reg < REG_BAR_END)
		return pci_extract(f->bars[(reg - REG_BAR0) / 4], reg, size);
	if (f->device->type == TYPE_DEVICE && (reg & ~3) == REG_ROM)
		return 0;
	return msi_read(f, reg, size, &value) ? value : arch_pci_read(f->listed->bdf, reg, size);
}

enum pci_rule pci_device_rule(u16 reg, u32 bytes)
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

static enum pci_rule bridge_rule(u16 reg, u32 bytes)
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

	for (unsigned int i = 0; i < PCI_BARS && f->listed->type == TYPE_DEVICE; i++)
		if (arch_pci_read(bdf, REG_BAR0 + 4 * i, 4) != f->hardware_bars[i]) {
			arch_pci_write(bdf, REG_COMMAND, 2, 0);
			arch_pci_write(bdf, REG_BAR0 + 4 * i, 4, f->hardware_bars[i]);
		}
}

static bool write_header(struct pci_function *f, u16 reg, u8 size, u32 value)
{
	u32 bytes = pci_byte_mask(reg, size), bar = (reg - REG_BAR0) / 4, mask;

	switch (f->device->type == TYPE_BRIDGE ? bridge_rule(reg, bytes) : pci_device_rule(reg, bytes)) {
	case IGNORED:
		return true;
	case DIRECT:
		if (reg == REG_COMMAND && value & COMMAND_DECODE)
			restore_bars(f);
		arch_pci_write(f->listed->bdf, reg, size, value);
		return true;
	case BAR:
		mask = f->device->bar_mask[bar];
		f->bars[bar] = (f->bars[bar] & ~mask) | (pci_merge(f->bars[bar], reg, size, value) & mask);
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
	if (msi_covers(f, reg))
		return msi_write(f, reg, size, value);
	arch_pci_write(f->listed->bdf, reg, size, value);
	return true;
}

u32 pci_read(const struct cell *cell, u16 bdf, u16 reg, u8 size)
{
	struct ivshmem *shmem = ivshmem_find(cell, bdf);
	struct pci_function *f = find_function(bdf);
	u32 value;

	if (shmem)
		return ivshmem_config_read(shmem, reg, size);
	if (is_direct(cell))
		return arch_pci_read(bdf, reg, size);
	if (!f || f->owner != cell)
		return pci_byte_mask(0, size);
	spin_lock(&f->lock);
	value = read_owned(f, reg, size);
	spin_unlock(&f->lock);
	return value;
}

bool pci_write(const struct cell *cell, u16 bdf, u16 reg, u8 size, u32 value)
{
	struct ivshmem *shmem = ivshmem_find(cell, bdf);
	struct pci_function *f = find_function(bdf);
	bool ok;

	if (shmem)
		return ivshmem_config_write(shmem, reg, size, value);
	if (is_direct(cell)) {
		arch_pci_write(bdf, reg, size, value);
		return true;
	}
	if (!f || f->owner != cell)
		return false;
	if (arch_pci_reserved(bdf))
		return true;
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
	int err = memory_hide(cell, start, size);

	if (err)
		return refuse(err, "cell %s: cannot trap 0x%llx+0x%llx", cell->name, (unsigned long long)start,
			      (unsigned long long)size);
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
	return d->msix_address ? trap(cell, msix_page(d), msix_size(d), msix_handle, f) : 0;
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

	for (unsigned int i = 0; i < PCI_BARS && f->listed->type == TYPE_DEVICE; i++)
		f->bars[i] = f->hardware_bars[i] = arch_pci_read(bdf, REG_BAR0 + 4 * i, 4);
	msi_adopt(f);
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
		if (!is_first(&root_cell, d))
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
		if (!err) {
			adopt(f);
			arch_dma_attach(&root_cell, f->listed);
		}
	}
	if (!err)
		err = ivshmem_init(&root_cell);
	if (!err)
		ivshmem_attach(&root_cell);
	return err || !pci_is_trapped() ? err : trap_config(&root_cell);
}

static int check_owner(const struct cell *cell, const struct cell_pci_device *d)
{
	const struct pci_function *f = find_function(d->bdf);

	if (!f || f->owner != &root_cell || f->listed->domain != d->domain || arch_pci_reserved(d->bdf))
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
		if (!err && is_first(cell, d))
			err = trap_msix(cell, find_function(d->bdf));
	}
	return err ? err : ivshmem_init(cell);
}

/* abi 4.9: memory on, so that the table can be reached; then nothing. */
static void reset_function(struct pci_function *f)
{
	u16 bdf = f->listed->bdf;

	restore_bars(f);
	arch_pci_write(bdf, REG_COMMAND, 2, COMMAND_MEMORY);
	msi_reset(f);
	arch_pci_write(bdf, REG_COMMAND, 2, COMMAND_NO_INTX);
	for (unsigned int i = 0; i < PCI_BARS; i++)
		f->bars[i] = f->hardware_bars[i];
}

void pci_reset(const struct cell *cell)
{
	struct pci_function *f;

	for_each_function (f)
		if (f->owner == cell && f->device->type == TYPE_DEVICE) {
			reset_function(f);
			arch_dma_attach(cell, f->device);
		}
	ivshmem_reset(cell);
}

/* Root's CPUs are others now, and so are those that its messages may reach. */
static void apply_root(void)
{
	struct pci_function *f;

	for_each_function (f)
		if (f->owner == &root_cell && !arch_pci_reserved(f->listed->bdf))
			msi_apply(f);
	ivshmem_settle();
}

void pci_take(struct cell *cell)
{
	const struct cell_pci_device *d;

	for_each_device (d, cell->config) {
		struct pci_function *f = is_first(cell, d) ? find_function(d->bdf) : NULL;

		if (!f)
			continue;
		if (d->type == TYPE_DEVICE)
			reset_function(f);
		f->owner = cell;
		f->device = d;
		arch_dma_attach(cell, d);
	}
	ivshmem_attach(cell);
	apply_root();
}

void pci_give(const struct cell *cell)
{
	struct pci_function *f;

	for_each_function (f)
		if (f->owner == cell) {
			f->owner = &root_cell;
			f->device = f->listed;
			arch_dma_attach(&root_cell, f->listed);
		}
	apply_root();
}
