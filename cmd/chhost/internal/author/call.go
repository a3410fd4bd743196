package author

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/wasm"
)

// Call is one callback, to be called on one instance.
type Call struct {
	// Callback is its name, such as "handle_in".
	Callback string
	// Inputs are the parts of the event that were given, by the names of
	// [InputNames].
	Inputs map[string]string
	// Settings are what the plugin reads by config_get.
	Settings map[string]string
	// Limits are what the callback is held to.
	Limits wasm.Limits
	// CacheDir is [wasm.Config.CacheDir].
	CacheDir string
	// Compiler is [wasm.Config.Compiler].
	Compiler *wasm.Compiler
	// Log receives what the plugin logs.
	Log io.Writer
}

// InputNames lists the parts of an event that can be given.
func InputNames() []string {
	names := []string{"kind"}
	for _, in := range inputs() {
		names = append(names, in.name)
	}
	return names
}

// Prepared is a call whose inputs have been read.
type Prepared struct {
	call     Call
	callback *callback
	event    *channel.Event
}

// Prepare reads what was given. The error is an [*InputError].
func (c Call) Prepare() (*Prepared, error) {
	row, err := findCallback(c.Callback)
	if err != nil {
		return nil, err
	}
	p := &Prepared{call: c, callback: row}
	p.event, err = row.event(c.Inputs)
	return p, err
}

// event makes the event of what was given.
func (c *callback) event(given map[string]string) (*channel.Event, error) {
	takes := strings.Fields(c.inputs)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(takes, name) {
			return nil, inputFault("%s has no %s: it takes no --%s", c.name(), name, name)
		}
	}
	for _, name := range strings.Fields(c.needs) {
		if _, ok := given[name]; !ok {
			return nil, inputFault("%s needs --%s, such as --%s %s", c.name(), name, name, examples()[name])
		}
	}
	_, payload := given["payload"]
	if _, binary := given["binary"]; payload && binary {
		return nil, inputFault("--payload and --binary are both the event's payload: give one")
	}
	ev := c.blank()
	for _, in := range inputs() {
		if text, ok := given[in.name]; ok {
			if err := in.set(ev, text); err != nil {
				return nil, inputFault("--%s %s: %v", in.name, shorten(text), err)
			}
		}
	}
	if len(c.kinds) > 0 {
		if err := c.setKind(ev, given["kind"]); err != nil {
			return nil, err
		}
	}
	if _, key := given["key"]; key && ev.Info == channel.InfoBroadcast {
		return nil, inputFault("--key is a timer's: a broadcast has none")
	}
	return ev, nil
}

// blank is the event of which nothing is given.
func (c *callback) blank() *channel.Event {
	ev := &channel.Event{SocketAssigns: []byte("{}"), Now: time.Now()}
	switch c.bit {
	case abi.CallbackJoin, abi.CallbackHandleIn:
		ev.WantsReply, ev.Ref = true, 1
	}
	if c.bit != abi.CallbackConnect {
		ev.Channel = 1
	}
	if c.payload != "" {
		payload, err := phx.Object([]byte(c.payload))
		if err != nil {
			panic("BUG: author: " + err.Error()) // it is a constant
		}
		ev.Payload = payload
	}
	return ev
}

// setKind sets the kind of that name, or the default.
func (c *callback) setKind(ev *channel.Event, name string) error {
	if name == "" {
		name = c.kinds[0].name
	}
	i := slices.Index(c.kindNames(), name)
	if i < 0 {
		return inputFault("--kind %s: %s has the kinds %s", shorten(name), c.name(), strings.Join(c.kindNames(), ", "))
	}
	c.kinds[i].set(ev)
	return nil
}

func (c *callback) kindNames() []string {
	var names []string
	for _, k := range c.kinds {
		names = append(names, k.name)
	}
	return names
}

// examples are values for the inputs that a callback may need.
func examples() map[string]string {
	return map[string]string{"topic": "rooms:lobby", "event": "new:msg", "from": "rooms@1"}
}

// shorten makes what was given fit for one line of an error.
func shorten(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	if text == "" {
		return `""`
	}
	return printable(text)
}

// Run calls the callback on a fresh instance of the plugin. The error is a
// [*RefusedError], a [*FailedError], or that of ctx; the outcome is not nil
// if the callback was called.
func (p *Prepared) Run(ctx context.Context, m *Module) (*Outcome, error) {
	engine, err := wasm.NewEngine(wasm.Config{
		CacheDir: p.call.CacheDir,
		Compiler: p.call.Compiler,
		Logger:   newLog(p.call.Log),
		Now:      func() time.Time { return p.event.Now },
	})
	if err != nil {
		return nil, err
	}
	defer engine.Close(context.WithoutCancel(ctx))
	limits := p.call.Limits
	limits.Instances = 1
	plugin, err := engine.Compile(ctx, wasm.Module{Name: m.Name, Binary: m.Binary, Settings: p.call.Settings, Limits: limits})
	if err != nil {
		return nil, m.refused(err)
	}
	info, err := plugin.InspectInstance(ctx)
	if err != nil {
		return nil, err
	}
	if info.Callbacks&p.callback.bit == 0 {
		return nil, fmt.Errorf("%s has no %s: %s. It has %s", m.Name, p.callback.name(), p.callback.absent, strings.Join(callbackNames(info.Callbacks), ", "))
	}
	outcome := &Outcome{Callback: p.callback.name(), Effects: []Effect{}, Notes: p.notes(plugin.Traits())}
	result, err := p.callback.run(plugin, ctx, p.event)
	if err != nil {
		err = failed(p.callback, err)
		outcome.Failure = err.Error()
		return outcome, err
	}
	outcome.fill(p.callback.bit, &result)
	return outcome, nil
}

// notes say what a host would not have done.
func (p *Prepared) notes(traits *channel.Traits) []string {
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if p.callback.bit == abi.CallbackHandleIn && p.event.Payload.IsBinary() && !traits.AcceptBinary {
		note("a host would not call handle_in with bytes: the plugin does not accept them (accept_binary in ch_init)")
	}
	if p.callback.bit == abi.CallbackHandleOut && traits.Intercepts != nil {
		if _, ok := traits.Intercepts[p.event.Event]; !ok {
			note("a host would not call handle_out for %s: the plugin intercepts %s only", printable(p.event.Event), names(slices.Sorted(maps.Keys(traits.Intercepts))))
		}
	}
	if p.callback.bit == abi.CallbackJoin && len(p.event.Assigns) > 0 {
		note("a host calls join without assigns: they are empty until the plugin assigns some")
	}
	return notes
}

// FailedError is returned when a callback failed.
type FailedError struct {
	// What says what happened and what a host makes of it.
	What string
	// Err is the sandbox's error.
	Err error
}

func (e *FailedError) Error() string { return e.What + "\n" + e.Err.Error() }

func (e *FailedError) Unwrap() error { return e.Err }

// failed says what the failure of a callback means.
func failed(c *callback, err error) error {
	var (
		trap     *wasm.TrapError
		contract *wasm.ContractError
		limit    *wasm.LimitError
		refusal  *channel.Refusal
	)
	what := ""
	switch {
	case errors.As(err, &refusal):
		return &FailedError{fmt.Sprintf("%s was not called: a client would be answered {\"reason\":%q}", c.name(), refusal.Reason), err}
	case errors.As(err, &trap):
		what = "crashed; what a Go plugin panicked with is in the log above"
	case errors.As(err, &contract):
		what = "broke a rule of the contract (see abi/ABI.md)"
	case errors.As(err, &limit):
		what = "went beyond a limit"
	default:
		return err
	}
	means := "Nothing that it asked for happens; the client gets phx_error and joins again."
	switch c.bit {
	case abi.CallbackJoin:
		means = `Nothing that it asked for happens; the client's join is answered {"reason":"join crashed"}.`
	case abi.CallbackLeave:
		means = "Nothing that it asked for happens; the failure is logged."
	case abi.CallbackUpgrade:
		means = "Nothing that it asked for happens; the channel stays on the version before."
	case abi.CallbackConnect:
		means = "Nothing that it asked for happens; the client is refused with the status 500."
	}
	return &FailedError{fmt.Sprintf("%s %s. %s", c.name(), what, means), err}
}
