/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Jobs: what is done to a cell or to the hypervisor, step by step, in the child of an operation.
 *
 * A job either does all of it or puts back what it took: one that created the cell and fails later destroys it again.
 * The reply carries what the kernel says of the cell afterwards, so nobody has to ask.
 */
#ifndef CELLD_JOB_H
#define CELLD_JOB_H

#include "cell.h"

/** How a running cell is treated. */
typedef enum JobConsent {
	JOB_CONSENT_ASK,	    /**< ask; a refusal ends the job */
	JOB_CONSENT_ASK_THEN_FORCE, /**< ask, and go on in any case when the time is up */
	JOB_CONSENT_FORCE,	    /**< do not ask */
} JobConsent;

typedef struct JobPlan {
	CellOperation operation;
	const char *name;
	const CellConfig *config; /**< for create, start and restart */
	bool created;		  /**< it holds its resources already */
	bool ours;		  /**< even if it is there already: a failed start takes it back */
	bool fallback;		  /**< load the fallback program */
	JobConsent consent;
	uint64_t shutdown_timeout_usec;
} JobPlan;

#define JOB_TEXT_BYTES 512

/** Answer of a job, through the pipe. */
typedef struct JobReply {
	CellResult result;    /**< for a failure that ends a run: config, load-failed, shutdown-denied, timeout */
	CellResult objection; /**< the cell was asked, and: shutdown-denied, timeout; with success: it was forced */
	bool locked_out;      /**< the device is there, but the sandbox of this process hides it */
	bool known;	      /**< info and cell are set */
	KernelInfo info;      /**< afterwards */
	KernelCell cell;      /**< afterwards; id < 0: not created */
	bool created;	      /**< by this job */
	uint64_t images;      /**< stamp of what it has loaded, 0: nothing */
	char text[JOB_TEXT_BYTES]; /**< on failure: a sentence without stop */
} JobReply;

/** job_run - do it. Context: child of an operation. Return: 0, -CELL_E*, other -errno */
int job_run(const JobPlan *plan, JobReply *ret);

/** job_enable - build the system's blob and enable the hypervisor; -CELL_ERUNNING if it is enabled already */
int job_enable(const SystemConfig *system, JobReply *ret);

/** job_disable - shut down and destroy every cell, then disable; 0 if it is disabled already */
int job_disable(JobConsent consent, uint64_t shutdown_timeout_usec, JobReply *ret);

#endif
