// SPDX-License-Identifier: GPL-2.0-only
/*
 * Intel VT-d (Intel Virtualization Technology for Directed I/O, revision 4): what devices may access, by a second level
 * of page tables per cell, and what they tried to access beyond.
 *
 * All units share one root table and its context tables (9.1, 9.3), as a function is below one unit only. The number of
 * a cell's domain is its id + 1, because 0 may be taken (CAP.CM). Tables of cells have four levels; a unit of 39 bits
 * is given what is below the first entry of the highest. Nothing of a unit is changed before vtd_enable().
 */
#include <image.h>
#include <hv/arch.h>
#include <hv/pci.h>
#include <hv/pool.h>
#include <hv/print.h>
#include "apic.h"
#include "host.h"
#include "iommu.h"
#include "vtd.h"

#define VER 0x00
#define CAP 0x08
#define ECAP 0x10
#define GCMD 0x18
#define RTADDR 0x20

#define CAP_DOMAINS(cap) (16ULL << 2 * ((cap)&7))
#define CAP_WRITE_BUFFER (1UL << 4)
#define CAP_39_BITS (1UL << 9)
#define CAP_48_BITS (1UL << 10)
#define CAP_FAULTS(cap) ((u32)((cap) >> 24 & 0x3ff) * 16)
#define CAP_NUM_FAULTS(cap) ((u32)((cap) >> 40 & 0xff) + 1)
#define CAP_2M (1UL << 34)

#define ECAP_COHERENT (1UL << 0)
#define ECAP_QUEUE (1UL << 1)
#define ECAP_REMAP (1UL << 3)
#define ECAP_X2APIC (1UL << 4)

/* Descriptors (6.5.2). */
#define FLUSH_CONTEXTS (0x1UL | 1UL << 4)		   /* all */
#define FLUSH_TLB (0x2UL | 1UL << 4 | 1UL << 6 | 1UL << 7) /* all, behind reads and writes under way */

#define ENTRY_PRESENT (1UL << 0)
#define ENTRY_QUIET (1UL << 1) /* context entry: faults are not recorded, even if it is not present */
#define WIDTH_39 1UL	       /* three levels */
#define WIDTH_48 2UL
#define DOMAIN_SHIFT 8
#define TOLD_ONE (1UL << 3) /* four bits that the unit ignores: how many faults were told */
#define TOLD_MASK (15 * TOLD_ONE)

/* Fault recording registers (11.4.14), upper half. */
#define FAULT_BYTES 16
#define FAULT_VALID (1UL << 63)
#define FAULT_READ (1UL << 62)
#define FAULT_REASON(high) ((u32)((high) >> 32 & 0xff))
#define FAULT_SOURCE(high) ((u16)(high))
#define FAULT_REASON_REMAP 0x20 /* the first of those of interrupt remapping: 7.1.3 */
#define FSTS_OVERFLOW (1U << 0)
#define FSTS_PENDING (1U << 1)

#define PATIENCE 10000000 /* reads of a register until a unit counts as dead */

#define PTE_READ (1UL << 0)
#define PTE_WRITE (1UL << 1)
#define PTE_LARGE (1UL << 7)
#define PTE_ADDRESS 0x000ffffffffff000UL

struct vtd_unit *vtd_units;
u32 vtd_num_units;

static struct vtd_pair *root_table;
static struct vtd_pair *rest; /* context table of all buses without listed functions */
static bool wide;	      /* units translate 48 bits */
static bool enabled;

/* --- page tables (9.8) --- */

static u64 pte_leaf(paddr_t pa, unsigned int access, unsigned int level)
{
	u64 entry = (access & ACCESS_READ ? PTE_READ : 0) | (access & ACCESS_WRITE ? PTE_WRITE : 0);

	return entry ? entry | pa | (level ? PTE_LARGE : 0) : 0;
}

static u64 pte_table(paddr_t pa, unsigned int level)
{
	(void)level;
	return pa | PTE_READ | PTE_WRITE;
}

static bool pte_present(u64 entry)
{
	return entry & (PTE_READ | PTE_WRITE);
}

static bool pte_is_leaf(u64 entry, unsigned int level)
{
	return !level || entry & PTE_LARGE;
}

static unsigned int pte_access(u64 entry)
{
	return (entry & PTE_READ ? ACCESS_READ : 0) | (entry & PTE_WRITE ? ACCESS_WRITE : 0);
}

static paddr_t pte_address(u64 entry, unsigned int level)
{
	return entry & PTE_ADDRESS & ~(pte_is_leaf(entry, level) ? paging_level_size(level) - 1 : 0);
}

static struct paging_format dma_format = {
	.levels = 4,
	.max_leaf = 1,
	.leaf = pte_leaf,
	.table = pte_table,
	.present = pte_present,
	.is_leaf = pte_is_leaf,
	.access = pte_access,
	.address = pte_address,
};

/* --- a unit --- */

static bool dead(struct vtd_unit *u)
{
	if (!u->dead)
		print("BUG: VT-d unit at 0x%llx does not answer\n", (unsigned long long)u->listed->base);
	u->dead = true;
	return false;
}

bool vtd_command(struct vtd_unit *u, u32 bit, bool set)
{
	u32 status = mmio_read32(u->regs + VTD_GSTS) & ~VTD_ONE_SHOT;
	u32 wanted = set && bit != VTD_WRITE_BUFFER ? bit : 0; /* that one is shown until it is done */

	mmio_write32(u->regs + GCMD, set ? status | bit : status & ~bit);
	for (u32 i = 0; i < PATIENCE && !u->dead; i++) {
		if ((mmio_read32(u->regs + VTD_GSTS) & bit) == wanted)
			return true;
		cpu_relax();
	}
	return dead(u);
}

static void put(struct vtd_unit *u, u64 low, u64 high)
{
	u->queue[u->tail / sizeof(struct vtd_pair)] = (struct vtd_pair){ low, high };
	u->tail = (u->tail + sizeof(struct vtd_pair)) % VTD_QUEUE_BYTES;
}

void vtd_submit(struct vtd_unit *u, u64 low, u64 high)
{
	WRITE_ONCE(u->done, 0);
	put(u, low, high);
	put(u, VTD_WAIT, arch_virt_to_phys(&u->done));
	memory_barrier();
	mmio_write32(u->regs + VTD_IQT, u->tail);
	for (u32 i = 0; i < PATIENCE && !u->dead; i++) {
		if (READ_ONCE(u->done))
			return;
		cpu_relax();
	}
	dead(u);
}

void vtd_drain(struct vtd_unit *u, u32 tail)
{
	mmio_write64(u->regs + VTD_IQT, tail);
	for (u32 i = 0; i < PATIENCE && !u->dead; i++) {
		if (mmio_read64(u->regs + VTD_IQH) == tail)
			return;
		cpu_relax();
	}
	dead(u);
}

void vtd_publish(const struct vtd_unit *u, const void *entry)
{
	memory_barrier();
	if (!(u->extended & ECAP_COHERENT))
		cache_flush_line(entry);
}

/* --- what Linux has left --- */

static int check_unit(const struct vtd_unit *u)
{
	unsigned long long base = u->listed->base;
	u32 registers = CAP_FAULTS(u->capabilities) + CAP_NUM_FAULTS(u->capabilities) * FAULT_BYTES;

	if (registers > u->listed->size)
		return refuse(-EINVAL, "VT-d unit at 0x%llx: has 0x%x bytes of registers, listed are 0x%x", base,
			      registers, u->listed->size);
	if (!(mmio_read32(u->regs + VER) >> 4 & 0xf))
		return refuse(-EIO, "VT-d unit at 0x%llx: no version 1.0", base);
	if (!(u->capabilities & (CAP_39_BITS | CAP_48_BITS)))
		return refuse(-EIO, "VT-d unit at 0x%llx: translates neither 39 nor 48 bits", base);
	if (!(u->capabilities & CAP_2M))
		return refuse(-EIO, "VT-d unit at 0x%llx: no pages of 2 MiB", base);
	if (!(u->extended & ECAP_QUEUE) || !(u->extended & ECAP_REMAP))
		return refuse(-EIO, "VT-d unit at 0x%llx: no queued invalidation or interrupt remapping", base);
	if (apic_x2apic() && !(u->extended & ECAP_X2APIC))
		return refuse(-EIO, "VT-d unit at 0x%llx: no x2APIC mode", base);
	if (mmio_read32(u->regs + VTD_GSTS) & VTD_TRANSLATION)
		return refuse(-EBUSY, "VT-d unit at 0x%llx: Linux uses DMA translation, boot it with intel_iommu=off",
			      base);
	return 0;
}

static int init_unit(struct vtd_unit *u, const struct cell_iommu *listed)
{
	int err;

	u->listed = listed;
	if (listed->size < PAGE_SIZE)
		return refuse(-EINVAL, "VT-d unit at 0x%llx: less than a page of registers is listed",
			      (unsigned long long)listed->base);
	u->regs = host_map_device(listed->base, listed->size);
	u->queue = pool_alloc(1);
	if (!u->regs || !u->queue)
		return refuse(-ENOMEM, "no page left for the VT-d unit at 0x%llx", (unsigned long long)listed->base);
	u->capabilities = mmio_read64(u->regs + CAP);
	u->extended = mmio_read64(u->regs + ECAP);
	err = check_unit(u);
	return err ? err : vtd_ir_check(u);
}

/* 39 bits where all units can: a level less for each access. */
static int choose_width(void)
{
	u64 all = ~0UL;
	struct vtd_unit *u;

	for_each_vtd (u)
		all &= u->capabilities;
	wide = !(all & CAP_39_BITS);
	return all & (CAP_39_BITS | CAP_48_BITS) ? 0
						 : refuse(-EIO, "VT-d units differ in how many bits they translate");
}

/* --- who reaches what --- */

static struct vtd_pair *context_of(u16 bdf)
{
	return (struct vtd_pair *)arch_phys_to_virt(root_table[bdf >> 8].low & PAGE_MASK) + (bdf & 0xff);
}

/* Of a cell that has nothing for devices there are no lower tables, and so no entry. */
static struct vtd_pair context_for(const struct cell *cell)
{
	paddr_t table = arch_virt_to_phys(cell->dma.root);
	u64 domain = (u64)(cell->id + 1) << DOMAIN_SHIFT;

	if (wide)
		return (struct vtd_pair){ table | ENTRY_PRESENT, domain | WIDTH_48 };
	table = cell->dma.root[0] & PTE_ADDRESS;
	return (struct vtd_pair){ table ? table | ENTRY_PRESENT : 0, domain | WIDTH_39 };
}

static void publish(const void *entry)
{
	struct vtd_unit *u;

	for_each_vtd (u)
		vtd_publish(u, entry);
}

static void set_context(struct vtd_pair *entry, struct vtd_pair value)
{
	WRITE_ONCE(entry->low, 0);
	publish(entry);
	WRITE_ONCE(entry->high, value.high);
	WRITE_ONCE(entry->low, value.low);
	publish(entry);
}

static int make_bus(u8 bus, struct vtd_pair *table)
{
	if (!table)
		return refuse(-ENOMEM, "no page left for a context table of VT-d");
	root_table[bus] = (struct vtd_pair){ arch_virt_to_phys(table) | ENTRY_PRESENT, 0 };
	publish(&root_table[bus]);
	return 0;
}

/* A table for each bus that is listed; no other function reaches anything, or all do that nobody moderates. */
static int make_tables(void)
{
	const struct cell_config *config = root_cell.config;
	const struct cell_pci_device *d = CONFIG_ARRAY(config, cell_pci_device, cell_config_pci_offset(config));
	int err = 0;

	root_table = pool_alloc(1);
	rest = pool_alloc(1);
	if (!root_table)
		return refuse(-ENOMEM, "no page left for the root table of VT-d");
	for (u32 bus = 0; !err && bus < 256; bus++)
		err = make_bus(bus, rest);
	for (u32 i = 0; !err && i < 256 && !pci_is_moderated(); i++)
		set_context(&rest[i], context_for(&root_cell));
	for (u32 i = 0; !err && i < config->num_pci_devices && pci_is_moderated(); i++)
		if (context_of(d[i].bdf & 0xff00) == rest)
			err = make_bus(d[i].bdf >> 8, pool_alloc(1));
	return err;
}

static int check_cell(const struct cell *cell)
{
	const struct vtd_unit *u;

	for_each_vtd (u)
		if (cell->id >= CAP_DOMAINS(u->capabilities) - 1)
			return refuse(-ERANGE, "cell %s: id %u is beyond the domains of the VT-d unit at 0x%llx",
				      cell->name, cell->id, (unsigned long long)u->listed->base);
	for (u32 i = 1; !wide && i < PAGING_ENTRIES; i++)
		if (cell->dma.root[i])
			return refuse(-E2BIG, "cell %s: has memory for devices beyond the 39 bits of VT-d", cell->name);
	return 0;
}

/* Root's own is checked by init(), as nothing is known of the units before. */
static int init_cell(struct cell *cell)
{
	int err = cell == &root_cell ? 0 : check_cell(cell);

	return err || cell == &root_cell ? err : vtd_ir_init_cell(cell);
}

static int init(void)
{
	const struct cell_iommu *listed = system_config->iommu;
	int err = 0;

	vtd_units = pool_alloc(1);
	if (!vtd_units)
		return refuse(-ENOMEM, "no page left for VT-d");
	for (; !err && vtd_num_units < CELL_IOMMU_MAX && listed->base; listed++)
		err = init_unit(&vtd_units[vtd_num_units++], listed);
	if (!err)
		err = choose_width();
	if (!err)
		err = check_cell(&root_cell);
	return err ? err : make_tables();
}

static void flush_all(void)
{
	struct vtd_unit *u;

	for_each_vtd (u) {
		if (!(u->extended & ECAP_COHERENT))
			cache_write_back();
		spin_lock(&u->lock);
		if (u->capabilities & CAP_WRITE_BUFFER)
			vtd_command(u, VTD_WRITE_BUFFER, true);
		vtd_submit(u, FLUSH_CONTEXTS, 0);
		vtd_submit(u, FLUSH_TLB, 0);
		spin_unlock(&u->lock);
	}
}

/* Cells come and go rarely: there is no need to be choosy. */
static void flush(const struct cell *cell)
{
	(void)cell;
	if (enabled)
		flush_all();
}

static void attach(const struct cell *cell, unsigned int unit, u16 bdf)
{
	(void)unit;
	set_context(context_of(bdf), context_for(cell));
	flush(cell);
}

/* --- on and off --- */

static void enable_fault_event(const struct vtd_unit *u)
{
	u32 address, data;

	iommu_fault_message(&address, &data);
	mmio_write32(u->regs + VTD_FEDATA, data);
	mmio_write32(u->regs + VTD_FEADDR, address);
	mmio_write32(u->regs + VTD_FEUADDR, 0);
	mmio_write32(u->regs + VTD_FECTL, 0);
}

/* Linux' queue is empty, as it waits for each of its commands with interrupts off. */
static void take_queue(struct vtd_unit *u)
{
	if (u->remap)
		vtd_command(u, VTD_QUEUE, false);
	u->tail = 0;
	mmio_write64(u->regs + VTD_IQT, 0);
	mmio_write64(u->regs + VTD_IQA, arch_virt_to_phys(u->queue));
	vtd_command(u, VTD_QUEUE, true);
}

static void enable_unit(struct vtd_unit *u)
{
	for (unsigned int i = 0; i < VTD_FAULT_REGS; i++)
		u->faults[i] = mmio_read32(u->regs + VTD_FECTL + 4 * i);
	if (u->remap)
		vtd_ir_take(u);
	take_queue(u);
	if (u->remap)
		vtd_ir_enable(u);
	mmio_write64(u->regs + RTADDR, arch_virt_to_phys(root_table));
	vtd_command(u, VTD_ROOT_TABLE, true);
	enable_fault_event(u);
}

static void disable_unit(struct vtd_unit *u)
{
	vtd_command(u, VTD_TRANSLATION, false);
	if (u->remap)
		vtd_ir_disable(u);
	vtd_command(u, VTD_QUEUE, false);
	mmio_write64(u->regs + RTADDR, 0);
	if (u->remap)
		vtd_ir_give(u);
	for (unsigned int i = VTD_FAULT_REGS; i-- > 0;)
		mmio_write32(u->regs + VTD_FECTL + 4 * i, u->faults[i]);
}

static void disable(void)
{
	struct vtd_unit *u;

	enabled = false;
	for_each_vtd (u)
		disable_unit(u);
}

static int enable(void)
{
	const struct vtd_unit *bad = NULL;
	struct vtd_unit *u;

	for_each_vtd (u)
		enable_unit(u);
	enabled = true;
	flush_all();
	for_each_vtd (u)
		if (!vtd_command(u, VTD_TRANSLATION, true))
			bad = u;
	if (!bad)
		return 0;
	disable();
	return refuse(-EIO, "VT-d unit at 0x%llx does not answer", (unsigned long long)bad->listed->base);
}

/* --- faults --- */

/* Who goes on and on is not listened to any more. */
static void count_fault(u16 bdf)
{
	struct vtd_pair *entry = context_of(bdf);

	if ((entry->high & TOLD_MASK) != TOLD_MASK) {
		entry->high += TOLD_ONE;
		return;
	}
	WRITE_ONCE(entry->low, entry->low | ENTRY_QUIET);
	publish(entry);
	flush_all();
}

/* An interrupt is a write to the place of local APICs; the unit tells the entry that was named. */
static void tell(u64 low, u64 high)
{
	bool interrupt = FAULT_REASON(high) >= FAULT_REASON_REMAP;

	iommu_fault(FAULT_SOURCE(high), interrupt ? vtd_ir_address(low >> 48) : low & PAGE_MASK,
		    interrupt || !(high & FAULT_READ) ? HV_EVENT_WRITE : 0);
	count_fault(FAULT_SOURCE(high));
}

static bool report_unit(struct vtd_unit *u)
{
	u32 status = mmio_read32(u->regs + VTD_FSTS), n = CAP_NUM_FAULTS(u->capabilities), at = status >> 8 & 0xff;
	volatile u8 *first = u->regs + CAP_FAULTS(u->capabilities);

	if (!(status & (FSTS_OVERFLOW | FSTS_PENDING)))
		return false;
	for (u32 i = 0; i < n; i++) {
		volatile u8 *fault = first + (at + i) % n * FAULT_BYTES;
		u64 high = mmio_read64(fault + 8);

		if (!(high & FAULT_VALID))
			break;
		tell(mmio_read64(fault), high);
		mmio_write32(fault + 12, FAULT_VALID >> 32);
	}
	mmio_write32(u->regs + VTD_FSTS, FSTS_OVERFLOW);
	return true;
}

static bool report_faults(void)
{
	struct vtd_unit *u;
	bool any = false;

	for_each_vtd (u)
		any |= enabled && report_unit(u);
	return any;
}

const struct iommu_driver vtd_driver = {
	.type = CELL_IOMMU_INTEL,
	.name = "VT-d",
	.format = &dma_format,
	.init = init,
	.init_cell = init_cell,
	.exit_cell = vtd_ir_exit_cell,
	.reset_cell = vtd_ir_reset_cell,
	.root_changed = vtd_ir_update,
	.enable = enable,
	.disable = disable,
	.attach = attach,
	.flush = flush,
	.report_faults = report_faults,
	.root_message = vtd_ir_root_message,
	.remap_msi = vtd_ir_msi,
	.remap_pin = vtd_ir_pin,
};
