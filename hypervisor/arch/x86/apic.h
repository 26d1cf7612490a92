/* SPDX-License-Identifier: GPL-2.0-only */
/* Local APIC: our own use of it, and the moderation of what guests write to it. */
#ifndef X86_APIC_H
#define X86_APIC_H

#include <hv/cell.h>
#include <hv/event.h>

#define XAPIC_BASE 0xfee00000UL

/* Registers by x2APIC number; the xAPIC offset is number << 4 (AMD APM vol.2 16.3.2). */
#define APIC_ID 0x02
#define APIC_TPR 0x08
#define APIC_EOI 0x0b
#define APIC_LDR 0x0d
#define APIC_DFR 0x0e
#define APIC_SVR 0x0f
#define APIC_ISR 0x10
#define APIC_IRR 0x20
#define APIC_ESR 0x28
#define APIC_LVT_CMCI 0x2f
#define APIC_ICR 0x30
#define APIC_ICR_HIGH 0x31
#define APIC_LVT_TIMER 0x32
#define APIC_LVT_THERMAL 0x33
#define APIC_LVT_PERF 0x34
#define APIC_LVT_LINT0 0x35
#define APIC_LVT_LINT1 0x36
#define APIC_LVT_ERROR 0x37
#define APIC_TIMER_INITIAL 0x38
#define APIC_TIMER_CURRENT 0x39
#define APIC_TIMER_DIVIDE 0x3e
#define APIC_SELF_IPI 0x3f
#define APIC_LVT_EXTENDED 0x50 /**< to 0x53, of AMD: APM vol.2 16.3.2, Extended Interrupt [3:0] LVT */

/** apic_init() - find the mode, map the registers; first CPU. 0, -EIO, -ENOMEM */
int apic_init(void);
/** apic_init_cpu() - learn this CPU's APIC ID. 0, -EIO, -ERANGE, -EBUSY */
int apic_init_cpu(struct pcpu *cpu);
/**
 * apic_init_cell() - xAPIC: let the cell read the APIC page, its writes trap; x2APIC: nobody has the page
 *
 * Context: after the cell's regions were mapped. Return: 0 or -ENOMEM.
 */
int apic_init_cell(struct cell *cell);
bool apic_x2apic(void); /**< the machine runs x2APIC */

/**
 * apic_narrow() - leave only a cell's CPUs in the destination of a device's interrupt
 * @dest: APIC ID, or a mask of CPUs if @logical, under x2APIC with the number of their cluster above
 *
 * Return: false if none is left.
 */
bool apic_narrow(const struct cell *cell, bool logical, u32 *dest);

/** apic_send_nmi(), apic_send_irq() - from this CPU; ICR high of the guest is kept */
void apic_send_nmi(u32 apic_id);
void apic_send_irq(u32 apic_id, u32 vector);

/**
 * apic_send_message() - send the CPUs of a cell what a device would by a message-signalled interrupt
 * @dest: as left by apic_narrow()
 * @data: vector, delivery mode fixed or lowest priority, which takes the first CPU
 *
 * What no vector is, is not sent: this CPU would have to answer for it (Intel SDM, "Error Handling" of the local APIC).
 */
void apic_send_message(const struct cell *cell, u32 dest, bool logical, u32 data);

/** apic_clear() - this CPU's APIC as after reset: masked, drained, software disabled (abi 6.1) */
void apic_clear(void);
/** apic_eoi() - end of an interrupt that we took ourselves while draining; from entry.S */
void apic_eoi(void);

/**
 * apic_guest_write() - a trapped write to a register
 * @cpu: this CPU
 * @reg: x2APIC number
 * @value: x2APIC ICR: 64 bits; else 32
 * @x2apic: came by MSR
 * @v: filled in on violation
 *
 * Return: true if done or rightly ignored, false for a violation.
 */
bool apic_guest_write(struct pcpu *cpu, u32 reg, u64 value, bool x2apic, struct violation *v);

/** apic_msr_readable(), apic_msr_writable() - registers that the x2APIC emulation offers on an xAPIC machine */
bool apic_msr_readable(u32 reg);
bool apic_msr_writable(u32 reg);
/** apic_guest_msr_read() - emulated read; @reg is readable */
u64 apic_guest_msr_read(u32 reg);

#endif
