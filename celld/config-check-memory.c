/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does a configuration make sense? Rules about memory: each region by itself, within its cell, and in the machine.
 */
#include <inttypes.h>

#include "config-check.h"

#define KNOWN_MEMORY_FLAGS                                                                                             \
	(MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE | MEMORY_DMA | MEMORY_IO | MEMORY_COMM_REGION | MEMORY_LOADABLE | \
	 MEMORY_ROOTSHARED | MEMORY_NO_HUGEPAGES | MEMORY_IO_UNALIGNED | MEMORY_IO_WIDTHS)
#define MEMORY_IO_WIDTHS (MEMORY_IO_8 | MEMORY_IO_16 | MEMORY_IO_32 | MEMORY_IO_64)
#define MEMORY_ACCESS (MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE)

#define PHYS_ADDRESS_BITS 52 /**< of any supported machine */
#define VIRT_ADDRESS_BITS 48

#define X86_APIC_BASE 0xfee00000ULL
#define X86_IOAPIC_BASE 0xfec00000ULL

const MemoryRegion *memory_find_comm(const CellConfig *cell)
{
	for (size_t i = 0; i < cell->n_memory; i++)
		if (cell->memory[i].flags & MEMORY_COMM_REGION)
			return &cell->memory[i];
	return NULL;
}

static void check_comm_region(const Checker *checker, size_t i)
{
	const MemoryRegion *region = &checker->cell->memory[i];
	const char *key = KEY("memory[%zu]", i);
	const MemoryRegion *first = memory_find_comm(checker->cell);

	if (checker->is_root)
		check_report(checker, CONFIG_ERROR, key, "the root cell has no communication page");
	if (region != first)
		check_report(
			checker, CONFIG_ERROR, key, "a second \"comm-region\", the first is %s",
			PARTY(checker, checker->cell, KEY("memory[%zu]", (size_t)(first - checker->cell->memory))));
	if (region->size != PAGE_BYTES || region->virt_start % PAGE_BYTES)
		check_report(checker, CONFIG_ERROR, key, "a \"comm-region\" is exactly one page");
	if (region->flags & (MEMORY_LOADABLE | MEMORY_ROOTSHARED | MEMORY_EXECUTE | MEMORY_DMA))
		check_report(checker, CONFIG_ERROR, KEY("memory[%zu].flags", i),
			     "a \"comm-region\" can only be read and written");
}

static void check_flags_of(const Checker *checker, size_t i)
{
	const MemoryRegion *region = &checker->cell->memory[i];
	const char *key = KEY("memory[%zu].flags", i);
	uint64_t unknown = region->flags & ~(uint64_t)KNOWN_MEMORY_FLAGS;

	if (unknown)
		check_report(checker, CONFIG_ERROR, key, "unknown bits 0x%" PRIx64, unknown);
	if (!(region->flags & MEMORY_ACCESS))
		check_report(checker, CONFIG_ERROR, key, "neither \"read\" nor \"write\" nor \"execute\"");
	else if (!(region->flags & MEMORY_READ))
		check_report(checker, CONFIG_ERROR, key, "\"write\" and \"execute\" need \"read\"");
	if (region->flags & MEMORY_LOADABLE && !(region->flags & MEMORY_WRITE))
		check_report(checker, CONFIG_ERROR, key, "\"loadable\" needs \"write\"");
	if (region->flags & MEMORY_LOADABLE && region->flags & MEMORY_ROOTSHARED)
		check_report(checker, CONFIG_ERROR, key, "\"loadable\" and \"rootshared\" exclude each other");
	if (!memory_is_subpage(region))
		return;
	if (!(region->flags & MEMORY_IO_WIDTHS))
		check_report(checker, CONFIG_ERROR, key,
			     "the region is not page aligned, so each access is trapped and needs one of \"io-8\" to "
			     "\"io-64\"");
	if (region->flags & (MEMORY_EXECUTE | MEMORY_LOADABLE | MEMORY_DMA))
		check_report(checker, CONFIG_ERROR, key,
			     "the region is not page aligned, so it cannot be \"execute\", \"loadable\" or \"dma\"");
}

/** ends_within - @size bytes from @first stay below 2^@bits */
static bool ends_within(uint64_t first, uint64_t size, unsigned bits)
{
	uint64_t end;

	return !__builtin_add_overflow(first, size, &end) && end <= 1ULL << bits;
}

/** extent_is_valid - the region has bytes that can be compared with those of others */
static bool extent_is_valid(const MemoryRegion *region)
{
	return region->size > 0 && ends_within(region->virt_start, region->size, VIRT_ADDRESS_BITS) &&
	       (!memory_has_phys(region) || ends_within(region->phys_start, region->size, PHYS_ADDRESS_BITS));
}

static void check_extent(const Checker *checker, size_t i)
{
	const MemoryRegion *region = &checker->cell->memory[i];

	if (region->size == 0)
		check_report(checker, CONFIG_ERROR, KEY("memory[%zu].size", i), "is 0");
	if (memory_has_phys(region) && !ends_within(region->phys_start, region->size, PHYS_ADDRESS_BITS))
		check_report(checker, CONFIG_ERROR, KEY("memory[%zu]", i), "ends beyond %u physical address bits",
			     PHYS_ADDRESS_BITS);
	if (!ends_within(region->virt_start, region->size, VIRT_ADDRESS_BITS))
		check_report(checker, CONFIG_ERROR, KEY("memory[%zu]", i), "ends beyond %u address bits of the cell",
			     VIRT_ADDRESS_BITS);
	if (!memory_is_subpage(region) && memory_has_phys(region) && region->phys_start % PAGE_BYTES)
		check_report(checker, CONFIG_ERROR, KEY("memory[%zu].phys", i), "is not page aligned");
	if (checker->is_root && region->phys_start != region->virt_start)
		check_report(checker, CONFIG_ERROR, KEY("memory[%zu].virt", i),
			     "regions of the root cell have the same \"phys\" and \"virt\"");
}

/** check_own_overlap - against the regions before */
static void check_own_overlap(const Checker *checker, size_t i)
{
	const CellConfig *cell = checker->cell;
	const MemoryRegion *region = &cell->memory[i];

	for (size_t j = 0; j < i; j++) {
		const MemoryRegion *other = &cell->memory[j];

		if (!extent_is_valid(other))
			continue;
		if (range_overlaps(memory_virt(region), memory_virt(other)))
			check_report(checker, CONFIG_ERROR, KEY("memory[%zu]", i), "%s in the cell overlaps %s, %s",
				     RANGE(memory_virt(region)), PARTY(checker, cell, KEY("memory[%zu]", j)),
				     RANGE(memory_virt(other)));
		else if (memory_has_phys(region) && memory_has_phys(other) &&
			 range_overlaps(memory_phys(region), memory_phys(other)))
			check_report(checker, CONFIG_ERROR, KEY("memory[%zu]", i), "physical %s overlaps %s, %s",
				     RANGE(memory_phys(region)), PARTY(checker, cell, KEY("memory[%zu]", j)),
				     RANGE(memory_phys(other)));
	}
}

/** check_window - @region must keep off @window, which @party owns */
static void check_window(const Checker *checker, size_t i, Range range, Range window, const char *party)
{
	if (range_overlaps(range, window))
		check_report(checker, CONFIG_ERROR, KEY("memory[%zu]", i), "physical %s overlaps %s, %s", RANGE(range),
			     party, RANGE(window));
}

/** check_hypervisor_window - memory that nobody may have */
static void check_hypervisor_window(const Checker *checker, size_t i)
{
	const MemoryRegion *hypervisor = &checker->system->hypervisor_memory;

	if (hypervisor->size > 0)
		check_window(checker, i, memory_phys(&checker->cell->memory[i]), memory_phys(hypervisor),
			     SYSTEM_PARTY(checker, "hypervisor_memory"));
}

/** check_cell_windows - memory that only the root cell may have */
static void check_cell_windows(const Checker *checker, size_t i)
{
	const MemoryRegion *region = &checker->cell->memory[i];
	const SystemConfig *system = checker->system;
	Range phys = memory_phys(region);

	if (system->arch == CONFIG_ARCH_X86) {
		check_window(checker, i, phys, range_make(X86_APIC_BASE, PAGE_BYTES), "the local APIC");
		check_window(checker, i, phys, range_make(X86_IOAPIC_BASE, PAGE_BYTES), "the IOAPIC");
	}
	for (size_t j = 0; j < system->root.n_irqchips; j++)
		if (system->arch != CONFIG_ARCH_X86 || system->root.irqchips[j].address != X86_IOAPIC_BASE)
			check_window(checker, i, phys, range_make(system->root.irqchips[j].address, PAGE_BYTES),
				     SYSTEM_PARTY(checker, KEY("root_cell.irqchips[%zu]", j)));
	if (system->mmconfig_base)
		check_window(checker, i, phys,
			     range_make(system->mmconfig_base, (system->mmconfig_end_bus + 1ULL) << 20),
			     SYSTEM_PARTY(checker, "pci.mmconfig_base"));
	for (size_t j = 0; j < CONFIG_IOMMU_MAX && system->iommu[j].base; j++)
		check_window(checker, i, phys, range_make(system->iommu[j].base, MAX(system->iommu[j].size, 1U)),
			     SYSTEM_PARTY(checker, KEY("iommu[%zu]", j)));
}

/** check_apic_view - the page where the cell's CPUs see their APIC */
static void check_apic_view(const Checker *checker, size_t i)
{
	const MemoryRegion *region = &checker->cell->memory[i];

	if (checker->cell->arch == CONFIG_ARCH_X86 &&
	    range_overlaps(memory_virt(region), range_make(X86_APIC_BASE, PAGE_BYTES)))
		check_report(checker, CONFIG_ERROR, KEY("memory[%zu]", i),
			     "%s in the cell overlaps its local APIC, 0x%llx", RANGE(memory_virt(region)),
			     X86_APIC_BASE);
}

/** root_region_at - the root region that holds a physical address, NULL if there is none */
static const MemoryRegion *root_region_at(const CellConfig *root, uint64_t address)
{
	for (size_t i = 0; i < root->n_memory; i++)
		if (memory_has_phys(&root->memory[i]) &&
		    range_contains(memory_phys(&root->memory[i]), (Range){ address, address }))
			return &root->memory[i];
	return NULL;
}

/** check_owned - every byte must be the root cell's, with at least the same rights; regions of root may adjoin */
static void check_owned(const Checker *checker, size_t i)
{
	const CellConfig *root = &checker->system->root;
	const MemoryRegion *region = &checker->cell->memory[i];
	Range phys = memory_phys(region);
	bool is_section = false;
	const MemoryRegion *shared = ivshmem_region_of_root(root, phys, &is_section);

	if (shared && !(region->flags & MEMORY_ROOTSHARED))
		check_report(checker, CONFIG_ERROR, KEY("memory[%zu].flags", i),
			     "no \"rootshared\", but the root cell shares it by ivshmem: %s",
			     SYSTEM_PARTY(checker, KEY("root_cell.memory[%zu]", (size_t)(shared - root->memory))));

	/* each step ends behind a root region, so there are at most as many as it has */
	for (uint64_t address = phys.first; address <= phys.last;) {
		const MemoryRegion *owner = root_region_at(root, address);

		if (!owner) {
			check_report(checker, CONFIG_ERROR, KEY("memory[%zu]", i),
				     "physical %s is not the root cell's to give: 0x%" PRIx64 " is in no region of %s",
				     RANGE(phys), address, SYSTEM_PARTY(checker, "root_cell.memory"));
			return;
		}
		if (region->flags & MEMORY_WRITE && !(owner->flags & MEMORY_WRITE) && !is_section)
			check_report(
				checker, CONFIG_ERROR, KEY("memory[%zu].flags", i),
				"\"write\", but the root cell may not write it itself: %s",
				SYSTEM_PARTY(checker, KEY("root_cell.memory[%zu]", (size_t)(owner - root->memory))));
		address = memory_phys(owner).last + 1;
		if (address == 0)
			return;
	}
}

void check_memory(const Checker *checker)
{
	const CellConfig *cell = checker->cell;

	for (size_t i = 0; i < cell->n_memory; i++) {
		const MemoryRegion *region = &cell->memory[i];

		if (memory_is_placeholder(region))
			continue;
		check_extent(checker, i);
		check_flags_of(checker, i);
		if (region->flags & MEMORY_COMM_REGION)
			check_comm_region(checker, i);
		if (!extent_is_valid(region))
			continue;
		check_own_overlap(checker, i);
		check_apic_view(checker, i);
		if (!checker->system || !memory_has_phys(region))
			continue;
		check_hypervisor_window(checker, i);
		if (checker->is_root)
			continue;
		check_cell_windows(checker, i);
		check_owned(checker, i);
	}
}
