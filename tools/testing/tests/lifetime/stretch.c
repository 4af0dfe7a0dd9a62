// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces of very many mappings: whatever a call does for each of them, it looks
 * at the scheduler in between. Work is counted, not time: the function tracer records
 * each step, a function that is called once for a mapping, and each look.
 */
#include <sched.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "lib/edu.h"
#include "lib/ioasid.h"

#define MAPS	8192U
#define IOVA	0x10000000ULL
#define GAP	(2 * PAGE)		/* from one mapping to the next: none touch */
/* The module's own bound, for two kinds of steps in turn and what is left of a loop before. */
#define MOST	4096U

#define TRACE	"/sys/kernel/tracing/instances/stretch"

/* What is called for each mapping. Not all of them by every call. */
static const char steps[] =
	"ioasid_area_next ioasid_area_first ioasid_area_remove areas_merge "
	"ioasid_pages_put_area ioasid_area_forget_pins ioasid_dirty_area_track "
	"ioasid_domain_program intel_iommu_unmap_pages";
static const char looks[] = "__cond_resched schedule";

/*
 * To filter by so many names takes seconds, so all tests share one tracer: the first makes it, and
 * the program removes it in the end.
 * @ready: it is there
 * @look_at: where those two looks are, as the tracer has it; 0 for one that is not called here
 */
static struct tracer {
	bool ready;
	unsigned long look_at[2];
} *tracer;

FIXTURE(stretch) {
	struct backend d, device;
	char *mem;
	long long before;
};

static bool trace_write(const char *file, const char *text)
{
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), TRACE "/%s", file);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text);
}

/* Each word of its own: one that this kernel does not have is no reason to give up. */
static void trace_filter(const char *words)
{
	char all[512], *word, *save;

	snprintf(all, sizeof(all), "%s", words);
	for (word = strtok_r(all, " ", &save); word; word = strtok_r(NULL, " ", &save))
		trace_write("set_ftrace_filter", word);
}

/*
 * Does the kernel preempt what runs in it anyway, or do looks say when it may? One that
 * cannot change its mind at boot has no such file, and says so in its version.
 */
static bool preempts(void)
{
	FILE *f = fopen("/sys/kernel/debug/sched/preempt", "re");
	struct utsname kernel;
	char line[64] = "";

	if (!f)
		return !uname(&kernel) && strstr(kernel.version, " PREEMPT");
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	return strstr(line, "(full)") || strstr(line, "(lazy)");
}

static void trace_on(bool on)
{
	trace_write("tracing_on", on ? "1" : "0");
}

/* Of the process that calls, as the others are not to be seen. */
static bool trace_pid(void)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	return trace_write("set_ftrace_pid", pid);
}

/* Opened like this it is emptied. */
static void trace_empty(void)
{
	FILE *f = fopen(TRACE "/trace", "we");

	if (f)
		fclose(f);
}

/*
 * The kernel takes longer to find the names of functions than to do all the rest. So it prints
 * addresses, and those of the looks are known from a trace that is read in both ways.
 */
static bool trace_find_looks(void)
{
	signed char is[4096];
	unsigned int nr = 0, i = 0;
	unsigned long ip;
	char line[256];
	FILE *f;

	trace_on(true);
	sched_yield();
	munmap(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0), PAGE);
	trace_on(false);
	f = fopen(TRACE "/trace", "re");
	while (f && nr < sizeof(is) && fgets(line, sizeof(line), f))
		if (line[0] != '#')
			is[nr++] = strstr(line, ": __cond_resched <-") ? 0 : strstr(line, ": schedule <-") ? 1 : -1;
	if (f)
		fclose(f);
	if (!trace_write("trace_options", "raw"))
		return false;
	f = fopen(TRACE "/trace", "re");
	for (; f && i < nr && fgets(line, sizeof(line), f); )
		if (line[0] != '#' && is[i++] >= 0 && sscanf(line, "%*d %*d %*u %lx", &ip) == 1)
			tracer->look_at[(int)is[i - 1]] = ip;
	if (f)
		fclose(f);
	trace_empty();
	return tracer->look_at[0] || tracer->look_at[1];
}

static bool trace_make(void)
{
	if (mkdir(TRACE, 0700) && errno != EEXIST)
		return false;
	trace_filter(looks);
	if (!trace_write("tracing_on", "0") || !trace_pid() || !trace_write("buffer_size_kb", "16384") ||
	    !trace_write("current_tracer", "function") || !trace_find_looks())
		return false;
	trace_filter(steps);
	return true;
}

static bool trace_begin(void)
{
	if (!tracer->ready)
		tracer->ready = trace_make();
	return tracer->ready && trace_pid() && trace_write("current_tracer", "function");
}

/* Before the tests, each of which is a process of its own. */
__attribute__((constructor)) static void tracer_share(void)
{
	tracer = mmap(NULL, sizeof(*tracer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tracer == MAP_FAILED)
		abort();
}

__attribute__((destructor)) static void tracer_remove(void)
{
	rmdir(TRACE);
}

/* The most steps without a look between, and how many there were in all. */
static void trace_read(unsigned int *longest, unsigned int *all)
{
	FILE *f = fopen(TRACE "/trace", "re");
	unsigned int n = 0;
	unsigned long ip;
	char line[256];

	*longest = 0;
	*all = 0;
	while (f && fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		if (sscanf(line, "%*d %*d %*u %lx", &ip) == 1 && (ip == tracer->look_at[0] || ip == tracer->look_at[1])) {
			n = 0;
			continue;
		}
		++*all;
		if (++n > *longest)
			*longest = n;
	}
	if (f)
		fclose(f);
	trace_empty();
}

/* Entry @i of all, each a page with a hole behind it. */
static struct ioasid_map_entry entry(const char *mem, unsigned int i)
{
	return (struct ioasid_map_entry){
		.flags = NATIVE_FIXED,
		.iova = IOVA + i * GAP,
		.user_va = (uintptr_t)mem,
		.length = PAGE,
	};
}

FIXTURE_SETUP(stretch)
{
	static struct ioasid_map_entry e[MAPS];
	unsigned int i;
	uint32_t done;

	self->before = ktap_pinned();
	if (preempts())
		SKIP(return, "this kernel preempts calls, whether they look or not");
	if (!trace_begin())
		SKIP(return, "no function tracer");
	ASSERT_TRUE(backend_open(&self->d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_TRUE(native_attach(self->d.fd, &self->device, DEVICE_EDU));
	self->mem = small_pages(PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	for (i = 0; i < MAPS; i++)
		e[i] = entry(self->mem, i);
	ASSERT_EQ(0, native_map_batch(self->d.fd, 0, e, MAPS, &done));
}

FIXTURE_TEARDOWN(stretch)
{
	trace_write("current_tracer", "nop");
	backend_close(&self->device);
	backend_close(&self->d);
	munmap(self->mem, PAGE);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
}

/* @call does something for each mapping, and has looked at the scheduler often enough. */
#define EXPECT_LOOKS(call) do {							\
	unsigned int _longest, _all;						\
										\
	trace_on(true);								\
	call;									\
	trace_on(false);							\
	trace_read(&_longest, &_all);						\
	EXPECT_LE(MAPS, _all);							\
	EXPECT_GE(MOST, _longest);						\
	if (_longest > MOST)							\
		printf("# %s: %u steps in one piece, of %u\n", #call, _longest, _all); \
} while (0)

TEST_F(stretch, unmap_all)
{
	EXPECT_LOOKS(EXPECT_EQ((long long)(MAPS * PAGE), native_unmap_all(self->d.fd, 0)));
}

/* From the highest address down, so the call has to sort them. */
TEST_F(stretch, unmap_batch)
{
	static struct ioasid_iova_range r[MAPS];
	unsigned int i;
	uint32_t done;

	for (i = 0; i < MAPS; i++) {
		r[i].start = IOVA + (MAPS - 1 - i) * GAP;
		r[i].last = r[i].start + PAGE - 1;
	}
	EXPECT_LOOKS(EXPECT_EQ(0, native_unmap_batch(self->d.fd, 0, r, MAPS, &done)));
	EXPECT_EQ(MAPS, done);
}

/* The page tables of the device are emptied; the mappings stay. And filled again. */
TEST_F(stretch, detach)
{
	EXPECT_LOOKS(backend_close(&self->device));
	EXPECT_LOOKS(EXPECT_TRUE(native_attach(self->d.fd, &self->device, DEVICE_EDU)));
	EXPECT_EQ(MAPS, native_info(self->d.fd, 0).out_maps);
}

TEST_F(stretch, close)
{
	backend_close(&self->device);
	EXPECT_LOOKS(backend_close(&self->d));
}

TEST_F(stretch, dirty)
{
	EXPECT_LOOKS(EXPECT_EQ(0, native_dirty(self->d.fd, IOASID_DIRTY_OP_START, 0, 0, 0, NULL, 0)));
	EXPECT_LOOKS(EXPECT_EQ(0, native_dirty(self->d.fd, IOASID_DIRTY_OP_STOP, 0, 0, 0, NULL, 0)));
}

static void read_all(const char *path)
{
	char line[256];
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		;
	if (f)
		fclose(f);
}

TEST_F(stretch, sums)
{
	EXPECT_LOOKS(native_info(self->d.fd, 0));
	EXPECT_LOOKS(fdinfo_number(self->d.fd, "ioasid-pinned"));
	EXPECT_LOOKS(read_all("/sys/kernel/debug/ioasid/spaces"));
	EXPECT_EQ((long long)MAPS, fdinfo_number(self->d.fd, "ioasid-pinned"));
	EXPECT_EQ((long long)MAPS, fdinfo_number(self->d.fd, "ioasid-charged"));
}

/* A container whose last group leaves: nothing may stay mapped. */
TEST_F(stretch, container)
{
	unsigned int i, failed = 0;
	struct backend d;

	ASSERT_TRUE(backend_open(&d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	for (i = 0; i < MAPS; i++)
		failed += !!backend_map(&d, IOVA + i * GAP, self->mem, PAGE, MAP_RW);
	EXPECT_EQ(0, failed);
	EXPECT_LOOKS(backend_close(&d));
}

TEST_HARNESS_MAIN
