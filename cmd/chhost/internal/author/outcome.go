package author

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
)

// Outcome is what became of a callback.
type Outcome struct {
	Callback string `json:"callback"`
	// Status is what it returned: ok, error, stop, ignore or pass. Empty if it
	// failed.
	Status string `json:"status,omitempty"`
	// Effects are what a host would do, in this order.
	Effects []Effect `json:"effects"`
	// Failure says why the callback failed.
	Failure string `json:"failure,omitempty"`
	// Notes say what a host would not have done.
	Notes []string `json:"notes,omitempty"`
}

// Effect is one thing that a host would do. Of Payload, Base64, Assigns and
// AssignsBase64 at most one is set.
type Effect struct {
	// Kind is the import by which the plugin asked for it.
	Kind string `json:"kind"`
	// Ref is the event that a late reply answers, Key the timer's.
	Ref *uint32 `json:"ref,omitempty"`
	Key *uint32 `json:"key,omitempty"`
	// DelayMS is that of a timer, in milliseconds.
	DelayMS *int64 `json:"delay_ms,omitempty"`
	// Status is that of a reply: ok or error.
	Status string `json:"status,omitempty"`
	// Topic is another one than the channel's.
	Topic string `json:"topic,omitempty"`
	Event string `json:"event,omitempty"`
	// Payload is JSON, Base64 a payload of bytes.
	Payload json.RawMessage `json:"payload,omitempty"`
	Base64  *string         `json:"base64,omitempty"`
	// Assigns are the new ones; AssignsBase64 if they are no text.
	Assigns       *string `json:"assigns,omitempty"`
	AssignsBase64 *string `json:"assigns_base64,omitempty"`
}

// fill tells what a host makes of a result: the reply comes first in a join,
// which is answered unless it is ignored, and last elsewhere.
func (o *Outcome) fill(bit abi.Callback, result *channel.Result) {
	o.Status = statusName(result.Status)
	for _, e := range result.Do {
		o.Effects = append(o.Effects, effectOf(e))
	}
	reply := result.Reply
	if bit == abi.CallbackJoin && reply.Status == "" {
		switch result.Status {
		case channel.StatusOK:
			reply.Status = phx.StatusOK
		case channel.StatusError, channel.StatusStop:
			reply.Status = phx.StatusError
		}
	}
	if reply.Status == "" {
		return
	}
	answer := Effect{Kind: "reply", Status: string(reply.Status)}
	answer.setPayload(reply.Payload)
	if bit == abi.CallbackJoin {
		o.Effects = append([]Effect{answer}, o.Effects...)
	} else {
		o.Effects = append(o.Effects, answer)
	}
}

func statusName(s channel.Status) string { return strings.ToLower(abi.Status(s).String()) }

// effectOf takes an effect apart.
func effectOf(e channel.Effect) Effect {
	out := Effect{Kind: e.Kind().String(), Topic: e.Topic(), Event: e.Event()}
	switch e.Kind() {
	case channel.KindAssign:
		out.setAssigns(e.Assigns())
	case channel.KindCancel:
		out.Key = pointer(e.Key())
	case channel.KindSubscribe, channel.KindUnsubscribe:
	case channel.KindReplyTo:
		out.Ref, out.Status = pointer(e.Ref()), string(e.Status())
		out.setPayload(e.Payload())
	case channel.KindSendAfter:
		out.Key, out.DelayMS = pointer(e.Key()), pointer(e.Delay().Milliseconds())
		out.setPayload(e.Payload())
	default:
		out.setPayload(e.Payload())
	}
	return out
}

func pointer[T any](v T) *T { return &v }

func (e *Effect) setPayload(p phx.Payload) {
	if !p.IsBinary() {
		e.Payload = p.Data()
		return
	}
	e.Base64 = pointer(base64.StdEncoding.EncodeToString(p.Data()))
}

func (e *Effect) setAssigns(data []byte) {
	if isText(data) {
		e.Assigns = pointer(string(data))
	} else {
		e.AssignsBase64 = pointer(base64.StdEncoding.EncodeToString(data))
	}
}

// isText tells whether assigns, which are any bytes, can be shown as they are.
func isText(data []byte) bool {
	return utf8.Valid(data) && !strings.ContainsFunc(string(data), func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' })
}

// WriteText writes the outcome for people: the status, and a line for each
// effect.
func (o *Outcome) WriteText(w io.Writer) error {
	var b strings.Builder
	if o.Status != "" {
		fmt.Fprintf(&b, "status %s\n", o.Status)
	}
	for _, e := range o.Effects {
		b.WriteString(e.String() + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// String writes the effect as one line, as chhosttest does: bytes are a quoted Go
// string.
func (e Effect) String() string {
	words := []string{e.Kind}
	add := func(word string) {
		if word != "" {
			words = append(words, word)
		}
	}
	if e.Ref != nil {
		add(fmt.Sprint(*e.Ref))
	}
	if e.Key != nil {
		add(fmt.Sprint(*e.Key))
	}
	if e.DelayMS != nil {
		add(fmt.Sprint(*e.DelayMS))
	}
	add(e.Status)
	add(printable(e.Topic))
	add(printable(e.Event))
	switch {
	case e.Base64 != nil:
		add(quoted(*e.Base64))
	case e.Assigns != nil:
		add(oneLine(*e.Assigns))
	case e.AssignsBase64 != nil:
		add(quoted(*e.AssignsBase64))
	default:
		add(oneLine(string(e.Payload)))
	}
	return strings.Join(words, " ")
}

// quoted is what base64 stands for, as a quoted Go string.
func quoted(text string) string {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic("BUG: author: " + err.Error()) // it was encoded here
	}
	return strconv.Quote(string(data))
}

// oneLine keeps a text on its line. In JSON that the host has checked a line can
// only end between values.
func oneLine(text string) string {
	return strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(text)
}
