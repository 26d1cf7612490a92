/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Operations in this process instead of a child's, at the next turn of the loop: much faster, and what they run is seen
 * by the fuzzer. Stands in for celld/operation.c.
 */
#include "operation.h"

struct Operation {
	sd_event_source *source;
	OperationWork work;
	void *work_data;
	OperationDone done;
	void *done_data;
};

Operation *operation_free(Operation *o)
{
	if (!o)
		return NULL;
	sd_event_source_disable_unref(o->source);
	free(o);
	return NULL;
}

static int on_turn(_unused_ sd_event_source *source, void *userdata)
{
	Operation *o = userdata;
	OperationDone done = o->done;
	void *done_data = o->done_data;
	_cleanup_free_ char *reply = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&reply, &size);
	int error;

	if (!f)
		abort();
	error = o->work(o->work_data, f);
	fclose(f);
	operation_free(o);
	done(done_data, error, reply, size);
	return 0;
}

int operation_start(sd_event *event, OperationWork work, void *work_data, _unused_ uint64_t timeout_usec,
		    OperationDone done, void *done_data, Operation **ret)
{
	Operation *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	*o = (Operation){ .work = work, .work_data = work_data, .done = done, .done_data = done_data };
	r = sd_event_add_defer(event, &o->source, on_turn, o);
	if (r < 0) {
		free(o);
		return r;
	}
	if (ret)
		*ret = o;
	return 0;
}
