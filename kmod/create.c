// SPDX-License-Identifier: GPL-2.0-only
/*
 * Creation of cells.
 *
 * What a cell needs is taken in one order (number, CPUs, PCI devices, hypervisor, sysfs) and given back in reverse, at
 * destruction as well as when a step fails.
 */
#include "kmod.h"

#include <linux/ctype.h>
#include <linux/io.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "hypercall.h"

/* The header only: the hypervisor judges the rest. */
static int create_config_check(struct cell_config *config, size_t size)
{
	const char *c;

	if (memcmp(config->signature, CELL_CONFIG_SIGNATURE, CELL_SIGNATURE_BYTES))
		return refuse(-EINVAL, "this is not a cell configuration (signature)");
	if (config->revision != CELL_CONFIG_REVISION)
		return refuse(-EINVAL, "cell configuration has revision %u, need %u", config->revision,
			      CELL_CONFIG_REVISION);
	if (config->architecture != CELL_ARCH_X86)
		return refuse(-EINVAL, "cell configuration is for architecture %u, this is %u", config->architecture,
			      CELL_ARCH_X86);
	if (config->cpu_set_size > CELL_CPU_SET_MAX_BYTES || cell_config_size(config) > size)
		return refuse(-EINVAL, "cell configuration is cut off: has %zu bytes, needs %llu", size,
			      cell_config_size(config));
	config->name[sizeof(config->name) - 1] = 0;
	for (c = config->name; *c; c++)
		if (!isascii(*c) || !isprint(*c))
			return refuse(-EINVAL, "cell name has unprintable characters");
	if (c == config->name)
		return refuse(-EINVAL, "cell has no name");
	return 0;
}

/* Root may own the memory, and Linux, inside root, use it all the same: the hypervisor cannot know. */
static int create_memory_check(const struct cell_config *config)
{
	const struct cell_memory *m = (const void *)config + cell_config_memory_offset(config);
	u32 i;

	for (i = 0; i < config->num_memory_regions; i++, m++) {
		if (!m->size || m->flags & CELL_MEM_COMM_REGION)
			continue;
		if (memory_is_linux(m->phys_start, m->size))
			return refuse(-EBUSY, "cell %s: memory region %u, 0x%llx + 0x%llx, is used by Linux as RAM",
				      config->name, i, m->phys_start, m->size);
	}
	return 0;
}

static int create_cpus_check(struct kcell *kc)
{
	unsigned int cpu;

	if (!kcell_cpus(kc->config, &kc->cpus))
		return refuse(-EBUSY, "cell %s: a CPU is not root's", kcell_name(kc));
	if (cpumask_empty(&kc->cpus))
		return refuse(-EINVAL, "cell %s has no CPU", kcell_name(kc));
	if (cpumask_test_cpu(0, &kc->cpus))
		return refuse(-EINVAL, "cell %s: CPU 0 cannot leave Linux", kcell_name(kc));
	for_each_cpu (cpu, &kc->cpus)
		if (!cpumask_test_cpu(cpu, &hv.root->cpus))
			return refuse(-EBUSY, "cell %s: CPU %u is not root's", kcell_name(kc), cpu);
	return 0;
}

/* A name that nobody has, and the smallest number that nobody has. */
static int create_number(struct kcell *kc)
{
	struct kcell *other;
	u32 id = 0;
	bool used;

	list_for_each_entry (other, &hv.cells, link)
		if (!strcmp(kcell_name(other), kcell_name(kc)))
			return refuse(-EEXIST, "cell %s exists", kcell_name(kc));
	do {
		used = false;
		id++;
		list_for_each_entry (other, &hv.cells, link)
			used |= kcell_id(other) == id;
	} while (used);
	kc->config->id = id;
	return 0;
}

static int create_locked(struct kcell *kc)
{
	u64 refusals;
	int err;

	if (!hv.enabled)
		return refuse(-EINVAL, "the hypervisor is not enabled");
	err = create_number(kc);
	if (err)
		return err;
	err = create_cpus_check(kc);
	if (err)
		return err;
	err = create_memory_check(kc->config);
	if (err)
		return err;
	kc->config->flags |= CELL_FLAG_CONSOLE_PERMITTED;

	err = cpus_take(kc);
	if (err)
		return err;
	err = pci_take(kc);
	if (err)
		goto give_cpus;
	refusals = event_refusals();
	err = hypercall_cell_create(virt_to_phys(kc->config));
	if (err) {
		refused(err, refusals, "create", kcell_name(kc));
		goto give_pci;
	}
	err = sysfs_cell_add(kc);
	if (err)
		goto destroy;
	cpumask_andnot(&hv.root->cpus, &hv.root->cpus, &kc->cpus);
	kcell_publish(kc);
	comm_watch();
	event_drain();
	pr_info("cell %s created, number %u\n", kcell_name(kc), kcell_id(kc));
	return 0;

destroy:
	if (WARN_ON(hypercall_cell(CELL_HC_CELL_DESTROY, kcell_id(kc), CELL_HC_FORCE)))
		return err; /* it keeps its CPUs and devices */
give_pci:
	pci_give(kc);
give_cpus:
	cpus_give(kc);
	return err;
}

/**
 * kcell_create - JAILHOUSE_CELL_CREATE
 * @arg: configuration, in user space
 *
 * Return: 0; -EFAULT; -ENOMEM; -E2BIG; -EINVAL bad configuration, CPU 0, or not enabled; -EINTR; -EEXIST name in use;
 * -EBUSY a CPU is not root's, or memory is used by Linux; or the hypervisor's error.
 */
int kcell_create(const struct jailhouse_cell_create __user *arg)
{
	struct jailhouse_cell_create create;
	struct cell_config *config;
	struct kcell *kc;
	int err;

	if (copy_from_user(&create, arg, sizeof(create)))
		return -EFAULT;
	if (create.config_size < sizeof(*config))
		return refuse(-EINVAL, "cell configuration is cut off: has %u bytes", create.config_size);
	if (create.config_size > CELL_CONFIG_MAX_BYTES)
		return refuse(-E2BIG, "cell configuration has %u bytes, more than %u", create.config_size,
			      CELL_CONFIG_MAX_BYTES);
	/* Contiguous, and so short a way into its first page that it covers 16 pages at most, as the hypervisor wants.
	 */
	config = memdup_user(u64_to_user_ptr(create.config_address), create.config_size);
	if (IS_ERR(config))
		return PTR_ERR(config);
	kc = kcell_new(config);
	if (!kc) {
		kfree(config);
		return -ENOMEM;
	}

	err = create_config_check(config, create.config_size);
	if (!err) {
		err = mutex_lock_killable(&hv_lock);
		if (!err) {
			err = create_locked(kc);
			mutex_unlock(&hv_lock);
		}
	}
	if (err)
		kobject_put(&kc->kobj);
	return err;
}
