/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How two peers of an ivshmem link measure each other: what they keep in their output sections, and a stream of words.
 *
 * One leads: it rings vector STREAM_ECHO, which the other returns, and writes into its ring while "streaming" is set.
 * The one that follows reads, adds up, and tells how far it got. Both count from the start of the cell that follows.
 */
#ifndef DEMOS_STREAM_H
#define DEMOS_STREAM_H

#include <stdint.h>

#define STREAM_WAKE 0 /**< vector: look at "streaming" again; changes of states come by it, too */
#define STREAM_ECHO 1
#define STREAM_READY 2 /**< state of a peer that follows */
#define STREAM_OFFSET 0x1000
#define STREAM_RING_BYTES 0x20000U
#define STREAM_SECTION_BYTES (STREAM_OFFSET + STREAM_RING_BYTES)
#define STREAM_STEP_BYTES 0x4000U

/** struct stream - at the start of an output section; the ring is at STREAM_OFFSET */
struct stream {
	uint64_t streaming;
	uint64_t head; /**< bytes written, by the one that leads */
	uint64_t tail; /**< bytes read, by the one that follows */
	uint64_t sum;  /**< of the words read */
};

static inline volatile uint64_t *stream_ring(const volatile struct stream *s)
{
	return (volatile uint64_t *)((uintptr_t)s + STREAM_OFFSET);
}

/** stream_write - write what fits, at most @left bytes; returns how much, and adds the words to *sum */
static inline uint64_t stream_write(volatile struct stream *own, const volatile struct stream *other, uint64_t left,
				    uint64_t *sum)
{
	uint64_t head = own->head, space = STREAM_RING_BYTES - (head - other->tail), done = 0;

	if (space > STREAM_RING_BYTES)
		return 0; /* the other one is confused */
	for (; done < space && done < left && done < STREAM_STEP_BYTES; done += sizeof(uint64_t)) {
		uint64_t word = (head + done) * 0x9e3779b97f4a7c15ULL;

		stream_ring(own)[(head + done) % STREAM_RING_BYTES / sizeof(word)] = word;
		*sum += word;
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	own->head = head + done;
	return done;
}

/** stream_read - read what there is; returns how much */
static inline uint64_t stream_read(volatile struct stream *own, const volatile struct stream *other)
{
	uint64_t tail = own->tail, there = other->head - tail, done = 0, sum = own->sum;

	if (there > STREAM_RING_BYTES)
		return 0;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	for (; done < there && done < STREAM_STEP_BYTES; done += sizeof(uint64_t))
		sum += stream_ring(other)[(tail + done) % STREAM_RING_BYTES / sizeof(sum)];
	own->sum = sum;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	own->tail = tail + done;
	return done;
}

#endif
