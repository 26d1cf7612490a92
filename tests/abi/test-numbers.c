/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers of the binary interface, as its specification has them: a change of a header that all of ours take them from
 * shows nowhere else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "comm.h"
#include "config.h"
#include "hypercall.h"
#include "ivshmem.h"
#include "uapi/cell.h"

#define AT(type, field, offset, bytes)                                      \
	do {                                                                \
		assert_int_equal(offsetof(struct type, field), offset);     \
		assert_int_equal(sizeof(((struct type *)0)->field), bytes); \
	} while (0)

/* 1.2 */
static void test_hypercalls(void **state)
{
	(void)state;
	assert_int_equal(CELL_HC_DISABLE, 0);
	assert_int_equal(CELL_HC_CELL_CREATE, 1);
	assert_int_equal(CELL_HC_CELL_START, 2);
	assert_int_equal(CELL_HC_CELL_SET_LOADABLE, 3);
	assert_int_equal(CELL_HC_CELL_DESTROY, 4);
	assert_int_equal(CELL_HC_INFO, 5);
	assert_int_equal(CELL_HC_CELL_STATE, 6);
	assert_int_equal(CELL_HC_CPU_INFO, 7);
	assert_int_equal(CELL_HC_PUTC, 8);
	assert_int_equal(CELL_INFO_MEM_POOL_SIZE, 0);
	assert_int_equal(CELL_INFO_MEM_POOL_USED, 1);
	assert_int_equal(CELL_INFO_REMAP_POOL_SIZE, 2);
	assert_int_equal(CELL_INFO_REMAP_POOL_USED, 3);
	assert_int_equal(CELL_INFO_NUM_CELLS, 4);
	assert_int_equal(CELL_CPU_INFO_STATE, 0);
	assert_int_equal(CELL_CPU_INFO_STAT_BASE, 1000);
	assert_int_equal(CELL_CPU_RUNNING, 0);
	assert_int_equal(CELL_CPU_FAILED, 2);
}

static void test_statistics(void **state)
{
	(void)state;
	assert_int_equal(CELL_STAT_TOTAL, 0);
	assert_int_equal(CELL_STAT_MMIO, 1);
	assert_int_equal(CELL_STAT_MANAGEMENT, 2);
	assert_int_equal(CELL_STAT_HYPERCALL, 3);
	assert_int_equal(CELL_STAT_X86_PIO, 4);
	assert_int_equal(CELL_STAT_X86_XAPIC, 5);
	assert_int_equal(CELL_STAT_X86_CR, 6);
	assert_int_equal(CELL_STAT_X86_CPUID, 7);
	assert_int_equal(CELL_STAT_X86_XSETBV, 8);
	assert_int_equal(CELL_STAT_X86_EXCEPTION, 9);
	assert_int_equal(CELL_STAT_X86_MSR_OTHER, 10);
	assert_int_equal(CELL_STAT_X86_MSR_X2APIC_ICR, 11);
}

/* 3 */
static void test_comm_region(void **state)
{
	(void)state;
	AT(cell_comm, signature, 0x00, 6);
	AT(cell_comm, revision, 0x06, 2);
	AT(cell_comm, state, 0x08, 4);
	AT(cell_comm, message, 0x0c, 4);
	AT(cell_comm, reply, 0x10, 4);
	AT(cell_comm, flags, 0x14, 4);
	AT(cell_comm, console, 0x18, 32);
	AT(cell_comm, mmconfig_base, 0x38, 8);
	AT(cell_comm, x86.pm_timer_port, 0x40, 2);
	AT(cell_comm, x86.num_cpus, 0x42, 2);
	AT(cell_comm, x86.tsc_khz, 0x44, 4);
	AT(cell_comm, x86.apic_khz, 0x48, 4);
	AT(cell_comm, x86, 0x40, 12);
	assert_memory_equal(CELL_COMM_SIGNATURE, "JHCOMM", 6);
	assert_int_equal(CELL_COMM_REVISION, 2);
	assert_int_equal(CELL_COMM_CONSOLE_PERMITTED, 1);
	assert_int_equal(CELL_COMM_CONSOLE_ACTIVE, 2);
}

static void test_states_and_messages(void **state)
{
	(void)state;
	assert_int_equal(CELL_STATE_RUNNING, 0);
	assert_int_equal(CELL_STATE_RUNNING_LOCKED, 1);
	assert_int_equal(CELL_STATE_SHUT_DOWN, 2);
	assert_int_equal(CELL_STATE_FAILED, 3);
	assert_int_equal(CELL_STATE_ABI_MISMATCH, 4);
	assert_int_equal(CELL_MSG_NONE, 0);
	assert_int_equal(CELL_MSG_SHUTDOWN_REQUEST, 1);
	assert_int_equal(CELL_MSG_RECONFIGURED, 2);
	assert_int_equal(CELL_REPLY_NONE, 0);
	assert_int_equal(CELL_REPLY_UNKNOWN, 1);
	assert_int_equal(CELL_REPLY_DENIED, 2);
	assert_int_equal(CELL_REPLY_APPROVED, 3);
	assert_int_equal(CELL_REPLY_RECEIVED, 4);
}

/* 4.1 */
static void test_system(void **state)
{
	(void)state;
	AT(cell_system, flags, 0x008, 4);
	AT(cell_system, hypervisor_memory, 0x00c, 32);
	AT(cell_system, debug_console, 0x02c, 32);
	AT(cell_system, mmconfig_base, 0x04c, 8);
	AT(cell_system, mmconfig_end_bus, 0x054, 1);
	AT(cell_system, pci_is_virtual, 0x055, 1);
	AT(cell_system, pci_domain, 0x056, 2);
	AT(cell_system, iommu, 0x058, 8 * 28);
	AT(cell_system, x86.pm_timer_port, 0x138, 2);
	AT(cell_system, x86.apic_mode, 0x13a, 1);
	AT(cell_system, x86.vtd_interrupt_limit, 0x13c, 4);
	AT(cell_system, x86.tsc_khz, 0x140, 4);
	AT(cell_system, x86.apic_khz, 0x144, 4);
	AT(cell_system, root_cell, 0x164, 132);
	assert_int_equal(CELL_APIC_AUTO, 0);
	assert_int_equal(CELL_APIC_XAPIC, 1);
	assert_int_equal(CELL_APIC_X2APIC, 2);
	assert_int_equal(CELL_SYSTEM_VIRTUAL_CONSOLE, 1);
}

/* 4.2, 4.3 */
static void test_console(void **state)
{
	(void)state;
	AT(cell_console, address, 0x00, 8);
	AT(cell_console, size, 0x08, 4);
	AT(cell_console, type, 0x0c, 2);
	AT(cell_console, flags, 0x0e, 2);
	AT(cell_console, divider, 0x10, 4);
	AT(cell_console, gate_nr, 0x14, 4);
	AT(cell_console, clock_reg, 0x18, 8);
	assert_int_equal(CELL_CONSOLE_MMIO, 0x0001);
	assert_int_equal(CELL_CONSOLE_REGDIST_4, 0x0002);
	assert_int_equal(CELL_CONSOLE_FB_1920X1080, 0x0004);
	assert_int_equal(CELL_CONSOLE_INVERTED_GATE, 0x1000);
	assert_int_equal(CELL_CONSOLE_MDR_QUIRK, 0x2000);
}

static void test_iommu(void **state)
{
	(void)state;
	AT(cell_iommu, type, 0x00, 4);
	AT(cell_iommu, base, 0x04, 8);
	AT(cell_iommu, size, 0x0c, 4);
	AT(cell_iommu, amd.bdf, 0x10, 2);
	AT(cell_iommu, amd.base_cap, 0x12, 1);
	AT(cell_iommu, amd.msi_cap, 0x13, 1);
	AT(cell_iommu, amd.features, 0x14, 4);
}

/* 4.4 */
static void test_memory(void **state)
{
	(void)state;
	AT(cell_memory, phys_start, 0x00, 8);
	AT(cell_memory, virt_start, 0x08, 8);
	AT(cell_memory, size, 0x10, 8);
	AT(cell_memory, flags, 0x18, 8);
	assert_int_equal(CELL_MEM_READ, 0x00001);
	assert_int_equal(CELL_MEM_WRITE, 0x00002);
	assert_int_equal(CELL_MEM_EXECUTE, 0x00004);
	assert_int_equal(CELL_MEM_DMA, 0x00008);
	assert_int_equal(CELL_MEM_IO, 0x00010);
	assert_int_equal(CELL_MEM_COMM_REGION, 0x00020);
	assert_int_equal(CELL_MEM_LOADABLE, 0x00040);
	assert_int_equal(CELL_MEM_ROOTSHARED, 0x00080);
	assert_int_equal(CELL_MEM_NO_HUGEPAGES, 0x00100);
	assert_int_equal(CELL_MEM_IO_UNALIGNED, 0x08000);
	assert_int_equal(CELL_MEM_IO_8, 0x10000);
	assert_int_equal(CELL_MEM_IO_16, 0x20000);
	assert_int_equal(CELL_MEM_IO_32, 0x40000);
	assert_int_equal(CELL_MEM_IO_64, 0x80000);
}

/* 4.5 */
static void test_cell(void **state)
{
	(void)state;
	AT(cell_config, signature, 0x00, 5);
	AT(cell_config, architecture, 0x05, 1);
	AT(cell_config, revision, 0x06, 2);
	AT(cell_config, name, 0x08, 32);
	AT(cell_config, id, 0x28, 4);
	AT(cell_config, flags, 0x2c, 4);
	AT(cell_config, cpu_set_size, 0x30, 4);
	AT(cell_config, num_memory_regions, 0x34, 4);
	AT(cell_config, num_cache_regions, 0x38, 4);
	AT(cell_config, num_irqchips, 0x3c, 4);
	AT(cell_config, num_pio_regions, 0x40, 4);
	AT(cell_config, num_pci_devices, 0x44, 4);
	AT(cell_config, num_pci_caps, 0x48, 4);
	AT(cell_config, num_stream_ids, 0x4c, 4);
	AT(cell_config, vpci_irq_base, 0x50, 4);
	AT(cell_config, cpu_reset_address, 0x54, 8);
	AT(cell_config, msg_reply_timeout, 0x5c, 8);
	AT(cell_config, console, 0x64, 32);
	assert_int_equal(CELL_FLAG_PASSIVE_COMMREG, 0x00000001);
	assert_int_equal(CELL_FLAG_TEST_DEVICE, 0x00000002);
	assert_int_equal(CELL_FLAG_CONSOLE_PERMITTED, 0x40000000);
	assert_int_equal(CELL_FLAG_CONSOLE_ACTIVE, 0x80000000);
}

/* Elements of 32, 12, 32, 4, 56, 8 and 4 bytes, behind a CPU set. */
static void test_arrays(void **state)
{
	const struct cell_config c = {
		.cpu_set_size = 8,
		.num_memory_regions = 1,
		.num_cache_regions = 2,
		.num_irqchips = 3,
		.num_pio_regions = 4,
		.num_pci_devices = 5,
		.num_pci_caps = 6,
		.num_stream_ids = 7,
	};

	(void)state;
	assert_int_equal(cell_config_memory_offset(&c), 132 + 8);
	assert_int_equal(cell_config_cache_offset(&c), 140 + 32);
	assert_int_equal(cell_config_irqchip_offset(&c), 172 + 2 * 12);
	assert_int_equal(cell_config_pio_offset(&c), 196 + 3 * 32);
	assert_int_equal(cell_config_pci_offset(&c), 292 + 4 * 4);
	assert_int_equal(cell_config_pci_cap_offset(&c), 308 + 5 * 56);
	assert_int_equal(cell_config_stream_offset(&c), 588 + 6 * 8);
	assert_int_equal(cell_config_size(&c), 636 + 7 * 4);
}

/* 4.6, 4.7 */
static void test_cache_and_irqchip(void **state)
{
	(void)state;
	AT(cell_cache, start, 0x00, 4);
	AT(cell_cache, size, 0x04, 4);
	AT(cell_cache, type, 0x08, 1);
	AT(cell_cache, flags, 0x0a, 2);
	assert_int_equal(CELL_CACHE_L3, 3);
	assert_int_equal(CELL_CACHE_ROOTSHARED, 1);
	AT(cell_irqchip, address, 0x00, 8);
	AT(cell_irqchip, id, 0x08, 4);
	AT(cell_irqchip, pin_base, 0x0c, 4);
	AT(cell_irqchip, pin_map, 0x10, 16);
}

/* 4.8 */
static void test_pci_device(void **state)
{
	(void)state;
	AT(cell_pci_device, type, 0x00, 1);
	AT(cell_pci_device, iommu, 0x01, 1);
	AT(cell_pci_device, domain, 0x02, 2);
	AT(cell_pci_device, bdf, 0x04, 2);
	AT(cell_pci_device, bar_mask, 0x06, 24);
	AT(cell_pci_device, caps_start, 0x1e, 2);
	AT(cell_pci_device, num_caps, 0x20, 2);
	AT(cell_pci_device, num_msi_vectors, 0x22, 1);
	AT(cell_pci_device, msi_flags, 0x23, 1);
	AT(cell_pci_device, num_msix_vectors, 0x24, 2);
	AT(cell_pci_device, msix_region_size, 0x26, 2);
	AT(cell_pci_device, msix_address, 0x28, 8);
	AT(cell_pci_device, shmem_regions_start, 0x30, 4);
	AT(cell_pci_device, shmem_dev_id, 0x34, 1);
	AT(cell_pci_device, shmem_peers, 0x35, 1);
	AT(cell_pci_device, shmem_protocol, 0x36, 2);
}

/* 4.8, 7.1 to 7.3 */
static void test_ivshmem(void **state)
{
	(void)state;
	assert_int_equal(IVSHMEM_VENDOR, 0x110a);
	assert_int_equal(IVSHMEM_DEVICE, 0x4106);
	assert_int_equal(IVSHMEM_CLASS, 0xff);
	assert_int_equal(IVSHMEM_PEERS_MAX, 12);
	assert_int_equal(IVSHMEM_VECTORS_MAX, 16);
	assert_int_equal(IVSHMEM_PROTOCOL_UNDEFINED, 0);
	assert_int_equal(IVSHMEM_PROTOCOL_ETHERNET, 1);
	assert_int_equal(IVSHMEM_PROTOCOL_CUSTOM, 0x4000);
	assert_int_equal(IVSHMEM_PROTOCOL_CUSTOM_LAST, 0x7fff);
	assert_int_equal(IVSHMEM_PROTOCOL_VIRTIO_FRONT, 0x8000);
	assert_int_equal(IVSHMEM_PROTOCOL_VIRTIO_BACK, 0xc000);
	assert_int_equal(IVSHMEM_CAP_CONTROL, 0x43);
	assert_int_equal(IVSHMEM_CAP_STATE_SIZE, 0x44);
	assert_int_equal(IVSHMEM_CAP_RW_SIZE, 0x48);
	assert_int_equal(IVSHMEM_CAP_OUTPUT_SIZE, 0x50);
	assert_int_equal(IVSHMEM_CAP_BASE, 0x58);
	assert_int_equal(IVSHMEM_CAP_MSIX, 0x60);
	assert_int_equal(IVSHMEM_ID, 0x00);
	assert_int_equal(IVSHMEM_MAX_PEERS, 0x04);
	assert_int_equal(IVSHMEM_INTERRUPT, 0x08);
	assert_int_equal(IVSHMEM_DOORBELL, 0x0c);
	assert_int_equal(IVSHMEM_STATE, 0x10);
	assert_int_equal(IVSHMEM_MSIX_PENDING, 0x100);
	assert_int_equal(IVSHMEM_MSIX_BYTES, 0x200);
}

/* 5.1 */
static void test_ioctls(void **state)
{
	(void)state;
	assert_int_equal(JAILHOUSE_ENABLE, 0x40080000);
	assert_int_equal(JAILHOUSE_DISABLE, 0x00000001);
	assert_int_equal(JAILHOUSE_CELL_CREATE, 0x40100002);
	assert_int_equal(JAILHOUSE_CELL_LOAD, 0x40300003);
	assert_int_equal(JAILHOUSE_CELL_START, 0x40280004);
	assert_int_equal(JAILHOUSE_CELL_DESTROY, 0x40280005);
}

static void test_ioctl_structures(void **state)
{
	(void)state;
	AT(jailhouse_cell_create, config_address, 0, 8);
	AT(jailhouse_cell_create, config_size, 8, 4);
	assert_int_equal(sizeof(struct jailhouse_cell_create), 16);
	AT(jailhouse_cell_id, id, 0, 4);
	AT(jailhouse_cell_id, name, 8, 32);
	assert_int_equal(sizeof(struct jailhouse_cell_id), 40);
	assert_int_equal(JAILHOUSE_CELL_ID_UNUSED, -1);
	AT(jailhouse_cell_load, cell_id, 0, 40);
	AT(jailhouse_cell_load, num_preload_images, 40, 4);
	assert_int_equal(sizeof(struct jailhouse_cell_load), 48);
	AT(jailhouse_image, source_address, 0, 8);
	AT(jailhouse_image, size, 8, 8);
	AT(jailhouse_image, target_address, 16, 8);
	assert_int_equal(sizeof(struct jailhouse_image), 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hypercalls),
		cmocka_unit_test(test_statistics),
		cmocka_unit_test(test_comm_region),
		cmocka_unit_test(test_states_and_messages),
		cmocka_unit_test(test_system),
		cmocka_unit_test(test_console),
		cmocka_unit_test(test_iommu),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_cell),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_cache_and_irqchip),
		cmocka_unit_test(test_pci_device),
		cmocka_unit_test(test_ivshmem),
		cmocka_unit_test(test_ioctls),
		cmocka_unit_test(test_ioctl_structures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
