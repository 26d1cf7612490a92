// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cache allocation (Intel SDM vol.3 "Cache Allocation Technology", AMD64 "Platform Quality of Service Extensions",
 * which have the same CPUID leaf and MSRs): each cell with a cache region has a class of service of its own, whose mask
 * names the ways of the L3 cache that its CPUs fill. Root, and cells without a region, are in class 0, and leave alone
 * what a cell has to itself. Masks of code and data apart (CDP) are not used.
 *
 * Masks belong to an L3 cache, classes to a CPU. So each CPU writes both masks that matter in its cache: its own, and
 * that of class 0. No machine for tests offers any of it: only the unit test has seen it work, with MSRs that pretend.
 */
#include <hv/arch.h>
#include <hv/print.h>
#include "asm.h"
#include "cat.h"

#define CPUID_7_EBX_QOS (1U << 15)
#define CPUID_QOS 0x10
#define CPUID_QOS_EBX_L3 (1U << 1)
#define CPUID_QOS_L3 1 /* subleaf */
#define QOS_L3_ECX_CDP (1U << 2)
#define QOS_L3_ECX_SPARSE (1U << 3)
#define AMD_EBX 0x68747541U /* "Auth" */

#define MSR_L3_QOS_CFG 0xc81
#define MSR_PQR_ASSOC 0xc8f /* 63:32 class, below an ID for monitoring */
#define MSR_L3_MASK 0xc90   /* + class */
#define MAX_CLASSES 128

static u64 all_ways; /* 0: there is no cache allocation */
static u32 num_classes;
static bool sparse; /* a mask may have holes */

void cat_init(void)
{
	struct cpuid l3;

	all_ways = 0;
	if (cpuid_read(0, 0).eax < CPUID_QOS || !(cpuid_read(7, 0).ebx & CPUID_7_EBX_QOS) ||
	    !(cpuid_read(CPUID_QOS, 0).ebx & CPUID_QOS_EBX_L3))
		return;
	l3 = cpuid_read(CPUID_QOS, CPUID_QOS_L3);
	if (l3.ecx & QOS_L3_ECX_CDP && msr_read(MSR_L3_QOS_CFG) & 1) {
		print("cache allocation: Linux has split code and data, left alone\n");
		return;
	}
	all_ways = (2UL << (l3.eax & 0x1f)) - 1;
	num_classes = MIN((l3.edx & 0xffff) + 1, MAX_CLASSES);
	sparse = l3.ecx & QOS_L3_ECX_SPARSE || cpuid_read(0, 0).ebx == AMD_EBX;
}

static bool mask_valid(u64 mask)
{
	u64 above = mask + (mask & -mask);

	return mask && (sparse || !(mask & above));
}

static const struct cell_cache *region_of(const struct cell *cell)
{
	const struct cell_config *c = cell->config;

	return c->num_cache_regions ? CONFIG_ARRAY(c, cell_cache, cell_config_cache_offset(c)) : NULL;
}

static bool is_shared(const struct cell *cell)
{
	return region_of(cell)->flags & CELL_CACHE_ROOTSHARED;
}

/* What a region names; 0: nothing that can be given. */
static u64 ways_of(const struct cell_cache *region)
{
	u64 ways;

	if (region->type != CELL_CACHE_L3 || region->start >= 32 || region->size > 32)
		return 0;
	ways = ((1UL << region->size) - 1) << region->start;
	return ways & ~all_ways ? 0 : ways;
}

/* Has another cell one of these ways, or would root have none, or what no mask can say? */
static int check_ways(const struct cell *new, u64 ways)
{
	const struct cell *cell;

	for (cell = root_cell.next; cell; cell = cell->next)
		if (cell->arch.cat_ways & ways && !(is_shared(cell) && is_shared(new)))
			return refuse(-EBUSY, "cell %s: cell %s has cache ways 0x%llx", new->name, cell->name,
				      (unsigned long long)(cell->arch.cat_ways & ways));
	if (!is_shared(new) && !mask_valid(root_cell.arch.cat_ways & ~ways))
		return refuse(-EINVAL, "cell %s: root would be left with cache ways 0x%llx", new->name,
			      (unsigned long long)(root_cell.arch.cat_ways & ~ways));
	return 0;
}

/* The lowest class that no cell has; 0: all are taken. */
static u32 free_class(void)
{
	const struct cell *cell;

	for (u32 clos = 1; clos < num_classes; clos++) {
		for (cell = root_cell.next; cell && cell->arch.cat_class != clos; cell = cell->next)
			;
		if (!cell)
			return clos;
	}
	return 0;
}

int cat_init_cell(struct cell *cell)
{
	const struct cell_cache *region = region_of(cell);
	int err;

	if (cell == &root_cell)
		cell->arch.cat_ways = all_ways;
	if (!region)
		return 0;
	if (!all_ways) {
		print("cell %s: no cache allocation here, its cache region is ignored\n", cell->name);
		return 0;
	}
	cell->arch.cat_ways = ways_of(region);
	if (cell->config->num_cache_regions > 1 || !cell->arch.cat_ways)
		return refuse(-EINVAL, "cell %s: %u cache regions, first of type %u with %u ways from %u of 0x%llx",
			      cell->name, cell->config->num_cache_regions, region->type, region->size, region->start,
			      (unsigned long long)all_ways);
	if (cell == &root_cell)
		return 0;
	err = check_ways(cell, cell->arch.cat_ways);
	if (err)
		return err;
	cell->arch.cat_class = free_class();
	return cell->arch.cat_class ? 0 : refuse(-EBUSY, "cell %s: no cache class is left", cell->name);
}

void cat_take(const struct cell *cell)
{
	if (cell->arch.cat_class && !is_shared(cell))
		root_cell.arch.cat_ways &= ~cell->arch.cat_ways;
}

void cat_give(const struct cell *cell)
{
	if (cell->arch.cat_class && !is_shared(cell))
		root_cell.arch.cat_ways |=
			cell->arch.cat_ways & (region_of(&root_cell) ? ways_of(region_of(&root_cell)) : all_ways);
}

void cat_init_cpu(struct pcpu *cpu)
{
	if (!all_ways)
		return;
	cpu->arch.linux_pqr = msr_read(MSR_PQR_ASSOC);
	cpu->arch.linux_ways = msr_read(MSR_L3_MASK);
	cat_apply(cpu);
}

void cat_apply(struct pcpu *cpu)
{
	u32 clos = cpu->cell->arch.cat_class;

	if (!all_ways)
		return;
	msr_write(MSR_L3_MASK, root_cell.arch.cat_ways);
	if (clos)
		msr_write(MSR_L3_MASK + clos, cpu->cell->arch.cat_ways);
	msr_write(MSR_PQR_ASSOC, (u64)clos << 32 | (u32)cpu->arch.linux_pqr);
}

void cat_exit_cpu(struct pcpu *cpu)
{
	if (!all_ways)
		return;
	msr_write(MSR_L3_MASK, cpu->arch.linux_ways);
	msr_write(MSR_PQR_ASSOC, cpu->arch.linux_pqr);
}

bool cat_owns_msr(u32 msr)
{
	return all_ways && (msr == MSR_L3_QOS_CFG || msr == MSR_PQR_ASSOC || msr - MSR_L3_MASK < MAX_CLASSES);
}
