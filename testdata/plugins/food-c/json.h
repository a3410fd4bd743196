/*
 * As much JSON as the channel reads. The host has checked payloads, so that nothing is checked
 * twice: a value is only cut into pieces. Of what is no JSON, such as assigns that another version
 * has left, any pieces come out, and no byte beyond its end is read.
 */
#include "chhost.h"

/* A piece of text, without a NUL at its end. */
struct text {
	const char *at;
	uint32_t len;
};

#define TEXT(s) ((struct text){CH_LIT(s)})

static void drop(struct text *t, uint32_t n)
{
	n = n < t->len ? n : t->len;
	t->at += n;
	t->len -= n;
}

static int is(struct text t, struct text other)
{
	return ch_same(t.at, t.len, other.at, other.len);
}

static int begins(struct text t, struct text prefix)
{
	return t.len >= prefix.len && ch_same(t.at, prefix.len, prefix.at, prefix.len);
}

static int one_of(char c, const char *set)
{
	while (*set && *set != c)
		set++;
	return *set != 0;
}

/* What is behind the bracket that the value begins with; nothing if it begins otherwise. */
static struct text inside(struct text value, char bracket)
{
	while (value.len && one_of(*value.at, " \t\r\n"))
		drop(&value, 1);
	if (value.len == 0 || *value.at != bracket)
		return TEXT("");
	drop(&value, 1);
	return value;
}

/* Cuts off the next element of an array, or of an object the next key and, when called again, its
 * value. It is empty at the closing bracket. */
static struct text next(struct text *rest)
{
	while (rest->len && one_of(*rest->at, " \t\r\n,:"))
		drop(rest, 1);
	struct text item = *rest;
	for (int depth = 0; rest->len && (depth > 0 || !one_of(*rest->at, " \t\r\n,:]}"));) {
		char c = *rest->at;
		drop(rest, 1);
		if (c == '"') {
			while (rest->len && *rest->at != '"')
				drop(rest, *rest->at == '\\' ? 2 : 1);
			drop(rest, 1);
		}
		depth += one_of(c, "{[") - one_of(c, "}]");
	}
	item.len -= rest->len;
	return item;
}

static int is_string(struct text value)
{
	return value.len >= 2 && *value.at == '"';
}

/* What is between the quotes, escapes included. */
static struct text unquoted(struct text string)
{
	return (struct text){string.at + 1, string.len - 2};
}

static uint32_t hex4(struct text *t)
{
	uint32_t n = 0;
	for (int i = 0; i < 4 && t->len; i++, drop(t, 1))
		n = n << 4 | (uint32_t)(*t->at <= '9' ? *t->at - '0' : (*t->at | 0x20) - 'a' + 10);
	return n;
}

/* Reads what \u stands for. Half of a surrogate pair alone is U+FFFD. */
static uint32_t unescape(struct text *t)
{
	uint32_t c = hex4(t);
	if (c >= 0xd800 && c < 0xdc00 && begins(*t, TEXT("\\u"))) {
		struct text behind = *t;
		drop(&behind, 2);
		uint32_t low = hex4(&behind);
		if (low >= 0xdc00 && low < 0xe000) {
			*t = behind;
			return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	return c >= 0xd800 && c < 0xe000 ? 0xfffd : c;
}

/* Reads the next character between a string's quotes: UTF-8, or an escape. */
static uint32_t character(struct text *t)
{
	uint32_t c = (unsigned char)*t->at;
	drop(t, 1);
	if (c >= 0xc0) {
		uint32_t more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		for (c &= 0x3f >> more; more > 0 && t->len; more--, drop(t, 1))
			c = c << 6 | (*t->at & 0x3f);
		return c;
	}
	if (c != '\\' || t->len == 0)
		return c;
	c = (unsigned char)*t->at;
	drop(t, 1);
	switch (c) {
	case 'b': return '\b';
	case 'f': return '\f';
	case 'n': return '\n';
	case 'r': return '\r';
	case 't': return '\t';
	case 'u': return unescape(t);
	default: return c; /* a quote, a backslash, a slash */
	}
}

/* Whether two strings mean the same, however they are escaped. */
static int means(struct text string, struct text other)
{
	while (string.len && other.len)
		if (character(&string) != character(&other))
			return 0;
	return string.len == other.len;
}

/* An object's member, or nothing. Of several with the same key the last one counts. */
static struct text field(struct text object, struct text key)
{
	struct text rest = inside(object, '{'), found = TEXT("");
	for (;;) {
		struct text k = next(&rest), value = next(&rest);
		if (!is_string(k))
			return found;
		if (means(unquoted(k), key))
			found = value;
	}
}
