// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each policy of refused.bpf.c on its own: the verifier refuses it, and for the
 * reason that was meant. The harmless ones among them load.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <ktap.h>

#define OBJECT	"build/bpf/test/refused.bpf.o"

static char log_text[1 << 20];

static int listen(enum libbpf_print_level level, const char *fmt, va_list args)
{
	size_t used = strlen(log_text);

	if (level == LIBBPF_DEBUG)
		return 0;
	return vsnprintf(log_text + used, sizeof(log_text) - used, fmt, args);
}

/* Loads that policy and no other; 0 or -errno. */
static int try_policy(const char *name)
{
	struct bpf_object *obj;
	int err = -ESRCH;
	struct bpf_map *map;

	log_text[0] = 0;
	libbpf_set_print(listen);
	obj = bpf_object__open_file(OBJECT, NULL);
	if (!obj)
		return -ENOENT;
	/* Said for each: of "?.struct_ops.link" libbpf 1.5 skips only the first. */
	bpf_object__for_each_map(map, obj) {
		if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
			continue;
		if (!strcmp(bpf_map__name(map), name))
			err = 0;
		bpf_map__set_autocreate(map, !strcmp(bpf_map__name(map), name));
	}
	if (!err)
		err = bpf_object__load(obj);
	bpf_object__close(obj);
	return err;
}

/* The end of the log, where the verdict is. */
static void show_log(void)
{
	size_t n = strlen(log_text);
	char *line, *rest = log_text + (n > 800 ? n - 800 : 0);

	while ((line = strsep(&rest, "\n")))
		if (*line)
			TH_LOG("%s", line);
}

FIXTURE(refused)
{
	int unused;
};

FIXTURE_VARIANT(refused)
{
	const char *policy;
	const char *verdict;
};

FIXTURE_SETUP(refused)
{
	(void)self;
	(void)variant;
}

FIXTURE_TEARDOWN(refused)
{
	(void)self;
	(void)variant;
}

#define REFUSED(_policy, _verdict)			\
	FIXTURE_VARIANT_ADD(refused, _policy)		\
	{						\
		.policy = #_policy,			\
		.verdict = _verdict,			\
	}

REFUSED(sleeps_in_map_begin, "attach to unsupported member map_begin");
REFUSED(sleeps_in_attach, "attach to unsupported member attach");
REFUSED(sleeps_in_charge, "attach to unsupported member charge");
REFUSED(sleeps_in_uncharge, "attach to unsupported member uncharge");
REFUSED(sleeps_in_map_batch, "attach to unsupported member map_batch");
REFUSED(sleeps_in_map_done, "attach to unsupported member map_done");
REFUSED(writes_args, "only read is supported");
REFUSED(writes_result, "only read is supported");
REFUSED(writes_who, "only read is supported");
REFUSED(reads_beyond, "access beyond struct ioasid_map_args");
REFUSED(reads_before, "invalid negative access");
REFUSED(extra_argument, "doesn't have 2-th argument");
REFUSED(follows_vaddr, "invalid mem access 'scalar'");
REFUSED(reads_user_memory, "bpf_copy_from_user#");
REFUSED(overrides_return, "bpf_override_return#");
REFUSED(writes_user, "bpf_probe_write_user#");
REFUSED(loops_for_ever, "infinite loop detected");
REFUSED(trusts_lookup, "invalid mem access 'map_value_or_null'");
REFUSED(keeps_reference, "Unreleased reference");
REFUSED(keeps_lock, "lock");

TEST_F(refused, by_the_verifier)
{
	int err = try_policy(variant->policy);

	EXPECT_NE(0, err);
	EXPECT_NE(-ENOENT, err);
	EXPECT_NE(-ESRCH, err);
	EXPECT_TRUE(strstr(log_text, variant->verdict));
	if (!strstr(log_text, variant->verdict))
		show_log();
}

TEST(harmless_policies_load)
{
	static const char *const names[] = { "harmless", "sleeps_in_init", "sleeps_in_exit" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		EXPECT_EQ(0, try_policy(names[i]));
		if (log_text[0])
			show_log();
	}
}

TEST_HARNESS_MAIN
