package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// tooMany is how many connections may fail before a ramp is given up, if they are
// more than those that joined.
const tooMany = 100

// knock opens a connection and closes it, before anything is measured: a server
// that has just been started takes connections before it has compiled its plugins,
// and that is not what a connection costs. A process that is named with --pid is
// waited for until it listens. Where this fails, so would all, and the error says
// why.
func (r *run) knock(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	conn, err := r.dialers[0].Dial(bounded)
	for errors.Is(err, syscall.ECONNREFUSED) && r.cfg.PID != 0 && sleep(bounded, 10*time.Millisecond) {
		if _, gone := memory(r.cfg.PID); gone != nil {
			break
		}
		if next, again := r.dialers[0].Dial(bounded); bounded.Err() == nil {
			conn, err = next, again
		}
	}
	switch {
	case err == nil:
		_ = r.shut(conn, closeWait) // a server that does not answer has been reached
		return nil
	case isOver(ctx):
		return nil // told elsewhere
	}
	return r.explain(&stepError{"connect", r.plain(err), err})
}

// ramp opens all connections, several at a time, and joins their topics. The
// first is alone: where it fails, so would all, and the error says why.
func (r *run) ramp(ctx context.Context) error {
	conns := r.cfg.ramped()
	before := r.usage()
	if err := r.add(ctx, 0); err != nil {
		if isOver(ctx) {
			return nil
		}
		return r.explain(err)
	}
	var next, failed atomic.Int64
	var dialing sync.WaitGroup
	for range min(r.cfg.AtOnce, conns-1) {
		dialing.Go(func() {
			for ctx.Err() == nil && (failed.Load() < tooMany || failed.Load() < r.alive.Load()) {
				n := int(next.Add(1))
				if n >= conns || !r.pace(ctx, r.begin, n) {
					return
				}
				if err := r.add(ctx, n); err != nil && !isOver(ctx) {
					failed.Add(1)
					r.faults.add(err.Error(), 1)
				}
			}
		})
	}
	dialing.Wait()
	r.report.Connections = len(r.all())
	r.report.Ramp = stage("connect+join", int64(r.report.Connections), before, r.usage(), nil)
	if used := r.report.Ramp.ServerSeconds; used != nil && *used == 0 && r.report.Connections > 0 {
		r.faults.add(fmt.Sprintf("process %d computed nothing while connections were opened: is it the server? (see --pid)", r.cfg.PID), 1)
	}
	return nil
}

// isOver reports whether ctx has ended, or is about to: the deadline of a
// connection is that of its context, and may be noticed first.
func isOver(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

// pace waits until the connection with the number n is due, if so many are opened
// since then. It returns false if ctx ends before.
func (r *run) pace(ctx context.Context, since time.Time, n int) bool {
	if r.cfg.Rate == 0 {
		return true
	}
	return sleep(ctx, time.Until(since.Add(time.Duration(float64(n)/r.cfg.Rate*float64(time.Second)))))
}

// sleep waits for d, and returns false if ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// add opens the connection with the number n, joins, and leaves it to a reader,
// whose stack is a new and small one.
func (r *run) add(ctx context.Context, n int) error {
	m, err := r.open(ctx, n)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.members = append(r.members, m)
	r.mu.Unlock()
	r.alive.Add(1)
	r.readers.Go(func() { r.read(m) })
	return nil
}

// open opens the connection with the number n and joins. The errors are few
// different ones, since they are counted by their text.
func (r *run) open(ctx context.Context, n int) (*member, error) {
	bounded, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	begin := r.now()
	conn, err := r.dialers[n%len(r.dialers)].Dial(bounded)
	if err != nil {
		return nil, &stepError{"connect", r.plain(err), err}
	}
	connected := r.now()
	r.connects.note(n, time.Duration(connected-begin))
	stop := context.AfterFunc(bounded, conn.Abort)
	answer, err := join(conn, r.frames.joinOf(n))
	if !stop() {
		return nil, &stepError{"join", fmt.Sprintf("no answer within %v", r.cfg.Timeout), bounded.Err()}
	}
	if err == nil && !isOK(answer.Data) {
		err = &refusedError{describe(answer)}
	}
	if err != nil {
		conn.Abort()
		return nil, &stepError{"join", r.plain(err), err}
	}
	joined := r.now()
	r.joins.note(n, time.Duration(joined-connected))
	m := &member{n: n, conn: conn, push: r.frames.pushOf(n)}
	m.wrote.Store(joined)
	return m, nil
}

// join sends the join and waits for what answers it; nothing that concerns the
// connection comes before.
func join(conn *phxclient.LeanConn, frame phxclient.Prebuilt) (phx.Frame, error) {
	if err := conn.Send(frame); err != nil {
		return phx.Frame{}, err
	}
	for {
		f, err := conn.Receive()
		if s := sortOf(f); err != nil || s == sortJoined || s == sortOther {
			return f, err
		}
	}
}

// stepError is what went wrong with a connection, in a few words.
type stepError struct {
	step, text string
	err        error
}

func (e *stepError) Error() string { return e.step + ": " + e.text }

func (e *stepError) Unwrap() error { return e.err }

// refusedError is the answer to a join that is no good one.
type refusedError struct{ answer string }

func (e *refusedError) Error() string { return "answered by " + e.answer }

// plain says an error without ports and addresses.
func (r *run) plain(err error) string {
	var handshake *phxclient.HandshakeError
	var system *os.SyscallError
	var lookup *net.DNSError
	switch {
	case errors.As(err, &handshake):
		return fmt.Sprintf("refused with HTTP status %d", handshake.Status)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("no answer within %v", r.cfg.Timeout)
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EADDRINUSE):
		return "no port is left on the addresses that connections come from (see --from)"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "too many open files (see ulimit -n)"
	case errors.As(err, &lookup):
		return lookup.Error()
	case errors.As(err, &system):
		return system.Err.Error()
	}
	var closed *phxclient.CloseError
	if errors.As(err, &closed) {
		return ended(err)
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}

// ended says how a connection ended.
func ended(err error) string {
	var closed *phxclient.CloseError
	var system *os.SyscallError
	switch {
	case !errors.As(err, &closed):
		return err.Error()
	case closed.Err == nil && closed.Reason != "":
		return fmt.Sprintf("the server closed the connection with code %d (%.60q)", closed.Code, closed.Reason)
	case closed.Err == nil:
		return fmt.Sprintf("the server closed the connection with code %d", closed.Code)
	case errors.As(closed.Err, &system):
		return "the connection broke: " + system.Err.Error()
	}
	return "the connection broke: " + closed.Err.Error()
}

// explain says what to do about a first connection that failed.
func (r *run) explain(err error) error {
	var step *stepError
	if !errors.As(err, &step) {
		return err
	}
	advice := ""
	var handshake *phxclient.HandshakeError
	switch {
	case errors.As(err, &handshake) && handshake.Status == 404:
		advice = ": is that where its socket is? A path like /socket belongs to the URL"
	case errors.As(err, &handshake):
		advice = ": what a client has to send to be let in goes into the URL, such as ?token=secret"
	case errors.As(err, new(tls.RecordHeaderError)):
		advice = ": no TLS is spoken there; write ws:// for wss://"
	case errors.Is(err, syscall.ECONNREFUSED):
		advice = ": nobody listens there; start the server, for example: chhost serve --route 'foods:*=food.wasm'"
	case step.step == "join" && errors.Is(err, context.DeadlineExceeded):
		advice = ": a channel may leave a join unanswered; choose another topic with --topic"
	case step.step == "join":
		advice = ": choose the topic with --topic and what is sent to join it with --params"
	}
	what := r.cfg.URL
	if step.step == "join" {
		what = topicOf(r.cfg.Topic, 0) + " at " + what
	}
	return fmt.Errorf("the first connection failed: %s %s: %s%s", step.step, what, step.text, advice)
}
