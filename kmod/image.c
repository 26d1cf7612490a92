// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypervisor as a whole: its image put into place and entered, and left again.
 *
 * Nothing of Linux changes until all CPUs enter, and every step before and after is undone if a later one fails.
 */
#include "kmod.h"

#include <linux/cpu.h>
#include <linux/firmware.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/tsc.h>

/* With less than this the hypervisor cannot even build its own page tables and root's. */
#define MIN_POOL_BYTES (32 * PAGE_SIZE)

/* Copy the system configuration, whose size is known from its header only. Return: for kvfree(), or an error. */
static struct cell_system *image_config_read(const struct cell_system __user *blob)
{
	struct cell_system header, *config;
	u64 size;

	if (copy_from_user(&header, blob, sizeof(header)))
		return ERR_PTR(-EFAULT);
	if (memcmp(header.signature, CELL_SYSTEM_SIGNATURE, CELL_SIGNATURE_BYTES))
		return ERR_PTR(refuse(-EINVAL, "this is not a system configuration (signature)"));
	if (header.revision != CELL_CONFIG_REVISION)
		return ERR_PTR(refuse(-EINVAL, "system configuration has revision %u, need %u", header.revision,
				      CELL_CONFIG_REVISION));
	if (header.architecture != CELL_ARCH_X86)
		return ERR_PTR(refuse(-EINVAL, "system configuration is for architecture %u, this is %u",
				      header.architecture, CELL_ARCH_X86));
	size = cell_system_size(&header);
	if (header.root_cell.cpu_set_size > CELL_CPU_SET_MAX_BYTES || size > header.hypervisor_memory.size ||
	    size > INT_MAX)
		return ERR_PTR(refuse(-EINVAL, "system configuration does not fit into hypervisor memory"));

	config = vmemdup_user(blob, size);
	if (IS_ERR(config))
		return config;
	/* Whoever changes it between the two looks gets what the first one said. */
	memcpy(config, &header, sizeof(header));
	config->root_cell.id = CELL_ROOT_ID;
	config->root_cell.name[sizeof(config->root_cell.name) - 1] = 0;
	return config;
}

static bool image_range_ok(u64 offset, u64 size, u64 limit)
{
	return IS_ALIGNED(offset, PAGE_SIZE) && offset <= limit && size <= limit - offset;
}

/* Is it our image, complete, and do its parts lie where they can be reached? */
static int image_check(const struct firmware *fw)
{
	const struct hv_image_header *h = (const void *)fw->data;

	if (fw->size < sizeof(*h) || memcmp(h->signature, HV_IMAGE_SIGNATURE, sizeof(h->signature)))
		return refuse(-EINVAL, "damaged image %s: no signature", svm_firmware());
	if (fw->size != h->file_size)
		return refuse(-EINVAL, "damaged image %s: has %zu bytes, says %llu", svm_firmware(), fw->size,
			      h->file_size);
	/* The bounds keep all sums below far from overflow. */
	if (!IS_ALIGNED(h->core_size, PAGE_SIZE) || h->core_size < h->file_size || h->core_size > SZ_1G ||
	    !h->percpu_size || !IS_ALIGNED(h->percpu_size, PAGE_SIZE) || h->percpu_size > SZ_16M ||
	    h->entry < sizeof(*h) || h->entry >= h->file_size ||
	    !image_range_ok(h->console_offset, sizeof(struct hv_console_ring), h->core_size) ||
	    !image_range_ok(h->events_offset, sizeof(struct hv_event_ring), h->core_size))
		return refuse(-EINVAL, "damaged image %s: sizes or offsets", svm_firmware());
	if (!IS_ALIGNED(h->virt_base, SZ_2M) || (s64)h->virt_base >> 47 != -1 || h->virt_base + hv.size < h->virt_base)
		return refuse(-EINVAL, "damaged image %s: virtual address 0x%llx", svm_firmware(), h->virt_base);
	return 0;
}

/* Lay out hypervisor memory: core, per-CPU blocks, configuration; the rest is the page pool. */
static int image_place(const struct firmware *fw, const struct cell_system *config, unsigned int cpus)
{
	struct hv_image_header *header = hv.memory;
	const struct hv_image_header *h = (const void *)fw->data;
	u64 config_size = cell_system_size(config);
	u64 config_offset = h->core_size + cpus * h->percpu_size;

	if (config_offset + config_size + MIN_POOL_BYTES > hv.size)
		return refuse(-EINVAL,
			      "hypervisor memory of %zu bytes is too small: image, %u CPUs and configuration need %llu",
			      hv.size, cpus, config_offset + config_size + MIN_POOL_BYTES);
	memcpy(header, fw->data, fw->size);
	memcpy(hv.memory + config_offset, config, config_size);
	header->canary = get_random_u64();
	header->max_cpus = cpus;
	header->online_cpus = num_online_cpus();

	hv.core_size = h->core_size;
	hv.flags = config->flags;
	hv.console = hv.memory + h->console_offset;
	mutex_lock(&cells_lock);
	hv.events = hv.memory + h->events_offset;
	mutex_unlock(&cells_lock);
	event_attach();
	console_attach();
	return 0;
}

static int image_clocks(struct cell_system *config)
{
	int khz;

	if (!config->x86.tsc_khz)
		config->x86.tsc_khz = tsc_khz;
	if (!config->x86.apic_khz) {
		khz = clock_apic_khz();
		if (khz < 0)
			return refuse(
				khz,
				"frequency of the APIC timer cannot be measured: put apic_khz into the configuration");
		config->x86.apic_khz = khz;
	}
	pr_info("TSC %u kHz, APIC timer %u kHz\n", config->x86.tsc_khz, config->x86.apic_khz);
	return 0;
}

static struct kcell *image_root_new(const struct cell_system *config)
{
	struct cell_config *copy;
	struct kcell *root;

	copy = kmemdup(&config->root_cell, cell_config_size(&config->root_cell), GFP_KERNEL);
	if (!copy)
		return ERR_PTR(-ENOMEM);
	root = kcell_new(copy);
	if (!root) {
		kfree(copy);
		return ERR_PTR(-ENOMEM);
	}
	if (kcell_cpus(&config->root_cell, &root->cpus) && !cpumask_empty(&root->cpus))
		return root;
	kobject_put(&root->kobj);
	return ERR_PTR(refuse(-EINVAL, "CPU set of the root cell is empty, or names CPUs that are not there"));
}

static int image_enter(const struct kcell *root)
{
	u64 refusals = event_refusals();
	int err;

	cpus_read_lock();
	if (!cpumask_equal(&root->cpus, cpu_online_mask)) {
		err = refuse(-EINVAL, "CPUs of the root cell are %*pbl, but online are %*pbl",
			     cpumask_pr_args(&root->cpus), cpumask_pr_args(cpu_online_mask));
		goto unlock;
	}
	err = svm_take();
	if (err)
		goto unlock;
	err = boot_enter(hv.memory);
	if (err) {
		svm_give();
		refused(err, refusals, "enable", kcell_name(root));
	}
unlock:
	cpus_read_unlock();
	return err;
}

/* All CPUs that entered have to leave. Context: CPU hotplug excluded. */
static int image_check_cpus(const struct kcell *root)
{
	if (cpumask_subset(&root->cpus, cpu_online_mask))
		return 0;
	return refuse(-EBUSY, "cannot disable: CPUs of the root cell are %*pbl, but online are %*pbl",
		      cpumask_pr_args(&root->cpus), cpumask_pr_args(cpu_online_mask));
}

static int image_leave(const struct kcell *root)
{
	int err;

	cpus_read_lock();
	err = image_check_cpus(root);
	if (!err)
		err = boot_leave();
	cpus_read_unlock();
	return err;
}

/* Hypervisor memory without a hypervisor: keep the console's last words, forget all else. */
static void image_drop(void)
{
	console_save();
	event_drain();
	mutex_lock(&cells_lock);
	hv.events = NULL;
	mutex_unlock(&cells_lock);
	hv.console = NULL;
	memory_give();
}

/* Show the running hypervisor to user space. */
static int image_publish(struct kcell *root)
{
	int err = sysfs_root_add(root);

	if (err)
		return err;
	err = vpci_add(root->config);
	if (err) {
		sysfs_root_remove(root);
		return err;
	}
	err = irq_take();
	if (err)
		pr_warn("no interrupt for events (%d): they are found late\n", err);
	return 0;
}

/* And hide it. */
static void image_hide(struct kcell *root)
{
	irq_give();
	vpci_remove(root->config);
	sysfs_root_remove(root);
}

static int image_load_and_enter(struct cell_system *config, const struct firmware *fw)
{
	struct kcell *root;
	int err;

	root = image_root_new(config);
	if (IS_ERR(root))
		return PTR_ERR(root);
	err = vpci_check(root->config);
	if (err)
		goto put_root;
	err = memory_take(config->hypervisor_memory.phys_start, config->hypervisor_memory.size);
	if (err)
		goto put_root;
	err = image_check(fw);
	if (err)
		goto give_memory;
	err = image_clocks(config);
	if (err)
		goto give_memory;
	err = image_place(fw, config, cpumask_last(&root->cpus) + 1);
	if (err)
		goto give_memory;
	err = image_enter(root);
	if (err)
		goto drop;

	hv.root = root;
	kcell_publish(root);
	err = image_publish(root);
	if (err)
		goto leave;
	WRITE_ONCE(hv.enabled, true);
	return 0;

leave:
	kcell_withdraw(root);
	hv.root = NULL;
	if (WARN_ON(image_leave(root)))
		return err; /* it runs on, unmanaged: its memory must stay as it is */
drop:
	image_drop();
	goto put_root;
give_memory:
	memory_give();
put_root:
	kobject_put(&root->kobj);
	return err;
}

static int image_enable_locked(struct cell_system *config)
{
	const struct firmware *fw;
	int err;

	if (hv.enabled)
		return refuse(-EBUSY, "the hypervisor is already enabled");
	err = request_firmware(&fw, svm_firmware(), sysfs_device());
	if (err)
		return refuse(err, "firmware file %s cannot be loaded (%d)", svm_firmware(), err);
	err = image_load_and_enter(config, fw);
	release_firmware(fw);
	if (err)
		return err;
	__module_get(THIS_MODULE);
	pr_info("hypervisor enabled\n");
	event_send(JAILHOUSE_EVENT_ENABLED);
	return 0;
}

/**
 * image_enable - JAILHOUSE_ENABLE
 * @blob: system configuration
 *
 * Return: 0; -ENODEV no usable AMD-V; -EFAULT; -ENOMEM; -EINTR; -EBUSY enabled already, AMD-V or memory in use; -EINVAL
 * bad configuration, image, reservation or CPU set; error of the firmware loader or of the hypervisor.
 */
int image_enable(const struct cell_system __user *blob)
{
	struct cell_system *config;
	int err;

	err = svm_check();
	if (err)
		return err;
	config = image_config_read(blob);
	if (IS_ERR(config))
		return PTR_ERR(config);
	err = mutex_lock_killable(&hv_lock);
	if (!err) {
		err = image_enable_locked(config);
		mutex_unlock(&hv_lock);
	}
	kvfree(config);
	return err;
}

static int image_disable_locked(u32 options)
{
	struct kcell *root = hv.root;
	int err;

	if (!hv.enabled)
		return refuse(-EINVAL, "the hypervisor is not enabled");
	/* Before cells are lost for nothing. */
	cpus_read_lock();
	err = image_check_cpus(root);
	cpus_read_unlock();
	if (err)
		return err;
	err = kcell_destroy_all(options);
	if (err)
		return err;

	image_hide(root);
	err = image_leave(root);
	if (err) {
		if (image_publish(root))
			pr_warn("statistics and virtual devices of the root cell are lost\n");
		return err;
	}
	WRITE_ONCE(hv.enabled, false);
	kcell_withdraw(root);
	hv.root = NULL;
	kobject_put(&root->kobj);
	image_drop();
	pr_info("hypervisor disabled\n");
	event_send(JAILHOUSE_EVENT_DISABLED);
	module_put(THIS_MODULE);
	return 0;
}

/**
 * image_disable - JAILHOUSE_DISABLE: destroy all cells, then leave
 * @options: JAILHOUSE_OPT_* for the cells
 *
 * Return: 0; -EINTR; -EINVAL not enabled; -EBUSY a CPU of root is off line; as kcell_destroy_all().
 */
int image_disable(u32 options)
{
	int err = mutex_lock_killable(&hv_lock);

	if (err)
		return err;
	err = image_disable_locked(options);
	mutex_unlock(&hv_lock);
	return err;
}
