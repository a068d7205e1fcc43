/*
 * tables.h - the store's records by the app's ids: the few lookups that every part of the reconciler needs.
 *
 * Loads answer ERR_OK, ERR_NOTFOUND or ERR_CORRUPT (which callers treat as not found: the store has counted it).
 * Writes belong to the turn. Keys are those of state/records.h.
 */
#ifndef RECONCILER_TABLES_H
#define RECONCILER_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "state/store.h"

struct reconciler;

enum err tenant_load(struct reconciler *r, const struct tenant_id *id, struct tenant *ret);
void tenant_store(struct reconciler *r, const struct tenant *tenant);
/* The tenant with that directory, if any, for what Graph tells of one: where it was the last time, or by a walk over the tenants. */
enum err tenant_load_by_directory(struct reconciler *r, const struct guid *directory, struct tenant *ret);
/* While this says the same no ERG of the tenant has been made, stored or erased since the start. */
uint32_t tenant_erg_changes(const struct reconciler *r, const struct tenant_id *tenant);

#define TABLES_SLOTS 512
/* Embedded in struct reconciler; all zero at first. A slot serves whatever falls into it. */
struct tables_memory {
	uint32_t erg_changes[TABLES_SLOTS];
	struct directory_memory {
		struct guid directory;
		struct tenant_id tenant;
	} directories[TABLES_SLOTS]; /* where a tenant was found: to be looked at, not believed */
};

enum err erg_load(struct reconciler *r, const struct erg_id *id, struct erg *ret);
void erg_store(struct reconciler *r, const struct erg *erg);

/* Rows that lead from a tenant or a team to its ERGs. */
void erg_refs_add(struct reconciler *r, const struct erg *erg);
void erg_refs_del(struct reconciler *r, const struct erg *erg);
void team_ref_add(struct reconciler *r, const struct erg *erg);
void team_ref_del(struct reconciler *r, const struct erg *erg);
/* Walks TABLE_TENANT_ERGS or TABLE_TEAM_ERGS; close with store_cursor_close, next with store_next into a struct erg_ref. */
struct store_cursor *tenant_ergs(struct reconciler *r, const struct tenant_id *tenant);
struct store_cursor *team_ergs(struct reconciler *r, const struct guid *team);

enum err member_load(struct reconciler *r, const struct erg_id *erg, person_id person, struct member *ret);
void member_key(struct reconciler *r, const struct erg_id *erg, person_id person, struct store_key *ret);
void members_prefix(struct reconciler *r, const struct erg_id *erg, struct store_key *ret);
enum err person_load(struct reconciler *r, person_id id, struct person *ret);

enum err subscription_load(struct reconciler *r, const struct scope_id *scope, struct subscription *ret);

/* The next number of a counter that never repeats ("person"): from 1. */
uint64_t number_next(struct reconciler *r, const char *counter);

#endif
