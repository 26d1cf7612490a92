/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does a configuration make sense? Rules about ivshmem devices: each by itself, and the two ends of a link.
 */
#include <inttypes.h>

#include "config-check.h"
#include "abi/ivshmem.h"

enum { STATE_TABLE, RW_SECTION, OUTPUT_SECTION }; /* of a device's memory regions */

static uint64_t regions_end(const PciDevice *device)
{
	return (uint64_t)device->shmem_regions_start + OUTPUT_SECTION + device->shmem_peers;
}

/** has_regions - all of the device's regions are there */
static bool has_regions(const CellConfig *cell, const PciDevice *device)
{
	return regions_end(device) <= cell->n_memory;
}

static void check_numbers(const Checker *checker, size_t i)
{
	const PciDevice *device = &checker->cell->pci_devices[i];

	if (!has_regions(checker->cell, device))
		check_report(checker, CONFIG_ERROR, KEY("pci_devices[%zu].shmem_regions_start", i),
			     "needs %" PRIu64 " memory regions, there are %zu", regions_end(device),
			     checker->cell->n_memory);
	if (device->shmem_dev_id >= IVSHMEM_PEERS_MAX || device->shmem_dev_id >= device->shmem_peers)
		check_report(checker, CONFIG_ERROR, KEY("pci_devices[%zu].shmem_dev_id", i),
			     "must be below the %u peers", MIN(device->shmem_peers, (unsigned)IVSHMEM_PEERS_MAX));
	if (device->num_msix_vectors > IVSHMEM_VECTORS_MAX)
		check_report(checker, CONFIG_ERROR, KEY("pci_devices[%zu].num_msix_vectors", i),
			     "at most %u are possible", IVSHMEM_VECTORS_MAX);
}

/** check_bar - the mask makes room for @bytes, and for whole pages, as nothing else can trap */
static void check_bar(const Checker *checker, size_t i, unsigned bar)
{
	uint32_t mask = checker->cell->pci_devices[i].bar_mask[bar];

	if (mask == 0 || mask & (PAGE_BYTES - 1) || ~mask & (~mask + 1))
		check_report(checker, CONFIG_ERROR, KEY("pci_devices[%zu].bar_masks", i),
			     "mask %u is 0x%x, which is no size of whole pages, as 0xfffff000", bar, mask);
}

static void check_contiguous(const Checker *checker, size_t i)
{
	const PciDevice *device = &checker->cell->pci_devices[i];
	size_t first = device->shmem_regions_start;
	const MemoryRegion *regions = checker->cell->memory + first;
	uint64_t end = regions->virt_start + regions->size;

	for (size_t r = RW_SECTION; r < OUTPUT_SECTION + (size_t)device->shmem_peers; r++) {
		if (regions[r].size && regions[r].virt_start != end)
			check_report(checker, CONFIG_ERROR, KEY("memory[%zu].virt", first + r),
				     "must be 0x%" PRIx64 ", where the region before it ends: they are shared by %s",
				     end, PARTY(checker, checker->cell, KEY("pci_devices[%zu]", i)));
		if (r > OUTPUT_SECTION && regions[r].size != regions[OUTPUT_SECTION].size)
			check_report(checker, CONFIG_ERROR, KEY("memory[%zu].size", first + r),
				     "is not that of the first output section, %s",
				     PARTY(checker, checker->cell, KEY("memory[%zu]", first + OUTPUT_SECTION)));
		end += regions[r].size;
	}
}

static void check_state_table(const Checker *checker, size_t i)
{
	const PciDevice *device = &checker->cell->pci_devices[i];
	size_t first = device->shmem_regions_start;
	const MemoryRegion *table = &checker->cell->memory[first];

	if (table->size < device->shmem_peers * sizeof(uint32_t) || table->phys_start % sizeof(uint32_t) ||
	    table->flags & MEMORY_COMM_REGION)
		check_report(checker, CONFIG_ERROR, KEY("memory[%zu]", first),
			     "cannot hold the states of %u peers of %s", device->shmem_peers,
			     PARTY(checker, checker->cell, KEY("pci_devices[%zu]", i)));
	if (table->flags & MEMORY_WRITE)
		check_report(checker, CONFIG_WARNING, KEY("memory[%zu].flags", first),
			     "\"write\" lets the cell forge states of other peers of %s",
			     PARTY(checker, checker->cell, KEY("pci_devices[%zu]", i)));
}

void check_link(const Checker *checker, size_t i, const CellConfig *other, size_t j, ConfigSeverity severity)
{
	const PciDevice *mine = &checker->cell->pci_devices[i], *theirs = &other->pci_devices[j];

	if (mine->shmem_dev_id == theirs->shmem_dev_id)
		check_report(checker, severity, KEY("pci_devices[%zu]", i), "has the same peer number as %s",
			     PARTY(checker, other, KEY("pci_devices[%zu]", j)));
	if (mine->shmem_peers != theirs->shmem_peers) {
		check_report(checker, severity, KEY("pci_devices[%zu].shmem_peers", i), "is %u, but %u at %s",
			     mine->shmem_peers, theirs->shmem_peers,
			     PARTY(checker, other, KEY("pci_devices[%zu].shmem_peers", j)));
		return;
	}
	if (!has_regions(checker->cell, mine) || !has_regions(other, theirs))
		return;
	for (size_t r = 0; r < OUTPUT_SECTION + (size_t)mine->shmem_peers; r++) {
		size_t m = mine->shmem_regions_start + r, t = theirs->shmem_regions_start + r;
		const MemoryRegion *a = &checker->cell->memory[m], *b = &other->memory[t];

		if (a->size != b->size || (a->size && a->phys_start != b->phys_start))
			check_report(checker, severity, KEY("memory[%zu]", m),
				     "is other memory than that of the same link, %s",
				     PARTY(checker, other, KEY("memory[%zu]", t)));
	}
}

static void check_ends(const Checker *checker, size_t i)
{
	const PciDevice *device = &checker->cell->pci_devices[i];
	const CellConfig *root = &checker->system->root;

	for (size_t j = 0; j < root->n_pci_devices; j++)
		if (root->pci_devices[j].type == PCI_TYPE_IVSHMEM && root->pci_devices[j].bdf == device->bdf)
			check_link(checker, i, root, j, CONFIG_ERROR);
}

void check_ivshmem(const Checker *checker, size_t i)
{
	const PciDevice *device = &checker->cell->pci_devices[i];

	check_numbers(checker, i);
	check_bar(checker, i, 0);
	if (device->num_msix_vectors)
		check_bar(checker, i, 1);
	if (has_regions(checker->cell, device) && device->shmem_peers) {
		check_state_table(checker, i);
		check_contiguous(checker, i);
	}
	if (checker->system && !checker->is_root)
		check_ends(checker, i);
}

const MemoryRegion *ivshmem_region_of_root(const CellConfig *root, Range phys, bool *ret_is_section)
{
	for (size_t i = 0; i < root->n_pci_devices; i++) {
		const PciDevice *device = &root->pci_devices[i];

		if (device->type != PCI_TYPE_IVSHMEM || !has_regions(root, device))
			continue;
		for (size_t r = 0; r < OUTPUT_SECTION + (size_t)device->shmem_peers; r++) {
			const MemoryRegion *region = &root->memory[device->shmem_regions_start + r];

			if (!region->size || !range_overlaps(phys, memory_phys(region)))
				continue;
			*ret_is_section = r > STATE_TABLE && range_contains(memory_phys(region), phys);
			return region;
		}
	}
	return NULL;
}
