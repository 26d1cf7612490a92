// SPDX-License-Identifier: GPL-2.0-only
/*
 * Directories with exit counters in sysfs: "statistics" of a cell, and one for each CPU in there.
 */
#include "kmod.h"

#include <linux/slab.h>
#include <linux/sysfs.h>

#include "hypercall.h"

/** struct counter_attribute - a file: one counter, summed over the CPUs of its directory */
struct counter_attribute {
	struct kobj_attribute attr;
	enum cell_stat stat;
};

static ssize_t counter_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct counter_dir *dir = container_of(kobj, struct counter_dir, kobj);
	struct counter_attribute *counter = container_of(attr, struct counter_attribute, attr);
	unsigned int cpu;
	u64 sum = 0;

	for_each_cpu (cpu, dir->cpus)
		sum += max(hypercall_cpu_counter(cpu, counter->stat), 0);
	return sysfs_emit(buf, "%llu\n", sum);
}

#define COUNTER(_name, _stat)                                              \
	static struct counter_attribute counter_##_name = {                \
		.attr = __ATTR(vmexits_##_name, 0444, counter_show, NULL), \
		.stat = _stat,                                             \
	}

COUNTER(total, CELL_STAT_TOTAL);
COUNTER(mmio, CELL_STAT_MMIO);
COUNTER(management, CELL_STAT_MANAGEMENT);
COUNTER(hypercall, CELL_STAT_HYPERCALL);
COUNTER(pio, CELL_STAT_X86_PIO);
COUNTER(xapic, CELL_STAT_X86_XAPIC);
COUNTER(cr, CELL_STAT_X86_CR);
COUNTER(cpuid, CELL_STAT_X86_CPUID);
COUNTER(xsetbv, CELL_STAT_X86_XSETBV);
COUNTER(exception, CELL_STAT_X86_EXCEPTION);
COUNTER(msr_other, CELL_STAT_X86_MSR_OTHER);
COUNTER(msr_x2apic_icr, CELL_STAT_X86_MSR_X2APIC_ICR);

static struct attribute *counter_attrs[] = {
	&counter_total.attr.attr,
	&counter_mmio.attr.attr,
	&counter_management.attr.attr,
	&counter_hypercall.attr.attr,
	&counter_pio.attr.attr,
	&counter_xapic.attr.attr,
	&counter_cr.attr.attr,
	&counter_cpuid.attr.attr,
	&counter_xsetbv.attr.attr,
	&counter_exception.attr.attr,
	&counter_msr_other.attr.attr,
	&counter_msr_x2apic_icr.attr.attr,
	NULL,
};
ATTRIBUTE_GROUPS(counter);

static void counter_dir_release(struct kobject *kobj)
{
	kfree(container_of(kobj, struct counter_dir, kobj));
}

static const struct kobj_type counter_dir_type = {
	.release = counter_dir_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = counter_groups,
};

/**
 * counter_dir_new - make a directory
 * @parent: under it
 * @name: of the directory
 * @cpus: whose counters; must live as long as the directory
 *
 * Return: for counter_dir_free(), or -ENOMEM, -EEXIST.
 */
struct counter_dir *counter_dir_new(struct kobject *parent, const char *name, const struct cpumask *cpus)
{
	struct counter_dir *dir = kzalloc(sizeof(*dir), GFP_KERNEL);
	int err;

	if (!dir)
		return ERR_PTR(-ENOMEM);
	dir->cpus = cpus;
	err = kobject_init_and_add(&dir->kobj, &counter_dir_type, parent, "%s", name);
	if (err) {
		kobject_put(&dir->kobj);
		return ERR_PTR(err);
	}
	return dir;
}

/** counter_dir_free - remove a directory; NULL and errors are fine */
void counter_dir_free(struct counter_dir *dir)
{
	if (IS_ERR_OR_NULL(dir))
		return;
	kobject_del(&dir->kobj);
	kobject_put(&dir->kobj);
}
