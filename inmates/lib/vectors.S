/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Entry stubs of all 256 interrupt vectors: push what struct interrupt_frame says, call interrupt_dispatch().
 */

/* Exceptions that push an error code: 8, 10-14, 17, 21, 29, 30 (AMD APM vol.2 8.2, Intel SDM "Error Code"). */
#define HAS_ERROR_CODE 0x60227d00

	.text
	.balign 16
	.globl interrupt_stubs
interrupt_stubs:
	vector = 0
	.rept 256
	.balign 16
	.if (vector >= 32) || ((HAS_ERROR_CODE >> (vector & 31)) & 1) == 0
	pushq $0
	.endif
	pushq $vector
	jmp interrupt_common
	vector = vector + 1
	.endr

interrupt_common:
	pushq %rax
	pushq %rbx
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %rbp
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	movq %rsp, %rbx			/* survives the call */
	andq $~15, %rsp
	call interrupt_dispatch
	movq %rbx, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rbp
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rbx
	popq %rax
	addq $16, %rsp			/* vector, error code */
	iretq

	.section .note.GNU-stack, "", @progbits
