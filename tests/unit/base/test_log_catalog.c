/* Every warning and error of the sources is explained, everything explained exists, and no two events share an id. */
#include "base/log_catalog.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "unit/base/check.h"

/* Relative to tests/unit's parent, where tests run. */
static const char *const folders[] = { "../base", "../model", "../net", "../state", "../graph", "../app", "../listener",
	"../reconciler", "../ctl" };

#define EVENTS_MAX 512

struct found {
	char event[64];
	bool serious; /* somewhere a warning or an error */
};

static struct found events[EVENTS_MAX];
static size_t event_count;

static void
note(const char *name, size_t len, bool serious)
{
	struct found *f = events;

	while (f < events + event_count && (strlen(f->event) != len || strncmp(f->event, name, len) != 0))
		f++;
	if (f == events + event_count) {
		assert_true(event_count++ < EVENTS_MAX);
		assert_true(str_copy_len(f->event, sizeof(f->event), name, len));
	}
	f->serious = f->serious || serious;
}

/* The names before the fields: one, or two of "condition ? a : b". A string behind "(" is a field's key. */
static void
note_call(const char *call)
{
	size_t len = strcspn(call, ";");
	const char *fields = call, *quote;
	bool serious;

	while (fields < call + len && strncmp(fields, " LS(", 4) != 0 && strncmp(fields, " LI(", 4) != 0 &&
	       strncmp(fields, " LP(", 4) != 0 && strncmp(fields, "\tLS(", 4) != 0)
		fields++;
	serious = memmem(call, (size_t)(fields - call), "LOG_WARN", 8) != NULL ||
	          memmem(call, (size_t)(fields - call), "LOG_ERROR", 9) != NULL;
	while ((quote = memchr(call, '"', (size_t)(fields - call))) != NULL) {
		size_t name = strcspn(quote + 1, "\"");

		note(quote + 1, name, serious);
		call = quote + 1 + name + 1;
	}
}

static void
read_source(const char *path)
{
	static char source[1 << 20];
	FILE *f = fopen(path, "re");
	size_t len;

	assert_non_null(f);
	len = fread(source, 1, sizeof(source) - 1, f);
	(void)fclose(f);
	source[len] = '\0';
	for (const char *at = source; (at = strstr(at, "log_")) != NULL; at++)
		if (strncmp(at, "log_put(", 8) == 0 || strncmp(at, "log_event(", 10) == 0)
			note_call(at);
}

static int
set_up(void **state)
{
	(void)state;
	note("log_repeated", strlen("log_repeated"), true);
	for (size_t i = 0; i < COUNT(folders); i++) {
		DIR *dir = opendir(folders[i]);
		struct dirent *entry;
		char path[600];

		assert_non_null(dir);
		while ((entry = readdir(dir)) != NULL) {
			size_t len = strlen(entry->d_name);

			if (len < 3 || strcmp(entry->d_name + len - 2, ".c") != 0)
				continue;
			(void)snprintf(path, sizeof(path), "%s/%s", folders[i], entry->d_name);
			read_source(path);
		}
		(void)closedir(dir);
	}
	assert_true(event_count > 40);
	return 0;
}

static bool
is_explained(const char *event)
{
	for (size_t i = 0; i < log_catalog_count; i++)
		if (strcmp(log_catalog[i].event, event) == 0)
			return true;
	return false;
}

static void
every_warning_is_explained(void **state)
{
	size_t missing = 0;

	(void)state;
	for (size_t i = 0; i < event_count; i++)
		if (events[i].serious && !is_explained(events[i].event)) {
			print_error(
			    "\"%s\" is logged as a warning or error; base/log_catalog.c has to say what it means and what to "
			    "do\n",
			    events[i].event);
			missing++;
		}
	assert_int_equal(missing, 0);
}

static void
everything_explained_exists_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < log_catalog_count; i++) {
		const char *event = log_catalog[i].event;
		size_t seen = 0;

		for (size_t k = 0; k < event_count; k++)
			seen += strcmp(events[k].event, event) == 0;
		if (seen == 0)
			fail_msg("base/log_catalog.c explains \"%s\", which nobody logs", event);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(event, log_catalog[k].event);
		assert_true(strlen(log_catalog[i].subject) > 5 && strlen(log_catalog[i].text) > 5);
		assert_null(strchr(log_catalog[i].subject, '\n'));
	}
}

static void
ids_are_stable_and_differ(void **state)
{
	char id[LOG_ID_SIZE], other[LOG_ID_SIZE];

	(void)state;
	log_message_id("commit_failed", id);
	assert_string_equal(id, "aa3c979fadf78f6bb91eaf955805ba25");
	for (size_t i = 0; i < event_count; i++) {
		log_message_id(events[i].event, id);
		assert_int_equal(strspn(id, "0123456789abcdef"), 32);
		for (size_t k = 0; k < i; k++) {
			log_message_id(events[k].event, other);
			assert_string_not_equal(id, other);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_warning_is_explained),
		cmocka_unit_test(everything_explained_exists_once),
		cmocka_unit_test(ids_are_stable_and_differ),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
