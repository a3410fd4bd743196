#include "chhost.h"

CH_STATIC_BUFFER(300 * 1024)

/* Of all broadcasts only these come to handle_out. */
CH_EXPORT(ch_init) int32_t init(void)
{
	ch_intercept(CH_LIT("user:joined"));
	return CH_OK;
}

/* foods:all is open; everybody who is there hears of a newcomer. */
CH_EXPORT(join) int32_t on_join(const ch_event *ev)
{
	if (!ch_same(ev->topic, ev->topic_len, CH_LIT("foods:all"))) {
		ch_reply(CH_REPLY_ERROR, CH_LIT("{\"reason\":\"unauthorized\"}"), 0);
		return CH_ERROR;
	}
	ch_broadcast(CH_LIT("user:joined"), ev->payload, ev->payload_len, 0);
	return CH_OK;
}

/* A message goes to everybody, and its sender learns that it did. */
CH_EXPORT(handle_in) int32_t on_event(const ch_event *ev)
{
	if (!ch_same(ev->event, ev->event_len, CH_LIT("new:msg"))) {
		ch_reply(CH_REPLY_ERROR, CH_LIT("{\"reason\":\"unknown event\"}"), 0);
		return CH_OK;
	}
	ch_broadcast(ev->event, ev->event_len, ev->payload, ev->payload_len, 0);
	ch_reply(CH_REPLY_OK, 0, 0, 0);
	return CH_OK;
}

/* Nobody is told of their own arrival. */
CH_EXPORT(handle_out) int32_t on_broadcast(const ch_event *ev)
{
	return ev->flags & CH_EVENT_SELF ? CH_OK : CH_PASS;
}
