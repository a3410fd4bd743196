package abi

// Constant is one number of the contract.
type Constant struct {
	// Name is upper case with underscores, unique in its group. The SDKs form
	// their identifiers from the group's prefix and this name.
	Name  string
	Value int64
	// Doc says what it means, in Markdown.
	Doc string
}

// Group is a set of numbers with one meaning.
type Group struct {
	// Name says what the numbers are, in the singular.
	Name string
	// GoPrefix and CPrefix start the identifiers in this package and in chhost.h.
	GoPrefix, CPrefix string
	// Doc says where the numbers are used, in Markdown.
	Doc string
	// Example is an expression in C.
	Example   string
	Constants []Constant
}

// Groups returns every number of the contract that a guest author meets, except
// the offsets, which are in Fields.
func Groups() []Group {
	return []Group{
		statusGroup(), replyGroup(), flagGroup(), payloadGroup(), leaveGroup(), infoGroup(), logGroup(), callbackGroup(), limitGroup(),
	}
}

func statusGroup() Group {
	return Group{
		Name: "status", GoPrefix: "Status", CPrefix: "CH_",
		Doc:     "What `ch_init` and the callbacks return.",
		Example: "return CH_OK;",
		Constants: []Constant{
			{Name: StatusOK.String(), Value: int64(StatusOK), Doc: "Carry out what the callback asked for."},
			{Name: StatusError.String(), Value: int64(StatusError), Doc: "The guest's own no. The instance lives on."},
			{Name: StatusStop.String(), Value: int64(StatusStop), Doc: "Carry it out, then close the channel; in join: refuse for good."},
			{Name: StatusIgnore.String(), Value: int64(StatusIgnore), Doc: "Leave a join without any answer."},
			{Name: StatusPass.String(), Value: int64(StatusPass), Doc: "Deliver the intercepted message unchanged."},
		},
	}
}

func replyGroup() Group {
	return Group{
		Name: "reply status", GoPrefix: "Reply", CPrefix: "CH_REPLY_",
		Doc:     "The argument `status` of `reply` and `reply_to`.",
		Example: `ch_reply(CH_REPLY_OK, 0, 0, 0)`,
		Constants: []Constant{
			{Name: "OK", Value: ReplyOK, Doc: "The client's push, join or connection succeeds."},
			{Name: "ERROR", Value: ReplyError, Doc: "The client's push, join or connection fails."},
		},
	}
}

func flagGroup() Group {
	return Group{
		Name: "event flag", GoPrefix: "Flag", CPrefix: "CH_EVENT_",
		Doc:     "Bits of the event struct's `flags`.",
		Example: "ev->flags & CH_EVENT_BINARY",
		Constants: []Constant{
			{Name: "BINARY", Value: FlagBinary, Doc: "The payload is bytes, not JSON."},
			{Name: "WANTS_REPLY", Value: FlagWantsReply, Doc: "The client waits for an answer to this join or event."},
			{Name: "SELF", Value: FlagSelf, Doc: "In `handle_out`: this channel sent the message."},
		},
	}
}

func payloadGroup() Group {
	return Group{
		Name: "payload flag", GoPrefix: "Payload", CPrefix: "CH_PAYLOAD_",
		Doc:     "Bits of the argument `flags` of the imports that take a payload. Any other bit is a contract error.",
		Example: `ch_push(CH_LIT("tile"), tile, sizeof tile, CH_PAYLOAD_BINARY)`,
		Constants: []Constant{
			{Name: "BINARY", Value: PayloadBinary, Doc: "The payload is bytes, not JSON."},
		},
	}
}

func leaveGroup() Group {
	return Group{
		Name: "leave kind", GoPrefix: "Leave", CPrefix: "CH_LEAVE_",
		Doc:     "The event struct's `kind` in `leave`: why the channel ended.",
		Example: "ev->kind == CH_LEAVE_LEFT",
		Constants: []Constant{
			{Name: LeaveLeft.String(), Value: int64(LeaveLeft), Doc: "The client left."},
			{Name: LeaveClosed.String(), Value: int64(LeaveClosed), Doc: "The client's connection ended."},
			{Name: LeaveReplaced.String(), Value: int64(LeaveReplaced), Doc: "The client joined the same topic again on the same socket."},
			{Name: LeaveShutdown.String(), Value: int64(LeaveShutdown), Doc: "The host ends or sends its clients elsewhere."},
			{Name: LeaveStopped.String(), Value: int64(LeaveStopped), Doc: "A callback returned STOP."},
			{Name: LeaveFailed.String(), Value: int64(LeaveFailed), Doc: "A callback returned ERROR, trapped or broke the contract."},
			{Name: LeaveKicked.String(), Value: int64(LeaveKicked), Doc: "The operator ended it."},
		},
	}
}

func infoGroup() Group {
	return Group{
		Name: "info kind", GoPrefix: "Info", CPrefix: "CH_INFO_",
		Doc:     "The event struct's `kind` in `handle_info`: what there is to know.",
		Example: "ev->kind == CH_INFO_TIMER",
		Constants: []Constant{
			{Name: InfoTimer.String(), Value: int64(InfoTimer), Doc: "A timer that `send_after` armed is due; `ref` is its key."},
			{Name: InfoBroadcast.String(), Value: int64(InfoBroadcast), Doc: "A broadcast to a topic that `subscribe` named; `topic` is that topic."},
		},
	}
}

func logGroup() Group {
	return Group{
		Name: "log level", GoPrefix: "Log", CPrefix: "CH_LOG_",
		Doc:     "The first argument of `log`.",
		Example: `ch_log(CH_LOG_WARN, CH_LIT("odd, but I go on"))`,
		Constants: []Constant{
			{Name: "DEBUG", Value: LogDebug, Doc: "For the author."},
			{Name: "INFO", Value: LogInfo, Doc: "Worth a line in production."},
			{Name: "WARN", Value: LogWarn, Doc: "Wrong, but handled."},
			{Name: "ERROR", Value: LogError, Doc: "Wrong, and somebody should look."},
		},
	}
}

func callbackGroup() Group {
	g := Group{
		Name: "callback", GoPrefix: "Callback", CPrefix: "CH_CALLBACK_",
		Doc:     "Bits of what `ch_callbacks` returns.",
		Example: "return CH_CALLBACK_JOIN | CH_CALLBACK_HANDLE_IN;",
	}
	for _, c := range Callbacks() {
		g.Constants = append(g.Constants, Constant{Name: c.String(), Value: int64(c), Doc: "The export `" + c.Export() + "`."})
	}
	return g
}

func limitGroup() Group {
	return Group{
		Name: "limit", GoPrefix: "", CPrefix: "CH_",
		Doc:     "Fixed numbers of the contract.",
		Example: "static char region[CH_MIN_BUFFER];",
		Constants: []Constant{
			{Name: "MIN_BUFFER", Value: MinBuffer, Doc: "Bytes that the first call of `ch_buffer` asks for."},
			{Name: "MAX_NAME", Value: MaxName, Doc: "Bytes of a topic, an event or a setting's key, at most; at least one."},
			{Name: "MAX_DEPTH", Value: MaxDepth, Doc: "Levels of nesting in a JSON payload, at most; one from a client has at most 128, so that it can be put into another."},
			{Name: "MAX_INTERCEPTS", Value: MaxIntercepts, Doc: "Different names that `intercept` takes, at most."},
			{Name: "MAX_TIMERS", Value: MaxTimers, Doc: "Armed timers of one channel, at most."},
			{Name: "MIN_DELAY_MS", Value: MinDelayMS, Doc: "Milliseconds of the shortest timer; a shorter `delay_ms` is raised to it."},
			{Name: "MAX_DELAY_MS", Value: MaxDelayMS, Doc: "Milliseconds of the longest timer: a day."},
			{Name: "MAX_TIMER_BYTES", Value: MaxTimerBytes, Doc: "Bytes that the payloads of all armed timers of one channel have together, at most."},
			{Name: "MAX_SUBSCRIPTIONS", Value: MaxSubscriptions, Doc: "Topics that one channel has subscribed to, at most."},
			{Name: "MAX_HOPS", Value: MaxHops, Doc: "Broadcasts in a row, each caused by the one before, at most."},
			{Name: "MAX_OPEN_REFS", Value: MaxOpenRefs, Doc: "Events of one channel that `reply_to` may still answer, at most."},
			{Name: "REF_SECONDS", Value: RefSeconds, Doc: "Seconds for which `reply_to` may answer an event."},
			{Name: "EVENT_SIZE", Value: EventSize, Doc: "Bytes of the event struct in this version."},
			{Name: "EVENT_ALIGN", Value: EventAlign, Doc: "The event struct's address is a multiple of this."},
		},
	}
}

// String returns the name of a single bit as documentation writes it.
func (c Callback) String() string {
	switch c {
	case CallbackJoin:
		return "JOIN"
	case CallbackLeave:
		return "LEAVE"
	case CallbackHandleIn:
		return "HANDLE_IN"
	case CallbackHandleOut:
		return "HANDLE_OUT"
	case CallbackHandleInfo:
		return "HANDLE_INFO"
	case CallbackUpgrade:
		return "UPGRADE"
	case CallbackConnect:
		return "CONNECT"
	case CallbackIdle:
		return "IDLE"
	}
	return "unknown"
}
