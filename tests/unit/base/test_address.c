/* Addresses: listen lists and URLs, good and bad. */
#include "base/address.h"

#include <string.h>

#include "unit/base/check.h"
#include "unit/base/seed.h"

static void
listen_lists(void **state)
{
	static const char *const bad[] = { "", " ", "x", ":80", "h:", "h:65536", "h:8x", "unix:", "[::1]", "[::1]80", "[zz]:80",
		"h:1 :2", "h_h:80", "a:1 a:2 a:3 a:4 a:5 a:6 a:7 a:8 a:9" };
	struct listen_address a[LISTEN_MAX];
	size_t count;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(listen_parse(bad[i], a, &count), ERR_MALFORMED);
	assert_int_equal(
	    listen_parse("unix:/run/x.sock 127.9.9.9:80 [::1]:0 [2001:db8::1]:65535 example.org:8443", a, &count), ERR_OK);
	assert_int_equal(count, 5);
	assert_true(a[0].is_unix && a[0].is_loopback);
	assert_string_equal(a[0].host, "/run/x.sock");
	assert_true(!a[1].is_unix && a[1].is_loopback && a[1].port == 80);
	assert_true(a[2].is_loopback && a[2].port == 0);
	assert_string_equal(a[2].host, "::1");
	assert_true(!a[3].is_loopback && a[3].port == 65535);
	assert_true(!a[4].is_loopback && a[4].port == 8443);
	assert_string_equal(a[4].host, "example.org");
}

static void
urls(void **state)
{
	static const struct {
		const char *url, *mistake; /* a part of it; NULL: none */
	} cases[] = {
		{ "https://graph.microsoft.com/v1.0", NULL },
		{ "https://example.org", NULL },
		{ "https://example.org:8443/a/b?c=d&e=%20", NULL },
		{ "https://[2001:db8::1]:8443/", NULL },
		{ "http://localhost:3000", NULL },
		{ "http://127.0.0.1", NULL },
		{ "http://[::1]:80/x", NULL },
		{ "", "must begin with https://" },
		{ "ftp://example.org", "must begin with https://" },
		{ "HTTPS://example.org", "must begin with https://" },
		{ "http://example.org", "loopback" },
		{ "http://localhost.example.org", "loopback" },
		{ "http://127.0.0.1.example.org", "loopback" },
		{ "http://127.1", "loopback" },
		{ "http://[::2]", "loopback" },
		{ "https://u@example.org", "user name" },
		{ "https://u:p@example.org", "user name" },
		{ "https://example.org#x", "fragment" },
		{ "https://exa mple.org", "percent-encoded" },
		{ "https://example.org/\n", "percent-encoded" },
		{ "https://ex\xc3\xa4mple.org", "percent-encoded" },
		{ "https://", "no proper host" },
		{ "https:///path", "no proper host" },
		{ "https://:80", "no proper host" },
		{ "https://h:", "no proper host" },
		{ "https://h:0", "no proper host" },
		{ "https://h:65536", "no proper host" },
		{ "https://[::1", "no proper host" },
		{ "https://[::1]x", "no proper host" },
		{ "https://h_h", "no proper host" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *mistake = url_mistake(cases[i].url);

		if (cases[i].mistake == NULL ? mistake != NULL : mistake == NULL || strstr(mistake, cases[i].mistake) == NULL)
			fail_msg("%s: %s", cases[i].url, mistake == NULL ? "no mistake" : mistake);
	}
}

static void
urls_of_this_machine(void **state)
{
	static const struct {
		const char *url;
		bool loopback;
	} cases[] = {
		{ "http://127.0.0.1:80/v1.0", true },
		{ "https://LocalHost", true },
		{ "https://localhost?x", true },
		{ "http://[::1]:8080/x", true },
		{ "https://127.255.0.9/", true },
		{ "https://graph.microsoft.com/v1.0", false },
		{ "https://localhost.example.org/", false },
		{ "https://128.0.0.1", false },
		{ "https://[::2]:80", false },
		{ "https://u@localhost", false },
		{ "localhost", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (url_is_loopback(cases[i].url) != cases[i].loopback)
			fail_msg("%s", cases[i].url);
}

static void
lengths_are_limited(void **state)
{
	char url[3000] = "https://";
	struct listen_address a[LISTEN_MAX];
	size_t count;

	(void)state;
	memset(url + 8, 'a', sizeof(url) - 9);
	assert_non_null(strstr(url_mistake(url), "too long"));
	url[8 + 290] = '/';
	url[1000] = '\0';
	assert_non_null(url_mistake(url));
	url[8 + 250] = '/';
	assert_null(url_mistake(url));
	memcpy(url, "unix:/aa", 8);
	assert_int_equal(listen_parse(url, a, &count), ERR_MALFORMED);
	url[5 + 107] = '\0';
	assert_int_equal(listen_parse(url, a, &count), ERR_OK);
}

static void
noise_is_survived(void **state)
{
	static const char *const pieces[] = { "unix:", "/", "[", "]", ":", "::1", "127.0.0.1", "80", "65535", " ", "localhost",
		"https://", "http://", "@", "#", "?", "\xff", "-", "." };
	struct rng rng = test_rng("address");

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct listen_address a[LISTEN_MAX];
		struct text t;
		size_t count;

		text_init(&t, 1000);
		text_adds(&t, "");
		for (uint64_t n = rng_below(&rng, 12); n > 0; n--)
			text_adds(&t, pieces[rng_below(&rng, COUNT(pieces))]);
		if (listen_parse(t.data, a, &count) == ERR_OK)
			assert_in_range(count, 1, LISTEN_MAX);
		(void)url_mistake(t.data);
		text_done(&t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listen_lists),
		cmocka_unit_test(urls),
		cmocka_unit_test(urls_of_this_machine),
		cmocka_unit_test(lengths_are_limited),
		cmocka_unit_test(noise_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
