// SPDX-License-Identifier: GPL-2.0-only
/* Which driver serves the units of a configuration, what is refused before one is asked, and whose an NMI is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <hv/string.h>
#include "iommu.c"

struct cell root_cell;
static struct {
	struct cell_system system;
	u8 more[2 * sizeof(struct cell_pci_device)];
} blob;
const struct cell_system *system_config = &blob.system;
static struct pcpu cpus[2];
static char refusal[256];
static unsigned int hidden, announced;
static bool logged;

/* --- the others --- */

struct pcpu *pcpu_of(unsigned int id)
{
	return &cpus[id];
}

int refuse(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(refusal, sizeof(refusal), fmt, ap);
	va_end(ap);
	return err;
}

int memory_hide(struct cell *of, u64 start, u64 size)
{
	assert_ptr_equal(of, &root_cell);
	assert_int_equal(start, blob.system.iommu[hidden].base);
	assert_int_equal(size, 0x4000);
	hidden++;
	return 0;
}

const struct cell *pci_owner(u16 bdf)
{
	(void)bdf;
	return &root_cell;
}

void event_dma(const struct cell *cell, u16 bdf, u64 address, u32 access)
{
	(void)cell, (void)bdf, (void)address, (void)access;
}

void event_announce(void)
{
	announced++;
}

static int fine(void)
{
	return 0;
}

static int fine_cell(struct cell *cell)
{
	(void)cell;
	return 0;
}

static bool report(void)
{
	return logged;
}

static struct paging_format pretend_format;
#define PRETEND(number)                                                                                            \
	{                                                                                                          \
		.type = (number), .format = &pretend_format, .init = fine, .enable = fine, .init_cell = fine_cell, \
		.report_faults = report                                                                            \
	}
const struct iommu_driver amdvi_driver = PRETEND(CELL_IOMMU_AMD);
const struct iommu_driver vtd_driver = PRETEND(CELL_IOMMU_INTEL);

static int setup(void **state)
{
	(void)state;
	memset(&blob, 0, sizeof(blob));
	memset(&root_cell, 0, sizeof(root_cell));
	root_cell.config = &blob.system.root_cell;
	root_cell.cpus.bits[0] = 3;
	cpus[0].arch.apic_id = 5;
	driver = NULL;
	fault_cpu = NULL;
	hidden = announced = 0;
	logged = false;
	refusal[0] = '\0';
	return 0;
}

static void set_unit(unsigned int i, u32 type, u64 base)
{
	blob.system.iommu[i] = (struct cell_iommu){ .type = type, .base = base, .size = 0x4000, .amd.bdf = 0x10 + i };
}

/* --- tests --- */

static void test_none(void **state)
{
	(void)state;
	assert_int_equal(iommu_choose(), 0);
	assert_int_equal(iommu_init(), 0);
	assert_int_equal(iommu_init_cell(&root_cell), 0);
	assert_int_equal(arch_start_devices(), 0);
	assert_null(arch_dma_format());
	assert_false(iommu_has(0, ~0UL));
	assert_false(arch_pci_reserved(0));
	assert_false(iommu_report_faults(&cpus[0], false));
	arch_stop_devices();
}

/* abi 4.1: a base of 0 ends the list, whatever is behind it. */
static void test_list(void **state)
{
	(void)state;
	set_unit(0, CELL_IOMMU_AMD, 0xfed80000);
	set_unit(1, CELL_IOMMU_AMD, 0xfed90000);
	set_unit(3, 9, 0xfeda0000);
	assert_int_equal(iommu_choose(), 0);
	assert_ptr_equal(arch_dma_format(), &pretend_format);
	assert_int_equal(iommu_init(), 0);
	assert_int_equal(hidden, 2);
	assert_true(iommu_has(0xfed93fff, 1));
	assert_false(iommu_has(0xfed94000, 0x1000));
	assert_false(iommu_has(0xfeda0000, 0x1000));
	assert_true(arch_pci_reserved(0x11));
	assert_false(arch_pci_reserved(0x13));
}

static void test_refusals(void **state)
{
	(void)state;
	set_unit(0, 3, 0xfed80000);
	assert_int_equal(iommu_choose(), -EINVAL);
	assert_string_equal(refusal, "IOMMU 0 at 0xfed80000: unknown type 3");
	set_unit(0, CELL_IOMMU_AMD, 0xfed80000);
	set_unit(1, 0, 0xfed90000);
	assert_int_equal(iommu_choose(), -EINVAL);
	assert_string_equal(refusal, "IOMMU 1 at 0xfed90000: unknown type 0");
	set_unit(1, CELL_IOMMU_INTEL, 0xfed90000);
	assert_int_equal(iommu_choose(), -EINVAL);
	assert_string_equal(refusal, "IOMMU 1 at 0xfed90000: of another type than the first");
	set_unit(1, CELL_IOMMU_AMD, 0xfed90800);
	assert_int_equal(iommu_choose(), -EINVAL);
	assert_string_equal(refusal, "IOMMU 1 at 0xfed90800: bad range");
	set_unit(1, CELL_IOMMU_AMD, 0xfed90000);
	blob.system.iommu[1].size = 0;
	assert_int_equal(iommu_choose(), -EINVAL);
}

/* A device is behind a unit that there is; a virtual one is behind none. */
static void test_device(void **state)
{
	struct cell_pci_device *d = (struct cell_pci_device *)(&blob.system + 1);

	(void)state;
	set_unit(0, CELL_IOMMU_AMD, 0xfed80000);
	assert_int_equal(iommu_choose(), 0);
	blob.system.root_cell.num_pci_devices = 2;
	d[0] = (struct cell_pci_device){ .type = 1, .bdf = 0x80 };
	d[1] = (struct cell_pci_device){ .type = 3, .bdf = 0x88, .iommu = 1 };
	assert_int_equal(iommu_init_cell(&root_cell), 0);
	d[1].type = 2;
	assert_int_equal(iommu_init_cell(&root_cell), -ERANGE);
	assert_non_null(strstr(refusal, "PCI device 00:11.0: there is no IOMMU 1"));
	d[1].iommu = 255;
	assert_int_equal(iommu_init_cell(&root_cell), -ERANGE);
}

/* On one CPU only; one more NMI than faults found is no surprise, unless it has another reason. */
static void test_nmi(void **state)
{
	u32 address, data;

	(void)state;
	set_unit(0, CELL_IOMMU_AMD, 0xfed80000);
	assert_int_equal(iommu_choose(), 0);
	assert_int_equal(arch_start_devices(), 0);
	iommu_fault_message(&address, &data);
	assert_int_equal(address, 0xfee05000);
	assert_int_equal(data, 0x400);

	assert_false(iommu_report_faults(&cpus[0], false));
	logged = true;
	assert_false(iommu_report_faults(&cpus[1], false));
	assert_int_equal(announced, 0);
	assert_true(iommu_report_faults(&cpus[0], true));
	assert_int_equal(announced, 1);
	logged = false;
	assert_false(iommu_report_faults(&cpus[0], true));
	assert_true(iommu_report_faults(&cpus[0], false));
	assert_false(iommu_report_faults(&cpus[0], false));
	assert_int_equal(announced, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_none), TEST(test_list), TEST(test_refusals), TEST(test_device), TEST(test_nmi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
