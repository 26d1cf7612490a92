// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cell's memory: ownership checks, the cell's tables, and the moves of regions between root and cell.
 *
 * Root's stage-2 is the record of who owns what: a page is root's if root's tables map it to itself. Where there is an
 * IOMMU, a second set of tables follows it, with what devices may reach.
 */
#include <hv/arch.h>
#include <hv/ivshmem.h>
#include <hv/memory.h>
#include <hv/pci.h>
#include <hv/print.h>
#include <hv/string.h>

unsigned int mem_access(const struct cell_memory *mem)
{
	unsigned int access = 0;

	if (mem->flags & CELL_MEM_READ)
		access |= ACCESS_READ;
	if (mem->flags & CELL_MEM_WRITE)
		access |= ACCESS_WRITE;
	if (mem->flags & CELL_MEM_EXECUTE)
		access |= ACCESS_EXECUTE;
	if (mem->flags & CELL_MEM_IO)
		access |= ACCESS_DEVICE;
	return access;
}

static struct paging *next_tables(struct cell *cell, const struct paging *pg)
{
	return pg == &cell->stage2 && cell->dma.root ? &cell->dma : NULL;
}

/* What the cell's CPUs use, and what its devices do. */
#define for_each_tables(pg, cell) for ((pg) = &(cell)->stage2; (pg); (pg) = next_tables(cell, pg))

/* Devices may reach less than CPUs: the part of a range that their tables can have. */
static u64 reach(const struct paging *pg, u64 start, u64 size)
{
	u64 limit = paging_level_size(pg->format->levels);

	if (pg->format == &arch_stage2_format)
		return size;
	return start < limit ? MIN(size, limit - start) : 0;
}

static int split(struct paging *pg, u64 start, u64 size)
{
	size = reach(pg, start, size);
	return size ? paging_split(pg, start, size) : 0;
}

static void unmap(struct paging *pg, u64 start, u64 size)
{
	paging_unmap(pg, start, reach(pg, start, size));
}

/* What a region is to the users of these tables; 0: nothing. */
static unsigned int access_by(const struct cell *cell, const struct paging *pg, const struct cell_memory *mem)
{
	if (pg == &cell->stage2)
		return mem_access(mem);
	if (!(mem->flags & CELL_MEM_DMA) || mem->flags & CELL_MEM_COMM_REGION)
		return 0;
	return mem_access(mem) & (ACCESS_READ | ACCESS_WRITE);
}

bool memory_changes_hands(const struct cell_memory *mem)
{
	return mem->size && !(mem->flags & (CELL_MEM_COMM_REGION | CELL_MEM_ROOTSHARED));
}

/* The pages that a region touches; it starts inside of the first if it is a sub-page region. */
static paddr_t first_page(const struct cell_memory *mem)
{
	return mem->phys_start & PAGE_MASK;
}

static u64 pages_size(const struct cell_memory *mem)
{
	return PAGE_ALIGN(mem->phys_start + mem->size) - first_page(mem);
}

const struct cell *memory_owner(paddr_t start, u64 size, u64 shared)
{
	const struct cell_memory *theirs;
	const struct cell *cell;

	for_each_cell (cell) {
		if (cell == &root_cell)
			continue;
		for_each_mem (theirs, cell->config)
			if (theirs->size && !(theirs->flags & CELL_MEM_COMM_REGION) &&
			    !(shared & theirs->flags & CELL_MEM_ROOTSHARED) &&
			    ranges_overlap(start, size, theirs->phys_start, theirs->size))
				return cell;
	}
	return NULL;
}

const struct cell_memory *memory_find_root(paddr_t page)
{
	const struct cell_memory *mem;

	for_each_mem (mem, root_cell.config)
		if (!mem_is_subpage(mem) && page - mem->phys_start < mem->size)
			return mem;
	return NULL;
}

/* Root's rights to the whole range; -1 if a page of it is not root's. */
static int root_access(paddr_t start, u64 size, paddr_t *ret_missing)
{
	unsigned int access = ACCESS_RWX | ACCESS_DEVICE;
	paddr_t end = start + size;

	while (start < end) {
		struct paging_entry e;

		if (!paging_lookup(&root_cell.stage2, start, &e) || e.address != start) {
			*ret_missing = start;
			return -1;
		}
		access &= e.access;
		start += e.left;
	}
	return access;
}

/* The same for a sub-page region: other parts of its pages may be another cell's, so ask root's configuration. */
static int root_access_configured(const struct cell_memory *wanted, paddr_t *ret_missing)
{
	unsigned int access = ACCESS_RWX | ACCESS_DEVICE;
	const struct cell_memory *mem;

	for_each_mem (mem, root_cell.config)
		if (mem_is_subpage(mem) && wanted->phys_start >= mem->phys_start &&
		    wanted->phys_start + wanted->size <= mem->phys_start + mem->size)
			return mem_access(mem);
	for (paddr_t at = first_page(wanted); at < wanted->phys_start + wanted->size;) {
		mem = memory_find_root(at);
		if (!mem) {
			*ret_missing = at;
			return -1;
		}
		access &= mem_access(mem);
		at = mem->phys_start + mem->size;
	}
	return access;
}

static int check_region(const struct cell_config *config, const struct cell_memory *mem)
{
	unsigned int index = mem - config_memory(config);
	unsigned long long start = mem->phys_start, size = mem->size;
	const struct cell *owner;
	const char *reserved;
	paddr_t missing = start;
	int access;

	if (mem->flags & CELL_MEM_COMM_REGION) {
		if (mem->size != PAGE_SIZE || mem->virt_start & ~PAGE_MASK)
			return refuse(-EINVAL, "cell %s: memory region %u: a communication region is one page",
				      config->name, index);
		return 0;
	}
	if (start + size < start || PAGE_ALIGN(start + size) <= start || mem->virt_start + size < mem->virt_start ||
	    (!mem_is_subpage(mem) && start & ~PAGE_MASK))
		return refuse(-EINVAL, "cell %s: memory region %u (0x%llx+0x%llx): bad range", config->name, index,
			      start, size);
	reserved = pci_reserved(start, size) ? "MSI-X table of a PCI device" : arch_reserved(start, size);
	if (!reserved && memory_changes_hands(mem) && ivshmem_reserved(start, size))
		reserved = "memory of root's ivshmem";
	if (reserved)
		return refuse(-EBUSY, "cell %s: memory region %u (0x%llx+0x%llx): touches the %s", config->name, index,
			      start, size, reserved);
	owner = memory_owner(start, size, mem->flags);
	if (owner)
		return refuse(-EBUSY, "cell %s: memory region %u (0x%llx+0x%llx): cell %s has it", config->name, index,
			      start, size, owner->name);
	access = mem_is_subpage(mem) ? root_access_configured(mem, &missing) : root_access(start, size, &missing);
	if (access < 0)
		return refuse(-EBUSY, "cell %s: memory region %u (0x%llx+0x%llx): 0x%llx is not root's", config->name,
			      index, start, size, (unsigned long long)missing);
	/* A section that a peer writes may be one that root just reads. */
	if (mem->flags & CELL_MEM_ROOTSHARED && ivshmem_shares(start, size))
		access |= ACCESS_READ | ACCESS_WRITE;
	if (mem_access(mem) & ~access & ACCESS_RWX)
		return refuse(-EPERM, "cell %s: memory region %u (0x%llx+0x%llx): more rights than root has",
			      config->name, index, start, size);
	return 0;
}

int memory_check_root(void)
{
	const u64 limit = paging_level_size(PAGING_MAX_LEVELS);
	const struct cell_memory *mem;

	for_each_mem (mem, root_cell.config) {
		u32 index = mem - config_memory(root_cell.config);
		const char *reserved;

		if (!mem->size)
			continue;
		if (mem->phys_start != mem->virt_start || mem->flags & CELL_MEM_COMM_REGION || mem->size > limit ||
		    mem->phys_start > limit - mem->size)
			return refuse(-EINVAL, "root cell: memory region %u is not mapped one to one", index);
		/* What is mapped is taken away again; what is forwarded would get there. */
		reserved = mem_is_subpage(mem) ? arch_reserved(mem->phys_start, mem->size) : NULL;
		if (reserved)
			return refuse(-EINVAL, "root cell: memory region %u: touches the %s", index, reserved);
	}
	return 0;
}

int memory_check(const struct cell_config *config)
{
	const struct cell_memory *mem;

	for_each_mem (mem, config) {
		int err = mem->size ? check_region(config, mem) : 0;

		if (err)
			return err;
	}
	return 0;
}

static int map_region(struct cell *cell, struct paging *pg, const struct cell_memory *mem)
{
	paddr_t phys = mem->flags & CELL_MEM_COMM_REGION ? arch_virt_to_phys(cell->comm) : mem->phys_start;
	unsigned int access = access_by(cell, pg, mem);
	int err = 0;

	if (access || pg == &cell->stage2)
		err = paging_map(pg, mem->virt_start, phys, mem->size, access, !(mem->flags & CELL_MEM_NO_HUGEPAGES));
	if (!err)
		return 0;
	return refuse(err == -ERANGE && pg == &cell->dma ? -E2BIG : err,
		      "cell %s: memory region %u: cannot map 0x%llx+0x%llx%s", cell->name,
		      (u32)(mem - config_memory(cell->config)), (unsigned long long)mem->virt_start,
		      (unsigned long long)mem->size, pg == &cell->dma ? " for devices" : "");
}

int memory_map_regions(struct cell *cell)
{
	const struct cell_memory *mem;
	struct paging *pg;

	for_each_mem (mem, cell->config) {
		int err = 0;

		if (mem->size && mem_is_subpage(mem))
			err = subpage_add(cell, mem);
		if (err)
			return err;
		if (!mem->size || mem_is_subpage(mem))
			continue;
		for_each_tables (pg, cell)
			if (!err)
				err = map_region(cell, pg, mem);
		if (err)
			return err;
	}
	return 0;
}

int memory_hide(struct cell *cell, u64 start, u64 size)
{
	struct paging *pg;
	int err = 0;

	for_each_tables (pg, cell) {
		if (!err)
			err = split(pg, start, size);
		if (!err)
			unmap(pg, start, size);
	}
	return err;
}

int memory_split_root(const struct cell *cell)
{
	const struct cell_memory *mem;
	struct paging *pg;
	int err = 0;

	for_each_mem (mem, cell->config) {
		if (!memory_changes_hands(mem))
			continue;
		for_each_tables (pg, &root_cell)
			if (!err)
				err = split(pg, first_page(mem), pages_size(mem));
	}
	return err ? refuse(err, "cell %s: no pages left to split root's page tables", cell->name) : 0;
}

/* Nothing is loaded into sub-page regions. */
static bool selected(const struct cell_memory *mem, bool loadable_only)
{
	return memory_changes_hands(mem) &&
	       (!loadable_only || (mem->flags & CELL_MEM_LOADABLE && !mem_is_subpage(mem)));
}

void memory_take(const struct cell *cell, bool loadable_only)
{
	const struct cell_memory *mem;
	struct paging *pg;

	for_each_mem (mem, cell->config)
		for_each_tables (pg, &root_cell)
			if (selected(mem, loadable_only))
				unmap(pg, first_page(mem), pages_size(mem));
}

/* The part of a range that lies in a region of root's; size 0: none. */
static u64 common_part(paddr_t first, u64 size, const struct cell_memory *root_mem, paddr_t *ret_start)
{
	paddr_t start = MAX(first, root_mem->phys_start);
	paddr_t end = MIN(first + size, root_mem->phys_start + root_mem->size);

	*ret_start = start;
	return start < end && !mem_is_subpage(root_mem) ? end - start : 0;
}

/* Another cell still has a part of the page. */
static bool remains_divided(paddr_t page, const struct cell *except)
{
	const struct cell_memory *mem;
	const struct cell *cell;

	for_each_cell (cell) {
		if (cell == &root_cell || cell == except)
			continue;
		for_each_mem (mem, cell->config)
			if (subpage_divides(mem, page))
				return true;
	}
	return false;
}

static void give_range(struct paging *pg, paddr_t first, u64 range)
{
	const struct cell_memory *root_mem;
	paddr_t start;

	for_each_mem (root_mem, root_cell.config) {
		u64 size = common_part(first, range, root_mem, &start);
		unsigned int access = access_by(&root_cell, pg, root_mem);

		if (size && (access || pg == &root_cell.stage2) &&
		    paging_map(pg, start, start, size, access, !(root_mem->flags & CELL_MEM_NO_HUGEPAGES)))
			print("BUG: cannot return 0x%llx to root\n", (unsigned long long)start);
	}
}

static void give_region(struct paging *pg, const struct cell_memory *mem, const struct cell *cell)
{
	if (!mem_is_subpage(mem)) {
		give_range(pg, mem->phys_start, mem->size);
		return;
	}
	for (paddr_t page = first_page(mem); page < mem->phys_start + mem->size; page += PAGE_SIZE)
		if (!remains_divided(page, cell))
			give_range(pg, page, PAGE_SIZE);
}

void memory_give(const struct cell *cell, bool loadable_only)
{
	const struct cell_memory *mem;
	struct paging *pg;

	for_each_mem (mem, cell->config)
		for_each_tables (pg, &root_cell)
			if (selected(mem, loadable_only))
				give_region(pg, mem, cell);
}

/* Merge the leaves around a region that root's configuration maps by one of its regions, as at setup. */
static void merge_part(struct paging *pg, const struct cell_memory *mem, const struct cell_memory *root_mem)
{
	u64 block = paging_level_size(pg->format->max_leaf);
	paddr_t start = MAX(mem->phys_start & ~(block - 1), root_mem->phys_start);
	paddr_t end =
		MIN((mem->phys_start + mem->size + block - 1) & ~(block - 1), root_mem->phys_start + root_mem->size);

	if (start < end && !mem_is_subpage(root_mem) && !(root_mem->flags & CELL_MEM_NO_HUGEPAGES))
		paging_merge(pg, start, reach(pg, start, end - start));
}

void memory_merge_root(const struct cell *cell)
{
	const struct cell_memory *mem, *root_mem;
	const struct cell *other;
	struct paging *pg;

	for_each_mem (mem, cell->config)
		for_each_mem (root_mem, root_cell.config)
			for_each_tables (pg, &root_cell)
				if (memory_changes_hands(mem))
					merge_part(pg, mem, root_mem);
	/* Root has all pages of a loadable cell, whose borders may be gone now. Needs no more than was just freed. */
	for_each_cell (other)
		if (other != &root_cell && other != cell)
			memory_split_root(other);
}

/* Root's configuration tells RAM from devices. A cell's own flags may leave out the right to execute, or more. */
static bool is_ram(const struct cell_memory *root_mem)
{
	const u64 all = CELL_MEM_READ | CELL_MEM_WRITE | CELL_MEM_EXECUTE;

	return (root_mem->flags & (all | CELL_MEM_IO)) == all;
}

static void clear_range(paddr_t start, u64 size)
{
	while (size) {
		u64 part = MIN(size, PAGE_SIZE - (start & ~PAGE_MASK));

		memset((u8 *)arch_temp_map(start & PAGE_MASK) + (start & ~PAGE_MASK), 0, part);
		start += part;
		size -= part;
	}
}

void memory_clear(const struct cell *cell)
{
	const struct cell_memory *mem, *root_mem;
	paddr_t start;

	for_each_mem (mem, cell->config) {
		if (!memory_changes_hands(mem))
			continue;
		for_each_mem (root_mem, root_cell.config)
			if (is_ram(root_mem)) {
				u64 size = common_part(mem->phys_start, mem->size, root_mem, &start);

				clear_range(start, size);
			}
	}
}

/* Piece by piece, as pages of root's may be anywhere. */
static int copy_root(paddr_t at, u8 *buf, u64 size, bool write)
{
	while (size) {
		u64 part = MIN(size, PAGE_SIZE - (at & ~PAGE_MASK));
		struct paging_entry e;
		u8 *page;

		if (!paging_lookup(&root_cell.stage2, at, &e) || !(e.access & (write ? ACCESS_WRITE : ACCESS_READ)))
			return -ENOMEM;
		page = (u8 *)arch_temp_map(e.address & PAGE_MASK) + (at & ~PAGE_MASK);
		memcpy(write ? page : buf, write ? buf : page, part);
		at += part;
		buf += part;
		size -= part;
	}
	return 0;
}

int memory_read_root(paddr_t from, void *to, u64 size)
{
	return copy_root(from, to, size, false);
}

int memory_write_root(paddr_t to, const void *from, u64 size)
{
	return copy_root(to, (u8 *)from, size, true);
}
