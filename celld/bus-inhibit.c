/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sleep is inhibited as long as a cell holds resources, where there is a logind to tell: it is not started for that.
 * (Root may ignore inhibitors; what keeps the machine awake for certain is in sleep.conf.d.)
 */
#include <fcntl.h>

#include "bus-core.h"
#include "log.h"

static bool is_wanted(const Manager *m)
{
	for (size_t i = 0; i < m->n_cells; i++)
		if (cell_is_created(m->cells[i]))
			return true;
	return false;
}

static int on_reply(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *ignored)
{
	Bus *bus = userdata;
	int fd;

	bus->inhibit_call = sd_bus_slot_unref(bus->inhibit_call);
	if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read(reply, "h", &fd) < 0) {
		/* Once is enough: there is no logind, or it does not want to hear of it. */
		bus->inhibit_refused = true;
		return 0;
	}
	bus->inhibit_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	bus_inhibit_update(bus);
	return 0;
}

static int ask(Bus *bus)
{
	sd_bus_message *m = NULL;
	int r;

	r = sd_bus_message_new_method_call(bus->bus, &m, "org.freedesktop.login1", "/org/freedesktop/login1",
					   "org.freedesktop.login1.Manager", "Inhibit");
	if (r >= 0)
		r = sd_bus_message_append(m, "ssss", "sleep", "celld", "Cells do not survive sleep", "block");
	if (r >= 0)
		r = sd_bus_message_set_auto_start(m, false);
	if (r >= 0)
		r = sd_bus_call_async(bus->bus, &bus->inhibit_call, m, on_reply, bus, 0);
	sd_bus_message_unref(m);
	return r;
}

void bus_inhibit_update(Bus *bus)
{
	bool wanted = is_wanted(bus->manager);

	if (!wanted && bus->inhibit_fd >= 0) {
		close(bus->inhibit_fd);
		bus->inhibit_fd = -EBADF;
	} else if (wanted && bus->inhibit_fd < 0 && !bus->inhibit_call && !bus->inhibit_refused && ask(bus) < 0) {
		bus->inhibit_refused = true;
	}
}

void bus_inhibit_done(Bus *bus)
{
	sd_bus_slot_unref(bus->inhibit_call);
	if (bus->inhibit_fd >= 0)
		close(bus->inhibit_fd);
}
