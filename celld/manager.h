/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manager: all cells, the state of the hypervisor, and the events that change them. Knows no D-Bus; the bus hooks
 * in.
 *
 * manager.c keeps the set of cells and their configuration, manager-define.c writes definitions, manager-kernel.c
 * follows the kernel, manager-hypervisor.c enables and disables.
 */
#ifndef CELLD_MANAGER_H
#define CELLD_MANAGER_H

#include <systemd/sd-event.h>

#include "cell.h"
#include "job.h"
#include "net.h"
#include "operation.h"

typedef enum HypervisorState {
	HYPERVISOR_ABSENT, /**< no kernel module */
	HYPERVISOR_DISABLED,
	HYPERVISOR_ENABLED,
	HYPERVISOR_STATE_MAX,
	HYPERVISOR_STATE_INVALID = -EINVAL,
} HypervisorState;

DECLARE_STRING_TABLE(hypervisor_state, HypervisorState);

/** What the bus wants to know; members may be NULL. None may act on cells at once. */
typedef struct ManagerHooks {
	void (*cell_new)(Cell *cell, void *userdata);
	void (*cell_removed)(Cell *cell, void *userdata);
	void (*cell_changed)(Cell *cell, unsigned changed, void *userdata);
	void (*cell_failed)(Cell *cell, CellResult result, void *userdata);
	void (*restart_scheduled)(Cell *cell, unsigned attempt, uint64_t delay_usec, void *userdata);
	void (*heartbeat_lost)(Cell *cell, uint64_t last_usec, void *userdata);
	void (*hypervisor_changed)(void *userdata);
	void (*reboot)(Cell *cell, void *userdata); /**< for this cell's failure */
	void *userdata;
} ManagerHooks;

typedef void (*ManagerDone)(int error, const char *text, void *userdata);
typedef struct ManagerDefinition ManagerDefinition;
typedef struct ManagerQuestion ManagerQuestion;

typedef struct Manager {
	sd_event *event;
	Net *net;
	ManagerHooks hooks;
	CellHost host; /**< what our cells are told */
	char *runtime_dir;
	char *console_dir;

	Cell **cells; /**< sorted by name */
	size_t n_cells;
	void (*status_changed)(void *userdata); /**< manager_status() may have something new to say; may be NULL */
	void *status_userdata;
	sd_event_source *collector; /**< takes away cells that nothing is left of */

	SystemConfig *system; /**< NULL: no (valid) file */
	char *system_error;

	HypervisorState hypervisor;
	KernelInfo info;
	char root_name[KERNEL_CELL_NAME_BYTES];

	Operation *look; /**< a new look at everything is on its way */
	bool look_again; /**< and will be outdated when it arrives */

	Operation *answer;	    /**< a look for those who asked about cells */
	ManagerQuestion *asked;	    /**< that it answers */
	ManagerQuestion *questions; /**< that came later */

	Operation *switching; /**< enabling or disabling */
	bool switch_on;
	JobConsent switch_consent;
	ManagerDone switch_done;
	void *switch_userdata;
	int switch_code; /**< how the last one ended */
	char *switch_error;

	ManagerDefinition *definitions; /**< that are being written or removed */
	char *define_state_dir;		/**< parts of the search path */
	char *define_runtime_dir;
} Manager;

int manager_new(sd_event *event, Manager **ret);
Manager *manager_free(Manager *m);
DEFINE_CLEANUP(Manager *, manager_free)

/** manager_startup - load the configuration, listen, adopt what exists. Blocks: before the loop runs */
int manager_startup(Manager *m);

/** manager_set_hooks - who hears of changes from now on */
void manager_set_hooks(Manager *m, const ManagerHooks *hooks);

/** manager_find - the cell of that name, or NULL */
Cell *manager_find(const Manager *m, const char *name);

/** manager_get - the same, after a look for a new configuration file of that name. Return: 0, -CELL_ENOSUCHCELL, -errno
 */
int manager_get(Manager *m, const char *name, Cell **ret);

/** manager_get_by_cpu - the created cell that has this CPU. Return: 0, -CELL_ENOSUCHCELL */
int manager_get_by_cpu(const Manager *m, uint32_t cpu, Cell **ret);

/** manager_add - a cell with this name, new or not */
int manager_add(Manager *m, const char *name, Cell **ret);

/** manager_is_outdated - has the cell's configuration or an image changed since it was made from them? Looks at the
 * files
 */
bool manager_is_outdated(const Cell *cell);

/** manager_reload - read all configuration again; cells that hold resources keep theirs */
int manager_reload(Manager *m);

/**
 * manager_enable, manager_disable - do it here and now, without the unit
 *
 * Return: 0 if the job has begun; then @done is called. -CELL_EBUSY, -CELL_ECONFIG with m->system_error, -errno.
 */
int manager_enable(Manager *m, ManagerDone done, void *userdata);
int manager_disable(Manager *m, JobConsent consent, ManagerDone done, void *userdata);

/**
 * manager_define - check a configuration as a whole, and keep it as the cell's file
 * @runtime: until the machine is booted, instead of for good
 * @ret_text: set with some errors: a sentence, or all problems as lines; allocated
 *
 * A cell that holds resources keeps its configuration until it has given them back, as with manager_reload().
 *
 * Return: 0 if it is being written; then @done is called. -EINVAL no name of a cell; -CELL_ECONFIG; -CELL_EEXISTS: a
 * file in another folder would count instead; -CELL_ENOTSUPPORTED: nothing is read from the folder; -CELL_EBUSY,
 * -errno.
 */
int manager_define(Manager *m, const char *name, const char *json, bool runtime, ManagerDone done, void *userdata,
		   char **ret_text);

/**
 * manager_undefine - remove what manager_define() has written
 * @runtime: only what does not outlive a boot
 *
 * Return: 0 if it is under way; then @done is called. -CELL_EBUSY: the cell holds resources or is about to;
 * -CELL_ENOTSUPPORTED: it is defined elsewhere, as @ret_text says; -errno.
 */
int manager_undefine(Manager *m, const Cell *cell, bool runtime, ManagerDone done, void *userdata, char **ret_text);

/** manager_forget - do not call back with this @userdata */
void manager_forget(Manager *m, const void *userdata);

/** manager_set_info - newest word on the hypervisor */
void manager_set_info(Manager *m, const KernelInfo *info);

/** manager_resync - look at everything again, soon */
void manager_resync(Manager *m);

/** ManagerCounted - the @n CPUs of a cell, or @error */
typedef void (*ManagerCounted)(int error, const KernelCpu *cpus, size_t n, void *userdata);

/** manager_count - ask the kernel for the counters of a cell; @done is called later */
int manager_count(Manager *m, const char *name, ManagerCounted done, void *userdata);

/** manager_status - one line for people, static buffer */
const char *manager_status(const Manager *m);

/* Inside the manager. */
int manager_load_configs(Manager *m);
int manager_load_system(Manager *m);
void manager_refresh(Manager *m, Cell *cell);
void manager_definitions_free(Manager *m);
void manager_questions_free(Manager *m);

/** manager_describe - the problems, or else the error, as lines without the last newline; allocated */
char *manager_describe(const ConfigProblems *problems, int error);
int manager_follow_kernel(Manager *m); /**< subscribe, and take in what there is */
void manager_adopt(Manager *m);

#endif
