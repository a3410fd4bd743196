package wasm

import (
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/sys"
)

// clock is the guest's: it starts at the event's time and advances only by what
// the guest sleeps, which takes no time.
type clock struct {
	now   time.Time
	slept time.Duration
	mono  int64 // what the monotonic clock started at, in nanoseconds
}

// start begins a call. The host's clock may be set back; a monotonic clock may
// not, and a guest that waits for it to advance has to see that it does.
func (c *clock) start(now time.Time) {
	c.mono = max(c.mono+int64(c.slept), now.UnixNano())
	c.now, c.slept = now, 0
}

func (c *clock) time() time.Time { return c.now.Add(c.slept) }

func (c *clock) configure(config wazero.ModuleConfig) wazero.ModuleConfig {
	return config.
		WithWalltime(func() (int64, int32) {
			t := c.time()
			return t.Unix(), int32(t.Nanosecond())
		}, sys.ClockResolution(time.Millisecond)).
		WithNanotime(func() int64 { return c.mono + int64(c.slept) }, sys.ClockResolution(time.Millisecond)).
		WithNanosleep(func(ns int64) {
			c.slept += time.Duration(max(ns, 0))
			if c.slept > maxSleep || c.slept < 0 {
				panic(&LimitError{Limit: LimitSleep, Detail: fmt.Sprintf("a callback may sleep %v in all", maxSleep)})
			}
		})
}
