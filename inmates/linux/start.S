/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Start-up of the Linux loader: notes the APIC ID of each CPU of the cell, parks all but the first to come, and takes
 * that one to 64-bit mode with the low 4 GiB mapped one to one.
 *
 * A parked CPU has interrupts off and waits for the INIT and SIPI of the kernel.
 */
#define CR0_PE 0x00000001
#define CR0_NW_CD 0x60000000
#define CR0_PG 0x80000000
#define CR4_PAE 0x20
#define MSR_MTRR_DEF_TYPE 0x2ff
#define MTRR_ENABLE 0x800
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define PTE_PRESENT_WRITE 0x03
#define PTE_LARGE 0x80

/* The segments that the kernel wants to be entered with (Documentation/x86/boot.rst "64-bit BOOT PROTOCOL"). */
#define SELECTOR_CODE32 0x08
#define SELECTOR_CODE64 0x10
#define SELECTOR_DATA 0x18

#define BOOT_PARAMS 0x1000
#define MAX_CPUS 255
#define TABLES 4 /* page directories, 1 GiB each */
#define STACK_BYTES 0x1000

	.section .boot, "ax"
	.code16
	.globl loader_reset
loader_reset:
	cli
	cld
	xorl %eax, %eax
	movw %ax, %ds

	/* The cell's memory is uncached until MTRRs are enabled, and INIT does not change that. */
	movl $MSR_MTRR_DEF_TYPE, %ecx
	rdmsr
	orl $MTRR_ENABLE, %eax
	wrmsr

	movl $1, %eax			/* APIC ID: CPUID 1, EBX[31:24] (Intel SDM "CPUID"; AMD APM vol.3 E.3.2) */
	cpuid
	shrl $24, %ebx
	movl $1, %esi
	lock xaddl %esi, next_cpu	/* 0: first CPU */
	cmpl $MAX_CPUS, %esi
	jae 0f
	movb %bl, loader_apic_ids(%esi)
	lock incl loader_cpus
	testl %esi, %esi
	jz 1f
0:	hlt
	jmp 0b

1:	lgdtl gdt_descriptor
	movl %cr0, %eax
	andl $~CR0_NW_CD, %eax
	orl $CR0_PE, %eax
	movl %eax, %cr0
	ljmpl $SELECTOR_CODE32, $start32

	.code32
start32:
	movl $SELECTOR_DATA, %eax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw %ax, %fs
	movw %ax, %gs

	movl $__bss_start, %edi
	movl $__bss_end, %ecx
	subl %edi, %ecx
	shrl $2, %ecx
	xorl %eax, %eax
	rep stosl

	movl $pdpt + PTE_PRESENT_WRITE, pml4
	movl $pds + PTE_PRESENT_WRITE, %eax
	xorl %ecx, %ecx
2:	movl %eax, pdpt(, %ecx, 8)
	addl $0x1000, %eax
	incl %ecx
	cmpl $TABLES, %ecx
	jne 2b
	movl $(PTE_LARGE | PTE_PRESENT_WRITE), %eax
	xorl %ecx, %ecx
3:	movl %eax, pds(, %ecx, 8)
	addl $0x200000, %eax
	incl %ecx
	cmpl $TABLES * 512, %ecx
	jne 3b

	/* order as of AMD APM vol.2 14.6.1 */
	movl %cr4, %eax
	orl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME, %eax
	wrmsr
	movl %cr0, %eax
	orl $CR0_PG, %eax
	movl %eax, %cr0
	ljmpl $SELECTOR_CODE64, $start64

	.code64
start64:
	movl $stack + STACK_BYTES, %esp
	xorl %ebp, %ebp
	call loader_prepare
	xorl %edi, %edi
	movl $BOOT_PARAMS, %esi
	jmp *%rax

/* 16-bit code reaches these, so they are no BSS. */
	.balign 8
gdt:					/* accessed bits are set, so the CPU never writes here */
	.quad 0
	.quad 0x00cf9b000000ffff	/* SELECTOR_CODE32 */
	.quad 0x00af9b000000ffff	/* SELECTOR_CODE64 */
	.quad 0x00cf93000000ffff	/* SELECTOR_DATA */
gdt_descriptor:
	.word . - gdt - 1
	.long gdt
	.balign 4
next_cpu:
	.long 0
	.globl loader_cpus, loader_apic_ids
loader_cpus:				/* entries of loader_apic_ids that are valid */
	.long 0
loader_apic_ids:
	.fill MAX_CPUS, 1, 0

	.bss
	.balign 0x1000
pml4:	.skip 0x1000
pdpt:	.skip 0x1000
pds:	.skip TABLES * 0x1000
stack:	.skip STACK_BYTES

	.section .note.GNU-stack, "", @progbits
