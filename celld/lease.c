/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases: sockets to supervisors. A holder that does not read never blocks celld: what cannot be sent is sent when
 * there is room again, as the state of that moment.
 */
#include <poll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#include "action.h"
#include "cell-error.h"
#include "lease-message.h"
#include "lease.h"
#include "log.h"
#include "react.h"

struct CellLease {
	Cell *cell;
	int fd;
	int holder; /**< pidfd, < 0: not known */
	sd_event_source *source;
	bool unsent;  /**< the newest state is not sent yet */
	bool stopped; /**< a stop was asked for */
	bool over;    /**< the run on behalf of the lease has ended, and that is what its holder hears from now on */
	int exit_status;
};

static CellLease *lease_free(CellLease *l)
{
	if (!l)
		return NULL;
	sd_event_source_disable_unref(l->source);
	if (l->fd >= 0)
		close(l->fd);
	if (l->holder >= 0)
		close(l->holder);
	free(l);
	return NULL;
}
DEFINE_CLEANUP(CellLease *, lease_free)

/** run_is_over - nothing more will happen to the cell on behalf of the lease */
static bool run_is_over(const Cell *c)
{
	return c->operation == CELL_OPERATION_NONE &&
	       (c->state == CELL_DEFINED || c->state == CELL_CREATED || c->state == CELL_FAILED);
}

static int exit_status(const Cell *c)
{
	if (c->state != CELL_FAILED || cell_policy(c)->on_failure == FAILURE_ACTION_STOP)
		return EXIT_SUCCESS;
	return cell_result_to_exit_status(c->result);
}

static void describe(const Cell *c, char *buffer, size_t size)
{
	bool fallback = c->state == CELL_RUNNING && c->fallback;
	const char *state = fallback ? "running from its fallback images" : cell_state_to_string(c->state);

	if (c->fault.known && c->state != CELL_RUNNING)
		snprintf(buffer, size, "%s: %s", state, c->fault.text);
	else if (c->result != CELL_RESULT_SUCCESS)
		snprintf(buffer, size, "%s, last result %s", state, cell_result_to_string(c->result));
	else if (c->health != CELL_HEALTH_NONE)
		snprintf(buffer, size, "%s, heartbeat %s", state, cell_health_to_string(c->health));
	else
		snprintf(buffer, size, "%s", state);
}

static void send_state(CellLease *l)
{
	const Cell *c = l->cell;
	LeaseMessage message = { .n_restarts = c->n_restarts };
	char buffer[LEASE_MESSAGE_BYTES];
	size_t n;

	if (!l->over && run_is_over(c)) {
		l->over = true;
		l->exit_status = exit_status(c);
	}
	message.over = l->over;
	message.exit_status = (uint32_t)l->exit_status;
	snprintf(message.state, sizeof(message.state), "%s", cell_state_to_string(c->state));
	snprintf(message.health, sizeof(message.health), "%s", cell_health_to_string(c->health));
	snprintf(message.result, sizeof(message.result), "%s", cell_result_to_string(c->result));
	snprintf(message.operation, sizeof(message.operation), "%s", cell_operation_to_string(c->operation));
	describe(c, message.status, sizeof(message.status));
	n = lease_message_format(&message, buffer);
	l->unsent = send(l->fd, buffer, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN;
	(void)sd_event_source_set_io_events(l->source, EPOLLIN | (l->unsent ? EPOLLOUT : 0U));
}

/** stop_when_idle - even if the supervisor that asked for it is gone by now */
static void stop_when_idle(Cell *c, _unused_ void *userdata)
{
	/* Not there, or stopped by somebody else: the newest state says so. */
	if (action_stop(c, JOB_CONSENT_ASK_THEN_FORCE, NULL, NULL) < 0)
		lease_tell(c);
}

static void handle_message(CellLease *l, const char *message)
{
	if (!startswith(message, "STOP=1") || l->stopped)
		return;
	l->stopped = true;
	log_cell(l->cell, LOG_DEBUG, NULL, "The supervisor asks for the stop.");
	if (action_when_idle(l->cell, stop_when_idle, NULL) < 0)
		l->stopped = false;
}

static void lose(CellLease *l)
{
	Cell *c = l->cell;

	log_cell(c, LOG_DEBUG, NULL, "The supervisor is gone.");
	lease_drop(c);
	react_unsupervise(c);
}

static int on_io(_unused_ sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	CellLease *l = userdata;
	char buffer[LEASE_MESSAGE_BYTES];
	ssize_t n;

	if (events & EPOLLOUT)
		send_state(l);
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return 0;
	/* A holder that dies without having read everything resets the connection; what it had said is still there. */
	do {
		n = recv(fd, buffer, sizeof(buffer) - 1, MSG_DONTWAIT);
		if (n > 0) {
			buffer[n] = '\0';
			handle_message(l, buffer);
		}
	} while (n > 0 || (n < 0 && (errno == ECONNRESET || errno == EINTR)));
	if (n == 0 || errno != EAGAIN)
		lose(l);
	return 0;
}

void lease_drop(Cell *c)
{
	c->lease = lease_free(c->lease);
	c->supervisor_pid = 0;
}

bool lease_is_held(Cell *c)
{
	struct pollfd p[2] = { { .events = POLLIN }, { .events = POLLIN } };

	if (!c->lease)
		return false;
	p[0].fd = c->lease->fd;
	p[1].fd = c->lease->holder;
	/* The bus may still carry the lease of somebody who has died. */
	if (poll(p, 2, 0) > 0 && ((p[0].revents & (POLLHUP | POLLERR)) || p[1].revents)) {
		lose(c->lease);
		return false;
	}
	return true;
}

int lease_new(Cell *c, pid_t pid, bool take_over, int *ret_fd)
{
	_cleanup_(lease_freep) CellLease *l = NULL;
	_cleanup_close_ int theirs = -EBADF;
	int fds[2], r;

	if (lease_is_held(c))
		return -CELL_EMANAGED;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->cell = c;
	l->fd = -EBADF;
	l->holder = pid > 0 ? pidfd_open(pid, 0) : -EBADF;
	if (l->holder < 0 && pid > 0 && errno == ESRCH)
		return -ESRCH;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	l->fd = fds[0];
	theirs = fds[1];
	r = sd_event_add_io(c->host->event, &l->source, l->fd, EPOLLIN, on_io, l);
	if (r < 0)
		return r;

	c->lease = TAKE_PTR(l);
	c->supervisor_pid = pid;
	react_supervise(c, CELL_SUPERVISOR_UNIT);
	if (take_over)
		react_take_over(c);
	send_state(c->lease);
	*ret_fd = TAKE_FD(theirs);
	return 0;
}

void lease_tell(Cell *c)
{
	if (c->lease)
		send_state(c->lease);
}
