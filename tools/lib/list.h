/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists that grow: a pointer to the elements, and how many there are. */
#ifndef IOASID_LIB_LIST_H
#define IOASID_LIB_LIST_H

#include <stdlib.h>

/*
 * Makes room in *@list behind its first @n elements, with realloc(): a pointer to that room,
 * whose content is undefined, or NULL, and then *@list is as it was. The caller counts it.
 */
#define list_room(list, n) ({							\
	__typeof__(*(list)) list_more = reallocarray(*(list), (size_t)(n) + 1,	\
						     sizeof(*list_more));	\
	if (list_more)								\
		*(list) = list_more;						\
	list_more ? list_more + (n) : NULL; })

#endif
