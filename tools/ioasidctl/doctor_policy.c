// SPDX-License-Identifier: GPL-2.0-only
/* The part of 'ioasidctl doctor' that looks at policies. */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/loaded.h"
#include "ctl.h"
#include "doctor.h"

static void check_ejected(const struct policy_state *list, int n)
{
	char remedy[256];
	int ejected = 0;

	for (int i = 0; i < n; i++) {
		if (strcmp(list[i].state, "ejected"))
			continue;
		ejected++;
		snprintf(remedy, sizeof(remedy), "ioasidctl policy replace %s ..., or policy unload %s",
			 list[i].name, list[i].name);
		diagnose(FAILS, "policies", remedy, "%s was ejected: %s", list[i].name,
			 list[i].exit_msg);
	}
	if (!ejected)
		diagnose(OK, "policies", NULL, "%d loaded, none was ejected", n);
}

/* How many entries a hash map has. */
static uint64_t count_entries(int fd, uint32_t key_size)
{
	char *key = malloc(key_size), *last = NULL;
	uint64_t n = 0;

	for (; key && !bpf_map_get_next_key(fd, last, key); last = key)
		n++;
	free(key);
	return n;
}

/* LRU maps are full by design; arrays have all their entries from the start. */
static void check_map(const char *policy, uint32_t id)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_map_get_fd_by_id(id);
	char remedy[256];
	uint64_t n;

	if (fd < 0)
		return;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == BPF_MAP_TYPE_HASH) {
		n = count_entries(fd, info.key_size);
		snprintf(remedy, sizeof(remedy), "unload it, and load it with --set %s.max_entries=%llu",
			 info.name, 2ULL * info.max_entries);
		if (n * 10 >= info.max_entries * 9ULL)
			diagnose(WARN, "maps", remedy, "the map %s of %s has %llu of %u entries: what does not fit is refused",
				 info.name, policy, (unsigned long long)n, info.max_entries);
	}
	close(fd);
}

static void check_maps(const struct policy_state *list, int n)
{
	uint32_t maps[LOADED_MAPS_MAX];
	struct loaded loaded;

	for (int i = 0; i < n; i++) {
		if (loaded_find(list[i].name, &loaded))
			continue;
		for (int m = loaded_maps(&loaded, maps) - 1; m >= 0; m--)
			check_map(list[i].name, maps[m]);
	}
}

static void check_pincg(void)
{
	const char *remedy = "unload it, and load it with a larger --set slots.max_entries=";
	struct pincg_room room;

	if (!pincg_slots(&room))
		return;
	if (room.refused)
		diagnose(WARN, "pincg", remedy, "pincg refused %llu charges because no slot was free; %llu of %llu are in use",
			 (unsigned long long)room.refused, (unsigned long long)room.used,
			 (unsigned long long)room.slots);
	else if (room.used * 10 >= room.slots * 9)
		diagnose(WARN, "pincg", remedy, "%llu of %llu slots of pincg are in use: charges that find none are refused",
			 (unsigned long long)room.used, (unsigned long long)room.slots);
	else
		diagnose(OK, "pincg", NULL, "%llu of %llu slots are in use",
			 (unsigned long long)room.used, (unsigned long long)room.slots);
}

void doctor_policies(void)
{
	struct policy_state *list;
	int n = read_policies(&list);

	check_ejected(list, n);
	check_maps(list, n);
	check_pincg();
	free(list);
}
