// SPDX-License-Identifier: GPL-2.0-only
/*
 * I/O APICs (82093AA datasheet, chapter 3): each pin belongs to one cell, and reaches CPUs of that cell only.
 *
 * The chip's registers are behind an index and a data register that all cells would have to share, so the page is
 * trapped for every cell that has pins. It is for root, too, but only if root's configuration lists the chip; then all
 * pins are root's that no cell has. What a cell programs is kept, checked, and written to the chip if it may take
 * effect. What root programs while a cell has the pin takes effect when root has it again.
 */
#include <hv/arch.h>
#include <hv/memory.h>
#include <hv/mmio.h>
#include <hv/pool.h>
#include <hv/print.h>
#include "apic.h"
#include "asm.h"
#include "host.h"
#include "ioapic.h"
#include "iommu.h"

#define OFFSET_INDEX 0x00
#define OFFSET_DATA 0x10
#define OFFSET_EOI 0x40
#define REG_VERSION 0x01
#define REG_ENTRIES 0x10
#define REG_ENTRY(pin) (REG_ENTRIES + 2 * (pin))
#define VERSION_PINS(version) (((version) >> 16 & 0xff) + 1)
#define MAX_PINS 120

#define ENTRY_MODE(e) ((e) >> 8 & 7)
#define ENTRY_MODE_FIXED 0
#define ENTRY_MODE_LOWEST 1
#define ENTRY_MODE_SMI 2
#define ENTRY_MODE_INIT 5
#define ENTRY_LOGICAL (1UL << 11)
#define ENTRY_STATUS (1UL << 12 | 1UL << 14) /* delivery status, remote IRR: read-only */
#define ENTRY_MASKED (1UL << 16)
#define ENTRY_REMAPPED (1UL << 48) /* Intel VT-d 5.1.5.1: the rest is an index into a table of root's */
#define ENTRY_RESERVED 0x00fffffffffe0000UL
#define ENTRY_DEST_SHIFT 56
#define ENTRY_DEST(e) ((u32)((e) >> ENTRY_DEST_SHIFT))

/** struct pins - a set of pins of one chip */
struct pins {
	u64 bits[2];
};

/** struct ioapic_view - what a cell has of a chip */
struct ioapic_view {
	struct chip *chip;
	struct pins configured; /**< by the cell's configuration */
	struct pins owned;	/**< root: without those that cells have */
	u32 index;		/**< what the cell selected last */
};

/* A chip that root lists. Its pool page holds what root programmed. */
struct chip {
	struct chip *next;
	u64 address;
	volatile u8 *registers;
	u32 pins;
	struct spinlock lock; /* of the registers and the entries below */
	u64 root_entries[MAX_PINS];
	u64 cell_entries[MAX_PINS]; /* of whichever cell has the pin */
};

_Static_assert(sizeof(struct chip) <= PAGE_SIZE, "chip fits its page");

static struct chip *chips;

static bool pins_has(const struct pins *p, u32 pin)
{
	return pin < MAX_PINS && p->bits[pin / 64] >> (pin % 64) & 1;
}

static void pins_set(struct pins *p, u32 pin, bool value)
{
	u64 bit = 1UL << (pin % 64);

	p->bits[pin / 64] = value ? p->bits[pin / 64] | bit : p->bits[pin / 64] & ~bit;
}

/* --- the chip; all of it under the chip's lock --- */

static u32 chip_read(const struct chip *c, u32 reg)
{
	mmio_write32(c->registers + OFFSET_INDEX, reg);
	return mmio_read32(c->registers + OFFSET_DATA);
}

static void chip_write(const struct chip *c, u32 reg, u32 value)
{
	mmio_write32(c->registers + OFFSET_INDEX, reg);
	mmio_write32(c->registers + OFFSET_DATA, value);
}

static u64 entry_read(const struct chip *c, u32 pin)
{
	u64 entry = chip_read(c, REG_ENTRY(pin)) | (u64)chip_read(c, REG_ENTRY(pin) + 1) << 32;

	return entry & ~ENTRY_STATUS;
}

/* No moment at which the pin is unmasked with a destination that goes with another entry. */
static void entry_write(const struct chip *c, u32 pin, u64 entry)
{
	if (entry & ENTRY_MASKED)
		chip_write(c, REG_ENTRY(pin), entry);
	chip_write(c, REG_ENTRY(pin) + 1, entry >> 32);
	if (!(entry & ENTRY_MASKED))
		chip_write(c, REG_ENTRY(pin), entry);
}

/* --- what may take effect --- */

/* Can the entry reach a CPU of the cell? *ret_dest: its destination without those that are not the cell's. */
static bool reaches(const struct cell *cell, u64 entry, u32 *ret_dest)
{
	*ret_dest = ENTRY_DEST(entry);
	return apic_narrow(cell, entry & ENTRY_LOGICAL, ret_dest);
}

/* May a cell's entry be written to the chip as it is? */
static bool entry_allowed(const struct cell *cell, u64 entry)
{
	u32 mode = ENTRY_MODE(entry), dest;

	if (entry & ENTRY_MASKED)
		return true;
	return (mode == ENTRY_MODE_FIXED || mode == ENTRY_MODE_LOWEST) && reaches(cell, entry, &dest) &&
	       dest == ENTRY_DEST(entry);
}

/* Root's is narrowed to the CPUs that it has, and masked if none of them could take it. */
static u64 narrowed_entry(u64 entry)
{
	u32 mode = ENTRY_MODE(entry), dest;

	if (entry & (ENTRY_MASKED | ENTRY_REMAPPED))
		return entry;
	if (mode == ENTRY_MODE_SMI || mode == ENTRY_MODE_INIT || !reaches(&root_cell, entry, &dest))
		return entry | ENTRY_MASKED;
	return (entry & ~(0xffUL << ENTRY_DEST_SHIFT)) | (u64)dest << ENTRY_DEST_SHIFT;
}

/* --- guests --- */

static u64 *entry_of(const struct cell *cell, struct chip *c, u32 pin)
{
	return cell == &root_cell ? &c->root_entries[pin] : &c->cell_entries[pin];
}

static u32 read_data(const struct cell *cell, const struct ioapic_view *view)
{
	struct chip *c = view->chip;
	u32 pin = (view->index - REG_ENTRIES) / 2;
	u64 entry;

	if (view->index < REG_ENTRIES)
		return chip_read(c, view->index);
	if (!pins_has(&view->owned, pin))
		return 0;
	entry = *entry_of(cell, c, pin);
	if (view->index & 1)
		return entry >> 32;
	return (u32)entry | (chip_read(c, view->index) & ENTRY_STATUS);
}

static bool write_data(const struct cell *cell, const struct ioapic_view *view, u32 value)
{
	struct chip *c = view->chip;
	u32 pin = (view->index - REG_ENTRIES) / 2;
	u64 entry;

	if (view->index < REG_ENTRIES || !pins_has(&view->configured, pin))
		return true;
	entry = *entry_of(cell, c, pin);
	if (view->index & 1)
		entry = (entry & 0xffffffffUL) | (u64)value << 32;
	else
		entry = (entry & ~0xffffffffUL) | value;
	entry &= ~ENTRY_STATUS;
	if (cell != &root_cell) {
		entry &= ~ENTRY_RESERVED; /* or it could name an entry of root's remapping table */
		if (!entry_allowed(cell, entry))
			return false;
	}
	*entry_of(cell, c, pin) = entry;
	if (pins_has(&view->owned, pin))
		entry_write(c, pin,
			    cell == &root_cell ? narrowed_entry(entry) : iommu_remap_pin(cell, c->address, pin, entry));
	return true;
}

static bool access_data(const struct cell *cell, const struct ioapic_view *view, struct mmio_access *a)
{
	bool ok = true;

	if (view->index >= REG_ENTRY(view->chip->pins))
		return false;
	spin_lock(&view->chip->lock);
	if (a->write)
		ok = write_data(cell, view, a->value);
	else
		a->value = read_data(cell, view);
	spin_unlock(&view->chip->lock);
	return ok;
}

static bool handle_page(struct pcpu *cpu, const struct mmio_window *w, struct mmio_access *a)
{
	struct ioapic_view *view = (struct ioapic_view *)w->context;

	if (a->size != 4)
		return false;
	switch (a->address - w->start) {
	case OFFSET_INDEX:
		if (a->write)
			view->index = a->value & 0xff;
		else
			a->value = view->index;
		return true;
	case OFFSET_DATA:
		return access_data(cpu->cell, view, a);
	case OFFSET_EOI:
		if (!a->write || !(view->configured.bits[0] | view->configured.bits[1]))
			return false;
		mmio_write32(view->chip->registers + OFFSET_EOI, a->value);
		return true;
	default:
		return false;
	}
}

/* --- life of cells --- */

#define for_each_view(view, cell) \
	for ((view) = (cell)->arch.ioapics; (view) < (cell)->arch.ioapics + (cell)->arch.num_ioapics; (view)++)

static const struct cell_irqchip *irqchips_of(const struct cell *cell)
{
	return CONFIG_ARRAY(cell->config, cell_irqchip, cell_config_irqchip_offset(cell->config));
}

static struct chip *find_chip(u64 address)
{
	struct chip *c = chips;

	while (c && c->address != address)
		c = c->next;
	return c;
}

static struct ioapic_view *find_view(const struct cell *cell, const struct chip *c)
{
	struct ioapic_view *view;

	for_each_view (view, cell)
		if (view->chip == c)
			return view;
	return NULL;
}

/* The view of a chip, made with the first entry that names it; 0 or as paging_split(), mmio_add(). */
static int make_view(struct cell *cell, struct chip *c, struct ioapic_view **ret_view)
{
	struct ioapic_view *view = find_view(cell, c);
	struct mmio_window window = { c->address, PAGE_SIZE, handle_page, NULL };
	int err;

	*ret_view = view;
	if (view)
		return 0;
	window.context = *ret_view = view = &cell->arch.ioapics[cell->arch.num_ioapics];
	view->chip = c;
	err = mmio_add(cell, &window);
	if (err)
		return err;
	err = memory_hide(cell, c->address, PAGE_SIZE);
	if (err)
		return refuse(err, "cell %s: cannot trap the IOAPIC at 0x%llx", cell->name,
			      (unsigned long long)c->address);
	cell->arch.num_ioapics++;
	return 0;
}

static int alloc_views(struct cell *cell)
{
	u32 n = cell->config->num_irqchips;

	if (!n)
		return 0;
	cell->arch.ioapic_pages = PAGE_ALIGN(n * sizeof(struct ioapic_view)) / PAGE_SIZE;
	cell->arch.ioapics = pool_alloc(cell->arch.ioapic_pages);
	return cell->arch.ioapics ? 0 : refuse(-ENOMEM, "cell %s: no page left for IOAPICs", cell->name);
}

static int new_chip(u64 address, struct chip **ret_chip)
{
	struct chip *c = pool_alloc(1);

	if (!c)
		return refuse(-ENOMEM, "no page left for the IOAPIC at 0x%llx", (unsigned long long)address);
	c->next = chips;
	chips = c;
	c->address = address;
	c->registers = host_map_device(address, PAGE_SIZE);
	if (!c->registers)
		return refuse(-ENOMEM, "no page left to map the IOAPIC at 0x%llx", (unsigned long long)address);
	c->pins = VERSION_PINS(chip_read(c, REG_VERSION));
	if (c->pins > MAX_PINS)
		return refuse(-EIO, "IOAPIC at 0x%llx has %u pins", (unsigned long long)address, c->pins);
	for (u32 pin = 0; pin < c->pins; pin++)
		c->root_entries[pin] = entry_read(c, pin);
	*ret_chip = c;
	return 0;
}

/* The pins that a configuration lists and the chip has. */
static void add_pins(struct ioapic_view *view, const struct cell_irqchip *irqchip)
{
	for (u32 pin = 0; pin < view->chip->pins; pin++)
		if (irqchip->pin_map[pin / 32] >> (pin % 32) & 1) {
			pins_set(&view->configured, pin, true);
			pins_set(&view->owned, pin, true);
		}
}

static int check_irqchip(const struct cell *cell, const struct cell_irqchip *irqchip)
{
	if (irqchip->pin_base || irqchip->address & ~PAGE_MASK)
		return refuse(-EINVAL, "cell %s: IOAPIC at 0x%llx: its address or pin base %u cannot be", cell->name,
			      (unsigned long long)irqchip->address, irqchip->pin_base);
	return 0;
}

int ioapic_init(void)
{
	const struct cell_irqchip *irqchip = irqchips_of(&root_cell);
	int err = alloc_views(&root_cell);

	for (u32 i = 0; !err && i < root_cell.config->num_irqchips; i++, irqchip++) {
		struct chip *c = find_chip(irqchip->address);
		struct ioapic_view *view;

		err = check_irqchip(&root_cell, irqchip);
		if (!err && !c)
			err = new_chip(irqchip->address, &c);
		if (err)
			return err;
		err = make_view(&root_cell, c, &view);
		if (!err)
			add_pins(view, irqchip);
	}
	return err;
}

static int check_pins(const struct cell *cell, const struct ioapic_view *view)
{
	const struct ioapic_view *root_view = find_view(&root_cell, view->chip);

	for (u32 pin = 0; pin < view->chip->pins; pin++)
		if (pins_has(&view->configured, pin) && !pins_has(&root_view->owned, pin))
			return refuse(-EBUSY, "cell %s: pin %u of the IOAPIC at 0x%llx is not root's", cell->name, pin,
				      (unsigned long long)view->chip->address);
	return 0;
}

int ioapic_init_cell(struct cell *cell)
{
	const struct cell_irqchip *irqchip = irqchips_of(cell);
	struct ioapic_view *view;
	int err = alloc_views(cell);

	for (u32 i = 0; !err && i < cell->config->num_irqchips; i++, irqchip++) {
		struct chip *c = find_chip(irqchip->address);

		err = check_irqchip(cell, irqchip);
		if (!err && !c)
			err = refuse(-EBUSY, "cell %s: root's configuration lists no IOAPIC at 0x%llx", cell->name,
				     (unsigned long long)irqchip->address);
		if (err)
			return err;
		err = make_view(cell, c, &view);
		if (err)
			return err;
		add_pins(view, irqchip);
		err = check_pins(cell, view);
	}
	return err;
}

void ioapic_exit_cell(struct cell *cell)
{
	pool_free(cell->arch.ioapics, cell->arch.ioapic_pages);
	cell->arch.ioapics = NULL;
	cell->arch.num_ioapics = 0;
}

/* Root's CPUs are others now: so are the destinations that its entries may name. What stays as it is is not touched. */
static void apply_root(void)
{
	const struct ioapic_view *view;

	for_each_view (view, &root_cell) {
		struct chip *c = view->chip;

		spin_lock(&c->lock);
		for (u32 pin = 0; pin < c->pins; pin++) {
			u64 entry = narrowed_entry(c->root_entries[pin]);

			if (pins_has(&view->owned, pin) && entry_read(c, pin) != entry)
				entry_write(c, pin, entry);
		}
		spin_unlock(&c->lock);
	}
}

/* As after reset. Edge triggered also ends what was in service, which a new owner could not. */
void ioapic_reset(const struct cell *cell)
{
	const struct ioapic_view *view;

	for_each_view (view, cell) {
		struct chip *c = view->chip;

		spin_lock(&c->lock);
		for (u32 pin = 0; pin < c->pins; pin++)
			if (pins_has(&view->owned, pin)) {
				c->cell_entries[pin] = ENTRY_MASKED;
				entry_write(c, pin, ENTRY_MASKED);
			}
		spin_unlock(&c->lock);
	}
}

static void move_pins(const struct cell *cell, bool to_root)
{
	const struct ioapic_view *view;

	for_each_view (view, cell) {
		struct ioapic_view *root_view = find_view(&root_cell, view->chip);

		for (u32 pin = 0; pin < view->chip->pins; pin++)
			if (pins_has(&view->configured, pin))
				pins_set(&root_view->owned, pin, to_root);
	}
}

void ioapic_take(const struct cell *cell)
{
	move_pins(cell, false);
	ioapic_reset(cell);
	apply_root();
}

void ioapic_give(const struct cell *cell)
{
	move_pins(cell, true);
	apply_root();
}
