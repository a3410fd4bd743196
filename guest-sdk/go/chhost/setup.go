package chhost

import "errors"

// errNoHandleOut is returned when events are intercepted for nobody, which is
// most often a HandleOut with a wrong signature.
var errNoHandleOut = errors.New("Intercept was called, but the plugin has no method HandleOut(*chhost.Socket, string, chhost.Payload) chhost.OutResult")

// Setup is what Init settles. It may be used only until Init returns.
type Setup struct {
	open       bool
	intercepts bool
}

func (c *Setup) check(method string) {
	if !c.open {
		panic("chhost: Setup." + method + " was called after Init had returned")
	}
}

// Intercept names events whose broadcasts go through HandleOut: exact names, at
// most 64 of them. If it is never called, every broadcast does, which costs a
// call for each subscriber.
func (c *Setup) Intercept(events ...string) {
	c.check("Intercept")
	for _, event := range events {
		c.intercepts = true
		hostIntercept(event)
	}
}

// AcceptBinary lets clients send payloads that are bytes, see
// [Payload.IsBinary]. Without it they are answered with an error and never come
// here.
func (c *Setup) AcceptBinary() {
	c.check("AcceptBinary")
	hostAcceptBinary()
}

// Config returns a setting of the plugin, and whether there is one of that name.
func (c *Setup) Config(key string) (value string, ok bool) {
	c.check("Config")
	return config(key)
}

// config reads a setting, whatever its length.
func config(key string) (string, bool) {
	buf := make([]byte, 256)
	for {
		n := hostConfigGet(key, buf)
		switch {
		case n < 0:
			return "", false
		case int(n) <= len(buf):
			return string(buf[:n]), true
		}
		buf = make([]byte, n)
	}
}

// Level says how much a line of the log matters.
type Level int32

// The levels of the log.
const (
	LevelDebug Level = logDebug
	LevelInfo  Level = logInfo
	LevelWarn  Level = logWarn
	LevelError Level = logError
)

// Log writes a line to the plugin's log, which is kept even if the callback
// fails. What the plugin prints to standard output and standard error goes there
// too. The host limits length (1 KiB) and rate.
func Log(level Level, text string) { hostLog(int32(level), text) }
