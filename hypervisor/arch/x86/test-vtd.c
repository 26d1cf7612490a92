// SPDX-License-Identifier: GPL-2.0-only
/*
 * Intel VT-d: what a unit is told, from Linux' state to ours and back; what root may order; which interrupts arrive.
 *
 * vtd.c and vtd-ir.c are part of this file, with units whose registers are simulated: commands and descriptors take
 * effect as the specification says, or end the test. Physical memory of root is an array; ours is where it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#define mmio_read32 native_mmio_read32
#define mmio_read64 native_mmio_read64
#define mmio_write32 native_mmio_write32
#define mmio_write64 native_mmio_write64
#define cache_write_back native_cache_write_back
#include "asm.h"
#undef mmio_read32
#undef mmio_read64
#undef mmio_write32
#undef mmio_write64
#undef cache_write_back
#include <hv/string.h>
#include <hv/types.h>

static u32 mmio_read32(const volatile void *reg);
static u64 mmio_read64(const volatile void *reg);
static void mmio_write32(volatile void *reg, u32 value);
static void mmio_write64(volatile void *reg, u64 value);
static void cache_write_back(void);

#include "vtd.c"
#include "vtd-ir.c"

#define UNITS 2
#define BASE(n) (0xfed90000UL + (n)*PAGE_SIZE)
#define FAULTS 0x220 /* where they are recorded */
#define NUM_FAULTS 2
#define GOOD_CAP (0x6UL | CAP_39_BITS | (u64)FAULTS / 16 << 24 | (NUM_FAULTS - 1UL) << 40 | CAP_2M)
#define GOOD_ECAP (ECAP_QUEUE | ECAP_REMAP | ECAP_X2APIC)
#define LIMIT 256
#define APIC_ID_OF(cpu) ((cpu) + 4)
#define VECTOR 0x41UL

/* Root's memory; Linux has its queue and its table of 512 entries in it. */
#define ROOT_PAGES 16
#define LINUX_QUEUE 0x3000UL
#define LINUX_TABLE 0x4000UL
#define LINUX_ENTRIES 512
#define STATUS 0x8010UL
#define READ_ONLY_PAGE 9

static u8 root_memory[ROOT_PAGES][PAGE_SIZE];

static struct unit {
	u8 registers[PAGE_SIZE]; /* addresses only */
	u64 cap, ecap, queue, head, tail, remap, used_remap, root, used_root;
	u32 version, status, fault_status, fault_regs[4];
	struct vtd_pair faults[NUM_FAULTS];
	u32 contexts, tlbs, interrupts, waits; /* descriptors carried out */
	u32 last;			       /* type of descriptor */
	bool stuck;
} units[UNITS];

static unsigned int write_backs;

/* --- memory --- */

paddr_t arch_virt_to_phys(const void *virt)
{
	return (paddr_t)virt;
}

void *arch_phys_to_virt(paddr_t phys)
{
	return (void *)phys;
}

static void *physical(paddr_t phys)
{
	return phys < sizeof(root_memory) ? (u8 *)root_memory + phys : (u8 *)phys;
}

#define POOL_PAGES 128

static u8 pool[POOL_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static unsigned int pages_left;

void *pool_alloc(u32 pages)
{
	if (pages_left < pages)
		return NULL;
	pages_left -= pages;
	return memset(pool[pages_left], 0, pages * PAGE_SIZE);
}

int memory_read_root(paddr_t from, void *to, u64 size)
{
	if (from >= sizeof(root_memory) || from + size > sizeof(root_memory))
		return -ENOMEM;
	memcpy(to, physical(from), size);
	return 0;
}

int memory_write_root(paddr_t to, const void *from, u64 size)
{
	if (to >= sizeof(root_memory) || to + size > sizeof(root_memory) || to / PAGE_SIZE == READ_ONLY_PAGE)
		return -ENOMEM;
	memcpy(physical(to), from, size);
	return 0;
}

/* --- a unit --- */

static struct unit *unit_of(const volatile void *reg, u32 *ret_offset)
{
	struct unit *u = &units[((const u8 *)reg - (u8 *)units) / sizeof(*u)];

	*ret_offset = (const u8 *)reg - u->registers;
	assert_true(*ret_offset < PAGE_SIZE);
	return u;
}

static void execute(struct unit *u, struct vtd_pair d)
{
	u->last = d.low & 0xf;
	switch (u->last) {
	case 1:
		assert_int_equal(d.low, 0x11);
		u->contexts++;
		break;
	case 2:
		assert_int_equal(d.low, 0xd2);
		u->tlbs++;
		break;
	case 4:
		assert_int_equal(d.low, 0x4);
		u->interrupts++;
		break;
	default:
		assert_int_equal(d.low & 0xffffffff, 0x25);
		*(u32 *)physical(d.high) = d.low >> 32;
		u->waits++;
		break;
	}
}

static void run_queue(struct unit *u)
{
	while (u->status & VTD_QUEUE && u->head != u->tail && !u->stuck) {
		struct vtd_pair *queue = physical(u->queue & PAGE_MASK);

		execute(u, queue[u->head / 16]);
		u->head = (u->head + 16) % PAGE_SIZE;
	}
}

/* One bit at a time (11.4.4.1). */
static void command(struct unit *u, u32 value)
{
	u32 kept = u->status & ~VTD_ONE_SHOT, changed = value ^ kept;

	assert_int_equal(changed & (changed - 1), 0);
	if (u->stuck)
		return;
	switch (changed) {
	case VTD_REMAP_TABLE:
		u->used_remap = u->remap;
		u->status |= VTD_REMAP_TABLE;
		return;
	case VTD_ROOT_TABLE:
		u->used_root = u->root;
		u->status |= VTD_ROOT_TABLE;
		return;
	case VTD_WRITE_BUFFER:
		return;
	case VTD_QUEUE:
		assert_int_equal(u->head, u->tail);
		assert_true(!u->last || u->last == 5); /* QEMU's */
		u->head = 0;
		assert_true(!(value & VTD_QUEUE) || !u->tail);
		break;
	case VTD_TRANSLATION:
		assert_true(!(value & VTD_TRANSLATION) || (u->contexts && u->tlbs && u->used_root));
		break;
	default:
		fail_msg("command 0x%x", changed);
	}
	u->status = value | (u->status & (VTD_REMAP_TABLE | VTD_ROOT_TABLE));
}

static u64 read_register(struct unit *u, u32 offset)
{
	switch (offset) {
	case VER:
		return u->version;
	case CAP:
		return u->cap;
	case ECAP:
		return u->ecap;
	case VTD_GSTS:
		return u->status;
	case VTD_FSTS:
		return u->fault_status;
	case VTD_IQH:
		return u->head;
	case VTD_IQT:
		return u->tail;
	case VTD_IQA:
		return u->queue;
	case VTD_IRTA:
		return u->remap;
	case VTD_FECTL ... VTD_FEUADDR:
		return u->fault_regs[(offset - VTD_FECTL) / 4];
	case FAULTS ... FAULTS + NUM_FAULTS * 16 - 1:
		return offset & 8 ? u->faults[(offset - FAULTS) / 16].high : u->faults[(offset - FAULTS) / 16].low;
	default:
		fail_msg("read of 0x%x", offset);
		return 0;
	}
}

static u32 mmio_read32(const volatile void *reg)
{
	u32 offset;
	struct unit *u = unit_of(reg, &offset);

	return read_register(u, offset);
}

static u64 mmio_read64(const volatile void *reg)
{
	u32 offset;
	struct unit *u = unit_of(reg, &offset);

	return read_register(u, offset);
}

static void mmio_write64(volatile void *reg, u64 value)
{
	u32 offset;
	struct unit *u = unit_of(reg, &offset);

	switch (offset) {
	case VTD_IQT:
		u->tail = value;
		run_queue(u);
		break;
	case VTD_IQA:
		assert_false(u->status & VTD_QUEUE);
		u->queue = value;
		break;
	case VTD_IRTA:
		u->remap = value;
		break;
	case RTADDR:
		u->root = value;
		break;
	default:
		fail_msg("write to 0x%x", offset);
	}
}

static void mmio_write32(volatile void *reg, u32 value)
{
	u32 offset;
	struct unit *u = unit_of(reg, &offset);

	switch (offset) {
	case GCMD:
		command(u, value);
		break;
	case VTD_IQT:
		mmio_write64(reg, value);
		break;
	case VTD_FSTS:
		u->fault_status &= ~value;
		break;
	case VTD_FECTL ... VTD_FEUADDR:
		u->fault_regs[(offset - VTD_FECTL) / 4] = value;
		break;
	case FAULTS ... FAULTS + NUM_FAULTS * 16 - 1:
		assert_int_equal(offset & 15, 12);
		assert_int_equal(value, 0x80000000);
		u->faults[(offset - FAULTS) / 16].high &= ~FAULT_VALID;
		u->fault_status &= ~FSTS_PENDING;
		break;
	default:
		fail_msg("write to 0x%x", offset);
	}
}

static void cache_write_back(void)
{
	write_backs++;
}

/* --- what the two files need --- */

struct cell root_cell;
static struct cell cell = { .id = 1, .name = "cell" };
static struct cell_system system_blob;
const struct cell_system *system_config = &system_blob;
static struct mmio_window window_of[UNITS];
static bool x2apic, moderated;

static struct {
	u16 bdf;
	u64 address;
	u32 access;
} told[64];
static unsigned int num_told;

static struct {
	struct cell_config header;
	struct cell_irqchip chips[2];
	struct cell_pci_device devices[3];
} __attribute__((packed)) blob, root_blob;

bool apic_x2apic(void)
{
	return x2apic;
}

/* CPUs 0 and 1 are root's first, 2 and 3 the cell's. */
bool apic_narrow(const struct cell *c, bool logical, u32 *dest)
{
	if (logical)
		*dest &= c->cpus.bits[0];
	return logical ? *dest : *dest - APIC_ID_OF(0) < 4 && cpu_set_has(&c->cpus, *dest - APIC_ID_OF(0));
}

void *host_map_device(paddr_t phys, u64 size)
{
	assert_true(size >= PAGE_SIZE);
	return units[(phys - BASE(0)) / PAGE_SIZE].registers;
}

bool pci_is_moderated(void)
{
	return moderated;
}

void iommu_fault_message(u32 *ret_address, u32 *ret_data)
{
	*ret_address = 0xfee04000;
	*ret_data = 0x400;
}

void iommu_fault(u16 bdf, u64 address, u32 access)
{
	told[num_told].bdf = bdf;
	told[num_told].address = address;
	told[num_told++].access = access;
}

int refuse(int err, const char *fmt, ...)
{
	(void)fmt;
	return err;
}

void print(const char *fmt, ...)
{
	(void)fmt;
}

int mmio_add(struct cell *c, const struct mmio_window *window)
{
	assert_ptr_equal(c, &root_cell);
	assert_int_equal(window->size, PAGE_SIZE);
	window_of[(window->start - BASE(0)) / PAGE_SIZE] = *window;
	return 0;
}

/* --- a machine --- */

#define NIC 0x0310 /* on bus 3 */
#define EDU 0x0080

static const struct cell_pci_device nic = { .type = 1, .bdf = NIC, .num_msix_vectors = 5 };
static const struct cell_pci_device edu = { .type = 1, .bdf = EDU, .num_msi_vectors = 4 };
static const struct cell_irqchip ioapic = { 0xfec00000, 0xff00, 0, { 1 << 4 | 1 << 6 } };
static const struct cell_irqchip second = { 0xfec01000, 0xff08, 0, { 0, 1 } };

/* Four levels with something below the first entry, as the core makes them. */
static void make_dma_tables(struct cell *c)
{
	c->dma.root = pool_alloc(1);
	c->dma.root[0] = pte_table(arch_virt_to_phys(pool_alloc(1)), 3);
}

static struct vtd_pair *linux_entry(u32 index)
{
	return (struct vtd_pair *)physical(LINUX_TABLE) + index;
}

static u64 irte(u32 dest)
{
	return PRESENT | VECTOR << VECTOR_SHIFT | (u64)dest << (x2apic ? DEST_SHIFT : XAPIC_DEST_SHIFT);
}

static void linux_remaps(struct unit *u)
{
	u->status = VTD_QUEUE | VTD_REMAP_INTERRUPTS | VTD_REMAP_TABLE;
	u->queue = LINUX_QUEUE;
	u->head = u->tail = 0x30;
	u->remap = u->used_remap = LINUX_TABLE | 8 | (x2apic ? IRTA_X2APIC : 0);
}

static void make_configurations(void)
{
	memset(&blob, 0, sizeof(blob));
	blob.header.num_irqchips = 2;
	blob.header.num_pci_devices = 3;
	blob.chips[0] = ioapic;
	blob.chips[1] = second;
	blob.devices[0] = (struct cell_pci_device){ .type = 3 };
	blob.devices[1] = edu;
	blob.devices[2] = nic;
	root_blob = blob;
	root_cell.config = &root_blob.header;
	cell.config = &blob.header;
}

static int boot(void **state)
{
	(void)state;
	memset(units, 0, sizeof(units));
	memset(root_memory, 0, sizeof(root_memory));
	memset(window_of, 0, sizeof(window_of));
	root_cell = (struct cell){ .cpus.bits = { 0xf } };
	cell = (struct cell){ .id = 1, .name = "cell", .cpus.bits = { 0xc } };
	vtd_units = NULL;
	vtd_num_units = num_entries = num_told = write_backs = 0;
	enabled = wide = x2apic = false;
	moderated = true;
	pages_left = POOL_PAGES;
	for (unsigned int n = 0; n < UNITS; n++) {
		units[n] = (struct unit){ .version = 0x10, .cap = GOOD_CAP, .ecap = GOOD_ECAP };
		for (unsigned int i = 0; i < 4; i++)
			units[n].fault_regs[i] = 0x100 * n + i;
	}
	system_blob = (struct cell_system){ 0 };
	system_blob.x86.vtd_interrupt_limit = LIMIT;
	for (unsigned int n = 0; n < UNITS; n++)
		system_blob.iommu[n] =
			(struct cell_iommu){ .type = CELL_IOMMU_INTEL, .base = BASE(n), .size = PAGE_SIZE };
	make_configurations();
	make_dma_tables(&root_cell);
	make_dma_tables(&cell);
	return 0;
}

static int boot_remapping(void **state)
{
	boot(state);
	for (unsigned int n = 0; n < UNITS; n++)
		linux_remaps(&units[n]);
	return 0;
}

static void take_over(void)
{
	assert_int_equal(vtd_driver.init(), 0);
	attach(&root_cell, 0, EDU);
	attach(&root_cell, 0, NIC);
	assert_int_equal(vtd_driver.enable(), 0);
}

/* Root has two CPUs left. */
static void make_cell(void)
{
	assert_int_equal(vtd_driver.init_cell(&cell), 0);
	root_cell.cpus.bits[0] = 0x3;
	vtd_driver.root_changed();
	attach(&cell, 0, EDU);
	attach(&cell, 0, NIC);
}

static const struct vtd_pair *used_entry(unsigned int n, u32 index)
{
	return (const struct vtd_pair *)(units[n].used_remap & PAGE_MASK) + index;
}

static const struct vtd_pair *used_context(u16 bdf)
{
	const struct vtd_pair *bus = (const struct vtd_pair *)units[0].used_root + (bdf >> 8);

	assert_int_equal(bus->low & ~PAGE_MASK, 1);
	return (const struct vtd_pair *)(bus->low & PAGE_MASK) + (bdf & 0xff);
}

/* --- what Linux has left --- */

static void test_refused(void **state)
{
	static const struct {
		u64 cap, ecap;
		u32 version, status;
		int err;
	} cases[] = {
		{ GOOD_CAP, GOOD_ECAP, 0x00, 0, -EIO },
		{ GOOD_CAP & ~CAP_39_BITS, GOOD_ECAP, 0x10, 0, -EIO },
		{ GOOD_CAP ^ CAP_39_BITS ^ CAP_48_BITS, GOOD_ECAP, 0x10, 0, -EIO }, /* the second has 39 only */
		{ GOOD_CAP & ~CAP_2M, GOOD_ECAP, 0x10, 0, -EIO },
		{ GOOD_CAP | 0xffUL << 40, GOOD_ECAP, 0x10, 0, -EINVAL }, /* faults beyond the page */
		{ GOOD_CAP, GOOD_ECAP & ~ECAP_QUEUE, 0x10, 0, -EIO },
		{ GOOD_CAP, GOOD_ECAP & ~ECAP_REMAP, 0x10, 0, -EIO },
		{ GOOD_CAP, GOOD_ECAP, 0x10, VTD_TRANSLATION, -EBUSY },
		{ GOOD_CAP, GOOD_ECAP, 0x10, VTD_QUEUE, -EIO },
		{ GOOD_CAP, GOOD_ECAP, 0x10, VTD_REMAP_INTERRUPTS, -EIO },
		{ GOOD_CAP, GOOD_ECAP, 0x10, VTD_REMAP_INTERRUPTS | VTD_QUEUE, -EIO }, /* the second does not */
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		boot(state);
		units[0].cap = cases[i].cap;
		units[0].ecap = cases[i].ecap;
		units[0].version = cases[i].version;
		units[0].status = cases[i].status;
		assert_int_equal(vtd_driver.init(), cases[i].err);
		assert_int_equal(units[0].status, cases[i].status);
	}
	boot(state);
	system_blob.iommu[1].size = 0x200;
	assert_int_equal(vtd_driver.init(), -EINVAL);
	boot(state);
	x2apic = true;
	assert_int_equal(vtd_driver.init(), -EIO); /* interrupts that nobody remaps */
	boot_remapping(state);
	x2apic = true;
	units[1].ecap &= ~ECAP_X2APIC;
	assert_int_equal(vtd_driver.init(), -EIO);
	boot_remapping(state);
	units[1].status |= VTD_COMPATIBLE; /* a device could interrupt any CPU by a plain message */
	assert_int_equal(vtd_driver.init(), -EIO);
	for (unsigned int pages = 0; pages < 9; pages++) {
		boot_remapping(state);
		pages_left = pages;
		assert_int_equal(vtd_driver.init(), -ENOMEM);
	}
}

static void test_refused_queue_and_table(void **state)
{
	static const u64 kinds[] = { 1, 2, 0x800 };

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		boot_remapping(state);
		units[1].queue |= kinds[i];
		assert_int_equal(vtd_driver.init(), -EIO);
	}
	boot_remapping(state);
	system_blob.x86.vtd_interrupt_limit = 0;
	assert_int_equal(vtd_driver.init(), -EINVAL);
	boot_remapping(state);
	system_blob.x86.vtd_interrupt_limit = 32769;
	assert_int_equal(vtd_driver.init(), -EINVAL);
	boot_remapping(state);
	linux_entry(256)->low = irte(APIC_ID_OF(0));
	assert_int_equal(vtd_driver.init(), -ERANGE);
	boot_remapping(state);
	linux_entry(256)->low = irte(APIC_ID_OF(0));
	system_blob.x86.vtd_interrupt_limit = 257;
	assert_int_equal(vtd_driver.init(), 0);
}

/* --- on and off --- */

static void test_on_and_off(void **state)
{
	(void)state;
	assert_int_equal(vtd_driver.init(), 0);
	for (unsigned int n = 0; n < UNITS; n++)
		assert_int_equal(units[n].status, 0);
	attach(&root_cell, 0, EDU);
	assert_int_equal(vtd_driver.enable(), 0);
	for (unsigned int n = 0; n < UNITS; n++) {
		assert_int_equal(units[n].status & ~VTD_ROOT_TABLE, VTD_TRANSLATION | VTD_QUEUE);
		assert_int_equal(units[n].fault_regs[0], 0);
		assert_int_equal(units[n].fault_regs[1], 0x400);
		assert_int_equal(units[n].fault_regs[2], 0xfee04000);
		assert_null(window_of[n].handler); /* all of it stays hidden */
	}
	assert_true(write_backs > 0); /* not coherent */
	vtd_driver.disable();
	for (unsigned int n = 0; n < UNITS; n++) {
		assert_int_equal(units[n].status & ~VTD_ROOT_TABLE, 0);
		for (unsigned int i = 0; i < 4; i++)
			assert_int_equal(units[n].fault_regs[i], 0x100 * n + i);
	}
}

static void test_on_and_off_with_remapping(void **state)
{
	u8 queue[PAGE_SIZE];

	(void)state;
	linux_entry(3)->low = irte(APIC_ID_OF(1));
	linux_entry(3)->high = CHECK_SOURCE | EDU;
	memset(physical(LINUX_QUEUE), 0x55, PAGE_SIZE);
	memcpy(queue, physical(LINUX_QUEUE), PAGE_SIZE);
	take_over();
	for (unsigned int n = 0; n < UNITS; n++) {
		assert_int_equal(units[n].used_remap & 0xf, 7); /* 256 */
		assert_int_not_equal(units[n].used_remap & PAGE_MASK, LINUX_TABLE);
		assert_int_equal(used_entry(n, 3)->low, irte(APIC_ID_OF(1)));
		assert_int_equal(used_entry(n, 3)->high, CHECK_SOURCE | EDU);
		assert_int_equal(used_entry(n, 4)->low & PRESENT, 0);
		assert_true(units[n].interrupts > 0);
		assert_int_not_equal(units[n].queue, LINUX_QUEUE);
	}
	vtd_driver.disable();
	for (unsigned int n = 0; n < UNITS; n++) {
		assert_int_equal(units[n].status & ~VTD_ROOT_TABLE, VTD_QUEUE | VTD_REMAP_INTERRUPTS | VTD_REMAP_TABLE);
		assert_int_equal(units[n].used_remap, LINUX_TABLE | 8);
		assert_int_equal(units[n].queue, LINUX_QUEUE);
		assert_int_equal(units[n].head, 0x30);
		assert_int_equal(units[n].tail, 0x30);
	}
	assert_memory_equal(queue, physical(LINUX_QUEUE), PAGE_SIZE);
	assert_int_equal(vtd_driver.enable(), 0);
	vtd_driver.disable();
	assert_int_equal(units[0].tail, 0x30);
}

static void test_dead_unit(void **state)
{
	(void)state;
	assert_int_equal(vtd_driver.init(), 0);
	units[1].stuck = true;
	assert_int_equal(vtd_driver.enable(), -EIO);
	assert_int_equal(units[0].status & VTD_TRANSLATION, 0);
}

/* --- who reaches what --- */

static void test_contexts(void **state)
{
	u64 table;

	(void)state;
	take_over();
	table = root_cell.dma.root[0] & PTE_ADDRESS;
	assert_int_equal(used_context(EDU)->low, table | 1);
	assert_int_equal(used_context(EDU)->high, 1 << 8 | 1);
	assert_int_equal(used_context(EDU + 1)->low, 0);
	assert_int_equal(used_context(0x0900)->low, 0);
	make_cell();
	assert_int_equal(used_context(NIC)->low, (cell.dma.root[0] & PTE_ADDRESS) | 1);
	assert_int_equal(used_context(NIC)->high, 2 << 8 | 1);
	attach(&root_cell, 0, NIC);
	assert_int_equal(used_context(NIC)->low, table | 1);
	/* A cell without memory for devices. */
	cell.dma.root[0] = 0;
	attach(&cell, 0, NIC);
	assert_int_equal(used_context(NIC)->low, 0);
}

static void test_contexts_of_48_bits(void **state)
{
	(void)state;
	units[0].cap ^= CAP_39_BITS | CAP_48_BITS;
	units[1].cap |= CAP_48_BITS;
	root_cell.dma.root[511] = root_cell.dma.root[0];
	take_over();
	assert_int_equal(used_context(EDU)->low, arch_virt_to_phys(root_cell.dma.root) | 1);
	assert_int_equal(used_context(EDU)->high, 1 << 8 | 2);
}

static void test_contexts_of_everyone(void **state)
{
	(void)state;
	moderated = false;
	take_over();
	for (u32 bdf = 0; bdf < 0x10000; bdf += 0x105)
		assert_int_equal(used_context(bdf)->low, (root_cell.dma.root[0] & PTE_ADDRESS) | 1);
}

static void test_limits_of_cells(void **state)
{
	(void)state;
	take_over();
	cell.dma.root[1] = cell.dma.root[0];
	assert_int_equal(vtd_driver.init_cell(&cell), -E2BIG);
	cell.dma.root[1] = 0;
	cell.id = 0xffff; /* CAP.ND: 16 bits */
	assert_int_equal(vtd_driver.init_cell(&cell), -ERANGE);
	cell.id = 0xfffe;
	assert_int_equal(vtd_driver.init_cell(&cell), 0);
	boot(state);
	root_cell.dma.root[1] = root_cell.dma.root[0];
	assert_int_equal(vtd_driver.init(), -E2BIG);
}

static void test_page_tables(void **state)
{
	const struct paging_format *f = vtd_driver.format;

	(void)state;
	assert_int_equal(f->leaf(0x5000, ACCESS_READ, 0), 0x5001);
	assert_int_equal(f->leaf(0x5000, ACCESS_READ | ACCESS_WRITE, 0), 0x5003);
	assert_int_equal(f->leaf(0x200000, ACCESS_RWX, 1), 0x200083);
	assert_int_equal(f->leaf(0x5000, ACCESS_EXECUTE, 0), 0);
	assert_int_equal(f->table(0x7000, 2), 0x7003);
	assert_false(f->is_leaf(0x7003, 1));
	assert_true(f->is_leaf(0x200083, 1) && f->present(1) && !f->present(0));
	assert_int_equal(f->address(0x200083, 1), 0x200000);
	assert_int_equal(f->access(0x5003), ACCESS_READ | ACCESS_WRITE);
}

/* --- faults --- */

static void raise_fault(unsigned int n, unsigned int at, u16 bdf, u64 info, u32 reason, bool read)
{
	units[n].faults[at].low = info;
	units[n].faults[at].high = FAULT_VALID | (read ? FAULT_READ : 0) | (u64)reason << 32 | bdf;
	units[n].fault_status |= FSTS_PENDING | at << 8;
}

static void test_faults(void **state)
{
	(void)state;
	take_over();
	assert_false(vtd_driver.report_faults());
	raise_fault(1, 1, NIC, 0x3f000123, 5, false);
	assert_true(vtd_driver.report_faults());
	assert_int_equal(num_told, 1);
	assert_int_equal(told[0].bdf, NIC);
	assert_int_equal(told[0].address, 0x3f000000);
	assert_int_equal(told[0].access, HV_EVENT_WRITE);
	assert_false(vtd_driver.report_faults());
	raise_fault(0, 0, EDU, 0x1000, 6, true);
	raise_fault(0, 1, EDU, 0x55UL << 48, 0x22, true); /* interrupt 0x55 */
	units[0].fault_status = FSTS_PENDING | FSTS_OVERFLOW | 1 << 8;
	assert_true(vtd_driver.report_faults());
	assert_int_equal(num_told, 3);
	assert_int_equal(told[1].address, 0xfee00010 | 0x55 << 5);
	assert_int_equal(told[1].access, HV_EVENT_WRITE);
	assert_int_equal(told[2].access, 0);
	assert_int_equal(units[0].fault_status & (FSTS_PENDING | FSTS_OVERFLOW), 0);
}

/* Not listened to any more, until it is another's. */
static void test_faults_without_end(void **state)
{
	(void)state;
	take_over();
	for (unsigned int i = 0; i < 16; i++) {
		assert_int_equal(used_context(NIC)->low & ENTRY_QUIET, 0);
		raise_fault(0, 0, NIC, 0x1000, 5, false);
		assert_true(vtd_driver.report_faults());
	}
	assert_int_equal(used_context(NIC)->low & ENTRY_QUIET, ENTRY_QUIET);
	attach(&cell, 0, NIC);
	assert_int_equal(used_context(NIC)->low & ENTRY_QUIET, 0);
	assert_int_equal(used_context(NIC)->high, 2 << 8 | 1);
	/* One that nobody has listed. */
	for (unsigned int i = 0; i < 16; i++) {
		raise_fault(0, 0, 0x1234, 0x1000, 2, false);
		vtd_driver.report_faults();
	}
	assert_int_equal(used_context(0x1234)->low, ENTRY_QUIET);
}

/* --- root's registers --- */

static bool root_access(u32 offset, u8 size, bool write, u64 *value)
{
	struct mmio_access a = { .address = BASE(0) + offset, .size = size, .write = write, .value = *value };
	bool ok = window_of[0].handler(NULL, &window_of[0], &a);

	*value = a.value;
	return ok;
}

static bool root_writes(u32 offset, u64 value)
{
	return root_access(offset, 4, true, &value);
}

static void test_registers_of_root(void **state)
{
	u64 value = 0xff;

	(void)state;
	take_over();
	assert_true(root_access(VTD_FSTS, 4, false, &value));
	assert_int_equal(value, 0);
	for (unsigned int i = 0; i < 4; i++) {
		assert_true(root_access(VTD_FECTL + 4 * i, 4, false, &value));
		assert_int_equal(value, i);
		assert_true(root_writes(VTD_FECTL + 4 * i, 0x70 + i));
	}
	assert_int_equal(units[0].fault_regs[1], 0x400); /* ours */
	for (u32 offset = 0; offset < PAGE_SIZE; offset++) {
		bool known = offset == VTD_FSTS || (offset >= VTD_FECTL && offset <= VTD_FEUADDR && !(offset & 3));

		assert_int_equal(root_access(offset, 4, false, &value), known);
		assert_int_equal(root_access(offset, 4, true, &value), known || offset == VTD_IQT);
		assert_false(root_access(offset, 1, false, &value));
		value = 0x30;
	}
	for (unsigned int i = 0; i < 4; i++)
		assert_true(root_writes(VTD_FECTL + 4 * i, 0x70 + i));
	vtd_driver.disable();
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(units[0].fault_regs[i], 0x70 + i);
}

/* --- root's queue --- */

static u32 linux_at;

static bool orders(u64 low, u64 high)
{
	struct vtd_pair *d = (struct vtd_pair *)physical(LINUX_QUEUE + linux_at);

	*d = (struct vtd_pair){ low, high };
	linux_at = (linux_at + 16) % PAGE_SIZE;
	return root_writes(VTD_IQT, linux_at);
}

static int boot_queue(void **state)
{
	boot_remapping(state);
	take_over();
	linux_at = 0x30;
	return 0;
}

#define SOME(index, mask) (0x14UL | (u64)(mask) << 27 | (u64)(index) << 32)

static void test_orders(void **state)
{
	u32 before;

	(void)state;
	for (u32 i = 0; i < LINUX_ENTRIES; i++)
		*linux_entry(i) = (struct vtd_pair){ irte(APIC_ID_OF(0)), CHECK_SOURCE | EDU };
	assert_true(orders(SOME(9, 0), 0));
	assert_int_equal(used_entry(0, 9)->low, irte(APIC_ID_OF(0)));
	assert_int_equal(used_entry(0, 8)->low & PRESENT, 0);
	assert_int_equal(used_entry(0, 10)->low & PRESENT, 0);
	assert_int_equal(used_entry(1, 9)->low & PRESENT, 0); /* each has its own */
	assert_true(orders(SOME(0x15, 2), 0));
	for (u32 i = 0x10; i < 0x20; i++)
		assert_int_equal(used_entry(0, i)->low & PRESENT, i >= 0x14 && i < 0x18);
	before = units[0].interrupts;
	assert_true(orders(SOME(0x15, 2), 0)); /* nothing has changed */
	assert_int_equal(units[0].interrupts, before);
	assert_true(orders(SOME(0xffff, 31), 0));
	assert_int_equal(used_entry(0, LIMIT - 1)->low, irte(APIC_ID_OF(0)));
	memset(linux_entry(0), 0, LINUX_ENTRIES * 16);
	assert_true(orders(0x4, 0));
	for (u32 i = 0; i < LIMIT; i++)
		assert_int_equal(used_entry(0, i)->low & PRESENT, 0);
	assert_true(orders(0x25 | 0x1234UL << 32, STATUS));
	assert_int_equal(*(u32 *)physical(STATUS), 0x1234);
	assert_true(orders(0x45, 0)); /* a mere fence */
	for (unsigned int i = 0; i < 600; i++)
		assert_true(orders(0x25 | (u64)i << 32, STATUS));
	assert_int_equal(*(u32 *)physical(STATUS), 599);
}

static void test_forbidden_orders(void **state)
{
	static const struct vtd_pair bad[] = {
		{ 0, 0 },
		{ 0x11, 0 },	  /* contexts */
		{ 0x12, 0 },	  /* translations */
		{ 0x13, 0 },	  /* of devices */
		{ 0x15, STATUS }, /* an interrupt when it is done */
		{ 0x25, READ_ONLY_PAGE * PAGE_SIZE },
		{ 0x25, ROOT_PAGES * PAGE_SIZE },
		{ 0x25, 0xfffffffffffffffc },
		{ 0x25, STATUS + 1 },
		{ 0x204, 0 }, /* extended types */
		{ 0xe25, STATUS },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		boot_queue(state);
		assert_false(orders(bad[i].low, bad[i].high));
	}
	boot_queue(state);
	assert_false(root_writes(VTD_IQT, 0x38));
	assert_false(root_writes(VTD_IQT, PAGE_SIZE));
	boot_remapping(state);
	for (unsigned int n = 0; n < UNITS; n++)
		units[n].queue = ROOT_PAGES * PAGE_SIZE; /* not root's */
	take_over();
	assert_false(root_writes(VTD_IQT, 0x40));
}

static void test_random_orders(void **state)
{
	u32 good = 0, present = 0;

	(void)state;
	make_cell();
	vtd_driver.remap_msi(&cell, &blob.devices[1], 0, 1, &(struct msi_message){ 0xfee06000, 0, 0x55 });
	srand(5);
	for (unsigned int round = 0; round < 20000; round++) {
		u64 low = ((u64)rand() << 32 ^ (u64)rand() << 8 ^ rand()) & (rand() & 1 ? ~0xf00UL : ~0UL);

		*linux_entry(rand() % LINUX_ENTRIES) =
			(struct vtd_pair){ low ^ (u64)rand() << 33 ^ rand() % 4, rand() };
		low = (low & ~0xfUL) | (rand() & 1 ? 4 : rand() & 0xf);
		good += orders(low, rand() % (2 * sizeof(root_memory)) & (rand() & 1 ? ~3 : ~0));
		linux_at = vtd_units[0].linux_tail;
		for (u32 i = 0; i < LIMIT && round % 64 == 0; i++) {
			u64 e = used_entry(0, i)->low;
			u32 dest = e >> XAPIC_DEST_SHIFT & 0xff;

			if (!(e & PRESENT) || e & OURS)
				continue;
			present++;
			assert_false(e & POSTED || MODE(e) > 1);
			assert_true(e & LOGICAL ? dest && !(dest & ~3U) : dest - APIC_ID_OF(0) < 2);
		}
	}
	assert_int_equal(used_entry(0, cell.arch.first_interrupt + 3 + 1)->low >> VECTOR_SHIFT & 0xff, 0x55);
	assert_true(good > 5000 && present > 100);
}

/* --- root's entries --- */

static void test_narrowed(void **state)
{
	(void)state;
	*linux_entry(0) = (struct vtd_pair){ irte(APIC_ID_OF(1)) | 0xf00 | QUIET, ~0UL };
	*linux_entry(1) = (struct vtd_pair){ irte(APIC_ID_OF(2)), CHECK_SOURCE };
	*linux_entry(2) = (struct vtd_pair){ irte(0x0f) | LOGICAL | 1 << MODE_SHIFT | LEVEL, CHECK_SOURCE };
	*linux_entry(3) = (struct vtd_pair){ irte(0x0c) | LOGICAL, CHECK_SOURCE };
	*linux_entry(4) = (struct vtd_pair){ irte(APIC_ID_OF(0)) | 2 << MODE_SHIFT, CHECK_SOURCE }; /* SMI */
	*linux_entry(5) = (struct vtd_pair){ irte(APIC_ID_OF(0)) | POSTED, CHECK_SOURCE };
	*linux_entry(6) = (struct vtd_pair){ irte(APIC_ID_OF(0)) & ~PRESENT, CHECK_SOURCE };
	take_over();
	assert_int_equal(used_entry(0, 0)->low, irte(APIC_ID_OF(1)) | QUIET);
	assert_int_equal(used_entry(0, 0)->high, 0xfffff);
	assert_int_equal(used_entry(0, 1)->low, irte(APIC_ID_OF(2)));
	assert_int_equal(used_entry(0, 2)->low, irte(0x0f) | LOGICAL | 1 << MODE_SHIFT | LEVEL);
	for (u32 i = 4; i < 7; i++)
		assert_int_equal(used_entry(0, i)->low, QUIET);
	make_cell();
	assert_int_equal(used_entry(0, 0)->low, irte(APIC_ID_OF(1)) | QUIET);
	assert_int_equal(used_entry(0, 1)->low, QUIET);
	assert_int_equal(used_entry(0, 2)->low, irte(0x03) | LOGICAL | 1 << MODE_SHIFT | LEVEL);
	assert_int_equal(used_entry(0, 3)->low, QUIET);
	vtd_driver.reset_cell(&cell);
	vtd_driver.exit_cell(&cell);
	root_cell.cpus.bits[0] = 0xf;
	vtd_driver.root_changed();
	assert_int_equal(used_entry(0, 1)->low, irte(APIC_ID_OF(2)));
	assert_int_equal(used_entry(0, 3)->low, irte(0x0c) | LOGICAL);
}

static void test_messages_of_virtual_devices(void **state)
{
	struct iommu_target t;

	(void)state;
	*linux_entry(7) = (struct vtd_pair){ irte(0x0f) | LOGICAL | 1 << MODE_SHIFT, CHECK_SOURCE };
	*linux_entry(9) = (struct vtd_pair){ irte(APIC_ID_OF(1)), CHECK_SOURCE };
	take_over();
	make_cell();
	assert_true(vtd_driver.root_message(0xfee00018 | 5 << 5, 2, &t));
	assert_int_equal(t.dest, 0x03);
	assert_true(t.logical);
	assert_int_equal(t.data, VECTOR | 0x100);
	assert_true(vtd_driver.root_message(0xfee00010 | 9 << 5, 2, &t));
	assert_int_equal(t.dest, APIC_ID_OF(1));
	assert_int_equal(t.data, VECTOR);
	assert_false(t.logical || vtd_driver.root_message(0xfee00010 | 8 << 5, 0, &t));
	assert_false(vtd_driver.root_message(0xfee00014 | 9 << 5, 0, &t)); /* 15th bit */
	vtd_driver.remap_msi(&cell, &blob.devices[2], 0, 1, &(struct msi_message){ 0xfee06000, 0, 0x55 });
	assert_false(vtd_driver.root_message(vtd_ir_address(cell.arch.first_interrupt + 8), 0, &t));
}

static void test_table_out_of_roots_memory(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < UNITS; n++)
		units[n].remap = ROOT_PAGES * PAGE_SIZE | 8;
	take_over();
	for (u32 i = 0; i < LIMIT; i++)
		assert_int_equal(used_entry(0, i)->low, QUIET);
}

/* --- interrupts of cells: two pins of a chip, one of another, a function without, four messages, five --- */

#define WANTED (2 + 1 + 1 + 4 + 5)

static void check_both(u32 index, u64 low, u64 high)
{
	for (unsigned int n = 0; n < UNITS; n++) {
		assert_int_equal(used_entry(n, index)->low, low);
		assert_int_equal(used_entry(n, index)->high, high);
	}
}

static void test_messages(void **state)
{
	struct msi_message m = { 0xfee07000, 0, 0x61 };
	u32 first = LIMIT - WANTED;

	(void)state;
	take_over();
	make_cell();
	assert_int_equal(cell.arch.first_interrupt, first);
	check_both(first, OURS, 0);
	vtd_driver.remap_msi(&cell, &blob.devices[2], 3, 1, &m);
	assert_int_equal(m.address, 0xfee00018 | (first + 8 + 3) << 5);
	assert_int_equal(m.address_high | m.data, 0);
	check_both(first + 8 + 3, OURS | PRESENT | 0x61UL << 16 | 7UL << 40, CHECK_SOURCE | NIC);
	/* Four with one message; more than it has are not made. */
	m = (struct msi_message){ 0xfee0800c, 0, 0x8166 };
	vtd_driver.remap_msi(&cell, &blob.devices[1], 0, 8, &m);
	assert_int_equal(m.address, 0xfee00018 | (first + 4) << 5);
	for (u32 i = 0; i < 4; i++)
		check_both(first + 4 + i,
			   OURS | PRESENT | LOGICAL | LEVEL | 1 << MODE_SHIFT | (0x60UL + i) << 16 | 8UL << 40,
			   CHECK_SOURCE | EDU);
	check_both(first + 8, OURS, 0);
	vtd_driver.reset_cell(&cell);
	for (u32 i = 0; i < WANTED; i++)
		check_both(first + i, OURS, 0);
}

static void test_pins(void **state)
{
	const u64 high = CHECK_SOURCE | 0xff00;
	u32 first = LIMIT - WANTED;
	u64 entry;

	(void)state;
	take_over();
	make_cell();
	assert_int_equal(vtd_driver.remap_pin(&cell, 0xfec00000, 6, 0x10071), 0x10071); /* masked */
	entry = vtd_driver.remap_pin(&cell, 0xfec00000, 6, 6UL << 56 | 0xa071);
	assert_int_equal(entry, (u64)(first + 1) << 49 | 1UL << 48 | 0xa071);
	check_both(first + 1, OURS | PRESENT | LEVEL | 0x71UL << 16 | 6UL << 40, high);
	entry = vtd_driver.remap_pin(&cell, 0xfec01000, 32, 0xcUL << 56 | 0x972);
	assert_int_equal(entry, (u64)(first + 2) << 49 | 1UL << 48 | 0x72);
	check_both(first + 2, OURS | PRESENT | LOGICAL | 1 << MODE_SHIFT | 0x72UL << 16 | 0xcUL << 40,
		   CHECK_SOURCE | 0xff08);
}

static void test_x2apic(void **state)
{
	struct msi_message m = { 0xfee07000, 0, 0x61 };

	(void)state;
	x2apic = true;
	boot_remapping(state);
	x2apic = true;
	for (unsigned int n = 0; n < UNITS; n++)
		linux_remaps(&units[n]);
	*linux_entry(0) = (struct vtd_pair){ irte(APIC_ID_OF(1)), CHECK_SOURCE };
	*linux_entry(1) = (struct vtd_pair){ irte(0x10000 | APIC_ID_OF(1)), CHECK_SOURCE };
	take_over();
	assert_int_equal(units[0].used_remap & IRTA_X2APIC, IRTA_X2APIC);
	assert_int_equal(used_entry(0, 0)->low, PRESENT | VECTOR << 16 | (u64)APIC_ID_OF(1) << 32);
	assert_int_equal(used_entry(0, 1)->low, QUIET);
	make_cell();
	vtd_driver.remap_msi(&cell, &blob.devices[2], 0, 1, &m);
	check_both(LIMIT - WANTED + 8, OURS | PRESENT | 0x61UL << 16 | 7UL << 32, CHECK_SOURCE | NIC);
}

/* Entries that root uses are left alone; what it wants of a cell's waits. */
static void test_room_for_cells(void **state)
{
	struct cell other = { .id = 2, .name = "other", .config = &blob.header, .dma = cell.dma };

	(void)state;
	for (u32 i = 0; i < LIMIT - 2 * WANTED + 1; i++)
		*linux_entry(i) = (struct vtd_pair){ irte(APIC_ID_OF(0)), CHECK_SOURCE };
	*linux_entry(LIMIT - 2) = (struct vtd_pair){ irte(APIC_ID_OF(0)), CHECK_SOURCE };
	take_over();
	make_cell();
	assert_int_equal(cell.arch.first_interrupt, LIMIT - 2 - WANTED);
	assert_int_equal(vtd_driver.init_cell(&other), -E2BIG);
	assert_int_equal(other.arch.num_interrupts, 0);
	vtd_driver.exit_cell(&other);
	*linux_entry(LIMIT - 3) = (struct vtd_pair){ irte(APIC_ID_OF(0)), CHECK_SOURCE };
	vtd_driver.root_changed();
	check_both(LIMIT - 3, OURS, 0);
	vtd_driver.reset_cell(&cell);
	vtd_driver.exit_cell(&cell);
	check_both(LIMIT - 3, irte(APIC_ID_OF(0)), CHECK_SOURCE);
	check_both(LIMIT - 4, QUIET, 0);
}

static void test_without_remapping(void **state)
{
	struct msi_message m = { 0xfee07000, 0, 0x61 };

	(void)state;
	take_over();
	make_cell();
	vtd_driver.remap_msi(&cell, &blob.devices[2], 0, 1, &m);
	assert_int_equal(m.address, 0xfee07000);
	assert_int_equal(m.data, 0x61);
	assert_int_equal(vtd_driver.remap_pin(&cell, 0xfec00000, 6, 0x71), 0x71);
	vtd_driver.reset_cell(&cell);
	vtd_driver.exit_cell(&cell);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_refused_queue_and_table),
		cmocka_unit_test_setup(test_on_and_off, boot),
		cmocka_unit_test_setup(test_on_and_off_with_remapping, boot_remapping),
		cmocka_unit_test_setup(test_dead_unit, boot),
		cmocka_unit_test_setup(test_contexts, boot),
		cmocka_unit_test_setup(test_contexts_of_48_bits, boot),
		cmocka_unit_test_setup(test_contexts_of_everyone, boot),
		cmocka_unit_test_setup(test_limits_of_cells, boot),
		cmocka_unit_test(test_page_tables),
		cmocka_unit_test_setup(test_faults, boot),
		cmocka_unit_test_setup(test_faults_without_end, boot),
		cmocka_unit_test_setup(test_registers_of_root, boot_remapping),
		cmocka_unit_test_setup(test_orders, boot_queue),
		cmocka_unit_test(test_forbidden_orders),
		cmocka_unit_test_setup(test_random_orders, boot_queue),
		cmocka_unit_test_setup(test_narrowed, boot_remapping),
		cmocka_unit_test_setup(test_messages_of_virtual_devices, boot_remapping),
		cmocka_unit_test_setup(test_table_out_of_roots_memory, boot_remapping),
		cmocka_unit_test_setup(test_messages, boot_remapping),
		cmocka_unit_test_setup(test_pins, boot_remapping),
		cmocka_unit_test(test_x2apic),
		cmocka_unit_test_setup(test_room_for_cells, boot_remapping),
		cmocka_unit_test_setup(test_without_remapping, boot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
