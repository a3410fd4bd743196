package wasm

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
)

// TestLimitTable: every code stands in the table once, says what is bounded and where,
// and can be provoked.
func TestLimitTable(t *testing.T) {
	provoke := map[LimitCode]func() error{
		LimitOutOfTime: func() error {
			p := served(t, "puppet", Limits{callbackTime: 1})
			_, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opGrow, 100}, step{opGrow, 100}, step{opGrow, 100}))
			return err
		},
		LimitMemory: func() error {
			p := served(t, "puppet", Limits{Memory: 32 * wasmPage})
			_, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opGrow, 100}, step{opUnreachable}))
			return err
		},
		LimitTenantCPUExhausted: func() error {
			e := newTestEngine(t, Config{Share: func(string) Share { return Share{FuelPerSecond: 1} }})
			_, err := compile(t, e, "served/puppet", Limits{}).enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK)) // its start has used all
			return err
		},
		LimitTooManyTimers:        func() error { return fmt.Errorf("%s: %w", "a channel", channel.ErrTooManyTimers) },
		LimitTooManySubscriptions: func() error { return fmt.Errorf("%s: %w", "a channel", channel.ErrTooManySubscriptions) },
	}
	code := regexp.MustCompile(`^LimitError: limit (\w+) `)
	for _, name := range fixtures(t, "broken") {
		for _, phase := range []abi.Phase{abi.PhaseJoin, abi.PhaseHandleIn} {
			for _, want := range comments(t, name, phase.String()+": ") {
				m := code.FindStringSubmatch(want)
				if m == nil {
					continue
				}
				provoke[LimitCode(m[1])] = func() error {
					p := compile(t, newTestEngine(t, Config{}), name, Limits{callbackTime: time.Minute})
					_, err := p.enter(phase, event(`{"body":"`+strings.Repeat("x", 5000)+`"}`)) // for which ch_buffer is called again
					return err
				}
			}
		}
	}
	for _, row := range LimitTable() {
		if row.Bound == "" || row.Set == "" {
			t.Errorf("%s: the row is %+v", row.Code, row)
		}
		f := provoke[row.Code]
		if f == nil {
			t.Errorf("nothing provokes %s, or it stands in the table twice", row.Code)
			continue
		}
		delete(provoke, row.Code)
		err := f()
		if err == nil || !strings.Contains(err.Error(), string(row.Code)) {
			t.Errorf("%s: got %v", row.Code, err)
		}
		var limit *LimitError
		if errors.As(err, &limit) && limit.Limit != row.Code {
			t.Errorf("%s: the error's code is %s", row.Code, limit.Limit)
		}
	}
	for code := range provoke {
		t.Errorf("%s is missing in the table", code)
	}
}
