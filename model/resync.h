/*
 * resync.h - one requested full comparison: its scope, its progress, its result.
 */
#ifndef MODEL_RESYNC_H
#define MODEL_RESYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/ids.h"
#include "model/tenant.h"

#define RESYNC_ID_SIZE    40
#define RESYNC_ERRORS_MAX 16
#define RESYNC_ERROR_SIZE 480 /* "erg:ID: what and why" */

enum resync_scope_kind { RESYNC_ALL, RESYNC_TENANT, RESYNC_ERG };
enum resync_state { RESYNC_RUNNING, RESYNC_DONE, RESYNC_FAILED, RESYNC_CANCELLED };
extern const char *const resync_state_names[];

struct resync_scope {
	enum resync_scope_kind kind;
	char id[APP_ID_SIZE]; /* tenant or ERG id; "" for all */
};
/* "all", "tenant:{id}" or "erg:{id}". ERR_MALFORMED otherwise. */
enum err resync_scope_parse(const char *text, struct resync_scope *ret);
void resync_scope_format(const struct resync_scope *scope, char *ret, size_t ret_size);

struct resync_changes {
	int64_t added_to_app, removed_from_app, added_to_teams, removed_from_teams;
	int64_t meetings_created, meetings_updated, meetings_cancelled, held;
};

struct resync {
	char id[RESYNC_ID_SIZE];
	struct resync_scope scope;
	bool dry_run;
	enum resync_state state;
	int64_t ergs_total, ergs_done, members_compared, meetings_compared;
	struct resync_changes changes;
	int64_t error_count; /* all of them; the first ones in words: */
	char errors[RESYNC_ERRORS_MAX][RESYNC_ERROR_SIZE];
	int64_t started_wall_ms, finished_wall_ms;
	uint64_t number; /* order of requests */
};

#endif
