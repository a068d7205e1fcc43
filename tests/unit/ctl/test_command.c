/* The command line: which command is meant, its options, and what its help says. */
#include "ctl/command.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "unit/base/check.h"
#include "unit/base/seed.h"

#define WORDS_MAX 12

struct line {
	char text[256];
	char *argv[WORDS_MAX];
	int argc;
};

/* Cuts at spaces. */
static void
cut(struct line *l, const char *s)
{
	char *rest = l->text, *word;

	snprintf(l->text, sizeof(l->text), "%s", s);
	l->argc = 0;
	while (l->argc < WORDS_MAX && (word = strsep(&rest, " ")) != NULL)
		if (*word != '\0')
			l->argv[l->argc++] = word;
}

static enum err
parse(struct line *l, const char *s, struct invocation *ret, char why[512])
{
	cut(l, s);
	return command_parse(commands, command_count, l->argc, l->argv, ret, why, 512);
}

static void
commands_are_found_with_their_words(void **state)
{
	static const struct {
		const char *line, *name;
		unsigned args;
		const char *first;
	} cases[] = {
		{ "status", "status", 0, NULL },
		{ "tenant list", "tenant list", 0, NULL },
		{ "tenant show t1", "tenant show", 1, "t1" },
		{ "tenant show --json t1", "tenant show", 1, "t1" },
		{ "tenant show t1 --json", "tenant show", 1, "t1" },
		{ "tenant show -- --odd", "tenant show", 1, "--odd" },
		{ "member add e1 u1 --private", "member add", 2, "e1" },
		{ "plan approve e1 --hash=abc --yes", "plan approve", 1, "e1" },
		{ "erg show --help", "erg show", 0, NULL },
	};
	struct line l;
	struct invocation call;
	char why[512];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(parse(&l, cases[i].line, &call, why), ERR_OK);
		assert_string_equal(call.command->name, cases[i].name);
		assert_int_equal(call.arg_count, cases[i].args);
		if (cases[i].first != NULL)
			assert_string_equal(call.args[0], cases[i].first);
	}
}

static void
options_have_values_or_not(void **state)
{
	struct line l;
	struct invocation call;
	char why[512];

	(void)state;
	assert_int_equal(parse(&l, "resync --erg e1 --dry-run --json --config /x", &call, why), ERR_OK);
	assert_string_equal(invocation_option(&call, "erg"), "e1");
	assert_string_equal(invocation_option(&call, "dry-run"), "");
	assert_null(invocation_option(&call, "tenant"));
	assert_null(invocation_option(&call, "nonsense"));
	assert_true(call.json);
	assert_false(call.help);
	assert_string_equal(call.config, "/x");
	assert_int_equal(parse(&l, "tenant add t1 --organizer=a=b --directory-id=", &call, why), ERR_OK);
	assert_string_equal(invocation_option(&call, "organizer"), "a=b");
	assert_string_equal(invocation_option(&call, "directory-id"), "");
	assert_int_equal(parse(&l, "status -h", &call, why), ERR_OK);
	assert_true(call.help);
}

static void
mistakes_are_explained(void **state)
{
	static const struct {
		const char *line, *why;
	} cases[] = {
		{ "", "a command is needed" },
		{ "frob", "there is no command 'frob'" },
		{ "tenant", "'tenant' needs one word more: tenant list, tenant show, tenant add, tenant sign-in, tenant remove" },
		{ "tenant frob",
		    "'tenant' needs one word more: tenant list, tenant show, tenant add, tenant sign-in, tenant remove" },
		{ "tenan", "there is no command 'tenan'" },
		{ "erg show", "'erg show' needs ERG" },
		{ "member add e1", "'member add' needs ERG USER" },
		{ "erg show a b", "'b' is one word too many for 'erg show'" },
		{ "status --all", "'status' has no option --all" },
		{ "status --jso", "'status' has no option --jso" },
		{ "resync --all=1", "--all takes no value" },
		{ "resync --erg", "--erg needs a value: --erg ERG" },
		{ "resync --erg a --erg b", "--erg is given twice" },
		{ "erg add e1 --name Caf\xe9", "the value of --name is not UTF-8" },
		{ "event cancel e1 v1 --comment=\xff", "the value of --comment is not UTF-8" },
	};
	struct line l;
	struct invocation call;
	char why[512];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(parse(&l, cases[i].line, &call, why), ERR_INVALID);
		assert_string_equal(why, cases[i].why);
	}
}

/* Every command has a manual with an example, and no line is wider than a terminal of old. */
static void
every_command_has_a_manual(void **state)
{
	(void)state;
	for (size_t i = 0; i < command_count; i++) {
		struct text manual;
		size_t column = 0;

		text_init(&manual, 65536);
		command_manual(&commands[i], &manual);
		assert_int_equal(text_err(&manual), ERR_OK);
		assert_non_null(strstr(manual.data, "Usage: ergsyncctl "));
		assert_non_null(strstr(manual.data, "\nExample"));
		assert_non_null(strstr(manual.data, "Exit status"));
		for (const char *c = manual.data; *c != '\0'; c++) {
			column = *c == '\n' ? 0 : column + 1;
			assert_in_range(column, 0, 80);
		}
		for (size_t k = 0; k < COMMAND_OPTIONS_MAX && commands[i].options[k].name != NULL; k++)
			assert_non_null(
			    strstr(manual.data, commands[i].options[k].help + strlen(commands[i].options[k].help) - 4));
		assert_true(commands[i].args_max <= COMMAND_ARGS_MAX);
		assert_non_null(commands[i].run);
		text_done(&manual);
	}
}

static void
the_list_and_the_completion_name_all(void **state)
{
	struct text list, script;

	(void)state;
	text_init(&list, 65536);
	text_init(&script, 65536);
	command_list(commands, command_count, NULL, &list);
	command_completion(commands, command_count, &script);
	for (size_t i = 0; i < command_count; i++)
		assert_non_null(strstr(list.data, commands[i].name));
	assert_non_null(strstr(script.data, "tenant receipt erg member event resync plan changes"));
	assert_non_null(strstr(script.data, "2:event) words=\"list show add cancel\""));
	assert_non_null(strstr(script.data, "2:plan) words=\"show approve reject\""));
	assert_non_null(strstr(script.data, "\"resync\") words=\"--all --tenant --erg --dry-run --no-wait --json"));
	text_reset(&list);
	command_list(commands, command_count, "plan", &list);
	assert_null(strstr(list.data, "tenant"));
	text_done(&list);
	text_done(&script);
}

static void
random_lines_are_survived(void **state)
{
	static const char *const words[] = { "tenant", "list", "erg", "add", "--", "--json", "--erg", "--erg=", "-h", "--help",
		"x", "--=", "--config", "resync", "member", "-", "plan", "show", "--yes=1" };
	struct rng rng = test_rng("command");

	(void)state;
	for (int round = 0; round < 5000; round++) {
		char text[256] = "", why[512] = "";
		uint64_t count = rng_below(&rng, 8);
		struct line l;
		struct invocation call;

		for (uint64_t i = 0; i < count; i++) {
			strcat(text, words[rng_below(&rng, COUNT(words))]);
			strcat(text, " ");
		}
		if (parse(&l, text, &call, why) == ERR_OK) {
			assert_non_null(call.command);
			assert_true(call.help || call.arg_count >= call.command->args_min);
		} else {
			assert_true(strlen(why) > 5);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_found_with_their_words),
		cmocka_unit_test(options_have_values_or_not),
		cmocka_unit_test(mistakes_are_explained),
		cmocka_unit_test(every_command_has_a_manual),
		cmocka_unit_test(the_list_and_the_completion_name_all),
		cmocka_unit_test(random_lines_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
