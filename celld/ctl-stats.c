/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cellctl stats: counters of VM exits, once or again and again with their rate; on a terminal see ctl-stats-live.c.
 */
#include <inttypes.h>
#include <time.h>

#include "ctl-stats.h"

void ctl_sample_done(CtlSample *sample)
{
	json_object_put(sample->cpus);
}

void ctl_sample_replace(CtlSample *before, CtlSample *last, CtlSample *newer)
{
	ctl_sample_done(before);
	*before = *last;
	*last = *newer;
}

int ctl_sample_take(Ctl *ctl, const char *cell, CtlSample *ret)
{
	_cleanup_free_ char *path = ctl_cell_path(cell), *what = NULL;
	_cleanup_message_ sd_bus_message *reply = NULL;
	struct timespec now;
	int r;

	if (!path || asprintf(&what, "read the counters of %s", cell) < 0)
		return ctl_error("Out of memory");
	r = ctl_call(ctl, what, path, CTL_CELL_INTERFACE, "GetCPUStatistics", &reply, NULL);
	if (r != CTL_OK)
		return r;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ret->time_usec = (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
	r = ctl_json_read(reply, &ret->cpus);
	return r < 0 ? ctl_bus_failure(what, NULL, r) : CTL_OK;
}

/** cpu_number - of the n-th CPU of a sample */
static int64_t cpu_number(const CtlSample *sample, size_t n)
{
	return json_object_get_int64(json_object_array_get_idx(json_object_array_get_idx(sample->cpus, n), 0));
}

int64_t ctl_sample_next_cpu(const CtlSample *sample, int64_t cpu)
{
	size_t n = json_object_array_length(sample->cpus);

	for (size_t i = 0; i < n; i++)
		if (cpu_number(sample, i) > cpu)
			return cpu_number(sample, i);
	return n > 0 ? cpu_number(sample, 0) : -1;
}

/** counters_of - of one CPU, or summed over all if @cpu < 0; NULL: there is no such CPU, or nothing was taken */
static json_object *counters_of(const CtlSample *sample, int64_t cpu)
{
	json_object *sums = NULL;

	for (size_t i = 0; sample->cpus && i < json_object_array_length(sample->cpus); i++) {
		if (cpu >= 0 && cpu_number(sample, i) != cpu)
			continue;
		sums = sums ?: json_object_new_object();
		json_object_object_foreach (json_object_array_get_idx(json_object_array_get_idx(sample->cpus, i), 1),
					    name, value)
			json_object_object_add(
				sums, name,
				json_object_new_uint64(ctl_number(sums, name) + json_object_get_uint64(value)));
	}
	return sums;
}

/** counters_to_rows - for ctl_table(): one object a counter; with the rate if it was @then @elapsed_usec ago */
static json_object *counters_to_rows(json_object *then, json_object *now, uint64_t elapsed_usec)
{
	json_object *rows = json_object_new_array();

	json_object_object_foreach (now, name, value) {
		json_object *row = json_object_new_object();
		uint64_t sum = json_object_get_uint64(value), before = ctl_number(then, name);

		json_object_object_add(row, "Counter", json_object_new_string(name));
		json_object_object_add(row, "Sum", json_object_get(value));
		/* Those of a cell that was created again count from 0. */
		if (then && elapsed_usec > 0)
			json_object_object_add(
				row, "PerSecond",
				json_object_new_uint64(sum < before ? 0
								    : (sum - before) * USEC_PER_SEC / elapsed_usec));
		json_object_array_add(rows, row);
	}
	return rows;
}

int ctl_sample_print(const Ctl *ctl, const char *cell, const CtlSample *before, const CtlSample *sample)
{
	static const CtlColumn columns[] = {
		{ "COUNTER", "Counter", false },
		{ "SUM", "Sum", true },
		{ "PER SEC", "PerSecond", true },
	};
	_cleanup_object_ json_object *then = before ? counters_of(before, ctl->cpu) : NULL,
				     *now = counters_of(sample, ctl->cpu), *rows = NULL;

	if (!now)
		return ctl_error("%s has no CPU %" PRIi64, cell, ctl->cpu);
	if (ctl->json != CTL_JSON_OFF)
		return ctl_json_print(ctl, now);
	rows = counters_to_rows(then, now, before ? sample->time_usec - before->time_usec : 0);
	return ctl_table(ctl, columns, before ? 3 : 2, rows, "counter");
}

/** print_again_and_again - from the second sample on, which is the first with a rate; JSON has no rates */
static int print_again_and_again(Ctl *ctl, const char *cell)
{
	_cleanup_(ctl_sample_done) CtlSample before = { 0 }, last = { 0 };
	struct timespec pause = {
		.tv_sec = (time_t)(ctl->interval_usec / USEC_PER_SEC),
		.tv_nsec = (long)(ctl->interval_usec % USEC_PER_SEC) * 1000,
	};

	for (;;) {
		CtlSample sample = { 0 };
		int r = ctl_sample_take(ctl, cell, &sample);

		ctl_sample_replace(&before, &last, &sample);
		if (r == CTL_OK && (before.cpus || ctl->json != CTL_JSON_OFF))
			r = ctl_sample_print(ctl, cell, &before, &last);
		if (r != CTL_OK)
			return r;
		fflush(ctl->out);
		nanosleep(&pause, NULL);
	}
}

/** is_watched - does somebody sit at a terminal that can do more than add lines? */
static bool is_watched(const Ctl *ctl)
{
	const char *term = getenv("TERM");

	return ctl->json == CTL_JSON_OFF && ctl->out == stdout && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) &&
	       !isempty(term) && !streq(term, "dumb");
}

int verb_stats(Ctl *ctl, char **arguments)
{
	_cleanup_(ctl_sample_done) CtlSample sample = { 0 };
	int r;

	if (is_watched(ctl))
		return ctl_stats_live(ctl, arguments[0]);
	if (ctl->interval_usec > 0)
		return print_again_and_again(ctl, arguments[0]);
	r = ctl_sample_take(ctl, arguments[0], &sample);
	return r == CTL_OK ? ctl_sample_print(ctl, arguments[0], NULL, &sample) : r;
}
