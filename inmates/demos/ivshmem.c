/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two cells, or a cell and root, talk by shared memory: one follows, which is the default, one leads and measures.
 *
 * Command line: follow=PEER that leads (0); or lead=PEER that follows, with rounds= of doorbells and mib= to stream.
 */
#include "inmate/inmate.h"
#include "stream.h"

#define VECTOR_TIMER 0x40
#define VECTOR_WAKE 0x41
#define VECTOR_ECHO 0x42
#define TIMER_HZ 100 /* messages of the communication page come without an interrupt */
#define BARS 0xe0000000U
#define ROUNDS_MAX 10000
#define PATIENCE_NS 20000000000ULL

static struct ivshmem device;
static volatile struct stream *own, *other;
static u32 peer;
static bool leads;
static volatile u32 echoes, wakes;
static u32 rounds_ns[ROUNDS_MAX];

static void timer(void)
{
}

static void wake(void)
{
	wakes++;
}

static void echo(void)
{
	echoes++;
	if (!leads)
		ivshmem_ring(&device, peer, STREAM_ECHO);
}

/* Answers messages; interrupts are on when it returns. */
static void idle(void)
{
	u32 message = cell_take_message();

	if (message == CELL_MSG_SHUTDOWN_REQUEST)
		cell_approve_shutdown();
	if (message != CELL_MSG_NONE)
		cell_reply(message == CELL_MSG_RECONFIGURED ? CELL_REPLY_RECEIVED : CELL_REPLY_UNKNOWN);
}

static void halt_while_equal(volatile u32 *counter, u32 seen)
{
	interrupts_disable();
	if (*counter == seen)
		interrupts_enable_and_halt();
	interrupts_enable();
}

static void __attribute__((noreturn)) follow(void)
{
	own->tail = own->sum = 0;
	ivshmem_set_state(&device, STREAM_READY);
	printk("ivshmem: peer %u follows %u\n", device.id, peer);
	for (;;) {
		u32 seen = wakes;

		idle();
		if (!other->streaming)
			halt_while_equal(&wakes, seen);
		else if (!stream_read(own, other))
			cpu_relax();
	}
}

/* --- the one that leads --- */

static bool wait_for_peer(void)
{
	u64 end = tsc_read() + ns_to_tsc(PATIENCE_NS);

	while (device.states[peer] != STREAM_READY && tsc_read() < end) {
		idle();
		halt_while_equal(&wakes, wakes);
	}
	return device.states[peer] == STREAM_READY;
}

/* One round trip in nanoseconds, 0: no answer. */
static u32 round_trip(void)
{
	u64 begin = tsc_read(), end = begin + ns_to_tsc(PATIENCE_NS);
	u32 seen = echoes;

	ivshmem_ring(&device, peer, STREAM_ECHO);
	while (echoes == seen && tsc_read() < end)
		halt_while_equal(&echoes, seen);
	return echoes == seen ? 0 : (u32)tsc_to_ns(tsc_read() - begin);
}

static void sort(u32 *values, u32 n)
{
	for (u32 i = 1; i < n; i++) {
		u32 value = values[i], j = i;

		for (; j && values[j - 1] > value; j--)
			values[j] = values[j - 1];
		values[j] = value;
	}
}

static void measure_doorbells(u32 rounds)
{
	u32 n = 0;

	while (n < rounds && (rounds_ns[n] = round_trip()))
		n++;
	if (n < rounds) {
		printk("ivshmem: peer %u is silent\n", peer);
		return;
	}
	sort(rounds_ns, n);
	printk("ivshmem: round trips %u: min %u p50 %u p90 %u p99 %u max %u ns\n", n, rounds_ns[0], rounds_ns[n / 2],
	       rounds_ns[n * 9 / 10], rounds_ns[n * 99 / 100], rounds_ns[n - 1]);
}

static void measure_stream(u64 bytes)
{
	u64 begin, end, left = bytes, sum = other->sum;

	own->head = other->tail;
	own->streaming = 1;
	ivshmem_ring(&device, peer, STREAM_WAKE);
	begin = tsc_read();
	end = begin + ns_to_tsc(PATIENCE_NS);
	while ((left || other->tail != own->head) && tsc_read() < end)
		left -= stream_write(own, other, left, &sum);
	end = tsc_read();
	own->streaming = 0;
	if (left || other->tail != own->head || other->sum != sum)
		printk("ivshmem: peer %u did not read what was written\n", peer);
	else
		printk("ivshmem: stream of %lu bytes in %lu us, sum is right\n", bytes, tsc_to_ns(end - begin) / 1000);
}

static void lead(void)
{
	u32 rounds = (u32)cmdline_int("rounds", 1000);

	if (!wait_for_peer()) {
		printk("ivshmem: peer %u is not there\n", peer);
		return;
	}
	measure_doorbells(rounds < ROUNDS_MAX ? rounds : ROUNDS_MAX);
	measure_stream((u64)cmdline_int("mib", 16) << 20);
}

void inmate_run(void)
{
	leads = cmdline_int("lead", -1) >= 0;
	peer = (u32)cmdline_int(leads ? "lead" : "follow", 0);
	if (!ivshmem_open(&device, 0, BARS) || device.vectors <= STREAM_ECHO || peer >= device.peers ||
	    device.output_bytes < STREAM_SECTION_BYTES) {
		printk("ivshmem: no device with two vectors, a peer %u and sections of %u bytes\n", peer,
		       STREAM_SECTION_BYTES);
		cell_stop(CELL_STATE_FAILED);
	}
	own = (volatile struct stream *)ivshmem_output(&device, device.id);
	other = (volatile struct stream *)ivshmem_output(&device, peer);
	own->streaming = 0;
	irq_handler_set(VECTOR_TIMER, timer);
	irq_handler_set(VECTOR_WAKE, wake);
	irq_handler_set(VECTOR_ECHO, echo);
	apic_timer_periodic(VECTOR_TIMER, TIMER_HZ);
	ivshmem_irq(&device, STREAM_WAKE, VECTOR_WAKE);
	ivshmem_irq(&device, STREAM_ECHO, VECTOR_ECHO);
	interrupts_enable();
	if (!leads)
		follow();
	lead();
	for (;;) {
		idle();
		halt_while_equal(&wakes, wakes);
	}
}
