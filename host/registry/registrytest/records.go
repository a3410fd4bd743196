package registrytest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chhost/chhost/host/registry"
)

func (s *suite) createdOnce() {
	_, err := s.store.Tenant(s.ctx, "acme")
	s.want("Tenant before Create", err, registry.ErrNotFound)
	t, err := s.store.Create(s.ctx, registry.Tenant{Name: "acme", Connect: "", Hosts: []string{"a"}, Revision: 7}, registry.Entry{})
	s.want("Create", err, nil)
	if t.Name != "acme" || t.Revision != 1 || t.Created.IsZero() {
		s.Errorf("Create returned %+v", t)
	}
	_, err = s.store.Create(s.ctx, registry.Tenant{Name: "acme", Hosts: []string{"b"}}, registry.Entry{Action: "create"})
	s.want("a second Create", err, registry.ErrExists)
	s.same("after a second Create", s.tenant("acme"), t)
	s.create("Acme") // another one
	if n := len(s.entries("", 0, 0)); n != 1 {
		s.Errorf("%d entries in the audit log, want 1: of Create without an action, of one that failed, and of one", n)
	}
}

// full is a record in which every field has a value.
func full(name string, d registry.Digest) registry.Tenant {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.FixedZone("", 3600))
	return registry.Tenant{
		Name: name, Created: at, Hosts: []string{"acme.example.com"}, Origins: []string{"https://acme.example.com"},
		Limits:  map[string]int64{"topics": 1 << 60, "connections": 0},
		Issuers: []registry.Issuer{{Issuer: "https://id", Audience: []string{"a", "b"}, Keys: `{"keys":["<&>\u2028"]}`, JWKS: "https://id/jwks"}},
		DeployTokens: []registry.DeployToken{
			{ID: "1", Hash: d, Created: at, Expires: at.Add(time.Hour), Note: "Ä \" \\ \x00"}, {ID: "2", Hash: d, Created: at}},
		Revocations: []registry.Revocation{{ID: "x", Expires: at.Add(time.Hour), By: "me"}, {Subject: "7", Before: at, Expires: at.Add(time.Hour)}},
		Suspended:   true, Connect: "auth", Routes: []registry.Route{{Pattern: "rooms:*", Plugin: "food"}},
		Plugins: []registry.Plugin{{
			Name: "food", Settings: map[string]string{"a": "b"},
			Versions: []registry.Version{{Seq: 2, Digest: d, Size: 5, Uploaded: at, By: "me", Pinned: true}, {Seq: 7, Digest: d, Uploaded: at}},
			Last:     9, Active: 2, Canary: 7, Percent: 25,
			Deploys: []registry.Deploy{{At: at, By: "me", Seq: 2, Previous: 1, Strategy: "canary", Reason: "because"}},
		}, {Name: "auth"}},
	}
}

func (s *suite) everyField() {
	m := module("a", 10)
	s.create("other")
	s.update("other", adding("food", m))
	want := full("acme", registry.DigestOf(m))
	for i := range reflect.TypeOf(want).NumField() {
		if f := reflect.TypeOf(want).Field(i); f.Name != "Revision" && reflect.ValueOf(want).Field(i).IsZero() {
			s.Fatalf("the suite does not know the field %s of a record", f.Name)
		}
	}
	got, err := s.store.Create(s.ctx, want, registry.Entry{})
	s.want("Create", err, nil)
	want.Revision = 1
	s.same("Create returned", got, want)
	s.same("Tenant returned", s.tenant("acme"), want)
	s.create("empty")
	want.Name, want.Revision, want.Created = "empty", 2, s.tenant("empty").Created
	s.same("Update returned", s.update("empty", setting(func(t *registry.Tenant) { *t = full("x", registry.DigestOf(m)) })), want)
	s.same("Tenant returned", s.tenant("empty"), want)
}

func (s *suite) callersOwn() {
	m := module("a", 10)
	given := registry.Tenant{Name: "acme", Hosts: []string{"one"}, Limits: map[string]int64{"a": 1}}
	t, err := s.store.Create(s.ctx, given, registry.Entry{})
	s.want("Create", err, nil)
	want := registry.Tenant{Name: "acme", Revision: 1, Created: t.Created, Hosts: []string{"one"}, Limits: map[string]int64{"a": 1}}
	spoil := func(t registry.Tenant) {
		t.Hosts[0], t.Limits["a"] = "spoilt", 666
	}
	spoil(given)
	spoil(t)
	s.same("a record after changes to what Create was given and has returned", s.tenant("acme"), want)
	spoil(s.tenant("acme"))
	s.same("a record after changes to what Tenant has returned", s.tenant("acme"), want)
	for t, err := range s.store.Tenants(s.ctx) {
		s.want("Tenants", err, nil)
		spoil(t)
	}
	s.same("a record after changes to what Tenants has yielded", s.tenant("acme"), want)
	var kept *registry.Tenant
	spoil(s.update("acme", setting(func(t *registry.Tenant) { kept = t })))
	want.Revision++
	s.same("a record after changes to what Update has returned", s.tenant("acme"), want)
	spoil(*kept)
	s.same("a record after changes to what Apply was given, later", s.tenant("acme"), want)
	_, err = s.store.Update(s.ctx, "acme", registry.Change{Apply: func(t *registry.Tenant) error { spoil(*t); return errors.New("no") }})
	if err == nil {
		s.Error("the error of Apply is lost")
	}
	s.same("a record after an Apply that failed", s.tenant("acme"), want)

	upload := append([]byte{}, m...)
	s.update("acme", adding("food", upload))
	upload[0]++
	got, err := s.store.Module(s.ctx, registry.DigestOf(m))
	s.want("Module, after changes to what Update was given", err, nil)
	got[0]++
	if !s.has(m) {
		s.Error("the module is gone")
	}
}

func (s *suite) revisions() {
	first := s.create("acme")
	for i := range uint64(5) {
		t := s.update("acme", setting(func(t *registry.Tenant) {
			if t.Revision != i+1 {
				s.Errorf("Apply was given revision %d, want %d", t.Revision, i+1)
			}
			t.Name, t.Revision, t.Created = "other", 77, time.Now().Add(time.Hour)
		}))
		first.Revision++
		s.same("Update returned", t, first)
	}
	s.same("Tenant returned", s.tenant("acme"), first)
	_, err := s.store.Tenant(s.ctx, "other")
	s.want("the tenant that Apply has named", err, registry.ErrNotFound)
	s.update("acme", registry.Change{}) // without Apply
	_, err = s.store.Update(s.ctx, "other", setting(func(*registry.Tenant) { s.Error("Apply was called without a record") }))
	s.want("Update of no tenant", err, registry.ErrNotFound)
	s.want("Delete of no tenant", s.store.Delete(s.ctx, "other", registry.Entry{Action: "delete"}), registry.ErrNotFound)
}

func (s *suite) failedChange() {
	s.create("acme")
	m := module("a", 10)
	want := s.update("acme", adding("food", m))
	entries := s.entries("", 0, 0)
	refusal := errors.New("refused")
	for name, change := range map[string]registry.Change{
		"Apply fails": {Apply: func(t *registry.Tenant) error {
			t.Hosts = []string{"changed"}
			return refusal
		}},
		"a module is missing": naming("food", registry.DigestOf([]byte("nowhere"))),
		"it is invalid":       setting(func(t *registry.Tenant) { t.Hosts, t.Plugins[0].Active = []string{"changed"}, 9 }),
	} {
		change.Modules = [][]byte{module("b", 20)}
		change.Entry = registry.Entry{Action: "fail"}
		got, err := s.store.Update(s.ctx, "acme", change)
		if err == nil {
			s.Errorf("%s: no error", name)
		}
		if name == "Apply fails" && err != refusal {
			s.Errorf("%s: the error is %v, want Apply's own", name, err)
		}
		if got.Revision != 0 {
			s.Errorf("%s: Update returned %+v beside its error", name, got)
		}
		s.same(name, s.tenant("acme"), want)
	}
	s.same("the audit log after changes that failed", s.entries("", 0, 0), entries)
	s.swept()
	if s.has(module("b", 20)) {
		s.Error("the module of a change that failed is kept")
	}
	if !s.has(m) {
		s.Error("a change that failed has lost a module")
	}
}

func (s *suite) contradictions() {
	long := strings.Repeat("x", registry.MaxName+1)
	for _, name := range []string{"", ".", "..", "a/b", "../a", `a\b`, "a b", "a@1", "-a", "a-", ".a", "a\x00", "ä", "a:b", long} {
		_, err := s.store.Create(s.ctx, registry.Tenant{Name: name}, registry.Entry{})
		s.want(fmt.Sprintf("the name %q", name), err, registry.ErrInvalid)
		_, err = s.store.Tenant(s.ctx, name)
		s.want(fmt.Sprintf("Tenant(%q)", name), err, registry.ErrNotFound)
	}
	for _, name := range []string{"a", "A", "0", "a.b-c_d", long[1:]} {
		s.create(name)
	}
	m := module("a", 10)
	s.create("acme")
	s.update("acme", adding("food", m))
	want := s.update("acme", adding("food", m))
	d := registry.DigestOf(m)
	for what, edit := range map[string]func(t *registry.Tenant, p *registry.Plugin){
		"a plugin's name":                    func(t *registry.Tenant, p *registry.Plugin) { p.Name = "../x" },
		"two plugins of a name":              func(t *registry.Tenant, p *registry.Plugin) { t.Plugins = append(t.Plugins, *p) },
		"a route to no plugin":               func(t *registry.Tenant, p *registry.Plugin) { t.Routes = []registry.Route{{Pattern: "a", Plugin: "b"}} },
		"a connector that is no plugin":      func(t *registry.Tenant, p *registry.Plugin) { t.Connect = "b" },
		"an active version that is not kept": func(t *registry.Tenant, p *registry.Plugin) { p.Active = 3 },
		"a canary that is not kept":          func(t *registry.Tenant, p *registry.Plugin) { p.Canary, p.Percent = 3, 1 },
		"a canary of no percent":             func(t *registry.Tenant, p *registry.Plugin) { p.Canary = 1 },
		"percents of no canary":              func(t *registry.Tenant, p *registry.Plugin) { p.Percent = 1 },
		"101 percent":                        func(t *registry.Tenant, p *registry.Plugin) { p.Canary, p.Percent = 1, 101 },
		"a number that is given twice":       func(t *registry.Tenant, p *registry.Plugin) { p.Versions[1].Seq = 1 },
		"numbers that descend":               func(t *registry.Tenant, p *registry.Plugin) { slices.Reverse(p.Versions) },
		"the number 0":                       func(t *registry.Tenant, p *registry.Plugin) { p.Versions[0].Seq = 0 },
		"a number beyond the last":           func(t *registry.Tenant, p *registry.Plugin) { p.Last = 1 },
		"a version without a module":         func(t *registry.Tenant, p *registry.Plugin) { p.Versions[0].Digest = registry.Digest{} },
		"too long a history": func(t *registry.Tenant, p *registry.Plugin) {
			p.Deploys = slices.Repeat([]registry.Deploy{{Seq: 1}}, registry.MaxDeploys+1)
		},
	} {
		_, err := s.store.Update(s.ctx, "acme", setting(func(t *registry.Tenant) { edit(t, &t.Plugins[0]) }))
		s.want(what, err, registry.ErrInvalid)
		_, err = s.store.Create(s.ctx, func() registry.Tenant {
			t := registry.Tenant{Name: "new", Plugins: []registry.Plugin{{Name: "food", Last: 2, Versions: []registry.Version{{Seq: 1, Digest: d}, {Seq: 2, Digest: d}}}}}
			edit(&t, &t.Plugins[0])
			return t
		}(), registry.Entry{})
		s.want("a new tenant with "+what, err, registry.ErrInvalid)
	}
	s.same("after changes that were refused", s.tenant("acme"), want)
	s.want("an entry without an action", s.store.Append(s.ctx, registry.Entry{}), registry.ErrInvalid)
	s.want("an entry of no name", s.store.Append(s.ctx, registry.Entry{Tenant: "a/b", Action: "x"}), registry.ErrInvalid)
}

func (s *suite) sizes() {
	s.create("acme")
	large := strings.Repeat("x", registry.MaxRecord-registry.SpareRecord-1000)
	s.update("acme", setting(func(t *registry.Tenant) { t.Hosts = []string{large} }))
	_, err := s.store.Update(s.ctx, "acme", setting(func(t *registry.Tenant) { t.Hosts = append(t.Hosts, large[:2000]) }))
	s.want("a record that leaves nothing to spare", err, registry.ErrTooLarge)
	_, err = s.store.Create(s.ctx, registry.Tenant{Name: "other", Hosts: []string{large + large[:2000]}}, registry.Entry{})
	s.want("a new record that leaves nothing to spare", err, registry.ErrTooLarge)
	if t := s.tenant("acme"); len(t.Hosts) != 1 || t.Hosts[0] != large {
		s.Error("a record of nearly MaxRecord is not returned")
	}
	_, err = s.store.Update(s.ctx, "acme", registry.Change{Modules: [][]byte{make([]byte, registry.MaxModule+1)}})
	s.want("a module of more than MaxModule", err, registry.ErrTooLarge)
	text := large[:registry.MaxEntry]
	s.want("an entry of more than MaxEntry", s.store.Append(s.ctx, registry.Entry{Action: "x", Detail: text}), registry.ErrTooLarge)
	_, err = s.store.Update(s.ctx, "acme", registry.Change{Entry: registry.Entry{Action: "x", Detail: text}})
	s.want("a change with an entry of more than MaxEntry", err, registry.ErrTooLarge)
	if t := s.tenant("acme"); t.Revision != 2 {
		s.Errorf("a change whose entry was refused has made revision %d", t.Revision)
	}
	s.want("an entry of nearly MaxEntry", s.store.Append(s.ctx, registry.Entry{Action: "x", Detail: text[500:]}), nil)
	s.spare(large)
}

// spare: what is left of a record that somebody has filled is for changes which say so,
// and a record that has used it can be changed as long as it does not grow.
func (s *suite) spare(large string) {
	s.Helper()
	change := setting(func(t *registry.Tenant) { t.Hosts = []string{large, large[:2000]} })
	change.Spare = true
	s.update("acme", change)
	_, err := s.store.Update(s.ctx, "acme", setting(func(t *registry.Tenant) { t.Hosts[1] += "x" }))
	s.want("a record that grows into the spare room", err, registry.ErrTooLarge)
	s.update("acme", setting(func(t *registry.Tenant) { t.Hosts[1] = t.Hosts[1][1:] }))
	change.Apply = func(t *registry.Tenant) error { t.Hosts[1] = large[:registry.SpareRecord+1000]; return nil }
	_, err = s.store.Update(s.ctx, "acme", change)
	s.want("a record of more than MaxRecord", err, registry.ErrTooLarge)
}

func (s *suite) deleted() {
	s.create("acme")
	s.create("other")
	s.update("acme", adding("food", module("a", 10)))
	s.want("Delete", s.store.Delete(s.ctx, "acme", registry.Entry{Action: "delete", By: "me"}), nil)
	_, err := s.store.Tenant(s.ctx, "acme")
	s.want("Tenant after Delete", err, registry.ErrNotFound)
	_, err = s.store.Update(s.ctx, "acme", registry.Change{})
	s.want("Update after Delete", err, registry.ErrNotFound)
	s.want("a second Delete", s.store.Delete(s.ctx, "acme", registry.Entry{}), registry.ErrNotFound)
	if log := s.entries("acme", 0, 0); len(log) != 3 || log[2].Action != "delete" || log[2].By != "me" {
		s.Errorf("the log of a deleted tenant: %+v", log)
	}
	if t := s.create("acme"); t.Revision != 1 || len(t.Plugins) != 0 {
		s.Errorf("a tenant that was deleted and made again is %+v", t)
	}
	s.tenant("other")
}

func (s *suite) tenants() {
	var want []string
	for i := range 150 {
		want = append(want, fmt.Sprintf("t%d", i*7919%150))
		s.create(want[i])
	}
	slices.Sort(want)
	var got []string
	for t, err := range s.store.Tenants(s.ctx) {
		s.want("Tenants", err, nil)
		got = append(got, t.Name)
		s.within("a change within the loop over all tenants", func() {
			_, err := s.store.Update(s.ctx, t.Name, setting(func(t *registry.Tenant) { t.Suspended = true }))
			if err != nil {
				s.Errorf("a change within the loop over all tenants: %v", err)
			}
		})
	}
	if !slices.Equal(got, want) {
		s.Errorf("Tenants yielded %v, want %v", got, want)
	}
	for t, err := range s.store.Tenants(s.ctx) {
		s.want("Tenants", err, nil)
		s.same("Tenants yielded", t, s.tenant(t.Name))
		if !t.Suspended || t.Revision != 2 {
			s.Errorf("Tenants yielded %+v", t)
		}
		if t.Name == want[3] {
			break
		}
	}
}

func (s *suite) contextDone() {
	s.create("acme")
	want := s.tenant("acme")
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	m := module("a", 10)
	_, err := s.store.Create(ctx, registry.Tenant{Name: "b"}, registry.Entry{})
	s.want("Create", err, context.Canceled)
	_, err = s.store.Update(ctx, "acme", adding("food", m))
	s.want("Update", err, context.Canceled)
	s.want("Delete", s.store.Delete(ctx, "acme", registry.Entry{}), context.Canceled)
	s.want("Append", s.store.Append(ctx, registry.Entry{Action: "x"}), context.Canceled)
	_, err = s.store.Tenant(ctx, "acme")
	s.want("Tenant", err, context.Canceled)
	for _, err := range s.store.Tenants(ctx) {
		s.want("Tenants", err, context.Canceled)
	}
	s.same("after calls whose context was done", s.tenant("acme"), want)
	s.impatient()
	if n := len(s.entries("", 0, 0)); n != 1 || s.has(m) {
		s.Errorf("calls whose context was done have written: %d entries", n)
	}
}

// impatient gives up a change that waits for another one of the same tenant, or comes
// behind it.
func (s *suite) impatient() {
	entered, resume, ended := make(chan struct{}), make(chan struct{}), make(chan error, 2)
	var once sync.Once
	go func() {
		_, err := s.store.Update(s.ctx, "acme", setting(func(*registry.Tenant) {
			once.Do(func() { close(entered) })
			<-resume
		}))
		ended <- err
	}()
	s.await("Apply", entered)
	defer func() {
		close(resume)
		if err := <-ended; err != nil {
			s.Errorf("a change that another one waited for: %v", err)
		}
	}()
	ctx, cancel := context.WithCancel(s.ctx)
	go func() {
		_, err := s.store.Update(ctx, "acme", registry.Change{})
		ended <- err
	}()
	cancel()
	s.within("a change that is given up", func() {
		// It may have been stored first.
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			s.Errorf("a change that was given up: %v", err)
		}
	})
}
