// SPDX-License-Identifier: GPL-2.0-only
/* Messages between hypervisor and cells: who is asked before it is stopped, locks, failures, reconfiguration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fake.h>
#include <image.h>
#include <hv/arch.h>
#include <hv/print.h>

#define RAM (CELL_MEM_READ | CELL_MEM_WRITE | CELL_MEM_EXECUTE | CELL_MEM_DMA)
#define A 1
#define B 2

static const struct cell_memory memory_a[] = { { 0x1000000, 0, 0x4000, RAM | CELL_MEM_LOADABLE } };
static const struct cell_memory memory_b[] = { { 0x1200000, 0, 0x4000, RAM } };
static const struct fake_config cell_a = { "a", A, .cpus = 1 << 1 | 1 << 2, .memory = memory_a, .num_memory = 1 };
static const struct fake_config cell_b = { "b", B, .cpus = 1 << 3, .memory = memory_b, .num_memory = 1 };

static const u64 asking[] = { CELL_HC_CELL_START, CELL_HC_CELL_SET_LOADABLE, CELL_HC_CELL_DESTROY };

/* Both cells run. */
static void boot_flags(u32 flags)
{
	struct fake_config config = cell_a;

	config.flags = flags;
	assert_int_equal(fake_boot(&fake_root), 0);
	assert_int_equal(fake_create(&config), 0);
	assert_int_equal(fake_create(&cell_b), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, 0), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, B, 0), 0);
}

static void boot(void)
{
	boot_flags(0);
}

/* As an inmate answers. */
static void answer(u32 id, u32 reply)
{
	struct cell_comm *comm = fake_comm(id);

	comm->message = CELL_MSG_NONE;
	comm->reply = reply;
}

static void test_asked_until_it_answers(void **state)
{
	(void)state;
	boot();
	for (unsigned int i = 0; i < ARRAY_SIZE(asking); i++) {
		fake_comm(A)->reply = CELL_REPLY_RECEIVED; /* to an older message */
		assert_int_equal(fake_hypercall(0, asking[i], A, 0), -EAGAIN);
		assert_int_equal(fake_comm(A)->message, CELL_MSG_SHUTDOWN_REQUEST);
		assert_int_equal(fake_comm(A)->reply, CELL_REPLY_NONE);
		assert_int_equal(fake_comm(B)->message, CELL_MSG_NONE);
		fake_comm(A)->message = CELL_MSG_NONE;
		/* Asked once, however often root calls. */
		assert_int_equal(fake_hypercall(0, asking[i], A, 0), -EAGAIN);
		assert_int_equal(fake_hypercall(0, asking[i], A, 0), -EAGAIN);
		assert_int_equal(fake_comm(A)->message, CELL_MSG_NONE);
		assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, A, 0), CELL_STATE_RUNNING);
		assert_int_equal(pcpu_of(1)->arch.state, FAKE_GUEST);

		answer(A, CELL_REPLY_DENIED);
		assert_int_equal(fake_hypercall(0, asking[i], A, 0), -EPERM);
		assert_string_equal(event_ring.refusal, "cell a refuses to shut down");
		assert_int_equal(pcpu_of(1)->arch.state, FAKE_GUEST);
		/* The next call asks anew. */
		assert_int_equal(fake_hypercall(0, asking[i], A, 0), -EAGAIN);
		assert_int_equal(fake_comm(A)->message, CELL_MSG_SHUTDOWN_REQUEST);
		answer(A, CELL_REPLY_UNKNOWN);
		assert_int_equal(fake_hypercall(0, asking[i], A, 0), -EPERM);

		assert_int_equal(fake_hypercall(0, asking[i], A, 0), -EAGAIN);
		answer(A, CELL_REPLY_APPROVED);
		assert_int_equal(fake_hypercall(0, asking[i], A, 0), 0);
		if (asking[i] == CELL_HC_CELL_SET_LOADABLE)
			assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, 0), 0);
	}
	assert_null(cell_find(A));
}

/* An answer to "reconfigured" that wipes out the request is none to it. */
static void test_late_answer(void **state)
{
	(void)state;
	boot();
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, 0), -EAGAIN);
	answer(A, CELL_REPLY_RECEIVED);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, 0), -EAGAIN);
	assert_int_equal(fake_comm(A)->message, CELL_MSG_SHUTDOWN_REQUEST);
	assert_int_equal(fake_comm(A)->reply, CELL_REPLY_NONE);
	answer(A, CELL_REPLY_APPROVED);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, 0), 0);
}

/* Whatever was asked before, who has ended itself does not hinder. */
static void test_terminal_states(void **state)
{
	const u32 terminal[] = { CELL_STATE_SHUT_DOWN, CELL_STATE_FAILED, CELL_STATE_ABI_MISMATCH };

	(void)state;
	boot();
	for (unsigned int i = 0; i < ARRAY_SIZE(terminal); i++) {
		assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, 0), -EAGAIN);
		fake_comm(A)->state = terminal[i];
		assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, 0), 0);
		assert_int_equal(fake_comm(A)->state, CELL_STATE_RUNNING);
	}
	/* A state that does not exist is not terminal. */
	fake_comm(A)->state = CELL_STATE_MAX;
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, A, 0), -EAGAIN);
}

static void test_force(void **state)
{
	(void)state;
	boot();
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, CELL_HC_FORCE), 0);
	assert_int_equal(fake_comm(A)->message, CELL_MSG_NONE);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, 0), -EAGAIN);
	answer(A, CELL_REPLY_DENIED);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_SET_LOADABLE, A, CELL_HC_FORCE), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, 0), 0);
	/* The answer to the request before is forgotten. */
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, A, 0), -EAGAIN);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, A, CELL_HC_FORCE), 0);
	/* Only 1 is force. */
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, B, 1UL << 32 | CELL_HC_FORCE), -EAGAIN);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, B, 2), -EAGAIN);
}

static void test_passive(void **state)
{
	(void)state;
	boot_flags(CELL_FLAG_PASSIVE_COMMREG);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, 0), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_SET_LOADABLE, A, 0), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, 0), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, B, CELL_HC_FORCE), 0);
	assert_int_equal(fake_comm(A)->message, CELL_MSG_NONE);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, A, 0), 0);
}

static void test_told_of_reconfiguration(void **state)
{
	(void)state;
	boot();
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, B, CELL_HC_FORCE), 0);
	assert_int_equal(fake_comm(A)->message, CELL_MSG_RECONFIGURED);
	answer(A, CELL_REPLY_RECEIVED);
	assert_int_equal(fake_create(&cell_b), 0);
	assert_int_equal(fake_comm(A)->message, CELL_MSG_RECONFIGURED);
	assert_int_equal(fake_comm(A)->reply, CELL_REPLY_NONE);
	assert_int_equal(fake_comm(B)->message, CELL_MSG_RECONFIGURED);
	/* A request that waits for its answer is not written over. */
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, 0), -EAGAIN);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, B, 0), 0);
	assert_int_equal(fake_comm(A)->message, CELL_MSG_SHUTDOWN_REQUEST);
	answer(A, CELL_REPLY_APPROVED);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, 0), 0);
}

static void test_locked(void **state)
{
	struct fake_config third = { "c", 3, .cpus = 1 << 3 };
	struct fake_state before;

	(void)state;
	boot();
	fake_comm(A)->state = CELL_STATE_RUNNING_LOCKED;
	fake_state_read(&before);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, B, 0), -EPERM);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, B, CELL_HC_FORCE), -EPERM);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 77, 0), -ENOENT);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, CELL_ROOT_ID, 0), -EINVAL);
	assert_int_equal(fake_create(&third), -EPERM);
	assert_string_equal(event_ring.refusal, "cell a is running and locked the configuration");
	fake_state_check(&before);
	assert_int_equal(fake_comm(B)->message, CELL_MSG_NONE);

	/* Others may be started and loaded, and the cell itself may go. */
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_SET_LOADABLE, B, CELL_HC_FORCE), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, B, 0), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, A, 0), -EAGAIN);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, A, 0), CELL_STATE_RUNNING_LOCKED);
	answer(A, CELL_REPLY_APPROVED);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, A, 0), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, B, CELL_HC_FORCE), 0);
}

static u32 last_event_type(void)
{
	return event_ring.slot[event_ring.last_seq % HV_EVENT_SLOTS].type;
}

/* One CPU, then the other; the neighbour goes on; start heals. */
static void test_failure(void **state)
{
	(void)state;
	boot();
	fake_violate(1, HV_CAUSE_MMIO, 0x1234);
	assert_int_equal(pcpu_of(1)->arch.state, FAKE_PARKED);
	assert_int_equal(pcpu_of(2)->arch.state, FAKE_GUEST);
	assert_int_equal(last_event_type(), HV_EVENT_CPU_PARKED);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, A, 0), CELL_STATE_RUNNING);
	fake_violate(2, HV_CAUSE_MMIO, 0x1234);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, A, 0), CELL_STATE_FAILED);
	assert_int_equal(last_event_type(), HV_EVENT_CELL_FAILED);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, B, 0), CELL_STATE_RUNNING);
	assert_int_equal(pcpu_of(3)->arch.state, FAKE_GUEST);

	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, 0), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, A, 0), CELL_STATE_RUNNING);
	for (unsigned int id = 1; id <= 2; id++) {
		assert_int_equal(pcpu_of(id)->arch.state, FAKE_GUEST);
		assert_int_equal(fake_hypercall(0, CELL_HC_CPU_INFO, id, CELL_CPU_INFO_STATE), CELL_CPU_RUNNING);
	}

	fake_violate(1, HV_CAUSE_MMIO, 0x1234);
	fake_violate(2, HV_CAUSE_MMIO, 0x1234);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, A, 0), 0);
	for (unsigned int id = 1; id <= 2; id++)
		assert_int_equal(fake_hypercall(0, CELL_HC_CPU_INFO, id, CELL_CPU_INFO_STATE), CELL_CPU_RUNNING);
}

static u32 failures_told(void)
{
	u32 n = 0;

	for (unsigned int i = 0; i < HV_EVENT_SLOTS; i++)
		n += event_ring.slot[i].type == HV_EVENT_CELL_FAILED;
	return n;
}

/* A cell may write what it likes into its state word: it is told once that it failed, with its last CPU. */
static void test_failure_foretold(void **state)
{
	const u32 words[] = { CELL_STATE_FAILED, CELL_STATE_SHUT_DOWN, CELL_STATE_MAX + 1 };

	(void)state;
	boot();
	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
		fake_comm(A)->state = words[i];
		fake_violate(2, HV_CAUSE_MMIO, 0x1234);
		assert_int_equal(failures_told(), i);
		fake_violate(1, HV_CAUSE_MMIO, 0x1234);
		assert_int_equal(failures_told(), i + 1);
		assert_int_equal(fake_comm(A)->state, CELL_STATE_FAILED);
		assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, 0), 0);
	}
}

static s64 job_panic(struct pcpu *cpu, const u64 args[3])
{
	(void)cpu;
	(void)args;
	panic("as the test wants it");
}

/* A CPU that stopped in the hypervisor is lost, its cell is not. */
static void test_stopped_cpu(void **state)
{
	(void)state;
	boot();
	fake_call(2, job_panic, 0, 0, 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CPU_INFO, 2, CELL_CPU_INFO_STATE), CELL_CPU_FAILED);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, A, CELL_HC_FORCE), 0);
	assert_int_equal(pcpu_of(1)->arch.starts, 2);
	assert_int_equal(pcpu_of(2)->arch.starts, 1);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, A, CELL_HC_FORCE), 0);
	assert_int_equal(pcpu_of(2)->arch.state, FAKE_STOPPED);
}

/* Root has no state word. */
static void test_failure_in_root(void **state)
{
	(void)state;
	boot();
	fake_violate(0, HV_CAUSE_MSR, 0x1b);
	assert_int_equal(pcpu_of(0)->arch.state, FAKE_PARKED);
	assert_int_equal(last_event_type(), HV_EVENT_CPU_PARKED);
	assert_int_equal(pcpu_of(1)->arch.state, FAKE_GUEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_asked_until_it_answers),
		FAKE_TEST(test_late_answer),
		FAKE_TEST(test_terminal_states),
		FAKE_TEST(test_force),
		FAKE_TEST(test_passive),
		FAKE_TEST(test_told_of_reconfiguration),
		FAKE_TEST(test_locked),
		FAKE_TEST(test_failure),
		FAKE_TEST(test_failure_foretold),
		FAKE_TEST(test_stopped_cpu),
		FAKE_TEST(test_failure_in_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
