/*
 * The FoodChannel of the Phoenix Channels guide without an SDK: plugins/food in C, which sends the
 * same bytes (host/wasm/food_test.go compares the two). chhost.h is all that it takes:
 *
 *     clang --target=wasm32 -ffreestanding -nostdlib -O2 -I guest-sdk/c \
 *         -Wl,--no-entry -Wl,-z,stack-size=65536 -Wl,--stack-first \
 *         -o food.wasm testdata/plugins/food-c/food.c
 */
#include "json.h"

/* The largest event under the host's default limits: a payload of 320 KiB, 16 KiB of assigns, as
 * much of the socket's, and names. */
CH_STATIC_BUFFER(360 * 1024)

enum {
	MAX_IGNORED = 4096, /* Bytes of an ignore list at most; assigns have a bound. */
	MAX_PREDICTED = 16 * 1024, /* Bytes of a message that is looked into for each subscriber, at most. */
};

static struct text payload_of(const ch_event *ev)
{
	/* Bytes from another plugin's broadcast_to have no members. */
	return ev->flags & CH_EVENT_BINARY ? TEXT("") : (struct text){ev->payload, ev->payload_len};
}

static uint32_t flags_of(const ch_event *ev)
{
	return ev->flags & CH_EVENT_BINARY ? CH_PAYLOAD_BINARY : 0;
}

/* What an answer is put together in; an instance runs one callback at a time. The longest is a
 * message and its prediction, a list of ids is shorter. */
static char out[MAX_PREDICTED + 64];
static uint32_t out_len;

/* With memory.copy, the one instruction for it: a loop took as long as all the rest of a callback. */
__attribute__((target("bulk-memory"))) static void put(struct text t)
{
	uint32_t n = t.len < sizeof out - out_len ? t.len : sizeof out - out_len;
	__builtin_memcpy(out + out_len, t.at, n);
	out_len += n;
}

static int is_ignore_list(struct text list)
{
	if (list.len > MAX_IGNORED || *list.at != '[')
		return 0;
	for (struct text rest = inside(list, '['), id; id = next(&rest), id.len;)
		if (!is_string(id))
			return 0;
	return 1;
}

/* User.ignoring?: whether the subscriber ignores the user who joined. */
static int ignoring(struct text assigns, struct text joined)
{
	struct text user = field(joined, TEXT("user_id"));
	if (!is_string(user))
		return 0;
	for (struct text rest = inside(field(assigns, TEXT("ignore")), '['), id; id = next(&rest), id.len;)
		if (is_string(id) && means(unquoted(id), unquoted(user)))
			return 1;
	return 0;
}

/* MagicEightBall.prediction: it depends on the time alone. */
static struct text prediction(int64_t now_ms)
{
	static const struct text answers[] = {
		{CH_LIT("It is certain.")}, {CH_LIT("It is decidedly so.")}, {CH_LIT("Without a doubt.")},
		{CH_LIT("Yes definitely.")}, {CH_LIT("You may rely on it.")}, {CH_LIT("As I see it, yes.")},
		{CH_LIT("Most likely.")}, {CH_LIT("Outlook good.")}, {CH_LIT("Yes.")}, {CH_LIT("Signs point to yes.")},
		{CH_LIT("Reply hazy, try again.")}, {CH_LIT("Ask again later.")}, {CH_LIT("Better not tell you now.")},
		{CH_LIT("Cannot predict now.")}, {CH_LIT("Concentrate and ask again.")}, {CH_LIT("Don't count on it.")},
		{CH_LIT("My reply is no.")}, {CH_LIT("My sources say no.")}, {CH_LIT("Outlook not so good.")},
		{CH_LIT("Very doubtful.")},
	};
	const int64_t n = sizeof answers / sizeof answers[0];
	return answers[(now_ms % n + n) % n];
}

/* Dict.merge: the members of the message as they are, and the prediction in place of any it has. */
static void predict(const ch_event *ev)
{
	out_len = 0;
	put(TEXT("{"));
	for (struct text rest = inside(payload_of(ev), '{');;) {
		struct text key = next(&rest), value = next(&rest);
		if (!is_string(key))
			break;
		if (means(unquoted(key), TEXT("magic_8_ball_sez")))
			continue;
		put(key);
		put(TEXT(":"));
		put(value);
		put(TEXT(","));
	}
	put(TEXT("\"magic_8_ball_sez\":\""));
	put(prediction(ev->now_ms));
	put(TEXT("\"}"));
	ch_push(ev->event, ev->event_len, out, out_len, 0);
}

CH_EXPORT(ch_init) int32_t init(void)
{
	ch_intercept(CH_LIT("user:joined"));
	ch_intercept(CH_LIT("new:message"));
	return CH_OK;
}

CH_EXPORT(join) int32_t on_join(const ch_event *ev)
{
	if (!is((struct text){ev->topic, ev->topic_len}, TEXT("foods:all")))
		return CH_IGNORE;
	struct text list = field(payload_of(ev), TEXT("ignore"));
	if (list.len == 0)
		return CH_OK;
	if (!is_ignore_list(list)) {
		ch_reply(CH_REPLY_ERROR, CH_LIT("{\"reason\":\"ignore has to be a list of ids, at most 4096 bytes\"}"), 0);
		return CH_ERROR;
	}
	out_len = 0;
	put(TEXT("{\"ignore\":"));
	put(list);
	put(TEXT("}"));
	ch_assign(out, out_len);
	return CH_OK;
}

CH_EXPORT(leave) int32_t on_leave(const ch_event *ev)
{
	(void)ev;
	return CH_OK;
}

CH_EXPORT(handle_in) int32_t on_event(const ch_event *ev)
{
	struct text event = {ev->event, ev->event_len};
	if (begins(event, TEXT("new:")) && !is(event, TEXT("new:msg")) && !is(event, TEXT("new:message")))
		ch_push(ev->event, ev->event_len, ev->payload, ev->payload_len, flags_of(ev));
	else
		ch_broadcast(ev->event, ev->event_len, ev->payload, ev->payload_len, flags_of(ev));
	return CH_OK;
}

CH_EXPORT(handle_out) int32_t on_broadcast(const ch_event *ev)
{
	struct text event = {ev->event, ev->event_len}, assigns = {ev->assigns, ev->assigns_len};
	if (is(event, TEXT("user:joined"))) {
		if (ev->payload_len <= MAX_PREDICTED && !ignoring(assigns, payload_of(ev)))
			ch_push(ev->event, ev->event_len, ev->payload, ev->payload_len, flags_of(ev));
		return CH_OK;
	}
	if (!is(event, TEXT("new:message")) || ev->payload_len > MAX_PREDICTED)
		return CH_PASS;
	predict(ev);
	return CH_OK;
}
