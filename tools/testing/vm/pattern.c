// SPDX-License-Identifier: GPL-2.0-only
/* pattern BYTES: writes that much of the known drive content to stdout. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "pattern.h"

int main(int argc, char **argv)
{
	uint64_t words = argc == 2 ? strtoull(argv[1], NULL, 0) / 8 : 0;
	uint64_t i, word;

	if (!words) {
		fprintf(stderr, "usage: pattern BYTES\n");
		return 2;
	}
	for (i = 0; i < words; i++) {
		word = htole64(pattern_word(i));
		if (fwrite(&word, sizeof(word), 1, stdout) != 1)
			break;
	}
	if (i < words || fflush(stdout)) {
		perror("pattern");
		return 1;
	}
	return 0;
}
