// SPDX-License-Identifier: GPL-2.0-only
/* See html.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "record/html.h"
#include "untrusted.h"

static const char style[] =
	":root { color-scheme: light dark; --back: #ffffff; --text: #1c2126; --dim: #59636e; --line: #d4dae0;\n"
	"  --band: #f3f5f7; --c0: #1766a6; --c1: #b84a00; --c2: #1f7a3a; --c3: #7d3fb0; --c4: #a81f5f; --c5: #6b6400 }\n"
	"@media (prefers-color-scheme: dark) { :root { --back: #14171a; --text: #e4e8ec; --dim: #9ba6b1;\n"
	"  --line: #3a424a; --band: #1d2226; --c0: #63b0f0; --c1: #f39a5c; --c2: #6cc98a; --c3: #c79bf2;\n"
	"  --c4: #f283b3; --c5: #cfc55a } }\n"
	"body { background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif;\n"
	"  max-width: 62rem; margin: 0 auto; padding: 1rem }\n"
	"h1 { font-size: 1.6rem } h2 { font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 1px solid var(--line) }\n"
	"h3 { font-size: 1.05rem; margin: 1.8rem 0 0.4rem }\n"
	"p.dim, caption { color: var(--dim) }\n"
	".wide { overflow-x: auto }\n"
	"table { border-collapse: collapse; font-size: 0.875rem; margin: 0.4rem 0 }\n"
	"th, td { text-align: left; padding: 0.15rem 0.7rem; border-bottom: 1px solid var(--line); vertical-align: top }\n"
	"th { color: var(--dim); font-weight: 600 } tbody tr:nth-child(even) { background: var(--band) }\n"
	"td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }\n"
	"svg { display: block; width: 100%; height: auto; max-width: 60rem }\n"
	"svg text { font: 13px system-ui, sans-serif; fill: var(--text) } svg text.dim { fill: var(--dim) }\n"
	"svg .grid { stroke: var(--line); stroke-width: 1 } svg .one { stroke: var(--text); stroke-width: 1.5 }\n"
	"svg .band { fill: var(--band) } svg .dot { fill-opacity: 0.35; stroke: none }\n"
	".f0 { fill: var(--c0); stroke: var(--c0) } .f1 { fill: var(--c1); stroke: var(--c1) }\n"
	".f2 { fill: var(--c2); stroke: var(--c2) } .f3 { fill: var(--c3); stroke: var(--c3) }\n"
	".f4 { fill: var(--c4); stroke: var(--c4) } .f5 { fill: var(--c5); stroke: var(--c5) }\n"
	"svg .way { fill: none; stroke-width: 2 } svg .dash { stroke-dasharray: 6 4 }\n"
	"svg .bar { stroke-width: 2 } svg .mid { stroke: none }\n";

void html_text(FILE *f, const char *text)
{
	size_t left = strlen(text), n;
	char out[UNTRUSTED_CHAR];

	for (; left; text += n, left -= n) {
		n = untrusted_char(text, left, UNTRUSTED_PERSON, out);
		if (!strcmp(out, "<"))
			fputs("&lt;", f);
		else if (!strcmp(out, ">"))
			fputs("&gt;", f);
		else if (!strcmp(out, "&"))
			fputs("&amp;", f);
		else if (!strcmp(out, "\""))
			fputs("&quot;", f);
		else
			fputs(out, f);
	}
}

void html_begin(FILE *f, const char *title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
	      "<meta name=\"viewport\" content=\"width=device-width\"/>\n<title>", f);
	html_text(f, title);
	fprintf(f, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>", style);
	html_text(f, title);
	fputs("</h1>\n", f);
}

void html_end(FILE *f)
{
	fputs("</body>\n</html>\n", f);
}

const char *number_text(double value, char buf[NUMBER_TEXT])
{
	double size = fabs(value);

	if (!isfinite(value))
		snprintf(buf, NUMBER_TEXT, "-");
	else if (size >= 1000 || value == 0)
		snprintf(buf, NUMBER_TEXT, "%.0f", value);
	else if (size >= 1)
		snprintf(buf, NUMBER_TEXT, "%.*f", size >= 100 ? 1 : size >= 10 ? 2 : 3, value);
	else
		snprintf(buf, NUMBER_TEXT, "%.3g", value);
	return buf;
}

void table_begin(FILE *f, const char *const *heading, size_t n)
{
	size_t i;

	fputs("<div class=\"wide\"><table>\n<thead><tr>", f);
	for (i = 0; i < n; i++) {
		fputs(heading[i][0] == '#' ? "<th class=\"n\">" : "<th>", f);
		html_text(f, heading[i] + (heading[i][0] == '#'));
		fputs("</th>", f);
	}
	fputs("</tr></thead>\n<tbody>\n", f);
}

void table_text(FILE *f, const char *text)
{
	fputs("<td>", f);
	html_text(f, text);
	fputs("</td>", f);
}

void table_number(FILE *f, double value)
{
	char number[NUMBER_TEXT];

	fprintf(f, "<td class=\"n\">%s</td>", number_text(value, number));
}

void table_end(FILE *f)
{
	fputs("</tbody></table></div>\n", f);
}
