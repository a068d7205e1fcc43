/* resource.c - the spellings of a notification's resource. */
#include "model/resource.h"

#include <string.h>
#include <strings.h>

#include "base/encode.h"

/* "/teams('ID')" with each of these characters percent-encoded, and some more. */
#define HEAD_MAX 160

static bool
plain_team(const char *text, size_t len, struct guid *ret)
{
	static const char collection[] = "teams";
	const size_t name_len = sizeof(collection) - 1, id_len = GUID_SIZE - 1;
	char id[GUID_SIZE];
	size_t at = len > 0 && text[0] == '/', mark_len;

	if (len < at + name_len + 1 || strncasecmp(text + at, collection, name_len) != 0)
		return false;
	at += name_len;
	mark_len = text[at] == '/' ? 1 : 2;
	if (len < at + mark_len + id_len || (mark_len == 2 && memcmp(text + at, "('", 2) != 0))
		return false;
	at += mark_len;
	memcpy(id, text + at, id_len);
	id[id_len] = '\0';
	at += id_len;
	/* What follows the id parts it from more of the same. */
	if (mark_len == 2 ? len < at + 2 || memcmp(text + at, "')", 2) != 0 : len > at && text[at] != '/')
		return false;
	return guid_parse(id, ret);
}

bool
resource_team(const char *resource, size_t len, struct guid *ret)
{
	char head[HEAD_MAX + 1];
	size_t head_len = len < HEAD_MAX ? len : HEAD_MAX;
	const char *cut;

	ret->s[0] = '\0';
	if (resource == NULL)
		return false;
	if (plain_team(resource, len, ret))
		return true;
	if (memchr(resource, '%', head_len) == NULL)
		return false;
	/* No escape is cut in two. */
	cut = head_len < len ? (const char *)memrchr(resource + head_len - 2, '%', 2) : NULL;
	if (cut != NULL)
		head_len = (size_t)(cut - resource);
	return percent_decode(resource, head_len, 0, head, &head_len) == ERR_OK && plain_team(head, head_len, ret);
}
