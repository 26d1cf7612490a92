// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sub-page regions: memory that is smaller than a page, trapped and forwarded access by access.
 *
 * A cell that gets a part of a page alone divides it. Root's tables lose the page, and root reaches what is left of it
 * through a window that is found by looking at the cells' configurations: rare pages, and no table to keep.
 */
#include <hv/arch.h>
#include <hv/memory.h>
#include <hv/mmio.h>

/* Access rights, width and alignment: abi 4.4. */
static bool access_allowed(const struct cell_memory *mem, const struct mmio_access *a)
{
	u64 wanted = (a->write ? CELL_MEM_WRITE : CELL_MEM_READ) | CELL_MEM_IO_8 * (u64)a->size;

	return (mem->flags & wanted) == wanted && (mem->flags & CELL_MEM_IO_UNALIGNED || !(a->address & (a->size - 1)));
}

static bool handle_region(struct pcpu *cpu, const struct mmio_window *w, struct mmio_access *a)
{
	const struct cell_memory *mem = w->context;
	paddr_t phys = mem->phys_start + (a->address - w->start);

	if (!access_allowed(mem, a) || (cpu->cell == &root_cell && memory_owner(phys, a->size, CELL_MEM_ROOTSHARED)))
		return false;
	mmio_forward(phys, a);
	return true;
}

int subpage_add(struct cell *cell, const struct cell_memory *mem)
{
	const struct mmio_window window = { mem->virt_start, mem->size, handle_region, mem };

	return mmio_add(cell, &window);
}

bool subpage_divides(const struct cell_memory *mem, paddr_t page)
{
	return mem_is_subpage(mem) && memory_changes_hands(mem) &&
	       ranges_overlap(page, PAGE_SIZE, mem->phys_start, mem->size);
}

/* Root's own region is one of whole pages, so width and alignment are free, but for the next page. */
static bool handle_rest(struct pcpu *cpu, const struct mmio_window *w, struct mmio_access *a)
{
	const struct cell_memory *mem = memory_find_root(a->address & PAGE_MASK);

	(void)cpu, (void)w;
	if ((a->address & ~PAGE_MASK) + a->size > PAGE_SIZE)
		return false;
	if (!mem || !(mem->flags & (a->write ? CELL_MEM_WRITE : CELL_MEM_READ)) ||
	    memory_owner(a->address, a->size, CELL_MEM_ROOTSHARED))
		return false;
	mmio_forward(a->address, a);
	return true;
}

const struct mmio_window *subpage_find_divided(paddr_t address)
{
	static const struct mmio_window rest = { 0, ~0UL, handle_rest, NULL };
	const struct cell_memory *mem;
	const struct cell *cell;

	for_each_cell (cell) {
		if (cell == &root_cell)
			continue;
		for_each_mem (mem, cell->config)
			if (subpage_divides(mem, address & PAGE_MASK))
				return &rest;
	}
	return NULL;
}
