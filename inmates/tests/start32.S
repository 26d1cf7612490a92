/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Start-up of a 32-bit inmate: a hypercall from real mode, then flat 32-bit protected mode without paging.
 */
/* Of hypercall.h, which is for C. */
#define CELL_HC_INFO 5
#define CELL_INFO_NUM_CELLS 4

#define CR0_PE 0x00000001
#define CR0_NW_CD 0x60000000
#define MSR_MTRR_DEF_TYPE 0x2ff
#define MTRR_ENABLE 0x800
#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define STACK_TOP 0xf0000

	.section .boot, "ax"
	.code16
	.globl inmate_reset
inmate_reset:
	cli
	cld
	xorl %eax, %eax
	movw %ax, %ds

	/* The cell's memory is uncached until MTRRs are enabled. */
	movl $MSR_MTRR_DEF_TYPE, %ecx
	rdmsr
	orl $MTRR_ENABLE, %eax
	wrmsr

	movl $CELL_HC_INFO, %eax
	movl $CELL_INFO_NUM_CELLS, %edi
	vmmcall
	movl %eax, %ebx

	lgdtl gdt_descriptor
	movl %cr0, %eax
	andl $~CR0_NW_CD, %eax
	orl $CR0_PE, %eax
	movl %eax, %cr0
	ljmpl $SELECTOR_CODE, $start

	.code32
start:
	movl $SELECTOR_DATA, %eax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl $STACK_TOP, %esp
	pushl %ebx			/* argument: what the hypercall answered */
	call inmate_run
0:	cli
	hlt
	jmp 0b

	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* SELECTOR_CODE */
	.quad 0x00cf93000000ffff	/* SELECTOR_DATA */
gdt_descriptor:
	.word . - gdt - 1
	.long gdt

	.section .note.GNU-stack, "", @progbits
