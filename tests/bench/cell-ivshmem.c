/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Root's end of an ivshmem link, by the driver uio_ivshmem: does what its arguments say, one after the other.
 *
 * The device stays open meanwhile: when the last program closes it, the driver sets its state to 0.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "inmates/demos/stream.h"
#include "ivshmem.h"

#define CLASS "/sys/class/uio"
#define PATIENCE_SEC 60
#define PATIENCE_MSEC (PATIENCE_SEC * 1000)
#define ROUNDS_MAX 100000

/* In the order in which the driver offers them to mmap(). */
typedef struct Map {
	const char *name;
	bool writable;
	uint8_t *start;
	size_t size;
} Map;

static Map registers = { "registers", true, NULL, 0 }, state_table = { "state_table", false, NULL, 0 },
	   rw_section = { "rw_section", true, NULL, 0 }, sections = { "output_sections", false, NULL, 0 },
	   own_section = { "output_section", true, NULL, 0 };
static Map *const maps[] = { &registers, &state_table, &rw_section, &sections, &own_section };
static int device;

/* --- the device --- */

static bool read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return true;
}

/** find_device - number of the first one of ours */
static unsigned find_device(void)
{
	char path[128], text[64];

	for (unsigned i = 0; i < 32; i++) {
		snprintf(path, sizeof(path), CLASS "/uio%u/name", i);
		if (read_text(path, text, sizeof(text)) && strcmp(text, "uio_ivshmem") == 0)
			return i;
	}
	errx(1, "there is no ivshmem device: is the hypervisor enabled, and uio_ivshmem loaded?");
}

static void map_one(unsigned uio, unsigned index, const char *name, size_t size)
{
	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++) {
		Map *map = maps[i];
		int rights = PROT_READ | (map->writable ? PROT_WRITE : 0);

		if (strcmp(map->name, name) != 0)
			continue;
		map->size = size;
		map->start = mmap(NULL, size, rights, MAP_SHARED, device, (off_t)index * getpagesize());
		if (map->start == MAP_FAILED)
			err(1, "uio%u: %s", uio, name);
	}
}

static void open_device(void)
{
	unsigned uio = find_device();
	char path[128], name[64], size[64];

	snprintf(path, sizeof(path), "/dev/uio%u", uio);
	device = open(path, O_RDWR | O_CLOEXEC);
	if (device < 0)
		err(1, "%s", path);
	for (unsigned i = 0;; i++) {
		snprintf(path, sizeof(path), CLASS "/uio%u/maps/map%u/name", uio, i);
		if (!read_text(path, name, sizeof(name)))
			break;
		snprintf(path, sizeof(path), CLASS "/uio%u/maps/map%u/size", uio, i);
		if (read_text(path, size, sizeof(size)))
			map_one(uio, i, name, strtoull(size, NULL, 0));
	}
}

static uint32_t get_register(unsigned offset)
{
	return *(volatile uint32_t *)(registers.start + offset);
}

static void set_register(unsigned offset, uint32_t value)
{
	*(volatile uint32_t *)(registers.start + offset) = value;
}

static uint32_t state_of(uint32_t peer)
{
	return ((volatile uint32_t *)state_table.start)[peer];
}

static void enable(void)
{
	uint32_t on = 1;

	if (write(device, &on, sizeof(on)) != sizeof(on))
		err(1, "enabling interrupts");
}

/** wait_interrupt - how many there have been in total; -1: none came */
static int64_t wait_interrupt(int timeout_msec)
{
	struct pollfd p = { .fd = device, .events = POLLIN };
	uint32_t count;

	if (poll(&p, 1, timeout_msec) <= 0)
		return -1;
	if (read(device, &count, sizeof(count)) != sizeof(count))
		err(1, "waiting for an interrupt");
	return count;
}

static void ring(uint32_t peer, uint32_t vector)
{
	set_register(IVSHMEM_DOORBELL, peer << 16 | vector);
}

/* What came before is no answer to what is asked next. */
static void forget_interrupts(void)
{
	set_register(IVSHMEM_INTERRUPT, 0);
	while (wait_interrupt(0) >= 0)
		;
}

/* --- arguments --- */

/** numbers - @n of them with colons between; returns what is behind */
static const char *numbers(const char *text, unsigned n, uint32_t *ret_values)
{
	for (unsigned i = 0; i < n; i++) {
		char *end;

		errno = 0;
		ret_values[i] = (uint32_t)strtoul(text, &end, 0);
		if (errno || end == text || (*end != ':' && *end != '\0'))
			errx(1, "\"%s\": expected %u numbers with colons between", text, n);
		text = *end ? end + 1 : end;
	}
	return text;
}

static void do_info(const char *argument)
{
	(void)argument;
	printf("peer %u of %u, states", get_register(IVSHMEM_ID), get_register(IVSHMEM_MAX_PEERS));
	for (uint32_t peer = 0; peer < get_register(IVSHMEM_MAX_PEERS); peer++)
		printf(" %u", state_of(peer));
	printf(", rw section %zu bytes, output sections %zu, own %zu\n", rw_section.size, sections.size,
	       own_section.size);
}

static void do_state(const char *argument)
{
	uint32_t value;

	numbers(argument, 1, &value);
	set_register(IVSHMEM_STATE, value);
}

static void do_await(const char *argument)
{
	uint32_t v[2];
	time_t end = time(NULL) + PATIENCE_SEC;

	numbers(argument, 2, v);
	while (state_of(v[0]) != v[1]) {
		if (time(NULL) > end)
			errx(1, "the state of peer %u is %u", v[0], state_of(v[0]));
		usleep(10000);
	}
}

static void do_enable(const char *argument)
{
	(void)argument;
	enable();
}

static void do_ring(const char *argument)
{
	uint32_t v[2];

	numbers(argument, 2, v);
	ring(v[0], v[1]);
}

static void do_wait(const char *argument)
{
	(void)argument;
	if (wait_interrupt(PATIENCE_MSEC) < 0)
		errx(1, "no interrupt");
	printf("interrupt\n");
}

static void do_silence(const char *argument)
{
	(void)argument;
	printf(wait_interrupt(500) < 0 ? "silence\n" : "interrupt\n");
}

static uint8_t *inside(const Map *map, uint32_t offset, uint32_t size)
{
	if (offset > map->size || size > map->size - offset)
		errx(1, "%s ends at %zu", map->name, map->size);
	return map->start + offset;
}

static void do_put(const char *argument)
{
	uint32_t offset;
	const char *text = numbers(argument, 1, &offset);

	memcpy(inside(&own_section, offset, (uint32_t)strlen(text) + 1), text, strlen(text) + 1);
}

static void do_word(const char *argument)
{
	uint32_t v[2];

	numbers(argument, 2, v);
	printf("0x%x\n",
	       *(volatile uint32_t *)inside(&sections, v[0] * (uint32_t)own_section.size + v[1], sizeof(uint32_t)));
}

static void do_rw(const char *argument)
{
	uint32_t offset;

	numbers(argument, 1, &offset);
	printf("0x%x\n", *(volatile uint32_t *)inside(&rw_section, offset, sizeof(uint32_t)));
}

/* --- measurements --- */

static uint64_t now_nsec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint32_t round_trip(uint32_t peer)
{
	uint64_t begin = now_nsec();

	enable();
	ring(peer, STREAM_ECHO);
	if (wait_interrupt(PATIENCE_MSEC) < 0)
		errx(1, "peer %u is silent", peer);
	return (uint32_t)(now_nsec() - begin);
}

static void do_rounds(const char *argument)
{
	static uint32_t nsec[ROUNDS_MAX];
	uint32_t v[2];

	numbers(argument, 2, v);
	if (!v[1] || v[1] > ROUNDS_MAX)
		errx(1, "1 to %u rounds", ROUNDS_MAX);
	forget_interrupts();
	for (uint32_t i = 0; i < v[1]; i++)
		nsec[i] = round_trip(v[0]);
	qsort(nsec, v[1], sizeof(*nsec), compare);
	printf("round trips %u: min %u p50 %u p90 %u p99 %u max %u ns\n", v[1], nsec[0], nsec[v[1] / 2],
	       nsec[v[1] * 9 / 10], nsec[v[1] * 99 / 100], nsec[v[1] - 1]);
}

static void do_stream(const char *argument)
{
	uint32_t v[2];
	volatile struct stream *own = (volatile struct stream *)inside(&own_section, 0, STREAM_SECTION_BYTES), *other;
	uint64_t begin, end, left, bytes, sum;

	numbers(argument, 2, v);
	other = (volatile struct stream *)inside(&sections, v[0] * (uint32_t)own_section.size, STREAM_SECTION_BYTES);
	bytes = left = (uint64_t)v[1] << 20;
	sum = other->sum;
	own->head = other->tail;
	own->streaming = 1;
	ring(v[0], STREAM_WAKE);
	begin = now_nsec();
	end = begin + PATIENCE_SEC * 1000000000ULL;
	while ((left || other->tail != own->head) && now_nsec() < end)
		left -= stream_write(own, other, left, &sum);
	end = now_nsec();
	own->streaming = 0;
	if (left || other->tail != own->head || other->sum != sum)
		errx(1, "peer %u did not read what was written", v[0]);
	printf("stream of %" PRIu64 " bytes in %" PRIu64 " us, sum is right\n", bytes, (end - begin) / 1000);
}

static const struct {
	const char *name, *arguments, *help;
	void (*run)(const char *argument);
} actions[] = {
	{ "info", "", "what the device is, and the states of all peers", do_info },
	{ "state", "=VALUE", "set the own state", do_state },
	{ "await", "=PEER:VALUE", "wait until the state of a peer is this", do_await },
	{ "enable", "", "let the next interrupt come", do_enable },
	{ "ring", "=PEER:VECTOR", "interrupt a peer", do_ring },
	{ "wait", "", "wait for an interrupt", do_wait },
	{ "silence", "", "is there none within half a second?", do_silence },
	{ "put", "=OFFSET:TEXT", "write into the own section", do_put },
	{ "word", "=PEER:OFFSET", "read 32 bits of a peer's section", do_word },
	{ "rw", "=OFFSET", "read 32 bits of what all may write", do_rw },
	{ "rounds", "=PEER:NUMBER", "measure doorbells to a peer and back", do_rounds },
	{ "stream", "=PEER:MIB", "measure memory that a peer reads", do_stream },
};

static __attribute__((noreturn)) void usage(void)
{
	puts("cell-ivshmem ACTION...\n\nThe end of an ivshmem link that root has.\n\nActions:");
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		printf("  %s%-*s%s\n", actions[i].name, 22 - (int)strlen(actions[i].name), actions[i].arguments,
		       actions[i].help);
	exit(0);
}

static void act(const char *word)
{
	size_t length = strcspn(word, "=");

	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (strlen(actions[i].name) == length && strncmp(actions[i].name, word, length) == 0) {
			actions[i].run(word[length] ? word + length + 1 : "");
			return;
		}
	errx(1, "\"%s\" is no action", word);
}

int main(int argc, char *argv[])
{
	if (argc < 2 || strcmp(argv[1], "--help") == 0)
		usage();
	setvbuf(stdout, NULL, _IOLBF, 0);
	open_device();
	for (int i = 1; i < argc; i++)
		act(argv[i]);
	return 0;
}
