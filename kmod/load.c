// SPDX-License-Identifier: GPL-2.0-only
/*
 * Images of a cell: copied from user space into its memory while the cell is loadable.
 */
#include "kmod.h"

#include <linux/io.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include "hypercall.h"

/* Where cell addresses target ... target + size - 1 are, if all of them lie in one region that root may write. */
static int load_find(const struct kcell *kc, u64 target, u64 size, phys_addr_t *phys)
{
	const void *config = kc->config;
	const struct cell_memory *m = config + cell_config_memory_offset(kc->config);
	u32 i;

	for (i = 0; i < kc->config->num_memory_regions; i++, m++) {
		/* A communication region has no memory of its own: its phys_start means nothing. */
		if ((m->flags & (CELL_MEM_WRITE | CELL_MEM_LOADABLE | CELL_MEM_COMM_REGION)) !=
		    (CELL_MEM_WRITE | CELL_MEM_LOADABLE))
			continue;
		/* A part of a page is forwarded access by access, and never root's while the cell has it. */
		if (!PAGE_ALIGNED(m->virt_start | m->size))
			continue;
		if (target < m->virt_start || size > m->size || target - m->virt_start > m->size - size)
			continue;
		*phys = m->phys_start + (target - m->virt_start);
		return 0;
	}
	return refuse(-EINVAL, "cell %s: image 0x%llx + 0x%llx: not in one writable, loadable region", kcell_name(kc),
		      target, size);
}

static int load_copy(void *to, const void __user *from, u64 size)
{
	u64 offset, step;

	for (offset = 0; offset < size; offset += step) {
		step = min_t(u64, size - offset, SZ_1M);
		if (copy_from_user(to + offset, from + offset, step))
			return -EFAULT;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int load_image(const struct kcell *kc, const struct jailhouse_image *image)
{
	phys_addr_t phys, page;
	void *map;
	int err;

	if (!image->size)
		return 0;
	err = load_find(kc, image->target_address, image->size, &phys);
	if (err)
		return err;
	page = phys & PAGE_MASK;
	map = memremap(page, PAGE_ALIGN(phys + image->size - page), MEMREMAP_WB);
	if (!map)
		return refuse(-EBUSY, "cell %s: memory %pa cannot be mapped", kcell_name(kc), &phys);
	err = load_copy(map + (phys - page), u64_to_user_ptr(image->source_address), image->size);
	memunmap(map);
	return err;
}

/**
 * kcell_load - JAILHOUSE_CELL_LOAD: shut a cell down and fill its memory
 * @arg: cell, and images in the order of copying; none: shut down only
 *
 * Context: process; no lock is held while user memory is read, but the cell is busy.
 * Return: 0; -EFAULT; -EINTR; -EINVAL not enabled, root cell or image out of bounds; -ENOENT; -EBUSY; as kcell_ask().
 */
int kcell_load(const struct jailhouse_cell_load __user *arg)
{
	struct jailhouse_cell_load load;
	struct jailhouse_image image;
	struct kcell *kc;
	u32 i;
	int err;

	if (copy_from_user(&load, arg, sizeof(load)))
		return -EFAULT;
	if (mutex_lock_killable(&hv_lock))
		return -EINTR;
	kc = kcell_take(&load.cell_id);
	if (IS_ERR(kc)) {
		mutex_unlock(&hv_lock);
		return PTR_ERR(kc);
	}
	err = kcell_ask(kc, CELL_HC_CELL_SET_LOADABLE, load.cell_id.options & KCELL_OPT_USER);
	mutex_unlock(&hv_lock);

	for (i = 0; !err && i < load.num_preload_images; i++) {
		err = -EFAULT;
		if (!copy_from_user(&image, &arg->image[i], sizeof(image)))
			err = load_image(kc, &image);
	}

	mutex_lock(&hv_lock);
	kcell_give(kc);
	mutex_unlock(&hv_lock);
	return err;
}
