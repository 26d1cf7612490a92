// SPDX-License-Identifier: GPL-2.0-only
/* Event ring: numbering, contents, overwriting, several writers, and when root is interrupted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fake.h>
#include <image.h>
#include <hv/arch.h>
#include <hv/string.h>

static void boot(void)
{
	assert_int_equal(fake_boot(&fake_root), 0);
}

static const struct hv_event *event(u64 seq)
{
	const struct hv_event *e = &event_ring.slot[seq % HV_EVENT_SLOTS];

	assert_int_equal(e->seq, seq);
	return e;
}

static s64 job_event(struct pcpu *cpu, const u64 args[3])
{
	event_cell(args[0], cpu->cell);
	return 0;
}

static s64 job_announce(struct pcpu *cpu, const u64 args[3])
{
	(void)cpu;
	(void)args;
	event_announce();
	return 0;
}

static s64 job_refuse(struct pcpu *cpu, const u64 args[3])
{
	return refuse((int)args[0], "%s on CPU %u", (const char *)args[1], cpu->id);
}

static void test_empty(void **state)
{
	(void)state;
	boot();
	assert_int_equal(event_ring.last_seq, 0);
}

static void test_contents(void **state)
{
	const struct hv_event *first, *second;

	(void)state;
	boot();
	fake_call(0, job_event, HV_EVENT_STARTED, 0, 0);
	fake_call(1, job_event, HV_EVENT_LOADABLE, 0, 0);
	assert_int_equal(event_ring.last_seq, 2);
	first = event(1);
	second = event(2);
	assert_int_equal(first->type, HV_EVENT_STARTED);
	assert_int_equal(first->cell, CELL_ROOT_ID);
	assert_int_equal(first->state, CELL_STATE_RUNNING);
	assert_int_equal(first->cpu, 0xffffffffU);
	assert_string_equal(first->name, "root");
	assert_string_equal(first->text, "");
	assert_int_equal(first->regs[0], 0);
	assert_int_equal(second->type, HV_EVENT_LOADABLE);
	assert_true(second->tsc > first->tsc);
}

static void test_violation(void **state)
{
	const struct hv_event *e;

	(void)state;
	boot();
	fake_violate(3, HV_CAUSE_MMIO, 0xfee00300);
	e = event(1);
	assert_int_equal(e->type, HV_EVENT_CPU_PARKED);
	assert_int_equal(e->cpu, 3);
	assert_int_equal(e->cause, HV_CAUSE_MMIO);
	assert_int_equal(e->access, 4 | HV_EVENT_WRITE);
	assert_int_equal(e->address, 0xfee00300);
	assert_string_equal(e->text, "write to nowhere at 0xfee00300");
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(e->regs[i], 3UL << 32 | i);
}

static void test_refusal(void **state)
{
	char longer[300];

	(void)state;
	boot();
	fake_console_clear();
	assert_int_equal(fake_call(2, job_refuse, -EBUSY, (u64) "no", 0), -EBUSY);
	assert_string_equal(event_ring.refusal, "no on CPU 2");
	assert_string_equal(event(1)->text, "no on CPU 2");
	assert_int_equal(event(1)->type, HV_EVENT_REFUSED);
	assert_string_equal(fake_console(), "refused (-16): no on CPU 2\r\n");

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(fake_call(2, job_refuse, -EINVAL, (u64)longer, 0), -EINVAL);
	assert_int_equal(event_ring.refusal[sizeof(event_ring.refusal) - 2], 'x');
	assert_int_equal(event_ring.refusal[sizeof(event_ring.refusal) - 1], 0);
	assert_int_equal(event(2)->text[sizeof(event(2)->text) - 2], 'x');
	assert_int_equal(event(2)->text[sizeof(event(2)->text) - 1], 0);
}

/* The newest stay, and nothing behind the ring is written. */
static void test_overwriting(void **state)
{
	(void)state;
	boot();
	for (u64 seq = 1; seq <= 3 * HV_EVENT_SLOTS + 5; seq++) {
		fake_call(0, job_event, seq, 0, 0);
		assert_int_equal(event_ring.last_seq, seq);
		for (u64 old = MAX(seq, (u64)HV_EVENT_SLOTS) - HV_EVENT_SLOTS + 1; old <= seq; old++)
			assert_int_equal(event(old)->type, old);
	}
}

static s64 job_events(struct pcpu *cpu, const u64 args[3])
{
	for (u64 i = 0; i < args[0]; i++)
		event_cell(cpu->id << 16 | i, cpu->cell);
	return 0;
}

/* Each writer's events keep their order; no number is missing or given twice. */
static void test_many_writers(void **state)
{
	u32 next[4] = { 0 };

	(void)state;
	boot();
	for (unsigned int round = 0; round < 200; round++) {
		for (unsigned int cpu = 0; cpu < 4; cpu++)
			fake_post(cpu, job_events, HV_EVENT_SLOTS / 4, 0, 0);
		for (unsigned int cpu = 0; cpu < 4; cpu++) {
			fake_wait(cpu);
			next[cpu] = 0;
		}
		assert_int_equal(event_ring.last_seq, (round + 1) * (HV_EVENT_SLOTS / 4) * 4);
		for (u64 seq = event_ring.last_seq - HV_EVENT_SLOTS / 4 * 4 + 1; seq <= event_ring.last_seq; seq++) {
			u32 type = event(seq)->type;

			assert_true(type >> 16 < 4);
			assert_int_equal(type & 0xffff, next[type >> 16]++);
		}
	}
}

static void test_interrupt(void **state)
{
	(void)state;
	boot();
	/* Nobody asked. */
	fake_call(0, job_event, 1, 0, 0);
	fake_call(0, job_announce, 0, 0, 0);
	assert_int_equal(fake.irqs, 0);

	assert_int_equal(fake_hypercall(0, CELL_HC_EVENT_IRQ, 5, 0xf2), 0);
	fake_call(0, job_announce, 0, 0, 0);
	assert_int_equal(fake.irqs, 0);
	fake_call(1, job_event, 1, 0, 0);
	fake_call(1, job_event, 1, 0, 0);
	assert_int_equal(fake.irqs, 0);
	/* Once for all that is new. */
	fake_call(0, job_announce, 0, 0, 0);
	fake_call(1, job_announce, 0, 0, 0);
	assert_int_equal(fake.irqs, 1);
	assert_int_equal(fake.irq_apic_id, 5);
	assert_int_equal(fake.irq_vector, 0xf2);

	assert_int_equal(fake_hypercall(0, CELL_HC_EVENT_IRQ, 5, 0), 0);
	fake_call(1, job_event, 1, 0, 0);
	fake_call(0, job_announce, 0, 0, 0);
	assert_int_equal(fake.irqs, 1);
}

/* What happened in a hypercall or a violation is announced at its end. */
static void test_announced_by_itself(void **state)
{
	(void)state;
	boot();
	assert_int_equal(fake_hypercall(0, CELL_HC_EVENT_IRQ, 0, 0x40), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, 77, 0), -ENOENT);
	assert_int_equal(fake.irqs, 1);
	fake_violate(1, HV_CAUSE_PIO, 0x64);
	assert_int_equal(fake.irqs, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_empty),	     FAKE_TEST(test_contents),
		FAKE_TEST(test_violation),   FAKE_TEST(test_refusal),
		FAKE_TEST(test_overwriting), FAKE_TEST(test_many_writers),
		FAKE_TEST(test_interrupt),   FAKE_TEST(test_announced_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
