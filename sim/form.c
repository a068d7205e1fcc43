/* A second use of the query parser's shape: a body is one long query. */
#include "sim/form.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "sim/memory.h"

void
form_done(struct form *f)
{
	free(f->text);
}

bool
form_parse(struct form *f, const char *body)
{
	char *to = f->text = must_alloc(strlen(body) + 2 * CALL_PARAMS_MAX);
	bool good = true;

	for (const char *at = body; *at != '\0' && f->count < CALL_PARAMS_MAX;) {
		size_t len = strcspn(at, "&"), name_len = strcspn(at, "=&"), n = 0;
		struct query_param *p = &f->field[f->count++];
		size_t value_at = name_len < len ? name_len + 1 : len;

		p->name = to;
		p->value = to + name_len + 1;
		to = p->value + len - value_at + 1;
		good = percent_decode(at, name_len, 1, p->name, &n) == ERR_OK &&
		       percent_decode(at + value_at, len - value_at, 1, p->value, &n) == ERR_OK && good;
		at += len + (at[len] == '&');
	}
	return good;
}

const char *
form_get(const struct form *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->field[i].name, name) == 0)
			return f->field[i].value;
	return NULL;
}

bool
form_has_word(const struct form *f, const char *name, const char *word)
{
	const char *at = form_get(f, name);
	size_t word_len = strlen(word);

	for (; at != NULL && *at != '\0'; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		if ((len == word_len || (len > word_len && word[0] == '/')) && strncmp(at + len - word_len, word, word_len) == 0)
			return true;
		at += len;
	}
	return false;
}
