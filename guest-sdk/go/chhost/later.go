package chhost

// This file holds what a channel arranges for later: timers, broadcasts of
// other topics, answers. The host keeps it for the channel, across upgrades and
// until its end. Like all effects it is arranged when the callback has returned
// well.

// Info is what HandleInfo is told.
type Info struct {
	// Kind says what happened.
	Kind InfoKind
	// Key is the timer's; 0 for a broadcast.
	Key uint32
	// Topic is the broadcast's; for a timer it is the channel's own.
	Topic string
	// Event and Payload are the broadcast's, or what [Socket.SendAfter] was given.
	Event   string
	Payload Payload
}

// InfoKind says what happened.
type InfoKind uint32

// The kinds of Info. Those that a later host may have are never handed to
// HandleInfo of a plugin that was built with this package: it answers them with
// OK, as the contract wants.
const (
	InfoTimer     InfoKind = infoTimer     // a timer is due
	InfoBroadcast InfoKind = infoBroadcast // there was a broadcast to another topic
)

// info reads the event of handle_info. It is not known if a later host has sent
// something that this package does not know.
func (s *Socket) info() (info Info, known bool) {
	info = Info{Kind: InfoKind(s.ev.kind)}
	switch info.Kind {
	case InfoTimer:
		info.Key = s.ev.ref
	case InfoBroadcast:
	default:
		return Info{}, false
	}
	info.Topic, info.Event, info.Payload = s.Topic(), s.Event(), s.Payload()
	return info, true
}

// SendAfter sets a timer: HandleInfo is called with this event and payload when
// ms milliseconds have passed, once. A timer of this channel with the same key is
// replaced. It returns OK, so that it can be a callback's last line:
//
//	return s.SendAfter(1, 5000, "ping", nil)
//
// Less than 10 ms are raised to 10, more than a day (86,400,000 ms) panics. A
// channel has 16 timers at most, with payloads of 1 MiB together; a callback that
// wants more fails. Use it in every callback but Leave.
func (s *Socket) SendAfter(key uint32, ms int, event string, payload Sendable) OKResult {
	s.event("SendAfter")
	if ms > maxDelayMS {
		panic("chhost: SendAfter: a timer runs for a day at most, which is 86400000 ms")
	}
	data, flags := encode(payload)
	hostSendAfter(key, uint32(max(ms, minDelayMS)), event, data, flags)
	return OK
}

// Cancel ends the timer with this key: it does not come any more, even if it was
// due already. If there is none, nothing happens. Use it where SendAfter may be
// used.
func (s *Socket) Cancel(key uint32) {
	s.event("Cancel")
	hostCancel(key)
}

// Subscribe lets this channel listen to another topic, whatever plugin serves it:
// HandleInfo is called for each broadcast to it. A channel has 16 such topics at
// most; a callback that wants more fails. Topics of other tenants cannot be
// heard. Use it in Join, HandleIn and HandleInfo.
func (s *Socket) Subscribe(topic string) {
	s.event("Subscribe")
	hostSubscribe(topic)
}

// Unsubscribe ends what Subscribe began. If there was nothing, nothing happens.
// Use it where Subscribe may be used.
func (s *Socket) Unsubscribe(topic string) {
	s.event("Unsubscribe")
	hostUnsubscribe(topic)
}

// Ref returns in HandleIn what [Socket.ReplyTo] answers this event by, later and
// from another callback; 0 if the client does not wait for an answer. A number,
// to be kept in the assigns:
//
//	s.Assign(chhost.Map{"asked": s.Ref()})
//
// (A join is answered by its return, and elsewhere nobody waits.)
func (s *Socket) Ref() uint32 {
	ev := s.event("Ref")
	if ev.flags&flagWantsReply == 0 {
		return 0 // the field may have another meaning
	}
	return ev.ref
}

// ReplyTo answers an earlier event of this channel that its own callback has not
// answered: what the client's push receives as "ok". The host keeps a ref for
// 60 s, the newest 64 of a channel; any other is ignored. It returns OK, so that
// it can be a callback's last line. Use it in HandleIn and HandleInfo.
func (s *Socket) ReplyTo(ref uint32, payload Sendable) OKResult {
	s.event("ReplyTo")
	data, flags := encode(payload)
	hostReplyTo(ref, replyOK, data, flags)
	return OK
}

// ReplyErrorTo is like [Socket.ReplyTo], but the client's push receives "error".
func (s *Socket) ReplyErrorTo(ref uint32, payload Sendable) OKResult {
	s.event("ReplyErrorTo")
	data, flags := encode(payload)
	hostReplyTo(ref, replyError, data, flags)
	return OK
}
