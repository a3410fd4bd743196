package abi

import "slices"

// Imports returns the functions that the host serves under Module, in the order
// in which the contract describes them. All of them
// copy what they are given before they return, and none calls back into the
// guest.
func Imports() []Func {
	return slices.Concat(messageImports(), stateImports(), settingImports())
}

// messageImports send something to clients and channels.
func messageImports() []Func {
	return []Func{
		{
			ID: ImportReply, Name: "reply", Params: i32s("status", "ptr", "len", "flags"),
			Doc: "Answers this join or event: `status` 0 is ok, 1 is error, another number is a contract error. " +
				"The payload is any JSON value, or bytes. At most once per callback; dropped if the client does not wait for an answer. " +
				"In `connect` it names the socket or gives the reason of a refusal. " +
				"Wherever in the callback it is called, the host sends it where the callback's row says.",
			Example: `CH_EXPORT(handle_in) int32_t on_event(const ch_event *ev)
{
	(void)ev;
	ch_reply(CH_REPLY_OK, CH_LIT("{\"seen\":true}"), 0);
	return CH_OK;
}`,
		},
		{
			ID: ImportReplyTo, Name: "reply_to", Params: i32s("ref", "status", "ptr", "len", "flags"),
			Doc: "Answers an earlier event of this channel, whose `ref` the guest has kept, in the same way as `reply`. " +
				"The ref of an event is open if its own callback returned without a `reply`, until it is answered, for REF_SECONDS seconds at most, " +
				"and until the channel ends. At most MAX_OPEN_REFS are open in a channel; one more closes the oldest. A ref that is not open is ignored. " +
				"A join is answered when it returns, so that its ref is never open.",
			Example: `CH_EXPORT(handle_in) int32_t on_event(const ch_event *ev)
{
	ch_assign(&ev->ref, sizeof ev->ref); /* the answer comes with the timer */
	ch_send_after(1, 1000, CH_LIT("later"), 0, 0, 0);
	return CH_OK;
}

CH_EXPORT(handle_info) int32_t on_info(const ch_event *ev)
{
	uint32_t ref;
	if (ev->kind == CH_INFO_TIMER && ev->assigns_len == sizeof ref) {
		__builtin_memcpy(&ref, ev->assigns, sizeof ref);
		ch_reply_to(ref, CH_REPLY_OK, CH_LIT("{\"done\":true}"), 0);
	}
	return CH_OK;
}`,
		},
		{
			ID: ImportPush, Name: "push", Params: messageParams(),
			Doc: "Sends an event to this client only. The payload is a JSON object, or bytes.",
			Example: `CH_EXPORT(handle_out) int32_t on_broadcast(const ch_event *ev)
{
	(void)ev;
	ch_push(CH_LIT("hint"), CH_LIT("{\"text\":\"someone is here\"}"), 0);
	return CH_PASS;
}`,
		},
		{
			ID: ImportBroadcast, Name: "broadcast", Params: messageParams(),
			Doc: "Sends an event to every subscriber of this topic, this channel included. The payload is a JSON object, or bytes.",
			Example: `CH_EXPORT(handle_in) int32_t on_event(const ch_event *ev)
{
	ch_broadcast(ev->event, ev->event_len, ev->payload, ev->payload_len, 0);
	return CH_OK;
}`,
		},
		{
			ID: ImportBroadcastFrom, Name: "broadcast_from", Params: messageParams(),
			Doc: "Like `broadcast`, but to every subscriber except this channel. Other channels of the same user get it.",
			Example: `CH_EXPORT(join) int32_t on_join(const ch_event *ev)
{
	ch_broadcast_from(CH_LIT("user:joined"), ev->payload, ev->payload_len, 0);
	return CH_OK;
}`,
		},
		{
			ID: ImportBroadcastTo, Name: "broadcast_to", Params: append(i32s("topic_ptr", "topic_len"), messageParams()...),
			Doc: "Like `broadcast`, but to the subscribers of another topic of the same tenant, whatever plugin serves it. " +
				"Topics of other tenants cannot be named.",
			Example: `CH_EXPORT(handle_in) int32_t on_event(const ch_event *ev)
{
	ch_broadcast_to(CH_LIT("rooms:audit"), ev->event, ev->event_len, ev->payload, ev->payload_len, 0);
	return CH_OK;
}`,
		},
	}
}

// stateImports change what the host keeps for the channel.
func stateImports() []Func {
	return []Func{
		{
			ID: ImportAssign, Name: "assign", Params: i32s("ptr", "len"),
			Doc: "Replaces this channel's assigns, the state that the host keeps for it and hands in with every event. " +
				"Any bytes; the host never looks at them. The last call of a callback wins, length 0 empties them, " +
				"and the event keeps the old bytes until the callback returns. At most `chhost.assigns_max` bytes.",
			Example: `CH_EXPORT(join) int32_t on_join(const ch_event *ev)
{
	ch_assign(ev->payload, ev->payload_len); /* who it is, for the events to come */
	return CH_OK;
}`,
		},
		{
			ID: ImportSendAfter, Name: "send_after", Params: append(i32s("key", "delay_ms"), messageParams()...),
			Doc: "Arms a timer: after `delay_ms` milliseconds `handle_info` is called with kind TIMER, this event and payload, and the key in `ref`. " +
				"An armed timer of the channel with the same key is replaced. It comes once. " +
				"A delay below MIN_DELAY_MS is raised to it, one above MAX_DELAY_MS is a contract error. " +
				"Timers that are due come in the order of their times, later than asked for if the channel is busy. " +
				"They survive `upgrade` and end with the channel. " +
				"A callback that would arm more than MAX_TIMERS, or payloads of more than MAX_TIMER_BYTES bytes, fails with `too_many_timers`, and nothing of it happens.",
			Example: `CH_EXPORT(join) int32_t on_join(const ch_event *ev)
{
	(void)ev;
	ch_send_after(1, 5000, CH_LIT("tick"), CH_LIT("{\"user\":\"SYSTEM\"}"), 0);
	return CH_OK;
}`,
		},
		{
			ID: ImportCancel, Name: "cancel", Params: i32s("key"),
			Doc: "Disarms the timer of this key: it does not come any more, even if it was due already. A key without an armed timer is no error.",
			Example: `CH_EXPORT(handle_in) int32_t on_event(const ch_event *ev)
{
	if (ch_same(ev->event, ev->event_len, CH_LIT("quiet")))
		ch_cancel(1);
	return CH_OK;
}`,
		},
		{
			ID: ImportSubscribe, Name: "subscribe", Params: i32s("topic_ptr", "topic_len"),
			Doc: "Lets this channel hear a topic of the same tenant, whatever plugin serves it: each broadcast to it comes to `handle_info` with kind BROADCAST, " +
				"and that topic in `topic`. Subscribing twice changes nothing. " +
				"With the channel's own topic its broadcasts come to `handle_info` besides going to the client. " +
				"A callback that would have more than MAX_SUBSCRIPTIONS fails with `too_many_subscriptions`, and nothing of it happens.",
			Example: `CH_EXPORT(join) int32_t on_join(const ch_event *ev)
{
	(void)ev;
	ch_subscribe(CH_LIT("news:all"));
	return CH_OK;
}`,
		},
		{
			ID: ImportUnsubscribe, Name: "unsubscribe", Params: i32s("topic_ptr", "topic_len"),
			Doc: "Ends what `subscribe` began. A topic that was not subscribed to is no error; that of the channel goes on to reach the client.",
			Example: `CH_EXPORT(handle_in) int32_t on_event(const ch_event *ev)
{
	if (ch_same(ev->event, ev->event_len, CH_LIT("mute")))
		ch_unsubscribe(CH_LIT("news:all"));
	return CH_OK;
}`,
		},
	}
}

// settingImports are for the guest itself.
func settingImports() []Func {
	return []Func{
		{
			ID: ImportIntercept, Name: "intercept", Params: i32s("event_ptr", "event_len"),
			Doc: "Names an event whose broadcasts go through `handle_out`. Exact names, at most MAX_INTERCEPTS; naming one twice changes nothing. " +
				"If it is never called, every broadcast does.",
			Example: `CH_EXPORT(ch_init) int32_t init(void)
{
	ch_intercept(CH_LIT("user:joined"));
	ch_intercept(CH_LIT("user:left"));
	return CH_OK;
}`,
		},
		{
			ID: ImportAcceptBinary, Name: "accept_binary",
			Doc: "Says that the guest takes payloads that are bytes. Without it a client's binary event is answered with the error " +
				"`{\"reason\":\"binary_not_accepted\"}` and never reaches the guest.",
			Example: `CH_EXPORT(ch_init) int32_t init(void)
{
	ch_accept_binary();
	return CH_OK;
}`,
		},
		{
			ID: ImportLog, Name: "log", Params: i32s("level", "ptr", "len"),
			Doc: "Writes a line to the plugin's log: 0 debug, 1 info, 2 warn, 3 error; a level below counts as 0, one above as 3. " +
				"Bytes that are not UTF-8 are replaced, a long line is cut, too many lines are counted instead of kept. " +
				"Logs are kept whatever becomes of the callback.",
			Example: `CH_EXPORT(leave) int32_t on_leave(const ch_event *ev)
{
	ch_log(CH_LOG_INFO, ev->topic, ev->topic_len);
	return CH_OK;
}`,
		},
		{
			ID: ImportConfigGet, Name: "config_get", Params: i32s("key_ptr", "key_len", "buf", "cap"), Results: one(),
			Doc: "Reads a setting: writes at most `cap` bytes of its value to `buf` and returns the value's full length, " +
				"or -1 if there is no such setting. A result above `cap` means that the value was cut.",
			Example: `CH_EXPORT(ch_init) int32_t init(void)
{
	char greeting[64];
	int32_t n = ch_config_get(CH_LIT("greeting"), greeting, sizeof greeting);
	if (n < 0 || n > (int32_t)sizeof greeting) {
		ch_log(CH_LOG_ERROR, CH_LIT("set greeting to at most 64 bytes"));
		return CH_ERROR;
	}
	return CH_OK;
}`,
		},
	}
}

// messageParams are the parameters of the imports that send an event.
func messageParams() []Param {
	return i32s("event_ptr", "event_len", "ptr", "len", "flags")
}

// String returns the name under which a guest imports the function.
func (i Import) String() string {
	for _, f := range Imports() {
		if f.ID == i {
			return f.Name
		}
	}
	return "unknown"
}

// ImportSet is a set of imports.
type ImportSet uint64

// Imported makes a set.
func Imported(imports ...Import) ImportSet {
	var s ImportSet
	for _, i := range imports {
		s |= 1 << i
	}
	return s
}

// Has reports whether the import is in the set.
func (s ImportSet) Has(i Import) bool { return s>>i&1 != 0 }

// List returns the members in the order of their numbers.
func (s ImportSet) List() []Import {
	var list []Import
	for i := Import(0); i < 64; i++ {
		if s.Has(i) {
			list = append(list, i)
		}
	}
	return list
}
