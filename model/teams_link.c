/*
 * teams_link.c - a strict reader of the few URLs that are Teams links.
 *
 * The URL is decoded by hand, in one order: the text is checked, the host is taken, old /_#/ forms are folded into the
 * path, then each path segment and query member is percent-decoded on its own (so that an encoded slash never splits
 * anything), once more where the result still has escapes.
 */
#include "model/teams_link.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "base/text.h"

#define SEGMENTS_MAX 8

#define GET_LINK "use the link that Get link gives in the team's or channel's menu"

struct parts {
	const char *path[SEGMENTS_MAX]; /* still encoded, not NUL-terminated */
	size_t path_len[SEGMENTS_MAX];
	size_t count;
	const char *query; /* NUL-terminated, "" when there is none */
};

static enum err __attribute__((format(printf, 3, 4))) refuse(char *why, size_t why_size, const char *format, ...)
{
	va_list args;

	if (why == NULL || why_size == 0)
		return ERR_INVALID;
	va_start(args, format);
	(void)vsnprintf(why, why_size, format, args);
	va_end(args);
	return ERR_INVALID;
}

/* --- the host --- */

static const struct {
	const char *host;
	const char *refusal; /* NULL: a Teams host */
} hosts[] = {
	{ "teams.microsoft.com", NULL },
	{ "teams.cloud.microsoft", NULL },
	{ "teams.live.com", "this is a link of personal Teams, which has no teams or channels of an organisation; " GET_LINK },
	{ "gov.teams.microsoft.us", "links of US government clouds are not supported" },
	{ "dod.teams.microsoft.us", "links of US government clouds are not supported" },
};

/* Only characters that a URL may have: no space, no control character, nothing beyond ASCII that could deceive. */
static const char *
text_mistake(const char *url)
{
	if (strnlen(url, TEAMS_LINK_MAX + 1) > TEAMS_LINK_MAX)
		return "the link is longer than 2048 bytes";
	for (; *url != '\0'; url++)
		if (*url <= ' ' || *url >= 0x7f || *url == '\\')
			return "the link has a space, a control character or a letter beyond ASCII that is not percent-encoded";
	return NULL;
}

/* Gives what follows the host, or NULL with *ret_refusal. */
static const char *
host_skip(const char *url, const char **ret_refusal)
{
	static const char scheme[] = "https://";
	char start[sizeof(scheme)], host[64];
	const char *begin = url + strlen(scheme);
	size_t host_len;

	*ret_refusal = "the link must begin with https://; " GET_LINK;
	if (strlen(url) <= strlen(scheme) || !str_copy_len(start, sizeof(start), url, strlen(scheme)) ||
	    !str_equal_nocase(start, scheme))
		return NULL;
	host_len = strcspn(begin, "/?#");
	if (memchr(begin, '@', host_len) != NULL || memchr(begin, ':', host_len) != NULL) {
		*ret_refusal = "the link must not have a user name or a port before its path";
		return NULL;
	}
	*ret_refusal = "this is not a link of Microsoft Teams (teams.microsoft.com or teams.cloud.microsoft); " GET_LINK;
	if (!str_copy_len(host, sizeof(host), begin, host_len))
		return NULL;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		if (!str_equal_nocase(host, hosts[i].host))
			continue;
		if (hosts[i].refusal == NULL)
			return begin + host_len;
		*ret_refusal = hosts[i].refusal;
	}
	return NULL;
}

/* --- path and query --- */

/* Old clients put everything behind "/_#"; otherwise a fragment says nothing we need. Cuts url in place. */
static char *
fragment_fold(char *rest)
{
	char *fragment = strchr(rest, '#');

	if (fragment == NULL)
		return rest;
	*fragment++ = '\0';
	if (strcmp(rest, "/_") == 0 || str_starts(rest, "/_?"))
		return fragment;
	return rest;
}

/* Splits in place; false when there are too many segments. Empty segments are dropped. */
static bool
parts_split(char *rest, struct parts *ret)
{
	char *query = strchr(rest, '?');
	const char *p = rest;

	*ret = (struct parts){ .query = "" };
	if (query != NULL) {
		*query++ = '\0';
		ret->query = query;
	}
	while (*(p += strspn(p, "/")) != '\0') {
		if (ret->count == SEGMENTS_MAX)
			return false;
		ret->path[ret->count] = p;
		ret->path_len[ret->count] = strcspn(p, "/");
		p += ret->path_len[ret->count++];
	}
	return true;
}

/* Decodes once, and once more while an escape is left: some clients encode twice. */
static bool
decode(const char *s, size_t len, char *ret, size_t ret_size)
{
	if (len >= ret_size || percent_decode(s, len, 0, ret, &len) != ERR_OK)
		return false;
	return strchr(ret, '%') == NULL || percent_decode(ret, len, 0, ret, &len) == ERR_OK;
}

/* Text that shows as something else than it is has no place in a link, wherever it stands. */
static bool
is_plain_text(const char *s)
{
	size_t len = strlen(s), n;
	uint32_t c;

	for (size_t i = 0; i < len; i += n) {
		if ((n = utf8_char(s + i, len - i, &c)) == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0))
			return false;
		if (c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
			return false;
	}
	return true;
}

static bool
path_is_plain_text(const struct parts *parts)
{
	char segment[TEAMS_LINK_MAX + 1];

	for (size_t i = 0; i < parts->count; i++)
		if (!decode(parts->path[i], parts->path_len[i], segment, sizeof(segment)) || !is_plain_text(segment))
			return false;
	return true;
}

enum found { ABSENT, PRESENT, AMBIGUOUS };

/* A GUID of the query, its name in any case. Twice with two values, or not a GUID: ambiguous. */
static enum found
query_guid(const char *query, const char *name, struct guid *ret)
{
	size_t name_len = strlen(name);
	enum found found = ABSENT;

	ret->s[0] = '\0';
	for (const char *p = query; *p != '\0'; p += strcspn(p, "&"), p += *p == '&') {
		size_t len = strcspn(p, "&");
		char member[160], *value;
		struct guid guid;

		if (!decode(p, len, member, sizeof(member)) || (value = strchr(member, '=')) == NULL)
			continue;
		*value++ = '\0';
		if ((size_t)(value - 1 - member) != name_len || !str_equal_nocase(member, name) || *value == '\0')
			continue;
		if (!guid_parse(value, &guid) || (found == PRESENT && strcmp(guid.s, ret->s) != 0))
			return AMBIGUOUS;
		*ret = guid;
		found = PRESENT;
	}
	return found;
}

bool
channel_id_valid(const char *s)
{
	size_t len = strnlen(s, CHANNEL_ID_SIZE), name_len;
	const char *name = s + 3;

	if (len >= CHANNEL_ID_SIZE || !str_starts(s, "19:"))
		return false;
	name_len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
	return name_len > 0 && (strcmp(name + name_len, "@thread.tacv2") == 0 || strcmp(name + name_len, "@thread.skype") == 0);
}

/* --- the kinds of link --- */

/* What follows /l/ (or stands first in the path). */
static const struct {
	const char *word;
	const char *refusal; /* NULL: ours */
	enum teams_link_kind kind;
} kinds[] = {
	{ "team", NULL, TEAMS_LINK_TEAM },
	{ "channel", NULL, TEAMS_LINK_CHANNEL },
	{ "message", "this is a link to one message; use the channel's link instead (Get link to channel in the channel's menu)",
	    0 },
	{ "meetup-join", "this is a link to join a meeting, not a channel; " GET_LINK, 0 },
	{ "meeting", "this is a link to a meeting, not a channel; " GET_LINK, 0 },
	{ "meet", "this is a link to join a meeting, not a channel; " GET_LINK, 0 },
	{ "chat", "this is a link to a chat, not a channel; " GET_LINK, 0 },
	{ "call", "this is a link to a call, not a channel; " GET_LINK, 0 },
	{ "entity",
	    "this is a link to a tab or an app; use the channel's link instead (Get link to channel in the channel's menu)", 0 },
	{ "file", "this is a link to a file; use the channel's link instead (Get link to channel in the channel's menu)", 0 },
	{ "app", "this is a link to an app, not a channel; " GET_LINK, 0 },
	{ "task", "this is a link to a task module, not a channel; " GET_LINK, 0 },
};

/* Chats and meetings have threads, too: "19:...@thread.v2" and "19:meeting_...". */
static enum err
thread_check(const char *id, char *why, size_t why_size)
{
	if (str_starts(id, "19:meeting_"))
		return refuse(why, why_size, "this is the chat of a meeting, not a channel; " GET_LINK);
	if (str_starts(id, "19:") && (strstr(id, "@thread.v2") != NULL || strstr(id, "@unq.gbl.spaces") != NULL))
		return refuse(why, why_size, "this is a link to a chat, not a channel; " GET_LINK);
	if (!channel_id_valid(id))
		return refuse(why, why_size, "the link has no channel id (19:...@thread.tacv2); " GET_LINK);
	return ERR_OK;
}

static enum err
ids_read(
    const struct parts *parts, size_t thread_at, enum teams_link_kind kind, struct teams_link *ret, char *why, size_t why_size)
{
	struct teams_link link = { .kind = kind };
	enum err e;

	if (parts->count <= thread_at ||
	    !decode(parts->path[thread_at], parts->path_len[thread_at], link.channel_id, sizeof(link.channel_id)))
		return refuse(why, why_size, "the link has no channel id (19:...@thread.tacv2); " GET_LINK);
	if ((e = thread_check(link.channel_id, why, why_size)) != ERR_OK)
		return e;
	switch (query_guid(parts->query, "groupId", &link.team_id)) {
	case ABSENT: return refuse(why, why_size, "the link has no groupId, which names the team; " GET_LINK);
	case AMBIGUOUS: return refuse(why, why_size, "the link's groupId is not one GUID; " GET_LINK);
	case PRESENT: break;
	}
	if (query_guid(parts->query, "tenantId", &link.tenant_id) == AMBIGUOUS)
		return refuse(why, why_size, "the link's tenantId is not one GUID; " GET_LINK);
	*ret = link;
	return ERR_OK;
}

enum err
teams_link_parse(const char *url, struct teams_link *ret, char *why, size_t why_size)
{
	char copy[TEAMS_LINK_MAX + 1], word[32];
	const char *mistake = text_mistake(url), *rest;
	struct parts parts;
	size_t at;

	if (mistake != NULL || (rest = host_skip(url, &mistake)) == NULL)
		return refuse(why, why_size, "%s", mistake);
	(void)str_copy(copy, sizeof(copy), rest);
	if (!parts_split(fragment_fold(copy), &parts))
		return refuse(why, why_size, "the link's path is too long; " GET_LINK);
	if (!path_is_plain_text(&parts))
		return refuse(
		    why, why_size, "the link has a control character, a sign that turns text around or a broken escape");

	at = parts.count > 0 && parts.path_len[0] == 1 && (parts.path[0][0] == 'l' || parts.path[0][0] == 'L');
	if (at < parts.count && str_copy_len(word, sizeof(word), parts.path[at], parts.path_len[at])) {
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			if (!str_equal_nocase(word, kinds[i].word))
				continue;
			if (kinds[i].refusal != NULL)
				return refuse(why, why_size, "%s", kinds[i].refusal);
			return ids_read(&parts, at + 1, kinds[i].kind, ret, why, why_size);
		}
	}
	return refuse(why, why_size, "this is not a link to a team or a channel; " GET_LINK);
}
