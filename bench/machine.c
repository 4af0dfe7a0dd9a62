// SPDX-License-Identifier: GPL-2.0-only
/* Kernel, processors, memory, IOMMU, and whether any of it is emulated. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "machine.h"
#include "util.h"

static void probe_cpu(struct machine *m)
{
	char line[256], *value;
	FILE *f;

	f = fopen("/proc/cpuinfo", "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "model name", 10))
			continue;
		value = strchr(line, ':');
		if (!value)
			break;
		value += strspn(value, ": ");
		value[strcspn(value, "\n")] = '\0';
		snprintf(m->cpu, sizeof(m->cpu), "%s", value);
		break;
	}
	fclose(f);
}

static void probe_hypervisor(struct machine *m)
{
#if defined(__x86_64__) || defined(__i386__)
	unsigned int a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1U << 31)))
		return;
	__cpuid(0x40000000, a, b, c, d);
	memcpy(m->hypervisor, &b, 4);
	memcpy(m->hypervisor + 4, &c, 4);
	memcpy(m->hypervisor + 8, &d, 4);
	m->hypervisor[12] = '\0';
	m->emulated = !strcmp(m->hypervisor, "TCGTCGTCGTCG");
#else
	(void)m;
#endif
}

static void probe_iommu(struct machine *m)
{
	struct dirent *e;
	size_t len = 0;
	DIR *d;

	d = opendir("/sys/class/iommu");
	if (!d)
		return;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		len += (size_t)snprintf(m->iommu + len, sizeof(m->iommu) - len, "%s%.20s",
					len ? " " : "", e->d_name);
		if (len + 24 > sizeof(m->iommu))
			break;
	}
	closedir(d);
}

void machine_probe(struct machine *m)
{
	struct utsname u;

	memset(m, 0, sizeof(*m));
	if (!uname(&u)) {
		snprintf(m->kernel, sizeof(m->kernel), "%s", u.release);
		snprintf(m->arch, sizeof(m->arch), "%s", u.machine);
	}
	m->cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	m->memory = proc_kb("/proc/meminfo", "MemTotal");
	probe_cpu(m);
	probe_hypervisor(m);
	probe_iommu(m);
}

void machine_print(const struct machine *m, bool icount)
{
	printf("Linux %s %s, %u CPU%s (%s), %.1f GiB, IOMMU %s\n", m->kernel, m->arch,
	       m->cpus, m->cpus == 1 ? "" : "s", m->cpu[0] ? m->cpu : "unknown model",
	       (double)m->memory / (double)GIB, m->iommu[0] ? m->iommu : "none");
	if (icount)
		puts("Instruction counting: every ns below is one guest instruction, not time.");
	else if (m->emulated)
		puts("Emulated by QEMU TCG: times are for scaling and comparison in one run only.");
}

void machine_json(const struct machine *m, bool icount, struct json *j)
{
	json_object(j, "machine");
	json_str(j, "kernel", m->kernel);
	json_str(j, "arch", m->arch);
	json_str(j, "cpu", m->cpu);
	json_u64(j, "cpus", m->cpus);
	json_u64(j, "memory_bytes", m->memory);
	json_str(j, "iommu", m->iommu);
	json_str(j, "hypervisor", m->hypervisor);
	json_bool(j, "emulated", m->emulated);
	json_bool(j, "ns_are_instructions", icount);
	json_object_end(j);
}
