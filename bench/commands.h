/* SPDX-License-Identifier: GPL-2.0-only */
/* The subcommands; each returns an exit status. argv[0] is its name. */
#ifndef BENCH_COMMANDS_H
#define BENCH_COMMANDS_H

int command_map(int argc, char **argv);
int command_compare(int argc, char **argv);
int command_nvme(int argc, char **argv);
int command_record(int argc, char **argv);
int command_diff(int argc, char **argv);
int command_checksum(int argc, char **argv);

#endif
