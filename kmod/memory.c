// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hypervisor memory: the reservation that the machine was booted with, claimed and mapped.
 *
 * The mapping is for data. Linux cannot execute there, and once the hypervisor runs it hides its memory from Linux,
 * the two rings excepted.
 */
#include "kmod.h"

#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/sizes.h>

static int memory_count(struct resource *res, void *arg)
{
	u64 *covered = arg;

	*covered += resource_size(res);
	return 0;
}

/**
 * memory_is_linux - does Linux use any byte of this range as RAM?
 * @phys: start
 * @size: bytes, not 0
 */
bool memory_is_linux(phys_addr_t phys, u64 size)
{
	return region_intersects(phys, size, IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) != REGION_DISJOINT;
}

static int memory_check(phys_addr_t phys, size_t size)
{
	u64 covered = 0;

	if (!size || !IS_ALIGNED(phys, SZ_2M) || !IS_ALIGNED(size, PAGE_SIZE) || phys + size - 1 < phys ||
	    (phys + size - 1) >> boot_cpu_data.x86_phys_bits)
		return refuse(-EINVAL, "hypervisor memory %pa + 0x%zx: must start on 2 MiB and end on a page", &phys,
			      size);
	if (!memory_is_linux(phys, size))
		walk_iomem_res_desc(IORES_DESC_RESERVED, IORESOURCE_MEM, phys, phys + size - 1, &covered, memory_count);
	if (covered != size)
		return refuse(-EINVAL, "hypervisor memory %pa + 0x%zx is not reserved: boot with memmap=0x%zx$0x%llx",
			      &phys, size, size, (u64)phys);
	return 0;
}

/**
 * memory_take - claim and map the memory of the configuration
 * @phys: start
 * @size: bytes
 *
 * Return: 0, hv.memory is zeroed; -EINVAL not usable or not reserved; -EBUSY claimed by a driver; -ENOMEM.
 */
int memory_take(phys_addr_t phys, size_t size)
{
	int err;

	err = memory_check(phys, size);
	if (err)
		return err;
	if (!request_mem_region(phys, size, "Jailhouse hypervisor"))
		return refuse(-EBUSY, "hypervisor memory %pa + 0x%zx is claimed by a driver", &phys, size);

	err = -ENOMEM;
	hv.memory = memremap(phys, size, MEMREMAP_WB);
	if (!hv.memory)
		goto release;
	hv.phys = phys;
	hv.size = size;
	memset(hv.memory, 0, size);
	return 0;

release:
	release_mem_region(phys, size);
	return err;
}

/** memory_give - erase, unmap and release hypervisor memory; Context: no hypervisor is running */
void memory_give(void)
{
	memset(hv.memory, 0, hv.size);
	memunmap(hv.memory);
	release_mem_region(hv.phys, hv.size);
	hv.memory = NULL;
}
