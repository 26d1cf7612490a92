// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asking a cell before something is done to it: the hypervisor posts the request and never waits, so we do.
 */
#include "kmod.h"

#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>

#include "hypercall.h"

static const char *consent_call_name(u32 call)
{
	switch (call) {
	case CELL_HC_CELL_START:
		return "start";
	case CELL_HC_CELL_SET_LOADABLE:
		return "shutdown";
	default:
		return "destroy";
	}
}

/* A caller of the compatible interface has no options; then the cell's own configuration says if silence counts. */
static bool consent_may_force(const struct kcell *kc, u32 options)
{
	return options & (JAILHOUSE_OPT_FORCE | KCELL_OPT_IF_SILENT) || (!options && kc->config->msg_reply_timeout);
}

/*
 * With cells_lock, so that whoever samples the state word sees the call's effect and the call's event, or neither. The
 * pages of a destroyed cell are nobody's.
 */
static int consent_call(struct kcell *kc, u32 call, u32 force)
{
	int err;

	mutex_lock(&cells_lock);
	err = hypercall_cell(call, kcell_id(kc), force);
	if (!err && call == CELL_HC_CELL_DESTROY)
		comm_withdraw_locked(kc);
	mutex_unlock(&cells_lock);
	return err;
}

/*
 * Repeat the call until the cell has answered, the deadline is over or the caller is killed. @refusals is left as
 * refused() wants it: others may have been refused something in between.
 */
static int consent_wait(struct kcell *kc, u32 call, u32 options, u64 *refusals)
{
	u32 ms = options & JAILHOUSE_OPT_DEADLINE_MS;
	ktime_t deadline = ktime_add_ms(ktime_get(), ms ? ms : JAILHOUSE_DEADLINE_DEFAULT_MS);
	int err;

	for (;;) {
		*refusals = event_refusals();
		err = consent_call(kc, call, 0);
		if (err != -EAGAIN)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		if (ktime_after(ktime_get(), deadline))
			return -ETIMEDOUT;
		/* kc->busy keeps the cell, and the hypervisor, while others do their work. */
		mutex_unlock(&hv_lock);
		usleep_range(500, 1000);
		mutex_lock(&hv_lock);
	}
}

/**
 * kcell_ask - start, set loadable or destroy a cell, with its consent or without
 * @kc: taken by kcell_take()
 * @call: CELL_HC_CELL_START, _SET_LOADABLE or _DESTROY
 * @options: JAILHOUSE_OPT_*, KCELL_OPT_*
 *
 * Silence is waited for, up to the deadline. A refusal is not: with JAILHOUSE_OPT_FORCE it is overruled at once.
 *
 * Context: hv_lock, which is dropped meanwhile.
 * Return: 0; -ETIMEDOUT; -EPERM the cell refused, or another one is locked; -EINTR killed; -ENOMEM... of the
 * hypervisor.
 */
int kcell_ask(struct kcell *kc, u32 call, u32 options)
{
	u64 refusals;
	int err;

	err = consent_wait(kc, call, options, &refusals);
	if ((err == -ETIMEDOUT && consent_may_force(kc, options)) || (err == -EPERM && options & JAILHOUSE_OPT_FORCE)) {
		pr_info("cell %s: %s without its consent (%s)\n", kcell_name(kc), consent_call_name(call),
			err == -EPERM ? "it refused" : "it did not answer");
		refusals = event_refusals();
		err = consent_call(kc, call, CELL_HC_FORCE);
	}
	if (err == -ETIMEDOUT)
		return refuse(err, "cell %s: %s: it did not answer in time", kcell_name(kc), consent_call_name(call));
	if (err == -EINTR)
		return err;
	if (err)
		return refused(err, refusals, consent_call_name(call), kcell_name(kc));
	event_drain();
	return 0;
}
