// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual PCI devices of root: shown to Linux while the hypervisor is enabled.
 *
 * Linux assigns their BARs out of its windows, but only where root has no memory: what is mapped does not trap.
 */
#include "kmod.h"

#include <linux/align.h>
#include <linux/overflow.h>
#include <linux/pci.h>

#define TYPE_IVSHMEM 3

#define for_each_virtual(d, config)                                                                  \
	for ((d) = (const void *)(config) + cell_config_pci_offset(config);                          \
	     (const void *)(d) < (const void *)(config) + cell_config_pci_cap_offset(config); (d)++) \
		if ((d)->type == TYPE_IVSHMEM)

#define ADDRESS "%04x:%02x:%02x.%u"
#define ADDRESS_OF(d) (d)->domain, PCI_BUS_NUM((d)->bdf), PCI_SLOT((d)->bdf), PCI_FUNC((d)->bdf)

static struct pci_dev *vpci_get(const struct cell_pci_device *d)
{
	return pci_get_domain_bus_and_slot(d->domain, PCI_BUS_NUM(d->bdf), d->bdf & 0xff);
}

/**
 * vpci_check - is there room for root's virtual devices?
 * @config: of root, with its arrays
 *
 * Context: before the hypervisor is entered. Return: 0; -EBUSY a function has the address; -ENODEV there is no such
 * bus.
 */
int vpci_check(const struct cell_config *config)
{
	const struct cell_pci_device *d;
	struct pci_dev *dev;

	for_each_virtual (d, config) {
		dev = vpci_get(d);
		pci_dev_put(dev);
		if (dev)
			return refuse(-EBUSY, "ivshmem device " ADDRESS ": Linux has a device there", ADDRESS_OF(d));
		if (!pci_find_bus(d->domain, PCI_BUS_NUM(d->bdf)))
			return refuse(-ENODEV, "ivshmem device " ADDRESS ": there is no such bus", ADDRESS_OF(d));
	}
	return 0;
}

/* First place in @space where nothing of root's is mapped. */
static resource_size_t vpci_trapped(void *config, const struct resource *space, resource_size_t size,
				    resource_size_t align)
{
	const struct cell_config *root = config;
	resource_size_t start = ALIGN(space->start, align);
	const struct cell_memory *mem;
	bool moved;
	u32 i;

	do {
		mem = config + cell_config_memory_offset(root);
		moved = false;
		for (i = 0; i < root->num_memory_regions; i++, mem++)
			if (start < mem->phys_start + mem->size && mem->phys_start < start + size) {
				start = ALIGN(mem->phys_start + mem->size, align);
				moved = true;
			}
	} while (moved && start <= space->end);
	return start;
}

static int vpci_assign(struct pci_dev *dev, int bar, const struct cell_config *config)
{
	struct resource *res = &dev->resource[bar];
	resource_size_t size = resource_size(res);
	int err;

	if (!res->flags || !size)
		return 0;
	err = pci_bus_alloc_resource(dev->bus, res, size, max_t(resource_size_t, size, PAGE_SIZE), 0,
				     IORESOURCE_MEM | IORESOURCE_PREFETCH, vpci_trapped, (void *)config);
	if (err)
		return refuse(err, "ivshmem device %s: no place for BAR %d that is not memory of the root cell",
			      pci_name(dev), bar);
	res->flags &= ~IORESOURCE_UNSET;
	return pci_write_config_dword(dev, PCI_BASE_ADDRESS_0 + 4 * bar, res->start);
}

/*
 * Firmware does not know the device, so that it may be below no unit that remaps interrupts, and then Linux lets it
 * have none. It interrupts as its neighbours on the bus do.
 */
static void vpci_share_msi_domain(struct pci_dev *dev)
{
	struct pci_dev *other;

	list_for_each_entry (other, &dev->bus->devices, bus_list)
		if (!dev_get_msi_domain(&dev->dev))
			dev_set_msi_domain(&dev->dev, dev_get_msi_domain(&other->dev));
}

static int vpci_add_one(const struct cell_pci_device *d, const struct cell_config *config)
{
	struct pci_bus *bus = pci_find_bus(d->domain, PCI_BUS_NUM(d->bdf));
	struct pci_dev *dev = bus ? pci_scan_single_device(bus, d->bdf & 0xff) : NULL;
	int err = 0, bar;

	if (!dev)
		return refuse(-ENODEV, "ivshmem device " ADDRESS " does not appear", ADDRESS_OF(d));
	for (bar = 0; !err && bar < PCI_STD_NUM_BARS; bar++)
		err = vpci_assign(dev, bar, config);
	vpci_share_msi_domain(dev);
	if (err)
		pci_stop_and_remove_bus_device(dev);
	else
		pci_bus_add_device(dev);
	return err;
}

/**
 * vpci_add - show Linux root's virtual devices
 * @config: of root, with its arrays; vpci_check() done
 *
 * Context: hv_lock, the hypervisor is entered. Return: 0, or an error that is told, and no device is shown.
 */
int vpci_add(const struct cell_config *config)
{
	const struct cell_pci_device *d;
	int err = 0;

	pci_lock_rescan_remove();
	for_each_virtual (d, config)
		if (!err)
			err = vpci_add_one(d, config);
	pci_unlock_rescan_remove();
	if (err)
		vpci_remove(config);
	return err;
}

/**
 * vpci_remove - take them away again, and their drivers
 * @config: as for vpci_add()
 *
 * Context: hv_lock, before the hypervisor is left.
 */
void vpci_remove(const struct cell_config *config)
{
	const struct cell_pci_device *d;
	struct pci_dev *dev;

	for_each_virtual (d, config) {
		dev = vpci_get(d);
		if (dev)
			pci_stop_and_remove_bus_device_locked(dev);
		pci_dev_put(dev);
	}
}
