package abi

import "slices"

// Exports returns what a guest exports beside its memory (MemoryExport: exactly
// one, defined by the guest itself), in the order in which the contract
// describes it.
func Exports() []Func {
	return slices.Concat(setupExports(), channelExports(), otherExports())
}

func setupExports() []Func {
	return []Func{
		{
			Name: "ch_abi_version", Results: one(), Required: true, Phase: PhaseSetup,
			Doc: "Returns the version of the contract that the guest was built for: the major version in the upper 16 bits, " +
				"the minor in the lower. Another major version, or a minor above the host's, is refused.",
			Example: `/* chhost.h defines it; this is what it says */
__attribute__((export_name("ch_abi_version"))) int32_t version(void)
{
	return 0x00010000; /* 1.0 */
}`,
		},
		{
			Name: "ch_buffer", Params: i32s("size"), Results: one(), Required: true, Phase: PhaseSetup,
			Doc: "Returns the address of a region of at least `size` bytes (an unsigned number) into which the host writes events, " +
				"or 0 if there is no room. The region belongs to the host until a later `ch_buffer` returns another. " +
				"The first call, before any callback, asks for MIN_BUFFER bytes; a guest that answers 0 to it is refused. " +
				"Between callbacks the host calls again when an event needs more than there is. " +
				"After a 0 the old region then stays in use, the event that needed more is answered `{\"reason\":\"payload_too_large\"}` " +
				"(a broadcast or a timer is dropped), and the instance lives on.",
			Example: `static char region[64 * 1024];

CH_EXPORT(ch_buffer) void *buffer(uint32_t size)
{
	return size <= sizeof region ? region : 0;
}`,
		},
		{
			Name: "_initialize", Phase: PhaseSetup,
			Doc: "Called once, before everything else: the start of a WASI reactor. Constructors and the language's runtime start here. " +
				"Of the imports of this contract it may only call `log`.",
			Example: `/* chhost.h defines _initialize; what it calls are the constructors */
static int squares[8];

__attribute__((constructor)) static void fill(void)
{
	for (int i = 0; i < 8; i++)
		squares[i] = i * i;
}`,
		},
		{
			Name: "ch_callbacks", Results: one(), Phase: PhaseSetup,
			Doc: "Returns the bits of those exported callbacks that mean something, for SDKs that always export all of them. " +
				"Without it every exported callback counts. A bit whose export is missing, and a bit that this version does not know, " +
				"is a contract error; so is leaving out a callback that is required.",
			Example: `CH_EXPORT(ch_callbacks) int32_t callbacks(void)
{
	return CH_CALLBACK_JOIN | CH_CALLBACK_HANDLE_IN;
}`,
		},
		{
			Name: "ch_init", Results: one(), Phase: PhaseInit,
			Doc: "Settings: declares with `intercept` and `accept_binary` what the guest wants, and may refuse to start. " +
				"Called once per instance, after `ch_callbacks` and before the first `ch_buffer`. Returns a status; " +
				"anything but OK refuses the version.",
			Example: `CH_EXPORT(ch_init) int32_t init(void)
{
	ch_intercept(CH_LIT("user:joined"));
	return CH_OK;
}`,
		},
	}
}

// channelExports are the callbacks for what clients and other channels do.
func channelExports() []Func {
	return []Func{
		{
			Name: "join", Params: i32s("ev"), Results: one(), Required: true, Callback: CallbackJoin, Phase: PhaseJoin,
			Doc: "A client asks to join the topic; the payload is what it sent along. The callback authorizes: " +
				"OK lets the client in, ERROR tells it why not, STOP tells it so that it does not try again, " +
				"IGNORE leaves it without an answer.",
			Example: `CH_EXPORT(join) int32_t on_join(const ch_event *ev)
{
	if (ch_same(ev->topic, ev->topic_len, CH_LIT("rooms:lobby")))
		return CH_OK;
	ch_reply(CH_REPLY_ERROR, CH_LIT("{\"reason\":\"unauthorized\"}"), 0);
	return CH_ERROR;
}`,
		},
		{
			Name: "leave", Params: i32s("ev"), Results: one(), Callback: CallbackLeave, Phase: PhaseLeave,
			Doc: "The end of a channel; `kind` says why. It runs once for every join that returned OK, and for every membership that an operator made without asking, after the channel was unsubscribed. " +
				"After a crash (kind FAILED) it runs on another instance, with the assigns that were last kept. " +
				"A trap in it is logged and not tried again.",
			Example: `CH_EXPORT(leave) int32_t on_leave(const ch_event *ev)
{
	/* what join assigned here is a JSON object: {"name":"jo"} */
	ch_broadcast(CH_LIT("user:left"), ev->assigns, ev->assigns_len, 0);
	return CH_OK;
}`,
		},
		{
			Name: "handle_in", Params: i32s("ev"), Results: one(), Callback: CallbackHandleIn, Phase: PhaseHandleIn,
			Doc: "A client sent an event to the topic. Without this callback every event is answered with the error " +
				"`{\"reason\":\"unhandled event\"}`.",
			Example: `CH_EXPORT(handle_in) int32_t on_event(const ch_event *ev)
{
	if (ch_same(ev->event, ev->event_len, CH_LIT("new:msg")))
		ch_broadcast(ev->event, ev->event_len, ev->payload, ev->payload_len, 0);
	return CH_OK;
}`,
		},
		{
			Name: "handle_out", Params: i32s("ev"), Results: one(), Callback: CallbackHandleOut, Phase: PhaseHandleOut,
			Doc: "A broadcast is on its way to this subscriber: called once per subscriber, each with its own assigns. " +
				"The callback decides what this one client gets: the message (PASS), something else (`push` and OK), or nothing (OK). " +
				"If `ch_init` called `intercept`, only those events come here; if it never did, every broadcast does. " +
				"Without this callback broadcasts are encoded once for all and no guest is entered.",
			Example: `CH_EXPORT(handle_out) int32_t on_broadcast(const ch_event *ev)
{
	if (ev->flags & CH_EVENT_SELF)
		return CH_OK; /* the sender does not see its own message */
	return CH_PASS;
}`,
		},
	}
}

// otherExports are the callbacks for everything else: what the channel itself
// arranged, its plugin's next version, the socket, the instance.
func otherExports() []Func {
	return []Func{
		{
			Name: "handle_info", Params: i32s("ev"), Results: one(), Callback: CallbackHandleInfo, Phase: PhaseHandleInfo,
			Doc: "A timer of this channel is due, or another topic that it has subscribed to had a broadcast; `kind` says which. " +
				"Without this callback timers and such broadcasts are dropped.",
			Example: `CH_EXPORT(handle_info) int32_t on_info(const ch_event *ev)
{
	switch (ev->kind) {
	case CH_INFO_TIMER: /* again in five seconds, under the same key */
		ch_push(ev->event, ev->event_len, ev->payload, ev->payload_len, 0);
		ch_send_after(ev->ref, 5000, ev->event, ev->event_len, ev->payload, ev->payload_len, 0);
		break;
	case CH_INFO_BROADCAST:
		ch_push(ev->event, ev->event_len, ev->payload, ev->payload_len, 0);
		break;
	}
	return CH_OK; /* to kinds of a later version, too */
}`,
		},
		{
			Name: "upgrade", Params: i32s("ev"), Results: one(), Callback: CallbackUpgrade, Phase: PhaseUpgrade,
			Doc: "This channel moves to this version of the plugin: called on an instance of the new version, with the assigns of the old one. " +
				"`event` is the old version's name, such as `foods@6`. It is the place to bring assigns into a new form. " +
				"Without this callback they carry over as they are. Timers, subscriptions and refs carry over in any case.",
			Example: `CH_EXPORT(upgrade) int32_t on_upgrade(const ch_event *ev)
{
	if (ev->assigns_len > 0 && ev->assigns[0] == '{')
		return CH_OK; /* JSON already */
	ch_assign(CH_LIT("{}"));
	return CH_OK;
}`,
		},
		{
			Name: "connect", Params: i32s("ev"), Results: one(), Callback: CallbackConnect, Phase: PhaseConnect,
			Doc: "A client opens a socket, before it joins anything. It is only called in the one plugin that the operator names as the socket plugin. " +
				"The payload says who connects and how, see the event struct. " +
				"What `assign` gets are the socket's assigns, which every event of this socket brings to every plugin. " +
				"Without this callback every client may connect.",
			Example: `CH_EXPORT(connect) int32_t on_connect(const ch_event *ev)
{
	ch_assign(ev->payload, ev->payload_len);
	ch_reply(CH_REPLY_OK, CH_LIT("{\"id\":\"users:7\"}"), 0);
	return CH_OK;
}`,
		},
		{
			Name: "ch_idle", Results: one(), Callback: CallbackIdle, Phase: PhaseIdle,
			Doc: "Housekeeping: called between callbacks when this instance has nothing to do, as often as the host finds useful, perhaps never. " +
				"A guest whose language collects garbage can do it here.",
			Example: `static int32_t in_use;

CH_EXPORT(ch_idle) int32_t idle(void)
{
	in_use = 0; /* forget what was kept to be quick */
	return CH_OK;
}`,
		},
	}
}
