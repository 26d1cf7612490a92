/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trampoline between Linux and the hypervisor: struct hv_image_header in hypervisor/abi/image.h is its contract.
 *
 * Linux executes module text only, the hypervisor its own image only; each side's page tables lack the other's code.
 * This code is mapped at one address by both, so it can switch. All of it lies in one page (checked at the end). GIF is 0
 * (AMD APM vol.2 15.17) as long as page tables and IDT do not belong together: no NMI may find a table that is not mapped.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/nospec-branch.h>

#define CELL_HC_DISABLE 0

.macro PUSH_LINUX
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movl	%ds, %eax
	pushq	%rax
	movl	%es, %eax
	pushq	%rax
.endm

.macro POP_LINUX
	popq	%rcx
	movl	%ecx, %es
	popq	%rcx
	movl	%ecx, %ds
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
.endm

	.text
	.balign 256
trampoline_start:

/* int trampoline_enter(u64 cpu, u64 boot_cr3, u64 entry, u64 stack): 0 as root cell, or natively a negative error */
SYM_FUNC_START(trampoline_enter)
	STACK_FRAME_NON_STANDARD trampoline_enter
	PUSH_LINUX
	movq	%rdx, %rax
	movq	%rsi, %rbx
	movq	%cr3, %r12
	movq	%rsp, %r13
	movq	%r12, %rsi
	movq	%r13, %rdx
	clgi
	movq	%rbx, %cr3
	movq	%rcx, %rsp
	ANNOTATE_RETPOLINE_SAFE
	call	*%rax
	/* The hypervisor declined. */
.Lnative:
	movq	%r12, %cr3
	movq	%r13, %rsp
	stgi
	/* The hypervisor goes on here as well, then with Linux as its guest. */
SYM_INNER_LABEL(trampoline_resume, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	POP_LINUX
	RET
SYM_FUNC_END(trampoline_enter)

/* int trampoline_leave(void): 0 natively, or still as root cell a negative error */
SYM_FUNC_START(trampoline_leave)
	STACK_FRAME_NON_STANDARD trampoline_leave
	PUSH_LINUX
	movq	%cr3, %r12
	movq	%rsp, %r13
	movl	$CELL_HC_DISABLE, %eax
	vmmcall
	testl	%eax, %eax
	jz	.Lnative
	/* Still root cell. */
	POP_LINUX
	RET
SYM_FUNC_END(trampoline_leave)

	/* Fails to assemble if the code is longer, and so might straddle a page. */
	.org	trampoline_start + 256, 0xcc
