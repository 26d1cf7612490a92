// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module "jailhouse": device /dev/jailhouse, and what happens when the module comes, goes and the machine stops.
 */
#include "kmod.h"

#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <linux/suspend.h>

struct hv hv = {
	.cells = LIST_HEAD_INIT(hv.cells),
};

DEFINE_MUTEX(hv_lock);
DEFINE_MUTEX(cells_lock);
LIST_HEAD(opened_files);

static int main_open(struct inode *inode, struct file *file)
{
	struct opened *o = kzalloc(sizeof(*o), GFP_KERNEL);

	if (!o)
		return -ENOMEM;
	o->file = file;
	file->private_data = o;
	mutex_lock(&cells_lock);
	list_add(&o->link, &opened_files);
	mutex_unlock(&cells_lock);
	return nonseekable_open(inode, file);
}

static int main_release(struct inode *inode, struct file *file)
{
	struct opened *o = file->private_data;

	mutex_lock(&cells_lock);
	list_del(&o->link);
	mutex_unlock(&cells_lock);
	kfree(o);
	return 0;
}

static long main_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	void __user *pointer = (void __user *)arg;

	switch (command) {
	case JAILHOUSE_ENABLE:
		return image_enable(pointer);
	case JAILHOUSE_DISABLE:
		/* As in Jailhouse, a cell that refuses keeps the hypervisor; one that is silent does not. */
		return image_disable(KCELL_OPT_IF_SILENT);
	case JAILHOUSE_CELL_CREATE:
		return kcell_create(pointer);
	case JAILHOUSE_CELL_LOAD:
		return kcell_load(pointer);
	case JAILHOUSE_CELL_START:
		return kcell_start(pointer);
	case JAILHOUSE_CELL_DESTROY:
		return kcell_destroy(pointer);
	default:
		return -EINVAL;
	}
}

static const struct file_operations main_fops = {
	.owner = THIS_MODULE,
	.open = main_open,
	.release = main_release,
	.read = console_read,
	.mmap = comm_mmap,
	.unlocked_ioctl = main_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice main_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "jailhouse",
	.fops = &main_fops,
	.mode = 0600,
};

/* Firmware that finds processors in guest mode, or memory in use, may not be able to restart the machine. */
static int main_reboot(struct notifier_block *nb, unsigned long event, void *unused)
{
	if (READ_ONCE(hv.enabled) && image_disable(JAILHOUSE_OPT_FORCE))
		pr_err("the machine stops with the hypervisor enabled\n");
	return NOTIFY_DONE;
}

static struct notifier_block main_reboot_notifier = {
	.notifier_call = main_reboot,
};

/* The hypervisor does not survive the loss of its processors' state. */
static int main_sleep(struct notifier_block *nb, unsigned long event, void *unused)
{
	bool down = event == PM_SUSPEND_PREPARE || event == PM_HIBERNATION_PREPARE || event == PM_RESTORE_PREPARE;

	if (!down || !READ_ONCE(hv.enabled))
		return NOTIFY_DONE;
	pr_err("no suspend while the hypervisor is enabled\n");
	return NOTIFY_BAD;
}

static struct notifier_block main_sleep_notifier = {
	.notifier_call = main_sleep,
};

static int __init main_init(void)
{
	int err;

	BUILD_BUG_ON(sizeof(struct jailhouse_cell_create) != 16);
	BUILD_BUG_ON(sizeof(struct jailhouse_cell_id) != 40);
	BUILD_BUG_ON(sizeof(struct jailhouse_cell_load) != 48);
	BUILD_BUG_ON(sizeof(struct jailhouse_image) != 32);

	err = sysfs_init();
	if (err)
		return err;
	err = netlink_init();
	if (err)
		goto exit_sysfs;
	err = cpus_init();
	if (err)
		goto exit_netlink;
	err = pci_init();
	if (err)
		goto exit_cpus;
	err = register_reboot_notifier(&main_reboot_notifier);
	if (err)
		goto exit_pci;
	err = register_pm_notifier(&main_sleep_notifier);
	if (err)
		goto unregister_reboot;
	err = misc_register(&main_device);
	if (err)
		goto unregister_sleep;
	return 0;

unregister_sleep:
	unregister_pm_notifier(&main_sleep_notifier);
unregister_reboot:
	unregister_reboot_notifier(&main_reboot_notifier);
exit_pci:
	pci_exit();
exit_cpus:
	cpus_exit();
exit_netlink:
	netlink_exit();
exit_sysfs:
	sysfs_exit();
	return err;
}

/* Never while the hypervisor is enabled: it holds a reference. */
static void __exit main_exit(void)
{
	misc_deregister(&main_device);
	unregister_pm_notifier(&main_sleep_notifier);
	unregister_reboot_notifier(&main_reboot_notifier);
	comm_exit();
	pci_exit();
	cpus_exit();
	netlink_exit();
	sysfs_exit();
	console_exit();
}

module_init(main_init);
module_exit(main_exit);

MODULE_DESCRIPTION("Partitions the machine into cells");
MODULE_LICENSE("GPL");
MODULE_FIRMWARE("jailhouse-amd.bin");
