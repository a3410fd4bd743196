package socket_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/socket"
)

// penalized is a client that crashes channels.
type penalized struct {
	*rig
	t *testing.T
}

// crash joins a channel and crashes it. It returns for how many milliseconds the join
// was refused.
func (p *penalized) crash() (ms int) {
	p.t.Helper()
	p.receive(p.t, join("t"))
	p.settle(p.t)
	frames, end := p.written()
	if len(frames) != 1 || end != nil {
		p.t.Fatalf("the join is answered %q, end %v", frames, end)
	}
	if frames[0] != joined("t") {
		_, err := fmt.Sscanf(frames[0], `["1","1","t","phx_reply",{"status":"error","response":{"reason":"unavailable","retry_after_ms":%d}}]`, &ms)
		if err != nil {
			p.t.Fatalf("the join is answered %s", frames[0])
		}
		return ms
	}
	p.receive(p.t, `["1","2","t","crash",{}]`)
	p.expect(p.t, `["1","1","t","phx_error",{"reason":"channel_crash"}]`)
	return 0
}

func (p *penalized) want(ms int) {
	p.t.Helper()
	if got := p.crash(); got != ms {
		p.t.Errorf("refused for %d ms, want %d", got, ms)
	}
}

func onePenalized(t *testing.T, f func(p *penalized)) {
	synctest.Test(t, func(t *testing.T) { f(&penalized{newRig(t, socket.Config{}), t}) })
}

// TestJoinsAfterFailures: five channels may fail within ten seconds. Then joins are
// refused, for twice as long each time, up to a minute.
func TestJoinsAfterFailures(t *testing.T) {
	onePenalized(t, func(p *penalized) {
		for range 6 {
			p.want(0)
		}
		p.want(1000)
		time.Sleep(400*time.Millisecond + 1)
		p.want(600) // rounded up
		time.Sleep(600*time.Millisecond - 1)
		ms := 2000
		for range 3 { // each failure is one too many, since the others are not long ago
			p.want(0)
			p.want(ms)
			time.Sleep(time.Duration(ms) * time.Millisecond)
			ms *= 2
		}
		for range 3 {
			time.Sleep(10*time.Second + 1) // the others are long ago
			for range 6 {
				p.want(0)
			}
			ms = min(ms, 60_000)
			p.want(ms)
			time.Sleep(time.Duration(ms) * time.Millisecond)
			ms *= 2
		}
		time.Sleep(time.Minute + 1)
		for range 6 {
			p.want(0)
		}
		p.want(1000)
		if failed, refused := p.counts.Failed.Load(), p.counts.FailedJoins.Load(); failed != 6+3+3*6+6 || refused != 9 {
			t.Errorf("%d failures and %d refused joins are counted", failed, refused)
		}
	})
}

// TestFailuresNowAndThen are no reason to refuse a join.
func TestFailuresNowAndThen(t *testing.T) {
	onePenalized(t, func(p *penalized) {
		for range 100 {
			p.want(0)
			time.Sleep(2*time.Second + 1)
		}
	})
}

// TestPenaltyIsForJoins: channels that are joined go on, and fail for one penalty
// together.
func TestPenaltyIsForJoins(t *testing.T) {
	onePenalized(t, func(p *penalized) {
		const others = 20
		for i := range others {
			p.receive(t, join(fmt.Sprint("other", i)))
		}
		p.settle(t)
		p.written()
		for range 6 {
			p.want(0)
		}
		p.want(1000)
		p.receive(t, `["1","2","other0","quiet",{}]`, `["1","9","other1","phx_leave",{}]`, `[null,"3","phoenix","heartbeat",{}]`)
		p.settle(t)
		if frames, _ := p.written(); len(frames) != 3 {
			t.Errorf("a leave and a heartbeat are answered %q", frames)
		}
		for i := range others {
			p.receive(t, fmt.Sprintf(`["1","2","other%d","crash",{}]`, i))
		}
		p.settle(t)
		p.written()
		p.want(1000)
	})
}
