/* The text is what Prometheus reads: each family named once, each sample a line. */
#include "listener/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "model/peer.h"

static void
test_text(void **state)
{
	struct metrics m = { .counts = { [METRIC_POSTS_STORED] = 7, [METRIC_ITEMS_FOREIGN] = UINT64_MAX } };
	const struct gauges g = { .connections = 3, .healthy = 1, .certificate_expires_unix = -5 };
	struct text t;
	const char *at;
	size_t types = 0, helps = 0;

	(void)state;
	metrics_intake(&m, 999);
	metrics_intake(&m, 1000);
	metrics_intake(&m, 3000001);
	metrics_intake(&m, 99000000);
	metrics_commit(&m, -1);
	text_init(&t, PEER_MESSAGE_MAX / 2);
	metrics_text(&m, &g, &t);
	assert_int_equal(text_err(&t), ERR_OK);
	assert_non_null(strstr(t.data, "\nergsync_listener_posts_total{outcome=\"stored\"} 7\n"));
	assert_non_null(strstr(t.data, "ergsync_listener_items_total{outcome=\"foreign\"} 18446744073709551615\n"));
	assert_non_null(strstr(t.data, "ergsync_listener_intake_seconds_bucket{le=\"0.001\"} 2\n"));
	assert_non_null(strstr(t.data, "ergsync_listener_intake_seconds_bucket{le=\"3\"} 2\n"));
	assert_non_null(strstr(t.data, "ergsync_listener_intake_seconds_bucket{le=\"10\"} 3\n"));
	assert_non_null(strstr(t.data, "ergsync_listener_intake_seconds_bucket{le=\"+Inf\"} 4\n"));
	assert_non_null(strstr(t.data, "ergsync_listener_intake_seconds_count 4\n"));
	assert_non_null(strstr(t.data, "ergsync_listener_commit_seconds_count 1\n"));
	assert_non_null(strstr(t.data, "ergsync_listener_open_connections 3\n"));
	assert_non_null(strstr(t.data, "ergsync_listener_certificate_expiry_timestamp_seconds 0\n"));
	for (at = t.data; (at = strstr(at, "# TYPE ")) != NULL; at++) {
		char name[80];
		const char *end = strchr(at + 7, ' ');

		/* No family is declared twice. */
		(void)str_copy_len(name, sizeof(name), at, (size_t)(end - at) + 1);
		assert_null(strstr(end, name));
		types++;
	}
	for (at = t.data; (at = strstr(at, "# HELP ")) != NULL; at++)
		helps++;
	assert_int_equal(types, helps);
	text_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_text) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
