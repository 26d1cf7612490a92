// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happened: drains the hypervisor's event ring into netlink events, and adds the module's own.
 *
 * User space sees one sequence of numbers over both sources. A number is skipped where the ring overran, which makes
 * readers dump the state again. Reading the ring late or twice does no harm, so everybody who may have caused an
 * event drains, not only the interrupt.
 */
#include "kmod.h"

#include <linux/compiler.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <asm/barrier.h>

/* All under cells_lock. */
static u64 seq;	     /* number of the newest event sent */
static u64 position; /* number of the newest ring entry read */
static u64 refusals; /* ring entries that told of a refusal */
static char last_error[sizeof(((struct hv_event_ring *)0)->refusal)];

/* kcell.parked_cpu, kcell.regs; a leaf. */
static DEFINE_SPINLOCK(registers_lock);

static const char *const register_names[] = {
	"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",	   "r8",  "r9",
	"r10", "r11", "r12", "r13", "r14", "r15", "rip", "rflags", "cr0", "cr3",
};

/* Indexed by enum hv_event_type. */
static const u32 event_of_ring[] = {
	[HV_EVENT_CREATED] = JAILHOUSE_EVENT_CREATED,	    [HV_EVENT_STARTED] = JAILHOUSE_EVENT_STARTED,
	[HV_EVENT_LOADABLE] = JAILHOUSE_EVENT_LOADABLE,	    [HV_EVENT_DESTROYED] = JAILHOUSE_EVENT_DESTROYED,
	[HV_EVENT_CPU_PARKED] = JAILHOUSE_EVENT_CPU_PARKED, [HV_EVENT_CELL_FAILED] = JAILHOUSE_EVENT_FAILED,
	[HV_EVENT_DMA_FAULT] = JAILHOUSE_EVENT_DMA_FAULT,
};

/* Keep what only root may see: of the first CPU, as others mostly follow from its fault. */
static void event_keep_registers(struct kcell *kc, const struct hv_event *e)
{
	spin_lock(&registers_lock);
	if (e->type == HV_EVENT_STARTED) {
		kc->parked_cpu = ~0U;
	} else if (kc->parked_cpu == ~0U) {
		kc->parked_cpu = e->cpu;
		memcpy(kc->regs, e->regs, sizeof(kc->regs));
	}
	spin_unlock(&registers_lock);
}

static void event_handle(struct hv_event *e)
{
	struct kcell *kc;

	e->name[sizeof(e->name) - 1] = 0;
	e->text[sizeof(e->text) - 1] = 0;
	/* Refusals are sent by whoever made the call, with the full text. */
	if (e->type == HV_EVENT_REFUSED) {
		refusals++;
		return;
	}
	if (e->type >= ARRAY_SIZE(event_of_ring) || !event_of_ring[e->type])
		return;
	list_for_each_entry (kc, &hv.cells, link) {
		if (kcell_id(kc) != e->cell)
			continue;
		if (e->type == HV_EVENT_CPU_PARKED || e->type == HV_EVENT_STARTED)
			event_keep_registers(kc, e);
		if (e->type != HV_EVENT_CPU_PARKED)
			kc->seen_state = e->state;
	}
	netlink_event(++seq, event_of_ring[e->type], e, e->text);
}

/* Copy entry @number, unless the hypervisor has reused its slot. */
static bool event_copy(u64 number, struct hv_event *e)
{
	const struct hv_event *slot = &hv.events->slot[number % HV_EVENT_SLOTS];

	if (slot->seq != number)
		return false;
	smp_rmb();
	memcpy(e, slot, sizeof(*e));
	smp_rmb();
	return slot->seq == number;
}

/** event_drain_locked - send what the ring holds; Context: cells_lock */
void event_drain_locked(void)
{
	struct hv_event e;
	u64 newest;

	if (!hv.events)
		return;
	for (newest = hv.events->last_seq; position < newest; newest = hv.events->last_seq) {
		smp_rmb();
		if (newest - position > HV_EVENT_SLOTS) {
			position = newest - HV_EVENT_SLOTS;
			seq++;
		} else if (event_copy(++position, &e)) {
			event_handle(&e);
		} else {
			seq++;
		}
	}
}

/** event_drain - send what the ring holds; Context: process */
void event_drain(void)
{
	mutex_lock(&cells_lock);
	event_drain_locked();
	mutex_unlock(&cells_lock);
}

/** event_attach - start with an empty ring; Context: before the hypervisor runs */
void event_attach(void)
{
	mutex_lock(&cells_lock);
	position = 0;
	mutex_unlock(&cells_lock);
}

/** event_send - send an event of the module's own that is about no cell, and all that came before */
void event_send(u32 event)
{
	mutex_lock(&cells_lock);
	event_drain_locked();
	netlink_event(++seq, event, NULL, NULL);
	mutex_unlock(&cells_lock);
}

/** event_send_state - the cell has written @state into its state word; Context: cells_lock */
void event_send_state(struct kcell *kc, u32 state)
{
	struct hv_event e = {
		.cell = kcell_id(kc),
		.state = state,
		.cpu = ~0U,
	};

	kc->seen_state = state;
	strscpy(e.name, kcell_name(kc), sizeof(e.name));
	netlink_event(++seq, JAILHOUSE_EVENT_STATE, &e, NULL);
}

/** event_seq - Return: number of the newest event; Context: cells_lock */
u64 event_seq(void)
{
	return seq;
}

/** event_refusals - Return: a mark for refused(), taken before the call; Context: process */
u64 event_refusals(void)
{
	u64 n;

	mutex_lock(&cells_lock);
	event_drain_locked();
	n = refusals;
	mutex_unlock(&cells_lock);
	return n;
}

/**
 * refuse - tell why a request of user space is not carried out: log, last_error, event
 * @err: negative error
 * @fmt: one line without newline
 *
 * Context: process, without cells_lock.
 * Return: @err
 */
int refuse(int err, const char *fmt, ...)
{
	va_list args;

	mutex_lock(&cells_lock);
	va_start(args, fmt);
	vscnprintf(last_error, sizeof(last_error), fmt, args);
	va_end(args);
	pr_err("%s\n", last_error);
	event_drain_locked();
	netlink_event(++seq, JAILHOUSE_EVENT_REFUSED, NULL, last_error);
	mutex_unlock(&cells_lock);
	return err;
}

/**
 * refused - the same after a hypercall, in the hypervisor's words if it left any
 * @err: negative error, the hypercall's answer
 * @before: event_refusals() before the call
 * @what: the call
 * @name: of the cell
 *
 * Return: @err
 */
int refused(int err, u64 before, const char *what, const char *name)
{
	char text[sizeof(last_error)];

	if (event_refusals() != before) {
		strscpy(text, hv.events->refusal, sizeof(text));
		return refuse(err, "%s", text);
	}
	return refuse(err, "cell %s: %s refused (%d)", name, what, err);
}

/** event_last_error - Return: bytes of the newest text of refuse() in @buf, with newline; 0 if there is none */
ssize_t event_last_error(char *buf, size_t size)
{
	ssize_t len = 0;

	mutex_lock(&cells_lock);
	if (last_error[0])
		len = scnprintf(buf, size, "%s\n", last_error);
	mutex_unlock(&cells_lock);
	return len;
}

/**
 * event_registers - what the first CPU of the cell held that was parked since its start
 * @kc: the cell
 * @buf: a page
 *
 * Return: bytes in @buf; 0 if there is none.
 */
ssize_t event_registers(struct kcell *kc, char *buf)
{
	u64 regs[ARRAY_SIZE(register_names)];
	ssize_t len;
	u32 cpu;
	int i;

	BUILD_BUG_ON(sizeof(regs) != sizeof(kc->regs));
	spin_lock(&registers_lock);
	cpu = kc->parked_cpu;
	memcpy(regs, kc->regs, sizeof(regs));
	spin_unlock(&registers_lock);
	if (cpu == ~0U)
		return 0;
	len = sysfs_emit(buf, "cpu=%u", cpu);
	for (i = 0; i < ARRAY_SIZE(regs); i++)
		len += sysfs_emit_at(buf, len, " %s=0x%llx", register_names[i], regs[i]);
	return len + sysfs_emit_at(buf, len, "\n");
}
