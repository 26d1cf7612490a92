/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rtos: a periodic task set that measures its own jitter, beats, and answers the hypervisor.
 *
 * The 1 kHz task runs in the timer interrupt; the APIC timer is periodic, so a tick costs one EOI and nothing else.
 * The 10 Hz task and everything slow (console, messages) run in the main loop, which halts between ticks.
 *
 * Command line: status=SECONDS between status lines (default 10, 0: none), beat=MS promised interval (default 100),
 * and what faults.c and the console take. Keys on the UART: '?' help, '.' status line, '#' histogram, and faults.
 */
#include "inmate/inmate.h"
#include "faults.h"

#define TICK_VECTOR 0x40
#define TICK_HZ 1000
#define BEAT_TICKS 100
#define BEAT_MS (BEAT_TICKS * 1000 / TICK_HZ)

/* Written by the interrupt only. 64-bit loads and stores are whole; jitter is read with interrupts off. */
static struct {
	volatile u64 ticks;
	u64 last_tsc;
	u64 lost; /* ticks that the timer merged into a later one */
	struct stats jitter;
} task;

static u64 period_tsc;
static u32 status_interval_ms;

/* The 1 kHz task. */
static void tick(void)
{
	u64 now = tsc_read();
	u64 interval = now - task.last_tsc;
	u64 deviation = interval > period_tsc ? interval - period_tsc : period_tsc - interval;

	/* The first interval started before the timer did. */
	if (task.ticks)
		stats_add(&task.jitter, tsc_to_ns(deviation));
	if (task.ticks && interval > period_tsc + period_tsc / 2)
		task.lost += (interval + period_tsc / 2) / period_tsc - 1;
	task.last_tsc = now;
	task.ticks++;
}

static struct stats jitter_now(void)
{
	struct stats copy;

	interrupts_disable();
	copy = task.jitter;
	interrupts_enable();
	return copy;
}

static void print_status(void)
{
	struct stats jitter = jitter_now();

	printk("rtos: tick %llu lost %llu jitter min %llu avg %llu max %llu ns\n", (unsigned long long)task.ticks,
	       (unsigned long long)task.lost, (unsigned long long)jitter.min,
	       (unsigned long long)stats_average(&jitter), (unsigned long long)jitter.max);
}

static void print_histogram(void)
{
	struct stats jitter = jitter_now();

	for (unsigned int i = 0; i < STATS_BUCKETS; i++) {
		if (jitter.histogram[i])
			printk("rtos: jitter %s %8llu ns %10u\n",
			       i < STATS_BUCKETS - 1 ? " <" : ">=", 1ULL << (i < STATS_BUCKETS - 1 ? i : i - 1),
			       jitter.histogram[i]);
	}
}

static void handle_key(int key)
{
	switch (key) {
	case '?':
		printk("?  this list\n.  status line\n#  jitter histogram\n");
		faults_help();
		break;
	case '.':
		print_status();
		break;
	case '#':
		print_histogram();
		break;
	case '\r':
	case '\n':
		break;
	default:
		if (!faults_command((char)key))
			printk("rtos: no key 0x%02x, try ?\n", key);
	}
}

/* The 10 Hz task. */
static void beat(void)
{
	struct stats jitter = jitter_now();
	int key = console_read_byte();

	if (!faults.no_beat) {
		heartbeat_status((u32)task.lost);
		if (!faults.no_status)
			heartbeat_text("tick %llu jitter max %llu ns stray %u", (unsigned long long)task.ticks,
				       (unsigned long long)jitter.max, interrupts_stray());
		heartbeat_beat();
	}
	if (key >= 0)
		handle_key(key);
}

static void answer_messages(void)
{
	u32 message;

	if (faults.silent)
		return;
	message = cell_take_message();
	switch (message) {
	case CELL_MSG_NONE:
		break;
	case CELL_MSG_SHUTDOWN_REQUEST:
		if (faults.refuse) {
			cell_reply(CELL_REPLY_DENIED);
			printk("rtos: shutdown denied\n");
			break;
		}
		printk("rtos: shutting down after %llu ticks\n", (unsigned long long)task.ticks);
		apic_timer_stop();
		cell_approve_shutdown();
	case CELL_MSG_RECONFIGURED:
		cell_reply(CELL_REPLY_RECEIVED);
		break;
	default:
		cell_reply(CELL_REPLY_UNKNOWN);
	}
}

/* Halts until the tick after @seen. Return: number of the newest tick */
static u64 wait_tick(u64 seen)
{
	interrupts_disable();
	while (task.ticks == seen) {
		interrupts_enable_and_halt();
		interrupts_disable();
	}
	interrupts_enable();
	return task.ticks;
}

static void main_loop(void)
{
	u64 next_beat = BEAT_TICKS;
	u64 next_status = status_interval_ms;
	u64 ticks = 0;

	for (;;) {
		ticks = wait_tick(ticks);
		answer_messages();
		faults_poll(ticks * 1000 / TICK_HZ);
		if (ticks >= next_beat) {
			beat();
			next_beat = ticks - ticks % BEAT_TICKS + BEAT_TICKS;
		}
		if (status_interval_ms && ticks * 1000 / TICK_HZ >= next_status) {
			print_status();
			next_status += status_interval_ms;
		}
	}
}

void inmate_run(void)
{
	u64 period_ns;

	printk("rtos: APIC ID %u of %u CPUs, TSC %u kHz, timer %u kHz, command line \"%s\"\n", apic_id(),
	       cell_comm()->x86.num_cpus, tsc_khz(), apic_timer_khz(), cmdline_text());
	status_interval_ms = (u32)cmdline_int("status", 10) * 1000;
	faults_init();
	heartbeat_init((u32)cmdline_int("beat", BEAT_MS));

	irq_handler_set(TICK_VECTOR, tick);
	period_ns = apic_timer_periodic(TICK_VECTOR, TICK_HZ);
	if (!period_ns) {
		printk("rtos: timer of %u kHz is unusable\n", apic_timer_khz());
		cell_stop(CELL_STATE_FAILED);
	}
	period_tsc = ns_to_tsc(period_ns);
	heartbeat_beat();
	interrupts_enable();
	main_loop();
}
