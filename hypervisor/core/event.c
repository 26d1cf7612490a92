// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event ring: the newest events, overwriting the oldest, and the interrupt that announces them.
 *
 * Writers hold ring_lock. A reader in root recognises half-written entries by seq = 0 and lost ones by a gap.
 */
#include <image.h>
#include <hv/arch.h>
#include <hv/event.h>
#include <hv/lock.h>
#include <hv/print.h>
#include <hv/string.h>

#define NO_CPU 0xffffffffU

static struct spinlock ring_lock;
static u64 next_seq = 1;
static u64 announced;
static u32 irq_apic_id, irq_vector;

static void publish(struct hv_event *e)
{
	struct hv_event *slot;

	spin_lock(&ring_lock);
	slot = &event_ring.slot[next_seq % HV_EVENT_SLOTS];
	slot->seq = 0;
	memory_barrier();
	e->seq = 0;
	e->tsc = arch_timestamp();
	memcpy(slot, e, sizeof(*slot));
	memory_barrier();
	slot->seq = next_seq;
	memory_barrier();
	event_ring.last_seq = next_seq++;
	spin_unlock(&ring_lock);
}

static void describe_cell(struct hv_event *e, const struct cell *cell)
{
	e->cell = cell->id;
	e->state = cell_state(cell);
	memcpy(e->name, cell->name, sizeof(e->name));
}

void event_cell(u32 type, const struct cell *cell)
{
	struct hv_event e = { .type = type, .cpu = NO_CPU };

	describe_cell(&e, cell);
	publish(&e);
}

void event_parked(const struct pcpu *cpu, const struct violation *v)
{
	struct hv_event e = {
		.type = HV_EVENT_CPU_PARKED,
		.cpu = cpu->id,
		.cause = v->cause,
		.access = v->access,
		.address = v->address,
	};

	describe_cell(&e, cpu->cell);
	arch_get_regs(cpu, e.regs);
	format(e.text, sizeof(e.text), "%s at 0x%llx", v->what, (unsigned long long)v->address);
	publish(&e);
}

void event_dma(const struct cell *cell, u16 bdf, u64 address, u32 access)
{
	struct hv_event e = {
		.type = HV_EVENT_DMA_FAULT,
		.cpu = NO_CPU,
		.access = access,
		.address = address,
		.bdf = bdf,
	};

	describe_cell(&e, cell);
	format(e.text, sizeof(e.text), "PCI device %02x:%02x.%u: DMA %s 0x%llx is blocked", bdf >> 8, bdf >> 3 & 0x1f,
	       bdf & 7, access & HV_EVENT_WRITE ? "write to" : "read of", (unsigned long long)address);
	publish(&e);
	print("cell %s: %s\n", cell->name, e.text);
}

int refuse(int err, const char *fmt, ...)
{
	struct hv_event e = { .type = HV_EVENT_REFUSED, .cpu = NO_CPU };
	va_list ap;

	va_start(ap, fmt);
	vformat(event_ring.refusal, sizeof(event_ring.refusal), fmt, ap);
	va_end(ap);
	format(e.text, sizeof(e.text), "%s", event_ring.refusal);
	print("refused (%d): %s\n", err, event_ring.refusal);
	publish(&e);
	return err;
}

void event_set_irq(u32 apic_id, u32 vector)
{
	irq_apic_id = apic_id;
	irq_vector = vector;
}

void event_announce(void)
{
	u64 newest = READ_ONCE(event_ring.last_seq);

	if (__atomic_exchange_n(&announced, newest, __ATOMIC_ACQ_REL) != newest && irq_vector)
		arch_raise_irq(irq_apic_id, irq_vector);
}
