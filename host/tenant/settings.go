package tenant

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/router"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/wasm"
)

// Settings are what an operator or a tenant asks for, all of it: what is left out is
// set back.
type Settings struct {
	// Hosts are the names by which clients reach the tenant, such as
	// "acme.rt.example.com"; no other tenant has them.
	Hosts []string
	// Origins are those of browsers' pages that may connect, as in
	// [registry.Tenant.Origins].
	Origins []string
	// Limits are bounds by name, see [LimitTable].
	Limits map[string]int64
	// Issuers are whose tokens clients may bring.
	Issuers []registry.Issuer
	// Connect names the plugin that decides about new sockets. Empty: all are let in.
	Connect string
}

// SettingsOf are those of a record.
func SettingsOf(r registry.Tenant) Settings {
	return Settings{Hosts: r.Hosts, Origins: r.Origins, Limits: r.Limits, Issuers: r.Issuers, Connect: r.Connect}
}

// Create adds a tenant. Its name is one label of a host name: up to 63 lower case
// letters, digits and hyphens. The error is [registry.ErrExists], [ErrInvalid], or that of
// the store.
func (d *Directory) Create(ctx context.Context, name string, s Settings, req Request) (*Tenant, error) {
	if !isName(name, "-") || len(name) > 63 || strings.HasSuffix(name, "-") {
		return nil, fmt.Errorf("%w: a tenant's name consists of up to 63 lower case letters, digits and hyphens, and neither begins nor ends with a hyphen", ErrInvalid)
	}
	if err := d.changing.take(ctx); err != nil {
		return nil, err
	}
	defer d.changing.leave()
	record := registry.Tenant{Name: name}
	if err := d.set(&record, s); err != nil {
		return nil, err
	}
	if _, found := d.Tenant(name); found {
		return nil, fmt.Errorf("tenant: %s: %w", name, registry.ErrExists)
	}
	if req.DryRun {
		t, err := d.open(record)
		if err == nil {
			t.deaf()
		}
		return t, err
	}
	record, err := d.cfg.Store.Create(ctx, record, registry.Entry{Action: "create", By: req.By})
	if err != nil {
		return nil, err
	}
	t, err := d.open(record)
	if err != nil {
		return nil, err
	}
	d.list(t, record)
	return t, nil
}

// set writes settings into a record, if they make sense beside those of all others.
func (d *Directory) set(r *registry.Tenant, s Settings) error {
	if err := CheckLimits(s.Limits); err != nil {
		return err
	}
	if s.Connect != "" && r.Plugin(s.Connect) == nil {
		return fmt.Errorf("%w: connect names the plugin %q, which the tenant does not have", ErrInvalid, s.Connect)
	}
	if _, err := d.origins(s.Origins); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if _, err := d.verifier(s.Issuers, nil); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	hosts := make([]string, 0, len(s.Hosts))
	for _, h := range s.Hosts {
		name, port, ok := socket.SplitHost(h)
		if !ok || port != "" {
			return fmt.Errorf("%w: %q is no name of a host: expected chat.example.com, in ASCII, without a port", ErrInvalid, h)
		}
		name = strings.TrimSuffix(name, ".")
		if other := d.owner(name); other != "" && other != r.Name {
			return fmt.Errorf("%w: the host name %s is another tenant's", ErrInvalid, name)
		}
		if !slices.Contains(hosts, name) {
			hosts = append(hosts, name)
		}
	}
	r.Hosts, r.Origins, r.Limits, r.Issuers, r.Connect = hosts, s.Origins, s.Limits, s.Issuers, s.Connect
	return nil
}

// origins returns what checks a page's origin; nil where none are named.
func (d *Directory) origins(entries []string) (func(*http.Request) bool, error) {
	if len(entries) == 0 || d.cfg.Origins == nil {
		return nil, nil
	}
	return d.cfg.Origins(entries)
}

// CheckOrigin tells whether a browser's page may connect; decided is false if the
// tenant says nothing of it.
func (t *Tenant) CheckOrigin(r *http.Request) (allowed, decided bool) {
	if t.estate == nil {
		return false, false
	}
	t.estate.mu.RLock()
	check := t.estate.origins
	t.estate.mu.RUnlock()
	if check == nil {
		return false, false
	}
	return check(r), true
}

// owner names the tenant that has a host name.
func (d *Directory) owner(host string) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if t := d.hosts[host]; t != nil {
		return t.name
	}
	return ""
}

// Set changes the tenant's settings. Limits of sockets hold for those that come from
// then on, limits of plugins from the next callback.
func (t *Tenant) Set(ctx context.Context, s Settings, req Request) (registry.Tenant, error) {
	if t.estate == nil {
		return registry.Tenant{}, errNotStored
	}
	d := t.estate.dir
	if err := t.canConnect(ctx, s.Connect); err != nil {
		return registry.Tenant{}, err
	}
	if err := d.changing.take(ctx); err != nil { // of two tenants that want one host name, one gets it
		return registry.Tenant{}, err
	}
	defer d.changing.leave()
	record, err := t.change(ctx, req, "settings", "", func(r *registry.Tenant) error { return d.set(r, s) })
	if err == nil && !req.DryRun {
		d.list(t, record)
	}
	return record, err
}

// canConnect looks whether a plugin can decide about new sockets, as far as it is
// deployed.
func (t *Tenant) canConnect(ctx context.Context, plugin string) error {
	p, err := t.find(plugin)
	if err != nil {
		return nil // set says so
	}
	s := p.serving.Load()
	if s == nil {
		return nil
	}
	if _, err := s.active.get(ctx); err != nil {
		return err
	}
	if s.active.Traits().Callbacks&channel.CallbackConnect == 0 {
		return fmt.Errorf("tenant: %s: %w", s.active.name, ErrNoConnect)
	}
	return nil
}

const (
	// mostRoutes is how many routes a tenant may have.
	mostRoutes = 5000
	// mostFaults is how many faults of one change are told: the text of each is longer
	// than what it takes to make it.
	mostFaults = 20
)

// PutRoutes replaces the tenant's routes: the first match wins. Joins from then on
// follow them; channels that are joined keep their plugin.
func (t *Tenant) PutRoutes(ctx context.Context, routes []registry.Route, req Request) (registry.Tenant, error) {
	if len(routes) > mostRoutes {
		return registry.Tenant{}, fmt.Errorf("%w: too_many_routes: %d, and there may be %d", ErrQuota, len(routes), mostRoutes)
	}
	patterns := make([]router.Route[struct{}], len(routes))
	for i, r := range routes {
		patterns[i].Pattern = r.Pattern
	}
	if _, err := router.New(patterns); err != nil {
		return registry.Tenant{}, fmt.Errorf("%w: %w", ErrInvalid, firstFaults(err))
	}
	return t.change(ctx, req, "routes", number(len(routes), "route"), func(r *registry.Tenant) error {
		for _, route := range routes {
			if r.Plugin(route.Plugin) == nil {
				return fmt.Errorf("%w: the route %q names the plugin %q, which the tenant does not have", ErrInvalid, route.Pattern, route.Plugin)
			}
		}
		r.Routes = slices.Clone(routes)
		return nil
	})
}

// number writes how many there are of something, for the audit log.
func number(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// firstFaults are the first of many errors that were joined.
func firstFaults(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) <= mostFaults {
		return err
	}
	all := joined.Unwrap()
	return fmt.Errorf("%w\nand %d more", errors.Join(all[:mostFaults]...), len(all)-mostFaults)
}

// Configure sets what the versions of a plugin read by config_get. One instance of the
// active version is started with them as a trial first: if that fails, the error is a
// [*wasm.ModuleError], and nothing has changed. Versions that are loaded read them from
// the next callback on.
func (t *Tenant) Configure(ctx context.Context, plugin string, settings map[string]string, req Request) (registry.Tenant, error) {
	p, err := t.find(plugin)
	if err != nil {
		return registry.Tenant{}, err
	}
	if err := wasm.CheckSettings(settings); err != nil {
		return registry.Tenant{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if s := p.serving.Load(); s != nil {
		binary, err := t.estate.dir.cfg.Store.Module(ctx, s.active.stored.Digest)
		if err != nil {
			return registry.Tenant{}, err
		}
		if _, err := t.tryAs(ctx, t.module(plugin, s.active.stored.Seq, binary, settings)); err != nil {
			return registry.Tenant{}, err
		}
	}
	return t.change(ctx, req, "configure", plugin, func(r *registry.Tenant) error {
		stored := r.Plugin(plugin)
		if stored == nil {
			return fmt.Errorf("%w: the tenant %s has no plugin %q", ErrUnknown, t.name, plugin)
		}
		stored.Settings = settings
		return nil
	})
}

// Pin keeps a stored version when others are left out for their age, or no longer.
func (t *Tenant) Pin(ctx context.Context, plugin string, seq int, pinned bool, req Request) (registry.Tenant, error) {
	return t.change(ctx, req, "pin", fmt.Sprintf("%s@%d %t", plugin, seq, pinned), func(r *registry.Tenant) error {
		if p := r.Plugin(plugin); p != nil {
			for i := range p.Versions {
				if p.Versions[i].Seq == seq {
					p.Versions[i].Pinned = pinned
					return nil
				}
			}
		}
		return fmt.Errorf("%w: %s@%d is not stored", ErrUnknown, plugin, seq)
	})
}

// PutTokens replaces the deploy tokens, of which only digests are known.
func (t *Tenant) PutTokens(ctx context.Context, tokens []registry.DeployToken, req Request) (registry.Tenant, error) {
	return t.change(ctx, req, "tokens", number(len(tokens), "token"), func(r *registry.Tenant) error {
		r.DeployTokens = slices.Clone(tokens)
		return nil
	})
}

// Suspend refuses the tenant's clients until [Tenant.Resume], with the reason
// "tenant_suspended", and closes their sockets with code 1013, so that they come back
// later.
func (t *Tenant) Suspend(ctx context.Context, req Request) (registry.Tenant, error) {
	record, err := t.change(ctx, req, "suspend", "", func(r *registry.Tenant) error {
		r.Suspended = true
		return nil
	})
	if err == nil && !req.DryRun {
		t.closeAll(socket.End{Code: socket.CloseTryAgainLater, Reason: "the tenant is suspended"})
	}
	return record, err
}

// Resume ends a [Tenant.Suspend].
func (t *Tenant) Resume(ctx context.Context, req Request) (registry.Tenant, error) {
	return t.change(ctx, req, "resume", "", func(r *registry.Tenant) error {
		r.Suspended = false
		return nil
	})
}

// Suspended tells whether the tenant is.
func (t *Tenant) Suspended() bool {
	if t.estate == nil {
		return false
	}
	t.estate.mu.RLock()
	defer t.estate.mu.RUnlock()
	return t.estate.record.Suspended
}

// change is alter in a turn of its own.
func (t *Tenant) change(ctx context.Context, req Request, action, detail string, edit func(*registry.Tenant) error) (registry.Tenant, error) {
	if t.estate == nil {
		return registry.Tenant{}, errNotStored
	}
	if err := t.estate.turn.take(ctx); err != nil {
		return registry.Tenant{}, err
	}
	defer t.estate.turn.leave()
	return t.alter(ctx, req, registry.Change{Entry: registry.Entry{Action: action, Detail: detail}}, edit)
}

// Delete forgets a tenant, and closes its sockets with code 1013. [Default] stays, but for
// a record that is damaged, in whose place it gets an empty one.
func (d *Directory) Delete(ctx context.Context, name string, req Request) error {
	if err := d.changing.take(ctx); err != nil { // nobody makes one of this name, or lists this one, before it is forgotten
		return err
	}
	defer d.changing.leave()
	t, ok := d.Tenant(name)
	switch {
	case !ok:
		return fmt.Errorf("%w: there is no tenant %q", ErrUnknown, name)
	case name == Default && t.Damage() == nil:
		return fmt.Errorf("%w: the tenant %s cannot be deleted", ErrInvalid, Default)
	}
	if err := t.estate.turn.take(ctx); err != nil {
		return err
	}
	defer t.estate.turn.leave()
	if r := t.Record(); req.IfRevision != 0 && r.Revision != req.IfRevision {
		return fmt.Errorf("%w: %d, and not %d", ErrConflict, r.Revision, req.IfRevision)
	}
	if req.DryRun {
		return nil
	}
	err := d.cfg.Store.Delete(ctx, name, registry.Entry{Action: "delete", By: req.By})
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return err
	}
	record := t.Record()
	d.unswept.Store(true) // a damaged record does not tell what it has named
	if name == Default {
		return d.renew(ctx, t, req)
	}
	t.estate.gone.Store(true)
	d.forget(t)
	d.leftOut(&record, &registry.Tenant{})
	t.closeAll(socket.End{Code: socket.CloseTryAgainLater, Reason: "the tenant is gone"})
	d.begin(func(ctx context.Context) { d.clear(ctx, t) })
	return nil
}

// clear frees what a tenant had that is gone, when its channels have come to rest.
func (d *Directory) clear(ctx context.Context, t *Tenant) {
	_ = t.Wait(ctx) // the error is that of the directory's end
	t.deaf()
	if verifier := t.estate.verifier.Load(); verifier != nil {
		verifier.Close() // nobody waits for keys any more
	}
	d.mu.RLock()
	var left []*version
	for v := range d.loaded {
		if v.plugin.tenant == t {
			left = append(left, v)
		}
	}
	d.mu.RUnlock()
	for _, v := range left {
		d.drop(v)
	}
}
