// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-V, seen from Linux: is it there, and does nobody else use it.
 *
 * The module owns the extension on a CPU while it holds EFER.SVME there: KVM refuses to start with the bit set, and
 * we refuse when KVM has set it.
 */
#include "kmod.h"

#include <linux/cc_platform.h>
#include <linux/cpu.h>
#include <linux/smp.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/special_insns.h>
#include <asm/svm.h>

static cpumask_t owners; /* CPUs on which we set EFER.SVME */

/** svm_firmware - Return: file name of the image for this vendor */
const char *svm_firmware(void)
{
	return "jailhouse-amd.bin";
}

/**
 * svm_check - can the hypervisor run on this machine at all?
 *
 * Return: 0, or -ENODEV with the reason told.
 */
int svm_check(void)
{
	u64 vm_cr = 0;

	if (!boot_cpu_has(X86_FEATURE_SVM)) {
		if (boot_cpu_has(X86_FEATURE_VMX))
			return refuse(-ENODEV, "VT-x not yet supported, only AMD-V");
		return refuse(-ENODEV, "the processor has no AMD-V (CPUID SVM)");
	}
	if (rdmsrl_safe(MSR_VM_CR, &vm_cr) || vm_cr & SVM_VM_CR_SVM_DIS_MASK)
		return refuse(-ENODEV, "AMD-V is switched off by the firmware (VM_CR.SVMDIS)");
	if (native_read_cr4() & X86_CR4_LA57)
		return refuse(-ENODEV, "5-level paging is active, boot with no5lvl");
	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		return refuse(-ENODEV, "memory encryption is active, boot with mem_encrypt=off");
	return 0;
}

static void svm_take_this_cpu(void *info)
{
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME)
		return;
	wrmsrl(MSR_EFER, efer | EFER_SVME);
	cpumask_set_cpu(smp_processor_id(), &owners);
}

/** svm_give_this_cpu - release the extension here; Context: interrupts off */
void svm_give_this_cpu(void)
{
	u64 efer;

	if (!cpumask_test_and_clear_cpu(smp_processor_id(), &owners))
		return;
	wrmsrl(MSR_VM_HSAVE_PA, 0);
	rdmsrl(MSR_EFER, efer);
	wrmsrl(MSR_EFER, efer & ~EFER_SVME);
}

static void svm_give_by_ipi(void *info)
{
	svm_give_this_cpu();
}

/** svm_give - release the extension on all CPUs where svm_take() got it */
void svm_give(void)
{
	on_each_cpu(svm_give_by_ipi, NULL, 1);
}

/**
 * svm_take - own the extension on all online CPUs
 *
 * Context: CPU hotplug excluded.
 * Return: 0; -EBUSY somebody else uses it on some CPU, nothing is owned then.
 */
int svm_take(void)
{
	cpumask_clear(&owners);
	on_each_cpu(svm_take_this_cpu, NULL, 1);
	if (cpumask_equal(&owners, cpu_online_mask))
		return 0;
	svm_give();
	return refuse(-EBUSY, "AMD-V is in use (EFER.SVME): is a KVM guest running, or kvm.enable_virt_at_load on?");
}
