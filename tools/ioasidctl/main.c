// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidctl: what ioasid is doing, and the policies that steer it. Options and
 * nouns are decided here; each noun has a file of its own.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/bpflog.h"
#include "ctl.h"

static int cmd_help(int argc, char **argv);

static const struct command nouns[] = {
	{ "status", cmd_status, 0, "", "modules, hooks, backend, policies and groups at a glance" },
	{ "doctor", cmd_doctor, 0, "", "faults of this machine for ioasid, and their remedies" },
	{ "feature", cmd_feature, 0, "", "hooks, events, kfuncs and extensions of the loaded modules" },
	{ "holders", cmd_holders, 0, "", "what keeps the module from being unloaded" },
	{ "list", cmd_list, 0, "", "address spaces" },
	{ "show", cmd_show, 1, "SPACE", "one address space with its mappings and charged processes" },
	{ "stale", cmd_stale, 1, "SPACE", "mapped pages that are no longer what the process has there" },
	{ "policy", cmd_policy, ANY_WORDS, "", "load, show, replace and unload BPF policies" },
	{ "pincg", cmd_pincg, ANY_WORDS, "", "limits and usage of the policy pincg" },
	{ "stats", cmd_stats, ANY_WORDS, "", "counters that run in the background" },
	{ "metrics", cmd_metrics, 0, "[--output FILE]", "the state of ioasid for Prometheus and node_exporter" },
	{ "report", cmd_report, 0, "[--output FILE]", "all that belongs in a bug report, as one text" },
	{ "help", cmd_help, ANY_WORDS, "", "this text" },
	{ NULL, NULL, 0, NULL, NULL }
};

/* Programs of their own, whose options are theirs. */
static const struct {
	const char *noun, *program, *help;
} observers[] = {
	{ "stat", "ioasidstat", "rates, a line each interval" },
	{ "top", "ioasidtop", "processes that map most, a table each interval" },
	{ "lat", "ioasidlat", "histograms of the time that maps take" },
	{ "snoop", "ioasidsnoop", "a line for each operation" },
	{ "who", "ioasidwho", "processes with containers, and what they pin" },
};

#define NR_OBSERVERS	(sizeof(observers) / sizeof(observers[0]))

static int cmd_help(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("usage: ioasidctl [option...] noun [command] [argument...]\n\n");
	for (const struct command *c = nouns; c->name; c++) {
		if (c->run == cmd_policy)
			list_commands(policy_commands, "policy");
		else if (c->run == cmd_pincg)
			list_commands(pincg_commands, "pincg");
		else if (c->run == cmd_stats)
			list_commands(stats_commands, "stats");
		else
			printf("  %-8s %-27s %s\n", c->name, c->args, c->help);
	}
	printf("\nobservers, with options and a manual page of their own:\n");
	for (size_t i = 0; i < NR_OBSERVERS; i++)
		printf("  %-8s %-27s %s\n", observers[i].noun, "[INTERVAL [COUNT]]",
		       observers[i].help);
	printf("\noptions, anywhere on the line:\n"
	       "  -j, --json      print JSON, errors too\n"
	       "  -p, --pretty    print indented JSON\n"
	       "  -d, --debug     print what libbpf and the verifier say\n"
	       "  -h, --help      this text\n"
	       "  -V, --version   the version\n"
	       "      --set VARIABLE=VALUE    for policy load and policy replace\n"
	       "      --pin FOLDER            for policy load\n"
	       "      --output FILE           for metrics and report: the file is replaced in one step\n"
	       "      --format FORMAT         for metrics: prometheus (the default) or openmetrics\n"
	       "      --processes             for metrics: labels pid and comm\n"
	       "\nexit status: 0 done, 1 failed, 2 wrong usage, 3 doctor found a failure, or stale pages\n");
	return 0;
}

static int add_setting(const char *setting)
{
	if (ctl.nr_settings == SETTINGS_MAX)
		return usage_error("--set was given more than %d times", SETTINGS_MAX);
	ctl.settings[ctl.nr_settings++] = setting;
	return 0;
}

/* Options that only some commands know. */
static int check_options(int argc, char **argv)
{
	bool load = argc > 1 && !strcmp(argv[0], "policy") && !strcmp(argv[1], "load");
	bool metrics = argc && !strcmp(argv[0], "metrics");
	bool replace = argc > 1 && !strcmp(argv[0], "policy") && !strcmp(argv[1], "replace");

	if (ctl.pin && !load)
		return usage_error("--pin is for 'policy load' only");
	if (ctl.output && !metrics && (!argc || strcmp(argv[0], "report")))
		return usage_error("--output is for 'metrics' and 'report' only");
	if ((ctl.format || ctl.processes) && !metrics)
		return usage_error("%s is for 'metrics' only", ctl.format ? "--format" : "--processes");
	if (ctl.nr_settings && !load && !replace)
		return usage_error("--set is for 'policy load' and 'policy replace' only");
	return 0;
}

static int parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "pretty", no_argument, NULL, 'p' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "set", required_argument, NULL, 's' },
		{ "pin", required_argument, NULL, 'P' },
		{ "output", required_argument, NULL, 'o' },
		{ "format", required_argument, NULL, 'F' },
		{ "processes", no_argument, NULL, 'R' },
		{ NULL, 0, NULL, 0 }
	};
	bool pretty = false;
	int c;

	while ((c = getopt_long(argc, argv, ":jpdhV", options, NULL)) >= 0) {
		switch (c) {
		case 'p':
			pretty = true;
			/* fall through */
		case 'j':
			ctl.json = true;
			say_setup("ioasidctl", true);
			break;
		case 'd':
			ctl.debug = true;
			break;
		case 's':
			if (add_setting(optarg))
				return CTL_USAGE;
			break;
		case 'P':
			ctl.pin = optarg;
			break;
		case 'o':
			ctl.output = optarg;
			break;
		case 'F':
			ctl.format = optarg;
			break;
		case 'R':
			ctl.processes = true;
			break;
		case 'h':
			cmd_help(0, NULL);
			exit(0);
		case 'V':
			printf("ioasidctl %s\n", VERSION);
			exit(0);
		case ':':
			return usage_error("a value is missing after %s", argv[optind - 1]);
		default:
			return usage_error("unknown option '%s'", argv[optind - 1]);
		}
	}
	json_init(&ctl.j, stdout, pretty);
	return check_options(argc - optind, argv + optind);
}

/*
 * 'ioasidctl [-j] NOUN ...' of an observer: what follows is not for us to
 * understand. Returns the number of the first word that is, or 0.
 */
static int observer_word(int argc, char **argv, const char **program)
{
	int i = 1;

	while (i < argc && argv[i][0] == '-')
		i++;
	for (size_t k = 0; i < argc && k < NR_OBSERVERS; k++) {
		if (strcmp(argv[i], observers[k].noun))
			continue;
		*program = observers[k].program;
		return i + 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *program = NULL;
	int err, rest;

	say_setup("ioasidctl", false);
	rest = observer_word(argc, argv, &program);
	err = parse_options(rest ? rest : argc, argv);
	if (!err && rest)
		return run_observer(program, argc - rest, argv + rest) ? EXIT_FAILED : 0;
	bpflog_start(ctl.debug);
	if (!err)
		err = run_command(nouns, NULL, argc - optind, argv + optind);
	if ((!err || err == CTL_BAD) && (fflush(stdout) || ferror(stdout)))
		err = fail("cannot write the output");
	if (err == CTL_BAD)
		return EXIT_BAD;
	return err == CTL_USAGE ? EXIT_USAGE : err ? EXIT_FAILED : EXIT_SUCCESS;
}
