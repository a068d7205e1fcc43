/* The join block through edits: taken out whole, put back whole, whoever wrote what around it. */
#include "graph/join_block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/base/check.h"

#define LINE "________________________________________________________________________________"
#define LINK "<a href=\"https://teams.microsoft.com/l/meetup-join/19%3ameeting_x%40thread.v2/0\">Join</a>"
/* with the lines inside, before and after, and without the class */
#define INSIDE                                                                                                                   \
	"<div class=\"me-email-text\" lang=\"en-US\"><div><span>" LINE "</span></div><div>Meeting</div><div>" LINK               \
	"</div><div><span>" LINE "</span></div>\r\n</div>"
#define BESIDE                                                                                                                   \
	"<div style=\"a\"><span>" LINE "</span></div>\r\n<div class=\"me-email-text\"><div>" LINK "</div></div>\r\n"             \
	"<div><span>" LINE "</span></div>"
/* as Teams writes it: empty divs before the last line */
#define GAPS                                                                                                                     \
	"<div style=\"a\"><span>" LINE "</span></div>\r\n<div class=\"me-email-text\"><div>" LINK "</div></div>\r\n"             \
	"<div style=\"font-size:12px\"></div>\r\n<div></div>\r\n<div style=\"b\"><span>" LINE "</span></div>"
#define OLD "<div><span>" LINE "</span></div><div>" LINK "</div><div><span>" LINE "</span></div>"

static void
split_and_joined(void **state)
{
	static const struct {
		const char *html, *body, *block;
	} cases[] = {
		{ "<html><head><title>x</title></head><body lang=\"EN\">\r\n<p>Hi</p>\r\n<br>\r\n" INSIDE
		  "\r\n</body></html>\r\n",
		    "<p>Hi</p>", "<br>\r\n" INSIDE },
		{ "<p>Hi</p><br>" BESIDE, "<p>Hi</p>", "<br>" BESIDE },
		{ "<p>Hi</p><br>" GAPS "<p>below</p>", "<p>Hi</p><p>below</p>", "<br>" GAPS },
		{ "<p>Hi</p>" OLD, "<p>Hi</p>", OLD },
		{ "<body>" INSIDE "<p>below</p></body>", "<p>below</p>", INSIDE },
		{ "<body><p>above</p>" OLD "<p>below</p></body>", "<p>above</p><p>below</p>", OLD },
		{ "Hi<br>" LINE
		  "<br>Microsoft Teams meeting<br>Click here &lt;https://teams.microsoft.com/l/meetup-join/x&gt;<br>" LINE "<br>",
		    "Hi<br>", NULL },
		{ "<p>Hi</p>", "<p>Hi</p>", "" },
		{ "<p>my line</p>" LINE "<p>me</p>", "<p>my line</p>" LINE "<p>me</p>", "" },
		{ "<p>mine</p>" LINE "<p>signature</p>" OLD, "<p>mine</p>" LINE "<p>signature</p>", OLD },
		{ "<html><body></body></html>", "", "" },
		{ "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *body, *block, *again, *body2, *block2;

		assert_true(join_block_split(cases[i].html, &body, &block));
		if (cases[i].block != NULL && (strcmp(body, cases[i].body) != 0 || strcmp(block, cases[i].block) != 0))
			fail_msg("%zu: body %s | block %s", i, body, block);
		assert_true((block[0] != '\0') == (cases[i].block == NULL || cases[i].block[0] != '\0'));
		again = join_block_join("<p>new</p>", block);
		assert_non_null(again);
		assert_true(join_block_split(again, &body2, &block2));
		assert_string_equal(body2, "<p>new</p>");
		assert_string_equal(block2, block);
		free(body);
		free(block);
		free(again);
		free(body2);
		free(block2);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(split_and_joined) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
