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
	Stop   Status = "stop"
	Ignore Status = "ignore"
	Pass   Status = "pass"
	Crash  Status = "crash" // it panicked, or broke a rule
)

// Effect is one thing that a callback asked for.
type Effect struct {
	Kind    Kind
	Event   string // of a message; of Intercept
	Payload string // of a message, a reply; the state of Assign
	Binary  bool   // Payload is bytes
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
	Assign        Kind = "assign"
	Intercept     Kind = "intercept"
	AcceptBinary  Kind = "accept_binary"
)

// String writes the effects, each on a line of its own, such as
//
//	push new:burrito {"n":1}
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

// String writes the effect as one line.
func (e Effect) String() string {
	words := []string{string(e.Kind)}
	if e.Event != "" {
		words = append(words, e.Event)
	}
	switch {
	case e.Binary:
		words = append(words, strconv.Quote(e.Payload))
	case e.Payload != "":
		words = append(words, e.Payload)
	}
	return strings.Join(words, " ")
}

// outcome orders what was recorded as the host carries it out.
func (r *recorder) outcome(status double.Status) Outcome {
	o := Outcome{Status: Status(status), Log: r.log}
	if r.callback == double.Join {
		o.Effects = r.joined(status)
		return o
	}
	if status == double.Error {
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
	case double.Error:
		return []Effect{answer}
	}
	return nil
}
