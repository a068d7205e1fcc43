/*
 * request.h - the bodies and parameters of the app API, read strictly (contract.md section 4 and 9).
 *
 * Each body function reads one JSON object, notes every mistake with its JSON pointer and refuses members it does not know:
 * ERR_INVALID with the errors array in *ret_errors (given), for a 422. ret is whole only on ERR_OK. Pure.
 */
#ifndef APP_REQUEST_H
#define APP_REQUEST_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "app/api.h"

/* Ids that stand in the path are filled in by the caller before. */
enum err request_tenant(const json_t *root, struct app_tenant_put *ret, json_t **ret_errors);
enum err request_erg(const json_t *root, struct app_erg_put *ret, json_t **ret_errors);
enum err request_member(const json_t *root, struct app_member_put *ret, json_t **ret_errors);
/* Gives *ret (caller frees), an array of *ret_count. */
enum err request_members(const json_t *root, struct app_member_put **ret, size_t *ret_count, json_t **ret_errors);
/* One entry of such a list, with its "user". */
enum err request_list_member(const json_t *item, struct app_member_put *ret);
/* The comment of a cancellation, within EVENT_COMMENT_SIZE; *ret is "" when there is none. root NULL: no body, which is fine. */
enum err request_comment(const json_t *root, char ret[EVENT_COMMENT_SIZE], json_t **ret_errors);
/* {"check"}: borrowed from root. */
enum err request_key_rotate(const json_t *root, const char **ret_check, json_t **ret_errors);
enum err request_resync(const json_t *root, struct resync_scope *ret_scope, bool *ret_dry_run, json_t **ret_errors);
/* hash is borrowed from root. */
enum err request_decision(const json_t *root, bool *ret_approve, const char **ret_hash, json_t **ret_errors);

/* A whole number within bounds; text NULL is fallback. ERR_INVALID otherwise. */
enum err request_number(const char *text, uint64_t min, uint64_t max, uint64_t fallback, uint64_t *ret);

#endif
