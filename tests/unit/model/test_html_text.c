/* What is an edit to a reader, and what is Outlook's rewriting. */
#include "model/html_text.h"

#include <stdlib.h>
#include <string.h>

#include "unit/base/check.h"
#include "unit/base/seed.h"

static void
same_or_another(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
		{ "<p>Hi</p>",
		    "<html>\r\n<head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">\r\n<style>p { "
		    "margin: 0 "
		    "}</style></head>\r\n<body lang=\"EN\">\r\n<p class=\"MsoNormal\" "
		    "style=\"color:red\">Hi</p>\r\n</body>\r\n</html>\r\n",
		    true },
		{ "Hi", "<p>Hi</p>", true },
		{ "a  b", "a\r\n\tb", true },
		{ "a&nbsp;b", "a b", true },
		{ "a &amp; b", "a &#38; b", true },
		{ "a & b", "a &amp; b", true },
		{ "\xc3\xa4", "&#228;", true },
		{ "\xc3\xa4", "&#xE4;", true },
		{ "<b>x</b>", "<strong style=\"x\">x</strong>", true },
		{ "<!-- note -->x", "x", true },
		{ "<script>alert(1)</script>x", "x", true },
		{ "<a href=\"https://x.example/?a=1&amp;b=2\">x</a>", "<a target=_blank href='https://x.example/?a=1&b=2'>x</a>",
		    true },
		{ "1 < 2", "1 &lt; 2", true },
		{ "<p>a</p><p>b</p>", "<div>a</div>\n<div>b</div>", true },
		{ "<p>a</p><p>b</p>", "<p>a b</p>", false },
		{ "<b>x</b>", "x", false },
		{ "<a href=\"https://x.example/\">x</a>", "<a href=\"https://y.example/\">x</a>", false },
		{ "<img src=\"a.png\">", "<img src=\"b.png\">", false },
		{ "<h1>x</h1>", "<h2>x</h2>", false },
		{ "Hi", "hi", false },
		{ "", "x", false },
		{ "<p></p>", "", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (html_text_equal(cases[i].a, cases[i].b) != cases[i].equal)
			fail_msg("%s | %s", cases[i].a, cases[i].b);
}

static void
plain_text_as_html(void **state)
{
	char *html = html_of_plain("a < b & \"c\"\r\nd");

	(void)state;
	assert_string_equal(html, "a &lt; b &amp; &quot;c&quot;<br>d");
	free(html);
}

/* Any bytes: it ends, and its result, which has no tags, is a fixed point but for the marks. */
static void
random_bytes(void **state)
{
	static const char *const words[] = { "<", ">", "</", "<p>", "</p>", "<b", " href=\"", "\"", "'", "<a ", "<!--", "-->",
		"&", "&amp;", "&#", "&#x41;", ";", "text", " ", "\n", "<head>", "</head>", "<script", "\xc3\xa4", "\xff", "=",
		"/", "<img src=x>" };
	struct rng rng = test_rng("html");

	(void)state;
	for (int i = 0; i < 5000; i++) {
		char html[1024] = "", *text;

		for (uint64_t n = rng_below(&rng, 60); n > 0; n--)
			strncat(html, words[rng_below(&rng, COUNT(words))], sizeof(html) - strlen(html) - 1);
		text = html_text(html);
		assert_non_null(text);
		assert_true(html_text_equal(html, html));
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_or_another),
		cmocka_unit_test(plain_text_as_html),
		cmocka_unit_test(random_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
