// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupt that announces new entries of the event ring.
 *
 * The hypervisor sends it like an IPI, by APIC ID and vector. Linux hands out vectors to interrupt domains only, so
 * we are one: a child of the vector domain with a single line, whose "hardware" is hypercall CELL_HC_EVENT_IRQ.
 * Interrupt remapping is not involved. When Linux moves the interrupt, the hypervisor is told.
 */
#include "kmod.h"

#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <asm/hw_irq.h>
#include <asm/irqdomain.h>
#include <asm/smp.h>

#include "hypercall.h"

static struct irq_domain *domain;
static struct fwnode_handle *fwnode;
static int line; /* Linux' number, 0: none */

/* irq_cfg has an APIC destination in the form that Linux' APIC driver uses, maybe logical; the CPU is unambiguous. */
static void irq_tell(struct irq_data *data, bool on)
{
	unsigned int cpu = cpumask_first(irq_data_get_effective_affinity_mask(data));
	struct irq_cfg *cfg = irqd_cfg(data);

	if (cpu < nr_cpu_ids && cfg)
		hypercall_event_irq(per_cpu(x86_cpu_to_apicid, cpu), on ? cfg->vector : 0);
}

static void irq_mask(struct irq_data *data)
{
	irq_tell(data, false);
}

static void irq_unmask(struct irq_data *data)
{
	irq_tell(data, true);
}

static int irq_move(struct irq_data *data, const struct cpumask *mask, bool force)
{
	int ret = irq_chip_set_affinity_parent(data, mask, force);

	if (ret >= 0 && irqd_is_started(data) && !irqd_irq_masked(data))
		irq_tell(data, true);
	return ret;
}

static struct irq_chip chip = {
	.name = "jailhouse",
	.irq_ack = irq_chip_ack_parent,
	.irq_mask = irq_mask,
	.irq_unmask = irq_unmask,
	.irq_set_affinity = irq_move,
	.irq_retrigger = irq_chip_retrigger_hierarchy,
	.flags = IRQCHIP_SKIP_SET_WAKE,
};

static int irq_alloc(struct irq_domain *d, unsigned int virq, unsigned int count, void *arg)
{
	int err = irq_domain_alloc_irqs_parent(d, virq, count, arg);

	if (err)
		return err;
	irq_domain_set_info(d, virq, 0, &chip, NULL, handle_edge_irq, NULL, "edge");
	/* One hypercall moves the interrupt as a whole, so it can be done at any time. */
	irq_set_status_flags(virq, IRQ_MOVE_PCNTXT);
	return 0;
}

static const struct irq_domain_ops domain_ops = {
	.alloc = irq_alloc,
	.free = irq_domain_free_irqs_common,
};

static irqreturn_t irq_arrived(int irq, void *unused)
{
	return IRQ_WAKE_THREAD;
}

static irqreturn_t irq_thread(int irq, void *unused)
{
	event_drain();
	return IRQ_HANDLED;
}

/**
 * irq_take - get an interrupt and tell the hypervisor
 *
 * Context: the hypervisor is running.
 * Return: 0 or a negative error; events are then found by comm_watch() only.
 */
int irq_take(void)
{
	struct irq_alloc_info info = {};
	int err = -ENOMEM;

	fwnode = irq_domain_alloc_named_fwnode("jailhouse");
	if (!fwnode)
		return err;
	domain = irq_domain_create_hierarchy(x86_vector_domain, 0, 1, fwnode, &domain_ops, NULL);
	if (!domain)
		goto free_fwnode;
	err = irq_domain_alloc_irqs(domain, 1, NUMA_NO_NODE, &info);
	if (err < 0)
		goto remove_domain;
	line = err;
	err = request_threaded_irq(line, irq_arrived, irq_thread, 0, "jailhouse", &domain);
	if (err)
		goto dispose;
	return 0;

dispose:
	irq_dispose_mapping(line);
	line = 0;
remove_domain:
	irq_domain_remove(domain);
free_fwnode:
	irq_domain_free_fwnode(fwnode);
	return err;
}

/** irq_give - undo irq_take(), if it succeeded; Context: the hypervisor is running, no cells_lock */
void irq_give(void)
{
	if (!line)
		return;
	free_irq(line, &domain);
	irq_dispose_mapping(line);
	irq_domain_remove(domain);
	irq_domain_free_fwnode(fwnode);
	line = 0;
}
