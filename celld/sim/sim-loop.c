/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The loop of a simulated celld, measured: stands in for sd_event_loop() by the linker's --wrap.
 *
 * A turn is what happens between two looks at what is next, a handler as a rule. CPU time does not depend on what else
 * the machine does; neither does the time by the clock less that in which the thread was ready but another one had the
 * CPU, or waited for the lock of the pretended kernel.
 */
#include <fcntl.h>
#include <systemd/sd-event.h>

#include "clock.h"
#include "sim.h"

typedef struct Instant {
	uint64_t clock_nsec, cpu_nsec, waited_nsec;
} Instant;

static uint64_t nsec(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

/** waited - for a CPU since the start, from schedstat; 0 where the kernel does not tell */
static uint64_t waited(void)
{
	static int fd = -EBADF;
	unsigned long long ran, waited = 0;
	char text[64] = "";

	if (fd < 0)
		fd = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
	if (pread(fd, text, sizeof(text) - 1, 0) <= 0 || sscanf(text, "%llu %llu", &ran, &waited) != 2)
		return 0;
	return waited;
}

static Instant now(void)
{
	return (Instant){ nsec(CLOCK_MONOTONIC), nsec(CLOCK_THREAD_CPUTIME_ID), waited() + sim_lock_waited_nsec };
}

static void count(SimLoop *loop, const Instant *begin)
{
	Instant end = now();
	uint64_t cpu = (end.cpu_nsec - begin->cpu_nsec) / 1000;
	uint64_t clock = end.clock_nsec - begin->clock_nsec, other = end.waited_nsec - begin->waited_nsec;
	uint64_t blocked = clock > other ? (clock - other) / 1000 : 0;

	loop->turns++;
	loop->longest_usec = MAX(loop->longest_usec, cpu);
	loop->longest_blocked_usec = MAX(loop->longest_blocked_usec, blocked);
	loop->buckets[MIN(cpu / SIM_LOOP_BUCKET_USEC, SIM_LOOP_BUCKETS - 1U)]++;
}

/* The names are the linker's. */
int __wrap_sd_event_loop(sd_event *event); /* NOLINT */

int __wrap_sd_event_loop(sd_event *event) /* NOLINT */
{
	SimLoop *loop = &sim_open()->loop;
	Instant begin = now();
	int code, r;

	while (sd_event_get_state(event) != SD_EVENT_FINISHED) {
		r = sd_event_prepare(event);
		count(loop, &begin);
		if (r == 0)
			r = sd_event_wait(event, UINT64_MAX);
		begin = now();
		if (r > 0)
			r = sd_event_dispatch(event);
		if (r < 0)
			return r;
	}
	r = sd_event_get_exit_code(event, &code);
	return r < 0 ? r : code;
}
