/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Interrupts and exceptions.
 */
#ifndef INMATE_INTERRUPTS_H
#define INMATE_INTERRUPTS_H

#include "types.h"

/** struct interrupt_frame - state of the interrupted code, in the order in which vectors.S pushes it */
struct interrupt_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector;
	u64 error; /**< 0 where the exception has none */
	u64 rip, cs, rflags, rsp, ss;
};

/** typedef irq_handler - interrupt handler. Context: interrupts off; EOI follows */
typedef void (*irq_handler)(void);

/** typedef exception_handler - may change @frame. Return: true to go on with it, false if not handled */
typedef bool (*exception_handler)(struct interrupt_frame *frame);

/** interrupts_init - load IDT and TSS on this CPU. The first call also fills the IDT. */
void interrupts_init(void);

/** interrupts_stray - how many interrupts nobody has asked for, on all CPUs; spurious ones count */
u32 interrupts_stray(void);

/** irq_handler_set - call @handler for @vector (32 to 254); NULL: only EOI */
void irq_handler_set(u8 vector, irq_handler handler);

/**
 * exception_handler_set - ask @handler first when exception @vector (0 to 31) occurs
 *
 * Without a handler, or if it returns false, registers are printed, the cell becomes "failed" and the CPU halts.
 */
void exception_handler_set(u8 vector, exception_handler handler);

#endif
