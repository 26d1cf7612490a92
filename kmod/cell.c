// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cells as objects: found, started, destroyed. A cell outlives the file that created it.
 */
#include "kmod.h"

#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "hypercall.h"

/**
 * kcell_new - an object for a cell that nobody knows yet
 * @config: becomes the object's, if there is one
 *
 * Return: one reference, for kobject_put(); or NULL.
 */
struct kcell *kcell_new(struct cell_config *config)
{
	struct kcell *kc = kzalloc(sizeof(*kc), GFP_KERNEL);

	if (!kc)
		return NULL;
	kc->config = config;
	kc->parked_cpu = ~0U;
	INIT_LIST_HEAD(&kc->link);
	kobject_init(&kc->kobj, &sysfs_cell_type);
	return kc;
}

/**
 * kcell_cpus - read the CPU set of a configuration whose size is checked
 * @config: the configuration
 * @cpus: result
 *
 * Return: false if it names a CPU that Linux cannot number.
 */
bool kcell_cpus(const struct cell_config *config, struct cpumask *cpus)
{
	const u8 *set = (const u8 *)(config + 1);
	u32 n;

	cpumask_clear(cpus);
	for (n = 0; n < config->cpu_set_size * 8; n++) {
		if (!(set[n / 8] & BIT(n % 8)))
			continue;
		if (n >= nr_cpu_ids)
			return false;
		cpumask_set_cpu(n, cpus);
	}
	return true;
}

/**
 * kcell_publish - let readers find a cell; Context: hv_lock
 * @kc: exists in the hypervisor; the reference becomes the list's
 */
void kcell_publish(struct kcell *kc)
{
	comm_attach(kc);
	mutex_lock(&cells_lock);
	list_add_tail(&kc->link, &hv.cells);
	mutex_unlock(&cells_lock);
}

/**
 * kcell_withdraw - the opposite; Context: hv_lock
 * @kc: the reference is the caller's again
 */
void kcell_withdraw(struct kcell *kc)
{
	mutex_lock(&cells_lock);
	list_del_init(&kc->link);
	mutex_unlock(&cells_lock);
	comm_withdraw(kc);
}

/* Give everything back that a cell had, after the hypervisor has forgotten it. */
static void cell_retire(struct kcell *kc)
{
	kcell_withdraw(kc);
	sysfs_cell_remove(kc);
	cpumask_or(&hv.root->cpus, &hv.root->cpus, &kc->cpus);
	pci_give(kc);
	cpus_give(kc);
	pr_info("cell %s destroyed\n", kcell_name(kc));
	kobject_put(&kc->kobj);
}

/**
 * kcell_take - find the cell that user space means and keep others away from it
 * @id: copied in
 *
 * Context: hv_lock.
 * Return: the cell, for kcell_give(); -EINVAL not enabled, or the root cell; -ENOENT; -EBUSY in use.
 */
struct kcell *kcell_take(const struct jailhouse_cell_id *id)
{
	struct kcell *kc;

	if (!hv.enabled)
		return ERR_PTR(refuse(-EINVAL, "the hypervisor is not enabled"));
	list_for_each_entry (kc, &hv.cells, link) {
		if (id->id == JAILHOUSE_CELL_ID_UNUSED ? strncmp(kcell_name(kc), id->name, sizeof(id->name))
						       : id->id != kcell_id(kc))
			continue;
		if (kc == hv.root)
			return ERR_PTR(refuse(-EINVAL, "this is the root cell"));
		if (kc->busy)
			return ERR_PTR(refuse(-EBUSY, "cell %s: another operation is under way", kcell_name(kc)));
		kc->busy = true;
		return kc;
	}
	return ERR_PTR(-ENOENT);
}

/** kcell_give - let others operate on the cell again; Context: hv_lock */
void kcell_give(struct kcell *kc)
{
	kc->busy = false;
}

/**
 * kcell_start - JAILHOUSE_CELL_START
 * @arg: cell and options, in user space
 *
 * Return: 0; -EFAULT; -EINTR; as kcell_take(), kcell_ask().
 */
int kcell_start(const struct jailhouse_cell_id __user *arg)
{
	struct jailhouse_cell_id id;
	struct kcell *kc;
	int err;

	if (copy_from_user(&id, arg, sizeof(id)))
		return -EFAULT;
	if (mutex_lock_killable(&hv_lock))
		return -EINTR;
	kc = kcell_take(&id);
	err = PTR_ERR_OR_ZERO(kc);
	if (!err) {
		err = kcell_ask(kc, CELL_HC_CELL_START, id.options & KCELL_OPT_USER);
		kcell_give(kc);
	}
	mutex_unlock(&hv_lock);
	return err;
}

/* Context: hv_lock; the cell is taken, and gone at success. */
static int cell_destroy(struct kcell *kc, u32 options)
{
	int err = kcell_ask(kc, CELL_HC_CELL_DESTROY, options);

	kcell_give(kc);
	if (!err)
		cell_retire(kc);
	return err;
}

/**
 * kcell_destroy - JAILHOUSE_CELL_DESTROY
 * @arg: cell and options, in user space
 *
 * Return: 0; -EFAULT; -EINTR; as kcell_take(), kcell_ask().
 */
int kcell_destroy(const struct jailhouse_cell_id __user *arg)
{
	struct jailhouse_cell_id id;
	struct kcell *kc;
	int err;

	if (copy_from_user(&id, arg, sizeof(id)))
		return -EFAULT;
	if (mutex_lock_killable(&hv_lock))
		return -EINTR;
	kc = kcell_take(&id);
	err = PTR_ERR_OR_ZERO(kc);
	if (!err)
		err = cell_destroy(kc, id.options & KCELL_OPT_USER);
	mutex_unlock(&hv_lock);
	return err;
}

/**
 * kcell_destroy_all - destroy all cells but root, in order of creation
 * @options: JAILHOUSE_OPT_*, KCELL_OPT_*
 *
 * A cell with locked configuration keeps others from being destroyed, but not itself: so the survivors of one pass are
 * tried again as long as some cell goes.
 *
 * Context: hv_lock, dropped meanwhile.
 * Return: 0, only root is left; -EBUSY an operation is under way on a cell; as kcell_ask().
 */
int kcell_destroy_all(u32 options)
{
	struct kcell *kc, *victim;
	unsigned int passed = 0, n;
	int err = 0;

	for (;;) {
		/* The list may have changed: go by position, behind those that did not want to. */
		n = 0;
		victim = NULL;
		list_for_each_entry (kc, &hv.cells, link) {
			if (kc == hv.root || n++ < passed)
				continue;
			victim = kc;
			break;
		}
		if (!victim)
			return passed ? err : 0;
		if (victim->busy)
			return refuse(-EBUSY, "cell %s: an operation is under way", kcell_name(victim));
		victim->busy = true;
		err = cell_destroy(victim, options);
		if (err == -EINTR)
			return err;
		passed = err ? passed + 1 : 0;
	}
}
