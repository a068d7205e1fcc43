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
/* The first tenant with that directory, if any: a walk over the tenants, for what Graph tells of a directory. */
enum err tenant_load_by_directory(struct reconciler *r, const struct guid *directory, struct tenant *ret);

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
