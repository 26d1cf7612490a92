// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI devices between Linux and cells: while a cell has a device, a driver that does nothing keeps Linux away from it.
 *
 * A device goes to this stub driver by its driver_override, as an administrator would do it, and afterwards back to
 * whatever driver Linux finds for it if it had one.
 */
#include "kmod.h"

#include <linux/device/driver.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>

#define STUB_NAME "jailhouse-pci-stub"
#define TYPE_DEVICE 1

/* A device that Linux has lent. */
struct claim {
	struct pci_dev *device; /* one reference */
	char *override;		/* whose it was by driver_override, or NULL */
	bool bound;		/* it had a driver */
};

static int stub_probe(struct pci_dev *device, const struct pci_device_id *id)
{
	return 0;
}

static struct pci_driver stub = {
	.name = STUB_NAME,
	.probe = stub_probe,
};

/** pci_init - register the stub driver, which matches nothing by itself */
int pci_init(void)
{
	return pci_register_driver(&stub);
}

/** pci_exit - unregister it; Context: no cell has a device */
void pci_exit(void)
{
	pci_unregister_driver(&stub);
}

/* Newer kernels have it for devices of all buses. *ret_name: NULL if there is none, to be freed. */
#ifdef DEVICE_HAS_DRIVER_OVERRIDE
static int override_get(struct pci_dev *device, char **ret_name)
{
	guard(spinlock)(&device->dev.driver_override.lock);
	*ret_name = kstrdup(device->dev.driver_override.name, GFP_ATOMIC);
	return *ret_name || !device->dev.driver_override.name ? 0 : -ENOMEM;
}

static int override_set(struct pci_dev *device, const char *name)
{
	return device_set_driver_override(&device->dev, name);
}
#else
static int override_get(struct pci_dev *device, char **ret_name)
{
	*ret_name = kstrdup(device->driver_override, GFP_KERNEL);
	return *ret_name || !device->driver_override ? 0 : -ENOMEM;
}

static int override_set(struct pci_dev *device, const char *name)
{
	return driver_set_override(&device->dev, &device->driver_override, name, strlen(name));
}
#endif

static void claim_undo(struct claim *claim)
{
	struct device *dev = &claim->device->dev;

	device_release_driver(dev);
	if (override_set(claim->device, claim->override ?: ""))
		dev_warn(dev, "keeps the driver override " STUB_NAME "\n");
	if (claim->bound && device_attach(dev) < 0)
		dev_warn(dev, "has no driver any more\n");
	kfree(claim->override);
	pci_dev_put(claim->device);
}

/* The reference to the device is the claim's, whatever the result. */
static int claim_do(struct claim *claim, struct pci_dev *device)
{
	int err;

	*claim = (struct claim){ .device = device, .bound = device->dev.driver };
	err = override_get(device, &claim->override);
	device_release_driver(&device->dev);
	if (!err)
		err = override_set(device, STUB_NAME);
	if (!err)
		err = device_attach(&device->dev);
	if (err > 0) /* bound */
		return 0;
	claim_undo(claim);
	return err ?: -EBUSY;
}

static int pci_take_one(struct kcell *kc, const struct cell_pci_device *wanted)
{
	struct pci_dev *device =
		pci_get_domain_bus_and_slot(wanted->domain, PCI_BUS_NUM(wanted->bdf), wanted->bdf & 0xff);
	int err;

	/* What Linux does not see it does not use; a bridge keeps its driver. */
	if (!device || wanted->type != TYPE_DEVICE) {
		pci_dev_put(device);
		return 0;
	}
	if (device->dev.driver == &stub.driver) {
		err = refuse(-EBUSY, "cell %s: PCI device %s is a cell's already", kcell_name(kc), pci_name(device));
		pci_dev_put(device);
		return err;
	}
	err = claim_do(&kc->claims[kc->num_claims], device);
	if (err)
		return refuse(err, "cell %s: PCI device %04x:%02x:%02x.%u does not leave its driver", kcell_name(kc),
			      wanted->domain, PCI_BUS_NUM(wanted->bdf), PCI_SLOT(wanted->bdf), PCI_FUNC(wanted->bdf));
	kc->num_claims++;
	return 0;
}

/**
 * pci_take - take the PCI devices of a cell from their drivers
 * @kc: not created yet
 *
 * Context: hv_lock.
 * Return: 0; -ENOMEM; -EBUSY a device is another cell's; or the error of Linux' driver core. Nothing is kept then.
 */
int pci_take(struct kcell *kc)
{
	const struct cell_config *config = kc->config;
	const struct cell_pci_device *wanted = (const void *)config + cell_config_pci_offset(config);
	int err = 0;
	u32 i;

	if (!config->num_pci_devices)
		return 0;
	kc->claims = kcalloc(config->num_pci_devices, sizeof(*kc->claims), GFP_KERNEL);
	if (!kc->claims)
		return -ENOMEM;
	for (i = 0; i < config->num_pci_devices && !err; i++)
		err = pci_take_one(kc, &wanted[i]);
	if (err)
		pci_give(kc);
	return err;
}

/** pci_give - return a cell's devices to Linux, last first; Context: hv_lock, the cell is gone */
void pci_give(struct kcell *kc)
{
	while (kc->num_claims)
		claim_undo(&kc->claims[--kc->num_claims]);
	kfree(kc->claims);
	kc->claims = NULL;
}
