/*
 * identity.h - who is whom: the app names people by its own ids and addresses, Teams by Entra ids; one person is one record.
 *
 * What the app says of a person is taken in here: a name for somebody Teams knew, an address that leads to somebody known, an
 * Entra id that shows two records to be one. Merging keeps the record with the Entra id and moves the app's side of every
 * membership to it. Nothing here waits; what must be looked up on Graph is left to push.h.
 */
#ifndef RECONCILER_IDENTITY_H
#define RECONCILER_IDENTITY_H

#include "app/api.h"
#include "model/erg.h"
#include "model/member.h"

struct reconciler;

/* The person an entry of the app's means, made when new. erg: the one the caller holds loaded, changed in place when a merge
 * touches it. ERR_CONFLICT: the entry would make two people of the app's one; why says so. */
enum err
identity_of(struct reconciler *r, struct erg *erg, const struct app_member_put *put, struct person *ret, char why[DETAIL_SIZE]);

/* Graph says who *p is: takes the Entra id, and merges with whom Teams knew by it. *p is the surviving record afterwards. ERR_CONFLICT:
 * that person has another name in the app. */
enum err identity_resolved(struct reconciler *r, struct erg *erg, struct person *p, const struct guid *entra, const char *name);

/* The app calls the person by this id (in an answer to a callback). */
void identity_named(struct reconciler *r, struct erg *erg, person_id person, const struct user_id *user);

#endif
