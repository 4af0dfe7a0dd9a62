// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each policy of refused.bpf.c, and each policy and program of kfuncs.bpf.c, on
 * its own: the verifier refuses it, and for the reason that was meant. The
 * harmless ones among them load.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <ktap.h>

#define POLICIES	"build/bpf/test/refused.bpf.o"
#define KFUNCS		"build/bpf/test/kfuncs.bpf.o"

static char log_text[1 << 20];

static int listen(enum libbpf_print_level level, const char *fmt, va_list args)
{
	size_t used = strlen(log_text);

	if (level == LIBBPF_DEBUG)
		return 0;
	return vsnprintf(log_text + used, sizeof(log_text) - used, fmt, args);
}

/* Loads that policy or syscall program of @object and no other; 0 or -errno. */
static int try_one(const char *object, const char *name)
{
	struct bpf_program *prog;
	struct bpf_object *obj;
	int err = -ESRCH;
	struct bpf_map *map;

	log_text[0] = 0;
	libbpf_set_print(listen);
	obj = bpf_object__open_file(object, NULL);
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
	prog = bpf_object__find_program_by_name(obj, name);
	if (prog)
		err = bpf_program__set_autoload(prog, true);
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

/* One of those between '|' is in the log: kernels differ in their words. */
static bool says(const char *verdicts)
{
	char words[160], *verdict, *rest = words;

	snprintf(words, sizeof(words), "%s", verdicts);
	while ((verdict = strsep(&rest, "|")))
		if (strstr(log_text, verdict))
			return true;
	return false;
}

FIXTURE(refused)
{
	int unused;
};

FIXTURE_VARIANT(refused)
{
	const char *object;
	const char *name;
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

#define REFUSED_OF(_object, _name, _verdict)		\
	FIXTURE_VARIANT_ADD(refused, _name)		\
	{						\
		.object = _object,			\
		.name = #_name,				\
		.verdict = _verdict,			\
	}
#define REFUSED(_name, _verdict)	REFUSED_OF(POLICIES, _name, _verdict)
#define CALL(_name, _verdict)		REFUSED_OF(KFUNCS, _name, _verdict)

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

/* A scalar where an object is wanted. */
#define NO_OBJECT	"must point to scalar, or struct with scalar|" \
			"Pass a verifier-tracked pointer|Pass the resource-owning pointer"

CALL(error_msg_null, "Possibly NULL pointer");
CALL(error_msg_unchecked, "Possibly NULL pointer");
CALL(error_msg_number, "memory, len pair");
CALL(error_size_long, "memory, len pair");
CALL(error_size_any, "memory, len pair");
CALL(exit_code_pointer, "is not a scalar");
CALL(exit_msg_null, "Possibly NULL pointer");
CALL(exit_msg_unchecked, "Possibly NULL pointer");
CALL(exit_msg_number, "memory, len pair");
CALL(exit_size_long, "memory, len pair");
CALL(exit_size_any, "memory, len pair");
CALL(dump_text_null, "Possibly NULL pointer");
CALL(dump_text_unchecked, "Possibly NULL pointer");
CALL(dump_text_number, "memory, len pair");
CALL(dump_size_long, "memory, len pair");
CALL(dump_size_any, "memory, len pair");
CALL(error_elsewhere, "is not allowed");
CALL(exit_elsewhere, "is not allowed");
CALL(dump_elsewhere, "is not allowed");
CALL(acquire_id_pointer, "is not a scalar");
CALL(acquire_and_keep, "Unreleased reference");
CALL(release_space_null, "Possibly NULL pointer");
CALL(release_space_unchecked, "Possibly NULL pointer");
CALL(release_space_number, NO_OBJECT);
CALL(release_space_twice, NO_OBJECT);
CALL(release_other_object, "expected pointer to STRUCT ioasid_space");
CALL(info_space_null, "Possibly NULL pointer");
CALL(info_space_unchecked, "Possibly NULL pointer");
CALL(info_space_number, NO_OBJECT);
CALL(info_space_released, NO_OBJECT);
CALL(info_other_object, "expected pointer to STRUCT ioasid_space");
CALL(info_info_null, "Possibly NULL pointer");
CALL(info_info_unchecked, "Possibly NULL pointer");
CALL(info_info_number, "memory, len pair");
CALL(info_info_constant, "memory, len pair");
CALL(info_size_long, "memory, len pair");
CALL(info_size_any, "memory, len pair");
CALL(spaces_new_elsewhere, "expected pointer to an iterator on stack");
CALL(spaces_new_twice, "expected uninitialized iter_ioasid_space");
CALL(spaces_next_not_begun, "expected an initialized iter_ioasid_space");
CALL(spaces_destroy_not_begun, "expected an initialized iter_ioasid_space");
CALL(spaces_not_destroyed, "Unreleased reference");
CALL(spaces_id_afterwards, "invalid mem access 'scalar'");
CALL(spaces_id_written, "cannot write into rdonly_mem");
CALL(spaces_id_unchecked, "R0 invalid mem access");
CALL(mappings_new_elsewhere, "expected pointer to an iterator on stack");
CALL(mappings_space_null, "Possibly NULL pointer");
CALL(mappings_space_unchecked, "Possibly NULL pointer");
CALL(mappings_space_number, NO_OBJECT);
CALL(mappings_space_released, NO_OBJECT);
CALL(mappings_first_pointer, "is not a scalar");
CALL(mappings_last_pointer, "is not a scalar");
CALL(mappings_next_not_begun, "expected an initialized iter_ioasid_mapping");
CALL(mappings_destroy_not_begun, "expected an initialized iter_ioasid_mapping");
CALL(mappings_not_destroyed, "Unreleased reference");
CALL(mappings_info_afterwards, "invalid mem access 'scalar'");
CALL(mappings_info_beyond, "invalid access to memory");
CALL(mappings_info_written, "cannot write into rdonly_mem");
CALL(mappings_in_a_hook, "must be sleepable");

TEST_F(refused, by_the_verifier)
{
	int err = try_one(variant->object, variant->name);

	EXPECT_NE(0, err);
	EXPECT_NE(-ENOENT, err);
	EXPECT_NE(-ESRCH, err);
	EXPECT_TRUE(says(variant->verdict));
	if (!says(variant->verdict))
		show_log();
}

TEST(harmless_ones_load)
{
	static const char *const names[][2] = {
		{ POLICIES, "harmless" }, { POLICIES, "sleeps_in_init" },
		{ POLICIES, "sleeps_in_exit" }, { KFUNCS, "harmless_hook" },
		{ KFUNCS, "harmless_call" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		EXPECT_EQ(0, try_one(names[i][0], names[i][1]));
		if (log_text[0])
			show_log();
	}
}

TEST_HARNESS_MAIN
