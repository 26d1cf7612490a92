/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manager: the set of cells, and their configuration.
 *
 * There is a cell object for each configuration file and for each cell that the kernel knows; when both are gone, so is
 * the object.
 */
#include <sys/stat.h>

#include "action.h"
#include "cell-error.h"
#include "console.h"
#include "image.h"
#include "lease.h"
#include "log.h"
#include "manager.h"
#include "state-file.h"
#include "trusted-file.h"
#include "watch.h"

#define RUNTIME_DIR "/run/celld" /**< beside configuration, therefore: */
#define STATE_DIR "state"
#define CONSOLE_DIR "console"
#define DEFINITIONS_DIR "/var/lib/celld"

static const char *const hypervisor_state_table[HYPERVISOR_STATE_MAX] = {
	[HYPERVISOR_ABSENT] = "absent",
	[HYPERVISOR_DISABLED] = "disabled",
	[HYPERVISOR_ENABLED] = "enabled",
};
DEFINE_STRING_TABLE(hypervisor_state, HypervisorState)

static void destroy_cell(Cell *c)
{
	lease_drop(c);
	action_cancel(c);
	watch_free(c);
	console_free(c);
	cell_free(c);
}

/** find_index - where the cell is, or would be */
static size_t find_index(const Manager *m, const char *name, bool *ret_found)
{
	size_t low = 0, high = m->n_cells;

	*ret_found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = strcmp(name, m->cells[middle]->name);

		if (r == 0) {
			*ret_found = true;
			return middle;
		}
		if (r < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

Cell *manager_find(const Manager *m, const char *name)
{
	bool found;
	size_t i = find_index(m, name, &found);

	return found ? m->cells[i] : NULL;
}

int manager_add(Manager *m, const char *name, Cell **ret)
{
	_cleanup_cell_ Cell *c = NULL;
	Cell **longer;
	bool found;
	size_t i = find_index(m, name, &found);
	int r;

	if (found) {
		*ret = m->cells[i];
		return 0;
	}
	r = cell_new(name, &m->host, &c);
	if (r < 0)
		return r;
	longer = reallocarray(m->cells, m->n_cells + 1, sizeof(*longer));
	if (!longer)
		return -ENOMEM;
	m->cells = longer;
	memmove(&m->cells[i + 1], &m->cells[i], (m->n_cells - i) * sizeof(m->cells[0]));
	m->cells[i] = c;
	m->n_cells++;
	*ret = TAKE_PTR(c);
	if (m->hooks.cell_new)
		m->hooks.cell_new(*ret, m->hooks.userdata);
	return 0;
}

/** is_nothing - neither a file nor a thing in the kernel is behind the cell */
static bool is_nothing(const Cell *c)
{
	return !c->config && !c->config_error && !cell_is_created(c) && !c->job && !c->lease;
}

static int on_collect(_unused_ sd_event_source *source, void *userdata)
{
	Manager *m = userdata;

	for (size_t i = m->n_cells; i-- > 0;) {
		Cell *c = m->cells[i];

		if (!is_nothing(c))
			continue;
		m->n_cells--;
		memmove(&m->cells[i], &m->cells[i + 1], (m->n_cells - i) * sizeof(m->cells[0]));
		if (m->hooks.cell_removed)
			m->hooks.cell_removed(c, m->hooks.userdata);
		cell_adopt_state(c, CELL_DEFINED);
		console_forget(c);
		destroy_cell(c);
	}
	return 0;
}

static void on_changed(Cell *c, unsigned changed, void *userdata)
{
	Manager *m = userdata;
	unsigned persistent = CELL_CHANGED_STATE | CELL_CHANGED_RESULT | CELL_CHANGED_SUPERVISOR |
			      CELL_CHANGED_OPERATION | CELL_CHANGED_RESTARTS | CELL_CHANGED_FALLBACK;
	int r;

	if ((changed & persistent) && cell_name_is_valid(c->name)) {
		r = state_file_save(m->runtime_dir, c);
		if (r < 0)
			log_cell(c, LOG_WARNING, NULL, "Cannot save the state: %s", strerror(-r));
	}
	if (changed & (CELL_CHANGED_KERNEL | CELL_CHANGED_SUPERVISOR))
		console_follow(c);
	if (changed & (CELL_CHANGED_STATE | CELL_CHANGED_HEALTH | CELL_CHANGED_RESULT | CELL_CHANGED_OPERATION))
		lease_tell(c);
	if (m->hooks.cell_changed)
		m->hooks.cell_changed(c, changed, m->hooks.userdata);
	if ((changed & CELL_CHANGED_STATE) && m->status_changed)
		m->status_changed(m->status_userdata);
	if (is_nothing(c) && m->collector)
		(void)sd_event_source_set_enabled(m->collector, SD_EVENT_ONESHOT);
}

static void on_failed(Cell *c, CellResult result, void *userdata)
{
	const Manager *m = userdata;

	if (m->hooks.cell_failed)
		m->hooks.cell_failed(c, result, m->hooks.userdata);
}

static void on_restart_scheduled(Cell *c, unsigned attempt, uint64_t delay_usec, void *userdata)
{
	const Manager *m = userdata;

	if (m->hooks.restart_scheduled)
		m->hooks.restart_scheduled(c, attempt, delay_usec, m->hooks.userdata);
}

static void on_heartbeat_lost(Cell *c, uint64_t last_usec, void *userdata)
{
	const Manager *m = userdata;

	if (m->hooks.heartbeat_lost)
		m->hooks.heartbeat_lost(c, last_usec, m->hooks.userdata);
}

static void on_reboot(Cell *c, void *userdata)
{
	const Manager *m = userdata;

	log_cell(c, LOG_CRIT, NULL, "The machine is to be rebooted for this failure.");
	if (m->hooks.reboot)
		m->hooks.reboot(c, m->hooks.userdata);
}

static void on_drain(void *userdata)
{
	const Manager *m = userdata;

	if (m->net)
		net_drain(m->net);
}

static void on_told(const KernelInfo *info, void *userdata)
{
	if (info)
		manager_set_info(userdata, info);
	else
		manager_resync(userdata);
}

static void on_refresh(Cell *c, void *userdata)
{
	manager_refresh(userdata, c);
}

static void on_locked_out(void *userdata)
{
	const Manager *m = userdata;

	/* The sandbox admits the device that was there when it was made; systemd makes a new one. */
	log_error("The module's device is closed to this process: starting anew.");
	(void)sd_event_exit(m->event, EXIT_FAILURE);
}

/** configuration_stamp - changes with the file; 0: there is none */
static uint64_t configuration_stamp(const char *name)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (cell_config_find(NULL, name, &path) < 0 || stat(path, &st) < 0)
		return 0;
	return trusted_file_stamp(&st);
}

bool manager_is_outdated(const Cell *c)
{
	if (!cell_is_created(c))
		return false;
	if (c->source.config != 0 && c->source.config != configuration_stamp(c->name))
		return true;
	return c->source.images != 0 && (!c->config || c->source.images != image_stamp(c->config, c->fallback));
}

char *manager_describe(const ConfigProblems *problems, int error)
{
	char *text = problems->n_items > 0 ? config_problems_to_string(problems) : strdup(strerror(-error));
	size_t n = text ? strlen(text) : 0;

	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	return text;
}

void manager_refresh(Manager *m, Cell *c)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	_cleanup_cell_config_ CellConfig *config = NULL;
	uint64_t stamp = configuration_stamp(c->name);
	int r;

	/* What holds resources was made from the old file and must be restarted from it. */
	if (stamp == c->config_stamp || c->job || (cell_is_created(c) && c->config))
		return;
	r = cell_config_load(NULL, c->name, &problems, &config);
	if (r >= 0)
		r = config_check_cell(config, m->system, &problems);

	cell_config_free(c->config);
	c->config = r >= 0 ? TAKE_PTR(config) : NULL;
	free(c->config_error);
	c->config_error = NULL;
	c->config_stamp = stamp;
	if (r < 0 && r != -ENOENT && r != -ERFKILL) {
		c->config_error = manager_describe(&problems, r);
		log_cell(c, LOG_ERR, NULL, "Configuration is not usable: %s", c->config_error ?: strerror(ENOMEM));
	}
	cell_mark(c, CELL_CHANGED_CONFIG | CELL_CHANGED_KERNEL);
	cell_flush(c);
}

int manager_load_system(Manager *m)
{
	_cleanup_problems_ ConfigProblems problems = CONFIG_PROBLEMS_INIT;
	_cleanup_system_config_ SystemConfig *system = NULL;
	int r;

	r = system_config_load(NULL, &problems, &system);
	if (r >= 0)
		r = config_check_system(system, &problems);
	m->system = system_config_free(m->system);
	free(m->system_error);
	m->system_error = NULL;
	if (r >= 0)
		m->system = TAKE_PTR(system);
	else if (r == -ENOENT || r == -ERFKILL)
		m->system_error = strdup(r == -ENOENT ? "There is no system.json" : "system.json is masked");
	else
		m->system_error = manager_describe(&problems, r);
	if (!m->info.enabled)
		snprintf(m->root_name, sizeof(m->root_name), "%s",
			 m->system && m->system->root.name ? m->system->root.name : "");
	return r < 0 ? -CELL_ECONFIG : 0;
}

int manager_load_configs(Manager *m)
{
	_cleanup_strv_ char **names = NULL;
	Cell *c;
	int r;

	if (manager_load_system(m) < 0)
		log_warning("System configuration is not usable: %s", m->system_error ?: strerror(ENOMEM));
	r = config_list_cells(NULL, &names);
	if (r < 0)
		return r;
	for (char **name = names; name && *name; name++) {
		r = manager_add(m, *name, &c);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < m->n_cells; i++)
		manager_refresh(m, m->cells[i]);
	return 0;
}

int manager_reload(Manager *m)
{
	return manager_load_configs(m);
}

int manager_get(Manager *m, const char *name, Cell **ret)
{
	Cell *c = manager_find(m, name);
	int r;

	if (!c) {
		if (!cell_name_is_valid(name) || configuration_stamp(name) == 0)
			return -CELL_ENOSUCHCELL;
		r = manager_add(m, name, &c);
		if (r < 0)
			return r;
		manager_refresh(m, c);
	}
	*ret = c;
	return 0;
}

int manager_get_by_cpu(const Manager *m, uint32_t cpu, Cell **ret)
{
	for (size_t i = 0; i < m->n_cells; i++)
		if (cell_is_created(m->cells[i]) && kernel_cpu_set_has(&m->cells[i]->kernel.cpus, cpu)) {
			*ret = m->cells[i];
			return 0;
		}
	return -CELL_ENOSUCHCELL;
}

void manager_set_hooks(Manager *m, const ManagerHooks *hooks)
{
	m->hooks = hooks ? *hooks : (ManagerHooks){ 0 };
}

int manager_new(sd_event *event, Manager **ret)
{
	_cleanup_(manager_freep) Manager *m = calloc(1, sizeof(*m));
	const char *dir = getenv("RUNTIME_DIRECTORY"), *lasting = getenv("STATE_DIRECTORY");
	int r;

	if (!m)
		return -ENOMEM;
	m->event = sd_event_ref(event);
	m->host = (CellHost){
		.event = event,
		.changed = on_changed,
		.failed = on_failed,
		.restart_scheduled = on_restart_scheduled,
		.heartbeat_lost = on_heartbeat_lost,
		.drain = on_drain,
		.told = on_told,
		.refresh = on_refresh,
		.reboot = on_reboot,
		.locked_out = on_locked_out,
		.userdata = m,
	};
	m->runtime_dir = path_join(isempty(dir) ? RUNTIME_DIR : dir, STATE_DIR);
	m->console_dir = path_join(isempty(dir) ? RUNTIME_DIR : dir, CONSOLE_DIR);
	m->host.console_dir = m->console_dir;
	m->define_runtime_dir = strdup(isempty(dir) ? RUNTIME_DIR : dir);
	m->define_state_dir = strdup(isempty(lasting) ? DEFINITIONS_DIR : lasting);
	if (!m->runtime_dir || !m->console_dir || !m->define_runtime_dir || !m->define_state_dir)
		return -ENOMEM;
	r = sd_event_add_defer(event, &m->collector, on_collect, m);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(m->collector, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(m);
	return 0;
}

Manager *manager_free(Manager *m)
{
	if (!m)
		return NULL;
	m->hooks = (ManagerHooks){ 0 };
	operation_free(m->look);
	operation_free(m->switching);
	manager_definitions_free(m);
	manager_questions_free(m);
	m->collector = sd_event_source_disable_unref(m->collector);
	for (size_t i = 0; i < m->n_cells; i++)
		destroy_cell(m->cells[i]);
	free(m->cells);
	net_free(m->net);
	system_config_free(m->system);
	free(m->system_error);
	free(m->switch_error);
	free(m->runtime_dir);
	free(m->console_dir);
	free(m->define_state_dir);
	free(m->define_runtime_dir);
	sd_event_unref(m->event);
	free(m);
	return NULL;
}

int manager_startup(Manager *m)
{
	int r;

	if (mkdir(m->runtime_dir, 0755) < 0 && errno != EEXIST)
		log_warning("Cannot make %s: %s", m->runtime_dir, strerror(errno));
	if (mkdir(m->console_dir, 0700) < 0 && errno != EEXIST)
		log_warning("Cannot make %s: %s", m->console_dir, strerror(errno));
	r = manager_load_configs(m);
	if (r < 0)
		return r;
	r = manager_follow_kernel(m);
	if (r < 0)
		return r;
	manager_adopt(m);
	return 0;
}

const char *manager_status(const Manager *m)
{
	static char status[128];
	unsigned running = 0, failed = 0;

	for (size_t i = 0; i < m->n_cells; i++) {
		running += m->cells[i]->state == CELL_RUNNING;
		failed += m->cells[i]->state == CELL_FAILED;
	}
	snprintf(status, sizeof(status), "Hypervisor %s; %zu cells, %u running, %u failed",
		 hypervisor_state_to_string(m->hypervisor), m->n_cells, running, failed);
	return status;
}
