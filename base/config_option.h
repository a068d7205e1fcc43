/*
 * config_option.h - the one table of options: each row holds all that is known of one.
 *
 * Parsing, ranges, defaults, reload, --dump-config, the example file and the manual all read these rows. contract.md
 * section 2 is their source.
 */
#ifndef BASE_CONFIG_OPTION_H
#define BASE_CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct config;

enum option_type {
	OPTION_STRING,
	OPTION_PATH,         /* need not exist */
	OPTION_FILE,         /* a file that can be read */
	OPTION_CA_FILE,      /* the same, with certificates of authorities in PEM */
	OPTION_SECRET_FILE,  /* the same, see secret_file_read */
	OPTION_KEY_FILE,     /* the same, see key_file_read */
	OPTION_SIGNING_FILE, /* the same: whsec_ + base64 of 24 to 64 bytes, as Standard Webhooks say */
	OPTION_URL,          /* https, or http to a loopback host */
	OPTION_LISTEN,
	OPTION_DURATION,
	OPTION_SIZE,
	OPTION_INT,
	OPTION_ENUM
};

/* Which programs use an option: an error in the section of another program is still reported. */
#define FOR_LISTENER   1u
#define FOR_RECONCILER 2u
#define FOR_CTL        4u

struct config_option {
	const char *section, *key;
	size_t offset;            /* of the field in struct config: char * / int64_t / int */
	int64_t min, max;         /* durations in ms, sizes in bytes; unused otherwise */
	const char *fallback;     /* as it would be written in the file; NULL = none */
	const char *example;      /* for the example file, where there is no fallback */
	const char *const *names; /* NULL-terminated. OPTION_ENUM: all there are; numbers: the words that stand for 0, -1 ... */
	const char *unit;         /* for the manual: "duration", "bytes", "%" or "" */
	const char *help;         /* one sentence, ends with a full stop */
	enum option_type type;
	unsigned used_by;
	bool required; /* for those programs */
	bool reloadable;
};

#define CONFIG_OPTION_COUNT 43
extern const struct config_option config_options[]; /* CONFIG_OPTION_COUNT rows */

/* The row of a key, the first of a section (key NULL), or the first of that key (section NULL); NULL when there is none. */
const struct config_option *config_option_find(const char *section, const char *key);

/* Texts are char *, enums int, all others int64_t. */
bool config_option_is_text(enum option_type type);
bool config_option_is_path(enum option_type type);

/* Where a config holds the option's value. */
void *config_field(const struct config *config, const struct config_option *option);
char **config_text_field(const struct config *config, const struct config_option *option);

/* The value as it would be written in a file; NULL when there is none. Borrowed from config, or in ret. */
const char *config_value_format(const struct config *config, const struct config_option *option, char ret[32]);

/* Writes the whole effective configuration, each option preceded by its help; secrets are files, so none appears. */
void config_dump(const struct config *config, FILE *out);
/* The same with every default commented out: the example file. */
void config_example(FILE *out);

#endif
