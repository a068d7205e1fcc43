/* Series, views and deltas of a mailbox; and random rounds of changes against the truth. */
#include "unit/sim/drive.h"

#include "base/random.h"

#define BOX  "/users/" ADA "/events"
#define VIEW "/users/" ADA "/calendarView"
#define FROM "startDateTime=2027-03-01T00:00:00Z"
#define TO   "endDateTime=2027-04-15T00:00:00Z"

/* Tuesdays at five in Warsaw, where clocks change on 2027-03-28. */
#define WEEKLY                                                                                                                   \
	"{\"subject\":\"Weekly\",\"start\":{\"dateTime\":\"2027-03-02T17:00:00\",\"timeZone\":\"Europe/Warsaw\"},"               \
	"\"end\":{\"dateTime\":\"2027-03-02T18:00:00\",\"timeZone\":\"Europe/Warsaw\"},"                                         \
	"\"attendees\":[{\"emailAddress\":{\"address\":\"bob@x.example\"}}],"                                                    \
	"\"recurrence\":{\"pattern\":{\"type\":\"weekly\",\"interval\":1,\"daysOfWeek\":[\"tuesday\"]},"                         \
	"\"range\":{\"type\":\"numbered\",\"startDate\":\"2027-03-02\",\"numberOfOccurrences\":6,\"recurrenceTimeZone\":"        \
	"\"Europe/"                                                                                                              \
	"Warsaw\"}}}"

static char id[256], target[512], delta[2048];

static int
start(void **state)
{
	(void)state;
	drive_start(&d);
	d.prefer = "IdType=\"ImmutableId\"";
	return 0;
}

static void
make(const char *body)
{
	if (drive_graph(&d, "POST", BOX, body) != 201)
		fail_msg("%s: %s", body, d.text);
	assert_true(str_copy(id, sizeof(id), jx_get_str(d.json, "id")));
	snprintf(target, sizeof(target), BOX "/%s", id);
}

static const json_t *
item(size_t i)
{
	return json_array_get(jx_get_array(d.json, "value"), i);
}

static size_t
items(void)
{
	return json_array_size(jx_get_array(d.json, "value"));
}

/* The starts in the answer, "MM-DDTHH " each. */
static const char *
starts(void)
{
	static char ret[256];
	size_t n = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < items(); i++)
		n += (size_t)snprintf(
		    ret + n, sizeof(ret) - n, "%.8s ", json_string_value(jx_path(item(i), "start", "dateTime", NULL)) + 5);
	return ret;
}

static void
view(void)
{
	assert_int_equal(drive_graph(&d, "GET", VIEW "?$top=100&" FROM "&" TO, NULL), 200);
}

/* The target of the occurrence that begins so. */
static void
occurrence(const char *begins, char ret[512])
{
	view();
	for (size_t i = 0; i < items(); i++)
		if (str_starts(json_string_value(jx_path(item(i), "start", "dateTime", NULL)), begins)) {
			snprintf(ret, 512, BOX "/%s", jx_get_str(item(i), "id"));
			return;
		}
	fail_msg("nothing begins %s", begins);
}

static void
series_in_a_view(void **state)
{
	(void)state;
	make(WEEKLY);
	assert_string_equal(jx_get_str(d.json, "type"), "seriesMaster");
	view();
	assert_string_equal(starts(), "03-02T16 03-09T16 03-16T16 03-23T16 03-30T15 04-06T15 ");
	assert_string_equal(jx_get_str(item(0), "type"), "occurrence");
	assert_string_equal(jx_get_str(item(0), "seriesMasterId"), id);
	assert_string_equal(jx_get_str(item(0), "subject"), "Weekly");
	/* A list has the series only. */
	assert_int_equal(drive_graph(&d, "GET", BOX, NULL), 200);
	assert_int_equal(items(), 1);
	snprintf(target, sizeof(target), BOX "/%s/instances?" FROM "&endDateTime=2027-03-10T00:00:00Z", id);
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
	assert_string_equal(starts(), "03-02T16 03-09T16 ");
}

static void
occurrences_go_their_own_way(void **state)
{
	char one[512], cancel[600], other[512];

	(void)state;
	make(WEEKLY);
	occurrence("2027-03-09", one);
	assert_int_equal(drive_graph(&d, "GET", one, NULL), 200);
	assert_string_equal(jx_get_str(d.json, "originalStart"), "2027-03-09T16:00:00Z");
	/* Moved, to another day. */
	assert_int_equal(
	    drive_graph(&d, "PATCH", one,
	        "{\"start\":{\"dateTime\":\"2027-03-10T09:00:00\",\"timeZone\":\"UTC\"},\"end\":{\"dateTime\":\"2027-"
	        "03-10T10:00:00\",\"timeZone\":\"UTC\"}}"),
	    200);
	assert_string_equal(jx_get_str(d.json, "type"), "exception");
	assert_string_equal(jx_get_str(d.json, "originalStart"), "2027-03-09T16:00:00Z");
	/* Not past its neighbour. */
	assert_int_equal(
	    drive_graph(&d, "PATCH", one,
	        "{\"start\":{\"dateTime\":\"2027-03-17T09:00:00\",\"timeZone\":\"UTC\"},\"end\":{\"dateTime\":\"2027-"
	        "03-17T10:00:00\",\"timeZone\":\"UTC\"}}"),
	    400);
	assert_string_equal(drive_code(&d), "ErrorOccurrenceCrossingBoundary");
	occurrence("2027-03-23", other);
	snprintf(cancel, sizeof(cancel), "%s/cancel", other);
	assert_int_equal(drive_graph(&d, "POST", cancel, "{\"comment\":\"No\"}"), 202);
	assert_int_equal(drive_graph(&d, "GET", other, NULL), 404);
	view();
	assert_string_equal(starts(), "03-02T16 03-10T09 03-16T16 03-30T15 04-06T15 ");
	snprintf(cancel, sizeof(cancel), "%s?$select=cancelledOccurrences&$expand=exceptionOccurrences", target);
	assert_int_equal(drive_graph(&d, "GET", cancel, NULL), 200);
	assert_int_equal(json_array_size(jx_get_array(d.json, "cancelledOccurrences")), 1);
	assert_non_null(strstr(json_string_value(json_array_get(jx_get_array(d.json, "cancelledOccurrences"), 0)), "2027-03-23"));
	assert_int_equal(json_array_size(jx_get_array(d.json, "exceptionOccurrences")), 1);
	/* What the series changes, an exception takes over unless it has its own. */
	assert_int_equal(drive_graph(&d, "PATCH", target, "{\"subject\":\"Renamed\"}"), 200);
	assert_int_equal(drive_graph(&d, "GET", one, NULL), 200);
	assert_string_equal(jx_get_str(d.json, "subject"), "Renamed");
	/* A new time for all forgets both. */
	assert_int_equal(drive_graph(&d, "PATCH", target,
	                     "{\"start\":{\"dateTime\":\"2027-03-02T10:00:00\",\"timeZone\":\"Europe/Warsaw\"},"
	                     "\"end\":{\"dateTime\":\"2027-03-02T11:00:00\",\"timeZone\":\"Europe/Warsaw\"}}"),
	    200);
	view();
	assert_string_equal(starts(), "03-02T09 03-09T09 03-16T09 03-23T09 03-30T08 04-06T08 ");
}

/* One request of a delta round; keeps the link. */
static bool
page(const char *link)
{
	const char *next, *last;

	if (drive_graph(&d, "GET", link, NULL) != 200)
		fail_msg("%s: %s", link, d.text);
	next = jx_get_str(d.json, "@odata.nextLink");
	last = jx_get_str(d.json, "@odata.deltaLink");
	assert_true((next == NULL) != (last == NULL));
	assert_true(str_copy(delta, sizeof(delta), next != NULL ? next : last));
	return next != NULL;
}

static void
delta_of_a_series(void **state)
{
	char link[2048];

	(void)state;
	make(WEEKLY);
	d.prefer = "IdType=\"ImmutableId\", odata.maxpagesize=50";
	assert_false(page(VIEW "/delta?" FROM "&" TO));
	assert_int_equal(items(), 7);
	assert_string_equal(jx_get_str(item(0), "type"), "seriesMaster");
	assert_string_equal(jx_get_str(item(0), "subject"), "Weekly");
	assert_string_equal(jx_get_str(item(1), "type"), "occurrence");
	assert_null(jx_get_str(item(1), "subject"));
	assert_string_equal(jx_get_str(item(1), "seriesMasterId"), id);
	assert_false(page(str_copy(link, sizeof(link), delta) ? link : ""));
	assert_int_equal(items(), 0);
	/* Small pages break a series up. */
	d.prefer = "IdType=\"ImmutableId\", odata.maxpagesize=3";
	assert_true(page(VIEW "/delta?" FROM "&" TO));
	assert_int_equal(items(), 3);
	assert_true(page(str_copy(link, sizeof(link), delta) ? link : ""));
	assert_false(page(str_copy(link, sizeof(link), delta) ? link : ""));
	assert_int_equal(items(), 1);
}

static void
out_of_the_window_is_removed(void **state)
{
	char link[2048];

	(void)state;
	make("{\"subject\":\"A\",\"start\":{\"dateTime\":\"2027-03-02T17:00:00\",\"timeZone\":\"UTC\"},\"end\":{\"dateTime\":"
	     "\"2027-03-"
	     "02T18:00:00\",\"timeZone\":\"UTC\"}}");
	page(VIEW "/delta?" FROM "&" TO);
	assert_int_equal(items(), 1);
	assert_int_equal(
	    drive_graph(&d, "PATCH", target,
	        "{\"start\":{\"dateTime\":\"2028-03-02T17:00:00\",\"timeZone\":\"UTC\"},\"end\":{\"dateTime\":\"2028-03-"
	        "02T18:00:00\",\"timeZone\":\"UTC\"}}"),
	    200);
	page(str_copy(link, sizeof(link), delta) ? link : "");
	assert_int_equal(items(), 1);
	assert_string_equal(jx_get_str(item(0), "id"), id);
	assert_string_equal(json_string_value(jx_path(item(0), "@removed", "reason", NULL)), "deleted");
	assert_int_equal(drive_graph(&d, "GET", target, NULL), 200);
	drive_control(&d, "POST", "expire", "{\"delta\":true}");
	assert_int_equal(drive_graph(&d, "GET", delta, NULL), 410);
	assert_true(str_equal_nocase(drive_code(&d), "SyncStateNotFound") || str_equal_nocase(drive_code(&d), "resyncRequired"));
}

static void
refuses(void **state)
{
	static const char *const bad[] = { VIEW "?" FROM, VIEW "/delta", VIEW "/delta?" FROM "&" TO "&$select=id",
		VIEW "/delta?" FROM "&" TO "&$filter=x", VIEW "/delta?$deltatoken=abc", VIEW "/delta?$skiptoken=e30",
		VIEW "?startDateTime=x&" TO };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(drive_graph(&d, "GET", bad[i], NULL), 400);
}

/* What a client knows from deltas: subject by id. */
static json_t *known;

static void
learn(void)
{
	for (size_t i = 0; i < items(); i++) {
		const char *key = jx_get_str(item(i), "id");

		if (json_object_get(item(i), "@removed") != NULL)
			json_object_del(known, key);
		else
			json_object_set(known, key, json_object_get(item(i), "subject"));
	}
}

static void
learn_all(const char *first)
{
	char link[2048];

	assert_true(str_copy(link, sizeof(link), first));
	for (bool more = true; more;) {
		more = page(link);
		learn();
		assert_true(str_copy(link, sizeof(link), delta));
	}
}

static void
random_deed(struct rng *rng, int n)
{
	static const char *const days[] = { "2027-02-01", "2027-03-05", "2027-04-10", "2027-05-01" };
	const char *day = days[rng_below(rng, 4)];
	char body[600], one[512];
	json_t *all;
	size_t count;

	snprintf(body, sizeof(body),
	    "{\"subject\":\"s%d\",\"start\":{\"dateTime\":\"%sT10:00:00\",\"timeZone\":\"UTC\"},\"end\":{\"dateTime\":\"%sT11:00:"
	    "00\","
	    "\"timeZone\":\"UTC\"}}",
	    n, day, day);
	drive_control(&d, "GET", "events?user=" ADA, NULL);
	all = json_incref(d.json);
	count = json_array_size(jx_get_array(all, "events"));
	if (count < 5 || rng_below(rng, 3) == 0) {
		assert_int_equal(drive_graph(&d, "POST", BOX, body), 201);
	} else {
		snprintf(one, sizeof(one), BOX "/%s",
		    jx_get_str(json_array_get(jx_get_array(all, "events"), rng_below(rng, count)), "id"));
		if (rng_below(rng, 3) == 0)
			assert_int_equal(drive_graph(&d, "DELETE", one, NULL), 204);
		else
			assert_int_equal(drive_graph(&d, "PATCH", one, body), 200);
	}
	json_decref(all);
}

static void
check_truth(void)
{
	view();
	if (items() != json_object_size(known))
		fail_msg("%zu in the view, %zu known", items(), json_object_size(known));
	for (size_t i = 0; i < items(); i++)
		assert_true(json_equal(json_object_get(known, jx_get_str(item(i), "id")), json_object_get(item(i), "subject")));
}

/* Rounds of a delta, with pages, lag and quirks, always end at what the view shows. */
static void
random_rounds(void **state)
{
	const char *text = getenv("ERGSYNC_TEST_SEED");
	uint64_t seed = 1;

	(void)state;
	if (text != NULL)
		assert_int_equal(parse_u64(text, &seed), ERR_OK);
	print_message("seed %llu\n", (unsigned long long)seed);
	for (uint64_t round = 0; round < 20; round++) {
		struct rng rng = rng_seeded(seed * 1000 + round);
		char link[2048];

		drive_stop(&d);
		start(NULL);
		d.prefer = "IdType=\"ImmutableId\", odata.maxpagesize=4";
		drive_control(&d, "POST", "settings", "{\"lag_ms\":3000,\"delta_quirks\":true}");
		known = json_object();
		learn_all(VIEW "/delta?" FROM "&" TO);
		for (int i = 0; i < 40; i++) {
			random_deed(&rng, i);
			drive_wait(&d, (int64_t)rng_below(&rng, 4000));
			if (rng_below(&rng, 3) == 0)
				learn_all(str_copy(link, sizeof(link), delta) ? link : "");
		}
		drive_wait(&d, 5000);
		learn_all(str_copy(link, sizeof(link), delta) ? link : "");
		check_truth();
		json_decref(known);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, drive_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(series_in_a_view),
		TEST(occurrences_go_their_own_way),
		TEST(delta_of_a_series),
		TEST(out_of_the_window_is_removed),
		TEST(refuses),
		TEST(random_rounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
