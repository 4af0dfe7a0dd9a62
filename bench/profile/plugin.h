/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of QEMU's plugin interface (version 4) that the plugins here use, and the marks of
 * bench/mark.h as they see them. build compiles a plugin.
 */
#ifndef BENCH_PROFILE_PLUGIN_H
#define BENCH_PROFILE_PLUGIN_H

#include <stdint.h>
#include <stddef.h>
#include <string.h>

#include "../mark.h"

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*exec_cb)(unsigned int cpu, void *data);
typedef void (*mem_cb)(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t address, void *data);
typedef void (*tb_cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);

#define PLUGIN_MEM_READ_WRITE	3

void qemu_plugin_reset(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t id));
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_cb cb);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, exec_cb cb, int flags,
					  void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, exec_cb cb, int flags,
					    void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, mem_cb cb, int flags, int rw,
				      void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id,
				    void (*cb)(qemu_plugin_id_t id, void *data), void *data);
unsigned int qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t n);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t len);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

#define EXPORT __attribute__((visibility("default")))

/* Marks that say what is executed from here on; MARK_BEGIN follows them. */
#define MARKS		MARK_BEGIN
#define NO_MARK		0xffU

/* The mark that an instruction is, or NO_MARK. */
static inline unsigned int mark_of(const struct qemu_plugin_insn *insn)
{
	unsigned char code[7];
	uint32_t operand;

	if (qemu_plugin_insn_data(insn, code, sizeof(code)) != sizeof(code) ||
	    memcmp(code, "\x0f\x1f\x80", 3))
		return NO_MARK;
	memcpy(&operand, code + 3, sizeof(operand));
	return operand >= MARK_OPERAND && operand <= MARK_OPERAND + MARK_BEGIN ?
	       operand - MARK_OPERAND : NO_MARK;
}

#endif
