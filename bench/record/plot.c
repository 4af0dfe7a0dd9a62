// SPDX-License-Identifier: GPL-2.0-only
/* Plots as SVG inside of a page; colours come from its style. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "record/html.h"
#include "util.h"

#define LABEL_WIDTH	290
#define PLOT_WIDTH	610
#define WIDTH		(LABEL_WIDTH + PLOT_WIDTH + 30)
#define ROW_HEIGHT	24
#define TOP		10
#define LINES_LEFT	80
#define LINES_HEIGHT	260
#define FAR_APART	20		/* from here on an axis is logarithmic */
#define MOST_TICKS	40

/* From values to places. */
struct axis {
	double from, to;		/* values at its ends */
	double at, length;		/* in the drawing; the length is below 0 upwards */
	bool logarithmic;
	double tick[MOST_TICKS];
	size_t ticks;
};

static double place(const struct axis *a, double v)
{
	if (a->logarithmic)
		return a->at + a->length * log(v / a->from) / log(a->to / a->from);
	return a->at + a->length * (v - a->from) / (a->to - a->from);
}

/* Round numbers, three to six of them: 1, 2 or 5 times a power of ten apart. */
static void even_ticks(struct axis *a)
{
	double rough = (a->to - a->from) / 6, step = pow(10, floor(log10(rough))), v;

	step *= rough / step > 5 ? 10 : rough / step > 2 ? 5 : 2;
	for (v = ceil(a->from / step - 1e-9) * step; v <= a->to * (1 + 1e-9) && a->ticks < MOST_TICKS;
	     v += step)
		a->tick[a->ticks++] = fabs(v) < step / 1e6 ? 0 : v;
}

static void log_ticks(struct axis *a)
{
	static const double within[] = { 1, 2, 5 };
	int decade, last = (int)ceil(log10(a->to)), first = (int)floor(log10(a->from));
	size_t i, n = last - first > 3 ? 1 : 3;
	double v;

	for (decade = first; decade <= last; decade++)
		for (i = 0; i < n; i++) {
			v = within[i] * pow(10, decade);
			if (v >= a->from && v <= a->to && a->ticks < MOST_TICKS)
				a->tick[a->ticks++] = v;
		}
}

static void make_axis(struct axis *a, double from, double to, bool around_one)
{
	if (around_one) {
		from = MIN(from, 0.9);
		to = MAX(to, 1.1);
	}
	a->logarithmic = from > 0 && to / from > FAR_APART;
	if (a->logarithmic) {
		a->from = from / 1.15;
		a->to = to * 1.15;
		log_ticks(a);
		return;
	}
	a->from = around_one ? from - (to - from) * 0.05 : 0;
	a->to = around_one ? to + (to - from) * 0.05 : to * 1.05;
	even_ticks(a);
}

static void limits_of(const struct plot_mark *m, size_t n, double *from, double *to)
{
	size_t i, v;

	*from = INFINITY;
	*to = 0;
	for (i = 0; i < n; i++) {
		*from = MIN(*from, MIN(m[i].low, m[i].mid));
		*to = MAX(*to, MAX(m[i].high, m[i].mid));
		for (v = 0; v < m[i].values; v++) {
			*from = MIN(*from, m[i].value[v]);
			*to = MAX(*to, m[i].value[v]);
		}
	}
}

static void begin(FILE *f, const char *what, double height)
{
	fprintf(f, "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"", WIDTH, height);
	html_text(f, what);
	fputs("\">\n", f);
}

static void text(FILE *f, double x, double y, const char *anchor, const char *class, const char *what)
{
	fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">", x, y, anchor, class);
	html_text(f, what);
	fputs("</text>\n", f);
}

static void line(FILE *f, const char *class, double x1, double y1, double x2, double y2)
{
	fprintf(f, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x1, y1, x2,
		y2);
}

/* Round numbers are short: "0.5", "200k", "20M". */
static const char *tick_text(double v, char buf[NUMBER_TEXT])
{
	static const struct {
		double unit;
		const char *name;
	} large[] = { { 1e9, "G" }, { 1e6, "M" }, { 1e3, "k" } };
	size_t i;

	snprintf(buf, NUMBER_TEXT, "%.4g", v);
	for (i = 0; i < ARRAY_SIZE(large); i++)
		if (v >= 10 * large[i].unit || (v >= large[i].unit && large[i].unit > 1e3)) {
			snprintf(buf, NUMBER_TEXT, "%.4g%s", v / large[i].unit, large[i].name);
			break;
		}
	return buf;
}

static void tip(FILE *f, const char *label, double mid, double low, double high)
{
	char a[NUMBER_TEXT], b[NUMBER_TEXT], c[NUMBER_TEXT];

	fputs("<title>", f);
	html_text(f, label);
	fprintf(f, ": %s", number_text(mid, a));
	if (low < high)
		fprintf(f, " (%s to %s)", number_text(low, b), number_text(high, c));
	fputs("</title>", f);
}

static void draw_mark(FILE *f, const struct axis *a, const struct plot_mark *m, double y)
{
	char class[16];
	double x;
	size_t i;

	text(f, LABEL_WIDTH - 12, y + 4.5, "end", "", m->label);
	snprintf(class, sizeof(class), "f%u bar", m->color % HTML_COLORS);
	fputs("<g>", f);
	tip(f, m->label, m->mid, m->low, m->high);
	for (i = 0; i < m->values; i++)
		fprintf(f, "<circle class=\"f%u dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"2\"/>", m->color % HTML_COLORS,
			place(a, m->value[i]), y + 8);
	if (m->low < m->high) {
		line(f, class, place(a, m->low), y, place(a, m->high), y);
		line(f, class, place(a, m->low), y - 5, place(a, m->low), y + 5);
		line(f, class, place(a, m->high), y - 5, place(a, m->high), y + 5);
	}
	x = place(a, m->mid);
	fprintf(f, "<circle class=\"f%u mid\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/></g>\n", m->color % HTML_COLORS,
		x, y);
}

void plot_marks(FILE *f, const char *axis, const struct plot_mark *mark, size_t n, int at_one)
{
	double from, to, bottom = TOP + (double)n * ROW_HEIGHT;
	struct axis a = { .at = LABEL_WIDTH, .length = PLOT_WIDTH };
	char number[NUMBER_TEXT];
	size_t i;

	limits_of(mark, n, &from, &to);
	if (!n || !(to > 0) || !isfinite(to))
		return;
	make_axis(&a, from, to, at_one);
	begin(f, axis, bottom + 44);
	for (i = 1; i < n; i += 2)
		fprintf(f, "<rect class=\"band\" x=\"0\" y=\"%.1f\" width=\"%d\" height=\"%d\"/>\n",
			TOP + (double)i * ROW_HEIGHT, WIDTH, ROW_HEIGHT);
	for (i = 0; i < a.ticks; i++) {
		line(f, "grid", place(&a, a.tick[i]), TOP, place(&a, a.tick[i]), bottom);
		text(f, place(&a, a.tick[i]), bottom + 17, "middle", "dim", tick_text(a.tick[i], number));
	}
	if (at_one)
		line(f, "one", place(&a, 1), TOP, place(&a, 1), bottom);
	for (i = 0; i < n; i++)
		draw_mark(f, &a, &mark[i], TOP + ((double)i + 0.4) * ROW_HEIGHT);
	fprintf(f, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" class=\"dim\">", LABEL_WIDTH + PLOT_WIDTH,
		bottom + 37);
	html_text(f, axis);
	fputs(a.logarithmic ? ", logarithmic</text>\n</svg>\n" : "</text>\n</svg>\n", f);
}

static double x_of(size_t i, size_t places)
{
	return LINES_LEFT + 20 + (double)i * (WIDTH - LINES_LEFT - 60) / (double)MAX(places - 1, (size_t)1);
}

static void draw_line(FILE *f, const struct axis *a, const struct plot_line *l, size_t places)
{
	char class[24];
	bool pen = false;
	size_t i;

	fprintf(f, "<path class=\"f%u way%s\" d=\"", l->color % HTML_COLORS, l->dashed ? " dash" : "");
	for (i = 0; i < places; i++) {
		if (!isfinite(l->mid[i]))
			continue;
		fprintf(f, "%c%.1f %.1f", pen ? 'L' : 'M', x_of(i, places), place(a, l->mid[i]));
		pen = true;
	}
	fputs("\"/>\n", f);
	snprintf(class, sizeof(class), "f%u bar", l->color % HTML_COLORS);
	for (i = 0; i < places; i++) {
		if (!isfinite(l->mid[i]))
			continue;
		fputs("<g>", f);
		tip(f, l->label, l->mid[i], l->low[i], l->high[i]);
		line(f, class, x_of(i, places), place(a, l->low[i]), x_of(i, places), place(a, l->high[i]));
		fprintf(f, "<circle class=\"f%u mid\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/></g>\n",
			l->color % HTML_COLORS, x_of(i, places), place(a, l->mid[i]));
	}
}

/* What the lines are, below the plot. */
static void legend(FILE *f, const struct plot_line *l, size_t n, double y)
{
	char class[24];
	double x;
	size_t i;

	for (i = 0; i < n; i++) {
		x = LINES_LEFT + (double)(i % 4) * 215;
		snprintf(class, sizeof(class), "f%u way%s", l[i].color % HTML_COLORS, l[i].dashed ? " dash" : "");
		line(f, class, x, y + (double)(i / 4) * 20 - 4, x + 28, y + (double)(i / 4) * 20 - 4);
		text(f, x + 34, y + (double)(i / 4) * 20, "start", "", l[i].label);
	}
}

void plot_lines(FILE *f, const char *axis_x, const char *axis_y, const char *const *name, size_t places,
		const struct plot_line *l, size_t n)
{
	struct axis a = { .at = TOP + 20 + LINES_HEIGHT, .length = -LINES_HEIGHT };
	char number[NUMBER_TEXT];
	double to = 0;
	size_t i, p;

	for (i = 0; i < n; i++)
		for (p = 0; p < places; p++)
			if (isfinite(l[i].high[p]))
				to = MAX(to, l[i].high[p]);
	if (!(to > 0))
		return;
	make_axis(&a, 0, to, false);
	begin(f, axis_y, a.at + 60 + (double)DIV_ROUND_UP(n, 4) * 20);
	text(f, 4, TOP + 6, "start", "dim", axis_y);
	for (i = 0; i < a.ticks; i++) {
		line(f, "grid", LINES_LEFT, place(&a, a.tick[i]), WIDTH - 20, place(&a, a.tick[i]));
		text(f, LINES_LEFT - 8, place(&a, a.tick[i]) + 4.5, "end", "dim", tick_text(a.tick[i], number));
	}
	for (p = 0; p < places; p++)
		text(f, x_of(p, places), a.at + 18, "middle", "dim", name[p]);
	text(f, WIDTH - 20, a.at + 36, "end", "dim", axis_x);
	for (i = 0; i < n; i++)
		draw_line(f, &a, &l[i], places);
	legend(f, l, n, a.at + 58);
	fputs("</svg>\n", f);
}
