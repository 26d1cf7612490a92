/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Watching: one CLOCK_MONOTONIC timer a watched cell.
 */
#include <inttypes.h>

#include "celld-messages.h"
#include "clock.h"
#include "console.h"
#include "kmod.h"
#include "log.h"
#include "react.h"
#include "watch.h"

#define ACCURACY_USEC USEC_PER_MSEC

struct CellWatch {
	sd_event_source *timer;
	int32_t mapped_id; /**< whose page Cell.comm is, < 0: nobody's */
	bool told_unmapped;
};

static CellWatch *get_watch(Cell *c)
{
	if (!c->watch) {
		c->watch = calloc(1, sizeof(*c->watch));
		if (c->watch)
			c->watch->mapped_id = -1;
	}
	return c->watch;
}

static void unmap(Cell *c)
{
	kmod_unmap_page(c->comm);
	c->comm = NULL;
	c->watch->mapped_id = -1;
}

void watch_map(Cell *c)
{
	CellWatch *w = get_watch(c);
	int r;

	if (!w || w->mapped_id == c->kernel.id)
		return;
	unmap(c);
	if (!cell_is_created(c)) {
		watch_free(c);
		return;
	}
	r = kmod_map_comm((uint32_t)c->kernel.id, &c->comm);
	if (r >= 0)
		w->mapped_id = c->kernel.id;
	else if (!w->told_unmapped)
		log_cell(c, LOG_WARNING, NULL, "Cannot read the communication page, heartbeats are not watched: %s",
			 strerror(-r));
	w->told_unmapped = r < 0;
}

void watch_free(Cell *c)
{
	if (!c->watch)
		return;
	watch_stop(c);
	unmap(c);
	free(c->watch);
	c->watch = NULL;
}

int watch_sample(const Cell *c, HeartbeatSample *ret)
{
	if (!c->comm)
		return -ENODATA;
	heartbeat_sample(c->comm, ret);
	return 0;
}

static void lost(Cell *c)
{
	uint64_t last = c->heartbeat.last_usec;

	watch_stop(c);
	cell_set_health(c, CELL_HEALTH_LOST);
	cell_set_result(c, CELL_RESULT_HEARTBEAT_TIMEOUT);
	console_note_end(c);
	if (last > 0)
		log_cell(c, LOG_ERR, CELLD_MESSAGE_HEARTBEAT_LOST, "Heartbeat is lost: silent for %s.",
			 FORMAT_USEC((clock_monotonic() - last) / 1000 * 1000));
	else
		log_cell(c, LOG_ERR, CELLD_MESSAGE_HEARTBEAT_LOST, "Heartbeat is lost: no beat since the start %s ago.",
			 FORMAT_USEC((clock_monotonic() - c->heartbeat.start_usec) / 1000 * 1000));
	if (c->host->heartbeat_lost)
		c->host->heartbeat_lost(c, last, c->host->userdata);
	react_ended(c, CELL_RESULT_HEARTBEAT_TIMEOUT);
}

static int on_time(sd_event_source *timer, _unused_ uint64_t usec, void *userdata)
{
	Cell *c = userdata;
	const SupervisionPolicy *policy = cell_policy(c);
	HeartbeatSample sample;
	CellHealth health;

	if (watch_sample(c, &sample) < 0)
		return 0;
	health = heartbeat_judge(&c->heartbeat, policy, &sample, clock_monotonic());
	if (health == CELL_HEALTH_LOST && watch_sample(c, &sample) >= 0)
		/* A beat that came while celld was thinking still counts. */
		health = heartbeat_judge(&c->heartbeat, policy, &sample, clock_monotonic());
	if (health == CELL_HEALTH_LOST) {
		lost(c);
		return 0;
	}

	if (health != c->health) {
		log_cell(c, LOG_DEBUG, NULL, "Heartbeat is %s.", cell_health_to_string(health));
		cell_set_health(c, health);
		cell_flush(c);
	}
	(void)sd_event_source_set_time(timer, heartbeat_next(&c->heartbeat, policy));
	(void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
	return 0;
}

void watch_start(Cell *c)
{
	CellWatch *w = get_watch(c);
	uint64_t next;
	int r;

	watch_stop(c);
	watch_map(c);
	if (!w || !c->comm)
		return;
	heartbeat_start(&c->heartbeat, clock_monotonic());
	next = heartbeat_next(&c->heartbeat, cell_policy(c));
	r = sd_event_add_time(c->host->event, &w->timer, CLOCK_MONOTONIC, next, ACCURACY_USEC, on_time, c);
	if (r < 0)
		log_cell(c, LOG_ERR, NULL, "Cannot watch the heartbeat: %s", strerror(-r));
}

void watch_stop(Cell *c)
{
	if (c->watch)
		c->watch->timer = sd_event_source_disable_unref(c->watch->timer);
	cell_set_health(c, CELL_HEALTH_NONE);
}
