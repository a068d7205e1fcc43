#include "model/rich_item.h"

#include <stdlib.h>
#include <string.h>

/* One line of printable ASCII, so that no part can be taken for two. */
static bool
is_line(const struct rich_text *text)
{
	for (size_t i = 0; i < text->len; i++)
		if (text->at[i] <= ' ' || text->at[i] > '~')
			return false;
	return text->at != NULL && text->len > 0 && text->len < RICH_ITEM_MAX;
}

/* The length of all lines, 0 when one cannot be kept. */
static size_t
lines_len(const struct rich_text *lines, size_t count)
{
	size_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		if (!is_line(&lines[i]))
			return 0;
		sum += lines[i].len + 1;
	}
	return sum;
}

static char *
lines_put(char *out, const struct rich_text *lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		memcpy(out, lines[i].at, lines[i].len);
		out += lines[i].len;
		*out++ = '\n';
	}
	return out;
}

struct rich_packed *
rich_copy(const char *text, size_t len)
{
	struct rich_packed *packed = len <= RICH_ITEM_MAX ? malloc(sizeof(*packed) + len) : NULL;

	if (packed == NULL)
		return NULL;
	packed->len = len;
	if (text != NULL)
		memcpy(packed->text, text, len);
	return packed;
}

struct rich_packed *
rich_pack(const struct rich_item *item)
{
	struct rich_packed *packed;
	size_t parts, tokens;

	if (item->token_count == 0 || item->token_count > RICH_TOKENS_MAX)
		return NULL;
	parts = lines_len(item->parts, RICH_PART_COUNT);
	tokens = lines_len(item->tokens, item->token_count);
	if (parts == 0 || tokens == 0 || (packed = rich_copy(NULL, parts + tokens)) == NULL)
		return NULL;
	(void)lines_put(lines_put(packed->text, item->parts, RICH_PART_COUNT), item->tokens, item->token_count);
	return packed;
}

enum err
rich_unpack(const struct rich_packed *packed, struct rich_item *ret)
{
	const char *p = packed->text, *end = packed->text + packed->len, *stop;
	size_t lines = 0;

	memset(ret, 0, sizeof(*ret));
	for (; p < end && lines < RICH_PART_COUNT + RICH_TOKENS_MAX; p = stop + 1, lines++) {
		struct rich_text *text = lines < RICH_PART_COUNT ? &ret->parts[lines] : &ret->tokens[lines - RICH_PART_COUNT];

		if ((stop = memchr(p, '\n', (size_t)(end - p))) == NULL)
			return ERR_MALFORMED;
		*text = (struct rich_text){ p, (size_t)(stop - p) };
		if (!is_line(text))
			return ERR_MALFORMED;
	}
	if (p != end || lines <= RICH_PART_COUNT)
		return ERR_MALFORMED;
	ret->token_count = lines - RICH_PART_COUNT;
	return ERR_OK;
}
