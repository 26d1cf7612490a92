// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupt remapping of Intel VT-d (5.1): where devices may send interrupts, if Linux has it on; if not it stays off.
 *
 * Each unit uses a table of ours. An index means there what it means in root's table, as far as that names CPUs of
 * root; so root's messages and pins stay as they are. Entries from the end of the table on belong to cells, and are the
 * same in all units. Messages in the old format are blocked as ever since Linux switched that on.
 *
 * Root sees the registers that Linux uses while remapping is on: fault events, which are kept for it, and the tail of
 * its queue, whose descriptors are carried out here.
 */
#include <hv/arch.h>
#include <hv/memory.h>
#include <hv/pool.h>
#include <hv/print.h>
#include "apic.h"
#include "iommu.h"
#include "vtd.h"

#define MAX_ENTRIES 32768U
#define ENTRIES_PER_PAGE (PAGE_SIZE / sizeof(struct vtd_pair))

/* Remapping table address and queue address registers (11.4.8.3, 11.4.8.1). */
#define IRTA_ENTRIES(value) (2U << ((value)&0xf))
#define IRTA_X2APIC (1UL << 11)
#define IQA_KIND 0x807UL /* size beyond a page, width of descriptors */

/* Entries (9.10). */
#define PRESENT (1UL << 0)
#define QUIET (1UL << 1) /* its faults are not recorded */
#define LOGICAL (1UL << 2)
#define LEVEL (1UL << 4)
#define MODE_SHIFT 5
#define MODE(low) ((low) >> MODE_SHIFT & 7)
#define MODE_LOWEST 1
#define OURS (1UL << 8) /* the unit ignores it: a cell has the entry */
#define POSTED (1UL << 15)
#define VECTOR_SHIFT 16
#define DEST_SHIFT 32
#define XAPIC_DEST_SHIFT 40
#define LOW_KNOWN 0xffffffff00ff00ffUL
#define HIGH_KNOWN 0xfffffUL
#define CHECK_SOURCE (1UL << 18) /* all of the requester's ID */

/* Descriptors (6.5.2): what root may use. */
#define TYPE(low) (((low) >> 5 & 0x70) | ((low)&0xf))
#define TYPE_INTERRUPTS 4
#define INTERRUPTS_SOME (1UL << 4)
#define INTERRUPTS_MASK(low) ((low) >> 27 & 0x1f)
#define INTERRUPTS_INDEX(low) ((u32)((low) >> 32 & 0xffff))
#define TYPE_WAIT 5
#define WAIT_INTERRUPT (1UL << 4)
#define WAIT_WRITE (1UL << 5)
#define FLUSH_INTERRUPTS 4UL /* all */

/* Messages and pins in the remappable format (5.1.5.1, 5.1.5.2). */
#define MESSAGE_BASE 0xfee00000U
#define MESSAGE_LOGICAL 0x4
#define MESSAGE_LEVEL 0x8000
#define MESSAGE_SUBHANDLE 0x8 /* the data is added to the index */
#define MESSAGE_REMAPPED 0x10
#define MESSAGE_INDEX(index) (((index)&0x7fff) << 5 | ((index) >> 15 & 1) << 2)
#define MESSAGE_INDEX_OF(address) (((address) >> 5 & 0x7fff) | ((address) >> 2 & 1) << 15)
#define PIN_LOGICAL (1UL << 11)
#define PIN_LEVEL (1UL << 15)
#define PIN_MASKED (1UL << 16)
#define PIN_KEPT (0xffUL | 1UL << 13 | PIN_LEVEL | PIN_MASKED) /* vector, polarity */
#define PIN_INDEX(index) ((u64)((index)&0x7fff) << 49 | (u64)((index) >> 15 & 1) << 11 | 1UL << 48)

static u32 num_entries; /* of each table */

u64 vtd_ir_address(u32 index)
{
	return MESSAGE_BASE | MESSAGE_REMAPPED | MESSAGE_INDEX(index);
}

/* --- the tables --- */

/* A change of the lower half alone is one store. Return: was it one? */
static bool set_entry(struct vtd_unit *u, u32 index, struct vtd_pair value)
{
	struct vtd_pair *e = &u->remap[index];

	if (e->low == value.low && e->high == value.high)
		return false;
	if (e->high != value.high) {
		WRITE_ONCE(e->low, e->low & OURS);
		vtd_publish(u, e);
		WRITE_ONCE(e->high, value.high);
		vtd_publish(u, e);
	}
	WRITE_ONCE(e->low, value.low);
	vtd_publish(u, e);
	return true;
}

static u64 dest_bits(u32 dest)
{
	return (u64)dest << (apic_x2apic() ? DEST_SHIFT : XAPIC_DEST_SHIFT);
}

static u32 dest_of(u64 low)
{
	return apic_x2apic() ? low >> DEST_SHIFT : low >> XAPIC_DEST_SHIFT & 0xff;
}

/* What root wants, without CPUs that are not root's; nothing is left of what could reach none, or is of another kind.
 */
static struct vtd_pair narrowed(struct vtd_pair e)
{
	const struct vtd_pair none = { QUIET, 0 };
	u32 dest = dest_of(e.low);

	if (!(e.low & PRESENT) || e.low & POSTED || MODE(e.low) > MODE_LOWEST ||
	    !apic_narrow(&root_cell, e.low & LOGICAL, &dest))
		return none;
	return (struct vtd_pair){ (e.low & LOW_KNOWN & 0xffffffffUL) | dest_bits(dest), e.high & HIGH_KNOWN };
}

static struct vtd_pair of_root(const struct vtd_unit *u, u32 index)
{
	struct vtd_pair e = { 0 };

	if (index >= IRTA_ENTRIES(u->linux_remap) ||
	    memory_read_root((u->linux_remap & PAGE_MASK) + index * sizeof(e), &e, sizeof(e)))
		return (struct vtd_pair){ QUIET, 0 };
	return e;
}

/* Root has changed its entries, or its CPUs are others. */
static void update(struct vtd_unit *u, u32 first, u32 count)
{
	bool changed = false;

	for (u32 i = first; i < num_entries && i - first < count; i++)
		if (!(u->remap[i].low & OURS))
			changed |= set_entry(u, i, narrowed(of_root(u, i)));
	if (changed)
		vtd_submit(u, FLUSH_INTERRUPTS, 0);
}

void vtd_ir_update(void)
{
	struct vtd_unit *u;

	for_each_vtd (u) {
		spin_lock(&u->lock);
		update(u, 0, num_entries);
		spin_unlock(&u->lock);
	}
}

/* Virtual devices are below no unit, so below the one for all others: the last (8.3). */
bool vtd_ir_root_message(u32 address, u32 data, struct iommu_target *ret_target)
{
	struct vtd_unit *u = &vtd_units[vtd_num_units - 1];
	u32 index = MESSAGE_INDEX_OF(address) + (address & MESSAGE_SUBHANDLE ? data & 0xffff : 0);
	u64 low = u->remap && index < num_entries ? READ_ONCE(u->remap[index].low) : 0;

	*ret_target =
		(struct iommu_target){ dest_of(low), low & LOGICAL, (low >> VECTOR_SHIFT & 0xff) | MODE(low) << 8 };
	return low & PRESENT && !(low & OURS);
}

/* --- root's view of a unit --- */

/* Root's order to the unit; false: it may not give that one. */
static bool carry_out(struct vtd_unit *u, struct vtd_pair d)
{
	u32 status = d.low >> 32, shift = INTERRUPTS_MASK(d.low);

	switch (TYPE(d.low)) {
	case TYPE_INTERRUPTS:
		if (!(d.low & INTERRUPTS_SOME))
			update(u, 0, num_entries);
		else
			update(u, INTERRUPTS_INDEX(d.low) & ~((1U << MIN(shift, 16U)) - 1), 1U << MIN(shift, 16U));
		return true;
	case TYPE_WAIT:
		if (d.low & WAIT_INTERRUPT)
			return false;
		return !(d.low & WAIT_WRITE) || (!(d.high & 3) && !memory_write_root(d.high, &status, sizeof(status)));
	default:
		return false;
	}
}

/* Not more than the queue holds. */
static bool write_tail(struct vtd_unit *u, u64 tail)
{
	struct vtd_pair d;
	bool ok = tail < VTD_QUEUE_BYTES && !(tail % sizeof(d));

	spin_lock(&u->lock);
	while (ok && u->linux_tail != tail) {
		ok = !memory_read_root((u->linux_queue & PAGE_MASK) + u->linux_tail, &d, sizeof(d)) && carry_out(u, d);
		u->linux_tail = (u->linux_tail + sizeof(d)) % VTD_QUEUE_BYTES;
	}
	spin_unlock(&u->lock);
	return ok;
}

static bool handle_registers(struct pcpu *cpu, const struct mmio_window *w, struct mmio_access *a)
{
	struct vtd_unit *u = (struct vtd_unit *)w->context;
	u64 offset = a->address - w->start;

	(void)cpu;
	if (offset == VTD_IQT && a->write && a->size >= 4)
		return write_tail(u, a->value);
	if (a->size != 4)
		return false;
	if (offset == VTD_FSTS) { /* there is nothing to clear */
		a->value = 0;
		return true;
	}
	if (offset < VTD_FECTL || offset > VTD_FEUADDR || offset & 3)
		return false;
	if (a->write)
		u->faults[(offset - VTD_FECTL) / 4] = a->value;
	else
		a->value = u->faults[(offset - VTD_FECTL) / 4];
	return true;
}

/* --- take over and give back --- */

static int make_table(struct vtd_unit *u)
{
	u32 limit = system_config->x86.vtd_interrupt_limit;
	const struct mmio_window window = { u->listed->base, PAGE_SIZE, handle_registers, u };

	if (!limit || limit > MAX_ENTRIES)
		return refuse(-EINVAL, "interrupt limit %u: with interrupt remapping there must be 1 to %u", limit,
			      MAX_ENTRIES);
	for (num_entries = ENTRIES_PER_PAGE; num_entries < limit;)
		num_entries *= 2;
	u->remap = pool_alloc(num_entries / ENTRIES_PER_PAGE);
	if (!u->remap)
		return refuse(-ENOMEM, "no pages left for %u interrupts of VT-d", num_entries);
	return mmio_add(&root_cell, &window);
}

/* What root has now must stay; the queue's page is a good buffer. */
static int check_entries(struct vtd_unit *u)
{
	u64 table = mmio_read64(u->regs + VTD_IRTA);

	for (u32 i = num_entries; i < IRTA_ENTRIES(table); i += ENTRIES_PER_PAGE) {
		memory_read_root((table & PAGE_MASK) + i * sizeof(struct vtd_pair), u->queue, PAGE_SIZE);
		for (u32 j = 0; j < ENTRIES_PER_PAGE; j++)
			if (u->queue[j].low & PRESENT)
				return refuse(-ERANGE, "VT-d unit at 0x%llx: Linux uses interrupt %u, the limit is %u",
					      (unsigned long long)u->listed->base, i + j, num_entries);
	}
	return 0;
}

int vtd_ir_check(struct vtd_unit *u)
{
	unsigned long long base = u->listed->base;
	u32 status = mmio_read32(u->regs + VTD_GSTS);
	bool remaps = status & VTD_REMAP_INTERRUPTS, queue = status & VTD_QUEUE;
	int err;

	if (remaps != queue)
		return refuse(-EIO, "VT-d unit at 0x%llx: Linux uses one of queue and interrupt remapping, not both",
			      base);
	if (u > vtd_units && remaps != !!vtd_units->remap)
		return refuse(-EIO, "VT-d unit at 0x%llx: Linux does not remap interrupts as at the first", base);
	if (!remaps && apic_x2apic())
		return refuse(-EIO, "VT-d unit at 0x%llx: x2APIC without interrupt remapping", base);
	if (remaps && status & VTD_COMPATIBLE)
		return refuse(-EIO, "VT-d unit at 0x%llx: Linux lets interrupts pass that are not remapped", base);
	if (remaps && mmio_read64(u->regs + VTD_IQA) & IQA_KIND)
		return refuse(-EIO, "VT-d unit at 0x%llx: Linux' queue is no page of 128-bit descriptors", base);
	err = remaps ? make_table(u) : 0;
	return remaps && !err ? check_entries(u) : err;
}

void vtd_ir_take(struct vtd_unit *u)
{
	u->linux_queue = mmio_read64(u->regs + VTD_IQA);
	u->linux_tail = mmio_read64(u->regs + VTD_IQT) % VTD_QUEUE_BYTES;
	u->linux_remap = mmio_read64(u->regs + VTD_IRTA);
}

static void set_table(struct vtd_unit *u, u64 table)
{
	mmio_write64(u->regs + VTD_IRTA, table);
	vtd_command(u, VTD_REMAP_TABLE, true);
	spin_lock(&u->lock);
	vtd_submit(u, FLUSH_INTERRUPTS, 0);
	spin_unlock(&u->lock);
}

void vtd_ir_enable(struct vtd_unit *u)
{
	u32 size = 0;

	for (u32 i = 0; i < num_entries; i++)
		set_entry(u, i, narrowed(of_root(u, i)));
	while (IRTA_ENTRIES(size) < num_entries)
		size++;
	set_table(u, arch_virt_to_phys(u->remap) | (u->linux_remap & IRTA_X2APIC) | size);
}

void vtd_ir_disable(struct vtd_unit *u)
{
	set_table(u, u->linux_remap);
}

/*
 * A queue starts at 0, Linux' goes on at its tail: fill the way with what harms nobody. It ends by a wait, or QEMU's
 * unit would not let go of the queue when we come again.
 */
void vtd_ir_give(struct vtd_unit *u)
{
	paddr_t page = u->linux_queue & PAGE_MASK;
	struct vtd_pair *saved = u->queue;

	memory_read_root(page, saved, VTD_QUEUE_BYTES);
	for (u32 at = 0; at < u->linux_tail; at += sizeof(*saved)) {
		const struct vtd_pair harmless = { VTD_WAIT, arch_virt_to_phys(&u->done) };

		memory_write_root(page + at, &harmless, sizeof(harmless));
	}
	mmio_write64(u->regs + VTD_IQT, 0);
	mmio_write64(u->regs + VTD_IQA, u->linux_queue);
	vtd_command(u, VTD_QUEUE, true);
	vtd_drain(u, u->linux_tail);
	memory_write_root(page, saved, VTD_QUEUE_BYTES);
}

/* --- cells: first their pins, then the messages of their functions --- */

static u32 messages_of(const struct cell_pci_device *d)
{
	return MAX(MAX(d->num_msi_vectors, d->num_msix_vectors), 1);
}

static const struct cell_irqchip *irqchips_of(const struct cell *cell)
{
	return CONFIG_ARRAY(cell->config, cell_irqchip, cell_config_irqchip_offset(cell->config));
}

static const struct cell_pci_device *devices_of(const struct cell *cell)
{
	return CONFIG_ARRAY(cell->config, cell_pci_device, cell_config_pci_offset(cell->config));
}

/* How many pins come before a certain one, or before all devices (NULL). */
static u32 pins_before(const struct cell *cell, const struct cell_irqchip *chip, u32 pin)
{
	const struct cell_irqchip *c = irqchips_of(cell);
	u32 n = 0;

	for (u32 i = 0; i < cell->config->num_irqchips; i++, c++)
		for (u32 p = 0; p < 128; p++) {
			if (c == chip && p == pin)
				return n;
			n += c->pin_map[p / 32] >> (p % 32) & 1;
		}
	return n;
}

/* How many entries come before those of a device, or are all (NULL). */
static u64 entries_before(const struct cell *cell, const struct cell_pci_device *device)
{
	const struct cell_pci_device *d = devices_of(cell);
	u64 n = pins_before(cell, NULL, 0);

	for (u32 i = 0; i < cell->config->num_pci_devices && d != device; i++, d++)
		n += messages_of(d);
	return n;
}

static bool is_free(u32 index)
{
	const struct vtd_unit *u;

	for_each_vtd (u)
		if (u->remap[index].low & (OURS | PRESENT))
			return false;
	return true;
}

/* The same entry of all units, so that no unit matters. */
static void set_entries(u32 index, struct vtd_pair value)
{
	struct vtd_unit *u;

	for_each_vtd (u) {
		spin_lock(&u->lock);
		if (set_entry(u, index, value))
			vtd_submit(u, FLUSH_INTERRUPTS, 0);
		spin_unlock(&u->lock);
	}
}

int vtd_ir_init_cell(struct cell *cell)
{
	u64 wanted = entries_before(cell, NULL);
	u32 found = 0, at = num_entries;

	if (!vtd_units->remap || !wanted)
		return 0;
	while (at && found < wanted)
		found = is_free(--at) ? found + 1 : 0;
	if (found < wanted)
		return refuse(-E2BIG, "cell %s: no %llu interrupts are left of %u", cell->name,
			      (unsigned long long)wanted, num_entries);
	cell->arch.first_interrupt = at;
	cell->arch.num_interrupts = wanted;
	vtd_ir_reset_cell(cell);
	return 0;
}

static void clear_cell(const struct cell *cell, u64 low)
{
	for (u32 i = 0; i < cell->arch.num_interrupts; i++)
		set_entries(cell->arch.first_interrupt + i, (struct vtd_pair){ low, 0 });
}

void vtd_ir_reset_cell(const struct cell *cell)
{
	clear_cell(cell, OURS);
}

void vtd_ir_exit_cell(struct cell *cell)
{
	clear_cell(cell, QUIET);
	if (cell->arch.num_interrupts)
		vtd_ir_update(); /* what root may have wanted there */
	cell->arch.num_interrupts = 0;
}

/* An entry for a CPU that the cell was allowed; by 8 bits, as messages and pins have no more. */
static struct vtd_pair entry_for(u16 source, u32 vector, u32 mode, bool logical, bool level, u32 dest)
{
	return (struct vtd_pair){ PRESENT | OURS | (logical ? LOGICAL : 0) | (level ? LEVEL : 0) |
					  (u64)mode << MODE_SHIFT | (u64)vector << VECTOR_SHIFT | dest_bits(dest),
				  CHECK_SOURCE | source };
}

void vtd_ir_msi(const struct cell *cell, const struct cell_pci_device *device, u32 index, u32 count,
		struct msi_message *m)
{
	u32 first = cell->arch.first_interrupt + entries_before(cell, device) + index;
	u32 vector = m->data & 0xff & ~(count - 1);

	if (!vtd_units->remap)
		return;
	for (u32 i = 0; i < count && index + i < messages_of(device); i++)
		set_entries(first + i,
			    entry_for(device->bdf, count > 1 ? vector + i : vector, m->data >> 8 & 7,
				      m->address & MESSAGE_LOGICAL, m->data & MESSAGE_LEVEL, m->address >> 12 & 0xff));
	*m = (struct msi_message){ .address = vtd_ir_address(first) | MESSAGE_SUBHANDLE };
}

u64 vtd_ir_pin(const struct cell *cell, paddr_t chip, u32 pin, u64 entry)
{
	const struct cell_irqchip *c = irqchips_of(cell);
	u32 index;

	if (!vtd_units->remap || entry & PIN_MASKED)
		return entry;
	while (c->address != chip || !(c->pin_map[pin / 32] >> (pin % 32) & 1))
		c++; /* the cell has the pin by one of them */
	index = cell->arch.first_interrupt + pins_before(cell, c, pin);
	set_entries(index, entry_for(c->id, entry & 0xff, entry >> 8 & 7, entry & PIN_LOGICAL, entry & PIN_LEVEL,
				     entry >> 56));
	return (entry & PIN_KEPT) | PIN_INDEX(index);
}
