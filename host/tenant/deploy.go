package tenant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/registry"
)

// Strategy says how a deploy treats those who are connected. New joins come to the new
// version at once with all of them, but for the canary's.
type Strategy string

const (
	// Immediate moves each joined channel between two of its messages, see
	// [channel.Env.Succeed]. It is the default.
	Immediate Strategy = "immediate"
	// NewJoins leaves joined channels with the version that they have.
	NewJoins Strategy = "new-joins"
	// Drained ends them with phx_error, so that their clients join again: a few at a time,
	// within [Deploy.Window].
	Drained Strategy = "drain"
	// Canary lets a part of the topics have the new version, those that are joined
	// too; the active version stays.
	Canary Strategy = "canary"
)

// Deploy says which version of a plugin is to be served.
type Deploy struct {
	Request
	// Version is its number. 0: the newest one.
	Version int
	// Strategy is [Immediate] if it is empty.
	Strategy Strategy
	// Percent is the canary's part of the topics, from 1 to 99.
	Percent int
	// Window is how long the channels are ended for with [Drained], about; few are ended at
	// once all the same. At most [MaxWindow]; 0 is [DefaultWindow], and what is shorter
	// than a tenth of a second at once.
	Window time.Duration
}

// How long a drain takes unless it is said, and at most.
const (
	DefaultWindow = 10 * time.Second
	MaxWindow     = 5 * time.Minute
)

// Deployment says what became of a deploy.
type Deployment struct {
	// Plugin is the plugin's name, Version and Previous what logs call the version that
	// is served now and the one before, such as "foods@7"; Previous is empty if there was
	// none. Digest is the first 8 digits of the version's.
	Plugin, Version, Previous, Digest string
	Seq                               int
	Strategy                          Strategy
	Percent                           int
	// Revision is the tenant's after the change.
	Revision uint64
	// Moved is how many channels follow the version, Stayed how many are still with an
	// old one, because their upgrade failed, and Ended how many got phx_error. Moving tells
	// that not all have come to their turn yet; the numbers are those so far.
	Moved, Stayed, Ended int
	Moving               bool
	// DryRun: nothing has changed.
	DryRun bool
}

// ErrNoConnect is returned when the plugin that is to decide about new sockets has no
// connect callback.
var ErrNoConnect = errors.New("the plugin is to decide about new sockets, and has no connect callback")

// Deploy lets a stored version of a plugin be served, here and after each restart. The
// change has happened when it is stored; Deploy then waits until the channels have
// moved, or ctx ends, which ends the wait and not the move: that is no error. Errors are
// [ErrUnknown], [ErrConflict], [ErrInvalid], [ErrNoConnect], that of the store, and that
// of a version which cannot be loaded; after one nothing has changed.
func (t *Tenant) Deploy(ctx context.Context, plugin string, d Deploy) (Deployment, error) {
	if d.Strategy == "" {
		d.Strategy = Immediate
	}
	if err := d.check(); err != nil {
		return Deployment{}, err
	}
	p, err := t.find(plugin)
	if err != nil {
		return Deployment{}, err
	}
	record := t.Record()
	seq, err := pick(record.Plugin(plugin), d.Version)
	if err != nil {
		return Deployment{}, err
	}
	return t.shift(ctx, p, d.Request, shift{strategy: d.Strategy, percent: d.Percent, window: cmp.Or(d.Window, DefaultWindow), seq: func(*registry.Plugin) (int, error) { return seq, nil }})
}

func (d *Deploy) check() error {
	if d.Window != 0 && d.Strategy != Drained {
		return fmt.Errorf("%w: a window is for the strategy %s", ErrInvalid, Drained)
	}
	if d.Window < 0 || d.Window > MaxWindow {
		return fmt.Errorf("%w: a window of %v: it is at most %v", ErrInvalid, d.Window, MaxWindow)
	}
	switch d.Strategy {
	case Canary:
		if d.Percent < 1 || d.Percent > 99 {
			return fmt.Errorf("%w: a canary has 1 to 99 percent of the topics; all of them are what %s gives it", ErrInvalid, Immediate)
		}
		return nil
	case Immediate, NewJoins, Drained:
		if d.Percent != 0 {
			return fmt.Errorf("%w: percent is for the strategy %s", ErrInvalid, Canary)
		}
		return nil
	}
	return fmt.Errorf("%w: the strategy %q: expected %s, %s, %s or %s", ErrInvalid, string(d.Strategy), Immediate, NewJoins, Drained, Canary)
}

// pick returns the number of the version that is meant.
func pick(p *registry.Plugin, seq int) (int, error) {
	if p == nil || len(p.Versions) == 0 {
		return 0, fmt.Errorf("%w: the plugin has no version", ErrUnknown)
	}
	if seq == 0 {
		return p.Versions[len(p.Versions)-1].Seq, nil
	}
	if _, ok := p.Version(seq); !ok {
		return 0, fmt.Errorf("%w: %s@%d is not stored", ErrUnknown, p.Name, seq)
	}
	return seq, nil
}

// Rollback lets the version be served that was active before the active one: see
// [Tenant.Deploy]. Its code is still there. A channel whose assigns are as the newer
// version's upgrade has left them gets back what it had; one whose upgrade fails on the
// way back gets phx_error and joins again. Of a canary it is the end: the active version
// stays.
func (t *Tenant) Rollback(ctx context.Context, plugin string, req Request) (Deployment, error) {
	p, err := t.find(plugin)
	if err != nil {
		return Deployment{}, err
	}
	return t.shift(ctx, p, req, shift{strategy: Immediate, back: true, seq: func(r *registry.Plugin) (int, error) {
		if r.Canary != 0 {
			return r.Active, nil
		}
		if v, ok := r.Previous(); ok {
			return v.Seq, nil
		}
		return 0, fmt.Errorf("%w: %s has no version that was served before the active one and is still stored", ErrInvalid, plugin)
	}})
}

// shift is a change of the version that is served.
type shift struct {
	strategy Strategy
	percent  int
	window   time.Duration // of Drained
	back     bool
	at       time.Time
	// seq picks the version out of the record that is changed.
	seq func(*registry.Plugin) (int, error)
}

// shift lets the version be served that s picks, and waits for the channels, see
// [Tenant.Deploy]. The version is loaded before.
func (t *Tenant) shift(ctx context.Context, p *plugin, req Request, s shift) (Deployment, error) {
	if err := t.ready(ctx, p, s); err != nil {
		return Deployment{}, err
	}
	d, moves, err := t.store(ctx, p, req, s)
	if err != nil {
		return Deployment{}, err
	}
	return t.await(ctx, d, moves), nil
}

// store stores which version is served and serves it, in one turn, so that what is
// served is what was stored last. It returns the moves that are to be waited for.
func (t *Tenant) store(ctx context.Context, p *plugin, req Request, s shift) (Deployment, []<-chan channel.Moved, error) {
	if err := t.estate.turn.take(ctx); err != nil {
		return Deployment{}, nil, err
	}
	defer t.estate.turn.leave()
	s.at = t.estate.dir.now()
	d := Deployment{Plugin: p.name, Strategy: s.strategy, Percent: s.percent, DryRun: req.DryRun}
	change := registry.Change{Entry: registry.Entry{Action: "deploy"}, Describe: func() string { return s.words(req, d) }}
	if s.back {
		change.Entry.Action = "rollback"
	}
	before := p.serving.Load()
	record, err := t.alter(ctx, req, change, func(r *registry.Tenant) error {
		stored := r.Plugin(p.name)
		if stored == nil {
			return fmt.Errorf("%w: the plugin %q is gone", ErrUnknown, p.name)
		}
		return s.edit(stored, req, &d)
	})
	d.Revision = record.Revision
	if err != nil || req.DryRun {
		return d, nil, err
	}
	moves, err := t.begin(p.succeed(t.env, before, s))
	t.log.Info("deployed", "plugin", d.Version, "digest", d.Digest, "previous", d.Previous, "strategy", string(s.strategy), "percent", s.percent, "back", s.back)
	return d, moves, err
}

// words are what the audit log says of a shift that became d.
func (s *shift) words(req Request, d Deployment) string {
	words := d.Version
	switch {
	case s.strategy == Canary:
		words += fmt.Sprintf(" %s %d%%", s.strategy, s.percent)
	case !s.back:
		words += " " + string(s.strategy)
	}
	if d.Previous != "" && d.Previous != d.Version {
		words += ", after " + d.Previous
	}
	if req.reason != "" {
		words += ": " + req.reason
	}
	return words
}

// edit writes the shift into the record.
func (s *shift) edit(stored *registry.Plugin, req Request, d *Deployment) error {
	seq, err := s.seq(stored)
	if err != nil {
		return err
	}
	v, ok := stored.Version(seq)
	if !ok {
		return fmt.Errorf("%w: %s@%d is not stored any more", ErrUnknown, stored.Name, seq)
	}
	d.Seq, d.Version, d.Digest = seq, fmt.Sprintf("%s@%d", stored.Name, seq), v.Digest.Short()
	before := stored.Active
	if s.back && stored.Canary != 0 {
		before = stored.Canary
	}
	if before != 0 {
		d.Previous = fmt.Sprintf("%s@%d", stored.Name, before)
	}
	switch {
	case s.back && stored.Canary != 0:
		return stored.SetCanary(0, 0)
	case s.back:
		return stored.SetActive(registry.Deploy{At: s.at, By: req.By, Seq: seq, Strategy: registry.StrategyRollback, Reason: req.reason})
	case s.strategy != Canary:
		return stored.SetActive(registry.Deploy{At: s.at, By: req.By, Seq: seq, Strategy: string(s.strategy), Reason: req.reason})
	case stored.Active == 0:
		return fmt.Errorf("%w: there is no active version beside which there could be a canary", ErrInvalid)
	case stored.Active == seq:
		return fmt.Errorf("%w: %s is the active version already", ErrInvalid, d.Version)
	case stored.Canary == seq && stored.Percent > s.percent:
		return fmt.Errorf("%w: the canary has %d percent of the topics already and only grows: roll it back first", ErrInvalid, stored.Percent)
	}
	return stored.SetCanary(seq, s.percent)
}

// ready loads the version that is to be served, and looks whether it can do what is
// needed of it.
func (t *Tenant) ready(ctx context.Context, p *plugin, s shift) error {
	record := t.Record()
	stored := record.Plugin(p.name)
	if stored == nil {
		return fmt.Errorf("%w: the plugin %q is gone", ErrUnknown, p.name)
	}
	seq, err := s.seq(stored)
	if err != nil {
		return err
	}
	v := p.version(seq)
	if v == nil {
		return fmt.Errorf("%w: %s@%d is not stored", ErrUnknown, p.name, seq)
	}
	if _, err := v.get(ctx); err != nil {
		return err
	}
	if record.Connect == p.name && v.Traits().Callbacks&channel.CallbackConnect == 0 {
		return fmt.Errorf("tenant: %s: %w", v.name, ErrNoConnect)
	}
	return nil
}
