// SPDX-License-Identifier: GPL-2.0-only
/* Hypercalls: who may call what, what is unknown, the short calls, and the end of the hypervisor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>
#include <fake.h>
#include <image.h>
#include <hv/arch.h>
#include <hv/control.h>
#include <hv/pool.h>

#define GUEST_CPU 3
#define GUEST_ID 7
#define PUTC_FLAGS (CELL_FLAG_CONSOLE_PERMITTED | CELL_FLAG_CONSOLE_ACTIVE)

static const struct cell_memory guest_memory[] = {
	{ 0x1000000, 0, 0x1000, CELL_MEM_READ | CELL_MEM_WRITE | CELL_MEM_EXECUTE },
	{ 0, 0x100000, 0x1000, CELL_MEM_READ | CELL_MEM_WRITE | CELL_MEM_COMM_REGION },
};

static s64 create(u32 flags)
{
	const struct fake_config guest = {
		.name = "guest",
		.id = GUEST_ID,
		.flags = flags,
		.cpus = 1 << GUEST_CPU,
		.memory = guest_memory,
		.num_memory = ARRAY_SIZE(guest_memory),
	};

	return fake_create(&guest);
}

/* Four CPUs; the last one executes a cell. */
static void boot(u32 flags)
{
	assert_int_equal(fake_boot(&fake_root), 0);
	assert_int_equal(create(flags), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, GUEST_ID, 0), 0);
	fake_console_clear();
}

static void test_who_may_call(void **state)
{
	const u64 root_only[] = { CELL_HC_DISABLE,	     CELL_HC_CELL_CREATE,  CELL_HC_CELL_START,
				  CELL_HC_CELL_SET_LOADABLE, CELL_HC_CELL_DESTROY, CELL_HC_CELL_STATE,
				  CELL_HC_EVENT_IRQ,	     CELL_HC_COMM_PAGE,	   CELL_HC_CONSOLE_PAGE };
	struct fake_state before;

	(void)state;
	boot(0);
	fake_state_read(&before);
	for (unsigned int i = 0; i < ARRAY_SIZE(root_only); i++) {
		assert_int_equal(fake_hypercall(GUEST_CPU, root_only[i], GUEST_ID, CELL_HC_FORCE), -EPERM);
		assert_int_equal(fake_hypercall(GUEST_CPU, root_only[i], CELL_ROOT_ID, 0), -EPERM);
		assert_int_equal(fake_hypercall(GUEST_CPU, root_only[i], FAKE_CONFIG, 0), -EPERM);
	}
	fake_state_check(&before);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, GUEST_ID, 0), CELL_STATE_RUNNING);
	assert_int_equal(fake_hypercall(GUEST_CPU, CELL_HC_INFO, CELL_INFO_NUM_CELLS, 0), 2);
	assert_int_equal(fake_hypercall(GUEST_CPU, CELL_HC_CPU_INFO, GUEST_CPU, CELL_CPU_INFO_STATE), CELL_CPU_RUNNING);
}

/* All 64 bits of the number count. */
static void test_unknown(void **state)
{
	const u64 codes[] = {
		9,   10, 0xff, 0x103, 0x1ff, 0xffffffff, 1UL << 32, 1UL << 32 | CELL_HC_INFO, 1UL << 63 | CELL_HC_PUTC,
		~0UL
	};

	(void)state;
	boot(PUTC_FLAGS);
	for (unsigned int i = 0; i < ARRAY_SIZE(codes); i++) {
		assert_int_equal(fake_hypercall(0, codes[i], 0, 0), -ENOSYS);
		assert_int_equal(fake_hypercall(GUEST_CPU, codes[i], 0, 0), -ENOSYS);
	}
}

static void test_info(void **state)
{
	(void)state;
	boot(0);
	assert_int_equal(fake_hypercall(1, CELL_HC_INFO, CELL_INFO_MEM_POOL_SIZE, 0), pool_size());
	assert_int_equal(fake_hypercall(1, CELL_HC_INFO, CELL_INFO_MEM_POOL_USED, 0), pool_used());
	assert_int_equal(fake_hypercall(1, CELL_HC_INFO, CELL_INFO_REMAP_POOL_SIZE, 0), 131072);
	assert_int_equal(fake_hypercall(1, CELL_HC_INFO, CELL_INFO_REMAP_POOL_USED, 0), arch_remap_used());
	assert_int_equal(fake_hypercall(1, CELL_HC_INFO, CELL_INFO_NUM_CELLS, 0), 2);
	assert_int_equal(fake_hypercall(1, CELL_HC_INFO, 5, 0), -EINVAL);
	assert_int_equal(fake_hypercall(1, CELL_HC_INFO, 1UL << 32, 0), -EINVAL);
	assert_int_equal(fake_hypercall(1, CELL_HC_INFO, ~0UL, 0), -EINVAL);
}

static void test_cell_state(void **state)
{
	struct cell_comm *comm;

	(void)state;
	boot(0);
	comm = fake_comm(GUEST_ID);
	for (u32 value = 0; value < CELL_STATE_MAX; value++) {
		comm->state = value;
		assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, GUEST_ID, 0), value);
	}
	comm->state = CELL_STATE_MAX;
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, GUEST_ID, 0), -EINVAL);
	comm->state = ~0U;
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, GUEST_ID, 0), -EINVAL);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, CELL_ROOT_ID, 0), CELL_STATE_RUNNING);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, 1, 0), -ENOENT);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, 1UL << 32 | GUEST_ID, 0), -ENOENT);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, 1UL << 32, 0), -ENOENT);
}

static void test_comm_page(void **state)
{
	struct paging_entry e;
	s64 frame;

	(void)state;
	boot(0);
	frame = fake_hypercall(0, CELL_HC_COMM_PAGE, GUEST_ID, 0);
	assert_true(frame > 0);
	/* Root may read it, the cell has it where it wants it. */
	assert_true(paging_lookup(&root_cell.stage2, frame << PAGE_SHIFT, &e));
	assert_int_equal(e.address, frame << PAGE_SHIFT);
	assert_int_equal(e.access, ACCESS_READ);
	assert_true(paging_lookup(&cell_find(GUEST_ID)->stage2, 0x100000, &e));
	assert_int_equal(e.address, frame << PAGE_SHIFT);
	assert_int_equal(e.access, ACCESS_READ | ACCESS_WRITE);
	assert_int_equal(fake_hypercall(0, CELL_HC_COMM_PAGE, CELL_ROOT_ID, 0), -ENOENT);
	assert_int_equal(fake_hypercall(0, CELL_HC_COMM_PAGE, 8, 0), -ENOENT);
	assert_int_equal(fake_hypercall(0, CELL_HC_COMM_PAGE, 1UL << 32 | GUEST_ID, 0), -ENOENT);
}

/* First the CPU, then its owner, then the type. */
static void test_cpu_info_order(void **state)
{
	const u64 nowhere[] = { 4, 63, 64, 255, 256, 1UL << 32, ~0UL };

	(void)state;
	boot(0);
	for (unsigned int i = 0; i < ARRAY_SIZE(nowhere); i++) {
		assert_int_equal(fake_hypercall(0, CELL_HC_CPU_INFO, nowhere[i], 0), -EINVAL);
		assert_int_equal(fake_hypercall(GUEST_CPU, CELL_HC_CPU_INFO, nowhere[i], 99), -EINVAL);
	}
	assert_int_equal(fake_hypercall(GUEST_CPU, CELL_HC_CPU_INFO, 0, CELL_CPU_INFO_STATE), -EPERM);
	assert_int_equal(fake_hypercall(GUEST_CPU, CELL_HC_CPU_INFO, 0, 99), -EPERM);
	assert_int_equal(fake_hypercall(GUEST_CPU, CELL_HC_CPU_INFO, GUEST_CPU, 99), -EINVAL);
	assert_int_equal(fake_hypercall(0, CELL_HC_CPU_INFO, GUEST_CPU, CELL_CPU_INFO_STATE), CELL_CPU_RUNNING);
	for (u64 type = 1; type < CELL_CPU_INFO_STAT_BASE; type++)
		assert_int_equal(fake_hypercall(0, CELL_HC_CPU_INFO, 0, type), -EINVAL);
	for (u64 type = 0; type < CELL_STAT_MAX; type++)
		assert_int_equal(fake_hypercall(0, CELL_HC_CPU_INFO, 0, CELL_CPU_INFO_STAT_BASE + type), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CPU_INFO, 0, CELL_CPU_INFO_STAT_BASE + CELL_STAT_MAX), -EINVAL);
	assert_int_equal(fake_hypercall(0, CELL_HC_CPU_INFO, 0, 1UL << 32 | CELL_CPU_INFO_STAT_BASE), -EINVAL);
	assert_int_equal(fake_hypercall(0, CELL_HC_CPU_INFO, 0, ~0UL), -EINVAL);
}

static void test_statistics(void **state)
{
	struct pcpu *cpu;

	(void)state;
	boot(0);
	cpu = pcpu_of(GUEST_CPU);
	for (u32 i = 0; i < CELL_STAT_MAX; i++)
		cpu->stats[i] = 0x80000000U + i;
	for (u32 i = 0; i < CELL_STAT_MAX; i++)
		assert_int_equal(fake_hypercall(0, CELL_HC_CPU_INFO, GUEST_CPU, CELL_CPU_INFO_STAT_BASE + i), i);
	/* Zeroed when the CPU moves, not before. */
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, GUEST_ID, CELL_HC_FORCE), 0);
	assert_int_equal(cpu->stats[5], 0x80000005U);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, GUEST_ID, CELL_HC_FORCE), 0);
	for (u32 i = 0; i < CELL_STAT_MAX; i++)
		assert_int_equal(cpu->stats[i], 0);
	for (u32 i = 0; i < CELL_STAT_MAX; i++)
		cpu->stats[i] = pcpu_of(0)->stats[i] = 1;
	assert_int_equal(create(0), 0);
	for (u32 i = 0; i < CELL_STAT_MAX; i++)
		assert_true(!cpu->stats[i] && pcpu_of(0)->stats[i]);
}

static void test_failed_cpu(void **state)
{
	(void)state;
	boot(0);
	fake_violate(GUEST_CPU, HV_CAUSE_MMIO, 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CPU_INFO, GUEST_CPU, CELL_CPU_INFO_STATE), CELL_CPU_FAILED);
	assert_int_equal(fake_hypercall(0, CELL_HC_CPU_INFO, 0, CELL_CPU_INFO_STATE), CELL_CPU_RUNNING);
}

static void test_putc(void **state)
{
	(void)state;
	boot(PUTC_FLAGS);
	assert_int_equal(fake_hypercall(GUEST_CPU, CELL_HC_PUTC, 'a', 0), 0);
	assert_int_equal(fake_hypercall(GUEST_CPU, CELL_HC_PUTC, 0xffffff00 | 'b', 0), 0);
	assert_int_equal(fake_hypercall(GUEST_CPU, CELL_HC_PUTC, 0, 0), 0);
	assert_int_equal(fake_hypercall(GUEST_CPU, CELL_HC_PUTC, '\n', 0), 0);
	assert_string_equal(fake_console(), "ab\r\n");
	/* Root too needs the flag. */
	assert_int_equal(fake_hypercall(0, CELL_HC_PUTC, 'x', 0), -EPERM);
	assert_string_equal(fake_console(), "ab\r\n");
}

/* Root may read it, the cell has no way to it. It lasts from creation to destruction. */
static void test_console_page(void **state)
{
	const struct cell_console_page *page;
	struct paging_entry e;
	u64 created;
	s64 frame;

	(void)state;
	boot(PUTC_FLAGS);
	frame = fake_hypercall(0, CELL_HC_CONSOLE_PAGE, GUEST_ID, 0);
	assert_true(frame > 0);
	assert_true(paging_lookup(&root_cell.stage2, frame << PAGE_SHIFT, &e));
	assert_int_equal(e.address, frame << PAGE_SHIFT);
	assert_int_equal(e.access, ACCESS_READ);
	assert_false(paging_lookup(&cell_find(GUEST_ID)->stage2, frame << PAGE_SHIFT, &e));
	assert_int_equal(fake_hypercall(0, CELL_HC_CONSOLE_PAGE, CELL_ROOT_ID, 0), -ENOENT);
	assert_int_equal(fake_hypercall(0, CELL_HC_CONSOLE_PAGE, 8, 0), -ENOENT);
	assert_int_equal(fake_hypercall(0, CELL_HC_CONSOLE_PAGE, 1UL << 32 | GUEST_ID, 0), -ENOENT);

	page = (const struct cell_console_page *)fake_ram((u64)frame << PAGE_SHIFT);
	created = page->created;
	assert_true(created != 0);
	assert_int_equal(page->tail, 0);
	fake_hypercall(GUEST_CPU, CELL_HC_PUTC, 'a', 0);
	fake_hypercall(GUEST_CPU, CELL_HC_PUTC, 'b', 0);
	assert_int_equal(page->tail, 2);
	assert_int_equal(page->start, 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_SET_LOADABLE, GUEST_ID, CELL_HC_FORCE), 0);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_START, GUEST_ID, 0), 0);
	fake_hypercall(GUEST_CPU, CELL_HC_PUTC, 'c', 0);
	assert_int_equal(page->tail, 3);
	assert_int_equal(page->start, 2);
	assert_int_equal(page->created, created);
	assert_memory_equal(page->content, "abc", 4);

	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, GUEST_ID, CELL_HC_FORCE), 0);
	assert_true(paging_lookup(&root_cell.stage2, frame << PAGE_SHIFT, &e));
	assert_int_equal(e.address, arch_zero_page());
	assert_int_equal(event_ring.console.tail, 3);
	assert_int_equal(event_ring.console.created, created);
	assert_memory_equal(event_ring.console.content, "abc", 4);
}

static void test_putc_not_permitted(void **state)
{
	(void)state;
	boot(CELL_FLAG_CONSOLE_ACTIVE);
	assert_int_equal(fake_hypercall(GUEST_CPU, CELL_HC_PUTC, 'x', 0), -EPERM);
	assert_string_equal(fake_console(), "");
	/* No page is spent on it, and another one's words are not kept for its own. */
	assert_int_equal(fake_hypercall(0, CELL_HC_CONSOLE_PAGE, GUEST_ID, 0), -ENOENT);
	event_ring.console.tail = 1;
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, GUEST_ID, CELL_HC_FORCE), 0);
	assert_int_equal(event_ring.console.tail, 0);
}

static void test_one_manager_at_a_time(void **state)
{
	(void)state;
	boot(0);
	assert_true(spin_trylock(&control_lock));
	for (u64 code = CELL_HC_CELL_CREATE; code <= CELL_HC_CELL_DESTROY; code++)
		assert_int_equal(fake_hypercall(0, code, GUEST_ID, CELL_HC_FORCE), -EBUSY);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_STATE, GUEST_ID, 0), CELL_STATE_RUNNING);
	spin_unlock(&control_lock);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, GUEST_ID, CELL_HC_FORCE), 0);
	assert_false(control_lock.taken);
}

static void test_ids_are_32_bits(void **state)
{
	(void)state;
	boot(0);
	for (u64 code = CELL_HC_CELL_START; code <= CELL_HC_CELL_DESTROY; code++) {
		assert_int_equal(fake_hypercall(0, code, 1UL << 32 | GUEST_ID, CELL_HC_FORCE), -ENOENT);
		assert_int_equal(fake_hypercall(0, code, 1UL << 32, CELL_HC_FORCE), -ENOENT);
		assert_int_equal(fake_hypercall(0, code, 6, CELL_HC_FORCE), -ENOENT);
		assert_int_equal(fake_hypercall(0, code, CELL_ROOT_ID, CELL_HC_FORCE), -EINVAL);
	}
	assert_false(control_lock.taken);
}

/* --- the end --- */

static void test_disable_with_cells(void **state)
{
	(void)state;
	boot(0);
	for (unsigned int cpu = 0; cpu < GUEST_CPU; cpu++)
		assert_int_equal(fake_hypercall(cpu, CELL_HC_DISABLE, 0, 0), -EBUSY);
	for (unsigned int cpu = 0; cpu <= GUEST_CPU; cpu++)
		assert_int_equal(pcpu_of(cpu)->arch.state, FAKE_GUEST);
}

/* The first CPU's verdict holds for all, even if the last cell goes meanwhile; the next round asks anew. */
static void test_disable_verdict(void **state)
{
	(void)state;
	boot(0);
	assert_int_equal(fake_hypercall(0, CELL_HC_DISABLE, 0, 0), -EBUSY);
	assert_int_equal(fake_hypercall(1, CELL_HC_DISABLE, 0, 0), -EBUSY);
	assert_int_equal(fake_hypercall(2, CELL_HC_DISABLE, 0, 0), -EBUSY);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, GUEST_ID, CELL_HC_FORCE), 0);
	pcpu_of(GUEST_CPU)->arch.state = FAKE_GUEST; /* Linux brings it up */
	for (unsigned int cpu = 0; cpu < 3; cpu++)
		fake_post_hypercall(cpu, CELL_HC_DISABLE, 0, 0);
	usleep(20000); /* time to leave too early */
	for (unsigned int cpu = 0; cpu < 3; cpu++)
		assert_true(fake_busy(cpu));
	fake_post_hypercall(3, CELL_HC_DISABLE, 0, 0);
	for (unsigned int cpu = 0; cpu < 4; cpu++) {
		assert_int_equal(fake_wait(cpu), 0);
		assert_int_equal(pcpu_of(cpu)->arch.state, FAKE_NATIVE);
	}
}

/* The verdict of others while a CPU of theirs manages cells: it is not waited for, and what it does goes on. */
static s64 verdicts[4];

static void disable_others(paddr_t page)
{
	(void)page;
	fake.on_temp_map = NULL;
	for (unsigned int cpu = 1; cpu < 4; cpu++) {
		fake_post_hypercall(cpu, CELL_HC_DISABLE, 0, 0);
		verdicts[cpu] = fake_wait(cpu);
	}
}

static void test_disable_while_managing(void **state)
{
	const struct fake_config late = { "late", 8, .cpus = 1 << 1 };

	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	fake.on_temp_map = disable_others;
	assert_int_equal(fake_create(&late), 0);
	for (unsigned int cpu = 1; cpu < 4; cpu++)
		assert_int_equal(verdicts[cpu], -EBUSY);
	assert_int_equal(fake_hypercall(0, CELL_HC_DISABLE, 0, 0), -EBUSY);
	assert_int_equal(fake_hypercall(0, CELL_HC_CELL_DESTROY, 8, CELL_HC_FORCE), 0);
	assert_false(control_lock.taken);
}

/* Who waits for the end cannot be suspended: nothing that would have to is begun. */
static void test_nothing_changes_while_disabling(void **state)
{
	const struct fake_config late = { "late", 8, .cpus = 1 << 1 };

	(void)state;
	assert_int_equal(fake_boot(&fake_root), 0);
	fake_config_write(&late, fake_ram(FAKE_CONFIG));
	fake_post_hypercall(1, CELL_HC_DISABLE, 0, 0);
	usleep(20000); /* time to arrive */
	fake_post_hypercall(0, CELL_HC_CELL_CREATE, FAKE_CONFIG, 0);
	assert_int_equal(fake_wait(0), -EBUSY);
	for (unsigned int cpu = 0; cpu < 4; cpu++)
		if (cpu != 1)
			fake_post_hypercall(cpu, CELL_HC_DISABLE, 0, 0);
	for (unsigned int cpu = 0; cpu < 4; cpu++) {
		assert_int_equal(fake_wait(cpu), 0);
		assert_int_equal(pcpu_of(cpu)->arch.state, FAKE_NATIVE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_who_may_call),
		FAKE_TEST(test_unknown),
		FAKE_TEST(test_info),
		FAKE_TEST(test_cell_state),
		FAKE_TEST(test_comm_page),
		FAKE_TEST(test_cpu_info_order),
		FAKE_TEST(test_statistics),
		FAKE_TEST(test_failed_cpu),
		FAKE_TEST(test_putc),
		FAKE_TEST(test_console_page),
		FAKE_TEST(test_putc_not_permitted),
		FAKE_TEST(test_one_manager_at_a_time),
		FAKE_TEST(test_ids_are_32_bits),
		FAKE_TEST(test_disable_with_cells),
		FAKE_TEST(test_disable_verdict),
		FAKE_TEST(test_disable_while_managing),
		FAKE_TEST(test_nothing_changes_while_disabling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
