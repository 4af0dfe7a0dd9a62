# SPDX-License-Identifier: GPL-2.0-only
"""
QEMU driven without a guest: by QMP, and by its qtest protocol, which reads and writes the
guest's memory, ports and device registers. What an operating system would do to a device is
done from here: BARs, DMA of the edu device, page tables of an emulated IOMMU.
"""
import json
import os
import random
import socket
import struct
import subprocess
import time

PAGE = 4096
MIB = 1 << 20
ROOT = "/opt/qemu-11/usr"
QEMU = f"{ROOT}/bin/qemu-system-x86_64"
DATA = ["-L", f"{ROOT}/share/qemu", "-L", "/usr/share/seabios"]


class Failed(Exception):
    pass


def expect(what, seen, wanted):
    if seen != wanted:
        raise Failed(f"{what}: {seen}, not {wanted}")


def until(what, condition, seconds=60):
    """Waits until the condition holds, and returns what it returned."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"{what} did not come in time")
        time.sleep(0.05)


def connect(path, process):
    def attempt():
        if process.poll() is not None:
            raise Failed(f"QEMU exited with {process.returncode}")
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(path)
            return s
        except OSError:
            s.close()
            return None
    s = until(path, attempt)
    s.settimeout(120)
    return s.makefile("rwb", buffering=0)


class Machine:
    """One QEMU. @folder is for its sockets, which are named after @name."""

    def __init__(self, folder, name, arguments, before=()):
        self.folder, self.name = folder, name
        self.arguments = [
            QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-accel", "qtest", *DATA,
            "-qmp", f"unix:{self.path('qmp')},server=on,wait=off",
            "-qtest", f"unix:{self.path('qtest')},server=on,wait=off",
            "-qtest-log", "none", *arguments]
        self.process = subprocess.Popen([*before, *self.arguments], env=environment())
        self.qmp = self.qtest = None

    def path(self, what):
        return f"{self.folder}/{self.name}.{what}"

    def open(self):
        """Connects; a QEMU that waits for a live update answers only when that began."""
        self.events = []
        self.qmp = connect(self.path("qmp"), self.process)
        self.qmp.readline()
        self.call("qmp_capabilities")
        self.qtest = connect(self.path("qtest"), self.process)
        return self

    # ---- QMP

    def reply(self):
        line = self.qmp.readline()
        if not line:
            raise Failed(f"{self.name}: QMP ended")
        return json.loads(line)

    def call(self, command, **arguments):
        text = {"execute": command.replace("__", "-")}
        if arguments:
            text["arguments"] = {k.replace("_", "-"): v for k, v in arguments.items()}
        self.qmp.write(json.dumps(text).encode() + b"\n")
        while True:
            answer = self.reply()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise Failed(f"{command}: {answer['error']['desc']}")
            self.events.append(answer)

    def event(self, name):
        """Waits for an event that came since the last time."""
        def seen():
            self.call("query-status")
            for e in self.events:
                if e["event"] == name:
                    self.events.remove(e)
                    return e
            return None
        return until(name, seen)

    # ---- qtest

    def do(self, *words):
        self.qtest.write(" ".join(str(w) for w in words).encode() + b"\n")
        return self.answer()

    def together(self, *commands):
        """Commands between which QEMU does nothing else."""
        self.qtest.write(b"".join(" ".join(c).encode() + b"\n" for c in commands))
        return [self.answer() for _ in commands]

    def answer(self):
        while True:
            line = self.qtest.readline().decode().split()
            if not line:
                raise Failed(f"{self.name}: qtest ended")
            if line[0] == "OK":
                return line[1] if len(line) > 1 else None
            if line[0] != "IRQ":
                raise Failed(f"qtest: {' '.join(line)}")

    def write(self, address, data):
        self.do("write", hex(address), hex(len(data)), "0x" + data.hex())

    def read(self, address, size):
        return bytes.fromhex(self.do("read", hex(address), hex(size))[2:])

    def writel(self, address, value):
        self.do("writel", hex(address), hex(value))

    def readl(self, address):
        return int(self.do("readl", hex(address)), 16)

    def writeq(self, address, value):
        self.do("writeq", hex(address), hex(value))

    def readq(self, address):
        return int(self.do("readq", hex(address)), 16)

    def config(self, slot, offset, value=None):
        """A 32-bit word of the configuration space of a device on the first bus."""
        self.do("outl", "0xcf8", hex(0x80000000 | slot << 11 | offset))
        if value is None:
            return int(self.do("inl", "0xcfc"), 16)
        return self.do("outl", "0xcfc", hex(value))

    # ---- the process

    def pid(self):
        """Of QEMU itself, which what stands before it has become by exec."""
        return self.process.pid

    def locked(self):
        """VmLck in KiB."""
        with open(f"/proc/{self.pid()}/status", encoding="ascii") as f:
            for line in f:
                if line.startswith("VmLck:"):
                    return int(line.split()[1])
        return -1

    def quit(self):
        if self.process.poll() is None:
            try:
                self.call("quit")
            except (Failed, OSError):
                pass
            self.process.wait(60)
        if self.process.returncode:
            raise Failed(f"{self.name} exited with {self.process.returncode}")

    def quit_failed(self):
        """It has ended as a target does whose migration was cancelled: not by a signal."""
        if self.process.wait(60) < 0:
            raise Failed(f"{self.name} was killed by signal {-self.process.returncode}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def environment():
    """Its modules, not those of the QEMU that is installed."""
    return {**os.environ, "QEMU_MODULE_DIR": f"{ROOT}/lib/x86_64-linux-gnu/qemu"}


class Edu:
    """The edu device in @slot: copies by DMA through a buffer of its own, as a driver would."""
    BUFFER, SOURCE, TARGET, COUNT, COMMAND = 0x40000, 0x80, 0x88, 0x90, 0x98
    RUN, TO_MEMORY = 1, 2

    def __init__(self, machine, slot, bar):
        self.machine, self.bar = machine, bar
        if machine.config(slot, 0) != 0x11e81234:
            raise Failed(f"no edu device in slot {slot}: {machine.config(slot, 0):#x}")
        machine.config(slot, 0x10, bar)
        machine.config(slot, 4, machine.config(slot, 4) & 0xffff | 6)
        if machine.readl(bar) & 0xff != 0xed:
            raise Failed(f"the BAR in slot {slot} is not there: {machine.readl(bar):#x}")

    def run(self, source, target, count, command):
        m = self.machine
        m.writeq(self.bar + self.SOURCE, source)
        m.writeq(self.bar + self.TARGET, target)
        m.writeq(self.bar + self.COUNT, count)
        m.writeq(self.bar + self.COMMAND, self.RUN | command)

        def ended():
            # The clock of a guest stands; a device that QEMU emulates itself would wait for it.
            m.do("clock_step")
            return not m.readq(self.bar + self.COMMAND) & self.RUN
        until("the end of DMA", ended, 20)

    def move(self, source, target, count=PAGE):
        self.run(source, self.BUFFER, count, 0)
        self.run(self.BUFFER, target, count, self.TO_MEMORY)

    def check(self, base, source=None, target=None):
        """A page of noise at @base, moved a page up; @source and @target are what the device uses."""
        m = self.machine
        noise = random.randbytes(PAGE)
        m.write(base, noise)
        m.write(base + PAGE, bytes(PAGE))
        self.move(base if source is None else source, base + PAGE if target is None else target)
        if m.read(base + PAGE, PAGE) != noise:
            raise Failed(f"DMA at {base:#x} moved other data")


class Nvme:
    """An NVMe drive in @slot: has it write what it says of itself into memory."""
    CC, CSTS, AQA, ASQ, ACQ, TAIL, HEAD = 0x14, 0x1c, 0x24, 0x28, 0x30, 0x1000, 0x1004
    ENTRIES = 8

    def __init__(self, machine, slot, bar, queues):
        self.machine, self.bar, self.queue, self.answers = machine, bar, queues, queues + PAGE
        self.sent, self.about = 0, None
        m = machine
        m.config(slot, 0x10, bar)
        m.config(slot, 0x14, 0)
        m.config(slot, 4, m.config(slot, 4) & 0xffff | 6)
        m.write(queues, bytes(2 * PAGE))
        m.writel(bar + self.CC, 0)
        until("the drive to stop", lambda: not m.readl(bar + self.CSTS) & 1, 20)
        m.writel(bar + self.AQA, (self.ENTRIES - 1) << 16 | self.ENTRIES - 1)
        m.writeq(bar + self.ASQ, self.queue)
        m.writeq(bar + self.ACQ, self.answers)
        m.writel(bar + self.CC, 4 << 20 | 6 << 16 | 1)
        until("the drive to start", lambda: m.readl(bar + self.CSTS) & 1, 20)

    def use_msix(self, slot):
        """
        With all vectors masked. Without KVM QEMU 11.1 crashes in a live update of a device whose
        interrupts are INTx, or MSI or MSI-X vectors in use.
        """
        m, at = self.machine, self.machine.config(slot, 0x34) & 0xff
        while at and m.config(slot, at) & 0xff != 0x11:
            at = m.config(slot, at) >> 8 & 0xff
        if not at:
            raise Failed(f"no MSI-X in slot {slot}")
        m.config(slot, at, m.config(slot, at) | 1 << 31)

    def identify(self, target):
        """The command is read by DMA, what it asks for and the answer are written by DMA."""
        m, number = self.machine, self.sent + 1
        slot, phase = self.sent % self.ENTRIES, 1 - self.sent // self.ENTRIES % 2
        command = bytearray(64)
        command[0], command[2], command[40] = 6, number, 1
        command[24:32] = target.to_bytes(8, "little")
        m.write(self.queue + 64 * slot, bytes(command))
        self.sent = number
        m.writel(self.bar + self.TAIL, number % self.ENTRIES)
        answer = self.answers + 16 * slot + 12
        until("the drive's answer", lambda: m.readl(answer) == phase << 16 | number, 20)
        m.writel(self.bar + self.HEAD, number % self.ENTRIES)

    def check(self, target):
        """A page of zeroes at @target becomes what the drive said the first time."""
        m = self.machine
        m.write(target, bytes(PAGE))
        self.identify(target)
        about = m.read(target, PAGE)
        self.about = self.about or about
        if b"QEMU NVMe Ctrl" not in about or about != self.about:
            raise Failed(f"DMA to {target:#x} wrote other data")


class Virtio:
    """The driver of a virtio device with one queue; @features are those of the lower 32 that it wants."""
    QUEUE, REQUEST, RESPONSE = 0x600000, 0x604000, 0x605000

    def __init__(self, m, slot, bar, features):
        self.m, self.used = m, 0
        m.config(slot, 0x20, bar & 0xffffffff)
        m.config(slot, 0x24, bar >> 32)
        m.config(slot, 4, m.config(slot, 4) & 0xffff | 6)
        self.parts, at = {}, m.config(slot, 0x34) & 0xff
        while at:
            head = m.config(slot, at)
            if head & 0xff == 9:
                where = bar + m.config(slot, at + 8)
                self.parts.setdefault(head >> 24, (where, m.config(slot, at + 16)))
            at = head >> 8 & 0xff
        common = self.parts[1][0]
        self.m.do("writeb", hex(common + 20), "0x0")
        self.status(1 | 2)
        # VERSION_1, too.
        for half, bits in ((0, features), (1, 1)):
            m.writel(common + 0, half)
            offered = m.readl(common + 4)
            m.writel(common + 8, half)
            m.writel(common + 12, offered & bits)
        self.status(8)
        m.do("writew", hex(common + 22), "0x0")
        m.do("writew", hex(common + 24), "0x8")
        for i, offset in enumerate((0, 0x1000, 0x2000)):
            m.writel(common + 32 + 8 * i, self.QUEUE + offset)
            m.writel(common + 36 + 8 * i, 0)
        m.do("writew", hex(common + 28), "0x1")
        self.status(4)

    def status(self, bit):
        at = hex(self.parts[1][0] + 20)
        now = int(self.m.do("readb", at), 16) | bit
        self.m.do("writeb", at, hex(now))
        expect("the device's status", int(self.m.do("readb", at), 16), now)

    def send(self, request, room=0):
        """Returns the answer, of @room bytes."""
        m, q = self.m, self.QUEUE
        m.write(self.REQUEST, request)
        m.write(self.RESPONSE, b"\xff" * 16)
        m.write(q, struct.pack("<QIHH", self.REQUEST, len(request), 1 if room else 0, 1) +
                struct.pack("<QIHH", self.RESPONSE, room, 2, 0))
        m.write(q + 0x1004 + 2 * (self.used % 8), b"\0\0")
        self.used += 1
        m.write(q + 0x1002, struct.pack("<H", self.used))
        m.do("writew", hex(self.parts[2][0]), "0x0")
        until("the device's answer", lambda: m.read(q + 0x2002, 2) == struct.pack("<H", self.used), 20)
        return m.read(self.RESPONSE, room) if room else b""


class VirtioMem(Virtio):
    """As little of it as plugs and unplugs blocks."""
    PLUG, UNPLUG = 0, 1

    def __init__(self, m, slot, bar):
        # Memory that is not plugged is not touched.
        super().__init__(m, slot, bar, 2)

    def address(self):
        return self.m.readq(self.parts[4][0] + 16)

    def ask(self, kind, address, blocks):
        answer = self.send(struct.pack("<H6xQH6x", kind, address, blocks), 16)
        expect("what it answered", struct.unpack("<H", answer[:2])[0], 0)


class Vtd:
    """Page tables of three levels for one device, by the registers of QEMU's intel-iommu."""
    REGISTERS, TABLES, DID = 0xfed90000, 0x4000000, 7
    ROOT, CONTEXT, L3, L2, L1 = range(TABLES, TABLES + 5 * PAGE, PAGE)

    def __init__(self, m, slot):
        self.m = m
        m.write(self.TABLES, bytes(5 * PAGE))
        m.writeq(self.ROOT, self.CONTEXT | 1)
        m.writeq(self.CONTEXT + (slot << 3) * 16, self.L3 | 1)
        m.writeq(self.CONTEXT + (slot << 3) * 16 + 8, self.DID << 8 | 1)
        m.writeq(self.L3, self.L2 | 3)
        m.writeq(self.L2, self.L1 | 3)
        self.iotlb = self.REGISTERS + (m.readq(self.REGISTERS + 0x10) >> 8 & 0x3ff) * 16 + 8
        m.writeq(self.REGISTERS + 0x20, self.ROOT)
        m.writel(self.REGISTERS + 0x18, 1 << 30)
        m.writeq(self.REGISTERS + 0x28, 1 << 63 | 1 << 61)
        self.flush()
        m.writel(self.REGISTERS + 0x18, 1 << 31)

    def flush(self):
        self.m.writeq(self.iotlb, 1 << 63 | 1 << 60)

    def map(self, iova, physical, pages):
        """
        With the flush at once: when QEMU 11.1 looks for dirty pages between a change of the tables
        and the flush, it takes the change for known, and then tells VFIO nothing of it.
        """
        entries = b"".join(struct.pack("<Q", physical + i * PAGE | 3 if physical else 0) for i in range(pages))
        self.m.together(("write", hex(self.L1 + (iova >> 12) * 8), hex(len(entries)), "0x" + entries.hex()),
                        ("writeq", hex(self.iotlb), hex(1 << 63 | 1 << 60)))


class Migrating:
    """
    The device of the test module ioasid_mig in @slot, which writes to a window by a pattern.
    tools/testing/lib/mig.h has its registers.
    """
    SEED, BASE, PAGES, PAUSE, COMMAND, COUNT, WRITTEN, FAILED, PINNED, ERROR = range(0, 0x50, 8)
    PIN, RUN, HALT = 2, 4, 5

    def __init__(self, machine, slot, bar):
        self.machine, self.bar, self.pages = machine, bar, 0
        if machine.config(slot, 0) != 0x10a51234:
            raise Failed(f"no device that migrates in slot {slot}: {machine.config(slot, 0):#x}")
        machine.config(slot, 0x10, bar)
        machine.config(slot, 4, machine.config(slot, 4) & 0xffff | 6)

    def set(self, register, value):
        self.machine.writeq(self.bar + register, value)

    def get(self, register):
        return self.machine.readq(self.bar + register)

    def do(self, command):
        self.set(self.COMMAND, command)
        if self.get(self.ERROR):
            raise Failed(f"command {command}: {os.strerror(self.get(self.ERROR))}")

    def begin(self, base, pages, pinned):
        self.pages = pages
        for register, value in ((self.SEED, 1), (self.BASE, base), (self.PAGES, pages), (self.PAUSE, 1000),
                                (self.COUNT, pinned)):
            self.set(register, value)
        self.do(self.PIN)
        self.run()

    def run(self):
        self.do(self.RUN)

    def halt(self):
        self.do(self.HALT)

    def written(self):
        return self.get(self.WRITTEN)

    def failed(self):
        return self.get(self.FAILED)

    def pinned(self):
        return self.get(self.PINNED)

    def await_writes(self, n):
        end = self.written() + n
        until(f"{n} writes", lambda: self.written() >= end)

    def replay(self, written):
        """What the window holds after so many writes, none of which failed."""
        memory, x, mask = bytearray(self.pages * PAGE), 1, (1 << 64) - 1
        for number in range(1, written + 1):
            x = (x ^ x << 13) & mask
            x ^= x >> 7
            x = (x ^ x << 17) & mask
            at = (x >> 32) % self.pages * PAGE + (x & 511) * 8
            memory[at:at + 8] = number.to_bytes(8, "little")
        return bytes(memory)
