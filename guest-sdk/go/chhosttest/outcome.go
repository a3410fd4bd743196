package chhosttest

import (
	"strconv"
	"strings"

	"github.com/chhost/chhost/guest-sdk/go/internal/double"
)

// Outcome is what became of one callback.
type Outcome struct {
	Status Status
	// Effects are carried out, in this order. They are empty if the callback
	// crashed or failed. The answer to a join is its first, the answer to an event
	// its last effect.
	Effects []Effect
	// Log holds the lines that the callback logged, whatever became of it.
	Log []string
	// Err says why the callback crashed: its panic, or the rule of the host that
	// it broke.
	Err error
}

// Status is what a callback returned.
type Status string

// The statuses.
const (
	OK     Status = "ok"
	Error  Status = "error" // Refuse or Fail
	Stop   Status = "stop"  // Stop or RefuseForGood
	Ignore Status = "ignore"
	Pass   Status = "pass"
	Crash  Status = "crash" // it panicked, or broke a rule
)

// Effect is one thing that a callback asked for.
type Effect struct {
	Kind    Kind
	Topic   string // of BroadcastTo, Subscribe, Unsubscribe
	Event   string // of a message, a timer; of Intercept
	Payload string // of a message, a timer, a reply; the state of Assign
	Binary  bool   // Payload is bytes
	Key     uint32 // of SendAfter, Cancel
	DelayMS uint32 // of SendAfter, in milliseconds
	Ref     uint32 // of ReplyTo, ReplyErrorTo
}

// Kind says what an effect is.
type Kind string

// The kinds of effects.
const (
	Reply         Kind = "reply ok"
	ReplyError    Kind = "reply error"
	Push          Kind = "push"
	Broadcast     Kind = "broadcast"
	BroadcastFrom Kind = "broadcast_from"
	BroadcastTo   Kind = "broadcast_to"
	ReplyTo       Kind = "reply_to ok"
	ReplyErrorTo  Kind = "reply_to error"
	Assign        Kind = "assign"
	SendAfter     Kind = "send_after"
	Cancel        Kind = "cancel"
	Subscribe     Kind = "subscribe"
	Unsubscribe   Kind = "unsubscribe"
	Intercept     Kind = "intercept"
	AcceptBinary  Kind = "accept_binary"
)

// String writes the effects, each on a line of its own, such as
//
//	push new:burrito {"n":1}
//	broadcast_to news:all hello {}
//	send_after 1 5000 ping {}
//	cancel 1
//	subscribe news:all
//	reply_to 7 ok {}
//	reply ok {}
//
// and after them the status, unless it is ok (or the error reply of a refused
// join has said it). Bytes are written as a quoted Go string.
func (o Outcome) String() string {
	var lines []string
	refused := false
	for _, e := range o.Effects {
		lines = append(lines, e.String())
		refused = e.Kind == ReplyError
	}
	switch {
	case o.Err != nil:
		lines = append(lines, string(o.Status)+": "+o.Err.Error())
	case o.Status != OK && !(refused && o.Status == Error):
		lines = append(lines, string(o.Status))
	}
	return strings.Join(lines, "\n")
}

// Outcomes are those of several callbacks, one after the other.
type Outcomes []Outcome

// String writes each that has anything to say, on lines of its own.
func (o Outcomes) String() string {
	var texts []string
	for _, outcome := range o {
		if text := outcome.String(); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "\n")
}

// String writes the effect as one line.
func (e Effect) String() string {
	name, status, _ := strings.Cut(string(e.Kind), " ")
	words := []string{name}
	switch e.Kind {
	case SendAfter:
		words = append(words, decimal(e.Key), decimal(e.DelayMS))
	case Cancel:
		words = append(words, decimal(e.Key))
	case ReplyTo, ReplyErrorTo:
		words = append(words, decimal(e.Ref))
	}
	for _, word := range []string{status, e.Topic, e.Event} {
		if word != "" {
			words = append(words, word)
		}
	}
	switch {
	case e.Binary:
		words = append(words, strconv.Quote(e.Payload))
	case e.Payload != "":
		words = append(words, e.Payload)
	}
	return strings.Join(words, " ")
}

func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// outcome orders what was recorded as the host carries it out.
func (r *recorder) outcome(status double.Status) Outcome {
	o := Outcome{Status: Status(status), Log: r.log}
	if r.callback == double.Join {
		o.Effects = r.joined(status)
		return o
	}
	if status == double.Error {
		if r.callback == double.Connect && r.answer != nil {
			o.Effects = []Effect{*r.answer} // the body of the refusal
		}
		return o
	}
	o.Effects = r.effects
	if r.answer != nil {
		o.Effects = append(o.Effects, *r.answer)
	}
	return o
}

// joined is the outcome of a join: the answer comes first, and is all that is
// left of a refused one.
func (r *recorder) joined(status double.Status) []Effect {
	answer := Effect{Kind: Reply, Payload: "{}"}
	if r.answer != nil {
		answer = *r.answer
	}
	switch status {
	case double.OK:
		if answer.Kind != Reply {
			panic(r.broken("reply", "a join that is OK was answered with an error: return Refuse"))
		}
		return append([]Effect{answer}, r.effects...)
	case double.Error, double.Stop:
		return []Effect{answer}
	}
	return nil
}
