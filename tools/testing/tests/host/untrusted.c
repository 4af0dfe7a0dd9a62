// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tools/lib/untrusted.h promises, for every text of up to five bytes out of an alphabet
 * of those that matter: each reader gets UTF-8 without control characters, and can tell it
 * from every other text.
 */
#include <locale.h>
#include <wchar.h>

#include "ktap.h"

#include "json.h"
#include "untrusted.h"

/* Letters, digits of octal numbers, what is quoted, what is obeyed, pieces of UTF-8. */
static const char alphabet[] = "a07\\\"\n\033\177\302\233\342\200\256\377";

#define MOST	5
#define LETTERS	(sizeof(alphabet) - 1)

/* The text with that number: a numeral to the base LETTERS + 1, in which 0 is no letter. */
static size_t text_of(unsigned long number, char *text)
{
	size_t n = 0;

	for (; number; number /= LETTERS + 1)
		if (number % (LETTERS + 1))
			text[n++] = alphabet[number % (LETTERS + 1) - 1];
	text[n] = 0;
	return n;
}

static unsigned long texts(void)
{
	unsigned long n = 1;

	for (int i = 0; i < MOST; i++)
		n *= LETTERS + 1;
	return n;
}

static size_t put(const char *text, size_t len, enum untrusted_reader reader, char *buf)
{
	char out[UNTRUSTED_CHAR];
	size_t used = 0, n;

	for (; len; text += n, len -= n) {
		n = untrusted_char(text, len, reader, out);
		if (!n || n > len || strlen(out) >= sizeof(out))
			return 0;
		used += (size_t)sprintf(buf + used, "%s", out);
	}
	buf[used] = 0;
	return used;
}

static int octal(const char *s)
{
	if (s[0] < '0' || s[0] > '3' || s[1] < '0' || s[1] > '7' || s[2] < '0' || s[2] > '7')
		return -1;
	return (s[0] - '0') * 64 + (s[1] - '0') * 8 + s[2] - '0';
}

/* Back from what people get. */
static void read_person(char *s)
{
	char *to = s;
	int byte;

	while (*s) {
		byte = *s == '\\' ? octal(s + 1) : -1;
		*to++ = byte < 0 ? *s : (char)byte;
		s += byte < 0 ? 1 : 4;
	}
	*to = 0;
}

/* Back from what stands between quotes, one level. False if it could not stand there. */
static bool read_quoted(char *s)
{
	unsigned int point;
	char *to = s;

	for (; *s; s++) {
		if (*s == '"')
			return false;
		if (*s != '\\') {
			*to++ = *s;
			continue;
		}
		s++;
		if (*s == '"' || *s == '\\') {
			*to++ = *s;
		} else if (*s == 'n') {
			*to++ = '\n';
		} else if (*s == 'u' && sscanf(s + 1, "%4x", &point) == 1) {
			to += wctomb(to, (wchar_t)point);
			s += 4;
		} else {
			return false;
		}
	}
	*to = 0;
	return true;
}

/* UTF-8, as the C library sees it, and nothing in it is obeyed. */
static bool is_clean(const char *s)
{
	wchar_t wide[MOST * UNTRUSTED_CHAR + 1];
	size_t n = mbstowcs(wide, s, sizeof(wide) / sizeof(wide[0]));

	if (n == (size_t)-1)
		return false;
	for (size_t i = 0; i < n; i++)
		if (wide[i] < 0x20 || (wide[i] >= 0x7f && wide[i] < 0xa0) ||
		    (wide[i] >= 0x2028 && wide[i] <= 0x202e))
			return false;
	return true;
}

static bool returns(unsigned long number, enum untrusted_reader reader)
{
	char text[MOST + 1], buf[MOST * UNTRUSTED_CHAR + 1], had[sizeof(buf)];
	size_t len = text_of(number, text);

	if (len && !put(text, len, reader, buf))
		return false;
	if (!len)
		buf[0] = 0;
	strcpy(had, buf);
	if (!is_clean(buf) || (reader != UNTRUSTED_PERSON && !read_quoted(buf)))
		goto bad;
	read_person(buf);
	if (!strcmp(buf, text))
		return true;
bad:
	printf("# text %lu became '%s' and was read as '%s'\n", number, had, buf);
	return false;
}

static void all_return(enum untrusted_reader reader, struct ktap_test *_self)
{
	ASSERT_TRUE(setlocale(LC_CTYPE, "C.UTF-8"));
	for (unsigned long i = 0; i < texts(); i++)
		ASSERT_TRUE(returns(i, reader));
}

TEST(people_can_tell)
{
	all_return(UNTRUSTED_PERSON, _self);
}

TEST(labels_can_tell)
{
	all_return(UNTRUSTED_LABEL, _self);
}

TEST(json_can_tell)
{
	all_return(UNTRUSTED_JSON, _self);
}

/* What is no control character stays: letters of any script, and systemd's backslashes. */
TEST(names_stay)
{
	static const char *const names[] = {
		"qemu-system-x86", "/machine.slice/machine-qemu\\x2d1.scope", "caf\303\251",
		"\346\227\245\346\234\254", "\360\237\230\200", "a\\b\\",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		EXPECT_STREQ(shown(names[i]), names[i]);
}

TEST(columns)
{
	EXPECT_STREQ(shown_column("abc", 3, 5), "abc  ");
	EXPECT_STREQ(shown_column("abcdef", 6, 3), "abc");
	/* A letter of three bytes is cut off as a whole. */
	EXPECT_STREQ(shown_column("\346\227\245\346\234\254", 6, 1), "\346\227\245");
	EXPECT_STREQ(shown_column("\033x", 2, 6), "\\033x ");
	EXPECT_STREQ(shown_column("ab\0c", 4, 4), "ab  ");
}

/* A sequence that the end of the text cuts off is bytes, and what is behind is not read. */
TEST(cut_off)
{
	EXPECT_STREQ(shown_n("\346\227\245", 2), "\\346\\227");
	EXPECT_STREQ(shown_n("\\101", 3), "\\10");
	EXPECT_STREQ(shown_n("", 0), "");
}

TEST(kernels_escapes)
{
	char text[] = "a\\040b\\134012\\x2d\\04";

	unescape_octal(text);
	EXPECT_STREQ(text, "a b\\012\\x2d\\04");
}

TEST_HARNESS_MAIN
