package chhost

// Socket is one client's membership of one topic during one callback: the
// guide's socket. It may be used only until the callback returns; afterwards
// every method panics, because what it asked for would happen to another client.
type Socket struct {
	ev       *event // nil when the callback has returned
	callback uint32 // its bit
	topic    string
	name     string
	payload  *content // &short, if it is short
	assigns  *content
	short    content
	have     uint8 // which of the fields above were copied already
	answered bool
}

// Bits of Socket.have.
const (
	haveTopic = 1 << iota
	haveEvent
	havePayload
	haveAssigns
)

// end takes the event away, and what a Socket that is made together with this one
// must not keep alive: somebody may keep that one, or its payload.
func (s *Socket) end() { s.ev, s.payload, s.assigns = nil, nil, nil }

// event returns the event while there is one. The method's name is for the
// panic.
func (s *Socket) event(method string) *event {
	if s.ev == nil {
		panic("chhost: Socket." + method + " was called after the callback had returned: copy what you need before, and wait for what you started")
	}
	return s.ev
}

// Topic returns the channel's topic, such as "rooms:lobby". In HandleInfo of a
// broadcast it is that one's topic: keep the channel's own in the assigns if it
// is needed there.
func (s *Socket) Topic() string {
	ev := s.event("Topic")
	if s.have&haveTopic == 0 {
		s.topic = ev.topic.name()
		s.have |= haveTopic
	}
	return s.topic
}

// Event returns the event's name in HandleIn, HandleOut and HandleInfo, the
// name of the version before in Upgrade, and "" in Join and Leave.
func (s *Socket) Event() string {
	ev := s.event("Event")
	if s.have&haveEvent == 0 {
		s.name = ev.name.name()
		s.have |= haveEvent
	}
	return s.name
}

// Payload returns what the client sent: an object, or bytes if Init called
// [Setup.AcceptBinary]. In HandleOut and HandleInfo it is what was broadcast or
// given to [Socket.SendAfter]. In Leave and Upgrade it is empty.
func (s *Socket) Payload() Payload {
	ev := s.event("Payload")
	if s.have&havePayload == 0 {
		s.readPayload(ev)
	}
	return Payload{s.payload}
}

// read copies what Event and Payload return.
func (s *Socket) read(ev *event) {
	s.name = ev.name.name()
	s.have = haveEvent
	s.readPayload(ev)
}

// readPayload copies what Payload returns. A payload that is long has memory of its
// own, so that who keeps it, or another one, keeps nothing else that is long.
func (s *Socket) readPayload(ev *event) {
	s.payload = &s.short
	if ev.payload.len > maxShort {
		s.payload = new(content)
	}
	s.payload.data, s.payload.binary = ev.payload.copy(), ev.flags&flagBinary != 0
	s.have |= havePayload
}

// Assigns returns the channel's state: what [Socket.Assign] was last given,
// in this callback or an earlier one. It is empty at first.
func (s *Socket) Assigns() Payload {
	ev := s.event("Assigns")
	if s.have&haveAssigns == 0 {
		s.assigns = &content{data: ev.assigns.copy()}
		s.have |= haveAssigns
	}
	return Payload{s.assigns}
}

// SocketAssigns returns what Connect has assigned to the client's connection.
// If it assigned nothing, it is an object: the verified claims of the client's
// token, or {}. It is the same for all channels of a connection and never
// changes.
func (s *Socket) SocketAssigns() Payload {
	return Payload{&content{data: s.event("SocketAssigns").socketAssigns.copy()}}
}

// Now returns the time of this callback in milliseconds since the Unix epoch.
// It stands still while the callback runs. time.UnixMilli makes it a time.Time.
func (s *Socket) Now() int64 { return s.event("Now").nowMS }

// ID returns the number of this channel, that is of one client's membership of
// one topic, unique on this node of the host and below 2^53.
func (s *Socket) ID() uint64 { return s.event("ID").channel }

// WantsReply reports, in Join and HandleIn, whether the client waits for an
// answer. A reply to a client that does not is dropped, so there is no need to
// ask before replying.
func (s *Socket) WantsReply() bool { return s.event("WantsReply").flags&flagWantsReply != 0 }

// FromSelf reports, in HandleOut, whether this channel sent the broadcast.
func (s *Socket) FromSelf() bool { return s.event("FromSelf").flags&flagSelf != 0 }

// LeaveReason says in Leave why the channel ended. Elsewhere it is 0. New
// reasons may be added: take an unknown one as an end like any other.
func (s *Socket) LeaveReason() LeaveReason {
	ev := s.event("LeaveReason")
	if s.callback != callbackLeave {
		return 0 // the field has another meaning
	}
	return LeaveReason(ev.kind)
}

// LeaveReason says why a channel ended.
type LeaveReason uint32

// The reasons for the end of a channel.
const (
	Left     LeaveReason = leaveLeft     // the client left the topic
	Closed   LeaveReason = leaveClosed   // the client's connection ended
	Replaced LeaveReason = leaveReplaced // the client joined the topic again
	Shutdown LeaveReason = leaveShutdown // the host ends or sends its clients elsewhere
	Stopped  LeaveReason = leaveStopped  // a callback returned Stop
	Failed   LeaveReason = leaveFailed   // a callback panicked or returned Fail
	Kicked   LeaveReason = leaveKicked   // the operator ended it
)

// Config returns a setting of the plugin, and whether there is one of that name.
func (s *Socket) Config(key string) (value string, ok bool) {
	s.event("Config")
	return config(key)
}

// Broadcast sends an event to every subscriber of the channel's topic, this
// client included. Use it in Join, Leave, HandleIn and HandleInfo. Like the
// guide's broadcast! it returns OK, so that it can be a callback's last line.
func (s *Socket) Broadcast(event string, payload Sendable) OKResult {
	s.event("Broadcast")
	data, flags := encode(payload)
	hostBroadcast(event, data, flags)
	return OK
}

// BroadcastFrom is like [Socket.Broadcast], but leaves out this channel. Other
// channels of the same user get the event.
func (s *Socket) BroadcastFrom(event string, payload Sendable) OKResult {
	s.event("BroadcastFrom")
	data, flags := encode(payload)
	hostBroadcastFrom(event, data, flags)
	return OK
}

// BroadcastTo is like [Socket.Broadcast], but sends to the subscribers of another
// topic, whatever plugin serves it. Topics of other tenants cannot be reached.
func (s *Socket) BroadcastTo(topic, event string, payload Sendable) OKResult {
	s.event("BroadcastTo")
	data, flags := encode(payload)
	hostBroadcastTo(topic, event, data, flags)
	return OK
}

// Push sends an event to this client only: the guide's reply with an event. Use
// it in every callback. It returns OK, so that it can be a callback's last line.
func (s *Socket) Push(event string, payload Sendable) OKResult {
	s.event("Push")
	data, flags := encode(payload)
	hostPush(event, data, flags)
	return OK
}

// Reply answers this join or event: what the client's push receives as "ok". At
// most one answer can be given in a callback; wherever it is called, a join's
// reply is sent before and an event's reply after everything else. It returns
// OK, so that it can be a callback's last line. A join that is OK is answered
// with {} if Join gives no reply; an event is then not answered at all.
func (s *Socket) Reply(payload Sendable) OKResult {
	s.reply("Reply", replyOK, payload)
	return OK
}

// ReplyError answers this event: what the client's push receives as "error".
// Otherwise it is like [Socket.Reply]; the channel goes on. It is for HandleIn;
// Join returns [Refuse].
func (s *Socket) ReplyError(payload Sendable) OKResult {
	s.reply("ReplyError", replyError, payload)
	return OK
}

func (s *Socket) reply(method string, status int32, payload Sendable) {
	s.event(method)
	if s.answered {
		panic("chhost: " + method + " after an answer was given already: a callback answers once")
	}
	s.answered = true
	data, flags := encode(payload)
	hostReply(status, data, flags)
}

// Assign replaces the channel's state, which [Socket.Assigns] returns from now
// on; nil empties it. Use it in every callback but Leave. The host does not look
// inside. It keeps 16 KiB for each channel, or what its operator decided
// (setting "chhost.assigns_max"): check the size of what a client can make long.
// To change one key and keep the others:
//
//	s.Assign(s.Assigns().Merge(chhost.Map{"name": name}))
func (s *Socket) Assign(state Sendable) {
	s.event("Assign")
	s.assigns = assign(state)
	s.have |= haveAssigns
}

// assign hands a state to the host and returns it as it is from now on.
func assign(state Sendable) *content {
	data, _ := encode(state)
	hostAssign(data)
	if b, ok := state.(Bytes); ok {
		data = string(b) // the caller may go on to change b
	}
	return &content{data: data}
}
