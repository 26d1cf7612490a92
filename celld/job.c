/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Jobs: the ioctls of each operation in order, and what their errors mean.
 *
 * The module answers with plain errno values; the same number means different things at different steps, so each step
 * has its own translation. The module's last_error names the resource and becomes the text.
 */
#include <stdarg.h>

#include "cell-error.h"
#include "image.h"
#include "job.h"
#include "kmod.h"
#include "net.h"

_printf_(3, 4) static int fail(JobReply *reply, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(reply->text, sizeof(reply->text), format, ap);
	va_end(ap);
	return error;
}

/** kernel_reason - the module's sentence, or the error's own; static buffer */
static const char *kernel_reason(int error)
{
	static char buffer[384];
	_cleanup_free_ char *text = NULL;

	if (kmod_last_error(&text) < 0 || isempty(text))
		snprintf(buffer, sizeof(buffer), "%s", strerror(-error));
	else
		snprintf(buffer, sizeof(buffer), "%s", text);
	return buffer;
}

static int open_device(JobReply *reply)
{
	int fd = kmod_open();

	if (fd >= 0)
		return fd;
	reply->locked_out = fd == -EPERM || fd == -EACCES;
	if (reply->locked_out)
		return fail(reply, fd, "Cannot open the hypervisor's device: %s", strerror(-fd));
	return fail(reply, -CELL_EUNAVAILABLE, "The kernel module is not loaded");
}

/** look - take what the kernel says of @name now into the reply. Return: 0, -CELL_EUNAVAILABLE, -CELL_EDISABLED */
static int look(const char *name, JobReply *reply)
{
	_cleanup_free_ KernelCell *cells = NULL;
	size_t n = 0;
	int r;

	reply->known = false;
	reply->cell = (KernelCell){ .id = -1 };
	r = net_snapshot(&reply->info, &cells, &n);
	if (r < 0)
		return fail(reply, r, "Cannot read the state of the hypervisor: %s", strerror(-r));
	reply->known = true;
	for (size_t i = 0; name && i < n; i++)
		if (streq(cells[i].name, name))
			reply->cell = cells[i];
	if (!reply->info.present)
		return fail(reply, -CELL_EUNAVAILABLE, "The kernel module is not loaded");
	if (!reply->info.enabled)
		return fail(reply, -CELL_EDISABLED, "The hypervisor is not enabled");
	return 0;
}

/** locked_by_other - is there another cell that has locked the configuration? */
static bool locked_by_other(const char *name)
{
	_cleanup_free_ KernelCell *cells = NULL;
	KernelInfo info;
	size_t n = 0;

	if (net_snapshot(&info, &cells, &n) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (cells[i].id > 0 && cells[i].state == KERNEL_RUNNING_LOCKED && !streq(cells[i].name, name))
			return true;
	return false;
}

static KmodConsent consent_of(const JobPlan *plan, bool force)
{
	uint64_t ms = plan->shutdown_timeout_usec == USEC_INFINITY ? UINT32_MAX : plan->shutdown_timeout_usec / 1000;

	return (KmodConsent){
		.deadline_ms = force ? 1 : (uint32_t)MIN(MAX(ms, 1U), UINT32_MAX),
		.force = force,
	};
}

/** A step that needs the consent of a running cell. */
typedef int (*Step)(int fd, const JobPlan *plan, const KmodConsent *consent, void *data);

/** with_consent - do a step as the plan says: ask, ask and then force, or force */
static int with_consent(int fd, const JobPlan *plan, Step step, void *data, JobReply *reply)
{
	bool force = plan->consent == JOB_CONSENT_FORCE;
	KmodConsent consent = consent_of(plan, force);
	int r;

	r = step(fd, plan, &consent, data);
	if (force || (r != -EPERM && r != -ETIMEDOUT) || locked_by_other(plan->name))
		return r;

	reply->objection = r == -EPERM ? CELL_RESULT_SHUTDOWN_DENIED : CELL_RESULT_TIMEOUT;
	if (plan->consent == JOB_CONSENT_ASK)
		return r;
	consent = consent_of(plan, true);
	return step(fd, plan, &consent, data);
}

static int step_load(int fd, const JobPlan *plan, const KmodConsent *consent, void *data)
{
	const ImageSet *set = data;

	return kmod_cell_load(fd, plan->name, consent, set->images, set->n);
}

static int step_start(int fd, const JobPlan *plan, const KmodConsent *consent, _unused_ void *data)
{
	return kmod_cell_start(fd, plan->name, consent);
}

static int step_destroy(int fd, const JobPlan *plan, const KmodConsent *consent, _unused_ void *data)
{
	return kmod_cell_destroy(fd, plan->name, consent);
}

/** fail_consent - the errors that all steps with consent share; @otherwise for the rest */
static int fail_consent(JobReply *reply, const JobPlan *plan, int error, int otherwise, const char *what)
{
	const char *reason = kernel_reason(error);

	switch (error) {
	case -EPERM:
		if (reply->objection != CELL_RESULT_SHUTDOWN_DENIED)
			return fail(reply, -CELL_ELOCKED, "Another cell has locked the configuration: %s", reason);
		reply->result = CELL_RESULT_SHUTDOWN_DENIED;
		return fail(reply, -CELL_EDENIED, "Cell %s refuses to shut down", plan->name);
	case -ETIMEDOUT:
		reply->result = CELL_RESULT_TIMEOUT;
		return fail(reply, -CELL_ETIMEOUT, "Cell %s did not answer the shutdown request in time", plan->name);
	case -ENOENT:
		return fail(reply, -CELL_ENOTRUNNING, "Cell %s is not there any more", plan->name);
	default:
		return fail(reply, otherwise, "Cannot %s cell %s: %s", what, plan->name, reason);
	}
}

static int create(int fd, const JobPlan *plan, JobReply *reply)
{
	_cleanup_free_ uint8_t *blob = NULL;
	size_t size;
	int r;

	r = cell_config_to_blob(plan->config, &blob, &size);
	if (r < 0) {
		reply->result = CELL_RESULT_CONFIG;
		return fail(reply, -CELL_ECONFIG, "The configuration of %s does not fit: %s", plan->name, strerror(-r));
	}

	/* A resource that is in use now, or a locked configuration, is not the fault of this cell: no result. */
	r = kmod_cell_create(fd, blob, size);
	switch (r) {
	case 0:
		return 0;
	case -EBUSY:
		return fail(reply, -CELL_ECONFLICT, "Cannot create cell %s: %s", plan->name, kernel_reason(r));
	case -EEXIST:
		return fail(reply, -CELL_EEXISTS, "Cannot create cell %s: %s", plan->name, kernel_reason(r));
	case -EPERM:
		return fail(reply, -CELL_ELOCKED, "Cannot create cell %s: %s", plan->name, kernel_reason(r));
	case -EINVAL:
	case -ERANGE:
	case -E2BIG:
		reply->result = CELL_RESULT_CONFIG;
		return fail(reply, -CELL_ECONFIG, "Cannot create cell %s: %s", plan->name, kernel_reason(r));
	default:
		return fail(reply, r, "Cannot create cell %s: %s", plan->name, kernel_reason(r));
	}
}

/** load_and_start - of a created cell, whatever it does at the moment */
static int load_and_start(int fd, const JobPlan *plan, JobReply *reply)
{
	_cleanup_images_ ImageSet set = { 0 };
	_cleanup_free_ char *text = NULL;
	int r;

	/* Before anything is asked of the cell: a missing file must not cost the running one. */
	r = image_set_open(plan->config, plan->fallback, &set, &text);
	if (r < 0) {
		reply->result = CELL_RESULT_LOAD_FAILED;
		return fail(reply, r == -ENOMEM ? r : -CELL_EIMAGE, "%s", text ?: strerror(-r));
	}
	r = with_consent(fd, plan, step_load, &set, reply);
	if (r < 0) {
		reply->result = CELL_RESULT_LOAD_FAILED;
		return fail_consent(reply, plan, r, r == -EINVAL ? -CELL_EIMAGE : r, "load");
	}
	reply->images = set.stamp;
	r = with_consent(fd, plan, step_start, NULL, reply);
	if (r < 0) {
		reply->result = CELL_RESULT_CELL_FAILED;
		return fail_consent(reply, plan, r, r, "start");
	}
	return 0;
}

/** take_back - what a failed start has made */
static void take_back(int fd, const JobPlan *plan)
{
	KmodConsent force = consent_of(plan, true);

	if (!plan->created || plan->ours)
		(void)kmod_cell_destroy(fd, plan->name, &force);
}

static int run_start(int fd, const JobPlan *plan, JobReply *reply)
{
	int r;

	if (!plan->config)
		return fail(reply, -CELL_ECONFIG, "Cell %s has no configuration", plan->name);
	if (plan->created && !plan->ours && plan->operation == CELL_OPERATION_CREATE)
		return fail(reply, -CELL_EEXISTS, "Cell %s exists already", plan->name);
	if (!plan->created) {
		r = create(fd, plan, reply);
		if (r < 0)
			return r;
		reply->created = true;
	}
	if (plan->operation == CELL_OPERATION_CREATE)
		return 0;
	r = load_and_start(fd, plan, reply);
	if (r < 0)
		take_back(fd, plan);
	return r;
}

static int run_stop(int fd, const JobPlan *plan, JobReply *reply)
{
	int r = with_consent(fd, plan, step_destroy, NULL, reply);

	/* Gone already is as good as destroyed. */
	if (r == -ENOENT || r >= 0)
		return 0;
	return fail_consent(reply, plan, r, r, "destroy");
}

int job_run(const JobPlan *plan, JobReply *ret)
{
	_cleanup_close_ int fd = -EBADF;
	JobReply after = { 0 };
	JobPlan adjusted = *plan;
	int r, seen;

	*ret = (JobReply){ .cell.id = -1 };
	fd = open_device(ret);
	if (fd < 0)
		return fd;
	r = look(plan->name, ret);
	if (r < 0)
		return r;
	adjusted.created = ret->cell.id >= 0;

	r = plan->operation == CELL_OPERATION_STOP ? run_stop(fd, &adjusted, ret) : run_start(fd, &adjusted, ret);
	seen = look(plan->name, &after);
	ret->known = after.known;
	ret->info = after.info;
	ret->cell = after.cell;
	if (r < 0 || after.known || plan->operation == CELL_OPERATION_STOP)
		return r;
	/* What cannot be seen cannot be supervised. */
	take_back(fd, &adjusted);
	return fail(ret, seen, "%s", after.text);
}

int job_enable(const SystemConfig *system, JobReply *ret)
{
	_cleanup_close_ int fd = -EBADF;
	_cleanup_free_ uint8_t *blob = NULL;
	size_t size;
	int r;

	*ret = (JobReply){ .cell.id = -1 };
	fd = open_device(ret);
	if (fd < 0)
		return fd;
	r = look(NULL, ret);
	if (r >= 0)
		return fail(ret, -CELL_ERUNNING, "The hypervisor is enabled already");
	if (r != -CELL_EDISABLED)
		return r;

	r = system_config_to_blob(system, &blob, &size);
	if (r < 0)
		return fail(ret, -CELL_ECONFIG, "The system configuration does not fit: %s", strerror(-r));
	r = kmod_enable(fd, blob);
	if (r < 0) {
		const char *reason = kernel_reason(r);

		(void)look(NULL, ret);
		if (r == -EINVAL || r == -ERANGE || r == -E2BIG)
			return fail(ret, -CELL_ECONFIG, "Cannot enable the hypervisor: %s", reason);
		return fail(ret, r == -ENODEV || r == -EIO ? -CELL_EUNAVAILABLE : r, "Cannot enable the hypervisor: %s",
			    reason);
	}
	return look(NULL, ret);
}

static int destroy_all(int fd, JobConsent consent, uint64_t shutdown_timeout_usec, JobReply *ret)
{
	_cleanup_free_ KernelCell *cells = NULL;
	KernelInfo info;
	size_t n = 0;
	int r;

	r = net_snapshot(&info, &cells, &n);
	if (r < 0)
		return fail(ret, r, "Cannot read the state of the hypervisor: %s", strerror(-r));
	for (size_t i = 0; i < n; i++) {
		JobPlan plan = {
			.operation = CELL_OPERATION_STOP,
			.name = cells[i].name,
			.consent = consent,
			.shutdown_timeout_usec = shutdown_timeout_usec,
		};

		if (cells[i].id == 0)
			continue;
		r = run_stop(fd, &plan, ret);
		if (r < 0)
			return r;
	}
	return 0;
}

int job_disable(JobConsent consent, uint64_t shutdown_timeout_usec, JobReply *ret)
{
	_cleanup_close_ int fd = -EBADF;
	int r;

	*ret = (JobReply){ .cell.id = -1 };
	fd = open_device(ret);
	if (fd < 0)
		return fd;
	r = look(NULL, ret);
	if (r < 0)
		return r == -CELL_EDISABLED ? 0 : r;
	r = destroy_all(fd, consent, shutdown_timeout_usec, ret);
	if (r < 0)
		return r;
	r = kmod_disable(fd);
	if (r < 0)
		return fail(ret, r, "Cannot disable the hypervisor: %s", kernel_reason(r));
	r = look(NULL, ret);
	return r == -CELL_EDISABLED ? 0 : r;
}
