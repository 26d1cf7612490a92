/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Interrupts and exceptions: IDT, TSS of each CPU, dispatch, and the dump when nobody handles an exception.
 */
#include "inmate/apic.h"
#include "inmate/asm.h"
#include "inmate/cell.h"
#include "inmate/interrupts.h"
#include "inmate/printk.h"
#include "inmate/smp.h"
#include "layout.h"
#include "memory.h"

#define NUM_VECTORS 256
#define NUM_EXCEPTIONS 32
#define STUB_BYTES 16
#define VECTOR_DOUBLE_FAULT 8
#define GATE_INTERRUPT64 0x8e00 /* present, DPL 0 (AMD APM vol.2 4.8.4) */
#define TSS_AVAILABLE64 0x89	/* present, DPL 0 (AMD APM vol.2 4.8.3) */

struct gate {
	u16 offset_low;
	u16 selector;
	u16 type; /* bits 2:0: interrupt stack */
	u16 offset_mid;
	u32 offset_high;
	u32 reserved;
};

/* AMD APM vol.2 12.2.5 */
struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3;
	u16 io_map;
} __attribute__((packed));

struct descriptor_pointer {
	u16 limit;
	u64 base;
} __attribute__((packed));

extern u64 gdt[];
extern const u8 interrupt_stubs[];

static struct gate idt[NUM_VECTORS];
static struct tss tss[SMP_MAX_CPUS];
static irq_handler irq_handlers[NUM_VECTORS];
static u32 stray;
static exception_handler exception_handlers[NUM_EXCEPTIONS];

static const char *const exception_names[NUM_EXCEPTIONS] = {
	[0] = "divide error",
	[1] = "debug",
	[2] = "NMI",
	[3] = "breakpoint",
	[4] = "overflow",
	[5] = "bound range",
	[6] = "invalid opcode",
	[7] = "device not available",
	[8] = "double fault",
	[10] = "invalid TSS",
	[11] = "segment not present",
	[12] = "stack fault",
	[13] = "general protection",
	[14] = "page fault",
	[16] = "x87 error",
	[17] = "alignment check",
	[18] = "machine check",
	[19] = "SIMD error",
	[21] = "control protection",
};

void interrupt_dispatch(struct interrupt_frame *frame);

static void dump(const struct interrupt_frame *f)
{
	const char *name = exception_names[f->vector];

	printk("exception %llu (%s), error code 0x%llx on CPU %u\n", (unsigned long long)f->vector,
	       name ? name : "reserved", (unsigned long long)f->error, smp_cpu());
#define REG(x) ((unsigned long long)(x))
	printk("RIP %016llx CS  %04llx FLAGS %08llx\n", REG(f->rip), REG(f->cs), REG(f->rflags));
	printk("RSP %016llx CR2 %016llx CR3 %016llx\n", REG(f->rsp), REG(read_cr2()), REG(read_cr3()));
	printk("RAX %016llx RBX %016llx RCX %016llx\n", REG(f->rax), REG(f->rbx), REG(f->rcx));
	printk("RDX %016llx RSI %016llx RDI %016llx\n", REG(f->rdx), REG(f->rsi), REG(f->rdi));
	printk("RBP %016llx R8  %016llx R9  %016llx\n", REG(f->rbp), REG(f->r8), REG(f->r9));
	printk("R10 %016llx R11 %016llx R12 %016llx\n", REG(f->r10), REG(f->r11), REG(f->r12));
	printk("R13 %016llx R14 %016llx R15 %016llx\n", REG(f->r13), REG(f->r14), REG(f->r15));
#undef REG
}

static void exception(struct interrupt_frame *frame)
{
	exception_handler handler = exception_handlers[frame->vector];
	static bool failing;

	if (handler && handler(frame))
		return;
	/* An exception while dumping must not dump again. */
	if (!__atomic_exchange_n(&failing, true, __ATOMIC_RELAXED))
		dump(frame);
	cell_stop(CELL_STATE_FAILED);
}

/** interrupt_dispatch - called by vectors.S for every vector, interrupts off */
void interrupt_dispatch(struct interrupt_frame *frame)
{
	if (frame->vector < NUM_EXCEPTIONS) {
		exception(frame);
		return;
	}
	if (irq_handlers[frame->vector])
		irq_handlers[frame->vector]();
	else
		__atomic_fetch_add(&stray, 1, __ATOMIC_RELAXED);
	/* A spurious interrupt is not in service (Intel SDM "Spurious Interrupt"). */
	if (frame->vector != APIC_SPURIOUS_VECTOR)
		apic_eoi();
}

static void idt_init(void)
{
	for (unsigned int i = 0; i < NUM_VECTORS; i++) {
		u64 stub = (u64)interrupt_stubs + (u64)i * STUB_BYTES;

		idt[i] = (struct gate){
			.offset_low = (u16)stub,
			.selector = SELECTOR_CODE64,
			.type = GATE_INTERRUPT64 | (i == VECTOR_DOUBLE_FAULT),
			.offset_mid = (u16)(stub >> 16),
			.offset_high = (u32)(stub >> 32),
		};
	}
}

static void tss_init(unsigned int cpu)
{
	u64 base = (u64)&tss[cpu];
	u64 *descriptor = gdt + SELECTOR_TSS / sizeof(*gdt) + 2 * cpu;
	u16 selector = (u16)(SELECTOR_TSS + 16 * cpu);

	tss[cpu].ist[0] = (u64)cpu_blocks + (u64)(cpu + 1) * LAYOUT_CPU_BYTES;
	tss[cpu].io_map = sizeof(tss[cpu]);
	descriptor[0] = (sizeof(tss[cpu]) - 1) | (base & 0xffffff) << 16 | (u64)TSS_AVAILABLE64 << 40 |
			(base >> 24 & 0xff) << 56;
	descriptor[1] = base >> 32;
	__asm__ volatile("ltr %0" : : "r"(selector) : "memory");
}

void interrupts_init_cpu(unsigned int cpu)
{
	struct descriptor_pointer pointer = { .limit = sizeof(idt) - 1, .base = (u64)idt };

	tss_init(cpu);
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

void interrupts_init(void)
{
	idt_init();
	interrupts_init_cpu(0);
}

u32 interrupts_stray(void)
{
	return __atomic_load_n(&stray, __ATOMIC_RELAXED);
}

void irq_handler_set(u8 vector, irq_handler handler)
{
	irq_handlers[vector] = handler;
}

void exception_handler_set(u8 vector, exception_handler handler)
{
	if (vector < NUM_EXCEPTIONS)
		exception_handlers[vector] = handler;
}
