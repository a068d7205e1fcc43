/* What the listener's metrics say of the listener. */
#include "reconciler/listener_watch.h"

#include <string.h>

#include "unit/base/check.h"
#include "unit/base/seed.h"

#define HEALTHY     "# TYPE ergsync_listener_healthy gauge\nergsync_listener_healthy 1\n"
#define VERSION     "ergsync_listener_build_info{version=\"0.1.0~rc1+deb12\"} 1\n"
#define ILL         "ergsync_listener_healthy 0\n"
#define CERTIFICATE "ergsync_listener_certificate_expiry_timestamp_seconds 1795334400"

static void
its_metrics_are_read(void **state)
{
	static const struct {
		const char *text;
		struct app_listener_status is;
	} cases[] = {
		{ HEALTHY, { APP_LISTENER_UP, true, 0, "" } },
		{ ILL, { APP_LISTENER_UP, false, 0, "" } },
		{ HEALTHY CERTIFICATE "\n", { APP_LISTENER_UP, true, 1795334400000, "" } },
		{ HEALTHY CERTIFICATE, { APP_LISTENER_UP, true, 1795334400000, "" } },
		{ CERTIFICATE "\n" ILL, { APP_LISTENER_UP, false, 1795334400000, "" } },
		{ HEALTHY "ergsync_listener_certificate_expiry_timestamp_seconds 18446744073709551615\n",
		    { APP_LISTENER_UP, true, 0, "" } },
		{ HEALTHY "ergsync_listener_certificate_expiry_timestamp_seconds soon\n", { APP_LISTENER_UP, true, 0, "" } },
		{ HEALTHY VERSION, { APP_LISTENER_UP, true, 0, "0.1.0~rc1+deb12" } },
		{ HEALTHY "ergsync_listener_build_info{version=\"<b>\"} 1\n", { APP_LISTENER_UP, true, 0, "" } },
		{ HEALTHY "ergsync_listener_build_info{version=\"1", { APP_LISTENER_UP, true, 0, "" } },
		{ HEALTHY "ergsync_listener_build_info{version=\"12345678901234567890123456789012\"} 1\n",
		    { APP_LISTENER_UP, true, 0, "" } },
		{ "", { APP_LISTENER_AWAY, false, 0, "" } },
		{ NULL, { APP_LISTENER_AWAY, false, 0, "" } },
		{ "ergsync_listener_healthy", { APP_LISTENER_AWAY, false, 0, "" } },
		{ "ergsync_listener_healthy \n", { APP_LISTENER_AWAY, false, 0, "" } },
		{ "ergsync_listener_healthy_not 1\n", { APP_LISTENER_AWAY, false, 0, "" } },
		{ "\n\n\nx\n", { APP_LISTENER_AWAY, false, 0, "" } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct app_listener_status is;

		listener_watch_read(cases[i].text, cases[i].text != NULL ? strlen(cases[i].text) : 0, &is);
		assert_int_equal(is.presence, cases[i].is.presence);
		assert_int_equal(is.can_store, cases[i].is.can_store);
		assert_int_equal(is.certificate_end_wall_ms, cases[i].is.certificate_end_wall_ms);
		assert_string_equal(is.version, cases[i].is.version);
	}
	listener_watch_status(NULL, &(struct app_listener_status){ 0 });
}

/* Cut anywhere and with any byte changed, it is read or not, and nothing beyond its end is looked at. */
static void
damaged_ones_do_no_harm(void **state)
{
	static const char whole[] = HEALTHY CERTIFICATE "\n" VERSION;
	struct rng rng = test_rng("listener watch");

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t len = (size_t)rng_below(&rng, sizeof(whole));
		char *copy = malloc(len + (len == 0));
		struct app_listener_status is;

		assert_non_null(copy);
		memcpy(copy, whole, len);
		if (len > 0)
			copy[rng_below(&rng, len)] = (char)rng_below(&rng, 256);
		listener_watch_read(copy, len, &is);
		assert_true(is.presence == APP_LISTENER_UP || is.presence == APP_LISTENER_AWAY);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_metrics_are_read),
		cmocka_unit_test(damaged_ones_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
