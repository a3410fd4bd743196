package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/phx"
)

// self is what the guide calls self: the one process that subscribes here. All
// subscribers of a topic that are not the console's own are plugins that listen
// to it from other channels.
const self = "#sub<1>"

// rest is how long a command waits at most for what it caused to come to an end;
// what comes later is in the inbox then.
const rest = 5 * time.Second

var errQuit = errors.New("quit")

// session is one client and what was asked for so far. It belongs to the
// goroutine that reads commands; only its mail is written to by others.
type session struct {
	host    *host.Host
	local   *host.Local
	plugins []Plugin
	out     io.Writer
	mail    mail

	refs          int
	topic         string            // in hand
	channel       string            // the last handler that was seen there
	subscriptions map[string]func() // by topic; ends one
	patterns      []string          // of the routes
	seen          seen
	lines, failed int
}

func newSession(h *host.Host, cfg Config) *session {
	s := &session{host: h, plugins: cfg.Plugins, out: cfg.Out, subscriptions: make(map[string]func())}
	for _, r := range cfg.Routes {
		s.patterns = append(s.patterns, r.Pattern)
		if prefix, ok := strings.CutSuffix(r.Pattern, "*"); ok && prefix != "" {
			s.seen.prefixes = append(s.seen.prefixes, prefix)
		} else if !ok {
			s.seen.topic(r.Pattern)
		}
	}
	return s
}

// greet says where one is.
func (s *session) greet() {
	fmt.Fprint(s.out, "A host without a listener, and you are its one client.\n")
	for _, p := range s.plugins {
		fmt.Fprintf(s.out, "  %s from %s\n", visible(p.Name), visible(p.Path))
	}
	fmt.Fprint(s.out, "help lists the commands, Ctrl-D leaves.\n")
}

// run carries out a line and writes what came of it.
func (s *session) run(ctx context.Context, out io.Writer, text string) (quit bool, err error) {
	in, err := parse(text)
	if err == nil && in.command == nil {
		return false, nil
	}
	s.lines++
	if err != nil {
		return false, err
	}
	s.seen.topic(in.topic)
	s.seen.event(in.event)
	err = in.command.run(s, ctx, out, in)
	switch {
	case errors.Is(err, errQuit):
		return true, nil
	case errors.Is(err, host.ErrSocketClosed) && ctx.Err() == nil:
		return false, errors.Join(errors.New("the host has closed the socket, because more came than it could take; there is a new one now, which has joined nothing"), s.open())
	}
	return false, err
}

// open begins with a new socket.
func (s *session) open() error {
	if s.local != nil {
		s.local.Close()
	}
	s.mail.begin()
	s.channel = ""
	var err error
	s.local, err = s.host.Local(s.mail.receive)
	return err
}

// close ends what is open.
func (s *session) close() {
	for _, unsubscribe := range s.subscriptions {
		unsubscribe()
	}
	s.local.Close()
}

// settle waits until nothing that was caused is under way any more.
func (s *session) settle(ctx context.Context) {
	deadline := time.NewTimer(rest)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s.host.Busy() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// at is the view of a topic, which is then in hand.
func (s *session) at(ctx context.Context, topic string) (view, error) {
	standing, err := s.local.Standing(ctx, topic)
	if err != nil {
		return view{}, err
	}
	if topic != s.topic {
		s.topic, s.channel = topic, ""
	}
	if standing.Joined {
		s.channel = standing.Handler
	}
	return view{topic: topic, authorized: standing.Joined, channel: s.channel, assigns: standing.Assigns}, nil
}

func (s *session) subscribers(ctx context.Context, out io.Writer, in line) error {
	s.settle(ctx)
	standing, err := s.local.Standing(ctx, in.topic)
	if err != nil {
		return err
	}
	own := 0
	if standing.Joined {
		own++
	}
	if s.subscriptions[in.topic] != nil {
		own++
	}
	var list []string
	for i := range s.host.Subscribers(in.topic) {
		if i < own {
			list = append(list, self)
		} else {
			list = append(list, fmt.Sprintf("#plugin<%d>", i-own+1))
		}
	}
	fmt.Fprintf(out, "[%s]\n", strings.Join(list, ", "))
	return nil
}

// maxSubscriptions is how many topics the console subscribes to at most.
const maxSubscriptions = 100

func (s *session) subscribe(_ context.Context, out io.Writer, in line) error {
	if s.subscriptions[in.topic] == nil {
		if len(s.subscriptions) == maxSubscriptions {
			return fmt.Errorf("the console subscribes to %d topics at most: unsubscribe one", maxSubscriptions)
		}
		unsubscribe, err := s.host.Subscribe(in.topic, s.mail.hear)
		if err != nil {
			return err
		}
		s.subscriptions[in.topic] = unsubscribe
	}
	_, err := fmt.Fprintln(out, "ok")
	return err
}

func (s *session) unsubscribe(_ context.Context, out io.Writer, in line) error {
	if unsubscribe := s.subscriptions[in.topic]; unsubscribe != nil {
		unsubscribe()
		delete(s.subscriptions, in.topic)
	}
	_, err := fmt.Fprintln(out, "ok")
	return err
}

func (s *session) self(_ context.Context, out io.Writer, _ line) error {
	_, err := fmt.Fprintln(out, self)
	return err
}

func (s *session) broadcast(ctx context.Context, out io.Writer, in line) error {
	if err := s.host.Broadcast(in.topic, in.event, in.payload); err != nil {
		return err
	}
	s.settle(ctx)
	_, err := fmt.Fprintln(out, "ok")
	return err
}

func (s *session) inbox(ctx context.Context, out io.Writer, _ line) error {
	s.settle(ctx)
	s.mail.write(out)
	return nil
}

func (s *session) clearInbox(_ context.Context, out io.Writer, _ line) error {
	s.mail.clear()
	_, err := fmt.Fprintln(out, "ok")
	return err
}

func (s *session) show(ctx context.Context, out io.Writer, _ line) error {
	if s.topic == "" {
		return errors.New("there is no socket yet: begin with socket new TOPIC")
	}
	s.settle(ctx)
	return s.print(ctx, out, s.topic)
}

// turnTo takes a topic in hand. The socket is the same for all topics, so what it
// is at this one stays.
func (s *session) turnTo(ctx context.Context, out io.Writer, in line) error {
	s.topic = ""
	return s.print(ctx, out, in.topic)
}

func (s *session) print(ctx context.Context, out io.Writer, topic string) error {
	v, err := s.at(ctx, topic)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, v)
	return err
}

func (s *session) authorized(ctx context.Context, out io.Writer, in line) error {
	s.settle(ctx)
	standing, err := s.local.Standing(ctx, in.topic)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, standing.Joined)
	return err
}

func (s *session) authorize(ctx context.Context, out io.Writer, in line) error {
	joinRef := s.nextRef()
	if s.mail.membership(in.topic) == "" {
		s.mail.admitted(in.topic, joinRef) // before the first frame that carries it
	}
	_, err := s.local.Admit(ctx, in.topic, joinRef)
	var refused *host.Refusal
	if errors.As(err, &refused) {
		s.mail.forget(in.topic, joinRef)
		v, err := s.at(ctx, in.topic)
		if err == nil {
			writeTuple(out, "error", shown(refused.Reason.Payload(0)), v.String())
			if refused.Reason == phx.ReasonUnmatchedTopic {
				s.noRoute(out, in.topic)
			}
		}
		return err
	}
	if err != nil {
		return err
	}
	s.settle(ctx)
	return s.print(ctx, out, in.topic)
}

func (s *session) deauthorize(ctx context.Context, out io.Writer, in line) error {
	s.mail.expect("", s.mail.membership(in.topic))
	s.host.Kick(in.topic)
	s.settle(ctx)
	err := s.print(ctx, out, in.topic)
	s.mail.outcome()
	return err
}

// nextRef is a ref that was not used before.
func (s *session) nextRef() phx.Ref {
	s.refs++
	return phx.Ref(strconv.Quote(strconv.Itoa(s.refs)))
}

// reload deploys a plugin's module as it is now.
func (s *session) reload(ctx context.Context, out io.Writer, in line) error {
	p, err := s.plugin(in.word)
	if err != nil {
		return err
	}
	module, err := p.Load(ctx)
	if err != nil {
		return err
	}
	next := *p.Plugin
	next.Module = module
	d, err := s.host.Deploy(ctx, p.Plugin, &next)
	if err != nil {
		return fmt.Errorf("the served version stays: %w", err)
	}
	p.Plugin = &next
	s.settle(ctx)
	writeTuple(out, "reloaded", visible(d.Version))
	if d.Stayed > 0 {
		fmt.Fprintf(out, "(%d of %d channels stay with %s: their upgrade failed)\n", d.Stayed, d.Moved+d.Stayed, visible(d.Previous))
	}
	return nil
}

// plugin finds one by its name, or where several have it by its path.
func (s *session) plugin(name string) (*Plugin, error) {
	var found *Plugin
	var names []string
	for i := range s.plugins {
		p := &s.plugins[i]
		names = append(names, p.Name)
		switch {
		case p.Path == filepath.Clean(name):
			return p, nil
		case p.Name != name:
		case found != nil:
			return nil, fmt.Errorf("several plugins are called %s: name the file, such as %s", excerpt(name), visible(p.Path))
		default:
			found = p
		}
	}
	switch {
	case found != nil:
		return found, nil
	case len(names) == 0:
		return nil, errors.New("no plugin is served: start with chhost console --route 'PATTERN=FILE'")
	}
	return nil, fmt.Errorf("no plugin is called %s: there is %s", excerpt(name), visible(strings.Join(names, ", ")))
}
