/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Model of one cell's life and of the leases on it: kernel with inmate, celld with the worker of its job, supervisors
 * (celld-run), bus, and systemd with the unit and a user. Checked with spin by tests/model/run.
 *
 * What celld does is written as the inline or process of the same name as the function in celld/, in the same order;
 * tests/model/names compares names, enums and the table of transitions with the code. Time is not modelled: what waits
 * for a time may happen at once, or as late as can be. Everything bad happens a bounded number of times, so each
 * history comes to rest; then assert_rest() must hold. SIGKILL comes between handlers, or within one where
 * MAY_BE_KILLED is.
 *
 * Not modelled: more than one cell, a cell that refuses a stop by force, OnFailure other than fail-unit, CreateCell,
 * the option --no-restart, unusable configurations, fallback images, and the hypervisor being switched off.
 *
 * BUG_...: a fault, put in to see that it is found.
 */

/* How often what may happen, at most; run sets others. */
#ifndef USER_ACTIONS
#define USER_ACTIONS 2
#endif
#ifndef INMATE_FAULTS
#define INMATE_FAULTS 1
#endif
#ifndef WORKER_FAULTS
#define WORKER_FAULTS 0 /* images that cannot be loaded, resources that are in use */
#endif
#ifndef WORKER_KILLS
#define WORKER_KILLS 0 /* a second one is not modelled */
#endif
#ifndef CELLD_KILLS
#define CELLD_KILLS 1
#endif
#ifndef SUPERVISOR_KILLS
#define SUPERVISOR_KILLS 1
#endif
#ifndef BUS_KILLS
#define BUS_KILLS 0
#endif
#ifndef OTHERS
#define OTHERS 0 /* that destroy the cell behind celld's back */
#endif
#ifndef STRAYS
#define STRAYS 0 /* supervisors that somebody starts without a unit */
#endif
#ifndef DIRECT_STARTS
#define DIRECT_STARTS 0 /* calls of Start with the flag NO_UNIT */
#endif
#define START_LIMIT_BURST 2

/* celld/cell.h CellState */
mtype:cell_state = {
	CELL_DEFINED, CELL_CREATED, CELL_STARTING, CELL_RUNNING, CELL_STOPPING, CELL_RESTARTING, CELL_FAILED
}

/* celld/cell.h CellSupervisor */
mtype:cell_supervisor = { CELL_SUPERVISOR_NONE, CELL_SUPERVISOR_CELLD, CELL_SUPERVISOR_UNIT }

/* celld/cell.h CellOperation; without CELL_OPERATION_CREATE */
mtype:cell_operation = { CELL_OPERATION_NONE, CELL_OPERATION_START, CELL_OPERATION_RESTART, CELL_OPERATION_STOP }

/* celld/kernel-cell.h KernelState; KERNEL_RUNNING_LOCKED is as KERNEL_RUNNING, KERNEL_ABI_MISMATCH as KERNEL_FAILED;
   ABSENT is an id below 0 */
mtype:kernel_state = { KERNEL_RUNNING, KERNEL_SHUT_DOWN, KERNEL_FAILED, ABSENT }

/* celld/config.h RestartPolicy; RESTART_ON_WATCHDOG is RESTART_NO or RESTART_ON_FAILURE, by the failure */
mtype:restart_policy = { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS }

/* celld/bus-core.h BusOrphanVerdict */
mtype:bus_orphan_verdict = { BUS_ORPHAN_WAIT, BUS_ORPHAN_STOP, BUS_ORPHAN_LEAVE }

/* systemd: ActiveState, with auto-restart apart, and failed by what came before: an exit code; a signal or a timeout */
mtype:unit_state = { INACTIVE, ACTIVATING, ACTIVE, DEACTIVATING, AUTO_RESTART, FAILED_EXIT_CODE, FAILED_SIGNAL }

/* what becomes of a call of Supervise, and of a supervisor */
mtype:call_state = { NO_CALL, CALLED, WAITS, GRANTED, TRY_AGAIN, REFUSED, NOT_STARTED }
mtype:exit_state = { NOT_EXITED, EXITED_WELL, EXITED_BADLY, KILLED }

/* celld/cell.c transitions[] */
#define MAY_ENTER(from, to) (                                                             \
	(from == CELL_DEFINED && (to == CELL_CREATED || to == CELL_STARTING ||            \
		to == CELL_RUNNING || to == CELL_FAILED)) ||                              \
	(from == CELL_CREATED && (to == CELL_DEFINED || to == CELL_STARTING ||            \
		to == CELL_RUNNING || to == CELL_STOPPING || to == CELL_FAILED || BACK)) || \
	(from == CELL_STARTING && (to == CELL_RUNNING || to == CELL_RESTARTING ||         \
		to == CELL_FAILED || to == CELL_DEFINED || to == CELL_CREATED)) ||        \
	(from == CELL_RUNNING && (to == CELL_DEFINED || to == CELL_CREATED || to == CELL_STARTING || \
		to == CELL_STOPPING || to == CELL_RESTARTING || to == CELL_FAILED)) ||    \
	(from == CELL_STOPPING && (to == CELL_DEFINED || to == CELL_CREATED || to == CELL_RUNNING || \
		to == CELL_FAILED)) ||                                                    \
	(from == CELL_RESTARTING && (to == CELL_DEFINED || to == CELL_CREATED || to == CELL_STARTING || \
		to == CELL_RUNNING || to == CELL_STOPPING || to == CELL_FAILED)) ||       \
	(from == CELL_FAILED && (to == CELL_DEFINED || to == CELL_CREATED || to == CELL_STARTING || \
		to == CELL_RUNNING || to == CELL_STOPPING || BACK)))
#ifdef BUG_NO_WAY_BACK
#define BACK false
#else
#define BACK to == CELL_RESTARTING
#endif

/* -- State ------------------------------------------------------------------------------------------------------- */

/* Kernel: a cell that is not ABSENT holds its CPUs. */
mtype:kernel_state cell = ABSENT;
bool hangs; /* runs, but does not beat */

/*
 * Who may use a lease: supervisor 1 is the unit's, 2 a stray one. Each is a process that lives or not. One that has
 * died, or whose call was lost with the bus, is GONE for those who remember it.
 */
#define NOBODY 0
#define UNIT_RUN 1
#define STRAY_RUN 2
#define GONE 3
#if STRAYS
#define RUNS 3
#define IS_ALIVE(id) (id == UNIT_RUN || id == STRAY_RUN)
#else
#define RUNS 2
#define IS_ALIVE(id) (id == UNIT_RUN)
#endif

bool alive[RUNS];
mtype:exit_state exited[RUNS] = NOT_EXITED; /* not seen by systemd yet */
bool had_lease[RUNS], has_lease[RUNS], ready[RUNS], asked_to_stop[RUNS];
mtype:call_state call[RUNS] = NO_CALL;
bool wants_start[RUNS]; /* the call wants the cell to be started */

/* The lease between them: messages of celld, and the other way. */
#define SAYS_RUNNING 1
#define SAYS_OVER 2
#define SAYS_FAILED 4 /* the exit status is not 0 */
#define NEWS_MAX 1
chan news[RUNS] = [NEWS_MAX] of { byte };
bool stop_message;
bool in_bus; /* the lease was sent to somebody who died, and the bus has not noticed */

/* celld, lost when it is killed. */
bool is_up;
mtype:cell_state state = CELL_DEFINED;
mtype:cell_supervisor supervisor = CELL_SUPERVISOR_NONE;
mtype:cell_operation operation = CELL_OPERATION_NONE;
mtype:kernel_state kernel = ABSENT; /* as celld knows it */
bool failure; /* result is not success */
bool interrupted, left_by_unit, restart_scheduled;
byte window_starts;
byte lease;   /* the holder */
bool stopped; /* a stop was asked for */
byte last_news, end_news; /* the newest message; what it said of the end of the run */
bool unsent;
bool changed, told; /* marked changes: to be saved, to be told */
#define WAITERS_MAX 4
chan waiters = [WAITERS_MAX] of { byte, bool }; /* who, and whether to start; NOBODY: a stop */
mtype:bus_orphan_verdict verdict = BUS_ORPHAN_WAIT;

/* The job. */
bool job, job_automatic, job_giving_up;
byte job_caller; /* the one who waits in Supervise */

/* Its worker, which outlives celld for a moment. */
mtype:cell_operation work = CELL_OPERATION_NONE;
bool work_asks;   /* a running cell for its consent: only users do */
bool work_undoes; /* a failure leaves nothing behind */
byte work_step;
bool work_done, work_failed, work_result; /* result: the failure ends a run */

/* The state file. */
mtype:cell_state saved_state = CELL_DEFINED;
mtype:cell_supervisor saved_supervisor = CELL_SUPERVISOR_NONE;
mtype:cell_operation saved_operation = CELL_OPERATION_NONE;
bool saved_failure;
byte saved_window_starts;

/* systemd and the user. */
mtype:unit_state unit = INACTIVE;
mtype:restart_policy policy = RESTART_NO;
bool start_call, stop_call, restart_call; /* on the bus, with the flag NO_UNIT */

byte user_actions = USER_ACTIONS, inmate_faults = INMATE_FAULTS, worker_faults = WORKER_FAULTS, worker_kills = WORKER_KILLS;
byte celld_kills = CELLD_KILLS, supervisor_kills = SUPERVISOR_KILLS, bus_kills = BUS_KILLS;
byte others = OTHERS, strays = STRAYS, direct_starts = DIRECT_STARTS;

byte starts; /* of the kernel, since somebody asked for one; only for a property */

/* SIGKILL has come in the middle of a handler: whatever it does from then on, nobody sees. */
bool dying;

/* Local to handlers. */
hidden int r;
hidden byte n, i, caller, start, held, waiting, failed, result, automatic, gives_up;
hidden mtype:cell_operation operation_done, before_operation;
hidden mtype:cell_state before_state;
hidden mtype:cell_supervisor before_supervisor;

/* -- Kernel and inmate ------------------------------------------------------------------------------------------- */

active proctype inmate()
{
end:	do
	:: atomic { cell == KERNEL_RUNNING && inmate_faults > 0 ->
		inmate_faults--;
		if
		:: cell = KERNEL_FAILED; hangs = false
		:: cell = KERNEL_SHUT_DOWN; hangs = false
		:: !hangs -> hangs = true
		fi }
	:: atomic { cell != ABSENT && others > 0 -> others--; cell = ABSENT; hangs = false }
	od
}

/* job.c: each ioctl is one step. */
inline step_create()
{
	if
	:: cell == ABSENT ->
		if
		:: cell = KERNEL_SHUT_DOWN; work_undoes = true
		:: worker_faults > 0 -> worker_faults--; work_failed = true
		fi
	:: else
	fi
}

inline step_load()
{
	/* Nobody but the user may take a running cell away, and whoever waits for a silent one; or whose worker had started
	   it and was lost. */
	assert(cell != KERNEL_RUNNING || hangs || work_asks || WORKER_KILLS > 0);
	if
	:: cell == ABSENT -> work_failed = true; work_result = true
	:: cell != ABSENT -> cell = KERNEL_SHUT_DOWN; hangs = false
	:: work_asks && cell == KERNEL_RUNNING && worker_faults > 0 -> /* refused */
		worker_faults--; work_failed = true; work_result = true
	:: worker_faults > 0 -> /* no such image */
		worker_faults--; work_failed = true; work_result = true;
		if
		:: work_undoes -> cell = ABSENT; hangs = false
		:: else
		fi
	fi
}

inline step_start()
{
	assert(cell == KERNEL_SHUT_DOWN || OTHERS > 0);
	if
	:: cell == ABSENT -> work_failed = true; work_result = true
	:: else -> cell = KERNEL_RUNNING
	fi;
#ifdef COUNT_STARTS
	starts++;
	/* Those that celld did not live to see are not counted. */
	assert(starts <= START_LIMIT_BURST + CELLD_KILLS - celld_kills)
#endif
}

#define IS_STARTING (work == CELL_OPERATION_START || work == CELL_OPERATION_RESTART)

active proctype worker()
{
end:	do
	:: atomic { work == CELL_OPERATION_STOP && !work_done -> cell = ABSENT; hangs = false; work_done = true }
	:: atomic { IS_STARTING && !work_done && work_step == 0 -> step_create(); work_step = 1; work_done = work_failed }
	:: atomic { IS_STARTING && !work_done && work_step == 1 -> step_load(); work_step = 2; work_done = work_failed }
	:: atomic { IS_STARTING && !work_done && work_step == 2 -> step_start(); work_step = 0; work_done = true }
	:: atomic { work != CELL_OPERATION_NONE && worker_kills > 0 ->
		worker_kills--; work_step = 0; work_failed = false; work_result = false;
#ifdef BUG_GIVES_WORK_UP
		work_done = true; work_failed = true; work_result = true
#else
		work_done = false
#endif
		}
	od
}

/* -- celld ------------------------------------------------------------------------------------------------------- */

/* Of the model alone: reply forget forget_work celld */

/* Where SIGKILL in the middle of a handler makes a difference; between handlers it may come anyway. */
#define MAY_BE_KILLED                                            \
	if                                                       \
	:: celld_kills > 0 && !dying -> celld_kills--; dying = true \
	:: true                                                  \
	fi

/*
 * Functions that are called from many places are processes: a call hands over control, and atomicity with it, until the
 * return. Others are inlines.
 */
#define CALL(function, arguments) function##_call!arguments; function##_return?_
#define FUNCTION(function, arguments) end: do :: atomic { function##_call?arguments ->
#define RETURN(function) function##_return!true } od
chan cell_flush_call = [0] of { bool };
chan cell_flush_return = [0] of { bool };
chan cell_set_state_call = [0] of { mtype:cell_state };
chan cell_set_state_return = [0] of { bool };
chan begin_call = [0] of { mtype:cell_operation, bool, bool, bool, bool, byte, mtype:cell_state };
chan begin_return = [0] of { bool };
chan decide_call = [0] of { bool };
chan decide_return = [0] of { bool };
chan react_ended_call = [0] of { bool };
chan react_ended_return = [0] of { bool };
chan supervise_when_idle_call = [0] of { byte, bool };
chan supervise_when_idle_return = [0] of { bool };
chan reply_lease_call = [0] of { byte, bool };
chan reply_lease_return = [0] of { bool };

/* A cell that its unit has left is still the unit's. */
inline state_file_save()
{
	saved_state = state;
	saved_supervisor = supervisor;
#ifndef BUG_FORGETS_THE_UNIT
	if :: left_by_unit && supervisor == CELL_SUPERVISOR_NONE -> saved_supervisor = CELL_SUPERVISOR_UNIT :: else fi;
#endif
	saved_operation = operation;
	saved_failure = failure;
	saved_window_starts = window_starts;
	if
	:: state == CELL_DEFINED && operation == CELL_OPERATION_NONE -> /* unlinked */
		saved_supervisor = CELL_SUPERVISOR_NONE; saved_failure = false; saved_window_starts = 0
	:: else
	fi
}

/* What cannot be sent is sent later, as it is then; but an end is an end. What says nothing new is left out. */
inline send_state()
{
	n = 0;
	if :: state == CELL_RUNNING -> n = n | SAYS_RUNNING :: else fi;
	if
	:: end_news == 0 && operation == CELL_OPERATION_NONE &&
	   (state == CELL_DEFINED || state == CELL_CREATED || state == CELL_FAILED) ->
		end_news = SAYS_OVER;
		if :: state == CELL_FAILED && failure -> end_news = SAYS_OVER | SAYS_FAILED :: else fi
	:: else
	fi;
	n = n | end_news;
#ifdef BUG_FORGETS_THE_END
	end_news = 0;
#endif
	unsent = false;
	if
	:: n == last_news || !IS_ALIVE(lease) || dying
	:: n != last_news && IS_ALIVE(lease) && !dying && len(news[lease]) < NEWS_MAX -> news[lease]!n; last_news = n
	:: else -> unsent = true
	fi;
	n = 0
}

inline lease_tell()
{
	if :: lease != NOBODY -> send_state() :: else fi
}

active proctype cell_flush()
{
	bool nothing;

	FUNCTION(cell_flush, nothing)
		if :: changed && !dying -> state_file_save() :: else fi;
		if :: told && !dying -> lease_tell() :: else fi;
		changed = false; told = false;
	RETURN(cell_flush)
}

active proctype cell_set_state()
{
	mtype:cell_state to;

	FUNCTION(cell_set_state, to)
		if
		:: state != to ->
			assert(MAY_ENTER(state, to));
			state = to; changed = true; told = true
		:: else
		fi;
		CALL(cell_flush, true);
		to = CELL_DEFINED;
	RETURN(cell_set_state)
}

inline cell_adopt_state(to)
{
	if :: state != to -> state = to; changed = true; told = true; CALL(cell_flush, true) :: else fi
}

inline cell_set_result(bad)
{
	if :: failure != bad -> failure = bad; changed = true; told = true :: else fi
}

inline cell_set_operation(to)
{
	if :: operation != to -> operation = to; changed = true; told = true :: else fi
}

inline cell_set_supervisor(to)
{
	if :: supervisor != to -> supervisor = to; changed = true :: else fi
}

/* Remember what is going to happen, then let it happen. */
active proctype begin()
{
	mtype:cell_operation what;
	mtype:cell_state to;
	bool asks, undoes, by_policy, giving_up;
	byte by;

	FUNCTION(begin, what(asks, undoes, by_policy, giving_up, by, to))
		assert(!job);
		cell_set_operation(what);
#ifndef BUG_FORKS_FIRST
		CALL(cell_set_state, to);
		MAY_BE_KILLED;
#endif
		if :: !dying -> work = what; work_asks = asks; work_undoes = undoes :: else fi;
#ifdef BUG_FORKS_FIRST
		MAY_BE_KILLED;
		CALL(cell_set_state, to);
#endif
		job = true; job_automatic = by_policy; job_giving_up = giving_up; job_caller = by;
		interrupted = false;
		restart_scheduled = false;
		what = CELL_OPERATION_NONE; to = CELL_DEFINED;
		asks = false; undoes = false; by_policy = false; giving_up = false; by = NOBODY;
	RETURN(begin)
}

#define IS_UP (state == CELL_RUNNING || state == CELL_RESTARTING)

/* Each sets r: 0 or less, as the function. */
inline action_start(who, by)
{
	if
#ifdef BUG_STARTS_TWICE
	:: job -> r = -1
#else
	:: job || IS_UP -> r = -1
#endif
	:: else ->
		starts = 0;
		window_starts = 0;
		cell_set_supervisor(who);
#ifdef BUG_KEEPS_WHAT_FAILS
		CALL(begin, CELL_OPERATION_START(false, false, false, false, by, CELL_STARTING));
#else
		CALL(begin, CELL_OPERATION_START(false, who == CELL_SUPERVISOR_UNIT, false, false, by, CELL_STARTING));
#endif
		r = 0
	fi
}

inline action_restart()
{
	if
	:: job || !IS_UP -> r = -1
	:: else ->
		starts = 0;
		window_starts = 0;
		CALL(begin, CELL_OPERATION_RESTART(state == CELL_RUNNING, false, false, false, NOBODY, CELL_RESTARTING));
		r = 0
	fi
}

inline action_stop()
{
	if
	:: job || (kernel == ABSENT && !IS_UP) -> r = -1
	:: else -> CALL(begin, CELL_OPERATION_STOP(false, false, false, false, NOBODY, CELL_STOPPING)); r = 0
	fi
}

#ifdef BUG_ADOPTS_GIVEN_UP
#define GIVEN_UP state
#else
#define GIVEN_UP CELL_FAILED
#endif

inline action_give_back()
{
	if
	:: kernel != ABSENT && !job -> CALL(begin, CELL_OPERATION_STOP(false, false, false, true, NOBODY, GIVEN_UP))
	:: else
	fi
}

inline react_enter_rest(to)
{
	if :: kernel == ABSENT -> left_by_unit = false :: else fi;
	if :: supervisor == CELL_SUPERVISOR_CELLD || lease == NOBODY -> cell_set_supervisor(CELL_SUPERVISOR_NONE) :: else fi;
	CALL(cell_set_state, to)
}

/* Up to the limit is all that counts. */
inline supervise_started()
{
	if :: window_starts < START_LIMIT_BURST -> window_starts++ :: else fi
}

inline react_enter_running(fresh)
{
	restart_scheduled = false;
	if
	:: fresh -> supervise_started(); cell_set_result(false)
	:: else
	fi;
	CALL(cell_set_state, CELL_RUNNING)
}

/* Failed is the end for the supervisor only if nothing is to be given back any more. */
inline give_up()
{
#ifndef BUG_TELLS_TOO_EARLY
	action_give_back();
#endif
	react_enter_rest(CELL_FAILED);
#ifdef BUG_TELLS_TOO_EARLY
	action_give_back()
#endif
}

inline schedule_restart()
{
	restart_scheduled = true;
	CALL(cell_set_state, CELL_RESTARTING)
}

inline end_unsupervised(bad)
{
	if
	:: kernel == ABSENT -> CALL(cell_set_state, CELL_DEFINED)
	:: kernel != ABSENT && bad -> CALL(cell_set_state, CELL_FAILED)
	:: else -> CALL(cell_set_state, CELL_CREATED)
	fi
}

/* By the policy, on a run that has ended. */
active proctype decide()
{
	bool bad;

	FUNCTION(decide, bad)
		if
		:: policy == RESTART_ALWAYS || (policy == RESTART_ON_FAILURE && bad) ->
			if
#ifdef BUG_KNOWS_NO_LIMIT
			:: true -> schedule_restart()
#else
			:: window_starts < START_LIMIT_BURST -> schedule_restart()
#endif
			:: else -> cell_set_result(true); give_up()
			fi
		:: else ->
			if
			:: bad -> give_up()
			:: !bad && kernel == ABSENT -> react_enter_rest(CELL_DEFINED)
			:: else ->
				action_stop();
				if :: r < 0 -> react_enter_rest(CELL_CREATED) :: else fi
			fi
		fi;
		bad = false;
	RETURN(decide)
}

active proctype react_ended()
{
	bool bad;

	FUNCTION(react_ended, bad)
		cell_set_result(bad);
		if
		:: supervisor == CELL_SUPERVISOR_NONE -> end_unsupervised(bad)
		:: else -> CALL(decide, bad)
		fi;
		bad = false;
	RETURN(react_ended)
}

/* The verdict of cell_judge() is the kernel's state. */
inline react_judge()
{
	if
	:: kernel == KERNEL_RUNNING
	:: kernel == ABSENT -> react_enter_rest(CELL_DEFINED)
	:: kernel == KERNEL_SHUT_DOWN -> CALL(react_ended, false)
	:: kernel == KERNEL_FAILED -> CALL(react_ended, true)
	fi
}

inline react_supervise(who)
{
	left_by_unit = false;
	cell_set_supervisor(who);
	CALL(cell_flush, true)
}

/* If celld is in charge by now, an earlier run's supervisor is nobody to miss. */
inline react_unsupervise()
{
	if
#ifndef BUG_MISSES_ANYBODY
	:: supervisor != CELL_SUPERVISOR_UNIT
#endif
	:: else ->
		left_by_unit = supervisor == CELL_SUPERVISOR_UNIT && (kernel != ABSENT || job || restart_scheduled);
		cell_set_supervisor(CELL_SUPERVISOR_NONE);
		if
		:: restart_scheduled && !job -> restart_scheduled = false; CALL(cell_set_state, CELL_FAILED)
		:: else
		fi;
		CALL(cell_flush, true)
	fi
}

inline restart_now()
{
	CALL(begin, CELL_OPERATION_RESTART(false, false, true, false, NOBODY, CELL_STARTING))
}

inline react_take_over()
{
	if
	:: job || supervisor == CELL_SUPERVISOR_NONE
	:: else ->
		if
		:: state == CELL_FAILED && interrupted -> restart_now()
		:: state == CELL_FAILED && !interrupted && kernel != ABSENT -> CALL(decide, failure)
		:: state == CELL_CREATED -> CALL(decide, false)
		:: else
		fi
	fi
}

inline observe_idle()
{
	if
	:: kernel == KERNEL_RUNNING -> react_enter_running(true)
	:: kernel != KERNEL_RUNNING && state == CELL_RESTARTING
	:: kernel == ABSENT && state != CELL_RESTARTING && state != CELL_FAILED -> CALL(cell_set_state, CELL_DEFINED)
	:: kernel == KERNEL_SHUT_DOWN && state != CELL_RESTARTING && state != CELL_FAILED ->
		CALL(cell_set_state, CELL_CREATED)
	:: kernel == KERNEL_FAILED && state != CELL_RESTARTING && state != CELL_FAILED ->
		cell_set_result(true); CALL(cell_set_state, CELL_FAILED)
	:: else
	fi
}

inline react_observe()
{
	if
	:: state == CELL_RUNNING -> react_judge()
	:: else -> observe_idle()
	fi;
	CALL(cell_flush, true)
}

/* The heartbeat is lost; unlike elsewhere, nothing flushes behind it. */
inline lost()
{
	CALL(react_ended, true)
}

/* lease.c */
inline lease_drop()
{
	stop_message = false;
	lease = NOBODY; stopped = false; unsent = false; last_news = 0; end_news = 0; in_bus = false
}

inline lose()
{
	lease_drop();
	react_unsupervise()
}

inline lease_is_held()
{
#ifdef BUG_ASKS_THE_BUS
	if :: lease == GONE && !in_bus -> lose() :: else fi;
#else
	if :: lease == GONE -> lose() :: else fi;
#endif
	held = lease != NOBODY;
#ifdef BUG_LEASES_TWICE
	held = false
#endif
}

/* bus-verbs.c: replies reach those who are still there. */
inline reply(id, what)
{
	if
	:: IS_ALIVE(id) && !dying -> assert(call[id] == WAITS); call[id] = what
	:: else
	fi
}

inline lease_new(id, take_over)
{
	lease_is_held();
	if
	:: held || id == GONE -> r = -1
	:: !held -> /* perhaps to somebody whom it does not reach */
		assert(lease == NOBODY || lease == GONE); /* never two */
		lease = id; stopped = false; stop_message = false; unsent = false; last_news = 0; end_news = 0; in_bus = false;
		react_supervise(CELL_SUPERVISOR_UNIT);
		if :: take_over -> react_take_over() :: else fi;
		send_state();
		r = 0
	fi
}

active proctype reply_lease()
{
	bool starts_it;
	byte id;

	FUNCTION(reply_lease, id(starts_it))
		lease_new(id, !starts_it);
		if
		:: r < 0 -> reply(id, REFUSED)
		:: else -> reply(id, GRANTED)
		fi;
		id = NOBODY; starts_it = false;
	RETURN(reply_lease)
}

active proctype supervise_when_idle()
{
	bool starts_it;
	byte id;

	FUNCTION(supervise_when_idle, id(starts_it))
#ifdef BUG_LOOKS_TOO_EARLY
		held = false;
#else
		lease_is_held();
#endif
		if
		:: held -> reply(id, REFUSED)
#ifdef BUG_STARTS_TWICE
		:: !held && starts_it ->
#else
		:: !held && starts_it && !IS_UP ->
#endif
			action_start(CELL_SUPERVISOR_UNIT, id);
			if :: r < 0 -> reply(id, REFUSED) :: else fi
		:: else -> CALL(reply_lease, id(starts_it))
		fi;
		id = NOBODY; starts_it = false;
	RETURN(supervise_when_idle)
}

inline stop_when_idle()
{
	action_stop();
	if :: r < 0 -> last_news = 0; lease_tell() :: else fi
}

inline action_when_idle(id, starts_it)
{
	if
	:: job -> assert(len(waiters) < WAITERS_MAX); waiters!id, starts_it
	:: !job && id == NOBODY -> stop_when_idle()
	:: else -> CALL(supervise_when_idle, id(starts_it))
	fi
}

inline run_supervise(id, starts_it)
{
	lease_is_held();
	if
	:: held -> reply(id, REFUSED)
	:: else -> action_when_idle(id, starts_it)
	fi
}

inline settle_failed_start()
{
	if
	:: operation_done == CELL_OPERATION_RESTART && !automatic && kernel == KERNEL_RUNNING -> react_enter_running(false)
#ifdef BUG_FAILS_WITHOUT_POLICY
	:: operation_done == CELL_OPERATION_RESTART && automatic ->
#else
	:: operation_done == CELL_OPERATION_RESTART && (automatic || kernel != KERNEL_RUNNING) ->
#endif
		supervise_started();
		CALL(react_ended, result || kernel == KERNEL_FAILED || failure)
	:: else ->
		if
		:: result -> cell_set_result(true); react_enter_rest(CELL_FAILED)
		:: !result && kernel == ABSENT -> react_enter_rest(CELL_DEFINED)
		:: else -> react_enter_rest(CELL_CREATED)
		fi
	fi
}

inline settle_start()
{
	if
	:: !failed ->
		react_enter_running(true);
		react_judge()
	:: else -> settle_failed_start()
	fi
}

inline settle_stop()
{
	if
	:: gives_up -> CALL(cell_flush, true)
	:: !gives_up && !failed -> cell_set_result(false); react_enter_rest(CELL_DEFINED)
	:: else ->
		if
		:: kernel == KERNEL_RUNNING -> react_enter_running(false)
		:: kernel == ABSENT -> react_enter_rest(CELL_DEFINED)
		:: else -> react_enter_rest(CELL_CREATED)
		fi
	fi
}

inline forget_work()
{
	work = CELL_OPERATION_NONE; work_step = 0; work_undoes = false; work_asks = false;
	work_done = false; work_failed = false; work_result = false
}

inline on_job_done()
{
	kernel = cell;
	job = false;
	operation_done = work;
	failed = work_failed; result = work_result; automatic = job_automatic; gives_up = job_giving_up;
	caller = job_caller;
	forget_work();
	job_automatic = false; job_giving_up = false; job_caller = NOBODY;
	waiting = len(waiters);
	cell_set_operation(CELL_OPERATION_NONE);
	if :: result -> cell_set_result(true) :: else fi;
	if
	:: operation_done == CELL_OPERATION_STOP -> settle_stop()
	:: else -> settle_start()
	fi;
	CALL(cell_flush, true);
	MAY_BE_KILLED;
	if
	:: caller != NOBODY && failed -> reply(caller, NOT_STARTED)
	:: caller != NOBODY && !failed -> CALL(reply_lease, caller(true))
	:: else
	fi;
#ifndef BUG_FORGETS_THE_CALLER
	if :: supervisor == CELL_SUPERVISOR_UNIT && lease == NOBODY -> react_unsupervise() :: else fi;
#endif
	do
	:: waiting > 0 -> waiting--; waiters?i, start; action_when_idle(i, start)
	:: else -> break
	od;
	i = 0; caller = 0
}

inline adopt_existing()
{
	left_by_unit = before_supervisor == CELL_SUPERVISOR_UNIT;
	if
	:: before_supervisor == CELL_SUPERVISOR_CELLD &&
	   (before_state == CELL_RUNNING || before_state == CELL_STARTING || before_state == CELL_RESTARTING) ->
		cell_set_supervisor(CELL_SUPERVISOR_CELLD)
	:: else
	fi;
	if
	:: kernel == KERNEL_RUNNING -> cell_adopt_state(CELL_RUNNING)
	:: kernel != KERNEL_RUNNING && (before_state == CELL_STARTING || before_state == CELL_RESTARTING) ->
		interrupted = true;
		cell_adopt_state(CELL_FAILED)
	:: else ->
		if
		:: kernel == KERNEL_FAILED || before_state == CELL_FAILED ->
			if :: before_state != CELL_FAILED -> cell_set_result(kernel == KERNEL_FAILED) :: else fi;
			cell_adopt_state(CELL_FAILED)
		:: else -> cell_adopt_state(CELL_CREATED)
		fi
	fi;
	if
	:: before_operation == CELL_OPERATION_STOP && before_state == CELL_FAILED -> action_give_back()
	:: before_operation == CELL_OPERATION_STOP && before_state != CELL_FAILED -> action_stop()
	:: else -> react_take_over()
	fi
}

inline adopt_absent()
{
	if :: before_state == CELL_FAILED -> cell_adopt_state(CELL_FAILED) :: else fi;
	if
	:: before_state == CELL_STARTING || before_state == CELL_RESTARTING ->
		if
		:: before_supervisor == CELL_SUPERVISOR_CELLD -> action_start(CELL_SUPERVISOR_CELLD, NOBODY)
		:: else ->
			interrupted = true;
			left_by_unit = before_supervisor == CELL_SUPERVISOR_UNIT;
			cell_adopt_state(CELL_FAILED)
		fi
	:: else
	fi
}

inline manager_adopt()
{
	kernel = cell;
	before_state = saved_state;
	before_supervisor = saved_supervisor;
	before_operation = saved_operation;
	window_starts = saved_window_starts;
	cell_set_result(saved_failure);
	if
	:: kernel != ABSENT -> adopt_existing()
	:: else -> adopt_absent()
	fi;
	CALL(cell_flush, true)
}

inline bus_orphan_judge()
{
	if
	:: unit == INACTIVE || unit == FAILED_SIGNAL -> verdict = BUS_ORPHAN_STOP
	:: unit == FAILED_EXIT_CODE -> verdict = BUS_ORPHAN_LEAVE
	fi
}

inline conclude()
{
	if
	:: !left_by_unit || job
	:: else ->
		left_by_unit = false;
		if
		:: verdict == BUS_ORPHAN_STOP ->
			action_stop();
			if
			:: r < 0 && state == CELL_FAILED -> /* action_reset_failed() */
				cell_set_result(false);
				if
				:: kernel == ABSENT -> CALL(cell_set_state, CELL_DEFINED)
				:: else -> CALL(cell_set_state, CELL_CREATED)
				fi
			:: else
			fi
		:: else
		fi
	fi;
	verdict = BUS_ORPHAN_WAIT
}

/* Who was killed remembers nothing, answers nobody and holds no lease; the worker lives on for a moment. */
inline forget()
{
	is_up = false;
	state = CELL_DEFINED; supervisor = CELL_SUPERVISOR_NONE; operation = CELL_OPERATION_NONE; kernel = ABSENT;
	failure = false; interrupted = false; left_by_unit = false; restart_scheduled = false; window_starts = 0;
	lease = NOBODY; stopped = false; unsent = false; last_news = 0; end_news = 0; in_bus = false;
	changed = false; told = false;
	job = false; job_automatic = false; job_giving_up = false; job_caller = NOBODY;
	verdict = BUS_ORPHAN_WAIT;
	start_call = false; stop_call = false; restart_call = false; stop_message = false;
	do
	:: nempty(waiters) -> waiters?_, _
	:: empty(waiters) -> break
	od;
	if :: call[UNIT_RUN] == CALLED || call[UNIT_RUN] == WAITS -> call[UNIT_RUN] = TRY_AGAIN :: else fi;
#if STRAYS
	if :: call[STRAY_RUN] == CALLED || call[STRAY_RUN] == WAITS -> call[STRAY_RUN] = TRY_AGAIN :: else fi
#endif
}

#define UNIT_RESTS (unit == INACTIVE || unit == FAILED_SIGNAL || unit == FAILED_EXIT_CODE)

#define UNLESS_KILLED if :: dying -> goto killed :: else fi

active proctype celld()
{
down:	atomic {
		work == CELL_OPERATION_NONE; /* systemd waits for the end of the worker, too */
		manager_adopt();
		is_up = true;
		UNLESS_KILLED
	}
end:	do
	:: atomic { job && work_done -> on_job_done(); UNLESS_KILLED }
	:: atomic { !job && kernel != cell -> kernel = cell; react_observe(); UNLESS_KILLED }
	:: atomic { !job && state == CELL_RUNNING && supervisor != CELL_SUPERVISOR_NONE && kernel == KERNEL_RUNNING &&
	            cell == KERNEL_RUNNING && hangs ->
		lost(); UNLESS_KILLED }
	:: atomic { restart_scheduled && !job -> restart_now(); UNLESS_KILLED }
	:: atomic { stop_message ->
		stop_message = false;
		if
		:: !stopped -> stopped = true; action_when_idle(NOBODY, false)
		:: else
		fi;
		UNLESS_KILLED }
	:: atomic { lease == GONE && !stop_message && !in_bus -> lose(); UNLESS_KILLED }
	:: atomic { in_bus -> in_bus = false }
	:: atomic { unsent && IS_ALIVE(lease) && len(news[lease]) < NEWS_MAX -> send_state() }
	:: atomic { call[UNIT_RUN] == CALLED ->
		call[UNIT_RUN] = WAITS; run_supervise(UNIT_RUN, wants_start[UNIT_RUN]);
		UNLESS_KILLED }
#if STRAYS
	:: atomic { call[STRAY_RUN] == CALLED ->
		call[STRAY_RUN] = WAITS; run_supervise(STRAY_RUN, wants_start[STRAY_RUN]);
		UNLESS_KILLED }
#endif
#ifndef BUG_LEAVES_ORPHANS
	:: atomic { left_by_unit && !job && verdict == BUS_ORPHAN_WAIT && UNIT_RESTS -> bus_orphan_judge() }
#endif
	:: atomic { verdict != BUS_ORPHAN_WAIT -> conclude(); UNLESS_KILLED }
	:: atomic { start_call -> start_call = false; action_start(CELL_SUPERVISOR_CELLD, NOBODY); UNLESS_KILLED }
	:: atomic { stop_call -> stop_call = false; action_stop(); UNLESS_KILLED }
	:: atomic { restart_call -> restart_call = false; action_restart(); UNLESS_KILLED }
	:: atomic { celld_kills > 0 -> celld_kills--; dying = true; goto killed }
	od;
killed:	atomic { forget(); dying = false };
	/* SIGKILL for the worker: where it was, or as soon as it leaves the kernel */
	atomic { forget_work() };
	goto down
}

/* -- Bus --------------------------------------------------------------------------------------------------------- */

inline lose_news(id)
{
	do
	:: nempty(news[id]) -> news[id]?_
	:: empty(news[id]) -> break
	od
}

/* Nobody hears of a call any more; celld finds out, or does not even try to answer. */
inline lose_caller(id, forgotten)
{
	if :: job_caller == id -> job_caller = (forgotten -> NOBODY : GONE) :: else fi;
	n = len(waiters);
	do
	:: n > 0 ->
		n--;
		waiters?i, start;
		if
		:: i == id && forgotten
		:: i == id && !forgotten -> waiters!GONE, start
		:: else -> waiters!i, start
		fi
	:: else -> break
	od;
	i = 0
}

inline lose_call(id)
{
	if
	:: call[id] == GRANTED -> /* the lease is lost with it */
		if :: lease == id -> lease = GONE :: else fi;
		lose_news(id);
		call[id] = TRY_AGAIN
	:: call[id] == CALLED || call[id] == WAITS -> call[id] = TRY_AGAIN
	:: else
	fi
}

/* It is killed and comes back: what it carries is lost. celld forgets its callers, but may act for them before. */
active proctype bus()
{
	bool forgotten;

end:	do
	:: atomic { bus_kills > 0 && is_up ->
		bus_kills--;
		if :: forgotten = true :: forgotten = false fi;
		lose_caller(UNIT_RUN, forgotten);
		lose_call(UNIT_RUN);
#if STRAYS
		lose_caller(STRAY_RUN, forgotten);
		lose_call(STRAY_RUN);
#endif
		in_bus = false;
		start_call = false; stop_call = false; restart_call = false;
		verdict = BUS_ORPHAN_WAIT;
		forgotten = false }
	od
}

/* -- Supervisors ------------------------------------------------------------------------------------------------- */

inline die(how)
{
	if :: call[self] == GRANTED && lease == self -> in_bus = true :: else fi;
	if :: lease == self -> lease = GONE :: else fi;
	lose_caller(self, false);
	alive[self] = false; exited[self] = how;
	had_lease[self] = false; has_lease[self] = false; ready[self] = false; asked_to_stop[self] = false;
	call[self] = NO_CALL; wants_start[self] = false;
	lose_news(self)
}

inline request_stop()
{
	if :: lease == self -> stop_message = true :: else fi
}

/* celld-run.c, with the signals that it gets. */
proctype celld_run(byte self)
{
	byte said;
	mtype:exit_state how = NOT_EXITED;

end:	do
	:: atomic { alive[self] && nempty(news[self]) && has_lease[self] -> /* handle_message() */
		news[self]?said;
		if :: said & SAYS_RUNNING -> ready[self] = true :: else fi;
		if
		:: said & SAYS_OVER && (asked_to_stop[self] || !(said & SAYS_FAILED)) -> said = 0; how = EXITED_WELL; goto dead
		:: said & SAYS_OVER && !asked_to_stop[self] && said & SAYS_FAILED -> said = 0; how = EXITED_BADLY; goto dead
		:: else -> said = 0
		fi }
	:: atomic { alive[self] && empty(news[self]) && has_lease[self] && lease != self -> has_lease[self] = false }
	:: atomic { alive[self] && !has_lease[self] && call[self] == NO_CALL && is_up ->
		call[self] = CALLED;
		wants_start[self] = !had_lease[self] && !asked_to_stop[self] }
	:: atomic { alive[self] && call[self] == GRANTED ->
		call[self] = NO_CALL; has_lease[self] = true; had_lease[self] = true;
#ifndef BUG_FORGETS_THE_STOP
		if :: asked_to_stop[self] -> request_stop() :: else fi
#endif
		}
	:: atomic { alive[self] && call[self] == TRY_AGAIN -> call[self] = NO_CALL }
	/* Refused, because somebody else has the lease: asks again for some time if the cell is its own. */
	:: atomic { alive[self] && call[self] == REFUSED && !IS_ALIVE(lease) && (had_lease[self] || asked_to_stop[self]) ->
		call[self] = NO_CALL }
	:: atomic { alive[self] && call[self] == REFUSED && (IS_ALIVE(lease) || !(had_lease[self] || asked_to_stop[self])) ->
		how = EXITED_BADLY; goto dead }
	:: atomic { alive[self] && call[self] == NOT_STARTED -> how = EXITED_BADLY; goto dead }
	:: atomic { alive[self] && call[self] == NOT_STARTED && asked_to_stop[self] -> call[self] = NO_CALL }
	:: atomic { alive[self] && self == UNIT_RUN && unit == DEACTIVATING && !asked_to_stop[self] ->
		asked_to_stop[self] = true;
		if :: has_lease[self] -> request_stop() :: else fi }
	:: atomic { alive[self] && supervisor_kills > 0 -> supervisor_kills--; how = KILLED; goto dead }
	od;
dead:	atomic { die(how); how = NOT_EXITED; goto end }
}

/* -- Properties -------------------------------------------------------------------------------------------------- */

#define ONLY_UNITS (STRAYS + DIRECT_STARTS == 0)
#define MAY_BE_ABANDONED (STRAYS * SUPERVISOR_KILLS > 0) /* who runs supervisors by hand may kill them */

/* A stop that systemd calls done has given the CPUs back, if nobody else wants the cell. */
inline assert_given_back()
{
	assert(cell == ABSENT || !ONLY_UNITS);
	assert(state == CELL_DEFINED || state == CELL_FAILED || !ONLY_UNITS)
}

/* When nothing happens any more. */
inline assert_rest()
{
	assert(is_up && !job && !restart_scheduled && work == CELL_OPERATION_NONE);
	assert(kernel == cell && operation == CELL_OPERATION_NONE);
	/* No cell is lost: it runs and somebody is in charge, or it is stopped. */
	assert(cell == KERNEL_RUNNING || cell == ABSENT || MAY_BE_ABANDONED);
	assert(cell != KERNEL_RUNNING || (state == CELL_RUNNING && !hangs) || MAY_BE_ABANDONED);
	assert(cell != KERNEL_RUNNING || MAY_BE_ABANDONED || supervisor == CELL_SUPERVISOR_CELLD ||
	       (supervisor == CELL_SUPERVISOR_UNIT && IS_ALIVE(lease) && has_lease[lease]));
	assert(cell != ABSENT || state == CELL_DEFINED || state == CELL_FAILED);
	/* The unit tells the same. */
	assert(unit == ACTIVE || UNIT_RESTS);
	assert((unit == ACTIVE) == (cell == KERNEL_RUNNING && lease == UNIT_RUN));
	assert(unit != ACTIVE || ready[UNIT_RUN])
}

/* -- systemd and the user ---------------------------------------------------------------------------------------- */

inline spawn(self)
{
	alive[self] = true;
	exited[self] = NOT_EXITED
}

active proctype systemd()
{
end:	do
	:: atomic { unit == ACTIVATING && ready[UNIT_RUN] -> unit = ACTIVE }
	:: atomic { unit == AUTO_RESTART -> unit = ACTIVATING; spawn(UNIT_RUN) }
	:: atomic { exited[UNIT_RUN] == EXITED_WELL ->
		exited[UNIT_RUN] = NOT_EXITED;
		if
		:: unit == DEACTIVATING || unit == ACTIVE -> unit = INACTIVE; assert_given_back()
		:: unit == DEACTIVATING -> unit = FAILED_SIGNAL; assert_given_back() /* the time to start was up: timeout */
		:: unit == ACTIVATING -> unit = FAILED_EXIT_CODE /* Result=protocol */
		fi }
	:: atomic { exited[UNIT_RUN] == EXITED_BADLY -> exited[UNIT_RUN] = NOT_EXITED; unit = FAILED_EXIT_CODE }
	:: atomic { exited[UNIT_RUN] == KILLED ->
		exited[UNIT_RUN] = NOT_EXITED;
		if
		:: unit == DEACTIVATING -> unit = INACTIVE /* SIGKILL is a SuccessExitStatus */
		:: unit == DEACTIVATING -> unit = FAILED_SIGNAL
		:: unit == ACTIVATING || unit == ACTIVE -> unit = AUTO_RESTART
		fi }
#if STRAYS
	:: atomic { exited[STRAY_RUN] != NOT_EXITED -> exited[STRAY_RUN] = NOT_EXITED }
#endif
	od
}

active proctype user()
{
end:	do
	:: atomic { user_actions > 0 && UNIT_RESTS && exited[UNIT_RUN] == NOT_EXITED ->
		user_actions--; unit = ACTIVATING; spawn(UNIT_RUN) }
	:: atomic { user_actions > 0 && (unit == ACTIVATING || unit == ACTIVE) -> user_actions--; unit = DEACTIVATING }
	:: atomic { user_actions > 0 && unit == AUTO_RESTART -> user_actions--; unit = INACTIVE }
	:: atomic { user_actions > 0 && is_up && IS_UP && !restart_call -> user_actions--; restart_call = true }
	:: atomic { user_actions > 0 && is_up && (kernel != ABSENT || IS_UP) && !stop_call ->
		user_actions--; stop_call = true }
	:: atomic { direct_starts > 0 && is_up && !start_call -> direct_starts--; start_call = true }
#if STRAYS
	:: atomic { strays > 0 && !alive[STRAY_RUN] && exited[STRAY_RUN] == NOT_EXITED -> strays--; spawn(STRAY_RUN) }
#endif
	/* From now on nothing happens that need not. */
	:: atomic { user_actions + inmate_faults + worker_faults + worker_kills + celld_kills + supervisor_kills + bus_kills +
	            others + strays + direct_starts > 0 ->
		user_actions = 0; inmate_faults = 0; worker_faults = 0; worker_kills = 0; celld_kills = 0;
		supervisor_kills = 0; bus_kills = 0;
		others = 0; strays = 0; direct_starts = 0 }
	od
}

active proctype observer()
{
	atomic { timeout -> assert_rest() }
}

init
{
	atomic {
		if
		:: policy = RESTART_NO
		:: policy = RESTART_ON_FAILURE
		:: policy = RESTART_ALWAYS
		fi;
		run celld_run(UNIT_RUN)
#if STRAYS
		; run celld_run(STRAY_RUN)
#endif
	}
}
