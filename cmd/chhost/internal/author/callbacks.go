package author

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/wasm"
)

// callback is a row of the table of what can be called.
type callback struct {
	bit abi.Callback
	// inputs are the parts of the event that can be given, needs those of them
	// that have to be.
	inputs, needs string
	// kinds are the values of --kind, the first being the default.
	kinds []kind
	// payload is the event's if none is given. Default {}.
	payload string
	run     func(*wasm.Plugin, context.Context, *channel.Event) (channel.Result, error)
	// absent is what a host does if the plugin does not have the callback.
	absent string
}

// kind is a value of the event's kind.
type kind struct {
	name string
	set  func(*channel.Event)
}

// callbacks lists what can be called. A callback that is added to the contract
// is a row here, and a part of the event that it adds a row in inputs.
func callbacks() []callback {
	const every = "socket-assigns now seed "
	return []callback{
		{
			bit: abi.CallbackJoin, inputs: every + "topic assigns payload binary", needs: "topic",
			run: (*wasm.Plugin).Join,
		},
		{
			bit: abi.CallbackLeave, inputs: every + "topic assigns kind", needs: "topic",
			kinds: leaveKinds(), run: (*wasm.Plugin).Leave,
			absent: "the end of a channel is not told to it",
		},
		{
			bit: abi.CallbackHandleIn, inputs: every + "topic assigns event payload binary", needs: "topic event",
			run:    (*wasm.Plugin).HandleIn,
			absent: `each event of a client is answered with the error {"reason":"unhandled event"}`,
		},
		{
			bit: abi.CallbackHandleOut, inputs: every + "topic assigns event payload binary self", needs: "topic event",
			run:    (*wasm.Plugin).HandleOut,
			absent: "each broadcast is delivered as it is",
		},
		{
			bit: abi.CallbackHandleInfo, inputs: every + "topic assigns event payload binary kind key", needs: "topic event",
			kinds: infoKinds(), run: (*wasm.Plugin).HandleInfo,
			absent: "it is told of no timer and of no other topic",
		},
		{
			bit: abi.CallbackUpgrade, inputs: every + "topic assigns from", needs: "topic from",
			run:    (*wasm.Plugin).Upgrade,
			absent: "the assigns of the version before are taken over as they are",
		},
		{
			bit: abi.CallbackConnect, inputs: "now seed payload", payload: connection,
			run:    (*wasm.Plugin).Connect,
			absent: "every client may connect",
		},
	}
}

// connection is what a host says of a connection of which there is nothing to say.
const connection = `{"params":{},"claims":null,"auth_token":"","transport":"websocket","vsn":"2.0.0","peer":"127.0.0.1","origin":"","user_agent":"",` +
	`"uri":{"scheme":"http","host":"localhost","port":4000,"path":"/socket/websocket","query":""},"headers":{}}`

func (c *callback) name() string { return c.bit.Export() }

func leaveKinds() []kind {
	var kinds []kind
	for k := channel.LeaveLeft; k <= channel.LeaveKicked; k++ {
		name := strings.ToLower(abi.LeaveKind(k).String())
		kinds = append(kinds, kind{name, func(ev *channel.Event) { ev.Leave = k }})
	}
	return kinds
}

func infoKinds() []kind {
	return []kind{
		{"timer", func(ev *channel.Event) { ev.Info = channel.InfoTimer }},
		{"broadcast", func(ev *channel.Event) { ev.Info = channel.InfoBroadcast }},
	}
}

// CallbackNames lists the callbacks that can be called.
func CallbackNames() []string {
	var names []string
	for _, c := range callbacks() {
		names = append(names, c.name())
	}
	return names
}

func findCallback(name string) (*callback, error) {
	all := callbacks()
	if i := slices.IndexFunc(all, func(c callback) bool { return c.name() == name }); i >= 0 {
		return &all[i], nil
	}
	known := CallbackNames()
	if near := abi.Nearest(name, known); near != "" {
		return nil, inputFault("there is no callback %q: did you mean %s?", name, near)
	}
	return nil, inputFault("there is no callback %q: there are %s", name, strings.Join(known, ", "))
}

// input is a part of the event that can be given as text.
type input struct {
	name string
	set  func(ev *channel.Event, text string) error
}

// inputs lists the parts of an event, by the names of the command's flags. The
// kind is not here, since its values are the callback's.
func inputs() []input {
	return []input{
		{"topic", func(ev *channel.Event, text string) error {
			ev.Topic = text
			return phx.CheckName(text)
		}},
		{"event", setEvent},
		{"from", func(ev *channel.Event, text string) error {
			ev.Event = text
			return phx.CheckName(text)
		}},
		{"payload", func(ev *channel.Event, text string) (err error) {
			ev.Payload, err = object(text)
			return err
		}},
		{"binary", setBinary},
		{"assigns", func(ev *channel.Event, text string) error {
			ev.Assigns = []byte(text)
			return nil
		}},
		{"socket-assigns", func(ev *channel.Event, text string) error {
			payload, err := object(text)
			ev.SocketAssigns = payload.Data()
			return err
		}},
		{"now", func(ev *channel.Event, text string) (err error) {
			if ev.Now, err = time.Parse(time.RFC3339, text); err != nil {
				return errors.New("that is not a time like 2015-03-24T09:21:40Z")
			}
			return nil
		}},
		{"seed", func(ev *channel.Event, text string) (err error) {
			if ev.Seed, err = strconv.ParseUint(text, 0, 64); err != nil || ev.Seed == 0 {
				return errors.New("that is not a number from 1 to 18446744073709551615")
			}
			return nil
		}},
		{"key", func(ev *channel.Event, text string) error {
			key, err := strconv.ParseUint(text, 0, 32)
			if err != nil {
				return errors.New("that is not a number from 0 to 4294967295")
			}
			ev.Ref = uint32(key)
			return nil
		}},
		{"self", func(ev *channel.Event, text string) error {
			ev.Self = text == "true"
			return nil
		}},
	}
}

func setEvent(ev *channel.Event, text string) error {
	ev.Event = text
	if phx.ReservedEvent(text) {
		return errors.New("such events are the host's, a plugin never gets them")
	}
	return phx.CheckName(text)
}

func setBinary(ev *channel.Event, text string) error {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return errors.New("that is not base64, such as AAEC for the bytes 0, 1 and 2 (base64 < FILE writes it)")
	}
	ev.Payload = phx.Bytes(data)
	return nil
}

// object reads a JSON object, or says what is wrong with the text in more words
// than a client gets.
func object(text string) (phx.Payload, error) {
	payload, err := phx.Object([]byte(text))
	if !errors.Is(err, phx.ErrNotJSON) && !errors.Is(err, phx.ErrNotObject) {
		return payload, err
	}
	var value any
	reason := "that is JSON, but not an object"
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		reason = "that is not JSON (" + err.Error() + ")"
	}
	return payload, errors.New(reason + `: write an object, in quotes so that the shell leaves it as it is, such as '{"name":"Ada"}'`)
}
