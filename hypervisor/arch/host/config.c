// SPDX-License-Identifier: GPL-2.0-only
/* Configurations for the pretend machine, and its start. */
#include <image.h>
#include <hv/arch.h>
#include <hv/control.h>
#include <hv/string.h>
#include "fake.h"

#define RAM_FLAGS (CELL_MEM_READ | CELL_MEM_WRITE | CELL_MEM_EXECUTE | CELL_MEM_DMA)

static const struct cell_memory root_memory[] = {
	{ 0, 0, FAKE_HV_START, RAM_FLAGS },
	{ FAKE_DEVICE_START, FAKE_DEVICE_START, FAKE_DEVICE_BYTES, CELL_MEM_READ | CELL_MEM_WRITE | CELL_MEM_IO },
};

const struct fake_config fake_root = {
	.name = "root",
	.memory = root_memory,
	.num_memory = ARRAY_SIZE(root_memory),
};

static u8 *append(u8 *to, const void *array, u64 bytes)
{
	if (bytes)
		memcpy(to, array, bytes);
	return to + bytes;
}

u64 fake_config_write(const struct fake_config *config, void *to)
{
	u32 set_bytes = config->cpu_set_bytes ? config->cpu_set_bytes : sizeof(config->cpus);
	struct cell_config header = {
		.signature = { 'J', 'H', 'C', 'L', 'L' },
		.revision = CELL_CONFIG_REVISION,
		.id = config->id,
		.flags = config->flags,
		.cpu_set_size = set_bytes,
		.num_memory_regions = config->num_memory,
		.num_pci_devices = config->num_pci,
		.num_pci_caps = config->num_caps,
		.cpu_reset_address = config->reset,
	};
	u8 *p = to;

	for (unsigned int i = 0; i < CELL_NAME_BYTES - 1 && config->name[i]; i++)
		header.name[i] = config->name[i];
	memcpy(p, &header, sizeof(header));
	p += sizeof(header);
	memset(p, 0, set_bytes);
	memcpy(p, &config->cpus, MIN(set_bytes, sizeof(config->cpus)));
	if (config->high_cpu)
		p[config->high_cpu / 8] |= 1 << config->high_cpu % 8;
	p += set_bytes;
	p = append(p, config->memory, config->num_memory * sizeof(*config->memory));
	p = append(p, config->pci, config->num_pci * sizeof(*config->pci));
	append(p, config->caps, config->num_caps * sizeof(*config->caps));
	return cell_config_size(&header);
}

static s64 job_setup(struct pcpu *cpu, const u64 args[3])
{
	(void)args;
	return setup_cpu(((u8 *)cpu - (u8 *)pcpu_of(0)) / image_header.percpu_size);
}

int fake_boot(const struct fake_config *root)
{
	struct fake_config all = *root;
	struct cell_system *system;
	s64 err;

	fake_power_on();
	if (!all.cpus)
		all.cpus = (1UL << fake.cpus) - 1;
	system = (struct cell_system *)(arch_memory_base() + image_header.core_size +
					image_header.max_cpus * image_header.percpu_size);
	*system = (struct cell_system){
		.signature = { 'J', 'H', 'S', 'Y', 'S' },
		.revision = CELL_CONFIG_REVISION,
		.hypervisor_memory = { .phys_start = FAKE_HV_START, .size = fake.hv_bytes },
		.debug_console = { .type = CELL_CONSOLE_8250 },
		.mmconfig_base = fake.no_mmconfig ? 0 : FAKE_MMCONFIG,
	};
	fake_config_write(&all, &system->root_cell);

	fake_start_cpus();
	for (unsigned int id = 0; id < fake.cpus; id++)
		fake_post(id, job_setup, 0, 0, 0);
	err = fake_wait(0);
	for (unsigned int id = 1; id < fake.cpus; id++)
		if (fake_wait(id) != err)
			fake_fault("setup: CPUs do not agree");
	return err;
}

s64 fake_create(const struct fake_config *config)
{
	fake_config_write(config, fake_ram(FAKE_CONFIG));
	return fake_hypercall(0, CELL_HC_CELL_CREATE, FAKE_CONFIG, 0);
}

struct cell_comm *fake_comm(u32 id)
{
	s64 frame = fake_hypercall(0, CELL_HC_COMM_PAGE, id, 0);

	if (frame < 0)
		fake_fault("no communication page of cell %u: %d", id, (int)frame);
	return (struct cell_comm *)fake_ram((u64)frame << PAGE_SHIFT);
}
