/* INI text: what each line says, told as one string of events. */
#include "base/ini_text.h"

#include <string.h>

#include "base/text.h"
#include "unit/base/check.h"
#include "unit/base/seed.h"

static struct text told;

static void
on_section(void *arg, int line, const char *section)
{
	(void)arg;
	text_addf(&told, "%d[%s]", line, section);
}

static void
on_value(void *arg, int line, const char *section, const char *key, const char *value)
{
	(void)arg;
	text_addf(&told, "%d(%s.%s=%s)", line, section, key, value);
}

static void
on_mistake(void *arg, int line, const char *what)
{
	(void)arg;
	text_addf(&told, "%d!%.4s", line, what);
}

static const char *
events_of(const char *text, size_t len)
{
	static const struct ini_events events = { on_section, on_value, on_mistake, NULL };

	text_reset(&told);
	text_adds(&told, "");
	assert_int_equal(ini_text_read(text, len, &events), ERR_OK);
	assert_int_equal(text_err(&told), ERR_OK);
	return told.data;
}

static void
tells_each_line(void **state)
{
	static const struct {
		const char *text, *events;
	} cases[] = {
		{ "", "" },
		{ "\n\n", "" },
		{ "[a]\nk=v", "1[a]2(a.k=v)" },
		{ "\xef\xbb\xbf[a]\r\n\r\nk = v w \r\n", "1[a]3(a.k=v w)" },
		{ "k: v\n[a]\n", "1(.k=v)2[a]" },
		{ "[a]\nk=v\n  l=w\n\tm=x\n", "1[a]2(a.k=v)3(a.l=w)4(a.m=x)" },
		{ "# c\n; c\n [a] # c\nk=v#w ;c\nl=a;b\t#c\n", "3[a]4(a.k=v#w)5(a.l=a;b)" },
		{ "[a]\nk=\nl==\n", "1[a]2(a.k=)3(a.l==)" },
		{ "[a\nk=v\n", "1!the 2(.k=v)" },
		{ "[a] b\nk=v\n", "1!noth2(a.k=v)" },
		{ "[a]\nword\n[b]\n", "1[a]2!neit3[b]" },
		{ "k=\xff\n", "1!the " },
		{ "[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\n", "1[...]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(events_of(cases[i].text, strlen(cases[i].text)), cases[i].events);
}

static void
long_lines_are_told_and_skipped(void **state)
{
	static char text[10000];

	(void)state;
	(void)snprintf(text, sizeof(text), "[a]\nk=");
	memset(text + 6, 'x', INI_LINE_MAX - 2);
	(void)snprintf(text + 4 + INI_LINE_MAX, 100, "\nl=v\n");
	assert_int_equal(strlen(events_of(text, strlen(text))), strlen("1[a]2(a.k=)3(a.l=v)") + INI_LINE_MAX - 2);
	(void)snprintf(text + 4 + INI_LINE_MAX, 100, "x\nl=v\n");
	assert_string_equal(events_of(text, strlen(text)), "1[a]2!the 3(a.l=v)");
}

static void
nul_bytes_do_not_hide_anything(void **state)
{
	static const char text[] = "[a]\nk=v\0\nl=w\0x\nm=y\n";

	(void)state;
	assert_string_equal(events_of(text, sizeof(text) - 1), "1[a]2!the 3!the 4(a.m=y)");
}

static void
noise_is_survived(void **state)
{
	static const char letters[] = "[]=: \t\r\n#;ab\"\\\xc3\xa9";
	struct rng rng = test_rng("ini_text");

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[60];
		size_t len = rng_below(&rng, sizeof(text));

		for (size_t i = 0; i < len; i++)
			text[i] = letters[rng_below(&rng, sizeof(letters))];
		text[len] = '\0';
		(void)events_of(text, len);
	}
}

static int
told_init(void **state)
{
	(void)state;
	text_init(&told, 1000000);
	return 0;
}

static int
told_done(void **state)
{
	(void)state;
	text_done(&told);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_each_line),
		cmocka_unit_test(long_lines_are_told_and_skipped),
		cmocka_unit_test(nul_bytes_do_not_hide_anything),
		cmocka_unit_test(noise_is_survived),
	};

	return cmocka_run_group_tests(tests, told_init, told_done);
}
