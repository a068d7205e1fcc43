/*
 * render.h - the API's JSON as text for people. Pure: nothing here knows a terminal or the time by itself.
 *
 * Whatever came from the daemon is cleaned of control characters, so that a name cannot steer a terminal. A missing or null
 * value shows as "-".
 */
#ifndef CTL_RENDER_H
#define CTL_RENDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct column {
	const char *title;
	const char *path; /* member of the item; "members.app" goes deeper */
};

/* Aligned columns under their titles; columns end with a NULL title. An empty list is the sentence `none`. */
void render_table(const json_t *list, const struct column *columns, const char *none, struct text *out);
/* One member a line, "name:  value", members of objects as "outer.inner"; lists of objects are indented below their name. */
void render_object(const json_t *o, struct text *out);
/* The sentence of a problem, and each field's mistake on a line of its own. */
void render_problem(const json_t *problem, int status, struct text *out);
/* One screen; its first line says whether all is well. color: with terminal escapes. */
void render_status(const json_t *status, int64_t now_wall_ms, bool color, struct text *out);
/* "12/40 ERGs, 3,456 members compared"; width > 0: with a bar of so many characters. */
void render_progress(const json_t *resync, unsigned width, struct text *out);
/* What a finished resync has done, or has found with dry_run. */
void render_resync(const json_t *resync, struct text *out);
/* One line of the change feed. */
void render_change(const json_t *change, struct text *out);
/* What a plan would do, item by item. */
void render_plan(const json_t *plan, struct text *out);

/* One doctor's report; with what concerns the whole installation or without. */
void render_doctor(const json_t *report, bool with_installation, bool color, struct text *out);

#endif
