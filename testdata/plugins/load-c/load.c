/*
 * The plugin that a server is measured with, as cheap as a guest can be: what
 * `make bench` and `chhost load` send to it is answered by one import or two.
 *
 *     echo      a reply with the payload
 *     new:msg   a broadcast of the payload, and the reply {}
 *     say       a broadcast of the payload; plain, no guest sees it on its way
 *     pass      the same, intercepted; handle_out lets it pass
 *     edit      the same, intercepted; handle_out pushes it with one more member
 */
#include "chhost.h"

/* The largest event under the host's default limits. */
CH_STATIC_BUFFER(360 * 1024)

enum {
	MAX_EDITED = 16 * 1024, /* Bytes of a payload that is edited, at most; a longer one passes. */
};

static int is(const ch_event *ev, const char *name, uint32_t len)
{
	return ch_same(ev->event, ev->event_len, name, len);
}

CH_EXPORT(ch_init) int32_t init(void)
{
	ch_intercept(CH_LIT("pass"));
	ch_intercept(CH_LIT("edit"));
	return CH_OK;
}

CH_EXPORT(join) int32_t on_join(const ch_event *ev)
{
	(void)ev;
	return CH_OK;
}

CH_EXPORT(handle_in) int32_t on_event(const ch_event *ev)
{
	if (is(ev, CH_LIT("echo"))) {
		ch_reply(CH_REPLY_OK, ev->payload, ev->payload_len, 0);
		return CH_OK;
	}
	ch_broadcast(ev->event, ev->event_len, ev->payload, ev->payload_len, 0);
	if (is(ev, CH_LIT("new:msg")))
		ch_reply(CH_REPLY_OK, CH_LIT("{}"), 0);
	return CH_OK;
}

/* What an edited payload is put together in; an instance runs one callback at a time. */
static char out[MAX_EDITED + 16];

/* memory.copy is one instruction; a loop would take as long as all the rest. */
__attribute__((target("bulk-memory"))) static void copy(char *to, const char *from, uint32_t n)
{
	__builtin_memcpy(to, from, n);
}

/* Whether the payload is an object without a member to put a comma before, or bytes. */
static int is_empty(const ch_event *ev)
{
	if (ev->flags & CH_EVENT_BINARY)
		return 1;
	for (uint32_t i = 1; i < ev->payload_len; i++)
		if (ev->payload[i] > ' ')
			return ev->payload[i] == '}';
	return 1;
}

CH_EXPORT(handle_out) int32_t on_broadcast(const ch_event *ev)
{
	static const char seen[] = "{\"seen\":true,";
	enum { ROOM = sizeof seen - 1 };
	if (!is(ev, CH_LIT("edit")) || ev->payload_len > MAX_EDITED || is_empty(ev))
		return CH_PASS;
	copy(out, seen, ROOM);
	copy(out + ROOM, ev->payload + 1, ev->payload_len - 1);
	ch_push(ev->event, ev->event_len, out, ROOM + ev->payload_len - 1, 0);
	return CH_OK;
}
