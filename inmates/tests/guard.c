/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls that survive exceptions: what the caller expects to keep is on a stack that is found again, whatever happened.
 */
#include "guard.h"
#include "inmate/interrupts.h"

#define RFLAGS_FIXED 2
#define VECTOR_NMI 2
#define VECTOR_DOUBLE_FAULT 8
#define NUM_EXCEPTIONS 32

static volatile u64 exception;

u64 guarded_call(u64 (*call)(const void *argument), const void *argument);
extern const u8 guarded_out[];

__asm__(".text\n"
	".globl guarded_call, guarded_out\n"
	"guarded_call:\n"
	"	push %rbx\n"
	"	push %rbp\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	mov %rsp, guarded_stack\n"
	"	call *%rax\n"
	"guarded_out:\n"
	"	mov guarded_stack, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbp\n"
	"	pop %rbx\n"
	"	cld\n"
	"	ret\n"
	".bss\n"
	".balign 8\n"
	"guarded_stack: .quad 0\n"
	".text\n");

static bool leave(struct interrupt_frame *frame)
{
	exception = frame->vector;
	frame->rip = (u64)guarded_out;
	frame->rflags = RFLAGS_FIXED;
	return true;
}

void guard_init(void)
{
	for (u8 vector = 0; vector < NUM_EXCEPTIONS; vector++)
		if (vector != VECTOR_NMI && vector != VECTOR_DOUBLE_FAULT)
			exception_handler_set(vector, leave);
}

u64 guard(u64 (*call)(const void *argument), const void *argument, u64 *ret_exception)
{
	u64 result;

	exception = GUARD_NO_EXCEPTION;
	result = guarded_call(call, argument);
	*ret_exception = exception;
	return result;
}
