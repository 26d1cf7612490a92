// SPDX-License-Identifier: GPL-2.0-only
/*
 * read() of /dev/jailhouse: the hypervisor's console ring, with a cursor for each open file.
 *
 * A round is the time from one enabling to the next. What the ring held when a round ended is kept until the next one
 * begins, and delivered once per open file.
 */
#include "kmod.h"

#include <linux/delay.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define POLL_INTERVAL (HZ / 10)
#define SNAPSHOT_TRIES 100

/* Under hv_lock. */
static unsigned int round;	     /* 0: never enabled */
static struct hv_console_ring *last; /* of the round that is over, NULL: none or not to be shown */

/* Copy the ring at a moment when nobody writes to it. */
static bool console_snapshot(const struct hv_console_ring *ring, struct hv_console_ring *copy)
{
	int try;

	for (try = 0; try < SNAPSHOT_TRIES; try++) {
		if (!ring->busy) {
			copy->tail = ring->tail;
			smp_rmb();
			memcpy(copy->content, ring->content, sizeof(copy->content));
			smp_rmb();
			if (!ring->busy && ring->tail == copy->tail)
				return true;
		}
		usleep_range(10, 50);
	}
	return false;
}

/* Bytes from the cursor on go to @buf, which has room for the ring. Return: how many. */
static size_t console_fetch(struct opened *o, const struct hv_console_ring *ring, char *buf, size_t size)
{
	u32 pending = ring->tail - o->cursor, i;

	if (pending > HV_CONSOLE_BYTES) {
		o->cursor += pending - HV_CONSOLE_BYTES;
		return min_t(size_t, size,
			     sprintf(buf, "<missed %u bytes of console log>\n", pending - HV_CONSOLE_BYTES));
	}
	pending = min_t(size_t, pending, size);
	for (i = 0; i < pending; i++)
		buf[i] = ring->content[o->cursor++ % HV_CONSOLE_BYTES];
	return pending;
}

/* Return: bytes in @buf, 0: nothing new, -EAGAIN: not enabled. */
static ssize_t console_step(struct opened *o, struct hv_console_ring *ring, char *buf, size_t size)
{
	ssize_t ret;

	if (o->round != round) {
		o->round = round;
		o->cursor = 0;
		o->over = false;
	}
	if (hv.enabled) {
		if (!(hv.flags & CELL_SYSTEM_VIRTUAL_CONSOLE))
			return -EPERM;
		return console_snapshot(hv.console, ring) ? console_fetch(o, ring, buf, size) : 0;
	}
	if (!last || o->over)
		return -EAGAIN;
	ret = console_fetch(o, last, buf, size);
	if (ret)
		return ret;
	o->over = true;
	return -EAGAIN;
}

/**
 * console_read - read() of the device: at most HV_CONSOLE_BYTES, or a line that tells how much was lost
 * @file: open device, with the cursor
 * @buf: in user space
 * @size: of it, bytes
 * @pos: not used
 *
 * Return: bytes; 0 nothing new and O_NONBLOCK; -EAGAIN not enabled and O_NONBLOCK; -EPERM no virtual console
 * configured; -EINTR; -EFAULT; -ENOMEM.
 */
ssize_t console_read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
	struct opened *o = file->private_data;
	struct hv_console_ring *ring;
	char *text;
	ssize_t ret;

	size = min_t(size_t, size, HV_CONSOLE_BYTES);
	if (!size)
		return 0;
	/* The ring, and the same again for the text. */
	ring = kmalloc(sizeof(*ring) + HV_CONSOLE_BYTES, GFP_KERNEL);
	if (!ring)
		return -ENOMEM;
	text = (char *)(ring + 1);

	for (;;) {
		ret = -EINTR;
		if (mutex_lock_interruptible(&hv_lock))
			break;
		ret = console_step(o, ring, text, size);
		mutex_unlock(&hv_lock);
		if ((ret && ret != -EAGAIN) || file->f_flags & O_NONBLOCK)
			break;
		ret = -EINTR;
		schedule_timeout_interruptible(POLL_INTERVAL);
		if (signal_pending(current))
			break;
	}
	if (ret > 0 && copy_to_user(buf, text, ret))
		ret = -EFAULT;
	kfree(ring);
	return ret;
}

/** console_show - Return: bytes of the ring in @buf, a page; 0 not enabled; -EPERM, -EINTR, -ENOMEM as read() */
ssize_t console_show(char *buf)
{
	struct hv_console_ring *ring;
	struct opened all = {};
	ssize_t ret = 0;

	ring = kmalloc(sizeof(*ring), GFP_KERNEL);
	if (!ring)
		return -ENOMEM;
	if (mutex_lock_interruptible(&hv_lock)) {
		ret = -EINTR;
	} else {
		if (hv.enabled && !(hv.flags & CELL_SYSTEM_VIRTUAL_CONSOLE)) {
			ret = -EPERM;
		} else if (hv.enabled && console_snapshot(hv.console, ring)) {
			all.cursor = ring->tail > HV_CONSOLE_BYTES ? ring->tail - HV_CONSOLE_BYTES : 0;
			ret = console_fetch(&all, ring, buf, HV_CONSOLE_BYTES);
		}
		mutex_unlock(&hv_lock);
	}
	kfree(ring);
	return ret;
}

/** console_attach - a new round begins; Context: hv_lock */
void console_attach(void)
{
	kfree(last);
	last = NULL;
	round++;
}

/** console_save - keep what the ring holds; Context: hv_lock, no hypervisor runs, its memory is still mapped */
void console_save(void)
{
	if (hv.flags & CELL_SYSTEM_VIRTUAL_CONSOLE)
		last = kmemdup(hv.console, sizeof(*last), GFP_KERNEL);
}

/** console_exit - forget it; Context: no open files */
void console_exit(void)
{
	kfree(last);
}
