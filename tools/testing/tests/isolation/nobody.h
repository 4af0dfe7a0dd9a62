/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A user without rights.
 */
#ifndef IOASID_TEST_NOBODY_H
#define IOASID_TEST_NOBODY_H

#include <grp.h>
#include <sys/wait.h>

#define NOBODY	65534

/* In a process of its own, as a user without rights; 0 when @body said true. */
static inline int as_nobody(bool (*body)(void *arg), void *arg)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
			_exit(2);
		_exit(!body(arg));
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
