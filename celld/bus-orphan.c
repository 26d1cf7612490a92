/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Orphans: cells whose supervisor has gone away, and not come back yet.
 *
 * If it crashed, systemd starts another one, which takes the cell over. But when it was killed while its unit was being
 * stopped nobody comes, and nobody has stopped the cell. The unit tells which: celld asks systemd until it is clear.
 */
#include "action.h"
#include "bus-core.h"
#include "log.h"

#define PERIOD_USEC USEC_PER_SEC

/** The questions, in this order. */
static const struct {
	const char *interface;
	const char *property;
} questions[] = {
	{ BUS_UNIT_UNIT, "ActiveState" },
	{ BUS_UNIT_SERVICE, "Result" },
	{ BUS_UNIT_SERVICE, "Restart" },
};

typedef struct Inquiry {
	Bus *bus;
	sd_bus_slot *slot;
	char *cell;
	char *answers[ELEMENTSOF(questions)];
	size_t n_answers;
} Inquiry;

BusOrphanVerdict bus_orphan_judge(const char *active, const char *result, const char *restart)
{
	static const char *const killed[] = { "signal", "core-dump", "watchdog", "timeout", NULL };
	static const char *const restarting[] = { "always", "on-failure", "on-abnormal", NULL };

	if (streq(active, "inactive"))
		return BUS_ORPHAN_STOP;
	if (!streq(active, "failed"))
		return BUS_ORPHAN_WAIT;
	/* It would have been restarted, had the stop not been wanted. */
	if (strv_contains((char *const *)(uintptr_t)killed, result) &&
	    strv_contains((char *const *)(uintptr_t)restarting, restart))
		return BUS_ORPHAN_STOP;
	return BUS_ORPHAN_LEAVE;
}

static void inquiry_free(Inquiry *q)
{
	sd_bus_slot_unref(q->slot);
	for (size_t i = 0; i < ELEMENTSOF(q->answers); i++)
		free(q->answers[i]);
	free(q->cell);
	q->bus->inquiry = NULL;
	free(q);
}

static void conclude(const Inquiry *q)
{
	Cell *c = manager_find(q->bus->manager, q->cell);

	if (!c || !c->left_by_unit || c->job)
		return;
	switch (bus_orphan_judge(q->answers[0], q->answers[1], q->answers[2])) {
	case BUS_ORPHAN_WAIT:
		break;
	case BUS_ORPHAN_LEAVE:
		c->left_by_unit = false;
		break;
	case BUS_ORPHAN_STOP:
		c->left_by_unit = false;
		log_cell(c, LOG_NOTICE, NULL, "The unit was stopped without its supervisor's help, stopping the cell.");
		if (action_stop(c, JOB_CONSENT_ASK_THEN_FORCE, NULL, NULL) < 0)
			(void)action_reset_failed(c);
		break;
	}
}

static int ask(Inquiry *q);

static int on_answer(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *ignored)
{
	Inquiry *q = userdata;
	const char *answer;

	q->slot = sd_bus_slot_unref(q->slot);
	if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read(reply, "v", "s", &answer) < 0 ||
	    !(q->answers[q->n_answers++] = strdup(answer))) {
		/* Without systemd there are no units either. */
		inquiry_free(q);
		return 0;
	}
	if (q->n_answers == ELEMENTSOF(questions))
		conclude(q);
	else if (ask(q) >= 0)
		return 0;
	inquiry_free(q);
	return 0;
}

static int ask(Inquiry *q)
{
	return bus_unit_ask(q->bus, &q->slot, q->cell, questions[q->n_answers].interface,
			    questions[q->n_answers].property, on_answer, q);
}

static void inquire(Bus *bus, const Cell *c)
{
	Inquiry *q = calloc(1, sizeof(*q));

	if (!q)
		return;
	bus->inquiry = q;
	q->bus = bus;
	q->cell = strdup(c->name);
	if (!q->cell || ask(q) < 0)
		inquiry_free(q);
}

/** next_orphan - in turn, so that one that waits does not hide the others */
static Cell *next_orphan(Bus *bus)
{
	const Manager *m = bus->manager;

	for (size_t i = 0; i < m->n_cells; i++) {
		Cell *c = m->cells[(bus->orphan_turn + i) % m->n_cells];

		if (!c->left_by_unit)
			continue;
		bus->orphan_turn = (bus->orphan_turn + i + 1) % m->n_cells;
		return c;
	}
	return NULL;
}

static int on_time(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	Bus *bus = userdata;
	const Cell *c = next_orphan(bus);

	if (!c)
		return 0;
	if (!bus->inquiry && !c->job)
		inquire(bus, c);
	bus_orphan_look(bus);
	return 0;
}

void bus_orphan_look(Bus *bus)
{
	if (!bus->orphan_timer) {
		(void)sd_event_add_time_relative(bus->manager->event, &bus->orphan_timer, CLOCK_MONOTONIC, PERIOD_USEC,
						 0, on_time, bus);
		return;
	}
	if (sd_event_source_get_enabled(bus->orphan_timer, NULL) > 0)
		return;
	(void)sd_event_source_set_time_relative(bus->orphan_timer, PERIOD_USEC);
	(void)sd_event_source_set_enabled(bus->orphan_timer, SD_EVENT_ONESHOT);
}

void bus_orphan_done(Bus *bus)
{
	bus->orphan_timer = sd_event_source_disable_unref(bus->orphan_timer);
	if (bus->inquiry)
		inquiry_free(bus->inquiry);
}
