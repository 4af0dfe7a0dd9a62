/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page that is one file: its style and its plots are in it, no script runs, and nothing is
 * loaded from anywhere. It is well-formed XML, too, so that a test can read it.
 */
#ifndef BENCH_HTML_H
#define BENCH_HTML_H

#include <stddef.h>
#include <stdio.h>

#define HTML_COLORS	6
#define HTML_MOST_X	16		/* places on the axis of plot_lines() */

void html_begin(FILE *f, const char *title);
void html_end(FILE *f);

/* Text from anywhere, between tags or in an attribute. */
void html_text(FILE *f, const char *text);

/* "1234", "12.3", "0.0123": four digits that count, or all in front of the point. */
#define NUMBER_TEXT	32
const char *number_text(double value, char buf[NUMBER_TEXT]);

/* A table: cells of a row between <tr> and </tr>. The heading of numbers begins with "#". */
void table_begin(FILE *f, const char *const *heading, size_t n);
void table_text(FILE *f, const char *text);
void table_number(FILE *f, double value);
void table_end(FILE *f);

/* A figure with its interval, and the single values it is made of, if any. */
struct plot_mark {
	char label[112];
	unsigned int color;
	double mid, low, high;
	const double *value;
	size_t values;
};

/*
 * One mark below the other on a common axis, which starts at 0, or is logarithmic where the
 * marks are far apart. With @at_one there is a line at 1, and the axis is around it.
 */
void plot_marks(FILE *f, const char *axis, const struct plot_mark *mark, size_t n, int at_one);

/* A line over the same places as all others of its plot. */
struct plot_line {
	char label[64];
	unsigned int color;
	int dashed;
	double mid[HTML_MOST_X], low[HTML_MOST_X], high[HTML_MOST_X];	/* NAN: none there */
};

void plot_lines(FILE *f, const char *axis_x, const char *axis_y, const char *const *place, size_t places,
		const struct plot_line *line, size_t n);

#endif
