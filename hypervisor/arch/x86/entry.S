/* SPDX-License-Identifier: GPL-2.0-only */
/* Image header, the way in from Linux, the round between guest and hypervisor, and our exception stubs. */

	.section .header, "a"
	.globl image_header
image_header:
	.ascii "CELLDHV1"
	.quad image_core_size		/* these are computed in image.lds */
	.quad image_file_size
	.quad 0x10000			/* HV_BLOCK_SIZE */
	.quad image_entry
	.quad 0xfffffc0000000000	/* HV_BASE */
	.quad image_console
	.quad image_events
	.skip 4 * 8 + 2 * 4		/* filled in by the module */

	.text
/*
 * entry - see struct hv_image_header. RDI: CPU, RSI: CR3 of Linux, RDX: RSP of Linux; GIF = 0, boot page tables, our
 * stack. The stack protector's guard is set before the first C function.
 */
	.globl entry
entry:
	mov image_header + 88(%rip), %rax
	mov %rax, __stack_chk_guard(%rip)
	sub $8, %rsp
	call svm_enter
	add $8, %rsp
	ret

/*
 * vcpu_run - enter the guest with zeroed registers. The CPU's block is 64 KiB aligned: VMCB in its second page, host part
 * for VMLOAD in its fourth; the physical address is the virtual one plus host_phys_offset. The guest's registers
 * (struct vcpu_regs) are at the top of the stack whenever we run.
 */
	.globl vcpu_run
vcpu_run:
	or $0xffff, %rsp
	inc %rsp
	mov $16, %ecx
3:	push $0
	loop 3b
	jmp 2f

1:	mov %rsp, %rdi
	call svm_handle_exit
2:	mov %rsp, %rax
	and $~0xffff, %rax
	add $0x1000, %rax
	add host_phys_offset(%rip), %rax
	vmload %rax
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	add $8, %rsp			/* RSP is in the VMCB */
	pop %rbx
	pop %rdx
	pop %rcx
	add $8, %rsp			/* so is RAX */
	vmrun %rax
	sub $8, %rsp
	push %rcx
	push %rdx
	push %rbx
	sub $8, %rsp
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	vmsave %rax			/* VMRUN kept our RAX: the VMCB's address */
	add $0x2000, %rax
	vmload %rax			/* our TR, for the IST */
	cld
	jmp 1b

/* native_resume - RDI: struct vcpu_regs, RSI: where to. */
	.globl native_resume
native_resume:
	mov 2 * 8(%rdi), %r13
	mov 3 * 8(%rdi), %r12
	xor %eax, %eax
	jmp *%rsi

/* One stub of 16 bytes per exception: make all frames alike, then go to the common part. The last is for interrupts. */
	.balign 16
	.globl exception_stubs
exception_stubs:
vector = 0
	.rept 33
	.balign 16
	.if vector == 2
	iretq				/* NMI: only to leave a guest or HLT */
	.elseif vector >= 32
	jmp acknowledge
	.else
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	push $0
	.endif
	push $vector
	jmp die
	.endif
vector = vector + 1
	.endr

/* Stack: vector, error code, RIP, CS, RFLAGS, RSP, SS. */
die:	pop %rdi
	pop %rsi
	mov (%rsp), %rdx
	mov 24(%rsp), %rcx
	and $~15, %rsp
	call exception_panic
	ud2

/* An interrupt that was pending in the APIC when a guest's CPU was reset. */
acknowledge:
	push %rax
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	sub $8, %rsp
	call apic_eoi
	add $8, %rsp
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rax
	iretq

	.section .note.GNU-stack, "", @progbits
