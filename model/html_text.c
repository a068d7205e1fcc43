/*
 * html_text.c - one pass over the bytes. Anything that is not a tag, comment or entity is text.
 *
 * Marks stand in the line as control characters, which no body has: 1 begins a mark, 2 ends it.
 */
#include "model/html_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define NAME_MAX_LEN 16

enum effect { EFFECT_NONE, EFFECT_BLOCK, EFFECT_MARK, EFFECT_SKIP, EFFECT_LINK, EFFECT_PICTURE };

/* Elements of one meaning share a mark. */
static const struct element {
	const char *name;
	enum effect effect;
	const char *mark;
} elements[] = {
	{ "p", EFFECT_BLOCK, "" },
	{ "div", EFFECT_BLOCK, "" },
	{ "br", EFFECT_BLOCK, "" },
	{ "tr", EFFECT_BLOCK, "" },
	{ "section", EFFECT_BLOCK, "" },
	{ "body", EFFECT_BLOCK, "" },
	{ "table", EFFECT_BLOCK, "" },
	{ "td", EFFECT_MARK, "td" },
	{ "th", EFFECT_MARK, "td" },
	{ "li", EFFECT_MARK, "li" },
	{ "ul", EFFECT_MARK, "ul" },
	{ "ol", EFFECT_MARK, "ol" },
	{ "h1", EFFECT_MARK, "h1" },
	{ "h2", EFFECT_MARK, "h2" },
	{ "h3", EFFECT_MARK, "h3" },
	{ "h4", EFFECT_MARK, "h4" },
	{ "hr", EFFECT_MARK, "hr" },
	{ "pre", EFFECT_MARK, "pre" },
	{ "blockquote", EFFECT_MARK, "blockquote" },
	{ "b", EFFECT_MARK, "b" },
	{ "strong", EFFECT_MARK, "b" },
	{ "i", EFFECT_MARK, "i" },
	{ "em", EFFECT_MARK, "i" },
	{ "u", EFFECT_MARK, "u" },
	{ "s", EFFECT_MARK, "s" },
	{ "strike", EFFECT_MARK, "s" },
	{ "head", EFFECT_SKIP, "" },
	{ "script", EFFECT_SKIP, "" },
	{ "style", EFFECT_SKIP, "" },
	{ "title", EFFECT_SKIP, "" },
	{ "a", EFFECT_LINK, "href" },
	{ "img", EFFECT_PICTURE, "src" },
};

static const struct entity {
	const char *name;
	char c;
} entities[] = {
	{ "amp", '&' },
	{ "lt", '<' },
	{ "gt", '>' },
	{ "quot", '"' },
	{ "apos", '\'' },
	{ "nbsp", ' ' },
};

struct reading {
	const char *s;
	struct text out;
	bool space; /* white space is due before the next text */
	bool block; /* and the end of a block */
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* What is due before text or a mark; nothing before the first and after the last. */
static void
flush_space(struct reading *in)
{
	if (in->out.len > 0 && (in->space || in->block))
		text_adds(&in->out, in->block ? "\n" : " ");
	in->space = in->block = false;
}

static void
add_utf8(struct text *t, uint32_t c)
{
	uint8_t b[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		b[i] = (uint8_t)(0x80 | (c & 0x3f));
	b[0] = (uint8_t)(n == 1 ? c : (0xf00u >> n & 0xff) | c);
	text_add(t, b, n);
}

static void
put_char(struct reading *in, uint32_t c)
{
	if (c == 0xa0 || c <= ' ') { /* a space that does not break is one to a reader */
		in->space = true;
		return;
	}
	if (c == 0xfeff || c == 0x200b)
		return;
	flush_space(in);
	add_utf8(&in->out, c);
}

/* "#39", "#x27"; false: no character. */
static bool
number_entity(const char *s, size_t len, uint32_t *ret)
{
	int base = len > 1 && (s[1] == 'x' || s[1] == 'X') ? 16 : 10;
	char digits[NAME_MAX_LEN];
	size_t skip = base == 16 ? 2 : 1;
	char *end;
	unsigned long n;

	if (!str_copy_len(digits, sizeof(digits), s + skip, len - skip) || digits[0] == '\0' || digits[0] == '-' ||
	    digits[0] == '+')
		return false;
	n = strtoul(digits, &end, base);
	if (*end != '\0' || n == 0 || n > 0x10ffff || (n >= 0xd800 && n < 0xe000))
		return false;
	*ret = (uint32_t)n;
	return true;
}

static bool
named_entity(const char *s, size_t len, uint32_t *ret)
{
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
		if (strlen(entities[i].name) == len && memcmp(entities[i].name, s, len) == 0) {
			*ret = (unsigned char)entities[i].c;
			return true;
		}
	return false;
}

/* At an '&'. What is no entity is an ampersand. */
static void
read_entity(struct reading *in)
{
	const char *name = in->s + 1;
	size_t len = strcspn(name, "; <&\n");
	uint32_t c;

	if (len > 0 && len < NAME_MAX_LEN && name[len] == ';' &&
	    (name[0] == '#' ? number_entity(name, len, &c) : named_entity(name, len, &c))) {
		put_char(in, c);
		in->s += len + 2;
		return;
	}
	put_char(in, '&');
	in->s++;
}

static void
read_text(struct reading *in)
{
	uint32_t c;
	size_t n = utf8_char(in->s, strnlen(in->s, 4), &c);

	if (n == 0) { /* not UTF-8: bytes as they are */
		n = 1;
		c = (unsigned char)*in->s;
	}
	put_char(in, c);
	in->s += n;
}

/* Behind the end of a tag that starts at s: quoted values may hold a '>'. */
static const char *
tag_end(const char *s)
{
	char quote = '\0';

	for (; *s != '\0'; s++) {
		if (quote != '\0')
			quote = *s == quote ? '\0' : quote;
		else if (*s == '>')
			return s + 1;
		else if ((*s == '"' || *s == '\'') && s[-1] == '=')
			quote = *s;
	}
	return s;
}

/* The value of an attribute between from and to, without its quotes; NULL when it is not there. */
static const char *
attribute(const char *from, const char *to, const char *name, size_t *ret_len)
{
	size_t len = strlen(name);

	for (const char *s = from; s + len + 1 < to; s++) {
		char stop[3] = { 0 };

		if (!is_space(s[-1]) || strncasecmp(s, name, len) != 0 || s[len] != '=')
			continue;
		s += len + 1;
		if (*s == '"' || *s == '\'')
			stop[0] = *s++;
		*ret_len = 0;
		while (s + *ret_len < to - 1 && (stop[0] != '\0' ? s[*ret_len] != stop[0] : !is_space(s[*ret_len])))
			++*ret_len;
		return s;
	}
	return NULL;
}

static void
add_mark(struct reading *in, bool closing, const char *name)
{
	text_addf(&in->out, "\001%s%s\002", closing ? "/" : "", name);
}

/* Entities in a link mean the same as their characters: only &amp; occurs. */
static void
add_target(struct reading *in, const char *value, size_t len)
{
	text_adds(&in->out, "\001@");
	for (size_t i = 0; i < len; i++) {
		text_add(&in->out, value + i, 1);
		if (len - i >= 5 && memcmp(value + i, "&amp;", 5) == 0)
			i += 4;
	}
	text_adds(&in->out, "\002");
}

/* Up to the closing tag of an element nobody sees; all the rest when it has none. */
static const char *
skip_element(const char *s, const char *name)
{
	size_t len = strlen(name);

	while ((s = strchr(s, '<')) != NULL) {
		if (s[1] == '/' && strncasecmp(s + 2, name, len) == 0)
			return tag_end(s);
		s++;
	}
	return "";
}

static void
apply(struct reading *in, const struct element *e, bool closing, const char *tag, const char *end)
{
	const char *value;
	size_t len;

	switch (e->effect) {
	case EFFECT_NONE: break;
	case EFFECT_BLOCK: in->block = true; break;
	case EFFECT_MARK: /* white space around a mark is of no meaning */
		in->space = false;
		flush_space(in);
		add_mark(in, closing, e->mark);
		break;
	case EFFECT_SKIP:
		if (!closing)
			in->s = skip_element(end, e->name);
		break;
	case EFFECT_LINK:
	case EFFECT_PICTURE:
		if (!closing && (value = attribute(tag + 1, end, e->mark, &len)) != NULL) {
			flush_space(in);
			add_target(in, value, len);
		}
		break;
	}
}

/* At a '<'. */
static void
read_tag(struct reading *in)
{
	const char *tag = in->s, *name, *end;
	bool closing = tag[1] == '/';
	size_t len;

	if (strncmp(tag, "<!--", 4) == 0) {
		end = strstr(tag + 4, "-->");
		in->s = end != NULL ? end + 3 : "";
		return;
	}
	name = tag + 1 + closing;
	len = strcspn(name, " \t\r\n/>");
	if (len == 0 || is_space(tag[1])) { /* "a < b" */
		put_char(in, '<');
		in->s++;
		return;
	}
	end = in->s = tag_end(name);
	for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
		if (strlen(elements[i].name) == len && strncasecmp(elements[i].name, name, len) == 0)
			apply(in, &elements[i], closing, tag, end);
}

char *
html_text(const char *html)
{
	struct reading in = { .s = html };

	text_init(&in.out, 4 * strlen(html) + 64);
	text_adds(&in.out, "");
	while (*in.s != '\0') {
		if (*in.s == '<')
			read_tag(&in);
		else if (*in.s == '&')
			read_entity(&in);
		else
			read_text(&in);
	}
	return text_take(&in.out);
}

bool
html_text_equal(const char *a, const char *b)
{
	char *x, *y;
	bool equal;

	if (strcmp(a, b) == 0)
		return true;
	x = html_text(a);
	y = html_text(b);
	equal = x != NULL && y != NULL && strcmp(x, y) == 0;
	free(x);
	free(y);
	return equal;
}

char *
html_of_plain(const char *text)
{
	struct text t;

	text_init(&t, 8 * strlen(text) + 64);
	text_adds(&t, "");
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&': text_adds(&t, "&amp;"); break;
		case '<': text_adds(&t, "&lt;"); break;
		case '>': text_adds(&t, "&gt;"); break;
		case '"': text_adds(&t, "&quot;"); break;
		case '\r': break;
		case '\n': text_adds(&t, "<br>"); break;
		default: text_add(&t, text, 1); break;
		}
	}
	return text_take(&t);
}
