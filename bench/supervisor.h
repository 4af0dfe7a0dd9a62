/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Putting the machine back the way it was.
 *
 * A command that changes something outside itself (the driver of a disk, a
 * module parameter, the number of huge pages) runs in a worker process. A
 * supervisor, the worker's parent, learns beforehand how to undo each
 * change and does so, last change first, after the worker has ended in
 * whatever way: by itself, by SIGINT or SIGTERM, by SIGKILL, or by a crash.
 * By then the kernel has closed the worker's VFIO fds, so that a driver can
 * be taken off a device without waiting for it.
 */
#ifndef BENCH_SUPERVISOR_H
#define BENCH_SUPERVISOR_H

/**
 * supervisor_run() - run @work(@argc, @argv) in a worker that is cleaned up after
 *
 * Return: the exit status of the worker, ST_ERROR when something could not
 * be put back. Does not return when a signal ended the worker.
 */
int supervisor_run(int (*work)(int argc, char **argv), int argc, char **argv);

/**
 * supervisor_write() - have @text written to @path after the worker's end
 *
 * To be called before the change it undoes. Only the first @text given for a
 * path counts: that is what was there at the start.
 *
 * Return: 0, or -1 with a line printed.
 */
int supervisor_write(const char *path, const char *text);

/* The same for the removal of the directory @path. */
int supervisor_rmdir(const char *path);

#endif
