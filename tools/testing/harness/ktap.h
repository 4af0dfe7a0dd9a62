/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test harness in one header, with the vocabulary of the kernel's own
 * selftests: TEST, FIXTURE, TEST_F, ASSERT_*, EXPECT_*, SKIP. Include it in one
 * .c file, write tests, end with TEST_HARNESS_MAIN.
 *
 * Each test is a process of its own with a time limit, so that a crash or a
 * hang fails that test and no other. The output is KTAP with a plan. Around
 * each test the kernel's counters of pinned pages are compared: a test after
 * which more pages are pinned than before has failed.
 *
 * ASSERT_* ends the test when it does not hold, EXPECT_* notes the failure and
 * goes on. Both print their line, both values, and errno.
 */
#ifndef IOASID_KTAP_H
#define IOASID_KTAP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"

#define KTAP_TIMEOUT 10		/* seconds a test may take, times KTAP_SLOW */
#define KTAP_UNUSED __attribute__((unused))

/* What a test tells its parent beside its exit status; shared memory. */
struct ktap_report {
	bool skipped;
	char reason[200];
};

struct ktap_test {
	const char *name;
	const char *variant;		/* NULL, or the name of its variant */
	void (*body)(struct ktap_test *self);
	const void *parameters;		/* of the variant */
	unsigned int timeout;
	bool failed;
	struct ktap_report *report;
	struct ktap_test *next;
};

static struct ktap_test *ktap_first, **ktap_tail = &ktap_first;

static inline void ktap_register(struct ktap_test *test)
{
	*ktap_tail = test;
	ktap_tail = &test->next;
}

#define TH_LOG(fmt, ...) ktap_log(__FILE__, __LINE__, fmt, ##__VA_ARGS__)

__attribute__((format(printf, 3, 4)))
static inline void ktap_log(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	va_list args;

	printf("# %s:%d: ", base ? base + 1 : file, line);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

/* --- declaring tests --- */

#define TEST(name) TEST_TIMEOUT(name, KTAP_TIMEOUT)

#define TEST_TIMEOUT(test, seconds)						\
	static void ktap_body_##test(struct ktap_test *_self);			\
	static struct ktap_test ktap_test_##test = {				\
		.name = #test, .body = ktap_body_##test, .timeout = seconds };	\
	__attribute__((constructor)) static void ktap_add_##test(void)		\
	{ ktap_register(&ktap_test_##test); }					\
	static void ktap_body_##test(KTAP_UNUSED struct ktap_test *_self)

/*
 * FIXTURE(f) { members }; FIXTURE_SETUP(f) and FIXTURE_TEARDOWN(f) fill and
 * empty it through `self`. The teardown also runs after a failed ASSERT_*, but
 * not when the setup failed or the test crashed.
 */
#define FIXTURE(f)								\
	struct ktap_variant_##f;						\
	struct ktap_fixture_##f

#define FIXTURE_SETUP(f)							\
	static void ktap_setup_##f(struct ktap_test *_self,			\
		struct ktap_fixture_##f *self,					\
		const struct ktap_variant_##f *variant);			\
	static void ktap_setup_##f(KTAP_UNUSED struct ktap_test *_self,		\
		KTAP_UNUSED struct ktap_fixture_##f *self,			\
		KTAP_UNUSED const struct ktap_variant_##f *variant)

#define FIXTURE_TEARDOWN(f)							\
	static void ktap_teardown_##f(struct ktap_test *_self,			\
		struct ktap_fixture_##f *self,					\
		const struct ktap_variant_##f *variant);			\
	static void ktap_teardown_##f(KTAP_UNUSED struct ktap_test *_self,	\
		KTAP_UNUSED struct ktap_fixture_##f *self,			\
		KTAP_UNUSED const struct ktap_variant_##f *variant)

/*
 * Variants run every TEST_F of a fixture once each. FIXTURE_VARIANT(f) {
 * members }; then FIXTURE_VARIANT_ADD(f, name) { .member = value }; All of
 * them stand before the first TEST_F of that fixture.
 */
#define FIXTURE_VARIANT(f) struct ktap_variant_##f

struct ktap_variant {
	const char *name;
	const void *parameters;
	const char *fixture;
	struct ktap_variant *next;
};

static struct ktap_variant *ktap_variants, **ktap_variant_tail = &ktap_variants;

static inline void ktap_variant_register(struct ktap_variant *variant)
{
	*ktap_variant_tail = variant;
	ktap_variant_tail = &variant->next;
}

#define FIXTURE_VARIANT_ADD(f, v)						\
	static const struct ktap_variant_##f ktap_parameters_##f##_##v;		\
	static struct ktap_variant ktap_variant_##f##_##v = {			\
		.name = #v, .fixture = #f,					\
		.parameters = &ktap_parameters_##f##_##v };			\
	__attribute__((constructor)) static void ktap_add_variant_##f##_##v(void) \
	{ ktap_variant_register(&ktap_variant_##f##_##v); }			\
	static const struct ktap_variant_##f ktap_parameters_##f##_##v =

#define TEST_F(f, name) TEST_F_TIMEOUT(f, name, KTAP_TIMEOUT)

#define TEST_F_TIMEOUT(f, test, seconds)					\
	static void ktap_inner_##f##_##test(struct ktap_test *_self,		\
		struct ktap_fixture_##f *self,					\
		const struct ktap_variant_##f *variant);			\
	static void ktap_body_##f##_##test(struct ktap_test *_self)		\
	{									\
		struct ktap_fixture_##f self;					\
										\
		memset(&self, 0, sizeof(self));					\
		ktap_setup_##f(_self, &self, _self->parameters);		\
		if (_self->failed)						\
			return;							\
		ktap_inner_##f##_##test(_self, &self, _self->parameters);	\
		ktap_teardown_##f(_self, &self, _self->parameters);		\
	}									\
	__attribute__((constructor)) static void ktap_add_##f##_##test(void)	\
	{ ktap_register_fixture(#f, #f "." #test, ktap_body_##f##_##test, seconds); } \
	static void ktap_inner_##f##_##test(KTAP_UNUSED struct ktap_test *_self, \
		KTAP_UNUSED struct ktap_fixture_##f *self,			\
		KTAP_UNUSED const struct ktap_variant_##f *variant)

static inline void ktap_register_fixture(const char *fixture, const char *name,
					 void (*body)(struct ktap_test *),
					 unsigned int seconds)
{
	struct ktap_variant *v = ktap_variants;
	struct ktap_test *test;
	bool added = false;

	for (;;) {
		while (v && strcmp(v->fixture, fixture))
			v = v->next;
		if (!v && added)
			return;
		test = calloc(1, sizeof(*test));
		if (!test)
			abort();
		test->name = name;
		test->body = body;
		test->timeout = seconds;
		test->variant = v ? v->name : NULL;
		test->parameters = v ? v->parameters : NULL;
		ktap_register(test);
		added = true;
		if (!v)
			return;
		v = v->next;
	}
}

/* --- judging --- */

/* SKIP(return, "reason"): ends the test, or a setup, without a verdict. */
#define SKIP(statement, fmt, ...) do {						\
	snprintf(_self->report->reason, sizeof(_self->report->reason),		\
		 fmt, ##__VA_ARGS__);						\
	_self->report->skipped = true;						\
	fflush(stdout);								\
	if (!_self->failed)							\
		_exit(0);							\
	statement;								\
} while (0)

#define KTAP_COMPARE(seen, expected, op, fatal) do {				\
	int _errno = errno;							\
	__typeof__(seen) _seen = (seen);					\
	__typeof__(expected) _expected = (expected);				\
	bool _holds;								\
										\
	_Pragma("GCC diagnostic push")						\
	_Pragma("GCC diagnostic ignored \"-Wsign-compare\"")			\
	_holds = _seen op _expected;						\
	_Pragma("GCC diagnostic pop")						\
	if (!_holds) {								\
		TH_LOG("expected %s (%lld, 0x%llx) %s %s (%lld, 0x%llx), errno %d (%s)", \
		       #seen, (long long)(uintptr_t)_seen,			\
		       (unsigned long long)(uintptr_t)_seen, #op, #expected,	\
		       (long long)(uintptr_t)_expected,				\
		       (unsigned long long)(uintptr_t)_expected,		\
		       _errno, strerror(_errno));				\
		_self->failed = true;						\
		if (fatal)							\
			return;							\
	}									\
	errno = _errno;								\
} while (0)

#define KTAP_STRING(seen, expected, want, fatal) do {				\
	const char *_seen = (seen), *_expected = (expected);			\
										\
	if ((strcmp(_seen, _expected) == 0) != (want)) {				\
		TH_LOG("expected %s (\"%s\") %s \"%s\"", #seen, _seen,		\
		       (want) ? "to be" : "not to be", _expected);		\
		_self->failed = true;						\
		if (fatal)							\
			return;							\
	}									\
} while (0)

#define ASSERT_EQ(expected, seen) KTAP_COMPARE(seen, expected, ==, true)
#define ASSERT_NE(expected, seen) KTAP_COMPARE(seen, expected, !=, true)
#define ASSERT_LT(a, b) KTAP_COMPARE(a, b, <, true)
#define ASSERT_LE(a, b) KTAP_COMPARE(a, b, <=, true)
#define ASSERT_GT(a, b) KTAP_COMPARE(a, b, >, true)
#define ASSERT_GE(a, b) KTAP_COMPARE(a, b, >=, true)
#define ASSERT_TRUE(seen) KTAP_COMPARE(!!(seen), 1, ==, true)
#define ASSERT_FALSE(seen) KTAP_COMPARE(!!(seen), 0, ==, true)
#define ASSERT_NULL(seen) KTAP_COMPARE((uintptr_t)(seen), (uintptr_t)0, ==, true)
#define ASSERT_STREQ(expected, seen) KTAP_STRING(seen, expected, 1, true)
#define ASSERT_STRNE(expected, seen) KTAP_STRING(seen, expected, 0, true)

#define EXPECT_EQ(expected, seen) KTAP_COMPARE(seen, expected, ==, false)
#define EXPECT_NE(expected, seen) KTAP_COMPARE(seen, expected, !=, false)
#define EXPECT_LT(a, b) KTAP_COMPARE(a, b, <, false)
#define EXPECT_LE(a, b) KTAP_COMPARE(a, b, <=, false)
#define EXPECT_GT(a, b) KTAP_COMPARE(a, b, >, false)
#define EXPECT_GE(a, b) KTAP_COMPARE(a, b, >=, false)
#define EXPECT_TRUE(seen) KTAP_COMPARE(!!(seen), 1, ==, false)
#define EXPECT_FALSE(seen) KTAP_COMPARE(!!(seen), 0, ==, false)
#define EXPECT_NULL(seen) KTAP_COMPARE((uintptr_t)(seen), (uintptr_t)0, ==, false)
#define EXPECT_STREQ(expected, seen) KTAP_STRING(seen, expected, 1, false)
#define EXPECT_STRNE(expected, seen) KTAP_STRING(seen, expected, 0, false)

/* A call must fail with this errno: ASSERT_ERRNO(EINVAL, ioctl(fd, ...)); */
#define KTAP_ERRNO(error, name, call, fatal) do {				\
	long _ret;								\
										\
	errno = 0;								\
	_ret = (long)(call);							\
	if (_ret != -1 || errno != (error)) {					\
		TH_LOG("expected %s to fail with %s, but it returned %ld, errno %d (%s)", \
		       #call, name, _ret, errno, strerror(errno));		\
		_self->failed = true;						\
		if (fatal)							\
			return;							\
	}									\
} while (0)
#define ASSERT_ERRNO(error, call) KTAP_ERRNO(error, #error, call, true)
#define EXPECT_ERRNO(error, call) KTAP_ERRNO(error, #error, call, false)

/* --- running --- */

/* How much slower the kernel is than a usual one: a factor for all limits. */
static inline unsigned int ktap_slow(void)
{
	const char *factor = getenv("KTAP_SLOW");
	int n = factor ? atoi(factor) : 1;

	return n > 1 ? n : 1;
}

/* Waits for @pid to end; false when @seconds pass first. */
static inline bool ktap_wait(pid_t pid, unsigned int seconds, int *status)
{
	struct timespec limit = { .tv_sec = seconds };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (;;) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return true;
		/* SIGCHLD is blocked, so none is lost in between. */
		if (sigtimedwait(&set, NULL, &limit) < 0 && errno == EAGAIN)
			return waitpid(pid, status, WNOHANG) == pid;
	}
}

static inline pid_t ktap_start(struct ktap_test *test)
{
	sigset_t none;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	errno = 0;
	test->body(test);
	fflush(stdout);
	_exit(test->failed);
}

/* Runs one test and prints its line; returns whether it failed. */
static inline bool ktap_run(struct ktap_test *test, const char *program, int number)
{
	long long before = ktap_pinned(), leaked;
	unsigned int seconds = test->timeout * ktap_slow();
	char name[160], why[160] = "";
	int status = 0;
	pid_t pid;

	snprintf(name, sizeof(name), "%s%s%s", test->name,
		 test->variant ? "." : "", test->variant ? test->variant : "");
	ktap_mark(program, name);
	memset(test->report, 0, sizeof(*test->report));
	pid = ktap_start(test);
	if (pid < 0) {
		snprintf(why, sizeof(why), "cannot fork: %s", strerror(errno));
	} else if (!ktap_wait(pid, seconds, &status)) {
		snprintf(why, sizeof(why), "still running after %u s", seconds);
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
		if (!ktap_wait(pid, 5, &status)) {
			printf("not ok %d %s # cannot be killed: stuck in the kernel\n",
			       number, name);
			printf("Bail out! a process is stuck in the kernel\n");
			fflush(stdout);
			exit(1);
		}
	} else if (WIFSIGNALED(status)) {
		snprintf(why, sizeof(why), "killed by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	} else if (WEXITSTATUS(status)) {
		snprintf(why, sizeof(why), "failed");
	}
	if (pid > 0)
		kill(-pid, SIGKILL);	/* what it left behind */
	leaked = ktap_leaked(before);
	if (leaked && !*why)
		snprintf(why, sizeof(why), "pinned pages changed by %lld", leaked);

	if (*why)
		printf("not ok %d %s # %s\n", number, name, why);
	else if (test->report->skipped)
		printf("ok %d %s # SKIP %s\n", number, name, test->report->reason);
	else
		printf("ok %d %s\n", number, name);
	fflush(stdout);
	return *why;
}

/* main(): every test, or those whose name holds one of the arguments. */
static inline bool ktap_wanted(const struct ktap_test *test, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strstr(test->name, argv[i]))
			return true;
	return argc == 1;
}

static inline int ktap_main(int argc, char **argv)
{
	const char *base = strrchr(argv[0], '/');
	const char *program = base ? base + 1 : argv[0];
	int count = 0, number = 0, failed = 0;
	struct ktap_report *report;
	struct ktap_test *test;
	sigset_t set;

	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED) {
		printf("Bail out! no memory\n");
		return 1;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (test = ktap_first; test; test = test->next)
		count += ktap_wanted(test, argc, argv);
	printf("KTAP version 1\n1..%d\n", count);
	for (test = ktap_first; test; test = test->next) {
		if (!ktap_wanted(test, argc, argv))
			continue;
		test->report = report;
		failed += ktap_run(test, program, ++number);
	}
	return failed || !count;
}

#define TEST_HARNESS_MAIN							\
	int main(int argc, char **argv) { return ktap_main(argc, argv); }

#endif
