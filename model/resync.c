/* resync.c - the spelling of a resync's scope and the names of its states. */
#include "model/resync.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

const char *const resync_state_names[] = { "running", "done", "failed", "cancelled", NULL };

static const char *const prefixes[] = { "all", "tenant:", "erg:" };

enum err
resync_scope_parse(const char *text, struct resync_scope *ret)
{
	struct resync_scope scope = { RESYNC_ALL, "" };

	if (strcmp(text, prefixes[RESYNC_ALL]) != 0) {
		scope.kind = str_starts(text, prefixes[RESYNC_TENANT]) ? RESYNC_TENANT : RESYNC_ERG;
		if (!str_starts(text, prefixes[scope.kind]))
			return ERR_MALFORMED;
		text += strlen(prefixes[scope.kind]);
		if (!app_id_valid(text) || !str_copy(scope.id, sizeof(scope.id), text))
			return ERR_MALFORMED;
	}
	*ret = scope;
	return ERR_OK;
}

void
resync_scope_format(const struct resync_scope *scope, char *ret, size_t ret_size)
{
	snprintf(ret, ret_size, "%s%s", prefixes[scope->kind], scope->kind == RESYNC_ALL ? "" : scope->id);
}
