// SPDX-License-Identifier: GPL-2.0-only
/*
 * Three processes: the one the user started only waits and passes signals
 * on, so that SIGKILL to it cannot take the supervisor along; the supervisor holds the
 * undo list; the worker is its child and does the work.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor.h"
#include "util.h"

#define MAX_UNDO 64

enum undo_op {
	UNDO_WRITE,
	UNDO_RMDIR,
};

/* Small enough that the pipe takes each record whole. */
struct undo {
	enum undo_op op;
	char path[256];
	char text[128];
};

static int undo_pipe = -1;
static volatile pid_t child;

static int remember(enum undo_op op, const char *path, const char *text)
{
	static char known[MAX_UNDO][sizeof(((struct undo *)0)->path)];
	static unsigned int count;
	struct undo u = { .op = op };
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!strcmp(known[i], path))
			return 0;
	if (count == MAX_UNDO)
		return fail("too many changes to remember, the next would be of %s", path);
	if (strlen(path) >= sizeof(u.path) || strlen(text) >= sizeof(u.text))
		return fail("cannot remember how to undo a change of %s: too long", path);
	strcpy(u.path, path);
	strcpy(known[count++], path);
	strcpy(u.text, text);
	if (write(undo_pipe, &u, sizeof(u)) != sizeof(u))
		return fail("the supervisor is gone: %s is left alone", path);
	return 0;
}

int supervisor_write(const char *path, const char *text)
{
	return remember(UNDO_WRITE, path, text);
}

int supervisor_rmdir(const char *path)
{
	return remember(UNDO_RMDIR, path, "");
}

static int undo_one(const struct undo *u)
{
	int err;

	if (u->op == UNDO_RMDIR) {
		if (!rmdir(u->path) || errno == ENOENT)
			return 0;
		note("cannot remove %s: %s", u->path, strerror(errno));
		return -1;
	}
	err = write_text(u->path, u->text);
	if (!err)
		return 0;
	/* Unbinding what never got bound, or binding what is bound already. */
	if (strstr(u->path, "/drivers/") && (err == -ENODEV || err == -EBUSY))
		return 0;
	note("cannot put %s back to '%.*s': %s", u->path, (int)strcspn(u->text, "\n"), u->text,
	     strerror(-err));
	return -1;
}

/* Collect records until the last writer is gone. */
static size_t read_undo_list(int fd, struct undo *list)
{
	size_t n = 0;

	while (n < MAX_UNDO) {
		ssize_t got = read(fd, &list[n], sizeof(list[n]));

		if (got < 0 && errno == EINTR)
			continue;
		if (got != sizeof(list[n]))
			break;
		n++;
	}
	return n;
}

static void pass_on(int sig)
{
	if (child > 0)
		kill(child, sig);
}

/*
 * A terminal sends SIGINT to all three; the worker dies of it, the other two
 * stay for the clean-up. SIGTERM reaches only the process it was sent to.
 * What is ignored (nohup) stays ignored.
 */
static void stay_alive(void)
{
	struct sigaction pass = { .sa_handler = pass_on, .sa_flags = SA_RESTART };
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction now;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(signals); i++)
		if (!sigaction(signals[i], NULL, &now) && now.sa_handler != SIG_IGN)
			sigaction(signals[i], &pass, NULL);
}

static int wait_for_child(void)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return W_EXITCODE(ST_ERROR, 0);
	return status;
}

static bool asked_to_stop(int sig)
{
	return sig == SIGINT || sig == SIGTERM || sig == SIGHUP;
}

/* End the way the child ended, so that a shell sees 130 after Ctrl-C. */
static int end_like(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (asked_to_stop(WTERMSIG(status))) {
		signal(WTERMSIG(status), SIG_DFL);
		kill(getpid(), WTERMSIG(status));
	}
	return ST_ERROR;
}

/*
 * Fork with SIGINT, SIGTERM and SIGHUP held back until both sides know who
 * they are. The child dies by @death_sig when its parent does.
 */
static pid_t fork_attached(int death_sig)
{
	pid_t parent = getpid();
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &old);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, death_sig);
		if (getppid() != parent)
			_exit(ST_ERROR);
	} else if (child > 0) {
		stay_alive();
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return child;
}

static int supervise(int (*work)(int argc, char **argv), int argc, char **argv)
{
	static struct undo list[MAX_UNDO];
	int fds[2], status, bad = 0;
	size_t n;

	if (pipe(fds))
		return fail("cannot make a pipe: %s", strerror(errno)), ST_ERROR;
	/* The supervisor itself must outlive SIGTERM from its dying parent. */
	if (fork_attached(SIGKILL) == 0) {
		close(fds[0]);
		undo_pipe = fds[1];
		exit(work(argc, argv));
	}
	close(fds[1]);
	if (child < 0)
		return fail("cannot fork: %s", strerror(errno)), ST_ERROR;
	n = read_undo_list(fds[0], list);
	status = wait_for_child();
	while (n)
		bad |= undo_one(&list[--n]);
	if (WIFSIGNALED(status) && !asked_to_stop(WTERMSIG(status)))
		fail("the worker was ended by signal %d (%s)", WTERMSIG(status),
		     strsignal(WTERMSIG(status)));
	if (bad && WIFEXITED(status) && !WEXITSTATUS(status))
		return ST_ERROR;
	return end_like(status);
}

int supervisor_run(int (*work)(int argc, char **argv), int argc, char **argv)
{
	if (fork_attached(SIGTERM) == 0)
		exit(supervise(work, argc, argv));
	if (child < 0)
		return fail("cannot fork: %s", strerror(errno)), ST_ERROR;
	return end_like(wait_for_child());
}
