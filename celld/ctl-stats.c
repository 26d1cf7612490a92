/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl stats: counters of VM exits, once or again and again with their rate.
 */
#include <inttypes.h>
#include <time.h>

#include "cellctl.h"

typedef struct Sample {
	json_object *counters;
	uint64_t time_usec;
} Sample;

static void sample_done(Sample *sample)
{
	json_object_put(sample->counters);
}

static int take_sample(Ctl *ctl, const char *name, Sample *ret)
{
	_cleanup_free_ char *path = ctl_cell_path(name), *what = NULL;
	_cleanup_message_ sd_bus_message *reply = NULL;
	struct timespec now;
	int r;

	if (!path || asprintf(&what, "read the counters of %s", name) < 0)
		return ctl_error("Out of memory");
	r = ctl_call(ctl, what, path, CTL_CELL_INTERFACE, "GetStatistics", &reply, NULL);
	if (r != CTL_OK)
		return r;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ret->time_usec = (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
	r = ctl_json_read(reply, &ret->counters);
	return r < 0 ? ctl_bus_failure(what, NULL, r) : CTL_OK;
}

/** counters_to_rows - for ctl_table(): one object a counter; with the rate since @before if that has counters */
static json_object *counters_to_rows(const Sample *before, const Sample *sample)
{
	json_object *rows = json_object_new_array();

	json_object_object_foreach (sample->counters, name, value) {
		json_object *row = json_object_new_object();
		uint64_t now = json_object_get_uint64(value), then = now,
			 elapsed = sample->time_usec - before->time_usec;

		json_object_object_add(row, "Counter", json_object_new_string(name));
		json_object_object_add(row, "Sum", json_object_get(value));
		if (before->counters) {
			then = ctl_number(before->counters, name);
			/* a restarted cell counts from 0 again */
			json_object_object_add(row, "PerSecond",
					       json_object_new_uint64(now < then || elapsed == 0
									      ? 0
									      : (now - then) * USEC_PER_SEC / elapsed));
		}
		json_object_array_add(rows, row);
	}
	return rows;
}

static int print_sample(Ctl *ctl, const Sample *before, const Sample *sample)
{
	static const CtlColumn columns[] = {
		{ "COUNTER", "Counter", false },
		{ "SUM", "Sum", true },
		{ "PER SEC", "PerSecond", true },
	};
	_cleanup_object_ json_object *rows = NULL;

	if (ctl->json != CTL_JSON_OFF)
		return ctl_json_print(ctl, sample->counters);
	rows = counters_to_rows(before, sample);
	return ctl_table(ctl, columns, before->counters ? 3 : 2, rows, "counter");
}

int verb_stats(Ctl *ctl, char **arguments)
{
	_cleanup_(sample_done) Sample before = { 0 };
	struct timespec pause = {
		.tv_sec = (time_t)(ctl->interval_usec / USEC_PER_SEC),
		.tv_nsec = (long)(ctl->interval_usec % USEC_PER_SEC) * 1000,
	};

	for (;;) {
		Sample sample = { 0 };
		int r = take_sample(ctl, arguments[0], &sample);

		if (r == CTL_OK && (ctl->interval_usec == 0 || before.counters || ctl->json != CTL_JSON_OFF))
			r = print_sample(ctl, &before, &sample);
		sample_done(&before);
		before = sample;
		if (r != CTL_OK || ctl->interval_usec == 0)
			return r;
		fflush(ctl->out);
		nanosleep(&pause, NULL);
	}
}
