// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks that do everything that has a hook, in address spaces that
 * they share with their children: map, copy, unmap, pin, attach, hand over,
 * change their cgroup, fork, and die at any moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ioasid.h>
#include <linux/vfio.h>

#include "lib/kapi.h"
#include "lib/ioasid.h"
#include "pairing/test.h"

#define SLOTS	3		/* open /dev/ioasid, of each task */
#define BYTES	(2UL << 20)
#define FILE_BYTES (1UL << 20)

struct slot {
	int fd;
	int driver;		/* ioasid_kapi, for this space; -1 for none */
	uint32_t other;		/* another space of the same file, or 0 */
};

struct worker {
	uint64_t rng;
	struct slot slots[SLOTS];
	char *memory;
	int file;
};

struct task_counts *counts;
static pid_t workers[WORKERS];
static uint64_t incarnations;

static const char *const devices[] = { "0000:00:04.0", "0000:00:05.0", "0000:00:06.0" };

static void slot_close(struct slot *s)
{
	if (s->driver >= 0)
		close(s->driver);
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct slot){ .fd = -1, .driver = -1 };
}

static struct slot *slot_of(struct worker *w)
{
	struct slot *s = &w->slots[draw_of(&w->rng, SLOTS)];

	if (s->fd < 0 || draw_one_in(&w->rng, 24)) {
		slot_close(s);
		s->fd = native_open();
		if (s->fd >= 0 && ioctl(s->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
			slot_close(s);
		__sync_fetch_and_add(&counts->opens, s->fd >= 0);
	}
	return s;
}

static uint64_t an_iova(struct worker *w)
{
	return (1 + draw_of(&w->rng, 12)) * (1UL << 20);
}

static uint64_t a_length(struct worker *w)
{
	return (1 + draw_of(&w->rng, 48)) * 4096;
}

static const char *some_memory(struct worker *w, uint64_t length)
{
	return w->memory + draw_of(&w->rng, (uint32_t)((BYTES - length) / 4096)) * 4096UL;
}

static void do_map(struct worker *w, struct slot *s)
{
	uint64_t length = a_length(w), where;

	if (draw_one_in(&w->rng, 4))
		where = native_map(s->fd, draw_of(&w->rng, 2) ? s->other : 0, NATIVE_RW, 0,
				   some_memory(w, length), length);
	else
		where = native_map(s->fd, 0, NATIVE_FIXED, an_iova(w), some_memory(w, length),
				   length);
	__sync_fetch_and_add(&counts->maps, where != NATIVE_FAIL);
}

static void do_map_file(struct worker *w, struct slot *s)
{
	uint64_t length = a_length(w);

	native_map_file(s->fd, 0, NATIVE_FIXED, an_iova(w), w->file,
			draw_of(&w->rng, (uint32_t)((FILE_BYTES - length) / 4096)) * 4096UL, length);
}

static void do_map_batch(struct worker *w, struct slot *s)
{
	struct ioasid_map_entry e[6] = {};
	uint32_t i, n = 2 + draw_of(&w->rng, 5), done = 0;

	for (i = 0; i < n; i++) {
		e[i].iova = an_iova(w);
		e[i].length = a_length(w);
		e[i].user_va = (uintptr_t)some_memory(w, e[i].length);
		e[i].flags = NATIVE_FIXED;
	}
	native_map_batch(s->fd, 0, e, n, &done);
	__sync_fetch_and_add(&counts->maps, done);
}

static void do_copy(struct worker *w, struct slot *s)
{
	uint64_t where;

	if (!s->other) {
		int id = native_alloc(s->fd);

		s->other = id > 0 ? (uint32_t)id : 0;
	}
	where = native_copy(s->fd, s->other, 0, NATIVE_RW, 0, an_iova(w), 4096);
	__sync_fetch_and_add(&counts->copies, where != NATIVE_FAIL);
}

static void do_unmap(struct worker *w, struct slot *s)
{
	struct ioasid_iova_range r[2];
	uint32_t done, how = draw_of(&w->rng, 8);

	if (how == 0) {
		native_unmap_all(s->fd, 0);
	} else if (how == 1) {
		native_unmap_all(s->fd, s->other);
	} else if (how == 2) {
		r[0].start = 1UL << 20;
		r[0].last = an_iova(w) + BYTES - 1;
		r[1].start = r[0].last + 1;
		r[1].last = r[1].start + BYTES - 1;
		native_unmap_batch(s->fd, 0, r, 2, &done);
	} else if (how == 3 && s->other) {
		native_free(s->fd, s->other);
		s->other = 0;
	} else if (how == 4) {
		/* A part of a mapping, perhaps. */
		native_unmap_split(s->fd, 0, an_iova(w) + draw_of(&w->rng, 8) * 4096UL,
				   (1 + draw_of(&w->rng, 16)) * 4096UL);
	} else {
		native_unmap(s->fd, 0, an_iova(w), 1UL << 20);
	}
	__sync_fetch_and_add(&counts->unmaps, 1);
}

static long driver(struct slot *s, struct kapi *call)
{
	struct kapi first = { .op = KAPI_FROM_FILE, .fd = s->fd };
	struct kapi then = { .op = KAPI_ACCESS_CREATE, .flags = KAPI_ACCESS_TIDY };

	if (s->driver < 0) {
		s->driver = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);
		if (s->driver < 0)
			return -1;
		if (ioctl(s->driver, KAPI_CALL, &first) || ioctl(s->driver, KAPI_CALL, &then)) {
			close(s->driver);
			s->driver = -1;
			return -1;
		}
	}
	return ioctl(s->driver, KAPI_CALL, call);
}

static void do_pin(struct worker *w, struct slot *s)
{
	struct kapi call = {
		.op = draw_of(&w->rng, 3) ? KAPI_PIN : KAPI_UNPIN,
		.iova = an_iova(w) + draw_of(&w->rng, 4) * 4096,
		.length = 1 + draw_of(&w->rng, 5),
		.prot = 3,
	};
	long n = driver(s, &call);

	__sync_fetch_and_add(&counts->pins, call.op == KAPI_PIN && n > 0 ? (uint64_t)n : 0);
}

static void do_attach(struct worker *w, struct slot *s)
{
	struct kapi call = { .op = draw_of(&w->rng, 2) ? KAPI_ATTACH : KAPI_DETACH, .flags = 1 };
	long ret;

	strcpy(call.device, devices[draw_of(&w->rng, 3)]);
	ret = driver(s, &call);
	__sync_fetch_and_add(&counts->attaches, call.op == KAPI_ATTACH && !ret);
}

/* A child takes over what is mapped of the file, or a mapping with a new address. */
static void do_hand_over(struct worker *w, struct slot *s)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = VFIO_DMA_UNMAP_FLAG_VADDR,
		.iova = an_iova(w),
		.size = 1UL << 20,
	};
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_VADDR,
		.vaddr = (uintptr_t)w->memory,
		.iova = unmap.iova,
	};
	struct ioasid_change_owner owner = { .size = sizeof(owner) };
	int status = 1;
	pid_t pid;

	if (draw_of(&w->rng, 2)) {
		ioctl(s->fd, VFIO_IOMMU_UNMAP_DMA, &unmap);
		map.size = unmap.size;
	}
	pid = fork();
	if (!pid)
		_exit(ioctl(s->fd, map.size ? VFIO_IOMMU_MAP_DMA : IOASID_CHANGE_OWNER,
			    map.size ? (void *)&map : (void *)&owner) != 0);
	if (pid > 0)
		waitpid(pid, &status, 0);
	__sync_fetch_and_add(&counts->owners, !status);
	/* Or everything would wait for a new address from now on. */
	if (map.size && status)
		native_unmap_all(s->fd, 0);
}

static void move_to_cgroup(uint32_t n)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), CGROUP "/%c/cgroup.procs", 'a' + n);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "0", 1) != 1)
		fprintf(stderr, "# cannot enter %s: %s\n", path, strerror(errno));
	close(fd);
}

static void run(struct worker *w, unsigned int steps, bool child);

/* Parent and child go on at the same time, with the same address spaces. */
static void do_fork(struct worker *w)
{
	pid_t pid = fork();

	if (pid > 0)
		__sync_fetch_and_add(&counts->forks, 1);
	if (pid)
		return;
	w->rng ^= 0x9e3779b97f4a7c15ULL;
	run(w, 2 + draw_of(&w->rng, 12), true);
	if (draw_of(&w->rng, 2))
		kill(getpid(), SIGKILL);
	_exit(0);
}

static void step(struct worker *w, bool child)
{
	struct slot *s = slot_of(w);
	uint32_t n = draw_of(&w->rng, 100);

	if (s->fd < 0)
		return;
	if (n < 30)
		do_map(w, s);
	else if (n < 38)
		do_map_batch(w, s);
	else if (n < 43)
		do_map_file(w, s);
	else if (n < 48)
		do_copy(w, s);
	else if (n < 68)
		do_unmap(w, s);
	else if (n < 80)
		do_pin(w, s);
	else if (n < 89)
		do_attach(w, s);
	else if (n < 92)
		do_hand_over(w, s);
	else if (n < 95)
		move_to_cgroup(draw_of(&w->rng, CGROUPS));
	else if (n < 98 && !child)
		do_fork(w);
	else if (n == 99)
		kill(getpid(), SIGKILL);
}

static void run(struct worker *w, unsigned int steps, bool child)
{
	for (; steps && !__atomic_load_n(&counts->stop, __ATOMIC_ACQUIRE); steps--)
		step(w, child);
}

static void work(uint64_t seed)
{
	struct worker w = { .rng = seed };
	unsigned int i;

	signal(SIGCHLD, SIG_DFL);
	/* There are many; policies are to be loaded and ejected meanwhile. */
	if (nice(10) < 0)
		_exit(1);
	for (i = 0; i < SLOTS; i++)
		w.slots[i] = (struct slot){ .fd = -1, .driver = -1 };
	w.memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	w.file = memfd_create("pairing", MFD_CLOEXEC);
	if (w.memory == MAP_FAILED || w.file < 0 || ftruncate(w.file, (off_t)FILE_BYTES))
		_exit(1);
	move_to_cgroup(draw_of(&w.rng, CGROUPS));
	run(&w, ~0U, false);
	_exit(0);
}

static void begin(unsigned int i, uint64_t seed)
{
	uint64_t rng = seed + 0x632be59bd9b4e019ULL * ++incarnations;

	draw_of(&rng, 2);
	workers[i] = fork();
	if (!workers[i])
		work(rng);
}

bool workers_open(void)
{
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return counts != MAP_FAILED;
}

void workers_begin(uint64_t seed)
{
	unsigned int i;

	__atomic_store_n(&counts->stop, 0, __ATOMIC_RELEASE);
	for (i = 0; i < WORKERS; i++)
		begin(i, seed);
}

/* Others take the place of those that died. */
void workers_revive(uint64_t seed)
{
	unsigned int i;

	for (i = 0; i < WORKERS; i++) {
		if (workers[i] > 0 && waitpid(workers[i], NULL, WNOHANG) == workers[i]) {
			counts->deaths++;
			begin(i, seed);
		}
	}
}

void workers_end(void)
{
	unsigned int i;

	__atomic_store_n(&counts->stop, 1, __ATOMIC_RELEASE);
	for (i = 0; i < WORKERS; i++)
		if (workers[i] > 0)
			waitpid(workers[i], NULL, 0);
}
