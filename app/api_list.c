/* What a list's query may say, and what its page looks like. */
#include "app/api_call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/request.h"
#include "app/view.h"
#include "base/text.h"
#include "net/http_server.h"

/* ---------- parameters ---------- */

enum err
api_bad_parameter(struct api_call *c, const char *name, const char *detail)
{
	json_t *error = json_pack("{s:s, s:s}", "parameter", name, "detail", detail);

	c->errors = json_array();
	json_array_append_new(c->errors, error);
	return problem_set(&c->problem, PROBLEM_BAD_PARAMETER, "The query parameter %s %s.", name, detail);
}

enum err
api_number_parameter(struct api_call *c, const char *name, uint64_t min, uint64_t max, uint64_t fallback, uint64_t *ret)
{
	enum err e = ERR_OK;
	char *text = http_exchange_param(c->x, name, &e);
	char detail[96];

	if (e == ERR_OK)
		e = request_number(text, min, max, fallback, ret);
	free(text);
	if (e == ERR_OK)
		return ERR_OK;
	snprintf(detail, sizeof(detail), "must be one whole number from %" PRIu64 " to %" PRIu64, min, max);
	return api_bad_parameter(c, name, detail);
}

/* A cursor looks like an id or a person in a path; what it means is the backend's. */
static bool
cursor_plausible(const char *s)
{
	for (; *s != '\0'; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
		        strchr("._~:-", *s) != NULL))
			return false;
	return true;
}

enum err
api_page_parameters(struct api_call *c, struct app_page *ret)
{
	uint64_t limit = 0;
	enum err e = api_number_parameter(c, "limit", 1, APP_LIST_LIMIT_MAX, APP_LIST_LIMIT_DEFAULT, &limit);
	char *after;
	bool good;

	if (e != ERR_OK)
		return e;
	ret->limit = (unsigned)limit;
	ret->after[0] = '\0';
	after = http_exchange_param(c->x, "after", &e);
	good = e == ERR_OK && (after == NULL || (cursor_plausible(after) && str_copy(ret->after, sizeof(ret->after), after)));
	free(after);
	return good ? ERR_OK : api_bad_parameter(c, "after", "must be the \"next\" of the page before");
}

/* ---------- lists ---------- */

void
api_list_add(struct api_list *list, json_t *item)
{
	list->bad |= json_array_append_new(list->items, item);
}

enum err
api_list_finish(struct api_call *c, struct api_list *list, const char *name, const struct app_cursor *next, enum err e)
{
	json_t *o = json_object();

	list->bad |= json_object_set_new(o, name, list->items);
	list->bad |= json_object_set_new(o, "next", view_text(next->s));
	c->status = 200;
	if (e == ERR_OK && list->bad == 0)
		c->json = json_incref(o);
	json_decref(o);
	return e;
}
