package chhosttest

import (
	"errors"
	"fmt"

	"github.com/chhost/chhost/guest-sdk/go/chhost"
	"github.com/chhost/chhost/guest-sdk/go/internal/double"
)

// settings is what a plugin settles in Init.
type settings struct {
	intercepts []string
	binary     bool
	err        error
}

// initialize calls the plugin's Init.
func initialize(plugin chhost.Joiner, config map[string]string) (Outcome, *settings) {
	o, _ := call(plugin, double.Init, double.Event{}, config)
	s := &settings{err: o.Err}
	if o.Err == nil && o.Status != OK {
		s.err = errors.New("Init refused this version of the plugin: see the Outcome's Log")
	}
	for _, e := range o.Effects {
		switch e.Kind {
		case Intercept:
			s.intercepts = append(s.intercepts, e.Event)
		case AcceptBinary:
			s.binary = true
		}
	}
	return o, s
}

// call runs the callback, if the plugin has it.
func call(plugin chhost.Joiner, callback double.Callback, e double.Event, config map[string]string) (o Outcome, limits double.Limits) {
	r := &recorder{callback: callback, event: e, config: config}
	double.With(r, func(guest double.Guest) {
		defer func() {
			if p := recover(); p != nil {
				o = Outcome{Status: Crash, Log: r.log, Err: fault(p)}
			}
		}()
		limits = guest.Limits()
		r.limits = limits
		if callback != double.Init && !guest.Has(plugin, callback) {
			o = absent(callback)
			return
		}
		o = r.outcome(guest.Call(plugin, callback, e))
	})
	return o, limits
}

// absent is what the host does in place of a callback that a plugin lacks.
func absent(callback double.Callback) Outcome {
	switch callback {
	case double.HandleIn:
		return answered("unhandled event")
	case double.HandleOut:
		return Outcome{Status: Pass}
	}
	return Outcome{Status: OK}
}

// answered is the host's own error reply.
func answered(reason string) Outcome {
	return Outcome{Status: OK, Effects: []Effect{{Kind: ReplyError, Payload: `{"reason":"` + reason + `"}`}}}
}

// fault makes an error of what a callback panicked with.
func fault(p any) error {
	if err, ok := p.(error); ok {
		return err
	}
	return fmt.Errorf("panic: %v", p)
}
