/*
 * join_block.c - finds the block without parsing HTML: by the class Teams gives it, else by two lines of underscores with a join
 * link between them. Lines of underscores and line breaks that touch it belong to it.
 */
#include "graph/join_block.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define BLOCK_CLASS "me-email-text"
#define LINE_MIN    20 /* underscores; Teams writes 80 */

struct range {
	const char *from, *to;
};

static const char *const join_links[] = { "teams.microsoft.com/l/meetup-join/", "teams.microsoft.com/meet/",
	"teams.cloud.microsoft/meet/", "teams.live.com/meet/" };

static const char *
find_nocase(const char *s, const char *end, const char *word)
{
	size_t len = strlen(word);

	for (; (size_t)(end - s) >= len; s++)
		if (strncasecmp(s, word, len) == 0)
			return s;
	return NULL;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The tag that ends at end, spaces between left aside: its '<'; NULL when there is none. */
static const char *
tag_before(const char *start, const char *end)
{
	while (end > start && is_space(end[-1]))
		end--;
	if (end == start || end[-1] != '>')
		return NULL;
	for (end--; end > start && end[-1] != '<' && end[-1] != '>'; end--)
		;
	return end > start && end[-1] == '<' ? end - 1 : NULL;
}

/* Behind the tag that begins at s, spaces before left aside; NULL. */
static const char *
tag_after(const char *s, const char *end, const char **ret_tag)
{
	const char *close;

	while (s < end && is_space(*s))
		s++;
	if (s == end || *s != '<' || (close = memchr(s, '>', (size_t)(end - s))) == NULL)
		return NULL;
	*ret_tag = s;
	return close + 1;
}

static bool
is_tag(const char *tag, const char *name)
{
	size_t len = strlen(name);

	return tag[0] == '<' && strncasecmp(tag + 1, name, len) == 0 && strchr(" />\t\r\n", tag[1 + len]) != NULL;
}

/* The element around a line of underscores: as many closing tags behind as opening ones before touch it. */
static struct range
widen(const char *start, const char *end, struct range line)
{
	const char *open, *close, *tag;

	while ((open = tag_before(start, line.from)) != NULL && open[1] != '/' && !is_tag(open, "body") &&
	       !is_tag(open, "html") && !is_tag(open, "br") && (close = tag_after(line.to, end, &tag)) != NULL && tag[1] == '/')
		line = (struct range){ open, close };
	return line;
}

static bool
next_line(const char *start, const char *at, const char *end, struct range *ret)
{
	for (; at < end; at++) {
		const char *from = at;

		while (at < end && *at == '_')
			at++;
		if (at - from >= LINE_MIN) {
			*ret = widen(start, end, (struct range){ from, at });
			return true;
		}
		if (at == end)
			return false;
	}
	return false;
}

/* The element whose tag has the class: up to the div that closes it. */
static bool
find_class(const char *start, const char *end, struct range *ret)
{
	const char *s = find_nocase(start, end, BLOCK_CLASS);
	int depth = 0;

	while (s != NULL && s > start && *s != '<')
		s--;
	if (s == NULL || !is_tag(s, "div"))
		return false;
	ret->from = s;
	for (; s < end; s++) {
		if (is_tag(s, "div"))
			depth++;
		else if (is_tag(s, "/div") && --depth == 0)
			break;
	}
	ret->to = s < end ? s + strlen("</div>") : end;
	return true;
}

static bool
has_link(const char *from, const char *to)
{
	for (size_t i = 0; i < sizeof(join_links) / sizeof(join_links[0]); i++)
		if (find_nocase(from, to, join_links[i]) != NULL)
			return true;
	return false;
}

/* From a line of underscores to the next one, or the end, with a join link between. */
static bool
find_lines(const char *start, const char *end, struct range *ret)
{
	struct range line, next;
	bool more;

	for (const char *at = start; next_line(start, at, end, &line); at = line.to) {
		more = next_line(start, line.to, end, &next);
		if (has_link(line.to, more ? next.from : end)) {
			*ret = (struct range){ line.from, more ? next.to : end };
			return true;
		}
	}
	return false;
}

/* Only white space and empty divs, as Teams leaves them before its last line. */
static bool
says_nothing(const char *s, const char *end)
{
	while (s < end) {
		const char *tag;

		if (is_space(*s)) {
			s++;
			continue;
		}
		s = tag_after(s, end, &tag);
		if (s == NULL || !(is_tag(tag, "div") || is_tag(tag, "/div") || is_tag(tag, "br")))
			return false;
	}
	return true;
}

/* Lines of underscores and breaks that touch the block. */
static struct range
take_neighbours(const char *start, const char *end, struct range block)
{
	struct range line;
	const char *tag;

	for (const char *at = start; next_line(start, at, block.from, &line); at = line.to) {
		const char *rest = line.to + strspn(line.to, " \t\r\n");

		if (rest == block.from) {
			block.from = line.from;
			break;
		}
	}
	while ((tag = tag_before(start, block.from)) != NULL && is_tag(tag, "br"))
		block.from = tag;
	if (next_line(block.to, block.to, end, &line) && says_nothing(block.to, line.from))
		block.to = line.to;
	return block;
}

/* What stands between the body tags, or all. */
static struct range
inner(const char *html)
{
	struct range r = { html, html + strlen(html) };
	const char *open = r.from, *close;

	while ((open = find_nocase(open, r.to, "<body")) != NULL && !is_tag(open, "body"))
		open++;
	if (open != NULL && (close = memchr(open, '>', (size_t)(r.to - open))) != NULL)
		r.from = close + 1;
	if ((close = find_nocase(r.from, r.to, "</body")) != NULL)
		r.to = close;
	return r;
}

static struct range
trim(struct range r)
{
	while (r.from < r.to && is_space(*r.from))
		r.from++;
	while (r.to > r.from && is_space(r.to[-1]))
		r.to--;
	return r;
}

static char *
copy(struct range a, struct range b)
{
	size_t a_len = (size_t)(a.to - a.from), b_len = (size_t)(b.to - b.from);
	char *s = malloc(a_len + b_len + 1);

	if (s == NULL)
		return NULL;
	memcpy(s, a.from, a_len);
	memcpy(s + a_len, b.from, b_len);
	s[a_len + b_len] = '\0';
	return s;
}

bool
join_block_split(const char *html, char **ret_body, char **ret_block)
{
	struct range all = inner(html), block = { all.to, all.to };

	if (find_class(all.from, all.to, &block) || find_lines(all.from, all.to, &block))
		block = take_neighbours(all.from, all.to, block);
	*ret_body = copy(trim((struct range){ all.from, block.from }), trim((struct range){ block.to, all.to }));
	*ret_block = copy(block, (struct range){ "", "" });
	if (*ret_body != NULL && *ret_block != NULL)
		return true;
	free(*ret_body);
	free(*ret_block);
	return false;
}

char *
join_block_join(const char *body, const char *block)
{
	struct range people = inner(body);
	struct text t;

	if (block[0] == '\0')
		return strdup(body);
	text_init(&t, strlen(body) + strlen(block) + 256);
	text_adds(&t, "<html>\r\n<head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; "
	              "charset=utf-8\">\r\n</head>\r\n<body>\r\n");
	text_add(&t, people.from, (size_t)(people.to - people.from));
	text_adds(&t, "\r\n");
	text_adds(&t, block);
	text_adds(&t, "\r\n</body>\r\n</html>\r\n");
	return text_take(&t);
}
