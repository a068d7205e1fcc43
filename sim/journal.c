/* Two rings of the newest entries, and counts that never forget until reset. */
#include "sim/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sim/memory.h"

#define REQUESTS_KEPT 20000
#define NOTES_KEPT    2000

struct request_entry {
	uint64_t n;
	int64_t at_ms;
	char tenant[37];
	char method[8];
	const char *template;
	char *path;
	int status;
};

struct note {
	uint64_t n;
	int64_t at_ms;
	enum journal_kind kind;
	char method[8];
	char *path, *detail;
};

struct tally {
	char method[8];
	const char *template;
	uint64_t count;
};

struct journal {
	struct request_entry *requests; /* a ring that grows to its size: entry n is at (n - 1) % REQUESTS_KEPT */
	size_t request_cap;
	uint64_t request_count;
	struct tally *tallies; /* in order of first use, few */
	size_t tally_count, tally_cap;
	uint64_t statuses[600];
	int in_flight, in_flight_max;
	struct note *notes; /* likewise */
	size_t note_cap;
	uint64_t note_count;
	uint64_t kinds[JOURNAL_COUNT];
};

static const struct {
	const char *name;
	bool violation;
} kinds[] = {
#define X(name, text, violation) { text, violation },
	JOURNAL_TABLE(X)
#undef X
};

struct journal *
journal_new(void)
{
	return must_alloc(sizeof(struct journal));
}

void
journal_reset(struct journal *j)
{
	int in_flight = j->in_flight;

	for (uint64_t i = 0; i < j->request_count && i < REQUESTS_KEPT; i++)
		free(j->requests[i].path);
	for (uint64_t i = 0; i < j->note_count && i < NOTES_KEPT; i++) {
		free(j->notes[i].path);
		free(j->notes[i].detail);
	}
	free(j->requests);
	free(j->notes);
	free(j->tallies);
	memset(j, 0, sizeof(*j));
	j->in_flight = j->in_flight_max = in_flight;
}

void
journal_free(struct journal *j)
{
	if (j == NULL)
		return;
	journal_reset(j);
	free(j);
}

static void
tally(struct journal *j, const char *method, const char *template)
{
	struct tally *t = j->tallies, *end = t + j->tally_count;

	while (t < end && ((t->template != template && strcmp(t->template, template) != 0) || strcmp(t->method, method) != 0))
		t++;
	if (t == end) {
		j->tallies = must_grow(j->tallies, j->tally_count, &j->tally_cap, sizeof(*j->tallies));
		t = &j->tallies[j->tally_count++];
		*t = (struct tally){ .template = template };
		str_copy(t->method, sizeof(t->method), method);
	}
	t->count++;
}

void
journal_request(
    struct journal *j, int64_t at_ms, const char *tenant, const char *method, const char *path, const char *template, int status)
{
	struct request_entry *e;

	if (j->request_count < REQUESTS_KEPT)
		j->requests = must_grow(j->requests, (size_t)j->request_count, &j->request_cap, sizeof(*j->requests));
	else
		free(j->requests[j->request_count % REQUESTS_KEPT].path);
	e = &j->requests[j->request_count++ % REQUESTS_KEPT];
	*e = (struct request_entry){
		.n = j->request_count, .at_ms = at_ms, .template = template, .path = must_copy(path), .status = status
	};
	str_copy(e->tenant, sizeof(e->tenant), tenant);
	str_copy(e->method, sizeof(e->method), method);
	tally(j, method, template);
	if (status >= 0 && status < 600)
		j->statuses[status]++;
}

void
journal_note(struct journal *j, int64_t at_ms, enum journal_kind kind, const char *method, const char *path, const char *detail)
{
	struct note *n;

	if (kind == JOURNAL_NONE)
		return;
	if (j->note_count < NOTES_KEPT) {
		j->notes = must_grow(j->notes, (size_t)j->note_count, &j->note_cap, sizeof(*j->notes));
	} else {
		free(j->notes[j->note_count % NOTES_KEPT].path);
		free(j->notes[j->note_count % NOTES_KEPT].detail);
	}
	n = &j->notes[j->note_count++ % NOTES_KEPT];
	*n = (struct note){
		.n = j->note_count, .at_ms = at_ms, .kind = kind, .path = must_copy(path), .detail = must_copy(detail)
	};
	str_copy(n->method, sizeof(n->method), method);
	j->kinds[kind]++;
}

void
journal_in_flight(struct journal *j, int by)
{
	j->in_flight += by;
	if (j->in_flight > j->in_flight_max)
		j->in_flight_max = j->in_flight;
}

static bool
wanted(const struct request_entry *e, const struct journal_filter *f)
{
	return e->n > f->after && (f->method == NULL || strcmp(f->method, e->method) == 0) &&
	       (f->template == NULL || strcmp(f->template, e->template) == 0) &&
	       (f->path == NULL || str_starts(e->path, f->path));
}

static void
count_more(json_t *counts, const char *method, const char *template, uint64_t more)
{
	char key[256];

	snprintf(key, sizeof(key), "%s %s", method, template);
	json_object_set_new(counts, key, json_integer(jx_get_int(counts, key, 0) + (json_int_t)more));
}

/* Counts from the ring: what a filter asks about is recent. */
static uint64_t
show_filtered(const struct journal *j, const struct journal_filter *f, json_t *list, json_t *counts)
{
	uint64_t first = j->request_count > REQUESTS_KEPT ? j->request_count - REQUESTS_KEPT : 0, total = 0;

	for (uint64_t i = first; i < j->request_count; i++) {
		const struct request_entry *e = &j->requests[i % REQUESTS_KEPT];

		if (!wanted(e, f))
			continue;
		total++;
		count_more(counts, e->method, e->template, 1);
		if (json_array_size(list) < f->limit)
			json_array_append_new(list, json_pack("{s:I,s:I,s:s,s:s,s:s,s:s,s:i}", "n", (json_int_t)e->n, "at_ms",
			                                (json_int_t)e->at_ms, "tenant", e->tenant, "method", e->method, "path",
			                                e->path, "template", e->template, "status", e->status));
	}
	return total;
}

static json_t *
show_all_counts(const struct journal *j)
{
	json_t *counts = json_object();

	for (size_t i = 0; i < j->tally_count; i++)
		count_more(counts, j->tallies[i].method, j->tallies[i].template, j->tallies[i].count);
	return counts;
}

static json_t *
show_statuses(const struct journal *j)
{
	json_t *o = json_object();
	char key[8];

	for (int i = 0; i < 600; i++) {
		snprintf(key, sizeof(key), "%d", i);
		if (j->statuses[i] > 0)
			json_object_set_new(o, key, json_integer((json_int_t)j->statuses[i]));
	}
	return o;
}

json_t *
journal_show_requests(const struct journal *j, const struct journal_filter *f)
{
	bool filtered = f->method != NULL || f->template != NULL || f->path != NULL || f->after > 0;
	json_t *list = json_array(), *counts = json_object();
	uint64_t total = show_filtered(j, f, list, counts);

	if (!filtered) {
		json_decref(counts);
		counts = show_all_counts(j);
		total = j->request_count;
	}
	return json_pack("{s:I,s:i,s:i,s:o,s:o,s:o}", "total", (json_int_t)total, "in_flight", j->in_flight, "in_flight_max",
	    j->in_flight_max, "counts", counts, "statuses", show_statuses(j), "requests", list);
}

json_t *
journal_show(const struct journal *j, bool violations_only)
{
	uint64_t first = j->note_count > NOTES_KEPT ? j->note_count - NOTES_KEPT : 0, violations = 0;
	json_t *list = json_array(), *counts = json_object();

	for (uint64_t i = first; i < j->note_count; i++) {
		const struct note *n = &j->notes[i % NOTES_KEPT];

		if (violations_only && !kinds[n->kind].violation)
			continue;
		json_array_append_new(
		    list, json_pack("{s:I,s:I,s:s,s:b,s:s,s:s,s:s}", "n", (json_int_t)n->n, "at_ms", (json_int_t)n->at_ms, "kind",
		              kinds[n->kind].name, "violation", (int)kinds[n->kind].violation, "method", n->method, "path",
		              n->path, "detail", n->detail));
	}
	for (int k = 1; k < JOURNAL_COUNT; k++) {
		if (j->kinds[k] > 0)
			json_object_set_new(counts, kinds[k].name, json_integer((json_int_t)j->kinds[k]));
		if (kinds[k].violation)
			violations += j->kinds[k];
	}
	return json_pack("{s:I,s:o,s:o}", "violations", (json_int_t)violations, "counts", counts, "entries", list);
}
