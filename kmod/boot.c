// SPDX-License-Identifier: GPL-2.0-only
/*
 * From Linux into the hypervisor and back: boot page tables, and the calls of the trampoline on every CPU.
 *
 * The boot page tables map hypervisor memory and the trampoline's page, nothing else; they live in pages of Linux and
 * only for as long as the CPUs enter, because the hypervisor builds tables of its own.
 */
#include "kmod.h"

#include <linux/cpu.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>
#include <asm/pgtable_types.h>

#define TABLE_BITS 9
#define TABLE_LEVELS 4
#define PTE_TABLE (_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED)
#define PTE_HYPERVISOR (_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY)
#define PTE_TRAMPOLINE (_PAGE_PRESENT | _PAGE_ACCESSED)

int trampoline_enter(u64 cpu, u64 boot_cr3, u64 entry, u64 stack);
int trampoline_leave(void);
extern const char trampoline_resume[];

/** struct tables - page tables under construction */
struct tables {
	struct list_head pages; /**< every table, by page->lru */
	u64 *top;
};

/** struct crossing - what all CPUs need to know when they enter or leave */
struct crossing {
	u64 cr3;
	u64 entry;
	u64 stacks; /**< virtual address behind the core */
	u64 percpu_size;
	int *result; /**< by CPU */
};

static u64 *tables_page(struct tables *t)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

	if (!page)
		return NULL;
	list_add(&page->lru, &t->pages);
	return page_address(page);
}

static void tables_free(struct tables *t)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &t->pages, lru)
	{
		list_del(&page->lru);
		__free_page(page);
	}
}

/* Map one page of 4 KiB (level 0) or 2 MiB (level 1). */
static int tables_map(struct tables *t, u64 virt, u64 phys, u64 flags, int level)
{
	u64 *table = t->top, *next;
	int l;

	for (l = TABLE_LEVELS - 1;; l--) {
		u64 *entry = &table[virt >> (PAGE_SHIFT + l * TABLE_BITS) & (BIT(TABLE_BITS) - 1)];

		if (l == level) {
			if (*entry)
				return -EINVAL;
			*entry = phys | flags | (level ? _PAGE_PSE : 0);
			return 0;
		}
		if (*entry & _PAGE_PSE)
			return -EINVAL;
		if (!*entry) {
			next = tables_page(t);
			if (!next)
				return -ENOMEM;
			*entry = virt_to_phys(next) | PTE_TABLE;
		}
		table = phys_to_virt(*entry & PTE_PFN_MASK);
	}
}

static int tables_build(struct tables *t, const struct hv_image_header *header)
{
	u64 offset, step;
	int err;

	t->top = tables_page(t);
	if (!t->top)
		return -ENOMEM;
	for (offset = 0; offset < hv.size; offset += step) {
		/* Start addresses are aligned to 2 MiB; an odd end gets small pages. */
		step = hv.size - offset >= SZ_2M ? SZ_2M : SZ_4K;
		err = tables_map(t, header->virt_base + offset, hv.phys + offset, PTE_HYPERVISOR, step == SZ_2M);
		if (err)
			return err;
	}
	return tables_map(t, header->trampoline_virt, header->trampoline_phys, PTE_TRAMPOLINE, 0);
}

static void boot_enter_this_cpu(void *info)
{
	struct crossing *c = info;
	unsigned int cpu = smp_processor_id();

	c->result[cpu] = trampoline_enter(cpu, c->cr3, c->entry, c->stacks + (cpu + 1) * c->percpu_size);
}

static void boot_leave_this_cpu(void *info)
{
	struct crossing *c = info;
	unsigned int cpu = smp_processor_id();

	c->result[cpu] = trampoline_leave();
	if (!c->result[cpu])
		svm_give_this_cpu();
}

/* The hypervisor promises the same answer on each CPU; whoever broke that promise left a machine beyond repair. */
static int boot_verdict(const struct crossing *c)
{
	unsigned int cpu, first = cpumask_first(cpu_online_mask);

	for_each_online_cpu(cpu) if (WARN_ONCE(c->result[cpu] != c->result[first],
					       "jailhouse: CPU %u answers %d, CPU %u %d", first, c->result[first], cpu,
					       c->result[cpu])) return -EIO;
	return c->result[first];
}

/**
 * boot_enter - let the hypervisor take over
 * @header: of the image in hypervisor memory; the trampoline's place is filled in here
 *
 * Context: CPU hotplug excluded, all online CPUs are to enter, svm_take() done on them.
 * Return: 0, Linux is the root cell; -ENOMEM; -EINVAL the image wants an impossible address; or the hypervisor's error.
 */
int boot_enter(struct hv_image_header *header)
{
	u64 trampoline = (u64)trampoline_enter;
	struct tables tables = { .pages = LIST_HEAD_INIT(tables.pages) };
	struct crossing c = {
		.entry = header->virt_base + header->entry,
		.stacks = header->virt_base + header->core_size,
		.percpu_size = header->percpu_size,
	};
	int err;

	c.result = kcalloc(nr_cpu_ids, sizeof(*c.result), GFP_KERNEL);
	if (!c.result)
		return -ENOMEM;

	header->trampoline_virt = trampoline & PAGE_MASK;
	header->trampoline_phys = (u64)vmalloc_to_pfn((void *)trampoline) << PAGE_SHIFT;
	header->resume_offset = offset_in_page(trampoline_resume);
	err = tables_build(&tables, header);
	if (!err) {
		c.cr3 = virt_to_phys(tables.top);
		on_each_cpu(boot_enter_this_cpu, &c, 1);
		err = boot_verdict(&c);
	}
	tables_free(&tables);
	kfree(c.result);
	return err;
}

/**
 * boot_leave - return to the bare machine
 *
 * Context: CPU hotplug excluded, all CPUs of root online.
 * Return: 0, svm_give() done; -ENOMEM; -EBUSY cells exist.
 */
int boot_leave(void)
{
	struct crossing c = {};
	int err;

	c.result = kcalloc(nr_cpu_ids, sizeof(*c.result), GFP_KERNEL);
	if (!c.result)
		return -ENOMEM;
	on_each_cpu(boot_leave_this_cpu, &c, 1);
	err = boot_verdict(&c);
	kfree(c.result);
	return err;
}
