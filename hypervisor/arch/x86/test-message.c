// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI on PCs: by memory or by ports, whichever reaches a register, and which message-signalled interrupts may be sent.
 *
 * pci.c is part of this file, with ports and memory that are recorded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#define port_read native_port_read
#define port_write native_port_write
#define port_write32 native_port_write32
#include "asm.h"
#undef port_read
#undef port_write
#undef port_write32
#include <hv/types.h>

static u32 port_read(u16 port, u8 size);
static void port_write(u16 port, u8 size, u32 value);
static void port_write32(u16 port, u32 value);

#include "pci.c"

#define BASE 0xb0000000UL
#define LOWEST 0x100

struct cell root_cell = { .cpus.bits = { 0x3 } };
static struct cell cell = { .cpus.bits = { 0xc } };
static struct cell_system system_blob;
const struct cell_system *system_config = &system_blob;
static u32 selected;
static struct mmio_access forwarded;
static paddr_t forwarded_to;

/* CPU n has APIC ID n + 8 and bit n. */
bool apic_narrow(const struct cell *c, bool logical, u32 *dest)
{
	if (logical)
		*dest &= c->cpus.bits[0];
	return logical ? *dest : *dest - 8 < 4 && cpu_set_has(&c->cpus, *dest - 8);
}

static u32 sent_dest, sent_data, num_sent;
static bool sent_logical;

bool iommu_root_message(u32 address, u32 data, struct iommu_target *ret_target)
{
	assert_int_equal(data, 0);
	*ret_target = (struct iommu_target){ 9, false, 0x77 };
	return address == 0xfee00138;
}

void apic_send_message(const struct cell *c, u32 dest, bool logical, u32 data)
{
	(void)c;
	sent_dest = dest;
	sent_logical = logical;
	sent_data = data;
	num_sent++;
}

void mmio_forward(paddr_t phys, struct mmio_access *a)
{
	if (!a->write)
		a->value = 0x77;
	forwarded_to = phys;
	forwarded = *a;
}

static void port_write32(u16 port, u32 value)
{
	assert_int_equal(port, PORT_ADDRESS);
	selected = value;
}

static u32 port_read(u16 port, u8 size)
{
	return selected << 8 | (port - PORT_DATA) << 4 | size;
}

static void port_write(u16 port, u8 size, u32 value)
{
	selected = selected << 8 | (port - PORT_DATA) << 4 | size;
	forwarded.value = value;
}

static int setup(void **state)
{
	(void)state;
	system_blob = (struct cell_system){ .mmconfig_base = BASE, .mmconfig_end_bus = 3 };
	forwarded_to = 0;
	return 0;
}

static void test_by_memory(void **state)
{
	(void)state;
	assert_int_equal(arch_pci_read(0x3ff, 0xffe, 2), 0x77);
	assert_int_equal(forwarded_to, BASE + 0x3ffffe);
	assert_int_equal(forwarded.size, 2);
	arch_pci_write(0x0a, 0x44, 4, 0x12345678);
	assert_int_equal(forwarded_to, BASE + 0xa044);
	assert_true(forwarded.write && forwarded.size == 4 && forwarded.value == 0x12345678);
}

static void test_by_ports(void **state)
{
	(void)state;
	assert_int_equal(arch_pci_read(0x400, 0x46, 2), (u32)(0x80040044U << 8 | 0x22));
	assert_int_equal(arch_pci_read(0x400, 0x100, 2), 0xffff);
	system_blob.mmconfig_base = 0;
	arch_pci_write(0x0a, 0x43, 1, 0x99);
	assert_int_equal(selected, (u32)(0x80000a40U << 8 | 0x31));
	assert_int_equal(forwarded.value, 0x99);
	selected = 0;
	arch_pci_write(0x0a, 0x140, 1, 0x99);
	system_blob.pci_is_virtual = 1;
	arch_pci_write(0x0a, 0x40, 1, 0x99);
	assert_int_equal(arch_pci_read(0x0a, 0x40, 1), 0xff);
	assert_int_equal(selected, 0);
	assert_int_equal(forwarded_to, 0);
}

static bool allowed(const struct cell *c, u32 address, u32 data)
{
	return arch_msi_allowed(c, &address, 0, data);
}

static void test_messages_of_a_cell(void **state)
{
	u32 address = 0xfee0a000;

	(void)state;
	for (u32 dest = 0; dest < 256; dest++) {
		assert_int_equal(allowed(&cell, 0xfee00000 | dest << 12, 0x41), dest == 10 || dest == 11);
		assert_int_equal(allowed(&cell, 0xfee0000c | dest << 12, 0x41), dest && !(dest & ~0xcU));
	}
	for (u32 mode = 0; mode < 8; mode++)
		assert_int_equal(allowed(&cell, 0xfee0a000, 0x41 | mode << 8), mode < 2);
	assert_false(allowed(&cell, 0xfed0a000, 0x41));
	assert_false(allowed(&cell, 0x0000a000, 0x41));
	assert_false(allowed(&cell, 0xfee0a010, 0x41)); /* an entry of root's remapping table */
	assert_false(arch_msi_allowed(&cell, &address, 1, 0x41));
	assert_true(arch_msi_allowed(&cell, &address, 0, 0x41 | LOWEST));
	assert_int_equal(address, 0xfee0a000);
}

static void test_messages_of_root(void **state)
{
	u32 address = 0xfee0f00c;

	(void)state;
	assert_true(arch_msi_allowed(&root_cell, &address, 0, 0x41));
	assert_int_equal(address, 0xfee0300c);
	assert_false(allowed(&root_cell, 0xfee0c00c, 0x41));
	assert_true(allowed(&root_cell, 0xfee08000, 0x41));
	assert_false(allowed(&root_cell, 0xfee0a000, 0x41));
	assert_false(allowed(&root_cell, 0xfee08000, 0x241)); /* SMI */
	assert_true(allowed(&root_cell, 0xfee00118, 0));      /* remappable format */
}

static void test_messages_of_virtual_devices(void **state)
{
	(void)state;
	arch_msi_send(&cell, 0xfee0a000, 0, 0x141);
	assert_int_equal(num_sent, 1);
	assert_true(sent_dest == 10 && !sent_logical && sent_data == 0x141);
	arch_msi_send(&root_cell, 0xfee0f00c, 0, 0x42);
	assert_int_equal(num_sent, 2);
	assert_true(sent_dest == 3 && sent_logical && sent_data == 0x42); /* narrowed */
	arch_msi_send(&cell, 0xfee08000, 0, 0x41);
	arch_msi_send(&cell, 0xfee0a000, 1, 0x41);
	arch_msi_send(&cell, 0xfee0a000, 0, 0x241);
	arch_msi_send(&root_cell, 0xfee00118, 0, 0);
	assert_int_equal(num_sent, 2);
	arch_msi_send(&cell, 0xfee00138, 0, 0);
	assert_int_equal(num_sent, 2);
	arch_msi_send(&root_cell, 0xfee00138, 0, 0); /* in the remappable format, of which an IOMMU knows */
	assert_int_equal(num_sent, 3);
	assert_true(sent_dest == 9 && !sent_logical && sent_data == 0x77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_by_memory, setup),
		cmocka_unit_test_setup(test_by_ports, setup),
		cmocka_unit_test_setup(test_messages_of_a_cell, setup),
		cmocka_unit_test_setup(test_messages_of_root, setup),
		cmocka_unit_test_setup(test_messages_of_virtual_devices, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
