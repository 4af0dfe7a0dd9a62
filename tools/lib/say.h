/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages for people, and error lines for machines when they asked for JSON. Each is one
 * line, whatever is in its arguments: see untrusted.h.
 */
#ifndef IOASID_LIB_SAY_H
#define IOASID_LIB_SAY_H

#include <stdbool.h>

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* EXIT_BAD: of ioasidctl, what it was asked to check is not well; EXIT_LOST: of observers. */
enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_BAD = 3, EXIT_LOST = 3 };

/* The program's name, and whether errors are JSON objects. */
void say_setup(const char *program, bool json);

/*
 * For programs with threads, after say_setup(): print only the first of all errors, because
 * what other threads and the clean-up run into afterwards follows from it; and call @before
 * ahead of each line, which removes what the program drew on the terminal.
 */
void say_once(void (*before)(void));

/* One line on stderr that says what is wrong and what to do. Returns -1. Any thread. */
int fail(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* One line on stderr that says what is wrong though the program goes on. */
void warn(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* One line on stderr that is no error; not printed for machines. */
void note(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
