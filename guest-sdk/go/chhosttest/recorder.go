package chhosttest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/chhost/chhost/guest-sdk/go/internal/double"
)

// Limits of a host that is not configured otherwise.
const (
	maxPayload     = 320 << 10
	maxAssigns     = 16 << 10
	maxEffects     = 256
	maxEffectBytes = 1 << 20
)

// recorder is the host during one callback. It panics with an error where a
// host would end the callback for breaking the contract.
type recorder struct {
	callback double.Callback
	event    double.Event
	config   map[string]string
	effects  []Effect
	answer   *Effect
	bytes    int // of all payloads and states so far, the reply's included
	log      []string
	limits   double.Limits
}

// allowed are the effects that each callback may ask for.
var allowed = map[double.Callback][]Kind{
	double.Init:  {Intercept, AcceptBinary},
	double.Join:  {Reply, ReplyError, Push, Broadcast, BroadcastFrom, BroadcastTo, Assign, SendAfter, Cancel, Subscribe, Unsubscribe},
	double.Leave: {Push, Broadcast, BroadcastFrom, BroadcastTo},
	double.HandleIn: {
		Reply, ReplyError, ReplyTo, ReplyErrorTo, Push, Broadcast, BroadcastFrom, BroadcastTo, Assign, SendAfter, Cancel, Subscribe, Unsubscribe,
	},
	double.HandleOut:  {Push, Assign, SendAfter, Cancel},
	double.HandleInfo: {ReplyTo, ReplyErrorTo, Push, Broadcast, BroadcastFrom, BroadcastTo, Assign, SendAfter, Cancel, Subscribe, Unsubscribe},
	double.Upgrade:    {Push, Assign, SendAfter, Cancel},
	double.Connect:    {Reply, ReplyError, Assign},
}

func (r *recorder) broken(call, rule string) error {
	return fmt.Errorf("%s: %s: %s", r.callback, call, rule)
}

func (r *recorder) add(e Effect) {
	r.allow(e.Kind)
	if len(r.effects) == maxEffects {
		panic(r.broken(string(e.Kind), fmt.Sprintf("a callback may ask for %d effects at most", maxEffects)))
	}
	r.effects = append(r.effects, e)
}

// count adds to the bytes of this callback's effects.
func (r *recorder) count(k Kind, n int) {
	if r.bytes += n; r.bytes > maxEffectBytes {
		panic(r.broken(string(k), fmt.Sprintf("the effects of one callback may have %d bytes together", maxEffectBytes)))
	}
}

func (r *recorder) allow(k Kind) {
	if !slices.Contains(allowed[r.callback], k) {
		panic(r.broken(string(k), "this callback may not ask for it"))
	}
}

// message checks and adds an effect that has an event and a payload.
func (r *recorder) message(e Effect) {
	r.eventName(e.Kind, e.Event)
	e.Event = strings.Clone(e.Event)
	e.Payload, e.Binary = r.payload(e.Kind, e.Payload, e.Binary)
	if !e.Binary && !strings.HasPrefix(strings.TrimLeft(e.Payload, " \t\r\n"), "{") {
		panic(r.broken(string(e.Kind), "a payload has to be a JSON object or bytes"))
	}
	r.add(e)
}

// topic checks and copies the name of another topic.
func (r *recorder) topic(k Kind, topic string) string {
	r.name(string(k), topic)
	return strings.Clone(topic)
}

// payload checks a payload and returns it as it is sent. One that equals the
// event's was checked when it came in.
func (r *recorder) payload(k Kind, payload string, binary bool) (string, bool) {
	if len(payload) > maxPayload {
		panic(r.broken(string(k), fmt.Sprintf("the payload has %d bytes, %d are allowed", len(payload), maxPayload)))
	}
	r.count(k, len(payload))
	payload = strings.Clone(payload) // the plugin may reuse its bytes
	switch {
	case payload == r.event.Payload && r.event.Binary:
		return payload, true
	case binary:
		return payload, true
	case payload == "":
		return "{}", false
	case !utf8.ValidString(payload) || !json.Valid([]byte(payload)):
		panic(r.broken(string(k), fmt.Sprintf("the payload is no JSON: %.80q", payload)))
	case depth(payload) > r.limits.Depth:
		panic(r.broken(string(k), fmt.Sprintf("the payload is nested deeper than %d levels", r.limits.Depth)))
	}
	return payload, false
}

// depth returns how deep valid JSON is nested.
func depth(text string) int {
	deepest, level, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// isControl tells of ASCII's control characters only, as the host does: those
// from U+0080 to U+009F are ordinary.
func isControl(c rune) bool { return c < ' ' || c == 0x7f }

func (r *recorder) name(call, name string) {
	if name == "" || len(name) > r.limits.Name || !utf8.ValidString(name) || strings.ContainsFunc(name, isControl) {
		panic(r.broken(call, fmt.Sprintf("the name %.80q has to be UTF-8 of 1 to %d bytes without control characters", name, r.limits.Name)))
	}
}

// eventName checks the name of an event that is sent or intercepted.
func (r *recorder) eventName(k Kind, name string) {
	r.name(string(k), name)
	if strings.HasPrefix(name, "phx_") || name == "presence_state" || name == "presence_diff" {
		panic(r.broken(string(k), "the event "+name+" is the host's own"))
	}
}

func (r *recorder) Reply(ok bool, payload string, binary bool) {
	k := Reply
	if !ok {
		k = ReplyError
	}
	r.allow(k)
	payload, binary = r.payload(k, payload, binary)
	if ok && r.callback == double.Connect {
		r.socketName(payload)
	}
	r.answer = &Effect{Kind: k, Payload: payload, Binary: binary}
}

// socketName checks the reply by which connect names a socket.
func (r *recorder) socketName(payload string) {
	var named struct{ ID string }
	if err := json.Unmarshal([]byte(payload), &named); err != nil {
		panic(r.broken("reply", fmt.Sprintf("%.80q does not name a socket: %v", payload, err)))
	}
	r.name("reply", named.ID)
}

func (r *recorder) ReplyTo(ref uint32, ok bool, payload string, binary bool) {
	k := ReplyTo
	if !ok {
		k = ReplyErrorTo
	}
	payload, binary = r.payload(k, payload, binary)
	r.add(Effect{Kind: k, Ref: ref, Payload: payload, Binary: binary})
}

func (r *recorder) Push(event, payload string, binary bool) {
	r.message(Effect{Kind: Push, Event: event, Payload: payload, Binary: binary})
}

func (r *recorder) Broadcast(event, payload string, binary bool) {
	r.message(Effect{Kind: Broadcast, Event: event, Payload: payload, Binary: binary})
}

func (r *recorder) BroadcastFrom(event, payload string, binary bool) {
	r.message(Effect{Kind: BroadcastFrom, Event: event, Payload: payload, Binary: binary})
}

func (r *recorder) BroadcastTo(topic, event, payload string, binary bool) {
	r.message(Effect{Kind: BroadcastTo, Topic: r.topic(BroadcastTo, topic), Event: event, Payload: payload, Binary: binary})
}

func (r *recorder) SendAfter(key, ms uint32, event, payload string, binary bool) {
	r.message(Effect{Kind: SendAfter, Key: key, DelayMS: ms, Event: event, Payload: payload, Binary: binary})
}

func (r *recorder) Cancel(key uint32) { r.add(Effect{Kind: Cancel, Key: key}) }

func (r *recorder) Subscribe(topic string) {
	r.add(Effect{Kind: Subscribe, Topic: r.topic(Subscribe, topic)})
}

func (r *recorder) Unsubscribe(topic string) {
	r.add(Effect{Kind: Unsubscribe, Topic: r.topic(Unsubscribe, topic)})
}

func (r *recorder) Assign(data string) {
	if len(data) > maxAssigns {
		panic(r.broken(string(Assign), fmt.Sprintf("the state has %d bytes, %d are allowed", len(data), maxAssigns)))
	}
	r.count(Assign, len(data))
	r.add(Effect{Kind: Assign, Payload: strings.Clone(data)})
}

func (r *recorder) Intercept(event string) {
	r.eventName(Intercept, event)
	e := Effect{Kind: Intercept, Event: event}
	if slices.Contains(r.effects, e) {
		return
	}
	if r.add(e); len(r.effects) > r.limits.Intercepts {
		panic(r.broken(string(Intercept), fmt.Sprintf("a plugin may intercept %d events at most", r.limits.Intercepts)))
	}
}

func (r *recorder) AcceptBinary() { r.add(Effect{Kind: AcceptBinary}) }

func (r *recorder) Log(_ int32, text string) { r.log = append(r.log, strings.Clone(text)) }

func (r *recorder) ConfigGet(key string) (string, bool) {
	r.name("config_get", key)
	value, ok := r.config[key]
	return value, ok
}
