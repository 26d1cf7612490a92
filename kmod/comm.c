// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that cells leave for root, communication and console: mapped into user space read-only, and state words
 * watched.
 *
 * A cell changes its state word by a plain store, which nobody announces. So it is sampled while there are cells.
 * A mapping refers to its cell, not to the number: after the cell is gone it shows zeros, and of the console what it
 * held at the end, even if the number is used again.
 */
#include "kmod.h"

#include <linux/version.h>
#include <linux/workqueue.h>

#include "hypercall.h"

#define SAMPLE_INTERVAL (HZ / 10)
#define CONSOLE_PGOFF (JAILHOUSE_MMAP_CONSOLE >> PAGE_SHIFT)

static void comm_sample(struct work_struct *work);
static DECLARE_DELAYED_WORK(sampler, comm_sample);

static void comm_sample(struct work_struct *work)
{
	struct kcell *kc;
	bool again = false;

	mutex_lock(&cells_lock);
	event_drain_locked();
	list_for_each_entry (kc, &hv.cells, link) {
		if (kc == hv.root)
			continue;
		again = true;
		if (kc->comm && kc->comm->state != kc->seen_state)
			event_send_state(kc, kc->comm->state);
	}
	mutex_unlock(&cells_lock);
	if (again)
		comm_watch();
}

/** comm_watch - sample from now on, until no cell but root is left */
void comm_watch(void)
{
	queue_delayed_work(system_power_efficient_wq, &sampler, SAMPLE_INTERVAL);
}

void comm_exit(void)
{
	cancel_delayed_work_sync(&sampler);
}

/* Is it really a page of the hypervisor's memory? */
static bool comm_pfn_ok(long pfn)
{
	phys_addr_t phys = (phys_addr_t)pfn << PAGE_SHIFT;

	return pfn > 0 && phys >= hv.phys && phys - hv.phys <= hv.size - PAGE_SIZE;
}

static void console_page_attach(struct kcell *kc)
{
	long pfn = hypercall_console_page(kcell_id(kc));

	if (!comm_pfn_ok(pfn))
		return;
	kc->console_pfn = pfn;
	kc->console_last = (void *)get_zeroed_page(GFP_KERNEL);
}

/** comm_attach - find the pages of a new cell; Context: hv_lock */
void comm_attach(struct kcell *kc)
{
	long pfn = hypercall_comm_page(kcell_id(kc));

	console_page_attach(kc);
	if (!comm_pfn_ok(pfn)) {
		if (kc != hv.root)
			pr_warn("cell %s: no communication page (%ld)\n", kcell_name(kc), pfn);
		return;
	}
	kc->comm_pfn = pfn;
	kc->comm = hv.memory + (((phys_addr_t)pfn << PAGE_SHIFT) - hv.phys);
	kc->seen_state = kc->comm->state;
}

/**
 * comm_withdraw_locked - from now on all mappings of the pages show what is left of them
 * @kc: a cell that the hypervisor has just destroyed
 *
 * Context: cells_lock since the hypercall, so that whoever hears of the end finds the last words.
 */
void comm_withdraw_locked(struct kcell *kc)
{
	loff_t offset = (loff_t)kcell_id(kc) << PAGE_SHIFT;
	struct opened *o;

	if (kc->gone)
		return;
	kc->gone = true;
	kc->comm = NULL;
	if (kc->console_last)
		memcpy(kc->console_last, &hv.events->console, PAGE_SIZE);
	/* Each node of the device in the file system has an inode, and thus a mapping, of its own. */
	list_for_each_entry (o, &opened_files, link) {
		unmap_mapping_range(o->file->f_mapping, offset, PAGE_SIZE, 1);
		unmap_mapping_range(o->file->f_mapping, JAILHOUSE_MMAP_CONSOLE + offset, PAGE_SIZE, 1);
	}
}

/** comm_withdraw - the same for root, whose hypervisor is gone; Context: process, without cells_lock */
void comm_withdraw(struct kcell *kc)
{
	mutex_lock(&cells_lock);
	comm_withdraw_locked(kc);
	mutex_unlock(&cells_lock);
}

static void comm_vm_open(struct vm_area_struct *vma)
{
	struct kcell *kc = vma->vm_private_data;

	kobject_get(&kc->kobj);
}

static void comm_vm_close(struct vm_area_struct *vma)
{
	struct kcell *kc = vma->vm_private_data;

	kobject_put(&kc->kobj);
}

/* Context: cells_lock. */
static unsigned long comm_pfn(const struct kcell *kc, unsigned long pgoff)
{
	bool console = pgoff & CONSOLE_PGOFF;

	if (!kc->gone)
		return console ? kc->console_pfn : kc->comm_pfn;
	if (console && kc->console_last)
		return page_to_pfn(virt_to_page(kc->console_last));
	return page_to_pfn(ZERO_PAGE(0));
}

static vm_fault_t comm_vm_fault(struct vm_fault *vmf)
{
	struct kcell *kc = vmf->vma->vm_private_data;
	vm_fault_t ret;

	/* Held until the page is in place, so that comm_withdraw() finds it. */
	mutex_lock(&cells_lock);
	ret = vmf_insert_pfn(vmf->vma, vmf->address, comm_pfn(kc, vmf->vma->vm_pgoff));
	mutex_unlock(&cells_lock);
	return ret;
}

static const struct vm_operations_struct comm_vm_ops = {
	.open = comm_vm_open,
	.close = comm_vm_close,
	.fault = comm_vm_fault,
};

static void comm_set_vm_flags(struct vm_area_struct *vma)
{
	vm_flags_t set = VM_PFNMAP | VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP;
	vm_flags_t clear = VM_MAYWRITE | VM_MAYEXEC;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_mod(vma, set, clear);
#else
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
#endif
}

/**
 * comm_mmap - mmap() of /dev/jailhouse: a page of the cell whose id is the page offset
 * @file: open device
 * @vma: one page, read-only, shared
 *
 * Return: 0; -EACCES not read-only and shared; -EINVAL more than a page; -ENXIO no such cell, or it has no console.
 */
int comm_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long id = vma->vm_pgoff & ~CONSOLE_PGOFF;
	struct kcell *kc;
	int err = -ENXIO;

	if (vma->vm_flags & (VM_WRITE | VM_EXEC) || !(vma->vm_flags & VM_SHARED))
		return -EACCES;
	if (vma->vm_end - vma->vm_start != PAGE_SIZE)
		return -EINVAL;

	mutex_lock(&cells_lock);
	list_for_each_entry (kc, &hv.cells, link) {
		if (kcell_id(kc) != id || !kc->comm || (vma->vm_pgoff != id && !kc->console_pfn))
			continue;
		comm_set_vm_flags(vma);
		vma->vm_private_data = kc;
		vma->vm_ops = &comm_vm_ops;
		kobject_get(&kc->kobj);
		err = 0;
		break;
	}
	mutex_unlock(&cells_lock);
	return err;
}
