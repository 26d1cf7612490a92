// SPDX-License-Identifier: GPL-2.0-only
/* Looking at page tables and at all that an undone operation must leave as it was. */
#include <hv/arch.h>
#include <hv/pool.h>
#include "fake.h"

typedef void visit_fn(u64 va, paddr_t pa, u64 size, unsigned int access, void *arg);

static void visit_table(const struct paging_format *f, const u64 *table, unsigned int level, u64 va, visit_fn *visit,
			void *arg)
{
	for (unsigned int i = 0; i < PAGING_ENTRIES; i++, va += paging_level_size(level)) {
		u64 entry = table[i];

		if (!f->present(entry))
			continue;
		if (f->is_leaf(entry, level))
			visit(va, f->address(entry, level), paging_level_size(level), f->access(entry), arg);
		else
			visit_table(f, arch_phys_to_virt(f->address(entry, level)), level - 1, va, visit, arg);
	}
}

void fake_tables_visit(const struct paging *pg, visit_fn *visit, void *arg)
{
	visit_table(pg->format, pg->root, pg->format->levels - 1, 0, visit, arg);
}

/* FNV-1a over numbers. */
static u64 mix(u64 digest, u64 value)
{
	for (unsigned int i = 0; i < 8; i++, value >>= 8)
		digest = (digest ^ (value & 0xff)) * 0x100000001b3UL;
	return digest;
}

static void digest_leaf(u64 va, paddr_t pa, u64 size, unsigned int access, void *arg)
{
	u64 *digest = arg;

	*digest = mix(mix(mix(mix(*digest, va), pa), size), access);
}

void fake_state_read(struct fake_state *ret_state)
{
	const struct cell *cell;

	*ret_state = (struct fake_state){
		.pool_used = pool_used(),
		.arch_cells = fake.cells,
		.root_tables = 0xcbf29ce484222325UL,
		.root_cpus = root_cell.cpus,
	};
	for_each_cell (cell)
		ret_state->cells++;
	fake_tables_visit(&root_cell.stage2, digest_leaf, &ret_state->root_tables);
	if (root_cell.dma.root)
		fake_tables_visit(&root_cell.dma, digest_leaf, &ret_state->root_dma);
}

static void check(const char *what, u64 before, u64 after, const char *file, int line)
{
	if (before != after)
		fake_fault("%s:%d: %s: 0x%llx before, 0x%llx now", file, line, what, (unsigned long long)before,
			   (unsigned long long)after);
}

void fake_state_check_at(const struct fake_state *before, const char *file, int line)
{
	struct fake_state now;

	fake_state_read(&now);
	check("pages in use", before->pool_used, now.pool_used, file, line);
	check("cells", before->cells, now.cells, file, line);
	check("arch_cell_init() less arch_cell_exit()", before->arch_cells, now.arch_cells, file, line);
	check("leaves of root's tables", before->root_tables, now.root_tables, file, line);
	check("leaves of the tables of root's devices", before->root_dma, now.root_dma, file, line);
	for (unsigned int i = 0; i < ARRAY_SIZE(now.root_cpus.bits); i++)
		check("root's CPUs", before->root_cpus.bits[i], now.root_cpus.bits[i], file, line);
}
