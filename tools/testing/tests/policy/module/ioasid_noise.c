// SPDX-License-Identifier: GPL-2.0-only
/*
 * A machine that is busy with something else: interrupts that last, on one
 * processor, sent by another. Built for the test machine and never installed.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/smp.h>

static unsigned int cpu;
module_param(cpu, uint, 0444);
MODULE_PARM_DESC(cpu, "the processor that is interrupted");

static unsigned int from = 1;
module_param(from, uint, 0444);
MODULE_PARM_DESC(from, "the processor that does it");

static unsigned int us = 400;
module_param(us, uint, 0444);
MODULE_PARM_DESC(us, "how long an interrupt takes");

static unsigned int gap_us = 600;
module_param(gap_us, uint, 0444);
MODULE_PARM_DESC(gap_us, "how long there is none");

static struct task_struct *thread;

static void hold_up(void *unused)
{
	udelay(us);
}

static int disturb(void *unused)
{
	while (!kthread_should_stop()) {
		smp_call_function_single(cpu, hold_up, NULL, 1);
		usleep_range(gap_us, gap_us + 100);
	}
	return 0;
}

static int __init noise_init(void)
{
	if (cpu == from || !cpu_online(cpu) || !cpu_online(from) || us > 1000)
		return -EINVAL;
	thread = kthread_create(disturb, NULL, "ioasid_noise");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	kthread_bind(thread, from);
	wake_up_process(thread);
	return 0;
}
module_init(noise_init);

static void __exit noise_exit(void)
{
	kthread_stop(thread);
}
module_exit(noise_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Keeps a processor busy with interrupts, for the tests of ioasid");
