// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is counted for a user comes back, whatever happens. A random sequence of
 * calls is made by two users, on files that each has opened and both use. A
 * model says of each call whether it meets a limit, and what each user has
 * afterwards. In the end all files are closed, and nothing is counted any more.
 *
 * SEED chooses the sequence, and STEPS its length.
 */
#include "lib/users.h"

#define IOVA	0x10000000ULL
#define FILES	4
#define IDS	6		/* ids of a file that are used */
#define SLOTS	24		/* addresses of a space that are used */
#define SOURCE	(SLOTS - 1)	/* of these one that is charged, in each space */
#define STEPS	4000

enum slot { EMPTY, CHARGED, COUNTED };

struct space {
	bool there;
	bool ours;			/* the owner is this process */
	int user;			/* 0: ALICE, 1: BOB */
	enum slot slot[SLOTS];
	bool file[SLOTS];		/* memory of the file, which can be taken over */
};

struct file {
	int fd;				/* -1: closed */
	struct space space[IDS + 1];	/* by id */
};

static const int uids[] = { ALICE, BOB };

static struct {
	struct file file[FILES];
	int user;			/* who calls */
	bool bound;			/* by limits */
	unsigned int spaces_limit;
	unsigned int mappings_limit;
	unsigned int spaces[2];
	unsigned int mappings[2];
	unsigned int refused;
	char *mem;
	char *reserved;
	int memfd;
	uint64_t rng;
} w;

static unsigned int below(unsigned int n)
{
	w.rng ^= w.rng << 13;
	w.rng ^= w.rng >> 7;
	w.rng ^= w.rng << 17;
	return (w.rng >> 11) % n;
}

static uint64_t slot_iova(int slot)
{
	return IOVA + slot * PAGE;
}

/* --- what the model expects --- */

static bool space_refused(void)
{
	return w.bound && w.spaces_limit && w.spaces[w.user] >= w.spaces_limit;
}

static bool window_refused(const struct space *s)
{
	return w.bound && w.mappings_limit && w.mappings[s->user] >= w.mappings_limit;
}

static bool wrong(const char *what, long got, long expected)
{
	TH_LOG("%s: %ld and not %ld, errno %s", what, got, expected, strerrorname_np(errno));
	return false;
}

/* A call was to end with 0 or with EDQUOT, as @refused says. */
static bool judge(const char *what, bool good, bool refused)
{
	w.refused += refused;
	if (good == !refused && (good || errno == EDQUOT))
		return true;
	return wrong(what, good, !refused);
}

static void slot_set(struct space *s, int slot, enum slot to)
{
	w.mappings[s->user] -= s->slot[slot] == COUNTED;
	s->slot[slot] = to;
	w.mappings[s->user] += to == COUNTED;
}

static void space_gone(struct space *s)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		slot_set(s, i, EMPTY);
	w.spaces[s->user]--;
	s->there = false;
}

static struct space *space_new(struct file *f, int id)
{
	f->space[id] = (struct space){ .there = true, .ours = true, .user = w.user };
	w.spaces[w.user]++;
	return &f->space[id];
}

static struct file *any_file(void)
{
	return &w.file[below(FILES)];
}

/* A space that is there, and its id; NULL if the dice say one that is not. */
static struct space *any_space(struct file **f, int *id)
{
	*f = any_file();
	*id = 1 + below(IDS);
	return (*f)->fd >= 0 && (*f)->space[*id].there ? &(*f)->space[*id] : NULL;
}

/* --- calls; each returns whether the kernel agrees with the model --- */

static bool do_open(void)
{
	struct file *f = any_file();
	bool refused = space_refused();

	if (f->fd >= 0)
		return true;
	f->fd = native_open();
	if (f->fd >= 0)
		space_new(f, 1);
	return judge("open", f->fd >= 0, refused);
}

static bool do_close(void)
{
	struct file *f = any_file();
	int id;

	if (f->fd < 0 || below(4))
		return true;
	close(f->fd);
	f->fd = -1;
	for (id = 1; id <= IDS; id++)
		if (f->space[id].there)
			space_gone(&f->space[id]);
	return true;
}

static bool do_alloc(void)
{
	bool refused = space_refused();
	struct file *f = any_file();
	int id;

	if (f->fd < 0)
		return true;
	for (id = 1; id <= IDS && f->space[id].there; id++)
		;
	if (id > IDS)
		return true;
	if (native_alloc(f->fd) == id) {
		space_new(f, id);
		return judge("alloc", true, refused);
	}
	return judge("alloc", false, refused);
}

static bool do_free(void)
{
	struct file *f;
	int id;
	struct space *s = any_space(&f, &id);

	if (!s || id == 1)
		return true;
	space_gone(s);
	return native_free(f->fd, id) ? wrong("free", -1, 0) : true;
}

static bool do_map(void)
{
	struct file *f;
	int id, slot = below(SLOTS), kind = below(3);
	struct space *s = any_space(&f, &id);
	bool refused, good;

	if (!s || s->slot[slot] != EMPTY)
		return true;
	if (slot == SOURCE)
		kind = 0;
	refused = (kind || !s->ours) && window_refused(s);
	if (!kind)
		good = native_map_file(f->fd, id, NATIVE_FIXED, slot_iova(slot), w.memfd, 0,
				       PAGE) != NATIVE_FAIL;
	else
		good = native_map(f->fd, id, USER_READ, slot_iova(slot), w.reserved, PAGE) !=
		       NATIVE_FAIL;
	if (good) {
		slot_set(s, slot, kind || !s->ours ? COUNTED : CHARGED);
		s->file[slot] = !kind;
	}
	return judge("map", good, refused);
}

static bool do_copy(void)
{
	struct file *f;
	int id, from = 1 + below(IDS), slot = below(SOURCE);
	struct space *s = any_space(&f, &id);
	bool refused, good;

	if (!s || s->slot[slot] != EMPTY || !f->space[from].there ||
	    f->space[from].slot[SOURCE] == EMPTY)
		return true;
	refused = window_refused(s);
	good = native_copy(f->fd, id, from, NATIVE_FIXED, slot_iova(slot), slot_iova(SOURCE),
			   PAGE) != NATIVE_FAIL;
	if (good) {
		slot_set(s, slot, COUNTED);
		s->file[slot] = true;
	}
	return judge("copy", good, refused);
}

/* Calls that fail for another reason: they are refused before the limit is looked at. */
static bool do_fail(void)
{
	struct file *f;
	int id, slot = below(SLOTS);
	struct space *s = any_space(&f, &id);

	if (!s || s->slot[slot] == EMPTY)
		return true;
	if (native_map(f->fd, id, NATIVE_FIXED, slot_iova(slot), w.mem, PAGE) != NATIVE_FAIL ||
	    errno != EEXIST)
		return wrong("map over a mapping", errno, EEXIST);
	if (native_copy(f->fd, id, id, USER_READ, slot_iova(slot), slot_iova(slot), PAGE) !=
	    NATIVE_FAIL || errno != EEXIST)
		return wrong("copy over a mapping", errno, EEXIST);
	return true;
}

static bool do_batch(void)
{
	struct ioasid_map_entry e[SLOTS] = {};
	struct file *f;
	int id, n = 0, slot[SLOTS], i;
	struct space *s = any_space(&f, &id);
	unsigned int room;
	uint32_t done;
	bool good;

	if (!s)
		return true;
	for (i = 0; i < SOURCE; i++) {
		if (s->slot[i] != EMPTY || below(2))
			continue;
		slot[n] = i;
		e[n++] = (struct ioasid_map_entry){
			.iova = slot_iova(i),
			.user_va = (uintptr_t)w.reserved,
			.length = PAGE,
			.flags = USER_READ,
		};
	}
	if (!n)
		return true;
	room = window_refused(s) ? 0 : w.bound && w.mappings_limit ?
	       w.mappings_limit - w.mappings[s->user] : SLOTS;
	good = !native_map_batch(f->fd, id, e, n, &done);
	for (i = 0; i < (int)done; i++) {
		slot_set(s, slot[i], COUNTED);
		s->file[slot[i]] = false;
	}
	if (!good && done != room)
		return wrong("mapped by a batch", done, room);
	return judge("batch", good, (unsigned int)n > room);
}

static bool do_unmap(void)
{
	struct file *f;
	int id, slot = below(SLOTS);
	struct space *s = any_space(&f, &id);

	if (!s || s->slot[slot] == EMPTY)
		return true;
	slot_set(s, slot, EMPTY);
	return native_unmap(f->fd, id, slot_iova(slot), PAGE) == (long long)PAGE ||
	       wrong("unmap", -1, PAGE);
}

static bool do_unmap_all(void)
{
	struct file *f;
	int id, i;
	struct space *s = any_space(&f, &id);

	if (!s || below(4))
		return true;
	for (i = 0; i < SLOTS; i++)
		slot_set(s, i, EMPTY);
	return native_unmap_all(f->fd, id) >= 0 || wrong("unmap all", -1, 0);
}

static bool do_user(void)
{
	w.user = below(2);
	return user_become(uids[w.user]) || wrong("setresuid", -1, 0);
}

static bool do_bound(void)
{
	w.bound = below(4);
	return user_bound(w.bound) || wrong("capset", -1, 0);
}

static bool do_limits(void)
{
	if (below(4))
		return true;
	w.spaces_limit = below(8) ? 1 + below(10) : 0;
	w.mappings_limit = below(8) ? 1 + below(60) : 0;
	return user_limit("user_spaces", w.spaces_limit) &&
	       user_limit("user_mappings", w.mappings_limit);
}

/* Runs @call in another process, as any user; its exit status. */
static int elsewhere(int (*call)(int fd, int id, int slot), int fd, int id, int slot)
{
	int uid = uids[below(2)], status;
	pid_t pid = fork();

	if (!pid)
		_exit(user_become(uid) ? call(fd, id, slot) : 255);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int take_over(int fd, int id, int slot)
{
	struct ioasid_change_owner arg = { .size = sizeof(arg), .ioasid = id };

	(void)slot;
	return ioctl(fd, IOASID_CHANGE_OWNER, &arg) ? errno : 0;
}

/* What is mapped gets another owner, who ends; or this process again. */
static bool do_owner(void)
{
	struct file *f;
	int id, ret, i;
	struct space *s = any_space(&f, &id);
	bool there = below(2), refused = false;

	if (!s)
		return true;
	if (there) {
		ret = elsewhere(take_over, f->fd, id, 0);
		/* Pages that are not a file's stay whose they are. */
		for (i = 0; i < SLOTS; i++)
			refused |= s->slot[i] != EMPTY && !s->file[i];
	} else {
		ret = take_over(f->fd, id, 0);
	}
	if (ret != (refused ? EINVAL : 0))
		return wrong("change of owner", ret, refused ? EINVAL : 0);
	if (!refused)
		s->ours = !there;
	return true;
}

static int map_file(int fd, int id, int slot)
{
	return native_map_file(fd, id, NATIVE_FIXED, slot_iova(slot), w.memfd, 0, PAGE) ==
	       NATIVE_FAIL ? errno : 0;
}

/* Another process maps, and ends. */
static bool do_map_elsewhere(void)
{
	struct file *f;
	int id, slot = below(SLOTS), ret;
	struct space *s = any_space(&f, &id);
	bool refused;

	if (!s || s->slot[slot] != EMPTY)
		return true;
	refused = window_refused(s);
	ret = elsewhere(map_file, f->fd, id, slot);
	if (!ret) {
		slot_set(s, slot, COUNTED);
		s->file[slot] = true;
	}
	errno = ret;
	return judge("map by another process", !ret, refused);
}

static bool (*const calls[])(void) = {
	do_open, do_close, do_alloc, do_alloc, do_free, do_map, do_map, do_map, do_copy, do_copy,
	do_copy, do_copy, do_fail, do_batch, do_unmap, do_unmap, do_unmap, do_unmap_all, do_user,
	do_bound, do_limits, do_owner, do_map_elsewhere,
};

/* --- the test --- */

static bool agree(void)
{
	struct user_counts n;
	int u;

	for (u = 0; u < 2; u++) {
		n = user_counts(uids[u]);
		if (n.spaces != (long)w.spaces[u])
			return wrong("address spaces", n.spaces, w.spaces[u]);
		if (n.mappings != (long)w.mappings[u])
			return wrong("mappings", n.mappings, w.mappings[u]);
		if (n.lines != !!w.spaces[u])
			return wrong("lines of a user", n.lines, !!w.spaces[u]);
	}
	return true;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static bool prepare(uint64_t seed)
{
	int i;

	w.rng = seed * 0x9e3779b97f4a7c15ULL | 1;
	w.bound = true;
	w.spaces_limit = 10;
	w.mappings_limit = 40;
	for (i = 0; i < FILES; i++)
		w.file[i].fd = -1;
	w.mem = touched_memory(PAGE);
	w.reserved = user_reserved();
	w.memfd = memfd_create("counts", MFD_CLOEXEC);
	return w.mem != MAP_FAILED && w.reserved != MAP_FAILED && !ftruncate(w.memfd, PAGE) &&
	       user_limit("user_spaces", w.spaces_limit) &&
	       user_limit("user_mappings", w.mappings_limit) && user_become(ALICE) &&
	       user_bound(true);
}

static bool run(uint64_t seed)
{
	uint64_t steps = from_environment("STEPS", STEPS), i;
	bool good;
	int f;

	good = prepare(seed);
	if (!good)
		TH_LOG("cannot begin");
	for (i = 0; good && i < steps; i++) {
		good = calls[below(sizeof(calls) / sizeof(calls[0]))]();
		if (good && i % 4 == 0)
			good = agree();
	}
	TH_LOG("seed %llu: %llu steps, %u of them met a limit", (unsigned long long)seed,
	       (unsigned long long)i, w.refused);
	for (f = 0; f < FILES; f++)
		if (w.file[f].fd >= 0)
			close(w.file[f].fd);
	memset(w.spaces, 0, sizeof(w.spaces));
	memset(w.mappings, 0, sizeof(w.mappings));
	good &= agree();
	/* A sequence that meets no limit shows little. */
	return user_limits_reset() && !locked_kib() && good && w.refused >= steps / 100;
}

TEST_TIMEOUT(seed_1, 60)
{
	EXPECT_TRUE(run(from_environment("SEED", 1)));
}

TEST_TIMEOUT(seed_2, 60)
{
	EXPECT_TRUE(run(from_environment("SEED", 2)));
}

TEST_TIMEOUT(seed_3, 60)
{
	EXPECT_TRUE(run(from_environment("SEED", 3)));
}

TEST_HARNESS_MAIN
