/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measures, inside the test machine, how long it takes until the world knows, and until the cell lives again.
 *
 * All times are CLOCK_MONOTONIC: of a violation as the hypervisor has stamped it (the signal tells), of beats as the
 * communication page shows them, which is looked at all the time.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "comm.h"

#define NAME "org.jailhouse.Cell"
#define PATH "/org/jailhouse/Cell/cell/rtos"
#define DEVICE "/dev/jailhouse"
#define LINE "/dev/ttyS3" /**< what is written here, the cell receives */
#define PAGE_BYTES 4096
#define SAMPLES_MAX 10000
#define LOOK_USEC 50
#define PATIENCE_USEC 120000000ULL

static sd_bus *bus;
static const volatile struct cell_heartbeat *heartbeat;
static int line;
static uint64_t seen_usec, happened_usec; /* of the last Failed signal */

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void must(int r, const char *what)
{
	if (r < 0)
		errx(1, "%s: %s", what, strerror(-r));
}

/** on_failed - Failed(s result, a{sv} details) */
static int on_failed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *key;
	uint64_t now = now_usec();

	(void)userdata, (void)error;
	must(sd_bus_message_skip(m, "s"), "signal");
	must(sd_bus_message_enter_container(m, 'a', "{sv}"), "signal");
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		must(sd_bus_message_read(m, "s", &key), "detail");
		if (strcmp(key, "time_usec") == 0) {
			must(sd_bus_message_read(m, "v", "t", &happened_usec), "time_usec");
			seen_usec = now;
		} else {
			must(sd_bus_message_skip(m, "v"), "detail");
		}
		must(sd_bus_message_exit_container(m), "detail");
	}
	return 0;
}

static uint64_t property(const char *name, char type)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	uint64_t value = 0;

	/* Little endian: a narrow value is in the low bytes. */
	if (sd_bus_get_property_trivial(bus, NAME, PATH, NAME, name, &error, type, &value) < 0)
		errx(1, "%s: %s", name, error.message);
	return value;
}

static void press(char key)
{
	if (write(line, &key, 1) != 1)
		err(1, LINE);
}

static void check_patience(uint64_t since_usec, const char *what)
{
	if (now_usec() - since_usec > PATIENCE_USEC)
		errx(1, "waited too long for %s", what);
}

/** beats - so far, 0: none since the start */
static uint64_t beats(void)
{
	return heartbeat->magic == CELL_HEARTBEAT_MAGIC ? heartbeat->counter : 0;
}

static void wait_for_beats(uint64_t number)
{
	uint64_t start = now_usec();

	while (beats() < number) {
		usleep(LOOK_USEC);
		check_patience(start, "beats");
	}
}

/** measure_violation - from the violation to its signal */
static uint64_t measure_violation(void)
{
	uint64_t start = now_usec();
	int r;

	seen_usec = 0;
	press('m');
	while (!seen_usec) {
		r = sd_bus_process(bus, NULL);
		must(r, "bus");
		if (r == 0 && !seen_usec)
			must(sd_bus_wait(bus, 1000000), "bus");
		check_patience(start, "the signal");
	}
	while (beats() > 0 && heartbeat->counter >= 2) {
		usleep(LOOK_USEC);
		check_patience(start, "the restart");
	}
	return seen_usec - happened_usec;
}

/** measure_silence - from the moment at which a beat was missed for too long, to the first beat after the restart */
static uint64_t measure_silence(uint64_t timeout_usec)
{
	uint64_t start = now_usec(), count = beats(), last = start, next;

	press('b');
	for (;;) {
		next = beats();
		if (next > count)
			last = now_usec();
		else if (next < count)
			break;
		count = next;
		usleep(LOOK_USEC);
		check_patience(start, "the restart");
	}
	wait_for_beats(1);
	return now_usec() - last - timeout_usec;
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void print_series(const char *what, int64_t *samples, size_t n)
{
	static const unsigned percents[] = { 0, 50, 90, 99, 100 };

	qsort(samples, n, sizeof(*samples), compare);
	printf("%-44s %4zu", what, n);
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
		printf(" %8.2f", (double)samples[(n - 1) * percents[i] / 100] / 1000);
	printf("\n");
	fflush(stdout);
}

static void set_up(void)
{
	int device = open(DEVICE, O_RDWR | O_CLOEXEC);
	char *page;

	must(sd_bus_open_system(&bus), "bus");
	must(sd_bus_match_signal(bus, NULL, NAME, PATH, NAME, "Failed", on_failed, NULL), "match");
	if (device < 0)
		err(1, DEVICE);
	page = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, device, (off_t)property("Id", 'u') * PAGE_BYTES);
	if (page == MAP_FAILED)
		err(1, "communication page");
	heartbeat = (const void *)(page + CELL_HEARTBEAT_OFFSET);
	line = open(LINE, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (line < 0)
		err(1, LINE);
}

int main(int argc, char *argv[])
{
	static int64_t samples[SAMPLES_MAX];
	size_t violations = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	size_t silences = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	uint64_t timeout_usec;
	struct timespec tick;

	if (!violations || !silences || violations > SAMPLES_MAX || silences > SAMPLES_MAX)
		errx(2, "usage: %s VIOLATIONS SILENCES", argv[0]);
	set_up();
	timeout_usec = property("HeartbeatTimeoutUSec", 't');
	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	printf("A timer tick of Linux is %ld ms. All times in ms.\n\n", tick.tv_nsec / 1000000);
	printf("%-44s %4s %8s %8s %8s %8s %8s\n", "", "N", "min", "median", "p90", "p99", "max");

	for (size_t i = 0; i < violations; i++) {
		wait_for_beats(2);
		samples[i] = (int64_t)measure_violation();
	}
	print_series("violation to Failed signal", samples, violations);
	for (size_t i = 0; i < silences; i++) {
		wait_for_beats(2);
		samples[i] = (int64_t)measure_silence(timeout_usec);
	}
	print_series("missed heartbeat to first beat after restart", samples, silences);
	return 0;
}
