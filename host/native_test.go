package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// The channels of plugins/ and testdata/plugins as native handlers, written
// independently of the guests: the conversations are run against both.

func natives() map[string]channel.Handler {
	return map[string]channel.Handler{
		"food": nativeFood(), "rooms": nativeRooms(), "chat": nativeChat(), "slow": nativeSlow(),
		"misbehaves": nativeMisbehaves(), "deaf": nativeDeaf(), "echo": nativeEcho(),
		"relay": channeltest.Relay("relay@1"), "ring": nativeRing(), "greedy": nativeGreedy(), "volley": nativeVolley(),
	}
}

func object(v any) phx.Payload {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	p, err := phx.Object(data)
	if err != nil {
		panic(err)
	}
	return p
}

func ok(v any) channel.Reply    { return channel.Reply{Status: phx.StatusOK, Payload: object(v)} }
func nope(v any) channel.Reply  { return channel.Reply{Status: phx.StatusError, Payload: object(v)} }
func reason(text string) fields { return fields{"reason": text} }

type fields = map[string]any

type (
	event  = channel.Event
	result = channel.Result
	effect = channel.Effect
)

func do(effects ...effect) (result, error) { return result{Do: effects}, nil }

func nativeFood() channel.Handler {
	answers := []string{
		"It is certain.", "It is decidedly so.", "Without a doubt.", "Yes definitely.", "You may rely on it.",
		"As I see it, yes.", "Most likely.", "Outlook good.", "Yes.", "Signs point to yes.",
		"Reply hazy, try again.", "Ask again later.", "Better not tell you now.", "Cannot predict now.", "Concentrate and ask again.",
		"Don't count on it.", "My reply is no.", "My sources say no.", "Outlook not so good.", "Very doubtful.",
	}
	const maxIgnored, maxRead = 4096, 16 << 10
	// read returns an object's members; what is none has none.
	read := func(object []byte) map[string]json.RawMessage {
		members := map[string]json.RawMessage{}
		_ = json.Unmarshal(object, &members)
		return members
	}
	// ids reads a list of strings, and whether it is one.
	ids := func(list json.RawMessage) (ids []string, ok bool) {
		var pointers []*string // nil for null
		ok = bytes.HasPrefix(list, []byte("[")) && len(list) <= maxIgnored && json.Unmarshal(list, &pointers) == nil && !slices.Contains(pointers, nil)
		for _, id := range pointers {
			if ok {
				ids = append(ids, *id)
			}
		}
		return ids, ok
	}
	return channel.Funcs{
		Name:       "food",
		Intercepts: []string{"user:joined", "new:message"},
		JoinFunc: func(_ context.Context, ev *event) (result, error) {
			if ev.Topic != "foods:all" {
				return result{Status: channel.StatusIgnore}, nil
			}
			list, given := read(ev.Payload.Data())["ignore"]
			if !given {
				return do()
			}
			if _, ok := ids(list); !ok {
				return result{Status: channel.StatusError, Reply: nope(reason("ignore has to be a list of ids, at most 4096 bytes"))}, nil
			}
			return do(channel.Assign(object(fields{"ignore": list}).Data()))
		},
		LeaveFunc: func(context.Context, *event) (result, error) { return do() },
		HandleInFunc: func(_ context.Context, ev *event) (result, error) {
			if strings.HasPrefix(ev.Event, "new:") && ev.Event != "new:msg" && ev.Event != "new:message" {
				return do(channel.Push(ev.Event, ev.Payload))
			}
			return do(channel.Broadcast(ev.Event, ev.Payload))
		},
		HandleOutFunc: func(_ context.Context, ev *event) (result, error) {
			message, long := read(ev.Payload.Data()), ev.Payload.Len() > maxRead
			if ev.Event == "new:message" {
				if long {
					return result{Status: channel.StatusPass}, nil
				}
				message["magic_8_ball_sez"], _ = json.Marshal(answers[ev.Now.UnixMilli()%int64(len(answers))])
				return do(channel.Push(ev.Event, object(message)))
			}
			ignored, _ := ids(read(ev.Assigns)["ignore"])
			var user *string
			if err := json.Unmarshal(message["user_id"], &user); long || err == nil && user != nil && slices.Contains(ignored, *user) {
				return do()
			}
			return do(channel.Push(ev.Event, ev.Payload))
		},
	}.Handler()
}

func nativeRooms() channel.Handler {
	push := func(name string) effect { return channel.Push(name, phx.Payload{}) }
	broadcast := func(name string) effect { return channel.Broadcast(name, phx.Payload{}) }
	return channel.Funcs{
		Name:         "rooms",
		Intercepts:   []string{"shout"},
		AcceptBinary: true,
		JoinFunc: func(_ context.Context, ev *event) (result, error) {
			switch ev.Topic {
			case "rooms:refuse":
				return result{Status: channel.StatusError, Reply: nope(reason("unauthorized"))}, nil
			case "rooms:banned":
				return result{Status: channel.StatusStop, Reply: nope(reason("banned"))}, nil
			case "rooms:crash":
				panic("join of rooms:crash")
			case "rooms:hello":
				return result{Reply: ok(fields{"welcome": true}), Do: []effect{channel.Push("hello", object(fields{"n": 1}))}}, nil
			case "rooms:open":
				return do(push("a"), broadcast("entered"), broadcast("shout"))
			}
			return do()
		},
		LeaveFunc: func(_ context.Context, ev *event) (result, error) {
			left := channel.BroadcastFrom("left", phx.Payload{})
			if ev.Topic == "rooms:open" {
				return do(left, push("bye"))
			}
			return do(left)
		},
		HandleInFunc: func(_ context.Context, ev *event) (result, error) {
			empty, echo := ok(fields{}), channel.Reply{Status: phx.StatusOK, Payload: ev.Payload}
			switch ev.Event {
			case "echo":
				return result{Reply: echo}, nil
			case "new:msg", "shout":
				return result{Do: []effect{channel.Broadcast(ev.Event, ev.Payload)}, Reply: empty}, nil
			case "others":
				return do(channel.BroadcastFrom(ev.Event, ev.Payload))
			case "order":
				return result{Do: []effect{push("a"), broadcast("b"), push("c")}, Reply: empty}, nil
			case "mixed":
				return result{Do: []effect{push("a"), broadcast("shout"), broadcast("b"), push("c")}, Reply: empty}, nil
			case "value":
				var message map[string]json.RawMessage
				_ = json.Unmarshal(ev.Payload.Data(), &message)
				value, err := phx.JSON(message["value"])
				return result{Reply: channel.Reply{Status: phx.StatusOK, Payload: value}}, err
			case "bin":
				return result{Do: []effect{channel.Push("bin", ev.Payload)}, Reply: echo}, nil
			case "bytes":
				return result{Do: []effect{
					channel.Push("bin", phx.Bytes([]byte{1, 2, 3})), channel.Broadcast("bin", phx.Bytes([]byte{4, 5})),
				}, Reply: empty}, nil
			case "bytes:reply":
				return result{Reply: channel.Reply{Status: phx.StatusOK, Payload: phx.Bytes([]byte{6})}}, nil
			case "stop":
				return result{Status: channel.StatusStop, Reply: ok(fields{"bye": 1})}, nil
			case "stop:last":
				return result{Status: channel.StatusStop, Do: []effect{push("a"), broadcast("b")}, Reply: ok(fields{"bye": 1})}, nil
			case "fail":
				return result{Status: channel.StatusError, Do: []effect{push("a"), broadcast("b")}, Reply: empty}, nil
			case "crash":
				panic("crash")
			}
			return result{Reply: nope(reason("unhandled event"))}, nil
		},
		HandleOutFunc: func(_ context.Context, ev *event) (result, error) { return do(channel.Push(ev.Event, ev.Payload)) },
	}.Handler()
}

func nativeChat() channel.Handler {
	// text is a string field of an object, or nothing.
	text := func(data []byte, field string) string {
		message := fields{}
		_ = json.Unmarshal(data, &message)
		s, _ := message[field].(string)
		return s
	}
	refuse := func(why string) channel.Reply { return nope(reason(why)) }
	ping := channel.SendAfter(1, 5*time.Second, "ping", phx.Payload{})
	return channel.Funcs{
		Name: "chat",
		JoinFunc: func(_ context.Context, ev *event) (result, error) {
			name := strings.TrimSpace(text(ev.Payload.Data(), "user"))
			switch {
			case ev.Topic != "rooms:lobby":
				return result{Status: channel.StatusError, Reply: refuse("unauthorized")}, nil
			case name == "":
				return result{Status: channel.StatusError, Reply: refuse("name needed")}, nil
			case utf8.RuneCountInString(name) > 32:
				return result{Status: channel.StatusError, Reply: refuse("name too long")}, nil
			case strings.EqualFold(name, "system"):
				return result{Status: channel.StatusError, Reply: refuse("name taken")}, nil
			}
			user := object(fields{"user": name})
			return do(channel.Assign(user.Data()), ping, channel.Broadcast("user:entered", user))
		},
		HandleInfoFunc: func(_ context.Context, ev *event) (result, error) {
			return do(ping, channel.Push("new:msg", object(fields{"user": "SYSTEM", "body": "ping"})))
		},
		LeaveFunc: func(_ context.Context, ev *event) (result, error) {
			return do(channel.Broadcast("user:left", object(fields{"user": text(ev.Assigns, "user")})))
		},
		HandleInFunc: func(_ context.Context, ev *event) (result, error) {
			body := text(ev.Payload.Data(), "body")
			switch {
			case ev.Event != "new:msg":
				return result{Reply: refuse("unhandled event")}, nil
			case strings.TrimSpace(body) == "":
				return result{Reply: refuse("message needed")}, nil
			case utf8.RuneCountInString(body) > 4000:
				return result{Reply: refuse("message too long")}, nil
			}
			message := object(fields{"user": text(ev.Assigns, "user"), "body": body})
			return result{Do: []effect{channel.Broadcast("new:msg", message)}, Reply: ok(fields{})}, nil
		},
	}.Handler()
}

func nativeMisbehaves() channel.Handler {
	return channel.Funcs{
		Name:     "misbehaves",
		JoinFunc: func(context.Context, *event) (result, error) { return do() },
		HandleInFunc: func(_ context.Context, ev *event) (result, error) {
			lost := channel.Broadcast("lost", phx.Payload{})
			switch ev.Event[0] {
			case 't':
				panic("trap")
			case 's':
				return result{Status: 99, Do: []effect{lost}}, nil
			case 'p': // as near as Go comes to it
				return do(lost, channel.Broadcast("", phx.Payload{}))
			case 'j':
				text, err := phx.JSON([]byte(`"no object"`))
				return result{Do: []effect{lost, channel.Broadcast("lost", text)}}, err
			}
			return result{Reply: channel.Reply{Status: phx.StatusOK, Payload: ev.Payload}}, nil
		},
	}.Handler()
}

// nativeSlow takes its time by doing nothing, a nanosecond for a round.
func nativeSlow() channel.Handler {
	type params struct {
		Rounds int64 `json:"rounds"`
		Crash  bool  `json:"crash"`
		Count  int   `json:"count"`
	}
	work := func(data []byte) (p params) {
		_ = json.Unmarshal(data, &p)
		time.Sleep(time.Duration(p.Rounds))
		return p
	}
	return channel.Funcs{
		Name:         "slow",
		AcceptBinary: true,
		JoinFunc: func(_ context.Context, ev *event) (result, error) {
			if work(ev.Payload.Data()).Crash {
				panic("crash")
			}
			return do()
		},
		LeaveFunc: func(context.Context, *event) (result, error) { return do(channel.BroadcastFrom("left", phx.Payload{})) },
		HandleInFunc: func(_ context.Context, ev *event) (result, error) {
			switch ev.Event {
			case "echo":
				work(ev.Payload.Data())
				return result{Reply: channel.Reply{Status: phx.StatusOK, Payload: ev.Payload}}, nil
			case "count":
				count := fields{"count": work(ev.Assigns).Count + 1}
				return result{Do: []effect{channel.Assign(object(count).Data())}, Reply: ok(count)}, nil
			case "crash":
				panic("crash")
			}
			return result{Do: []effect{channel.Broadcast(ev.Event, ev.Payload)}, Reply: ok(fields{})}, nil
		},
	}.Handler()
}

// nativeDeaf lets in and hears nothing.
func nativeDeaf() channel.Handler {
	return channel.Funcs{
		Name:     "deaf",
		JoinFunc: func(context.Context, *event) (result, error) { return do() },
	}.Handler()
}

func nativeEcho() channel.Handler {
	return channel.Funcs{
		Name:     "echo",
		JoinFunc: func(context.Context, *event) (result, error) { return do() },
		HandleInFunc: func(_ context.Context, ev *event) (result, error) {
			return result{Do: []effect{channel.Broadcast(ev.Event, ev.Payload)}, Reply: ok(fields{})}, nil
		},
	}.Handler()
}

func nativeRing() channel.Handler {
	tell := func(ev *event) effect { return channel.BroadcastTo("ring:0", ev.Event, ev.Payload) }
	return channel.Funcs{
		Name:         "ring",
		JoinFunc:     func(context.Context, *event) (result, error) { return do() },
		HandleInFunc: func(_ context.Context, ev *event) (result, error) { return do(channel.Subscribe("ring:0"), tell(ev)) },
		HandleInfoFunc: func(_ context.Context, ev *event) (result, error) {
			return do(channel.Push(ev.Event, ev.Payload), tell(ev))
		},
	}.Handler()
}

func nativeVolley() channel.Handler {
	// court is that of the side that the topic ends with, or the one opposite.
	court := func(ev *event, opposite byte) string { return "court:" + string(ev.Topic[len(ev.Topic)-1]^opposite) }
	return channel.Funcs{
		Name:     "volley",
		JoinFunc: func(context.Context, *event) (result, error) { return do() },
		HandleInFunc: func(_ context.Context, ev *event) (result, error) {
			return do(channel.Subscribe(court(ev, 0)), channel.BroadcastTo(court(ev, 3), ev.Event, ev.Payload))
		},
		HandleInfoFunc: func(_ context.Context, ev *event) (result, error) {
			return do(channel.Push(ev.Event, ev.Payload), channel.BroadcastTo(court(ev, 3), ev.Event, ev.Payload))
		},
	}.Handler()
}

func nativeGreedy() channel.Handler {
	return channel.Funcs{
		Name:     "greedy",
		JoinFunc: func(context.Context, *event) (result, error) { return do() },
		HandleInFunc: func(_ context.Context, ev *event) (result, error) {
			res := result{Reply: ok(fields{})}
			for n := range ev.Event {
				if ev.Event[0] == 't' {
					res.Do = append(res.Do, channel.SendAfter(uint32(n), time.Second, "t", phx.Payload{}))
				} else {
					res.Do = append(res.Do, channel.Subscribe(string(rune('a'+n))))
				}
			}
			return res, nil
		},
		HandleInfoFunc: func(_ context.Context, ev *event) (result, error) { return do(channel.Push(ev.Event, phx.Payload{})) },
	}.Handler()
}
