/*
 * people.h - the people of a tenant and how they are found: by the app's id, by Entra id, by e-mail.
 *
 * The index rows follow the record: whoever changes a person hands both the old and the new one to people_store. An e-mail leads
 * to a person only when the directory has told it of that person.
 */
#ifndef RECONCILER_PEOPLE_H
#define RECONCILER_PEOPLE_H

#include "base/err.h"
#include "model/ids.h"
#include "model/member.h"

struct reconciler;

/* ERR_NOTFOUND. home_tenant may be NULL or "": the tenant's own directory. */
enum err people_find_user(struct reconciler *r, const struct tenant_id *tenant, const struct user_id *user, struct person *ret);
enum err people_find_entra(struct reconciler *r, const struct tenant_id *tenant, const struct guid *entra,
    const struct guid *home_tenant, struct person *ret);
/* As the app names somebody, without a directory: a person of the tenant's own, else one of another that Teams has shown. */
enum err people_find_object(struct reconciler *r, const struct tenant_id *tenant, const struct guid *entra, struct person *ret);
enum err people_find_email(struct reconciler *r, const struct tenant_id *tenant, const char *email, struct person *ret);

/* before NULL: p is new, and gets its number. */
void people_store(struct reconciler *r, const struct person *before, struct person *p);
/* The index rows of a person, should they have got lost. */
void people_index(struct reconciler *r, const struct person *p);
/* With all index rows. */
void people_erase(struct reconciler *r, const struct person *p);
/* Erases a person only Teams knew who is in no ERG any more; one the app named keeps that name for a return. */
void people_forget_if_unused(struct reconciler *r, person_id id);
/* For qsort and bsearch of numbers. */
int people_by_number(const void *a, const void *b);

#endif
