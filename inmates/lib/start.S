/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Start-up: from the reset state of a cell's CPU, 16-bit code at address 0, to C code in 64-bit mode.
 *
 * All CPUs of the cell come here at once. Whoever claims the inmate goes on; the others note their APIC ID and park.
 * A parked CPU comes here again by INIT and SIPI once smp_entry is set, and then goes on, too.
 */
#include "layout.h"

#define CR0_PE 0x00000001
#define CR0_NE 0x00000020
#define CR0_WP 0x00010000
#define CR0_NW_CD 0x60000000
#define CR0_PG 0x80000000
#define CR4_PAE 0x20
#define MSR_MTRR_DEF_TYPE 0x2ff
#define MTRR_ENABLE 0x800
#define MSR_EFER 0xc0000080
#define EFER_LME_NXE 0x900
#define PTE_PRESENT_WRITE 3

/* Page 0: 16-bit code, not accessible any more once paging_init() is done. */
	.section .boot, "ax"
	.code16
	.globl inmate_reset
inmate_reset:
	cli
	cld
	xorl %eax, %eax
	movw %ax, %ds
	incl %eax
	xchgl %eax, boot_claimed
	movl %eax, %esi			/* 0: first CPU */
	testl %eax, %eax
	jz 1f
	cmpl $0, smp_entry
	jne 1f

	movl $1, %eax			/* APIC ID: CPUID 1, EBX[31:24] (Intel SDM "CPUID"; AMD APM vol.3 E.3.2) */
	cpuid
	shrl $24, %ebx
	lock btsl %ebx, smp_parked
0:	hlt
	jmp 0b

1:	lgdtl boot_gdt_descriptor
	movl %cr0, %eax
	andl $~CR0_NW_CD, %eax
	orl $CR0_PE, %eax
	movl %eax, %cr0
	ljmpl $SELECTOR_CODE32, $start32

/* The loader puts the command line here, after the image. */
	.section .cmdline, "aw"
	.globl boot_cmdline
boot_cmdline:
	.fill 256, 1, 0

/* Variables that 16-bit code reaches and that must not be cleared with BSS. */
	.section .lowdata, "aw"
	.balign 8
	.globl smp_entry, smp_parked
smp_entry:
	.quad 0
smp_parked:				/* bit n: CPU with APIC ID n waits */
	.fill 256 / 8, 1, 0
boot_claimed:
	.long 0
smp_next_cpu:
	.long 1
boot_gdt_descriptor:
	.word gdt_end - gdt - 1
	.long gdt

	.text
	.code32
start32:
	movl $SELECTOR_DATA, %eax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	xorl %eax, %eax
	movw %ax, %fs
	movw %ax, %gs

	/* The cell's memory is uncached until MTRRs are enabled. */
	movl $MSR_MTRR_DEF_TYPE, %ecx
	rdmsr
	orl $MTRR_ENABLE, %eax
	wrmsr

	testl %esi, %esi
	jnz enable_paging

	movl $__bss_start, %edi
	movl $__bss_end, %ecx
	subl %edi, %ecx
	shrl $2, %ecx
	xorl %eax, %eax
	rep stosl

	/* Identity mapping of the first 2 MiB in 4 KiB pages. */
	movl $paging_pdpt + PTE_PRESENT_WRITE, paging_pml4
	movl $paging_pd + PTE_PRESENT_WRITE, paging_pdpt
	movl $paging_low + PTE_PRESENT_WRITE, paging_pd
	movl $PTE_PRESENT_WRITE, %eax
	xorl %ecx, %ecx
2:	movl %eax, paging_low(, %ecx, 8)
	addl $0x1000, %eax
	incl %ecx
	cmpl $512, %ecx
	jne 2b

enable_paging:				/* order as of AMD APM vol.2 14.6.1 */
	movl %cr4, %eax
	orl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $paging_pml4, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME_NXE, %eax
	wrmsr
	movl %cr0, %eax
	orl $(CR0_PG | CR0_WP | CR0_NE), %eax
	movl %eax, %cr0
	ljmpl $SELECTOR_CODE64, $start64

	.code64
start64:
	xorl %edi, %edi
	testl %esi, %esi
	jz 3f
	movl $1, %edi
	lock xaddl %edi, smp_next_cpu
	cmpl $LAYOUT_CPUS, %edi
	jae 5f
3:	movl %edi, %eax			/* CPU number, first argument of both functions */
	imull $LAYOUT_CPU_BYTES, %eax, %eax
	leaq cpu_blocks + LAYOUT_STACK_TOP(%rax), %rsp
	xorl %ebp, %ebp
	testl %esi, %esi
	jnz 4f
	call inmate_start
	jmp 5f
4:	call smp_secondary
5:	cli
	hlt
	jmp 5b

	.data
	.balign 16
	.globl gdt
gdt:					/* accessed bits are set, so the CPU never writes here but for TSS */
	.quad 0
	.quad 0x00cf9b000000ffff	/* SELECTOR_CODE32 */
	.quad 0x00cf93000000ffff	/* SELECTOR_DATA */
	.quad 0x00af9b000000ffff	/* SELECTOR_CODE64 */
	.fill 2 * LAYOUT_CPUS, 8, 0	/* SELECTOR_TSS */
gdt_end:

	.section .note.GNU-stack, "", @progbits
