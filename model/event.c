/* event.c - names, and the two marks by which a meeting is found again. */
#include "model/event.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "base/text.h"

const char *const event_status_names[] = { "pending", "scheduled", "cancelled", "failed", "off", NULL };

void
event_tag_format(const struct event_tag *tag, char ret[EVENT_TAG_SIZE])
{
	snprintf(ret, EVENT_TAG_SIZE, "%s/%s/%lld", tag->erg.s, tag->event.s, (long long)tag->generation);
}

enum err
event_tag_parse(const char *s, struct event_tag *ret)
{
	char erg[APP_ID_SIZE], event[APP_ID_SIZE];
	size_t erg_len = strcspn(s, "/"), event_len;
	uint64_t generation;
	const char *rest;

	if (s[erg_len] == '\0')
		return ERR_MALFORMED;
	rest = s + erg_len + 1;
	event_len = strcspn(rest, "/");
	if (rest[event_len] == '\0' || parse_u64(rest + event_len + 1, &generation) != ERR_OK || generation > INT64_MAX)
		return ERR_MALFORMED;
	if (!str_copy_len(erg, sizeof(erg), s, erg_len) || !str_copy_len(event, sizeof(event), rest, event_len) ||
	    !erg_id_parse(erg, &ret->erg) || !event_id_parse(event, &ret->event))
		return ERR_MALFORMED;
	ret->generation = (int64_t)generation;
	return ERR_OK;
}

/* Our name space for UUIDs of version 5: a random UUID, the same for good. */
static const uuid_t name_space = { 0x3c, 0x8f, 0x51, 0x0e, 0x9a, 0x27, 0x4d, 0x6b, 0xb1, 0x74, 0x26, 0xd8, 0x0f, 0xc3, 0x95,
	0xea };

void
event_transaction_id(const struct tenant_id *tenant, const struct event_tag *tag, char ret[GUID_SIZE])
{
	char name[sizeof(tenant->s) + EVENT_TAG_SIZE], text[EVENT_TAG_SIZE];
	uuid_t id;
	int len;

	event_tag_format(tag, text);
	len = snprintf(name, sizeof(name), "%s/%s", tenant->s, text);
	assert(len > 0 && (size_t)len < sizeof(name));
	uuid_generate_sha1(id, name_space, name, (size_t)len);
	uuid_unparse_lower(id, ret);
}
