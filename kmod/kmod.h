/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private header of the module: its state, its cells, and what its files offer each other.
 *
 * Lock order: mmap_lock or hv_lock > cells_lock; user memory is touched under neither of the two.
 *   hv_lock     one management operation at a time (enable, disable, create...); dropped while a cell is given time
 *               to consent to something, during which kcell.busy keeps others away from that cell.
 *   cells_lock  short: list of cells (writers hold both), reader of the event ring, event numbers, open files.
 *
 * Device hotplug and CPU hotplug locks nest inside hv_lock and outside cells_lock.
 */
#ifndef JAILHOUSE_KMOD_H
#define JAILHOUSE_KMOD_H

#ifdef pr_fmt
#undef pr_fmt
#endif
#define pr_fmt(fmt) "jailhouse: " fmt

#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "hypervisor/abi/comm.h"
#include "hypervisor/abi/config.h"
#include "hypervisor/abi/console-page.h"
#include "hypervisor/abi/image.h"
#include "kmod/uapi/cell.h"

/** struct counter_dir - a directory with exit counters: of a cell ("statistics"), or of one CPU in there */
struct counter_dir {
	struct kobject kobj;
	const struct cpumask *cpus;
};

struct claim; /* pci.c */

/** struct kcell - a cell, root included; lives as long as its kobject is referenced (by sysfs and by mappings) */
struct kcell {
	struct kobject kobj;	      /**< /sys/devices/jailhouse/cells/<id> */
	struct list_head link;	      /**< in hv.cells */
	struct cell_config *config;   /**< own copy, id and name filled in; size bytes are checked */
	struct cpumask cpus;	      /**< CPUs of the cell; root: those that no other cell has */
	struct cpumask offlined;      /**< of these, the ones that we took from Linux */
	struct counter_dir *counters; /**< sysfs directory "statistics" */
	const struct cell_comm *comm; /**< communication page, NULL: not readable */
	unsigned long comm_pfn;
	unsigned long console_pfn; /**< console page, 0: none */
	void *console_last;	   /**< a page for what it held at the end, or NULL */
	struct claim *claims;	   /**< hv_lock: PCI devices that Linux has lent */
	u32 num_claims;
	u32 seen_state; /**< cells_lock: state word that user space was last told of */
	u32 parked_cpu; /**< of regs, ~0: none; in event.c, as regs */
	u64 regs[ARRAY_SIZE(((struct hv_event *)0)->regs)];
	bool gone; /**< cells_lock: mappings show what is left */
	bool busy; /**< hv_lock: an operation on this cell is under way */
};

/** struct hv - the hypervisor; everything but enabled is valid only while it is loaded, under hv_lock */
struct hv {
	bool enabled; /**< written under hv_lock */
	phys_addr_t phys;
	size_t size;
	void *memory; /**< hypervisor memory; while enabled only the pages that root may read have contents */
	size_t core_size;
	u32 flags; /**< CELL_SYSTEM_* */
	const struct hv_console_ring *console;
	const struct hv_event_ring *events;
	struct kcell *root;
	struct list_head cells; /**< in order of creation, root first; hv_lock and cells_lock */
};

extern struct hv hv;
extern struct mutex hv_lock;
extern struct mutex cells_lock;
extern struct list_head opened_files; /* struct opened, cells_lock */

/** struct opened - an open file of /dev/jailhouse */
struct opened {
	struct list_head link; /**< cells_lock */
	struct file *file;
	unsigned int round; /**< console: the enabling that cursor belongs to */
	u32 cursor;	    /**< console: bytes of the stream already read or known to be lost */
	bool over;	    /**< console: what was left of that round is delivered */
};

static inline const char *kcell_name(const struct kcell *kc)
{
	return kc->config->name;
}

static inline u32 kcell_id(const struct kcell *kc)
{
	return kc->config->id;
}

/* image.c: the hypervisor as a whole */
int image_enable(const struct cell_system __user *blob);
int image_disable(u32 options);

/* memory.c: hypervisor memory */
int memory_take(phys_addr_t phys, size_t size);
void memory_give(void);
bool memory_is_linux(phys_addr_t phys, u64 size);

/* svm.c: the processor's virtualisation extension */
int svm_check(void);
int svm_take(void);
void svm_give(void);
void svm_give_this_cpu(void);
const char *svm_firmware(void);

/* boot.c, entry.S: from Linux into the hypervisor and back */
int boot_enter(struct hv_image_header *header);
int boot_leave(void);

/* clock.c */
int clock_apic_khz(void);
u64 clock_ns_of(u64 tsc);

/* Added to the options of user space: act at the deadline if the cell is silent, but not if it refuses. */
#define KCELL_OPT_IF_SILENT 0x40000000U
/* Programs written for Jailhouse may leave anything in the remaining bits. */
#define KCELL_OPT_USER (JAILHOUSE_OPT_DEADLINE_MS | JAILHOUSE_OPT_FORCE)

/* cell.c, create.c: life of cells; consent.c: asking them */
struct kcell *kcell_new(struct cell_config *config);
bool kcell_cpus(const struct cell_config *config, struct cpumask *cpus);
void kcell_publish(struct kcell *kc);
void kcell_withdraw(struct kcell *kc);
struct kcell *kcell_take(const struct jailhouse_cell_id *id);
void kcell_give(struct kcell *kc);
int kcell_create(const struct jailhouse_cell_create __user *arg);
int kcell_start(const struct jailhouse_cell_id __user *arg);
int kcell_destroy(const struct jailhouse_cell_id __user *arg);
int kcell_destroy_all(u32 options);
int kcell_ask(struct kcell *kc, u32 call, u32 options);

/* load.c */
int kcell_load(const struct jailhouse_cell_load __user *arg);

/* cpus.c: CPUs between Linux and cells */
int cpus_init(void);
void cpus_exit(void);
int cpus_take(struct kcell *kc);
void cpus_give(struct kcell *kc);

/* pci.c: PCI devices between Linux and cells */
int pci_init(void);
void pci_exit(void);
int pci_take(struct kcell *kc);
void pci_give(struct kcell *kc);

/* vpci.c: virtual PCI devices of root */
int vpci_check(const struct cell_config *config);
int vpci_add(const struct cell_config *config);
void vpci_remove(const struct cell_config *config);

/* comm.c: communication pages */
void comm_attach(struct kcell *kc);
void comm_withdraw(struct kcell *kc);
void comm_withdraw_locked(struct kcell *kc);
int comm_mmap(struct file *file, struct vm_area_struct *vma);
void comm_watch(void);
void comm_exit(void);

/* event.c: what the hypervisor reports */
void event_attach(void);
void event_drain(void);
void event_drain_locked(void);
void event_send(u32 event);
void event_send_state(struct kcell *kc, u32 state);
u64 event_seq(void);
u64 event_refusals(void);
__printf(2, 3) int refuse(int err, const char *fmt, ...);
int refused(int err, u64 refusals, const char *what, const char *name);
ssize_t event_last_error(char *buf, size_t size);
ssize_t event_registers(struct kcell *kc, char *buf);

/* irq.c: the interrupt that announces events */
int irq_take(void);
void irq_give(void);

/* netlink.c */
int netlink_init(void);
void netlink_exit(void);
void netlink_event(u64 seq, u32 event, const struct hv_event *what, const char *text);

/* console.c */
void console_attach(void);
void console_save(void);
ssize_t console_read(struct file *file, char __user *buf, size_t size, loff_t *pos);
ssize_t console_show(char *buf);
void console_exit(void);

/* counters.c: exit counters in sysfs */
struct counter_dir *counter_dir_new(struct kobject *parent, const char *name, const struct cpumask *cpus);
void counter_dir_free(struct counter_dir *dir);

/* sysfs.c */
extern const struct kobj_type sysfs_cell_type;
int sysfs_init(void);
void sysfs_exit(void);
struct device *sysfs_device(void);
int sysfs_root_add(struct kcell *root);
void sysfs_root_remove(struct kcell *root);
int sysfs_cell_add(struct kcell *kc);
void sysfs_cell_remove(struct kcell *kc);

#endif
