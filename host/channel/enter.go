package channel

import (
	"context"
	"fmt"
	"runtime/debug"
)

// call enters the membership's handler and checks what it returned.
func (c *Channel) call(m *membership, cb Callbacks, ev *Event) (Result, error) {
	res, err := enter(c.env.ctx, m.handler(), cb, ev)
	if err == nil {
		err = m.checkKept(res.Do)
	}
	return res, err
}

// enter calls a handler and checks what it returned.
func enter(ctx context.Context, h Handler, cb Callbacks, ev *Event) (res Result, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &PanicError{Value: r, Stack: debug.Stack()}
		}
	}()
	switch cb {
	case CallbackJoin:
		res, err = h.Join(ctx, ev)
	case CallbackLeave:
		res, err = h.Leave(ctx, ev)
	case CallbackHandleIn:
		res, err = h.HandleIn(ctx, ev)
	case CallbackHandleOut:
		res, err = h.HandleOut(ctx, ev)
	case CallbackHandleInfo:
		res, err = h.HandleInfo(ctx, ev)
	case CallbackUpgrade:
		res, err = h.(Upgrader).Upgrade(ctx, ev)
	case CallbackConnect:
		res, err = h.(Connector).Connect(ctx, ev)
	}
	if err == nil {
		err = res.check(cb, ev)
	}
	return res, err
}

// PanicError is how a native handler's panic is reported.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("channel: handler panicked: %v", e.Value) }
