// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking over: all CPUs of a running Linux meet here; the first prepares what is shared, then each prepares itself.
 *
 * Either every CPU returns 0 and goes on as root cell, or every CPU returns the same error and Linux was never touched.
 */
#include <image.h>
#include <hv/arch.h>
#include <hv/control.h>
#include <hv/lock.h>
#include <hv/pci.h>
#include <hv/pool.h>
#include <hv/print.h>

const struct cell_system *system_config;

static struct spinlock setup_lock;
static u32 ready_cpus;
static bool first_done;
static int setup_error;

static int check_root_cpus(void)
{
	struct cpu_set cpus;

	if (root_cell.config->cpu_set_size > CELL_CPU_SET_MAX_BYTES || config_cpus(root_cell.config, &cpus))
		return -EINVAL;
	return cpu_set_weight(&cpus) == image_header.online_cpus ? 0 : -EINVAL;
}

static int setup_first(void)
{
	u64 before_config = image_header.core_size + (u64)image_header.max_cpus * image_header.percpu_size;
	u8 *base = arch_memory_base();
	u64 size, config_end;
	int err;

	system_config = (const struct cell_system *)(base + before_config);
	root_cell.config = &system_config->root_cell;
	arch_init_console(&system_config->debug_console);
	print("\ncelld hypervisor, %u CPUs, %u bytes of image\n", image_header.online_cpus,
	      (u32)image_header.file_size);

	size = system_config->hypervisor_memory.size;
	config_end = PAGE_ALIGN(before_config + cell_system_size(system_config));
	if (config_end >= size)
		return -ENOMEM;
	err = check_root_cpus();
	if (!err)
		err = pool_init(base + config_end, (size - config_end) / PAGE_SIZE);
	if (!err)
		err = arch_init();
	if (!err)
		err = cell_init_root();
	if (!err)
		err = arch_init_root();
	return err;
}

static int setup_this(unsigned int cpu_id)
{
	struct pcpu *cpu = this_cpu();

	if (!cpu_set_has(&root_cell.cpus, cpu_id))
		return -EINVAL;
	cpu->id = cpu_id;
	cpu->cell = &root_cell;
	return arch_init_cpu(cpu);
}

/* What looks at hardware does so on our own page tables, which setup_this() has loaded. */
static int setup_devices(void)
{
	int err = arch_init_devices();

	return err ? err : pci_init();
}

int setup_cpu(unsigned int cpu_id)
{
	bool first;

	spin_lock(&setup_lock);
	first = !first_done;
	first_done = true;
	if (first)
		setup_error = setup_first();
	if (!setup_error)
		setup_error = setup_this(cpu_id);
	if (!setup_error && first)
		setup_error = setup_devices();
	if (!setup_error && ready_cpus + 1 == image_header.online_cpus)
		setup_error = arch_start_devices();
	WRITE_ONCE(ready_cpus, ready_cpus + 1);
	if (ready_cpus == image_header.online_cpus)
		print(setup_error ? "setup failed: %d\n" : "all CPUs are in: %d\n", setup_error);
	spin_unlock(&setup_lock);

	while (READ_ONCE(ready_cpus) < image_header.online_cpus)
		cpu_relax();
	memory_barrier(); /* the last CPU's verdict, not the one we left */
	return setup_error;
}
