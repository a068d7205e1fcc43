/*
 * answer.c - reading Graph's error bodies. Status first, then codes, inner ones too: Microsoft adds inner codes at will and keeps
 * outer ones, so a known inner code refines what the status says, and an unknown one changes nothing.
 */
#include "graph/answer.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "model/ids.h"

void
graph_copy_cut(char *ret, size_t ret_size, const char *s)
{
	size_t len = s != NULL ? strnlen(s, ret_size) : 0;

	if (len >= ret_size)
		len = ret_size - 1;
	while (len > 0 && !utf8_valid(s, len))
		len--;
	if (len > 0)
		memcpy(ret, s, len);
	ret[len] = '\0';
}

static const json_t *
inner_of(const json_t *error)
{
	const json_t *inner = jx_get_object(error, "innerError");

	return inner != NULL ? inner : jx_get_object(error, "innererror");
}

void
graph_error_read(const json_t *json, struct graph_error *ret)
{
	const json_t *at = jx_get_object(json, "error");
	const char *s;

	memset(ret, 0, sizeof(*ret));
	ret->message = "";
	if (at == NULL)
		return;
	if ((s = jx_get_str(at, "code")) != NULL)
		graph_copy_cut(ret->code, sizeof(ret->code), s);
	if ((s = jx_get_str(at, "message")) != NULL)
		ret->message = s;
	graph_copy_cut(ret->inner_code, sizeof(ret->inner_code), ret->code);

	for (int depth = 0; depth < GRAPH_ERROR_DEPTH && (at = inner_of(at)) != NULL; depth++) {
		if ((s = jx_get_str(at, "code")) != NULL && *s != '\0')
			graph_copy_cut(ret->inner_code, sizeof(ret->inner_code), s);
		if (ret->request_id[0] == '\0' && (s = jx_get_str(at, "request-id")) != NULL)
			graph_copy_cut(ret->request_id, sizeof(ret->request_id), s);
	}
}

static const struct {
	int status;
	enum err err;
	const char *detail;
} statuses[] = {
	{ 400, ERR_INVALID, "Graph refused the request as invalid." },
	{ 401, ERR_UNAUTHORIZED, "Graph refused our token. Check the app registration and its consent in this tenant." },
	{ 403, ERR_FORBIDDEN, "Graph says that a permission is missing. Grant admin consent again, or check access policies." },
	{ 404, ERR_NOTFOUND, "Graph does not find it: deleted, or not visible to this app." },
	{ 408, ERR_TIMEOUT, "Graph timed out." },
	{ 409, ERR_CONFLICT, "Graph says that this conflicts with the present state." },
	{ 410, ERR_GONE, "Graph has forgotten the position; a full read is needed." },
	{ 412, ERR_CONFLICT, "It was changed by somebody else meanwhile." },
	{ 413, ERR_TOOBIG, "Graph says that the request is too large." },
	{ 423, ERR_BUSY, "It is locked on Graph." },
	{ 429, ERR_THROTTLED, "Graph asked us to wait." },
	{ 501, ERR_UNSUPPORTED, "Graph does not support this." },
	{ 507, ERR_REMOTE, "Graph has no room left for it: a quota of the mailbox or of the tenant is used up." },
	{ 509, ERR_THROTTLED, "Graph asked us to wait." },
};

static const struct {
	const char *code;
	enum err err;
} codes[] = {
	{ "TooManyRequests", ERR_THROTTLED },
	{ "activityLimitReached", ERR_THROTTLED },
	{ "ApplicationThrottled", ERR_THROTTLED },
	{ "resyncRequired", ERR_GONE },
	{ "syncStateNotFound", ERR_GONE },
	{ "syncStateInvalid", ERR_GONE },
	{ "ErrorItemNotFound", ERR_NOTFOUND },
	{ "ErrorDuplicateTransactionId", ERR_EXISTS },
	{ "ErrorIrresolvableConflict", ERR_CONFLICT },
};

static enum err
err_of_status(int status)
{
	if (status >= 200 && status < 300)
		return ERR_OK;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].status == status)
			return statuses[i].err;
	if (status >= 500)
		return ERR_REMOTE;
	return status >= 400 ? ERR_INVALID : ERR_UNEXPECTED; /* redirects are not followed */
}

enum err
graph_error_judge(int status, const struct graph_error *error)
{
	enum err e = err_of_status(status);

	if (e == ERR_OK || status < 400)
		return e;
	if (graph_error_is_quota(status, error))
		return ERR_FULL;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (str_equal_nocase(error->inner_code, codes[i].code) || str_equal_nocase(error->code, codes[i].code))
			return codes[i].err;
	return e;
}

static const char *
find_nocase(const char *s, const char *word)
{
	size_t len = strlen(word);

	for (; *s != '\0'; s++)
		if (strncasecmp(s, word, len) == 0)
			return s;
	return NULL;
}

bool
graph_error_is_quota(int status, const struct graph_error *error)
{
	/* A quota differs from a missing permission in nothing but its words (graph-facts sections 2.3 and 2.4). */
	static const char *const words[] = { "quota", "limit reached", "limit exceeded", "limit of", "maximum number",
		"maximum limit", "too many", "exceed" };

	if (status != 403)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (find_nocase(error->message, words[i]) != NULL)
			return true;
	return false;
}

bool
graph_error_existing_subscription(int status, const struct graph_error *error, char *ret, size_t ret_size)
{
	const char *s;
	char word[GUID_SIZE];
	struct guid id;

	if (ret_size > 0)
		ret[0] = '\0';
	if (status != 409 || (s = find_nocase(error->message, "subscription id")) == NULL)
		return false;
	for (s += strlen("subscription id"); *s != '\0' && !isxdigit((unsigned char)*s); s++)
		if (isalpha((unsigned char)*s))
			return false;
	if (strnlen(s, GUID_SIZE - 1) < GUID_SIZE - 1)
		return false;
	memcpy(word, s, GUID_SIZE - 1);
	word[GUID_SIZE - 1] = '\0';
	return guid_parse(word, &id) && str_copy(ret, ret_size, id.s);
}

bool
graph_error_is_validation(int status, const struct graph_error *error)
{
	/* The code is Graph's newer word, the text the older one's (graph-facts 2.4). */
	if (status != 400)
		return false;
	return str_equal_nocase(error->inner_code, "ValidationError") ||
	       find_nocase(error->message, "Subscription validation request") != NULL;
}

void
graph_error_detail(int status, enum err err, const struct graph_error *error, char *ret, size_t ret_size)
{
	const char *text = NULL;

	if (err == ERR_OK) {
		graph_copy_cut(ret, ret_size, "");
		return;
	}
	if (graph_error_is_validation(status, error))
		text = "Graph could not validate the listener at public_url: is it up, and reachable from the internet with a "
		       "public "
		       "certificate and its whole chain? ergsyncctl doctor looks.";
	if (err == ERR_FULL && status == 403)
		text = "A quota of Graph is used up: that of this app, tenant or mailbox.";
	for (size_t i = 0; text == NULL && i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].status == status)
			text = statuses[i].detail;
	if (text == NULL && status >= 500)
		text = "Graph failed.";
	if (text != NULL && error->inner_code[0] != '\0')
		(void)snprintf(ret, ret_size, "%s (HTTP %d, %s)", text, status, error->inner_code);
	else if (text != NULL)
		(void)snprintf(ret, ret_size, "%s (HTTP %d)", text, status);
	else
		(void)snprintf(ret, ret_size, "The call to Graph failed: %s.", err_text(err));
}

void
graph_detail_again(const char *detail, int64_t again_wall_ms, bool doubtful, char ret[DETAIL_SIZE])
{
	char at[TIMESTAMP_SIZE], again[TIMESTAMP_SIZE + 80];
	size_t len;

	timestamp_format((again_wall_ms + 999) / 1000 * 1000, at);
	snprintf(
	    again, sizeof(again), " It is tried again at %s%s.", at, doubtful ? ", unless it turns out that it was done" : "");
	graph_copy_cut(ret, DETAIL_SIZE - sizeof(again), detail);
	len = strlen(ret);
	snprintf(ret + len, DETAIL_SIZE - len, "%s", again);
}
