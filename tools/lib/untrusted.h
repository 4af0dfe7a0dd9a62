/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text that a user of the machine chooses: the name of a program or of a cgroup, and what a
 * policy says about them. It can hold bytes that are not UTF-8, line breaks, and sequences
 * that a terminal obeys.
 *
 * Whatever is printed, to people or to programs, passes through untrusted_char():
 *
 *	printf("%s", shown(text))	to people; shown_column() in a table
 *	json_str(j, key, text)		does it by itself
 *	fail(), warn(), note()		do it by themselves
 *	metrics_label()			does it by itself
 *
 * What comes out is UTF-8 without control characters, without line breaks, and without
 * characters that change the direction of a line. Different texts stay different: a byte
 * that cannot stand as it is becomes a backslash with three octal digits, and a backslash
 * that would read like that becomes \134. Other backslashes stay, as in the names that
 * systemd gives cgroups (machine-qemu\x2d1.scope). JSON keeps the control characters, as
 * \u001b and its like, since it can.
 *
 * tools/testing/tests/observe/untrusted.t.sh tries each program and each command.
 */
#ifndef IOASID_LIB_UNTRUSTED_H
#define IOASID_LIB_UNTRUSTED_H

#include <stddef.h>

enum untrusted_reader {
	UNTRUSTED_PERSON,	/* a terminal, or a line of text */
	UNTRUSTED_LABEL,	/* between the quotes of a label in Prometheus' text format */
	UNTRUSTED_JSON,		/* between the quotes of a JSON string */
};

/* Room for one character and a 0: three bytes, each a backslash, another one, and digits. */
#define UNTRUSTED_CHAR	16

/*
 * Writes the first character of @text, of which @len bytes may be read, into @out as
 * @reader is to get it. Returns how many bytes it takes in @text, at least 1. @len is not 0;
 * a 0 in @text is a control character as any other.
 */
size_t untrusted_char(const char *text, size_t len, enum untrusted_reader reader,
		      char out[UNTRUSTED_CHAR]);

/*
 * @text for people, up to its 0; of shown_n() at most @len bytes. shown_column() makes it
 * exactly @width characters wide: cut off, or with blanks behind it. The result is good
 * until the fourth call from then, of any of these, in the same thread.
 */
const char *shown(const char *text);
const char *shown_n(const char *text, size_t len);
const char *shown_column(const char *text, size_t len, int width);

/* Undoes what the kernel does to names in its own files: "\040" becomes a blank; in place. */
void unescape_octal(char *text);

#endif
