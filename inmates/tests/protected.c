/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Test of the hypervisor from within a 32-bit cell: hypercalls with 32-bit registers, and accesses to trapped memory
 * without paging and with both shapes of 32-bit page tables. TAP by hypercall; then state "shut
 * down", or "failed".
 *
 * The cell has: timer 2 of the HPET as a sub-page region of 32-bit registers.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <comm.h>
#include <hypercall.h>

#define COMM ((struct cell_comm *)0x100000)
#define HPET_TIMER 0xfed00140U
#define ENOSYS 38
#define EPERM 1

#define CR0_PG 0x80000000U
#define CR4_PSE 0x10
#define CR4_PAE 0x20
#define PTE_PRESENT_WRITE 3U
#define PTE_LARGE 0x80U
#define MSR_APIC_ID 0x802

static unsigned int number;
static bool failed;

void inmate_run(uint32_t real_mode_answer);

static int32_t hypercall(uint32_t code, uint32_t arg1, uint32_t arg2)
{
	int32_t result;

	__asm__ volatile("vmmcall" : "=a"(result) : "a"(code), "D"(arg1), "S"(arg2) : "memory");
	return result;
}

static void print(const char *text)
{
	while (*text)
		hypercall(CELL_HC_PUTC, (uint8_t)*text++, 0);
}

static void print_number(unsigned int n)
{
	char digits[] = { (char)('0' + n / 10), (char)('0' + n % 10), 0 };

	print(n < 10 ? digits + 1 : digits);
}

static void result(bool ok, const char *name)
{
	failed |= !ok;
	print(ok ? "ok " : "not ok ");
	print_number(++number);
	print(" - ");
	print(name);
	print("\n");
}

/* --- registers --- */

/* All registers but EAX are as they were. */
static bool hypercall_keeps_registers(void)
{
	uint32_t eax = CELL_HC_INFO, ebx = 0x11111111, ecx = 0x22222222, edx = 0x33333333, edi = CELL_INFO_NUM_CELLS,
		 esi = 0x44444444;

	__asm__ volatile("vmmcall" : "+a"(eax), "+b"(ebx), "+c"(ecx), "+d"(edx), "+D"(edi), "+S"(esi) : : "memory");
	return ebx == 0x11111111 && ecx == 0x22222222 && edx == 0x33333333 && edi == CELL_INFO_NUM_CELLS &&
	       esi == 0x44444444;
}

static void test_hypercalls(uint32_t real_mode_answer)
{
	int32_t cells = hypercall(CELL_HC_INFO, CELL_INFO_NUM_CELLS, 0);

	result(cells >= 2, "a hypercall from 32-bit code");
	result((int32_t)real_mode_answer == cells, "and one from real mode");
	result(hypercall(0x7fff, 0, 0) == -ENOSYS, "an unknown hypercall");
	result(hypercall(CELL_HC_CELL_DESTROY, 0, 0) == -EPERM, "one that is root's");
	result(hypercall_keeps_registers(), "registers are kept");
}

static void test_cpuid(void)
{
	uint32_t eax = CELL_CPUID_SIGNATURE, ebx, ecx = 0, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	result(eax == CELL_CPUID_FEATURES && ebx == CELL_CPUID_EBX && ecx == CELL_CPUID_ECX && edx == CELL_CPUID_EDX,
	       "CPUID has the signature");
}

static void test_msr(void)
{
	uint32_t low, high, eax = 1, ebx, ecx = 0, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_APIC_ID));
	result(low == ebx >> 24 && !high, "the APIC ID by MSR");
}

/* --- trapped memory --- */

/* Loads and stores of several encodings; the comparator, at a fixed address, holds what is written. */
static bool memory_works(uint32_t value)
{
	volatile uint32_t *comparator = (volatile uint32_t *)(HPET_TIMER + 8);
	uint32_t loaded;

	*comparator = value;
	if (*comparator != value)
		return false;
	__asm__ volatile("movl $0x13579bdf, %0" : "=m"(*comparator));
	__asm__ volatile("movl %1, %0" : "=a"(loaded) : "m"(*(volatile uint32_t *)(HPET_TIMER + 8)));
	if (loaded != 0x13579bdf)
		return false;
	__asm__ volatile("movl %1, %0" : "=m"(*comparator) : "a"(value));
	return *comparator == value;
}

static void paging_on(const void *tables, uint32_t cr4_bits)
{
	uint32_t cr0, cr4;

	__asm__ volatile("movl %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("movl %0, %%cr4" : : "r"(cr4 | cr4_bits));
	__asm__ volatile("movl %0, %%cr3" : : "r"(tables) : "memory");
	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("movl %0, %%cr0" : : "r"(cr0 | CR0_PG) : "memory");
}

static void paging_off(uint32_t cr4_bits)
{
	uint32_t cr0, cr4;

	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("movl %0, %%cr0" : : "r"(cr0 & ~CR0_PG) : "memory");
	__asm__ volatile("movl %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("movl %0, %%cr4" : : "r"(cr4 & ~cr4_bits) : "memory");
}

/* One to one: the first 4 MiB by pages of 4 KiB, the registers by one of 4 MiB. */
static bool works_with_two_levels(void)
{
	static uint32_t directory[1024] __attribute__((aligned(4096))), table[1024] __attribute__((aligned(4096)));
	bool ok;

	for (uint32_t i = 0; i < 1024; i++)
		table[i] = i << 12 | PTE_PRESENT_WRITE;
	directory[0] = (uint32_t)table | PTE_PRESENT_WRITE;
	directory[HPET_TIMER >> 22] = (HPET_TIMER & 0xffc00000U) | PTE_LARGE | PTE_PRESENT_WRITE;
	paging_on(directory, CR4_PSE);
	ok = memory_works(0x2468ace0);
	paging_off(CR4_PSE);
	return ok;
}

/* The same with the pages of PAE, of 2 MiB. */
static bool works_with_pae(void)
{
	static uint64_t directories[2][512] __attribute__((aligned(4096))), pointers[4] __attribute__((aligned(32)));
	bool ok;

	directories[0][0] = PTE_LARGE | PTE_PRESENT_WRITE;
	directories[1][HPET_TIMER >> 21 & 511] = (HPET_TIMER & 0xffe00000U) | PTE_LARGE | PTE_PRESENT_WRITE;
	pointers[0] = (uint32_t)directories[0] | 1;
	pointers[HPET_TIMER >> 30] = (uint32_t)directories[1] | 1;
	paging_on(pointers, CR4_PAE);
	ok = memory_works(0x0f1e2d3c);
	paging_off(CR4_PAE);
	return ok;
}

static void test_memory(void)
{
	result(memory_works(0x12345678), "trapped memory without paging");
	result(works_with_two_levels(), "with two levels of page tables");
	result(works_with_pae(), "with those of PAE");
}

void inmate_run(uint32_t real_mode_answer)
{
	print("TAP version 13\n");
	test_hypercalls(real_mode_answer);
	test_cpuid();
	test_msr();
	test_memory();
	print("1..");
	print_number(number);
	print("\n");
	COMM->state = failed ? CELL_STATE_FAILED : CELL_STATE_SHUT_DOWN;
}
