/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of ktap-run share. */
#ifndef IOASID_KTAP_RUN_H
#define IOASID_KTAP_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum verdict { PASS, FAIL, SKIPPED };

struct totals {
	int count[3];		/* by enum verdict */
};

extern struct totals totals;

/* verdict() - count one result and print its line; @test may be "". */
void verdict(enum verdict kind, const char *program, const char *test, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* kmsg_open() - start to read the kernel's log at its end. */
bool kmsg_open(const char *path, const char *patterns);

/*
 * kmsg_splat() - has the kernel logged a splat since the last call? The first
 * one's text goes to @text.
 */
bool kmsg_splat(char *text, size_t size);

/*
 * kmsg_expect() - messages that hold @words are no splat until the next call
 * with NULL; several may be given.
 */
void kmsg_expect(const char *words);

#endif
