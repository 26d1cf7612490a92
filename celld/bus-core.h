/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * celld on the bus: one connection, the manager object, an object for each cell.
 *
 * bus-manager.c and bus-cell.c hold the vtables and verbs, bus-request.c a call's way through authorisation,
 * bus-unit.c the jobs of systemd, bus-errors.c the names of errors. The reviewed contract is the XML in bus/.
 */
#ifndef CELLD_BUS_CORE_H
#define CELLD_BUS_CORE_H

#include <systemd/sd-bus.h>

#include "manager.h"

#define BUS_NAME "org.jailhouse.Cell"
#define BUS_PATH "/org/jailhouse/Cell"
#define BUS_CELL_PREFIX "/org/jailhouse/Cell/cell"
#define BUS_INTERFACE_MANAGER "org.jailhouse.Cell.Manager"
#define BUS_INTERFACE_CELL "org.jailhouse.Cell"
#define BUS_API_VERSION 1

#define BUS_FLAG_FORCE 1U
#define BUS_FLAG_WRITABLE 1U /**< of OpenConsole */
#define BUS_FLAG_RUNTIME 2U
#define BUS_FLAG_NO_UNIT 4U
#define BUS_FLAG_NO_BLOCK 8U

typedef struct Bus Bus;
typedef struct BusRequest BusRequest;
typedef struct BusVerb BusVerb;

struct Bus {
	Manager *manager;
	sd_bus *bus;
	BusRequest *requests;	 /**< calls that wait for something */
	bool named;		 /**< the name is ours */
	struct Inquiry *inquiry; /**< bus-orphan.c */
	sd_event_source *orphan_timer;
	size_t orphan_turn;
	sd_bus_slot *inhibit_call; /**< bus-inhibit.c */
	int inhibit_fd;
	bool inhibit_refused;
	void (*ready)(void *userdata);
	void (*lost)(void *userdata);
	void *userdata;
};

/**
 * bus_new - connect, and ask for the name
 * @ready: the name is ours
 * @lost: the connection or the name is gone; free the object then
 */
int bus_new(Manager *manager, void (*ready)(void *userdata), void (*lost)(void *userdata), void *userdata, Bus **ret);
Bus *bus_free(Bus *bus);
DEFINE_CLEANUP(Bus *, bus_free)

/* bus-errors.c */

/** bus_error_set - @error from an errno of cell-error.h or of the system; @text: NULL or "" for a general sentence.
 * Return: < 0 */
int bus_error_set(sd_bus_error *error, int code, const char *cell, const char *text);

/** bus_error_name - the name of a CELL_E* (negative or not), NULL for others */
const char *bus_error_name(int code);

/** bus_error_for_cell - the same with what celld knows of the cell as text */
int bus_error_for_cell(sd_bus_error *error, int code, const Cell *cell, const char *text);

/* bus-request.c */

/** Arguments of methods, in this order. */
enum {
	BUS_TAKES_CELL = 1 << 0, /**< the name of a cell; only the manager's methods read it */
	BUS_TAKES_JSON = 1 << 1, /**< a configuration; the cell need not exist */
	BUS_TAKES_FLAGS = 1 << 2,
	BUS_TAKES_OPTIONS = 1 << 3,  /**< a{sv} of Supervise */
	BUS_TAKES_WRITABLE = 1 << 4, /**< flag 1 means BUS_FLAG_WRITABLE, which is another action */
};

/** A method that changes something: who may call it, and what it does. */
struct BusVerb {
	const char *manager_member; /**< NULL: only a method of cells */
	const char *cell_member;    /**< NULL: only a method of the manager */
	const char *action;	    /**< polkit action; NULL: only root and the user celld */
	uint64_t flags;		    /**< that it knows */
	unsigned takes;		    /**< BUS_TAKES_* */

	/**
	 * What is done once the caller is authorised.
	 * @cell: NULL for verbs without, and for one to be defined
	 * Return: 1 replied; 0 will be replied by bus_request_finish(), not before this has returned if the verb knows
	 * NO_BLOCK; < 0 with @error set or not
	 */
	int (*run)(BusRequest *request, Cell *cell, sd_bus_error *error);
};

/** A call that is under way. */
struct BusRequest {
	Bus *bus;
	BusRequest *next;
	sd_bus_message *message;
	const BusVerb *verb;
	char *cell;	  /**< name, NULL for verbs without */
	const char *json; /**< inside the message */
	uint64_t flags;
	bool option_start, option_restart; /**< of Supervise */
	bool answered;			   /**< already when it began: NO_BLOCK */
	uid_t uid;			   /**< of the caller, -1: not known yet */
	pid_t pid;
	sd_bus_slot *slot; /**< call of ours that it waits for */
	char *job;	   /**< object path of a job of systemd that it waits for */
	uint64_t job_usec; /**< CLOCK_MONOTONIC: when it asked for a start, 0: for a stop */
	int (*job_done)(BusRequest *request, const char *result, sd_bus_error *error); /**< as BusVerb.run */
};

/** bus_request_begin - handler of all methods with a verb: parse, authorise, run */
int bus_request_begin(Bus *bus, sd_bus_message *message, const BusVerb *verb, const char *cell, sd_bus_error *error);

/** bus_request_finish - reply with nothing, or with the error; frees the request */
void bus_request_finish(BusRequest *request, int code, const char *text);

/** bus_request_finish_error - reply with @error, or with nothing if it is not set; frees both */
void bus_request_finish_error(BusRequest *request, int code, sd_bus_error *error);

/** bus_request_begun - the work is under way: a caller that asked for NO_BLOCK is answered now */
void bus_request_begun(BusRequest *request);

/** bus_request_free - forget it without reply */
BusRequest *bus_request_free(BusRequest *request);

/** bus_request_cell - the cell as it is now. Return: 0, -CELL_ENOSUCHCELL */
int bus_request_cell(const BusRequest *request, Cell **ret);

/* bus-unit.c */

/** bus_unit_listen - hear of jobs that end */
int bus_unit_listen(Bus *bus);

/* Results of jobs: those of systemd's JobRemoved, and one that only the unit tells. */
#define BUS_UNIT_FAILED "failed"
#define BUS_UNIT_START_LIMIT "start-limit-hit" /**< systemd has not even tried */

/**
 * bus_unit_job - have systemd start or stop a unit, and wait
 * @method: "StartUnit" or "StopUnit"
 * @done: the job has ended with this result; NULL as result: there is no systemd
 */
int bus_unit_job(BusRequest *request, const char *method, const char *unit,
		 int (*done)(BusRequest *request, const char *result, sd_bus_error *error));

/** bus_unit_reset_failed - tell systemd, do not wait */
void bus_unit_reset_failed(Bus *bus, const char *unit);

/** bus_unit_reboot - have systemd reboot the machine, do not wait */
void bus_unit_reboot(Cell *cell, void *userdata);

/** bus_unit_name - of a cell, allocated */
int bus_unit_name(const char *cell, char **ret);

/* Interfaces of a unit. */
#define BUS_UNIT_UNIT "org.freedesktop.systemd1.Unit"
#define BUS_UNIT_SERVICE "org.freedesktop.systemd1.Service"

/** bus_unit_ask - for a property of a cell's unit; @slot as for sd_bus_call_async() */
int bus_unit_ask(Bus *bus, sd_bus_slot **slot, const char *cell, const char *interface, const char *property,
		 sd_bus_message_handler_t answered, void *userdata);

/* bus-orphan.c */

/** bus_orphan_look - there may be cells whose supervisor is gone: see what becomes of them */
void bus_orphan_look(Bus *bus);
void bus_orphan_done(Bus *bus);

typedef enum BusOrphanVerdict {
	BUS_ORPHAN_WAIT,  /**< a supervisor may come back */
	BUS_ORPHAN_STOP,  /**< the unit was stopped */
	BUS_ORPHAN_LEAVE, /**< systemd has given up on the supervisor, which is not the cell's fault */
} BusOrphanVerdict;

/** bus_orphan_judge - by the unit's ActiveState, Result and Restart */
BusOrphanVerdict bus_orphan_judge(const char *active, const char *result, const char *restart);

/* bus-inhibit.c */

/** bus_inhibit_update - hold or release the inhibitor as the cells want it */
void bus_inhibit_update(Bus *bus);
void bus_inhibit_done(Bus *bus);

/* bus-log.c */
int bus_add_log_control(Bus *bus);

/* bus-verbs.c */
extern const BusVerb bus_verbs[];
const BusVerb *bus_verb_find(const char *manager_member, const char *cell_member);

/* bus-manager.c, bus-cell.c */
int bus_add_manager(Bus *bus);
int bus_add_cells(Bus *bus);
int bus_cell_path(const char *name, char **ret);
void bus_cell_new(Cell *cell, void *userdata);
void bus_cell_removed(Cell *cell, void *userdata);
void bus_cell_changed(Cell *cell, unsigned changed, void *userdata);
void bus_cell_failed(Cell *cell, CellResult result, void *userdata);
void bus_cell_restart_scheduled(Cell *cell, unsigned attempt, uint64_t delay_usec, void *userdata);
void bus_cell_heartbeat_lost(Cell *cell, uint64_t last_usec, void *userdata);
void bus_hypervisor_changed(void *userdata);

#endif
