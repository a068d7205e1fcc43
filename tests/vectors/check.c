/*
 * What our code says of validation tokens and encrypted items: a question a line on standard input, as JSON, an answer a line.
 *
 *	{"token": T, "keys": JWKS, "client_id": C, "tenant": GUID, "login_url": U, "now_s": N}      {"err": NAME, "why": WORDS}
 *	with "its_own": true the tenant is the one that the token names
 *	{"item": {"id", "thumbprint", "data_key", "data", "signature"}, "folder": F, "now_s": N}    {"err": NAME, "text": PLAIN}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "graph/notification_keys.h"
#include "graph/validation_token.h"

static void
answer(enum err e, const char *name, const char *text)
{
	json_t *json = json_pack("{s:s, s:s*}", "err", err_name(e), name, text);

	(void)json_dumpf(json, stdout, JSON_COMPACT);
	(void)putchar('\n');
	(void)fflush(stdout);
	json_decref(json);
}

static void
check_token(const json_t *q)
{
	const char *token = jx_get_str(q, "token"), *why = "", *id = jx_get_str(q, "client_id"),
	           *url = jx_get_str(q, "login_url");
	const char *tenant_id = jx_get_str(q, "tenant");
	struct guid tenant = { "" };
	struct validation_expect expect = { jx_get_object(q, "keys"), id != NULL ? id : "", url != NULL ? url : "", &tenant,
		jx_get_int(q, "now_s", 0) };
	enum err e;

	if (tenant_id != NULL)
		(void)guid_parse(tenant_id, &tenant);
	if (jx_get_bool(q, "its_own", false) && !validation_token_tenant(token, strlen(token), &tenant)) {
		answer(ERR_MALFORMED, "why", "names no tenant");
		return;
	}
	e = validation_token_check(token, strlen(token), &expect, &why);
	answer(e, "why", why);
}

static struct rich_text
part(const json_t *item, const char *name)
{
	const char *text = jx_get_str(item, name);

	return (struct rich_text){ text, text != NULL ? strlen(text) : 0 };
}

static void
check_item(const json_t *q)
{
	static const char *const names[RICH_PART_COUNT] = { "id", "thumbprint", "data_key", "data", "signature" };
	const char *folder = jx_get_str(q, "folder");
	struct notification_keys *keys = NULL;
	struct rich_item item = { .token_count = 1 }, kept;
	struct rich_packed *packed;
	char why[512], *text = NULL;
	size_t len = 0;
	enum err e = notification_keys_read(folder != NULL ? folder : "", jx_get_int(q, "now_s", 0), &keys, why, sizeof(why));

	if (e != ERR_OK) {
		answer(e, "why", why);
		return;
	}
	for (int i = 0; i < RICH_PART_COUNT; i++)
		item.parts[i] = part(jx_get_object(q, "item"), names[i]);
	item.tokens[0] = (struct rich_text){ "t", 1 };
	packed = rich_pack(&item);
	e = packed == NULL ? ERR_INVALID : rich_unpack(packed, &kept);
	if (e == ERR_OK)
		e = notification_keys_open(keys, &kept, &text, &len);
	answer(e, "text", text);
	rich_text_free(text, len);
	free(packed);
	notification_keys_free(keys);
}

int
main(void)
{
	static char line[1 << 20];
	json_t *q;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		char why[256];

		if (jx_parse(line, strcspn(line, "\n"), &q, why, sizeof(why)) != ERR_OK) {
			answer(ERR_MALFORMED, "why", why);
			continue;
		}
		if (jx_get_str(q, "token") != NULL)
			check_token(q);
		else
			check_item(q);
		json_decref(q);
	}
	return 0;
}
