// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/devices/jailhouse: facts about the hypervisor, and a directory for each cell.
 *
 * Attributes of a cell take neither hv_lock nor cells_lock, because removing a directory waits for its readers: all
 * they need is hypercalls (which are safe anywhere) and the cell, which outlives its directory.
 */
#include "kmod.h"

#include <linux/device.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "hypercall.h"

static struct device *device;	      /* /sys/devices/jailhouse */
static struct kobject *cells;	      /* its directory "cells" */
static struct counter_dir **cpu_dirs; /* by CPU; each in "statistics" of the CPU's cell */

/* A directory that cannot be moved stays where it is: its counters remain right. */
static void cpu_dirs_move(const struct cpumask *cpus, struct kcell *to)
{
	unsigned int cpu;

	for_each_cpu (cpu, cpus)
		if (kobject_move(&cpu_dirs[cpu]->kobj, &to->counters->kobj))
			pr_warn("statistics of CPU %u stay with the cell that had it\n", cpu);
}

/* Cells. */

static struct kcell *to_kcell(struct kobject *kobj)
{
	return container_of(kobj, struct kcell, kobj);
}

static ssize_t name_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", kcell_name(to_kcell(kobj)));
}

static ssize_t state_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	static const char *const names[] = {
		[CELL_STATE_RUNNING] = "running",
		[CELL_STATE_RUNNING_LOCKED] = "running/locked",
		[CELL_STATE_SHUT_DOWN] = "shut down",
		[CELL_STATE_FAILED] = "failed",
		[CELL_STATE_ABI_MISMATCH] = "Comm ABI mismatch",
	};
	int state = hypercall_cell_state(kcell_id(to_kcell(kobj)));

	return sysfs_emit(buf, "%s\n", state >= 0 && state < ARRAY_SIZE(names) ? names[state] : "invalid");
}

static ssize_t cpus_assigned_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%*pb\n", cpumask_pr_args(&to_kcell(kobj)->cpus));
}

static ssize_t cpus_assigned_list_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%*pbl\n", cpumask_pr_args(&to_kcell(kobj)->cpus));
}

static ssize_t cpus_failed_format(struct kcell *kc, const char *format, char *buf)
{
	cpumask_var_t failed;
	unsigned int cpu;
	ssize_t ret;

	if (!zalloc_cpumask_var(&failed, GFP_KERNEL))
		return -ENOMEM;
	for_each_cpu (cpu, &kc->cpus)
		if (hypercall_cpu_state(cpu) == CELL_CPU_FAILED)
			cpumask_set_cpu(cpu, failed);
	ret = sysfs_emit(buf, format, cpumask_pr_args(failed));
	free_cpumask_var(failed);
	return ret;
}

static ssize_t cpus_failed_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return cpus_failed_format(to_kcell(kobj), "%*pb\n", buf);
}

static ssize_t cpus_failed_list_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return cpus_failed_format(to_kcell(kobj), "%*pbl\n", buf);
}

static ssize_t registers_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return event_registers(to_kcell(kobj), buf);
}

static struct kobj_attribute attr_name = __ATTR_RO(name);
static struct kobj_attribute attr_state = __ATTR_RO(state);
static struct kobj_attribute attr_cpus_assigned = __ATTR_RO(cpus_assigned);
static struct kobj_attribute attr_cpus_assigned_list = __ATTR_RO(cpus_assigned_list);
static struct kobj_attribute attr_cpus_failed = __ATTR_RO(cpus_failed);
static struct kobj_attribute attr_cpus_failed_list = __ATTR_RO(cpus_failed_list);
static struct kobj_attribute attr_registers = __ATTR(registers, 0400, registers_show, NULL);

static struct attribute *cell_attrs[] = {
	&attr_name.attr,	  &attr_state.attr,
	&attr_cpus_assigned.attr, &attr_cpus_assigned_list.attr,
	&attr_cpus_failed.attr,	  &attr_cpus_failed_list.attr,
	&attr_registers.attr,	  NULL,
};
ATTRIBUTE_GROUPS(cell);

static void cell_release(struct kobject *kobj)
{
	struct kcell *kc = to_kcell(kobj);

	free_page((unsigned long)kc->console_last);
	kfree(kc->config);
	kfree(kc);
}

const struct kobj_type sysfs_cell_type = {
	.release = cell_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = cell_groups,
};

static int cell_dir_add(struct kcell *kc)
{
	int err = kobject_add(&kc->kobj, cells, "%u", kcell_id(kc));

	if (err)
		return err;
	kc->counters = counter_dir_new(&kc->kobj, "statistics", &kc->cpus);
	if (!IS_ERR(kc->counters))
		return 0;
	err = PTR_ERR(kc->counters);
	kc->counters = NULL;
	kobject_del(&kc->kobj);
	return err;
}

static void cell_dir_remove(struct kcell *kc)
{
	counter_dir_free(kc->counters);
	kc->counters = NULL;
	kobject_del(&kc->kobj);
}

/**
 * sysfs_cell_add - show a new cell and put the counters of its CPUs there
 * @kc: the cell
 *
 * Context: hv_lock; the hypervisor has created the cell.
 * Return: 0, -ENOMEM, -EEXIST.
 */
int sysfs_cell_add(struct kcell *kc)
{
	int err = cell_dir_add(kc);

	if (!err)
		cpu_dirs_move(&kc->cpus, kc);
	return err;
}

/** sysfs_cell_remove - undo sysfs_cell_add(), the counters go to root; Context: hv_lock */
void sysfs_cell_remove(struct kcell *kc)
{
	cpu_dirs_move(&kc->cpus, hv.root);
	cell_dir_remove(kc);
}

/* The hypervisor. */

static ssize_t core_read(struct file *file, struct kobject *kobj, struct bin_attribute *attr, char *buf, loff_t pos,
			 size_t size)
{
	return memory_read_from_buffer(buf, size, &pos, hv.memory, hv.core_size);
}

static struct bin_attribute core = {
	.attr = { .name = "core", .mode = 0400 },
	.read = core_read,
};

/**
 * sysfs_root_remove - undo sysfs_root_add()
 * @root: the root cell
 *
 * Context: hv_lock; root is the only cell.
 */
void sysfs_root_remove(struct kcell *root)
{
	unsigned int cpu;

	sysfs_remove_bin_file(&device->kobj, &core);
	for_each_possible_cpu(cpu) counter_dir_free(cpu_dirs[cpu]);
	kfree(cpu_dirs);
	cpu_dirs = NULL;
	cell_dir_remove(root);
}

/**
 * sysfs_root_add - show the root cell, the counters of all its CPUs, and the hypervisor's core
 * @root: the root cell
 *
 * Context: hv_lock; the hypervisor is running.
 * Return: 0, -ENOMEM.
 */
int sysfs_root_add(struct kcell *root)
{
	unsigned int cpu;
	char name[16];
	int err;

	err = cell_dir_add(root);
	if (err)
		return err;
	err = -ENOMEM;
	cpu_dirs = kcalloc(nr_cpu_ids, sizeof(*cpu_dirs), GFP_KERNEL);
	if (!cpu_dirs)
		goto remove_dir;
	for_each_cpu (cpu, &root->cpus) {
		snprintf(name, sizeof(name), "cpu%u", cpu);
		cpu_dirs[cpu] = counter_dir_new(&root->counters->kobj, name, cpumask_of(cpu));
		if (IS_ERR(cpu_dirs[cpu]))
			goto remove_cpus;
	}
	core.size = hv.core_size;
	err = sysfs_create_bin_file(&device->kobj, &core);
	if (!err)
		return 0;

remove_cpus:
	for_each_cpu (cpu, &root->cpus)
		counter_dir_free(cpu_dirs[cpu]);
	kfree(cpu_dirs);
	cpu_dirs = NULL;
remove_dir:
	cell_dir_remove(root);
	return err;
}

static ssize_t enabled_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(hv.enabled));
}

static ssize_t console_attr_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return console_show(buf);
}

static ssize_t last_error_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return event_last_error(buf, PAGE_SIZE);
}

static ssize_t pool_show(enum cell_info type, char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(hv.enabled) ? max(hypercall_info(type), 0) : 0);
}

#define POOL_ATTR(_name, _type)                                                                   \
	static ssize_t _name##_show(struct device *dev, struct device_attribute *attr, char *buf) \
	{                                                                                         \
		return pool_show(_type, buf);                                                     \
	}                                                                                         \
	static DEVICE_ATTR_RO(_name)

POOL_ATTR(mem_pool_size, CELL_INFO_MEM_POOL_SIZE);
POOL_ATTR(mem_pool_used, CELL_INFO_MEM_POOL_USED);
POOL_ATTR(remap_pool_size, CELL_INFO_REMAP_POOL_SIZE);
POOL_ATTR(remap_pool_used, CELL_INFO_REMAP_POOL_USED);
static DEVICE_ATTR_RO(enabled);
static struct device_attribute dev_attr_console = __ATTR(console, 0400, console_attr_show, NULL);
static struct device_attribute dev_attr_last_error = __ATTR(last_error, 0400, last_error_show, NULL);

static struct attribute *device_attrs[] = {
	&dev_attr_enabled.attr,		&dev_attr_console.attr,
	&dev_attr_last_error.attr,	&dev_attr_mem_pool_size.attr,
	&dev_attr_mem_pool_used.attr,	&dev_attr_remap_pool_size.attr,
	&dev_attr_remap_pool_used.attr, NULL,
};
ATTRIBUTE_GROUPS(device);

/** sysfs_device - Return: the device under /sys/devices */
struct device *sysfs_device(void)
{
	return device;
}

/** sysfs_init - Return: 0, or what the driver core says */
int sysfs_init(void)
{
	int err;

	device = root_device_register("jailhouse");
	if (IS_ERR(device))
		return PTR_ERR(device);
	err = sysfs_create_groups(&device->kobj, device_groups);
	if (err)
		goto unregister;
	cells = kobject_create_and_add("cells", &device->kobj);
	if (cells)
		return 0;
	err = -ENOMEM;
	sysfs_remove_groups(&device->kobj, device_groups);
unregister:
	root_device_unregister(device);
	return err;
}

void sysfs_exit(void)
{
	kobject_put(cells);
	sysfs_remove_groups(&device->kobj, device_groups);
	root_device_unregister(device);
}
