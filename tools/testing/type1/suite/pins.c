// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel's other drivers ask of a container: pins, copies, and to be
 * told of unmaps. The software devices of ../mdev ask it for us.
 */
#include "type1/suite/suite.h"

#define PAGES	16
#define RW	(MDEV_READ | MDEV_WRITE)

static struct soft mapped(uint64_t pages)
{
	struct soft s = suite_soft();

	TRY(OK, "map", suite_map(&s.d, 0, suite_memory(pages), pages));
	return s;
}

static void heard(int device, const char *key)
{
	struct mdev_state state = mdev_state(device);

	suite_say(key, "%llu calls, last 0x%llx+0x%llx, %llu pinned",
		  (unsigned long long)state.callbacks, (unsigned long long)state.iova,
		  (unsigned long long)state.length, (unsigned long long)state.pinned);
}

CASE(pin_v1, "A140")
{
	struct backend d;
	int device;

	NEED(backend_open(&d, suite_kind, VFIO_TYPE1_IOMMU, MDEV_NAME(0)));
	suite_watch(&d);
	device = backend_device(&d, MDEV_NAME(0));
	NEED(device >= 0);
	TRY(OK, "map", suite_map(&d, 0, suite_memory(4), 4));
	TRY(-EACCES, "pin", mdev_pin(device, 0, 1, MDEV_READ));
	TRY(-EACCES, "pin where nothing is", mdev_pin(device, 50, 1, MDEV_READ));
}

CASE(pin_numbers, "A140")
{
	struct soft s = mapped(520);

	TRY(-EINVAL, "none", mdev_pin(s.device, 0, 0, MDEV_READ));
	TRY(-E2BIG, "513", mdev_pin(s.device, 0, 513, MDEV_READ));
	TRY(512, "512", mdev_pin(s.device, 0, 512, MDEV_READ));
	SEE(512, "pinned", suite_pinned());
	TRY(512, "unpin", mdev_unpin(s.device, 0, 512));
	TRY(ANY, "minus one", mdev_pin(s.device, 0, UINT32_MAX, MDEV_READ) < 0);
}

CASE(pin_without_callback, "A141 A148")
{
	struct backend d;
	int deaf, group = suite_group(MDEV_NAME(0)), hearing;
	char word[8];

	NEED(backend_open(&d, suite_kind, VFIO_TYPE1v2_IOMMU, MDEV_NAME(2)));
	suite_watch(&d);
	deaf = backend_device(&d, MDEV_NAME(2));
	NEED(deaf >= 0);
	TRY(OK, "map", suite_map(&d, 0, suite_memory(4), 4));
	TRY(-EINVAL, "pin", mdev_pin(deaf, 0, 1, MDEV_READ));
	TRY(OK, "read", mdev_copy(deaf, IOVA, word, 8, false, false));
	TRY(OK, "a hearing one comes", suite_enter(&d, group));
	hearing = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, MDEV_NAME(0));
	NEED(hearing >= 0);
	TRY(-EINVAL, "pin still", mdev_pin(deaf, 0, 1, MDEV_READ));
	TRY(1, "the other pins", mdev_pin(hearing, 0, 1, MDEV_READ));
}

CASE(pin_errors, "A142")
{
	struct soft s = suite_soft();
	char *mem = suite_memory(8);

	TRY(-EINVAL, "nothing mapped", mdev_pin(s.device, 0, 1, MDEV_READ));
	TRY(OK, "map to be read",
	    backend_map(&s.d, IOVA, mem, 4 * PAGE, VFIO_DMA_MAP_FLAG_READ));
	TRY(OK, "map to be written",
	    backend_map(&s.d, IOVA + 4 * PAGE, mem, 4 * PAGE, VFIO_DMA_MAP_FLAG_WRITE));
	TRY(-EPERM, "write the first", mdev_pin(s.device, 0, 1, MDEV_WRITE));
	TRY(-EPERM, "both of the first", mdev_pin(s.device, 0, 1, RW));
	TRY(-EPERM, "read the second", mdev_pin(s.device, 4, 1, MDEV_READ));
	TRY(-EPERM, "read across", mdev_pin(s.device, 2, 4, MDEV_READ));
	TRY(OK, "without access", mdev_pin(s.device, 0, 1, 0) < 0);
	TRY(-EINVAL, "beyond the end", mdev_pin(s.device, 6, 4, MDEV_WRITE));
	SEE(1, "pinned", suite_pinned());
	NEED(!munmap(mem, 8 * PAGE));
	TRY(-EFAULT, "memory is gone", mdev_pin(s.device, 2, 1, MDEV_READ));
}

/* What was pinned before an error is unpinned again. */
CASE(pin_unwinds, "A142")
{
	struct soft s = mapped(8);

	TRY(2, "pin two", mdev_pin(s.device, 3, 2, MDEV_READ));
	TRY(-EINVAL, "into a hole", mdev_pin(s.device, 0, 9, MDEV_READ));
	SEE(2, "pinned", suite_pinned());
	SEE(8, "charged", locked_kib());
	TRY(2, "unpin", mdev_unpin(s.device, 3, 2));
	SEE(0, "pinned after", suite_pinned());
}

CASE(pin_again, "A143 A145")
{
	struct soft s = mapped(8);

	TRY(4, "pin", mdev_pin(s.device, 0, 4, MDEV_READ));
	TRY(4, "again", mdev_pin(s.device, 0, 4, RW));
	SEE(4, "pinned", suite_pinned());
	TRY(4, "unpin", mdev_unpin(s.device, 0, 4));
	SEE(4, "pinned still", suite_pinned());
	TRY(4, "unpin again", mdev_unpin(s.device, 0, 4));
	SEE(0, "pinned after", suite_pinned());
}

CASE(pin_charges, "A144")
{
	struct soft s = mapped(8);
	int group = suite_group(DEVICE_EDU);

	TRY(2, "pin", mdev_pin(s.device, 0, 2, MDEV_READ));
	SEE(8, "without an IOMMU", locked_kib());
	TRY(OK, "enter", suite_enter(&s.d, group));
	SEE(32, "with it", locked_kib());
	TRY(2, "pin two", mdev_pin(s.device, 4, 2, MDEV_READ));
	SEE(32, "no more with it", locked_kib());
	TRY(2, "unpin", mdev_unpin(s.device, 4, 2));
	SEE(32, "no less with it", locked_kib());
}

CASE(pin_limit, "A144 A050")
{
	struct soft s = suite_soft();

	NEED(drop_cap(CAP_IPC_LOCK) && set_memlock(3 * PAGE));
	TRY(OK, "map", suite_map(&s.d, 0, suite_memory(PAGES), PAGES));
	TRY(3, "three", mdev_pin(s.device, 0, 3, MDEV_READ));
	TRY(-ENOMEM, "a fourth", mdev_pin(s.device, 3, 1, MDEV_READ));
	TRY(3, "the three again", mdev_pin(s.device, 0, 3, MDEV_READ));
	TRY(-ENOMEM, "all four", mdev_pin(s.device, 0, 4, MDEV_READ));
	SEE(3, "pinned", suite_pinned());
}

/* Never pinned, and not mapped at all: type1 complains in the log. */
CASE(pin_unpin_of_nothing, "A145")
{
	struct soft s = mapped(4);
	struct mdev_pin pin = { .iova = IOVA, .npages = 1 };

	TRY(1, "pin", mdev_pin(s.device, 1, 1, MDEV_READ));
	TRY(OK, "not pinned", ioctl(s.device, MDEV_UNPIN_ANY, &pin));
	pin.iova = IOVA + 100 * PAGE;
	TRY(OK, "not mapped", ioctl(s.device, MDEV_UNPIN_ANY, &pin));
	SEE(1, "pinned", suite_pinned());
	TRY(1, "unpin", mdev_unpin(s.device, 1, 1));
}

CASE(pin_callback, "A082 A148")
{
	struct soft s = mapped(8);

	TRY(OK, "map more", suite_map(&s.d, 8, suite_memory(8), 8));
	TRY(3, "pin", mdev_pin(s.device, 2, 3, MDEV_READ));
	TRY(2, "pin across", mdev_pin(s.device, 7, 2, MDEV_READ));
	TRY(OK, "map apart", suite_map(&s.d, 32, suite_memory(1), 1));
	TRY(1, "unmap that", suite_unmap(&s.d, 32, 1));
	heard(s.device, "not asked");
	TRY(-EINVAL, "bisect", suite_unmap(&s.d, 0, 7));
	heard(s.device, "not asked yet");
	TRY(8, "unmap one", suite_unmap(&s.d, 0, 8));
	heard(s.device, "asked");
	TRY(8, "unmap the other", suite_unmap(&s.d, 0, 20));
	heard(s.device, "asked again");
	SEE(0, "pinned", suite_pinned());
}

CASE(pin_callback_all, "A082 A077")
{
	struct soft s = suite_soft();
	int i;

	for (i = 0; i < 5; i++) {
		NEED(!suite_map(&s.d, 2 * i, suite_memory(1), 1));
		TRY(1, suite_key("pin %d", i), mdev_pin(s.device, 2 * i, 1, MDEV_READ));
	}
	TRY(5 * PAGE, "all", backend_unmap_all(&s.d));
	SEE(0, "pinned", suite_pinned());
}

/* Both devices of a container are notified, also the one that has pinned nothing. */
CASE(pin_two_devices, "A082 A143 A148")
{
	struct soft s = mapped(8);
	int group = suite_group(MDEV_NAME(1)), other;

	TRY(OK, "enter", suite_enter(&s.d, group));
	other = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, MDEV_NAME(1));
	NEED(other >= 0);
	TRY(4, "one pins", mdev_pin(s.device, 0, 4, MDEV_READ));
	TRY(4, "the other pins", mdev_pin(other, 2, 4, MDEV_READ));
	SEE(6, "pinned", suite_pinned());
	TRY(4, "one unpins", mdev_unpin(s.device, 0, 4));
	SEE(4, "pinned then", suite_pinned());
	TRY(8, "unmap", suite_unmap(&s.d, 0, 8));
	heard(s.device, "one");
	heard(other, "the other");
}

/* A driver that keeps its pins. */
CASE(pin_stubborn, "A083")
{
	struct soft s;

	suite_not_on_type1("BUG_ON after ten rounds");
	s = mapped(8);
	TRY(2, "pin", mdev_pin(s.device, 2, 2, MDEV_READ));
	TRY(OK, "stubborn", ioctl(s.device, MDEV_MODE, MDEV_STUBBORN));
	TRY(-EBUSY, "unmap", suite_unmap(&s.d, 0, 8));
	TRY(-EBUSY, "unmap all", backend_unmap_all(&s.d));
	TRY(-EEXIST, "still mapped", suite_map(&s.d, 0, suite_memory(1), 1));
	TRY(2, "lets go", mdev_unpin(s.device, 2, 2));
	TRY(8, "unmap then", suite_unmap(&s.d, 0, 8));
}

CASE(pin_close_lets_go, "A148")
{
	struct soft s = mapped(8);

	TRY(8, "pin", mdev_pin(s.device, 0, 8, MDEV_READ));
	close(s.device);
	SEE(0, "pinned", suite_pinned());
	SEE(0, "charged", locked_kib());
	TRY(8, "unmap", suite_unmap(&s.d, 0, 8));
}

CASE(pin_dirty, "A118 A119")
{
	struct soft s = mapped(PAGES);
	uint64_t word;
	struct suite_dirty q = suite_dirty(IOVA, PAGES * PAGE, &word, 8);
	int i;

	TRY(2, "pin", mdev_pin(s.device, 3, 2, RW));
	TRY(OK, "start", suite_track(&s.d, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	for (i = 0; i < 2; i++) {
		word = 0;
		TRY(OK, suite_key("get %d", i), suite_dirty_get(&s.d, &q));
		SEE(0x18, suite_key("get %d, bits", i), word);
	}
	TRY(OK, "write", mdev_copy(s.device, IOVA + 8 * PAGE - 4, "written", 8, true, false));
	for (i = 2; i < 4; i++) {
		word = 0;
		TRY(OK, suite_key("get %d", i), suite_dirty_get(&s.d, &q));
		SEE(i == 2 ? 0x198 : 0x18, suite_key("get %d, bits", i), word);
	}
}

/* A group that cannot tell makes all dirty, and once more when it goes. */
CASE(pin_dirty_with_hardware, "A117 A119 A120")
{
	struct soft s = mapped(PAGES);
	int group = suite_group(DEVICE_EDU), i;
	uint64_t word;
	struct suite_dirty q = suite_dirty(IOVA, PAGES * PAGE, &word, 8);

	TRY(OK, "start", suite_track(&s.d, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	TRY(OK, "enter", suite_enter(&s.d, group));
	for (i = 0; i < 4; i++) {
		if (i == 2)
			TRY(OK, "leave", ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
		word = 0;
		TRY(OK, suite_key("get %d", i), suite_dirty_get(&s.d, &q));
		SEE(i == 3 ? 0 : 0xffff, suite_key("get %d, bits", i), word);
	}
}

/* A group with an IOMMU that pins what it writes to can tell. */
CASE(pin_dirty_scope, "A119 A118")
{
	struct backend d;
	int device;
	uint64_t word = 0;
	struct suite_dirty q = suite_dirty(IOVA, PAGES * PAGE, &word, 8);

	NEED(backend_open(&d, suite_kind, VFIO_TYPE1v2_IOMMU, SUITE_EDU2));
	suite_watch(&d);
	device = backend_device(&d, SUITE_EDU2);
	NEED(device >= 0);
	TRY(OK, "map", suite_map(&d, 0, suite_memory(PAGES), PAGES));
	TRY(OK, "start", suite_track(&d, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	TRY(OK, "get", suite_dirty_get(&d, &q));
	SEE(0xffff, "before its first pin", word);
	TRY(1, "pin", mdev_pin(device, 5, 1, RW));
	word = 0;
	TRY(OK, "get again", suite_dirty_get(&d, &q));
	suite_say("after", "0x%llx", (unsigned long long)word);
	word = 0;
	TRY(OK, "get once more", suite_dirty_get(&d, &q));
	suite_say("after that", "0x%llx", (unsigned long long)word);
	SEE(64, "charged", locked_kib());
	TRY(PAGES, "unmap", suite_unmap(&d, 0, PAGES));
	heard(device, "asked");
}

/* --- copies --- */

CASE(rw_errors, "A146")
{
	struct soft s = suite_soft();
	char *mem = suite_memory(4), buf[16];

	TRY(OK, "map to be read", backend_map(&s.d, IOVA, mem, PAGE, VFIO_DMA_MAP_FLAG_READ));
	TRY(OK, "map to be written",
	    backend_map(&s.d, IOVA + PAGE, mem, PAGE, VFIO_DMA_MAP_FLAG_WRITE));
	TRY(OK, "map both", backend_map(&s.d, IOVA + 4 * PAGE, mem, PAGE, MAP_RW));
	TRY(OK, "read", mdev_copy(s.device, IOVA, buf, 8, false, false));
	TRY(-EPERM, "write what may be read", mdev_copy(s.device, IOVA, buf, 8, true, false));
	TRY(-EPERM, "read what may be written",
	    mdev_copy(s.device, IOVA + PAGE, buf, 8, false, false));
	/* A mapping for writing alone cannot be written to: that is type1's rule. */
	TRY(-EPERM, "write what may be written",
	    mdev_copy(s.device, IOVA + PAGE, buf, 8, true, false));
	TRY(-EINVAL, "a hole", mdev_copy(s.device, IOVA + 2 * PAGE, buf, 8, false, false));
	TRY(-EINVAL, "into a hole", mdev_copy(s.device, IOVA + 5 * PAGE - 8, buf, 16, false, false));
	NEED(!munmap(mem, PAGE));
	TRY(-EFAULT, "memory is gone", mdev_copy(s.device, IOVA, buf, 8, false, false));
	TRY(-EFAULT, "from a thread", mdev_copy(s.device, IOVA, buf, 8, false, true));
}

CASE(rw_across, "A147")
{
	struct soft s = suite_soft();
	char *mem = suite_memory(8), *copy = suite_memory(4);

	TRY(OK, "map", suite_map(&s.d, 0, mem + 4 * PAGE, 1));
	TRY(OK, "map its neighbour", suite_map(&s.d, 1, mem, 1));
	memset(copy, 0x5a, 2 * PAGE);
	TRY(OK, "write", mdev_copy(s.device, IOVA + 100, copy, 2 * PAGE - 200, true, false));
	SEE(0x5a, "end of the first", mem[5 * PAGE - 1]);
	SEE(0x5a, "start of the second", mem[0]);
	SEE(0x5a, "last byte", mem[PAGE - 101]);
	SEE(0, "and no more", mem[PAGE - 100]);
	/* A part is done before the hole is met. */
	memset(copy, 0x77, 2 * PAGE);
	TRY(-EINVAL, "over the end", mdev_copy(s.device, IOVA + 2 * PAGE - 8, copy, 16, true, false));
	SEE(0x77, "what was before it", mem[PAGE - 1]);
}

static int read_as_another(const void *arg)
{
	const struct soft *s = arg;
	char word[8];

	TRY(-EFAULT, "child", mdev_copy(s->device, IOVA, word, 8, false, false));
	TRY(OK, "thread of the kernel", mdev_copy(s->device, IOVA, word, 8, false, true));
	fflush(stdout);
	return 0;
}

CASE(rw_of_another_process, "A146")
{
	struct soft s = mapped(1);

	SEE(0, "child", suite_child(read_as_another, &s));
}

CASE(rw_of_the_dead, "A146")
{
	struct soft s = suite_soft();
	char *mem = suite_memory(1), word[8];
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(suite_map(&s.d, 0, mem, 1) != 0);
	SEE(0, "child", suite_ended(pid));
	TRY(-EPERM, "read", mdev_copy(s.device, IOVA, word, 8, false, false));
	TRY(-EPERM, "from a thread", mdev_copy(s.device, IOVA, word, 8, false, true));
}

/* Pins and ioctls at the same time: each gives way to the other. */
CASE(pin_while_unmapping, "A150")
{
	struct soft s = suite_soft();
	char *mem = suite_memory(8);
	int status, i, bad = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		for (;;)
			if (mdev_pin(s.device, 2, 2, MDEV_READ) < 0 && errno != EINVAL && errno != EFAULT &&
			    errno != ENODEV)
				_exit(1);
			else if (!mdev_unpin(s.device, 2, 2))
				/* Not so often that type1 gives up on us. */
				usleep(200);
	}
	for (i = 0; i < 200; i++) {
		bad += suite_map(&s.d, 0, mem, 8) != 0;
		bad += suite_unmap(&s.d, 0, 8) != 8;
	}
	SEE(0, "went wrong", bad);
	SEE(0, "child ended", waitpid(pid, &status, WNOHANG));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}
