/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks on memory: what is no cell's, root's, other cells', the hypervisor's and devices'; reads, writes, fetches,
 * page tables, descriptor tables and stacks, and accesses that begin in the cell's own memory.
 */
#include "attack.h"

#define RET 0xc3

/* Write and read back. */
static u64 hold(const struct attack *a)
{
	attack_write8(a);
	return attack_read8(a);
}

/* There is a RET, so it is not what is there that keeps it from being executed. */
static u64 jump_to_ret(const struct attack *a)
{
	*(volatile u8 *)attack_map(a->at) = RET;
	return attack_call(a->at, a->value, 0);
}

/* The next fetch walks through foreign memory. */
static u64 page_tables(const struct attack *a)
{
	u64 cr3 = a->at;

	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
	return 0;
}

/* The same one level down: an entry of ours that refers to it. */
static u64 page_table(const struct attack *a)
{
	u64 *pml4 = (u64 *)read_cr3();

	pml4[1] = a->at | 3;
	return *(volatile u8 *)(1UL << 39);
}

struct descriptor_pointer {
	u16 limit;
	u64 base;
} __attribute__((packed));

static u64 descriptors(const struct attack *a)
{
	struct descriptor_pointer gdt = { 0xffff, attack_map(a->at) };

	__asm__ volatile("lgdt %0; mov %1, %%ds" : : "m"(gdt), "r"(0x10) : "memory");
	return 0;
}

static u64 interrupt_descriptors(const struct attack *a)
{
	struct descriptor_pointer idt = { 0xffff, attack_map(a->at) };

	__asm__ volatile("lidt %0; ud2" : : "m"(idt) : "memory");
	return 0;
}

static u64 stack(const struct attack *a)
{
	u64 top = attack_map(a->at) + 8;

	__asm__ volatile("mov %%rsp, %%rbx; mov %0, %%rsp; push %0; mov %%rbx, %%rsp" : : "r"(top) : "rbx", "memory");
	return 0;
}

/* From and to the last bytes before @at. */
static u64 copy_from(const struct attack *a)
{
	u64 from = attack_map(a->at - 16), to = SCRATCH, n = 32;

	attack_map(to);
	__asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
	return 0;
}

static u64 copy_to(const struct attack *a)
{
	u64 to = attack_map(a->at - 16), from = SCRATCH, n = 32;

	attack_map(a->at);
	attack_map(from);
	__asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
	return 0;
}

/* CPUID, whose second byte is beyond. */
static u64 run_across(const struct attack *a)
{
	u8 *last = (u8 *)attack_map(a->at - 1);

	attack_map(a->at);
	*last = 0x0f;
	return attack_call((u64)last, 0, 0);
}

/* One byte read, written, executed. */
#define ALL(what, at)                                                      \
	PARK("a read of " what, attack_read1, at, 0, "mmio"),              \
		PARK("a write to " what, attack_write1, at, 0x55, "mmio"), \
		PARK("a jump to " what, attack_jump, at, 0, "mmio"),       \
		PARK("page tables in " what, page_tables, at, 0, "mmio")

static const struct attack rows[] = {
	ALL("the hole behind the communication page", 0x101000),
	ALL("the last page before RAM", 0x1ff000),
	ALL("the first page behind RAM", RAM + RAM_BYTES),
	ALL("the last page before the read-only region", READ_ONLY - 0x1000),
	ALL("the page behind the read-only region", READ_ONLY + 0x2000),
	ALL("the hole before the island", ISLAND - 0x1000),
	ALL("the page behind the island", ISLAND + 0x1000),
	ALL("root's RAM", 0x10000000),
	ALL("the last page of root's RAM below the reservation", 0x39fff000),
	ALL("the first page of the hypervisor", 0x3a000000),
	ALL("data of the hypervisor", 0x3a010000),
	ALL("a CPU's block of the hypervisor", 0x3a020000),
	ALL("page pool of the hypervisor", 0x3a200000),
	ALL("the last page of the hypervisor", 0x3a5ff000),
	ALL("its own RAM by its physical address", 0x3a600000),
	ALL("another cell's code", 0x3b000000),
	ALL("another cell's RAM", 0x3b200000),
	ALL("RAM that is no cell's", 0x3c000000),
	ALL("root's RAM above the reservation", 0x3f200000),
	ALL("the window of PCI devices", 0x80000000),
	ALL("the page behind configuration space", 0xc0000000),
	ALL("an IOAPIC of which it has no pin", 0xfec00000),
	ALL("the HPET", 0xfed00000),
	ALL("the window of an IOMMU", 0xfed90000),
	ALL("the page behind the local APIC", 0xfee01000),
	ALL("the firmware", 0xfffc0000),
	ALL("memory above 4 GiB", 0x100000000),
	ALL("the highest page of 39 bits", 0x7ffffff000),

	PARK("a page directory in root's RAM", page_table, 0x10000000, 0, "mmio"),
	PARK("a page directory in the hypervisor", page_table, 0x3a000000, 0, "mmio"),
	PARK_AT("segment descriptors in the hypervisor", descriptors, 0x3a000000, 0, "mmio", 0x3a000010),
	PARK_AT("interrupt descriptors in the hypervisor", interrupt_descriptors, 0x3a000000, 0, "mmio", 0x3a000060),
	PARK("a stack in another cell's RAM", stack, 0x3b200000, 0, "mmio"),

	GO_ON("the read-only region is read", attack_read8, READ_ONLY, 0, 0),
	PARK("a write to the read-only region", attack_write1, READ_ONLY, 1, "mmio"),
	PARK("a write to its last byte", attack_write1, READ_ONLY + 0x1fff, 1, "mmio"),
	PARK("a jump to the read-only region", attack_jump, READ_ONLY, 0, "mmio"),
	GO_ON("the region without execute holds", hold, NO_EXECUTE, 0x1122334455667788, 0x1122334455667788),
	PARK("a jump to the region without execute", jump_to_ret, NO_EXECUTE, 0, "mmio"),
	PARK("a jump to the communication page", attack_jump, CELL_COMM_ADDRESS, 0, "mmio"),
	GO_ON("the island holds", hold, ISLAND + 0xff8, 0x1122334455667788, 0x1122334455667788),
	GO_ON("and is executed", jump_to_ret, ISLAND, 0x77, 0x77),

	PARK_AT("a read from the island into the hole", attack_read8, ISLAND + 0xffc, 0, "mmio", ISLAND + 0x1000),
	PARK_AT("a write from the island into the hole", attack_write8, ISLAND + 0xffd, ~0UL, "mmio", ISLAND + 0x1000),
	PARK("a write from the hole into the island", attack_write8, ISLAND - 4, ~0UL, "mmio"),
	PARK_AT("a read from the communication page into the hole", attack_read2, 0x100fff, 0, "mmio", 0x101000),
	PARK_AT("a write from RAM into the hole", attack_write4, RAM + RAM_BYTES - 2, 0, "mmio", RAM + RAM_BYTES),
	PARK("a copy from RAM into the hole", copy_to, RAM + RAM_BYTES, 0, "mmio"),
	PARK("a copy from the hole behind RAM", copy_from, RAM + RAM_BYTES, 0, "mmio"),
	PARK("an instruction from RAM into the hole", run_across, RAM + RAM_BYTES, 0, "mmio"),
	PARK("an instruction from the island into the hole", run_across, ISLAND + 0x1000, 0, "mmio"),

	GO_ON("a foreign device's configuration reads as ones: byte", attack_read1, 0xb0000003, 0, 0xff),
	GO_ON("a foreign device's configuration reads as ones: word", attack_read2, 0xb0008002, 0, 0xffff),
	GO_ON("a foreign device's configuration reads as ones: dword", attack_read4, 0xb00fa000, 0, 0xffffffff),
	GO_ON("the last bytes of configuration space read as ones", attack_read4, 0xbffffffc, 0, 0xffffffff),
	PARK("a write to a foreign device's command register", attack_write4, 0xb0010004, 0, "mmio"),
	PARK("a byte to a foreign device's BAR", attack_write1, 0xb0010010, 0, "mmio"),
	PARK("a write to the last bytes of configuration space", attack_write4, 0xbffffffc, 0, "mmio"),
	PARK("8 bytes of configuration space", attack_read8, 0xb0000000, 0, "mmio"),
	PARK("an access across registers of configuration space", attack_read4, 0xb0000002, 0, "mmio"),
	PARK("a jump to configuration space", attack_jump, 0xb0000000, 0, "mmio"),
};

const struct attacks memory_attacks = { rows, ARRAY_SIZE(rows) };
