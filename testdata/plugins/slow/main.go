// Command slow is a channel that takes its time: a join, or an echo, works for
// as many rounds as the client says. It really computes, because the clock that
// a guest sees is virtual: sleeping takes no time at all.
package main

import "github.com/chhost/chhost/guest-sdk/go/chhost"

// Slow is the channel of the topics "slow:*".
type Slow struct{}

var _ interface {
	chhost.Joiner
	chhost.Leaver
	chhost.InHandler
	chhost.Initializer
} = Slow{}

func init() { chhost.Register(Slow{}) }

// main is never run in a plugin, but the compiler wants it.
func main() {}

// Init takes bytes.
func (Slow) Init(c *chhost.Setup) error {
	c.AcceptBinary()
	return nil
}

// Join works, and lets everyone in who does not ask for a crash.
func (Slow) Join(s *chhost.Socket) chhost.JoinResult {
	params := s.Payload()
	work(rounds(params.JSON()))
	if crash, _ := params.Field("crash").Bool(); crash {
		panic("slow: crashed while joining, as asked")
	}
	return chhost.OK
}

// Leave tells the others.
func (Slow) Leave(s *chhost.Socket) {
	s.BroadcastFrom("left", nil)
}

// HandleIn does what each event asks for, and broadcasts those it does not know.
func (Slow) HandleIn(s *chhost.Socket, event string, payload chhost.Payload) chhost.InResult {
	switch event {
	case "echo":
		work(rounds(payload.JSON()))
		return s.Reply(payload)
	case "count":
		count, _ := s.Assigns().Field("count").Int()
		s.Assign(chhost.Map{"count": count + 1})
		return s.Reply(s.Assigns())
	case "crash":
		panic("slow: crashed, as asked")
	}
	s.Broadcast(event, payload)
	return s.Reply(nil)
}

// maxRounds bounds what a client may ask for.
const maxRounds = 1_000_000_000

// rounds is how long a payload wants the plugin to work: not at all if it does
// not say so.
func rounds(payload chhost.JSON) int64 {
	n, _ := payload.Field("rounds").Int()
	return min(n, maxRounds)
}

// work is Marsaglia's xorshift, and returns where it got to, so that no round is
// spared.
func work(rounds int64) uint64 {
	x := uint64(1)
	for range rounds {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}
