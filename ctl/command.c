/* command.c - a small parser instead of argp's: options may stand before and after the words, and each command has its own. */
#include "ctl/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORD_SIZE    32
#define HELP_COLUMNS 79
#define LEFT_COLUMNS 24

static const struct command_option common[] = {
	{ "json", NULL, "Print what the daemon answers, as JSON." },
	{ "config", "FILE", "Configuration to use instead of /etc/ergsync/ergsync.conf." },
	{ "help", NULL, "Explain this command." },
};

#define COMMON_COUNT (sizeof(common) / sizeof(common[0]))

static enum err __attribute__((format(printf, 3, 4))) tell(char *why, size_t why_size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, why_size, format, args);
	va_end(args);
	return ERR_INVALID;
}

/* How many words of argv are the name of this command; 0: it is another one. */
static int
name_words(const struct command *command, int argc, char *const *argv)
{
	const char *name = command->name;
	int words = 0;

	while (*name != '\0') {
		size_t len = strcspn(name, " ");

		if (words >= argc || strlen(argv[words]) != len || strncmp(argv[words], name, len) != 0)
			return 0;
		words++;
		name += len + (name[len] == ' ');
	}
	return words;
}

/* Does the command belong to this group: is its name's first word? */
static bool
in_group(const struct command *command, const char *group)
{
	size_t len = strlen(group);

	return strncmp(command->name, group, len) == 0 && (command->name[len] == ' ' || command->name[len] == '\0');
}

static enum err
complain_unknown(const struct command *table, size_t count, const char *word, char *why, size_t why_size)
{
	struct text names;
	enum err e;

	text_init(&names, 512);
	for (size_t i = 0; i < count; i++)
		if (in_group(&table[i], word))
			text_addf(&names, "%s%s", names.len > 0 ? ", " : "", table[i].name);
	if (names.len > 0)
		e = tell(why, why_size, "'%s' needs one word more: %s", word, names.data);
	else
		e = tell(why, why_size, "there is no command '%s'", word);
	text_done(&names);
	return e;
}

static enum err
find(const struct command *table, size_t count, int argc, char *const *argv, struct invocation *ret, int *ret_words, char *why,
    size_t why_size)
{
	for (size_t i = 0; i < count; i++) {
		if ((*ret_words = name_words(&table[i], argc, argv)) > 0) {
			ret->command = &table[i];
			return ERR_OK;
		}
	}
	return complain_unknown(table, count, argv[0], why, why_size);
}

/* The row of an option and where its value goes. */
static const struct command_option *
option_find(struct invocation *ret, const char *name, size_t name_len, const char ***ret_value)
{
	for (size_t i = 0; i < COMMAND_OPTIONS_MAX && ret->command->options[i].name != NULL; i++) {
		const struct command_option *o = &ret->command->options[i];

		if (strlen(o->name) == name_len && strncmp(o->name, name, name_len) == 0) {
			*ret_value = &ret->values[i];
			return o;
		}
	}
	return NULL;
}

static const struct command_option *
common_find(const char *name, size_t name_len)
{
	for (size_t i = 0; i < COMMON_COUNT; i++)
		if (strlen(common[i].name) == name_len && strncmp(common[i].name, name, name_len) == 0)
			return &common[i];
	return NULL;
}

static void
common_set(struct invocation *ret, const struct command_option *option, const char *value)
{
	ret->json |= option == &common[0];
	ret->help |= option == &common[2];
	if (option == &common[1])
		ret->config = value;
}

/* argv[*i] is an option; steps over its value. */
static enum err
option_parse(struct invocation *ret, int argc, char *const *argv, int *i, char *why, size_t why_size)
{
	const char *name = strcmp(argv[*i], "-h") == 0 ? "help" : argv[*i] + 2;
	size_t len = strcspn(name, "=");
	const char **place = NULL, *value = name[len] == '=' ? name + len + 1 : NULL;
	const struct command_option *option = option_find(ret, name, len, &place);

	if (option == NULL)
		option = common_find(name, len);
	if (option == NULL)
		return tell(why, why_size, "'%s' has no option --%.*s", ret->command->name, (int)len, name);
	if (option->value == NULL && value != NULL)
		return tell(why, why_size, "--%s takes no value", option->name);
	if (option->value != NULL && value == NULL) {
		if (*i + 1 >= argc)
			return tell(why, why_size, "--%s needs a value: --%s %s", option->name, option->name, option->value);
		value = argv[++*i];
	}
	if (place != NULL && value != NULL && !utf8_valid(value, strlen(value)))
		return tell(why, why_size, "the value of --%s is not UTF-8", option->name); /* JSON could not say it */
	if (place == NULL) {
		common_set(ret, option, value);
		return ERR_OK;
	}
	if (*place != NULL)
		return tell(why, why_size, "--%s is given twice", option->name);
	*place = value != NULL ? value : "";
	return ERR_OK;
}

enum err
command_parse(
    const struct command *table, size_t count, int argc, char *const *argv, struct invocation *ret, char *why, size_t why_size)
{
	bool only_words = false;
	int words = 0;
	enum err e;

	*ret = (struct invocation){ .command = NULL };
	if (argc <= 0)
		return tell(why, why_size, "a command is needed");
	if ((e = find(table, count, argc, argv, ret, &words, why, why_size)) != ERR_OK)
		return e;
	for (int i = words; i < argc; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = true;
		} else if (!only_words && (str_starts(argv[i], "--") || strcmp(argv[i], "-h") == 0)) {
			if ((e = option_parse(ret, argc, argv, &i, why, why_size)) != ERR_OK)
				return e;
		} else if (ret->arg_count >= ret->command->args_max) {
			return tell(why, why_size, "'%s' is one word too many for '%s'", argv[i], ret->command->name);
		} else {
			ret->args[ret->arg_count++] = argv[i];
		}
	}
	if (ret->arg_count < ret->command->args_min && !ret->help)
		return tell(why, why_size, "'%s' needs %s", ret->command->name, ret->command->arguments);
	return ERR_OK;
}

const char *
invocation_option(const struct invocation *i, const char *name)
{
	for (size_t k = 0; k < COMMAND_OPTIONS_MAX && i->command->options[k].name != NULL; k++)
		if (strcmp(i->command->options[k].name, name) == 0)
			return i->values[k];
	return NULL;
}

/* ---------- help ---------- */

/* Adds len bytes of s as words, broken before HELP_COLUMNS; further lines are indented. Returns the column reached. */
static size_t
add_words(struct text *out, const char *s, size_t len, size_t column, size_t indent)
{
	const char *end = s + len;

	while (s < end) {
		size_t gap = strspn(s, " \n"), word = strcspn(s + gap, " \n");

		s += gap;
		if (s >= end || word == 0)
			break;
		if (column > indent && column + 1 + word > HELP_COLUMNS) {
			text_addf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			text_adds(out, " ");
			column++;
		}
		text_add(out, s, word);
		column += word;
		s += word;
	}
	return column;
}

/* Lines that begin with a space are examples and stay as they are; others are one paragraph up to the next blank line. */
static void
add_paragraphs(struct text *out, const char *s)
{
	size_t column = 0;

	while (*s != '\0') {
		size_t len = strcspn(s, "\n");

		if (len > 0 && *s != ' ') {
			column = add_words(out, s, len, column, 0);
		} else {
			text_addf(out, "%s%.*s\n", column > 0 ? "\n" : "", (int)len, s);
			column = 0;
		}
		s += len + (s[len] == '\n');
	}
	if (column > 0)
		text_adds(out, "\n");
}

static void
option_line(const struct command_option *option, struct text *out)
{
	char left[64];

	(void)snprintf(left, sizeof(left), "--%s%s%s", option->name, option->value != NULL ? " " : "",
	    option->value != NULL ? option->value : "");
	text_addf(out, "  %-*s ", LEFT_COLUMNS, left);
	(void)add_words(out, option->help, strlen(option->help), LEFT_COLUMNS + 3, LEFT_COLUMNS + 3);
	text_adds(out, "\n");
}

void
command_manual(const struct command *command, struct text *out)
{
	text_addf(out, "Usage: ergsyncctl %s%s%s [OPTION...]\n\n%s.\n\n", command->name, command->arguments[0] != '\0' ? " " : "",
	    command->arguments, command->summary);
	add_paragraphs(out, command->help);
	text_adds(out, "\nOptions:\n");
	for (size_t i = 0; i < COMMAND_OPTIONS_MAX && command->options[i].name != NULL; i++)
		option_line(&command->options[i], out);
	for (size_t i = 0; i < COMMON_COUNT; i++)
		option_line(&common[i], out);
	text_adds(out, "\nExit status: 0 done, 1 failed, 2 wrong usage, 3 the daemon cannot be reached.\n");
}

void
command_list(const struct command *table, size_t count, const char *group, struct text *out)
{
	for (size_t i = 0; i < count; i++) {
		char left[64];

		if (group != NULL && !in_group(&table[i], group))
			continue;
		(void)snprintf(
		    left, sizeof(left), "%s%s%s", table[i].name, table[i].arguments[0] != '\0' ? " " : "", table[i].arguments);
		text_addf(out, "  %-*s %s\n", LEFT_COLUMNS, left, table[i].summary);
	}
}

static void
completion_words(const struct command *table, size_t count, const char *group, struct text *out)
{
	char last[WORD_SIZE] = "", word[WORD_SIZE];

	for (size_t i = 0; i < count; i++) {
		const char *name = table[i].name;

		if (group != NULL && (!in_group(&table[i], group) || name[strlen(group)] == '\0'))
			continue;
		name += group != NULL ? strlen(group) + 1 : 0;
		if (!str_copy_len(word, sizeof(word), name, strcspn(name, " ")) || strcmp(word, last) == 0)
			continue;
		text_addf(out, "%s%s", last[0] != '\0' ? " " : "", word);
		(void)str_copy(last, sizeof(last), word);
	}
}

static void
completion_options(const struct command *command, struct text *out)
{
	text_addf(out, "\t\"%s\") words=\"", command->name);
	for (size_t i = 0; i < COMMAND_OPTIONS_MAX && command->options[i].name != NULL; i++)
		text_addf(out, "--%s ", command->options[i].name);
	text_adds(out, "--json --config --help\" ;;\n");
}

void
command_completion(const struct command *table, size_t count, struct text *out)
{
	char group[WORD_SIZE], last[WORD_SIZE] = "";

	text_adds(out, "# bash completion for ergsyncctl\n_ergsyncctl() {\n\tlocal words=\"\" cur=\"${COMP_WORDS[COMP_CWORD]}\"\n"
	               "\tcase \"${COMP_CWORD}:${COMP_WORDS[1]}\" in\n\t1:*) words=\"--config --json --help --version ");
	completion_words(table, count, NULL, out);
	text_adds(out, "\" ;;\n");
	for (size_t i = 0; i < count; i++) {
		size_t len = strcspn(table[i].name, " ");

		if (table[i].name[len] == '\0' || !str_copy_len(group, sizeof(group), table[i].name, len) ||
		    strcmp(group, last) == 0)
			continue;
		text_addf(out, "\t2:%s) words=\"", group);
		completion_words(table, count, group, out);
		text_adds(out, "\" ;;\n");
		(void)str_copy(last, sizeof(last), group);
	}
	text_adds(out, "\tesac\n\tcase \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n");
	for (size_t i = 0; i < count; i++)
		if (strchr(table[i].name, ' ') != NULL)
			completion_options(&table[i], out);
	text_adds(out, "\tesac\n\t[ \"$COMP_CWORD\" -gt 1 ] && case \"${COMP_WORDS[1]}\" in\n");
	for (size_t i = 0; i < count; i++)
		if (strchr(table[i].name, ' ') == NULL)
			completion_options(&table[i], out);
	text_adds(out, "\tesac\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -F _ergsyncctl ergsyncctl\n");
}
