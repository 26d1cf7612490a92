// SPDX-License-Identifier: GPL-2.0-only
/*
 * Driver "uio_ivshmem": ivshmem v2 devices for programs, by /dev/uioN (Linux' "The Userspace I/O HOWTO").
 *
 * Maps: registers; state_table and output_sections, which can be read only; rw_section and output_section, the
 * program's own. An empty one is left out. Reading the file waits for interrupts of any vector, writing 1 to it enables
 * the next one: the device is in one-shot mode. When the last program closes it, the device is switched off.
 */
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/uio_driver.h>
#include <linux/version.h>

#include "hypervisor/abi/ivshmem.h"

enum { MAP_WRITE = 1, MAP_CACHED = 2 };

/** struct ivshmem - one device */
struct ivshmem {
	struct uio_info info;
	void __iomem *regs;
	unsigned int maps;
	unsigned int rights[MAX_UIO_MAPS]; /**< MAP_*, of each map */
	unsigned int users;		   /**< under the lock by which UIO opens and closes */
	int vectors;
};

static struct ivshmem *ivshmem_of(struct uio_info *info)
{
	return container_of(info, struct ivshmem, info);
}

static u64 ivshmem_cap(struct pci_dev *dev, int reg)
{
	u32 low = 0, high = 0;

	pci_read_config_dword(dev, reg, &low);
	pci_read_config_dword(dev, reg + 4, &high);
	return (u64)high << 32 | low;
}

static void ivshmem_map(struct ivshmem *s, const char *name, u64 start, u64 size, unsigned int rights)
{
	if (!size)
		return;
	s->rights[s->maps] = rights;
	s->info.mem[s->maps++] = (struct uio_mem){
		.name = name,
		.addr = start,
		.size = size,
		.memtype = rights & MAP_CACHED ? UIO_MEM_IOVA : UIO_MEM_PHYS,
	};
}

static void ivshmem_maps(struct ivshmem *s, struct pci_dev *dev)
{
	u64 base = ivshmem_cap(dev, IVSHMEM_CAP_BASE), rw_size = ivshmem_cap(dev, IVSHMEM_CAP_RW_SIZE);
	u64 output_size = ivshmem_cap(dev, IVSHMEM_CAP_OUTPUT_SIZE), outputs;
	u32 state_size = 0;

	pci_read_config_dword(dev, IVSHMEM_CAP_STATE_SIZE, &state_size);
	outputs = base + state_size + rw_size;
	ivshmem_map(s, "registers", pci_resource_start(dev, 0), pci_resource_len(dev, 0), MAP_WRITE);
	ivshmem_map(s, "state_table", base, state_size, MAP_CACHED);
	ivshmem_map(s, "rw_section", base + state_size, rw_size, MAP_CACHED | MAP_WRITE);
	ivshmem_map(s, "output_sections", outputs, output_size * readl(s->regs + IVSHMEM_MAX_PEERS), MAP_CACHED);
	ivshmem_map(s, "output_section", outputs + output_size * readl(s->regs + IVSHMEM_ID), output_size,
		    MAP_CACHED | MAP_WRITE);
}

/* A write to what is another peer's is a violation, by which a CPU would be lost: programs can't. */
static int ivshmem_mmap(struct uio_info *info, struct vm_area_struct *vma)
{
	struct ivshmem *s = ivshmem_of(info);
	const struct uio_mem *mem = &info->mem[vma->vm_pgoff];
	unsigned int rights = s->rights[vma->vm_pgoff];

	if (!PAGE_ALIGNED(mem->addr | mem->size))
		return -ENODEV;
	if (!(rights & MAP_WRITE)) {
		if (vma->vm_flags & VM_WRITE)
			return -EPERM;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
		vm_flags_clear(vma, VM_MAYWRITE);
#else
		vma->vm_flags &= ~VM_MAYWRITE;
#endif
	}
	if (!(rights & MAP_CACHED))
		vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	return remap_pfn_range(vma, vma->vm_start, mem->addr >> PAGE_SHIFT, vma->vm_end - vma->vm_start,
			       vma->vm_page_prot);
}

static int ivshmem_irqcontrol(struct uio_info *info, s32 on)
{
	writel(on ? IVSHMEM_INTERRUPT_ENABLE : 0, ivshmem_of(info)->regs + IVSHMEM_INTERRUPT);
	return 0;
}

/* What a program leaves behind must not look alive. */
static void ivshmem_off(struct ivshmem *s)
{
	writel(0, s->regs + IVSHMEM_INTERRUPT);
	writel(0, s->regs + IVSHMEM_STATE);
}

static int ivshmem_open(struct uio_info *info, struct inode *inode)
{
	ivshmem_of(info)->users++;
	return 0;
}

static int ivshmem_release(struct uio_info *info, struct inode *inode)
{
	struct ivshmem *s = ivshmem_of(info);

	if (!--s->users)
		ivshmem_off(s);
	return 0;
}

static irqreturn_t ivshmem_interrupt(int irq, void *s)
{
	uio_event_notify(&((struct ivshmem *)s)->info);
	return IRQ_HANDLED;
}

static void ivshmem_irqs_free(struct ivshmem *s, struct pci_dev *dev)
{
	while (s->vectors)
		free_irq(pci_irq_vector(dev, --s->vectors), s);
	pci_free_irq_vectors(dev);
}

static int ivshmem_irqs(struct ivshmem *s, struct pci_dev *dev)
{
	int n = pci_alloc_irq_vectors(dev, 1, IVSHMEM_VECTORS_MAX, PCI_IRQ_MSIX);
	int err = n < 0 ? n : 0;

	while (!err && s->vectors < n) {
		err = request_irq(pci_irq_vector(dev, s->vectors), ivshmem_interrupt, 0, "uio_ivshmem", s);
		if (!err)
			s->vectors++;
	}
	if (err)
		ivshmem_irqs_free(s, dev);
	return err;
}

/* Not defined, or a program's own; others are for other drivers. */
static bool ivshmem_protocol_ok(const struct pci_dev *dev)
{
	u32 protocol = dev->class & 0xffff;

	return protocol == IVSHMEM_PROTOCOL_UNDEFINED ||
	       (protocol >= IVSHMEM_PROTOCOL_CUSTOM && protocol <= IVSHMEM_PROTOCOL_CUSTOM_LAST);
}

static int ivshmem_probe(struct pci_dev *dev, const struct pci_device_id *id)
{
	struct ivshmem *s = devm_kzalloc(&dev->dev, sizeof(*s), GFP_KERNEL);
	int err;

	if (!ivshmem_protocol_ok(dev))
		return -ENODEV;
	if (!s)
		return -ENOMEM;
	err = pcim_enable_device(dev);
	if (!err)
		err = pcim_iomap_regions(dev, BIT(0), "uio_ivshmem");
	if (err)
		return err;
	s->regs = pcim_iomap_table(dev)[0];
	ivshmem_off(s);
	pci_set_master(dev);
	pci_write_config_byte(dev, IVSHMEM_CAP_CONTROL, IVSHMEM_ONE_SHOT);
	ivshmem_maps(s, dev);
	s->info.name = "uio_ivshmem";
	s->info.version = "2";
	s->info.irq = UIO_IRQ_CUSTOM;
	s->info.mmap = ivshmem_mmap;
	s->info.irqcontrol = ivshmem_irqcontrol;
	s->info.open = ivshmem_open;
	s->info.release = ivshmem_release;
	pci_set_drvdata(dev, s);
	err = uio_register_device(&dev->dev, &s->info);
	if (err)
		return dev_err_probe(&dev->dev, err, "no UIO device\n");
	err = ivshmem_irqs(s, dev);
	if (err) {
		uio_unregister_device(&s->info);
		return dev_err_probe(&dev->dev, err, "no interrupts\n");
	}
	return 0;
}

static void ivshmem_remove(struct pci_dev *dev)
{
	struct ivshmem *s = pci_get_drvdata(dev);

	ivshmem_off(s);
	ivshmem_irqs_free(s, dev);
	uio_unregister_device(&s->info);
}

static const struct pci_device_id ivshmem_ids[] = { { PCI_DEVICE(IVSHMEM_VENDOR, IVSHMEM_DEVICE) }, {} };
MODULE_DEVICE_TABLE(pci, ivshmem_ids);

static struct pci_driver ivshmem_driver = {
	.name = "uio_ivshmem",
	.id_table = ivshmem_ids,
	.probe = ivshmem_probe,
	.remove = ivshmem_remove,
};
module_pci_driver(ivshmem_driver);

MODULE_DESCRIPTION("Memory that is shared with cells, for programs");
MODULE_LICENSE("GPL");
